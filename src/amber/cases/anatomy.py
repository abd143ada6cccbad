"""What a fitted model is made of, found by its attributes: stages, trees, stored training rows, what a call costs.

Nothing here imports a framework, and nothing here decides a verdict: a part that is not recognised is treated as
inexact and opaque, which costs evidence, never correctness.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

MAX_PARTS = 50_000
# Attributes in which fitted estimators keep rows of their training data. Documented in spec/cases.md.
TRAINING_ROWS = (
    "_fit_X",
    "_X_fit",
    "X_fit_",
    "X_train_",
    "X_",
    "support_vectors_",
    "_tree",
    "_raw_data",
    "component_indices_",
    "core_sample_indices_",
    "cluster_centers_indices_",
)
# Selection, cast, imputation and elementwise + - * /: the same bits from every kernel, and for every batch.
EXACT_TRANSFORMERS = frozenset(
    [
        "StandardScaler",
        "MinMaxScaler",
        "MaxAbsScaler",
        "RobustScaler",
        "Binarizer",
        "SimpleImputer",
        "MissingIndicator",
        "OneHotEncoder",
        "OrdinalEncoder",
        "TargetEncoder",
        "LabelEncoder",
        "LabelBinarizer",
        "MultiLabelBinarizer",
        "KBinsDiscretizer",
        "PolynomialFeatures",
        "VarianceThreshold",
        "SelectKBest",
        "SelectPercentile",
        "SelectFpr",
        "SelectFdr",
        "SelectFwe",
        "GenericUnivariateSelect",
        "SelectFromModel",
        "RFE",
        "RFECV",
        "SequentialFeatureSelector",
        "CountVectorizer",
        "DictVectorizer",
        "FeatureHasher",
    ]
)
# Estimators whose answer is a smooth function of what their parts decide.
_WRAPPERS = frozenset(
    [
        "RandomForestClassifier",
        "RandomForestRegressor",
        "ExtraTreesClassifier",
        "ExtraTreesRegressor",
        "RandomTreesEmbedding",
        "GradientBoostingClassifier",
        "GradientBoostingRegressor",
        "IsolationForest",
        "BaggingClassifier",
        "BaggingRegressor",
        "AdaBoostClassifier",
        "AdaBoostRegressor",
        "VotingClassifier",
        "VotingRegressor",
        "OneVsRestClassifier",
        "OneVsOneClassifier",
        "MultiOutputClassifier",
        "MultiOutputRegressor",
        "ClassifierChain",
        "RegressorChain",
        "CalibratedClassifierCV",
        "FrozenEstimator",
        "FixedThresholdClassifier",
        "TunedThresholdClassifierCV",
    ]
)


_FOREIGN = ("pandas.", "scipy.", "numpy.")


@dataclass(frozen=True, slots=True)
class Stage:
    """One inner step: where it stands, the fitted transformer, and whether it computes exactly."""

    path: str
    step: Any
    exact: bool


@dataclass(frozen=True, slots=True)
class Chain:
    """A model as stages that transform and a last part that answers; `last` is None when the last step passes on."""

    stages: tuple[Stage, ...]
    last: Any
    path: str

    @property
    def exact_way(self) -> bool:
        """Whether the last part sees exact functions of the raw columns."""
        return all(stage.exact for stage in self.stages)


def attribute(part: Any, name: str) -> Any:
    """Return a fitted attribute or None; properties that raise count as absent."""
    try:
        return getattr(part, name, None)
    except Exception:
        return None


def is_pipeline(part: Any) -> bool:
    """Whether a part has named steps of which all but the last transform."""
    steps = attribute(part, "steps")
    return isinstance(steps, list) and attribute(part, "named_steps") is not None


def chain_of(model: Any) -> Chain:
    """Return the stages of a model, looking through pipelines and searches."""
    stages: list[Stage] = []
    prefix = ""
    while True:
        best = attribute(model, "best_estimator_")
        if best is not None:
            model, prefix = best, f"{prefix}best_estimator_."
        elif is_pipeline(model) and model.steps:
            for position, (_, step) in enumerate(model.steps[:-1]):
                if passes_on(step):
                    continue
                stages.append(Stage(f"{prefix}steps[{position}]", step, is_exact(step)))
            prefix = f"{prefix}steps[{len(model.steps) - 1}]."
            model = model.steps[-1][1]
            if passes_on(model):
                return Chain(tuple(stages), None, prefix.rstrip("."))
        else:
            return Chain(tuple(stages), model, prefix.rstrip("."))


def passes_on(step: Any) -> bool:
    """Whether a step of a pipeline or a column transformer does nothing."""
    return step is None or (isinstance(step, str) and step in ("passthrough", "drop"))


def is_exact(step: Any) -> bool:
    """Whether a transformer's output is the same in every bit whatever kernel, batch or thread computes it."""
    if passes_on(step):
        return True
    if is_pipeline(step):
        return all(is_exact(inner) for _, inner in step.steps)
    parts = inner_transformers(step)
    if parts is not None:
        return all(is_exact(part) for _, part, _ in parts)
    name = type(step).__name__
    if name == "FunctionTransformer":
        return attribute(step, "func") is None
    ours = type(step).__module__.startswith("sklearn.")
    return ours and name in EXACT_TRANSFORMERS


