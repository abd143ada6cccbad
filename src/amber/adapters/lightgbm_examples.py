"""Small fitted LightGBM models for the contract suite: every kind of boosting, missing values, categories, leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def table() -> tuple[Any, Any]:
    """Return 120 rows with a column of categories and missing values, and three classes."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(120, 4))
    X[:, 3] = rng.integers(0, 40, 120)
    X[rng.random((120, 4)) < 0.08] = np.nan
    y = (np.nan_to_num(X[:, 0]) > 0).astype(int) + np.isin(X[:, 3] % 5, [1.0, 4.0])
    return X, y


def examples() -> list[tuple[str, Callable[[], Any]]]:
    """Return (name, make) pairs."""
    import lightgbm

    X, y = table()
    two, value = (y > 0).astype(int), np.nan_to_num(X[:, 0]) * 2 + y
    small: Any = {"n_estimators": 4, "num_leaves": 6, "min_child_samples": 5, "n_jobs": 1, "verbose": -1}
    sets: Any = {"min_data_per_group": 1, "cat_smooth": 1.0, "max_cat_to_onehot": 1}

    def regressor(**more: Any) -> Callable[[], Any]:
        return lambda: lightgbm.LGBMRegressor(**{**small, **more}).fit(X, np.abs(value) + 0.1)

    def alone() -> Any:
        return lightgbm.train({"num_leaves": 5, "verbose": -1, "num_threads": 1}, lightgbm.Dataset(X, value), 3)

    def stopped() -> Any:
        model = lightgbm.LGBMClassifier(**{**small, "n_estimators": 40})
        stop = lightgbm.early_stopping(2, verbose=False)
        return model.fit(X[:80], two[:80], eval_X=X[80:], eval_y=two[80:], callbacks=[stop])

    return [
        ("binary", lambda: lightgbm.LGBMClassifier(**small).fit(X, two)),
        ("several-classes", lambda: lightgbm.LGBMClassifier(**small).fit(X, np.array(["a", "b", "c"])[y])),
        ("one-against-all", lambda: lightgbm.LGBMClassifier(objective="multiclassova", **small).fit(X, y)),
        (
            "categories",
            lambda: lightgbm.LGBMClassifier(**small, **sets).fit(X, two, categorical_feature=[3]),
        ),
        ("early-stopping", stopped),
        ("l2", regressor()),
        ("square-root", regressor(reg_sqrt=True)),
        ("dart", regressor(boosting_type="dart")),
        ("forest", regressor(boosting_type="rf", subsample=0.6, subsample_freq=1)),
        ("poisson", regressor(objective="poisson")),
        ("gamma", regressor(objective="gamma")),
        ("linear-leaves", regressor(linear_tree=True)),
        ("zero-as-missing", regressor(zero_as_missing=True)),
        ("one-leaf", lambda: lightgbm.LGBMRegressor(**small).fit(X, np.full(120, 2.5))),
        ("ranker", lambda: lightgbm.LGBMRanker(**small).fit(X, two, group=[60, 60])),
        ("booster", alone),
    ]
