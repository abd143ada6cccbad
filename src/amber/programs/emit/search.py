"""Estimators that hand every question to another one they hold: searches, thresholds, frozen and self-trained ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from amber.programs.emit.decide import one_label
from amber.programs.emit.flow import Answer, Context, Labels, Methods, Scores, Terms, emits, inverts, scores
from amber.programs.emit.graph import Tensor, Unsupported
from amber.programs.emit.values import Matrix, Value
from amber.programs.emit.view import View

_M = "sklearn.model_selection."
_SEARCHES = [_M + name + "SearchCV" for name in ("Grid", "Randomized", "HalvingGrid", "HalvingRandom")]
_SEARCHED = frozenset(
    ["predict", "predict_proba", "predict_log_proba", "decision_function", "score_samples", "transform"]
)

# What `pos_label` is by default, of the metrics a threshold can be tuned by.
_FIRST_OF_ONE = frozenset(
    f"sklearn.metrics.{name}_score" for name in ("f1", "fbeta", "precision", "recall", "jaccard", "average_precision")
)
_NO_LABEL = frozenset(
    "sklearn.metrics." + name
    for name in (
        "accuracy_score", "balanced_accuracy_score", "brier_score_loss", "cohen_kappa_score", "log_loss",
        "matthews_corrcoef", "roc_auc_score",
    )
)  # fmt: skip


def _best(e: View) -> Any:
    if "best_estimator_" not in e:
        raise Unsupported(f"{e.name} without a best estimator (refit=False)")
    return e["best_estimator_"]


@emits(*_SEARCHES)
def search(e: View, X: Value, c: Context) -> Methods:
    """The best estimator answers."""
    return {name: each for name, each in c.methods(_best(e), X).items() if name in _SEARCHED}


@inverts(*_SEARCHES)
def search_inverse(e: View, X: Matrix, c: Context) -> Answer:
    """The best estimator undoes what it did."""
    return c.inverse(_best(e), X)


@emits("sklearn.frozen.FrozenEstimator")
def frozen(e: View, X: Value, c: Context) -> Methods:
    """The estimator inside answers."""
    return dict(c.methods(e["estimator"], X))


@inverts("sklearn.frozen.FrozenEstimator")
def frozen_inverse(e: View, X: Matrix, c: Context) -> Answer:
    """The estimator inside undoes what it did."""
    return c.inverse(e["estimator"], X)


@emits("sklearn.semi_supervised.SelfTrainingClassifier")
def self_training(e: View, X: Value, c: Context) -> Methods:
    """The estimator of the last round answers."""
    asked = ("predict", "predict_proba", "predict_log_proba", "decision_function")
    return {name: each for name, each in c.methods(e["estimator_"], X).items() if name in asked}


@emits(_M + "FixedThresholdClassifier", _M + "TunedThresholdClassifierCV")
def threshold(e: View, X: Value, c: Context) -> Methods:
    """The second class (or the one that counts as positive) where its score reaches a threshold."""
    inner = e.get("estimator_", e["estimator"])
    given = c.methods(inner, X)
    tuned = e.type.endswith("TunedThresholdClassifierCV")

    def predict() -> Answer:
        classes = np.asarray(_classes(inner))
        method = e["response_method"]
        if method == "auto":
            method = "predict_proba" if "predict_proba" in given else "decision_function"
        label = _positive_label(e["_curve_scorer"]) if tuned else e["pos_label"]
        place = 1 if label is None else classes.tolist().index(label)
        score: Tensor = c.score(inner, method, X)
        if method == "predict_proba":
            score = c.graph.column(score, place)
        elif place == 0:
            score = -score
        edge = e["best_threshold_"] if tuned else e["threshold"]
        if edge == "auto":
            edge = 0.5 if method == "predict_proba" else 0.0
        reached = (score >= float(edge)).cast("int64")
        return one_label(reached if place == 1 else 1 - reached, classes)

    found: Methods = {"predict": predict}
    for name in ("predict_proba", "predict_log_proba", "decision_function"):
        if name in given:
            found[name] = given[name]
    return found


def _positive_label(scorer: View) -> Any:
    """Return the class a scorer of a tuned threshold counts as positive; None for the second.

    Raises:
        Unsupported: Its function has a default of its own.
    """
    if "pos_label" in scorer["_kwargs"]:
        return scorer["_kwargs"]["pos_label"]
    name = str(scorer["_score_func"])
    if name in _FIRST_OF_ONE:
        return 1
    if name in _NO_LABEL:
        return None
    raise Unsupported(f"a threshold tuned by {name}")


def _classes(e: Any) -> Any:
    """Return the classes of an estimator that may hold another one.

    Raises:
        Unsupported: It has none.
    """
    if "classes_" in e:
        return e["classes_"]
    if e.type == "sklearn.pipeline.Pipeline":
        return _classes(e["steps"][-1][1])
    for name in ("best_estimator_", "estimator_", "estimator"):
        if isinstance(e.get(name), View):
            return _classes(e[name])
    raise Unsupported(f"{e.name} without classes")


@emits("sklearn.compose.TransformedTargetRegressor")
def transformed_target(e: View, X: Value, c: Context) -> Methods:
    """What the regressor predicts, with the transformation of the target undone."""

    def predict() -> Answer:
        flat, width = int(e["_training_dim"]) == 1, _width(e["transformer_"])
        score = c.graph.op("Reshape", c.score(e["regressor_"], "predict", X), c.graph.const([-1, width]))
        answer = c.inverse(e["transformer_"], Matrix(score, width))
        if isinstance(answer, Labels | Scores | Terms):
            raise Unsupported("a transformation of the target that gives no table back")
        undone = c.matrix(answer)
        return scores(c.graph.squeeze(undone.tensor) if flat and undone.width == 1 else undone.tensor)

    return {"predict": predict}


def _width(transformer: View) -> int:
    """Return how many columns a transformer was fitted on."""
    while transformer.type == "sklearn.pipeline.Pipeline":
        transformer = transformer["steps"][0][1]
    return int(transformer.get("n_features_in_", 1))
