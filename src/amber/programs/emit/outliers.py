"""Covariances: Mahalanobis distances, and outliers by them."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from amber.programs.emit.decompose import floats
from amber.programs.emit.flow import Answer, Context, Labels, Methods, emits, scores
from amber.programs.emit.graph import Tensor
from amber.programs.emit.values import Value
from amber.programs.emit.view import View

Array = np.ndarray[Any, Any]


@emits(
    "sklearn.covariance.EmpiricalCovariance",
    "sklearn.covariance.GraphicalLasso",
    "sklearn.covariance.GraphicalLassoCV",
    "sklearn.covariance.LedoitWolf",
    "sklearn.covariance.MinCovDet",
    "sklearn.covariance.OAS",
    "sklearn.covariance.ShrunkCovariance",
)
def covariance(e: View, X: Value, c: Context) -> Methods:
    """Squared distances in units of the covariance."""
    return {"mahalanobis": lambda: scores(mahalanobis(e, X, c))}


@emits("sklearn.covariance.EllipticEnvelope")
def elliptic_envelope(e: View, X: Value, c: Context) -> Methods:
    """Rows farther from the centre than a threshold are outliers."""

    @functools.cache
    def distance() -> Tensor:
        return mahalanobis(e, X, c)

    def decision() -> Tensor:
        return -distance() - float(e["offset_"])

    return {
        "mahalanobis": lambda: scores(distance()),
        "score_samples": lambda: scores(-distance()),
        "decision_function": lambda: scores(decision()),
        "predict": lambda: inliers(decision() >= 0.0),
    }


def inliers(condition: Tensor) -> Answer:
    """Return 1 where a condition, bool [N], holds and -1 elsewhere."""
    return Labels(condition.cast("int64"), (np.array([-1, 1]),))


def mahalanobis(e: View, X: Value, c: Context) -> Tensor:
    """Return squared Mahalanobis distances [N]: the square of a root, as the original has it."""
    g = c.graph
    away = c.require(c.matrix(X)).tensor - floats(e["location_"])
    root = g.op("Sqrt", g.sum((away @ g.const(_precision(e).T)) * away, 1))
    return root * root


def _precision(e: View) -> Array:
    if e["store_precision"]:
        return floats(e["precision_"])
    spread = floats(e["covariance_"])
    return floats(np.linalg.pinv(spread, rcond=len(spread) * np.finfo(np.float64).eps, hermitian=True))