def inner_transformers(step: Any) -> list[tuple[str, Any, Any]] | None:
    """Return (path, fitted transformer, columns) of a column transformer or a feature union; None for others."""
    fitted = attribute(step, "transformers_")
    if isinstance(fitted, list) and fitted and all(isinstance(t, tuple) and len(t) == 3 for t in fitted):
        return [(f"transformers[{n}]", part, columns) for n, (_, part, columns) in enumerate(fitted)]
    union = attribute(step, "transformer_list")
    if isinstance(union, list) and union:
        return [(f"transformer_list[{n}]", part, None) for n, (_, part) in enumerate(union)]
    return None


def walk(model: Any) -> Iterator[Any]:
    """Yield the model and every estimator inside it, each once, outer before inner."""
    seen: set[int] = set()
    queue = [model]
    for part in queue:
        if id(part) in seen or len(seen) > MAX_PARTS:
            continue
        seen.add(id(part))
        yield part
        for value in fields(part).values():
            queue.extend(_estimators_in(value, 0))


def fields(part: Any) -> dict[str, Any]:
    """Return the instance attributes of a part."""
    found = getattr(part, "__dict__", None)
    return found if isinstance(found, dict) else {}


def _estimators_in(value: Any, depth: int) -> Iterator[Any]:
    if isinstance(value, str | bytes | int | float | type) or value is None or depth > 3:
        return
    if isinstance(value, list | tuple):
        for item in value:
            yield from _estimators_in(item, depth + 1)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _estimators_in(item, depth + 1)
    elif isinstance(value, np.ndarray):
        if value.dtype == object:
            for item in value.ravel().tolist():
                yield from _estimators_in(item, depth + 1)
    elif hasattr(value, "__dict__") and not callable(value) and not type(value).__module__.startswith(_FOREIGN):
        yield value


def trees_in(part: Any) -> Any:
    """Return the native tree of a part that is a decision tree, or None."""
    tree = attribute(part, "tree_")
    return tree if tree is not None and hasattr(tree, "children_left") and hasattr(tree, "threshold") else None


def predictors_in(part: Any) -> list[Any]:
    """Return the predictors of a histogram-boosting part (each has `nodes`), or an empty list."""
    rounds = attribute(part, "_predictors")
    if not isinstance(rounds, list):
        return []
    return [p for one in rounds if isinstance(one, list | tuple) for p in one if hasattr(p, "nodes")]


def boosted_in(part: Any) -> Any:
    """Return the booster of an estimator of XGBoost or LightGBM whose answers are sums of leaves, or None."""
    if type(part).__module__.partition(".")[0] not in ("xgboost", "lightgbm"):
        return None
    if attribute(part, "booster") == "gblinear" or attribute(part, "linear_tree"):
        return None
    return fields(part).get("_Booster")


def _boosted_trees(part: Any) -> int:
    """How many trees the booster of a part has."""
    booster = boosted_in(part)
    if booster is None:
        return 0
    if hasattr(booster, "num_trees"):
        return int(booster.num_trees())
    classes = attribute(part, "n_classes_")
    return int(booster.num_boosted_rounds()) * (classes if isinstance(classes, int) and classes > 2 else 1)


def decides_exactly(part: Any) -> bool:
    """Whether what a model decides on are comparisons with stored thresholds (trees and ensembles of trees)."""
    if part is None or trees_in(part) is not None or predictors_in(part) or boosted_in(part) is not None:
        return True
    if type(part).__name__.startswith("Dummy"):
        return True
    if type(part).__name__ not in _WRAPPERS:
        return False
    inner = [value for name in ("estimators_", "estimator_", "estimator", "calibrated_classifiers_")
             for value in _estimators_in(attribute(part, name), 0)]  # fmt: skip
    inner = [attribute(one, "estimator") if type(one).__name__ == "_CalibratedClassifier" else one for one in inner]
    fitted = [one for one in inner if attribute(one, "n_features_in_") is not None]
    return bool(fitted) and all(_decides_behind_exact_steps(one) for one in fitted)


def _decides_behind_exact_steps(part: Any) -> bool:
    if not is_pipeline(part):
        return decides_exactly(part)
    chain = chain_of(part)
    return chain.exact_way and decides_exactly(chain.last)


def holds_training_rows(parts: list[Any]) -> bool:
    """Whether a fitted model keeps rows of its training data by nature (neighbours, SVM, Gaussian processes ...)."""
    for part in parts:
        known = fields(part)
        if any(known.get(name) is not None for name in TRAINING_ROWS):
            return True
        tree = known.get("tree_")
        if tree is not None and hasattr(tree, "query"):  # KernelDensity keeps its rows in a KDTree
            return True
    return False


def call_cost(parts: list[Any]) -> tuple[int, int]:
    """Return what one call costs, in nominal microseconds: fixed, and for each row.

    Only deterministic facts of the model count, never a clock: the budget that follows from it shapes the bytes.
    """
    fixed, row = 200, 0
    for part in parts:
        tree = trees_in(part)
        if tree is not None:
            fixed, row = fixed + 130, row + 1
        nodes = predictors_in(part)
        if nodes:
            fixed, row = fixed + 10 * len(nodes), row + 1 + len(nodes) // 5
        boosted = _boosted_trees(part)
        if boosted:
            fixed, row = fixed + 500, row + 1 + boosted // 20
        for name in ("_fit_X", "X_train_", "support_vectors_", "X_fit_"):
            shape: tuple[int, ...] = getattr(fields(part).get(name), "shape", ())
            if len(shape) == 2:
                row += int(shape[0]) * (int(shape[1]) + 4) // 1000
        if attribute(part, "transform") is not None or attribute(part, "predict") is not None:
            fixed += 150
        if inner_transformers(part) is not None:
            fixed += 2500
    return fixed, row
