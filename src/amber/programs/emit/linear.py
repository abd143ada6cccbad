"""Linear models: rows times coefficients plus intercept, and what each family makes of that score."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from amber.programs.emit.decide import (
    by_maximum,
    by_sign,
    dense,
    finite,
    indicators,
    normalised,
    one_label,
    pair,
    with_logs,
)
from amber.programs.emit.flow import Answer, Context, Methods, emits, scores
from amber.programs.emit.graph import Tensor, Unsupported
from amber.programs.emit.values import Value
from amber.programs.emit.view import View

_M = "sklearn.linear_model."


def affine(X: Value, coef: Any, intercept: Any, c: Context) -> Tensor:
    """Return X @ coef.T + intercept: [N] for coefficients [d], [N, k] for [k, d]."""
    weights = dense(coef)
    score = c.product(X, np.atleast_2d(weights).T)
    score = c.graph.squeeze(score) if weights.ndim == 1 else score
    offset = np.asarray(intercept)
    return score + (offset.reshape(()) if weights.ndim == 1 and offset.size == 1 else offset)


@emits(
    *(
        _M + name
        for name in (
            "ARDRegression", "BayesianRidge", "ElasticNet", "ElasticNetCV", "HuberRegressor", "Lars", "LarsCV",
            "Lasso", "LassoCV", "LassoLars", "LassoLarsCV", "LassoLarsIC", "LinearRegression", "MultiTaskElasticNet",
            "MultiTaskElasticNetCV", "MultiTaskLasso", "MultiTaskLassoCV", "OrthogonalMatchingPursuit",
            "OrthogonalMatchingPursuitCV", "QuantileRegressor", "Ridge", "RidgeCV", "TheilSenRegressor",
        )
    ),
    "sklearn.svm.LinearSVR",
)  # fmt: skip
def regressor(e: View, X: Value, c: Context) -> Methods:
    """The score is the prediction."""
    X = finite(X, c)
    return {"predict": lambda: scores(affine(X, e["coef_"], e["intercept_"], c))}


@emits(_M + "SGDRegressor", _M + "PassiveAggressiveRegressor")
def sgd_regressor(e: View, X: Value, c: Context) -> Methods:
    """As any regressor, always one output."""
    X = finite(X, c)
    return {"predict": lambda: scores(affine(X, np.ravel(dense(e["coef_"])), e["intercept_"], c))}


@emits(_M + "PoissonRegressor", _M + "GammaRegressor", _M + "TweedieRegressor")
def generalised(e: View, X: Value, c: Context) -> Methods:
    """The exponential of the score, or the score itself, by the link."""
    X = finite(X, c)
    link = e.get("link", "log")
    if link == "auto":
        link = "identity" if e["power"] <= 0 else "log"
    if link not in ("identity", "log"):
        raise Unsupported(f"link {link!r}")

    def predict() -> Answer:
        score = affine(X, e["coef_"], e["intercept_"], c)
        return scores(score if link == "identity" else c.graph.op("Exp", score))

    return {"predict": predict}


@emits(_M + "RANSACRegressor")
def ransac(e: View, X: Value, c: Context) -> Methods:
    """The regressor fitted on the inliers answers."""
    return {"predict": lambda: c.ask(e["estimator_"], "predict", X)}


def decision(e: View, X: Value, c: Context) -> Tensor:
    """Return the decision function of a linear classifier: [N] for two classes, [N, k] for more."""
    coef = dense(e["coef_"])
    return affine(X, coef[0] if coef.ndim == 2 and len(coef) == 1 else coef, e["intercept_"], c)


def classified(e: View, X: Value, c: Context) -> Methods:
    """The methods of every linear classifier."""
    coef = dense(e["coef_"])
    flat = coef.ndim == 1 or len(coef) == 1
    score = functools.cache(lambda: decision(e, X, c))
    return {
        "decision_function": lambda: scores(score()),
        "predict": lambda: (by_sign if flat else by_maximum)(score(), e["classes_"]),
    }


def ovr_probabilities(score: Tensor, classes: int) -> Tensor:
    """Return each class's sigmoid, normalised over the classes; two classes share one score [N]."""
    p = score.graph.sigmoid(score)
    return pair(p) if classes <= 2 else normalised(p, classes)


@emits(_M + "Perceptron", _M + "PassiveAggressiveClassifier", "sklearn.svm.LinearSVC")
def classifier(e: View, X: Value, c: Context) -> Methods:
    """A classifier without probabilities."""
    return classified(e, finite(X, c), c)


@emits(_M + "RidgeClassifier", _M + "RidgeClassifierCV")
def ridge_classifier(e: View, X: Value, c: Context) -> Methods:
    """Several labels at once where it was fitted on an indicator matrix."""
    X = finite(X, c)
    methods = classified(e, X, c)
    if not e["_label_binarizer"]["y_type_"].startswith("multilabel"):
        return methods
    coef, intercept = np.atleast_2d(dense(e["coef_"])), e["intercept_"]
    if len(coef) == 1:
        raise Unsupported("an indicator matrix of one column")
    methods["predict"] = lambda: indicators(affine(X, coef, intercept, c) > 0.0, len(coef))
    return methods


@emits(_M + "LogisticRegression", _M + "LogisticRegressionCV")
def logistic(e: View, X: Value, c: Context) -> Methods:
    """Softmax over more than two classes; the sigmoid for two, and for each where it was fitted one versus the rest."""
    X, g = finite(X, c), c.graph
    methods, count = classified(e, X, c), len(e["classes_"])
    asked = e.get("multi_class", "auto")
    separate = asked == "ovr" or (asked != "multinomial" and (count <= 2 or e["solver"] == "liblinear"))

    def proba() -> Answer:
        score = decision(e, X, c)
        if separate:
            return scores(ovr_probabilities(score, count))
        return scores(g.softmax(g.concat([g.expand(-score), g.expand(score)]) if count <= 2 else score))

    return with_logs({**methods, "predict_proba": proba}, c)


@emits(_M + "SGDClassifier")
def sgd_classifier(e: View, X: Value, c: Context) -> Methods:
    """Probabilities of two losses only; the others have no such method."""
    X, g = finite(X, c), c.graph
    methods, count, loss = classified(e, X, c), len(e["classes_"]), e["loss"]

    def proba() -> Answer:
        score = decision(e, X, c)
        if loss == "log_loss":
            return scores(ovr_probabilities(score, count))
        p = (g.op("Clip", score, g.const(-1.0), g.const(1.0)) + 1.0) / 2.0
        return scores(pair(p) if count == 2 else normalised(p, count))

    if loss in ("log_loss", "modified_huber"):
        methods = with_logs({**methods, "predict_proba": proba}, c)
    return methods


@emits(_M + "SGDOneClassSVM")
def one_class(e: View, X: Value, c: Context) -> Methods:
    """1 where the score reaches the offset, else -1."""
    X = finite(X, c)
    coef, offset = np.ravel(dense(e["coef_"])), np.ravel(e["offset_"])[0]
    score = functools.cache(lambda: affine(X, coef, -offset, c))
    return {
        "decision_function": lambda: scores(score()),
        "score_samples": lambda: scores(score() + float(offset)),
        "predict": lambda: one_label(score() >= 0.0, np.array([-1, 1], dtype=np.int32)),
    }
