"""Linear and quadratic discriminant analysis."""

from __future__ import annotations

import functools

import numpy as np

from amber.programs.emit.decide import by_maximum, pair
from amber.programs.emit.flow import Answer, Context, Methods, emits, scores
from amber.programs.emit.graph import Tensor, Unsupported
from amber.programs.emit.linear import classified, decision
from amber.programs.emit.values import Matrix, Value
from amber.programs.emit.view import View

_M = "sklearn.discriminant_analysis."


@emits(_M + "LinearDiscriminantAnalysis")
def linear(e: View, X: Value, c: Context) -> Methods:
    """A linear classifier that also projects."""
    x, g = c.require(c.matrix(X)), c.graph
    two, solver = len(e["classes_"]) == 2, e["solver"]

    @functools.cache
    def proba() -> Tensor:
        score = decision(e, x, c)
        return pair(g.sigmoid(score)) if two else g.softmax(score)

    def log_proba() -> Answer:
        p = proba()
        least = float(np.finfo(p.dtype).smallest_normal)
        return scores(g.op("Log", g.where(p.equal(0.0), least, p)))

    def transform() -> Answer:
        if solver not in ("svd", "eigen"):
            raise Unsupported(f"transform with the solver {solver!r}, which the original refuses")
        whole = np.asarray(e["scalings_"])
        kept = whole[:, : int(e["_max_components"])]
        moved = x.tensor - np.asarray(e["xbar_"]) if solver == "svd" else x.tensor
        return Matrix(moved @ kept, kept.shape[1])

    return {
        **classified(e, x, c),
        "predict_proba": lambda: scores(proba()),
        "predict_log_proba": log_proba,
        "transform": transform,
    }


@emits(_M + "QuadraticDiscriminantAnalysis")
def quadratic(e: View, X: Value, c: Context) -> Methods:
    """The log-posterior of a Gaussian for each class."""
    x, g, classes = c.require(c.matrix(X)).tensor, c.graph, e["classes_"]

    @functools.cache
    def posterior() -> Tensor:
        norms = []
        for mean, rotation, scaling in zip(e["means_"], e["rotations_"], e["scalings_"], strict=True):
            rotated = (x - np.asarray(mean)) @ (rotation * (scaling ** (-0.5)))
            norms.append(g.sum(rotated * rotated, 1, keep=True))
        u = np.array([np.sum(np.log(scaling)) for scaling in e["scalings_"]])
        with np.errstate(divide="ignore"):
            prior = np.log(e["priors_"])
        found: Tensor = -0.5 * (g.concat(norms) + u) + prior
        return found

    @functools.cache
    def log_proba() -> Tensor:
        likelihood = posterior() - g.max(posterior(), 1, keep=True)
        return likelihood - g.op("Log", g.sum(g.op("Exp", likelihood), 1, keep=True))

    def decided() -> Answer:
        if len(classes) != 2:
            return scores(posterior())
        return scores(g.column(posterior(), 1) - g.column(posterior(), 0))

    return {
        "decision_function": decided,
        "predict": lambda: by_maximum(posterior(), classes),
        "predict_log_proba": lambda: scores(log_proba()),
        "predict_proba": lambda: scores(g.op("Exp", log_proba())),
    }
