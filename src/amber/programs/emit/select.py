"""Feature selectors: the columns that stay follow from what the fit stored, as the original works it out."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from amber.programs.emit.flow import Context, Methods, emits, inverts
from amber.programs.emit.graph import Unsupported
from amber.programs.emit.importance import importances
from amber.programs.emit.scale import checked
from amber.programs.emit.values import Matrix, Sparse, Value
from amber.programs.emit.view import View

_P = "sklearn.feature_selection."
Support = Callable[[View], Any]


def _scores(e: View) -> Any:
    """Return scores with NaN below all."""
    scores = np.array(e["scores_"], dtype=np.float64)
    scores[np.isnan(scores)] = np.finfo(np.float64).min
    return scores


def k_best(scores: Any, k: Any) -> Any:
    """Select the k highest scores; of equal ones the last."""
    if isinstance(k, str):
        return np.ones(len(scores), bool)
    mask = np.zeros(len(scores), bool)
    if k:
        mask[np.argsort(scores, kind="mergesort")[-int(k) :]] = True
    return mask


def percentile(scores: Any, share: float) -> Any:
    """Select a share of the columns in percent; of equal scores the first."""
    if share == 100:
        return np.ones(len(scores), bool)
    if share == 0:
        return np.zeros(len(scores), bool)
    threshold = np.percentile(scores, 100 - share)
    mask = scores > threshold
    ties = np.flatnonzero(scores == threshold)
    if len(ties):
        mask[ties[: int(len(scores) * share / 100) - mask.sum()]] = True
    return mask


def fdr(values: Any, alpha: float) -> Any:
    """Select by the procedure of Benjamini and Hochberg."""
    number = len(values)
    ordered = np.sort(values)
    chosen = ordered[ordered <= float(alpha) / number * np.arange(1, number + 1)]
    return values <= chosen.max() if chosen.size else np.zeros(number, bool)


def _univariate(e: View) -> Any:
    mode, param = e["mode"], e["param"]
    if mode == "k_best":
        return k_best(_scores(e), param)
    if mode == "percentile":
        return percentile(_scores(e), param)
    values = np.asarray(e["pvalues_"])
    return {"fpr": values < param, "fwe": values < param / len(values), "fdr": fdr(values, param)}[mode]


def _from_model(e: View) -> Any:
    """Select by the importance of columns in a model."""
    model = e.get("estimator_", e["estimator"])
    scores = importances(model, e["importance_getter"], e["norm_order"])
    mask = np.ones(len(scores), bool)
    if e["max_features"] is not None:
        most = e.get("max_features_", e["max_features"])
        if not isinstance(most, int | np.integer):
            raise Unsupported("SelectFromModel with a function for max_features")
        mask[:] = False
        mask[np.argsort(-scores, kind="mergesort")[:most]] = True
    mask[scores < _threshold(model, scores, e["threshold"])] = False
    return mask


def _threshold(model: View, scores: Any, threshold: Any) -> float:
    if threshold is None:
        threshold = 1e-5 if _sparse_model(model) else "mean"
    if not isinstance(threshold, str):
        return float(threshold)
    scale, _, reference = threshold.rpartition("*")
    value = float(np.mean(scores) if reference.strip() == "mean" else np.median(scores))
    return float(scale.strip()) * value if scale else value


def _sparse_model(model: View) -> bool:
    """Whether a model has an L1 penalty, by what scikit-learn looks at."""
    if model.get("penalty") == "l1" or "Lasso" in model.name:
        return True
    single, several = ("ElasticNet", "LogisticRegression"), ("ElasticNetCV", "LogisticRegressionCV")
    name = "l1_ratio" if model.name in single else "l1_ratio_" if model.name in several else ""
    ratio = model.get(name) if name else None
    return ratio is not None and bool(np.all(np.isclose(np.asarray(ratio, np.float64), 1.0)))


SUPPORTS: dict[str, Support] = {
    "SelectKBest": lambda e: k_best(_scores(e), e["k"]),
    "SelectPercentile": lambda e: percentile(_scores(e), e["percentile"]),
    "SelectFpr": lambda e: np.asarray(e["pvalues_"]) < e["alpha"],
    "SelectFwe": lambda e: np.asarray(e["pvalues_"]) < e["alpha"] / len(e["pvalues_"]),
    "SelectFdr": lambda e: fdr(np.asarray(e["pvalues_"]), e["alpha"]),
    "GenericUnivariateSelect": _univariate,
    "VarianceThreshold": lambda e: np.asarray(e["variances_"]) > e["threshold"],
    "RFE": lambda e: np.asarray(e["support_"]),
    "RFECV": lambda e: np.asarray(e["support_"]),
    "SequentialFeatureSelector": lambda e: np.asarray(e["support_"]),
    "SelectFromModel": _from_model,
}
# Takers of missing values; those that take them where what is inside does are apart (`takes_missing`).
_TAKE = (
    "DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor",
    "HistGradientBoostingClassifier", "HistGradientBoostingRegressor", "IsolationForest", "LGBMClassifier",
    "LGBMRegressor", "LGBMRanker", "RandomForestClassifier", "RandomForestRegressor", "RandomTreesEmbedding",
    "VarianceThreshold", "XGBClassifier", "XGBRFClassifier", "XGBRFRegressor", "XGBRegressor",
)  # fmt: skip
_RANDOM_SPLITS = ("ExtraTreeClassifier", "ExtraTreeRegressor")
_LISTS = ("VotingClassifier", "VotingRegressor", "StackingClassifier", "StackingRegressor")
_INNER = ("RFE", "RFECV", "SelectFromModel", "SequentialFeatureSelector", "BaggingClassifier", "BaggingRegressor")


def takes_missing(e: Any) -> bool:
    """Whether the original says that an estimator takes missing values (its tag `allow_nan`)."""
    if not isinstance(e, View):
        return False
    if e.name in _LISTS:
        return all(each[1] == "drop" or takes_missing(each[1]) for each in e["estimators"])
    if e.name in _INNER:
        return takes_missing(e["estimator"]) or (e["estimator"] is None and e.name.startswith("Bagging"))
    return e.name in _TAKE or (e.name in _RANDOM_SPLITS and e["splitter"] == "random")


def _selected(e: View, X: Value, c: Context) -> Value:
    """Return the columns that stay; of sparse entries those of such columns."""
    support = SUPPORTS[e.name](e)
    whole = X if isinstance(X, Sparse) else c.matrix(X)
    if not takes_missing(e):  # which takes infinity too
        whole = checked(whole, c, "finite")
    columns = np.flatnonzero(support)
    if isinstance(whole, Sparse):
        return _selected_entries(whole, columns, c)
    source = None if whole.source is None else tuple(whole.source[i] for i in columns)
    return Matrix(c.graph.columns(whole.tensor, columns), len(columns), source)


def _selected_entries(X: Sparse, columns: Any, c: Context) -> Sparse:
    g, place = c.graph, np.full(X.width, -1)
    place[columns] = np.arange(len(columns))
    column = g.op("Gather", g.const(place), X.column, axis=0)
    stays = column >= 0
    data, column, row = (g.op("Compress", each, stays, axis=0) for each in (X.data, column, X.row))
    return Sparse(data, column, row, X.rows, len(columns))


_IDENTIFIERS = tuple(_P + name for name in SUPPORTS)
_WITH_MODEL = (_P + "RFE", _P + "RFECV")
_ANSWERS = ("predict", "predict_proba", "predict_log_proba", "decision_function")


@emits(*(each for each in _IDENTIFIERS if each not in _WITH_MODEL))
def selector(e: View, X: Value, c: Context) -> Methods:
    """The columns that stay."""
    return {"transform": lambda: _selected(e, X, c)}


@emits(*_WITH_MODEL)
def eliminator(e: View, X: Value, c: Context) -> Methods:
    """The columns that stay, and what the model fitted on them answers."""
    chosen = _selected(e, X, c)
    # what the model on the columns refuses, `transform` takes
    answers = {name: functools.partial(c.ask, e["estimator_"], name, chosen) for name in _ANSWERS}
    return {"transform": lambda: chosen, **answers}


@inverts(*_IDENTIFIERS)
def selector_inverse(e: View, X: Matrix, c: Context) -> Value:
    """The columns at their places; zeros where others were."""
    g, columns = c.graph, np.flatnonzero(SUPPORTS[e.name](e))
    total = len(SUPPORTS[e.name](e))
    if not len(columns):  # the original refuses a table without columns
        nothing = g.sum(X.tensor, 1, keep=True)
        c.refuse(nothing.equal(0.0))
        return Matrix(nothing * np.zeros((1, total)), total)
    given = c.require(X).tensor
    zero = g.columns(given, [0]) * 0.0
    place = np.full(total, len(columns))
    place[columns] = np.arange(len(columns))
    return Matrix(g.columns(g.concat([given, zero]), place), total)
