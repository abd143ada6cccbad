"""Partial least squares and its kin: centred, scaled, rotated."""

from __future__ import annotations

import numpy as np

from amber.programs.emit.flow import Answer, Context, Methods, emits, inverts, scores
from amber.programs.emit.values import Matrix, Value
from amber.programs.emit.view import View

_KINDS = ["sklearn.cross_decomposition." + name for name in ("PLSRegression", "PLSCanonical", "CCA")]


@emits(*_KINDS)
def least_squares(e: View, X: Value, c: Context) -> Methods:
    """Prediction takes the columns centred, but not scaled; the projection takes both."""
    x = c.require(c.matrix(X))
    mean, std = np.asarray(e["_x_mean"]), np.asarray(e["_x_std"])

    def predict() -> Answer:
        score = (x.tensor - mean) @ np.asarray(e["coef_"]).T + np.asarray(e["intercept_"])
        return scores(c.graph.squeeze(score) if e.get("_predict_1d", False) else score)

    def transform() -> Answer:
        rotations = np.asarray(e["x_rotations_"])
        return Matrix(((x.tensor - mean) / std) @ rotations, rotations.shape[1])

    return {"predict": predict, "transform": transform}


@emits("sklearn.cross_decomposition.PLSSVD")
def singular(e: View, X: Value, c: Context) -> Methods:
    """The projection alone."""
    x = c.require(c.matrix(X))
    weights = np.asarray(e["x_weights_"])
    scaled = (x.tensor - np.asarray(e["_x_mean"])) / np.asarray(e["_x_std"])
    return {"transform": lambda: Matrix(scaled @ weights, weights.shape[1])}


@inverts(*_KINDS)
def least_squares_inverse(e: View, X: Matrix, c: Context) -> Value:
    """Loadings, scale, mean."""
    c.require(X)
    loadings = np.asarray(e["x_loadings_"])
    return Matrix((X.tensor @ loadings.T) * np.asarray(e["_x_std"]) + np.asarray(e["_x_mean"]), len(loadings))
