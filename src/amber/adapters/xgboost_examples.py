"""Small fitted XGBoost models for the contract suite: every booster, missing values, categories, several outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def table() -> tuple[Any, Any]:
    """Return 120 rows with a column of categories and missing values, and three classes."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(120, 4))
    X[:, 3] = rng.integers(0, 9, 120)
    X[rng.random((120, 4)) < 0.08] = np.nan
    y = (np.nan_to_num(X[:, 0]) > 0).astype(int) + np.isin(X[:, 3], [1.0, 4.0, 8.0])
    return X, y


def examples() -> list[tuple[str, Callable[[], Any]]]:
    """Return (name, make) pairs."""
    import xgboost

    X, y = table()
    two, value = (y > 0).astype(int), np.nan_to_num(X[:, 0]) * 2 + y
    small: Any = {"n_estimators": 4, "max_depth": 3, "n_jobs": 1}
    sets: Any = {"enable_categorical": True, "feature_types": ["q", "q", "q", "c"], "max_cat_to_onehot": 1}

    def alone() -> Any:
        return xgboost.train({"max_depth": 2, "nthread": 1}, xgboost.DMatrix(X, label=value), 3)

    def stopped() -> Any:
        model = xgboost.XGBClassifier(**{**small, "n_estimators": 40}, early_stopping_rounds=2)
        return model.fit(X[:80], two[:80], eval_set=[(X[80:], two[80:])], verbose=False)

    def regressor(**more: Any) -> Callable[[], Any]:
        return lambda: xgboost.XGBRegressor(**{**small, **more}).fit(X, np.abs(value) + 0.1)

    return [
        ("binary", lambda: xgboost.XGBClassifier(**small).fit(X, two)),
        ("several-classes", lambda: xgboost.XGBClassifier(**small).fit(X, y)),
        ("softmax", lambda: xgboost.XGBClassifier(objective="multi:softmax", **small).fit(X, y)),
        ("categories", lambda: xgboost.XGBClassifier(**small, **sets).fit(X, two)),
        ("early-stopping", stopped),
        ("squared-error", regressor()),
        ("dart", regressor(booster="dart", rate_drop=0.5)),
        ("linear", lambda: xgboost.XGBRegressor(n_estimators=4, n_jobs=1, booster="gblinear").fit(X, value)),
        ("poisson", regressor(objective="count:poisson")),
        ("gamma", regressor(objective="reg:gamma")),
        ("tweedie", regressor(objective="reg:tweedie", tweedie_variance_power=1.3)),
        ("quantiles", regressor(objective="reg:quantileerror", quantile_alpha=[0.1, 0.9])),
        ("exact-pruned", regressor(tree_method="exact", gamma=5.0)),
        ("two-targets", lambda: xgboost.XGBRegressor(**small).fit(X, np.column_stack([value, two]))),
        ("missing-marked", lambda: xgboost.XGBRegressor(missing=-1.0, **small).fit(np.nan_to_num(X, nan=-1.0), value)),
        ("forest", lambda: xgboost.XGBRFClassifier(**small).fit(X, two)),
        ("forest-regressor", lambda: xgboost.XGBRFRegressor(**small).fit(X, value)),
        ("ranker", lambda: xgboost.XGBRanker(**small).fit(X, two, qid=np.repeat([0, 1, 2], 40))),
        ("booster", alone),
    ]
