"""Projections that are one product: random, learned, or a polynomial of such."""

from __future__ import annotations

from typing import Any

import numpy as np

from amber.programs.emit.decide import dense
from amber.programs.emit.decompose import floats, projected
from amber.programs.emit.flow import Answer, Context, Methods, emits, inverts
from amber.programs.emit.graph import Tensor, Unsupported
from amber.programs.emit.values import Matrix, Sparse, Value
from amber.programs.emit.view import View

Array = np.ndarray[Any, Any]


def dense_floats(matrix: Any) -> Array:
    """Return an attribute that may be sparse as float64."""
    return floats(dense(matrix))


@emits("sklearn.random_projection.GaussianRandomProjection", "sklearn.random_projection.SparseRandomProjection")
def random_projection(e: View, X: Value, c: Context) -> Methods:
    """X V."""

    def transform() -> Answer:
        if isinstance(X, Sparse) and not e.get("dense_output", True):
            raise Unsupported("a sparse answer of a random projection")
        components = dense_floats(e["components_"])
        return Matrix(projected(c, X, components), len(components))

    return {"transform": transform}


@inverts("sklearn.random_projection.GaussianRandomProjection", "sklearn.random_projection.SparseRandomProjection")
def random_projection_inverse(e: View, X: Matrix, c: Context) -> Value:
    """X times the pseudo-inverse of the components."""
    if e["compute_inverse_components"]:
        inverse = dense_floats(e["inverse_components_"])
    else:
        inverse = np.linalg.pinv(dense_floats(e["components_"]))
    return Matrix(c.require(X).tensor @ c.graph.const(inverse.T), len(inverse))


@emits("sklearn.neighbors.NeighborhoodComponentsAnalysis")
def neighbourhood_components(e: View, X: Value, c: Context) -> Methods:
    """X V."""
    components = floats(e["components_"])
    return {"transform": lambda: Matrix(projected(c, X, components), len(components))}


@emits("sklearn.kernel_approximation.PolynomialCountSketch")
def polynomial_count_sketch(e: View, X: Value, c: Context) -> Methods:
    """A polynomial of count sketches: a product of their Fourier transforms, transformed back."""

    def transform() -> Answer:
        g = c.graph
        hashes, signs = np.asarray(e["indexHash_"]), np.asarray(e["bitHash_"])
        degree, width = int(e["degree"]), int(e["n_components"])
        bias = float(e["coef0"]) != 0
        x = c.require(c.matrix(X)).tensor * float(np.sqrt(e["gamma"]))
        turn = np.exp(-2j * np.pi * (np.outer(np.arange(width), np.arange(width)) % width) / width)
        real: Tensor | None = None
        imaginary: Tensor | None = None
        for d in range(degree):
            sketch = np.zeros((hashes.shape[1], width))
            sketch[np.arange(hashes.shape[1]), hashes[d]] = signs[d]
            wave = sketch @ turn
            parts = [x @ g.const(part[:-1] if bias else part) for part in (wave.real, wave.imag)]
            if bias:
                added = float(np.sqrt(e["coef0"])) * wave[-1]
                parts = [parts[0] + added.real, parts[1] + added.imag]
            if real is None or imaginary is None:
                real, imaginary = parts
            else:
                real, imaginary = (
                    real * parts[0] - imaginary * parts[1],
                    real * parts[1] + imaginary * parts[0],
                )
        if real is None or imaginary is None:
            raise Unsupported("a polynomial of degree zero")
        back = np.conj(turn) / width
        return Matrix(real @ g.const(back.real) - imaginary @ g.const(back.imag), width)

    return {"transform": transform}
