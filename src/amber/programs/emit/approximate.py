"""Models that are a kernel and a product, and maps that approximate a kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from amber.programs.emit.decide import dense, finite
from amber.programs.emit.flow import Answer, Context, Methods, emits, scores
from amber.programs.emit.graph import Unsupported
from amber.programs.emit.pairwise import fitted_kernel
from amber.programs.emit.values import Matrix, Sparse, Value
from amber.programs.emit.view import View

Array = np.ndarray[Any, Any]


@emits("sklearn.kernel_ridge.KernelRidge")
def kernel_ridge(e: View, X: Value, c: Context) -> Methods:
    """A kernel with the rows of the training set, times the dual coefficients."""

    def predict() -> Answer:
        whole, dual = c.require(c.matrix(X)), np.asarray(e["dual_coef_"], dtype=np.float64)
        found = fitted_kernel(c, e, whole.tensor, np.asarray(dense(e["X_fit_"]), dtype=np.float64), e.get("gamma"))
        if dual.ndim == 1:
            return scores(c.graph.squeeze(found @ c.graph.const(dual[:, np.newaxis])))
        return scores(found @ c.graph.const(dual))

    return {"predict": predict}


@emits("sklearn.kernel_approximation.Nystroem")
def nystroem(e: View, X: Value, c: Context) -> Methods:
    """A kernel with a few rows of the training set, normalised."""

    def transform() -> Answer:
        if e.get("kernel_params"):
            raise Unsupported("parameters of a kernel beside its own")
        whole, basis = c.require(c.matrix(X)), np.asarray(e["normalization_"])
        found = fitted_kernel(c, e, whole.tensor, np.asarray(dense(e["components_"]), dtype=np.float64), e.get("gamma"))
        return Matrix(found @ c.graph.const(basis.T), basis.shape[0])

    return {"transform": transform}


@emits("sklearn.kernel_approximation.RBFSampler")
def rbf_sampler(e: View, X: Value, c: Context) -> Methods:
    """Cosines of random projections."""

    def transform() -> Answer:
        weights = np.asarray(e["random_weights_"])
        angle = c.product(finite(X, c), weights) + np.asarray(e["random_offset_"])[np.newaxis, :]
        return Matrix(c.graph.op("Cos", angle) * (2.0 / weights.shape[1]) ** 0.5, weights.shape[1])

    return {"transform": transform}


@emits("sklearn.kernel_approximation.SkewedChi2Sampler")
def skewed_chi2_sampler(e: View, X: Value, c: Context) -> Methods:
    """Cosines of random projections of logarithms; a value not above -skewedness is refused."""

    def transform() -> Answer:
        whole, skewedness = c.require(c.matrix(X)), float(e["skewedness"])
        c.refuse(whole.tensor <= -skewedness)
        weights = np.asarray(e["random_weights_"])
        angle = c.graph.op("Log", whole.tensor + skewedness) @ c.graph.const(weights)
        angle = angle + np.asarray(e["random_offset_"])[np.newaxis, :]
        return Matrix(c.graph.op("Cos", angle) * float(np.sqrt(2.0) / np.sqrt(weights.shape[1])), weights.shape[1])

    return {"transform": transform}


@emits("sklearn.kernel_approximation.AdditiveChi2Sampler")
def additive_chi2_sampler(e: View, X: Value, c: Context) -> Methods:
    """Cosines and sines of the logarithm of each value, weighted by its root; zero stays zero, negative is refused."""

    def transform() -> Answer:
        if isinstance(X, Sparse):
            raise Unsupported("a sparse answer of AdditiveChi2Sampler")
        g, whole = c.graph, c.require(c.matrix(X))
        x, steps = whole.tensor, int(e["sample_steps"])
        c.refuse(x < 0.0)
        given = e.get("sample_interval_", e.get("sample_interval"))
        interval = float({1: 0.8, 2: 0.5, 3: 0.4}[steps] if given is None else given)
        empty = x.equal(0.0)
        value = g.where(empty, 1.0, x)
        parts = [g.where(empty, 0.0, g.op("Sqrt", value * interval))]
        logarithm, step = g.op("Log", value) * interval, (value * 2.0) * interval
        for j in range(1, steps):
            factor = g.op("Sqrt", step / float(np.cosh(np.pi * j * interval)))
            waves = (g.op(name, logarithm * float(j)) for name in ("Cos", "Sin"))
            parts.extend([g.where(empty, 0.0, factor * wave) for wave in waves])
        return Matrix(g.concat(parts), whole.width * len(parts))

    return {"transform": transform}
