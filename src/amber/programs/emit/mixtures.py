"""Gaussian mixtures: the densities of the components, weighed."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from amber.programs import plan as plans
from amber.programs.emit.decompose import floats
from amber.programs.emit.flow import Answer, Context, Labels, Methods, emits, scores
from amber.programs.emit.graph import Tensor
from amber.programs.emit.pairwise import row_norms
from amber.programs.emit.values import Matrix, Value
from amber.programs.emit.view import View

Array = np.ndarray[Any, Any]
_LOG = math.log(2 * math.pi)


@emits("sklearn.mixture.GaussianMixture", "sklearn.mixture.BayesianGaussianMixture")
def gaussian_mixture(e: View, X: Value, c: Context) -> Methods:
    """The most likely component, the share of each, the log-likelihood of a row."""
    g = c.graph

    @functools.cache
    def weighted() -> Tensor:
        found = log_gauss(e, c.require(c.matrix(X)), c)
        if e.name == "GaussianMixture":
            with np.errstate(divide="ignore"):
                return found + np.log(floats(e["weights_"]))
        return (found + _bayesian_terms(e)) + _bayesian_weights(e)

    @functools.cache
    def total() -> Tensor:
        """The logarithm of the sum, its greatest terms taken out."""
        found = weighted()
        greatest = g.max(found, 1, keep=True)
        is_greatest = found.equal(greatest)
        count = g.sum(is_greatest.cast(c.graph.precision), 1, keep=True)
        limit = float(np.finfo(g.precision).max)
        shift = g.where(g.op("Abs", greatest) <= limit, greatest, 0.0)
        rest = g.sum(g.where(is_greatest, 0.0, g.op("Exp", found - shift)), 1, keep=True)
        return g.op("Log", 1.0 + rest / count) + g.op("Log", count) + greatest

    def predict() -> Answer:
        found = weighted()
        known = found.equal(found)
        return Labels(g.argmax(g.where(known, found, np.inf)), (np.arange(len(e["means_"])),))

    return {
        "predict": predict,
        "predict_proba": lambda: scores(g.op("Exp", weighted() - total())),
        "score_samples": lambda: scores(g.squeeze(total())),
    }


def log_gauss(e: View, rows: Matrix, c: Context) -> Tensor:
    """Return the log-density of each component, [N, k]."""
    g, X, kind = c.graph, rows.tensor, e["covariance_type"]
    means, cholesky = floats(e["means_"]), floats(e["precisions_cholesky_"])
    features = means.shape[1]
    log_prob: Tensor
    if kind in ("full", "tied"):
        columns = []
        for k, mean in enumerate(means):
            factor = cholesky[k] if kind == "full" else cholesky
            y = X @ g.const(factor) - mean @ factor
            columns.append(g.sum(y * y, 1, keep=True))
        log_prob = g.concat(columns)
    elif kind == "diag":
        precisions = cholesky**2
        square = c.single(X * X) if c.keeps_single(rows) else X * X
        log_prob = ((means**2 * precisions).sum(axis=1) - (X @ g.const((means * precisions).T)) * 2.0) + (
            square @ g.const(precisions.T)
        )
    else:
        precisions = cholesky**2
        products = (X @ g.const(means.T)) * precisions
        log_prob = ((means**2).sum(axis=1) * precisions - products * 2.0) + row_norms(c, X) * precisions[np.newaxis, :]
    shifted = log_prob + features * _LOG
    if kind in ("full", "tied") and c.keeps_single(rows) and c.since("scikit-learn", (1, 7)):
        shifted = _in_dtype(shifted, log_prob, features, rows, c)
    density: Tensor = shifted * -0.5
    return density + _log_determinant(cholesky, kind, features)


def _in_dtype(shifted: Tensor, log_prob: Tensor, features: int, rows: Matrix, c: Context) -> Tensor:
    """Return the shifted sums of squares as the original has them: it writes the sums into a table of the rows' dtype.

    Of float32 rows they are rounded, of integers cut.
    """
    g, python = c.graph, c.since("scikit-learn", (1, 8))  # before, the logarithm was of that dtype, too
    shift = features * (_LOG if python else float(np.float32(_LOG)))
    rounded = (log_prob.cast("float32") + shift).cast("float64")
    found = g.where(c.came_as(plans.SINGLE), rounded, shifted)
    if rows.source is None:
        return found
    cut = g.op("Floor", log_prob) + features * (_LOG if python else 1.0)
    return g.where(c.came_as(plans.INTEGERS), cut, found)


def _log_determinant(cholesky: Array, kind: str, features: int) -> Array:
    if kind == "full":
        return floats(np.log(np.diagonal(cholesky, axis1=1, axis2=2)).sum(axis=1))
    if kind == "tied":
        return floats(np.log(np.diag(cholesky)).sum())
    if kind == "diag":
        return floats(np.log(cholesky).sum(axis=1))
    return floats(features * np.log(cholesky))


def _bayesian_terms(e: View) -> Array:
    """Return what the variational posterior of the precisions adds to the log-density of each component."""
    features = e["means_"].shape[1]
    freedom = floats(e["degrees_of_freedom_"])
    halves = 0.5 * (freedom - np.arange(features)[:, np.newaxis])
    log_lambda = features * np.log(2.0) + digamma(halves).sum(axis=0)
    terms = -0.5 * features * np.log(freedom) + 0.5 * (log_lambda - features / floats(e["mean_precision_"]))
    return floats(terms)


def _bayesian_weights(e: View) -> Array:
    """Return the expected logarithms of the weights."""
    concentration = e["weight_concentration_"]
    if e["weight_concentration_prior_type"] == "dirichlet_process":
        first, second = floats(concentration[0]), floats(concentration[1])
        total = digamma(first + second)
        before = np.concatenate(([0.0], np.cumsum(digamma(second) - total)[:-1]))
        return floats(digamma(first) - total + before)
    whole = floats(concentration)
    return floats(digamma(whole) - digamma(np.array([whole.sum()])))


# Coefficients of the asymptotic series of the digamma function: B_2k / 2k.
_SERIES = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)


def digamma(x: Array) -> Array:
    """Return the digamma function of positive numbers: raised above 12 by its recurrence, then its series."""
    x, found = np.array(x, dtype=np.float64), np.zeros(np.shape(x))
    while (x < 12).any():
        small = x < 12
        found[small] -= 1.0 / x[small]
        x[small] += 1.0
    power = 1.0 / (x * x)
    series = sum(coefficient * power ** (k + 1) for k, coefficient in enumerate(_SERIES))
    return floats(found + np.log(x) - 0.5 / x - series)
