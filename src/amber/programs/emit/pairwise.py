"""Kernels and distances between the rows of a request and the rows a model keeps, as scikit-learn computes them.

Distances are computed as the original does it: `squared_gemm` by products (X.X - 2 X.Y + Y.Y), `added` column by
column. No [N, M, d] array ever stands: columns are taken one at a time where differences are needed. What is added up
so passes through memory once for each column, and is therefore kept small enough to stay in the second-level cache.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from amber.programs.emit.flow import Context
from amber.programs.emit.graph import Tensor, Unsupported
from amber.programs.emit.values import Sparse, Value
from amber.programs.emit.view import Reference, View

Array = np.ndarray[Any, Any]
PIECE = 8192  # stored rows that one run of differences is about
PASSED = 32  # how much more a number counts that many steps pass over, so that a block of rows is 256 KiB and not 8 MiB
MOST_LOSS = 1e4  # eps that products instead of differences may cost an answer: 2.3e-12 of its scale


def row_norms(c: Context, X: Tensor) -> Tensor:
    """Return the squared length of each row, [N, 1]."""
    return c.graph.sum(X * X, 1, keep=True)


def squared_gemm(c: Context, X: Value | Tensor, Y: Array) -> Tensor:
    """Return squared distances [N, M] as `euclidean_distances` does: by products, never below zero."""
    g, Y = c.graph, np.asarray(Y, dtype=np.float64)
    if g.precision == "float32" and not isinstance(X, Sparse):  # the original computes in float64 even then
        return squared_direct(c, X if isinstance(X, Tensor) else c.matrix(X).tensor, Y)
    if isinstance(X, Sparse):
        squares = Sparse(X.data * X.data, X.column, X.row, X.rows, X.width)
        product, norms = c.product(X, Y.T), c.product(squares, np.ones((X.width, 1)))
    else:
        whole = X if isinstance(X, Tensor) else c.matrix(X).tensor
        product, norms = whole @ g.const(Y.T), row_norms(c, whole)
    found = (product * -2.0 + norms) + np.einsum("ij,ij->i", Y, Y)[np.newaxis, :]
    return g.op("Max", found, g.const(0.0))


def _plus(left: Tensor, right: Tensor) -> Tensor:
    return left + right


def added(
    c: Context, X: Tensor, Y: Array, term: Callable[[Tensor, Array], Tensor],
    join: Callable[[Tensor, Tensor], Tensor] = _plus,
) -> Tensor:  # fmt: skip
    """Return [N, M] sums of `term(x_j, y_j)` over the columns j, added in their order; or what else `join` makes.

    `term` gets a column of the request [N, 1] and one of stored rows [1, m], of all of them or a part.
    """
    g, Y = c.graph, np.asarray(Y, dtype=np.float64)
    g.widest = max(g.widest, PASSED * min(PIECE, len(Y)))
    columns = [g.columns(X, [j]) for j in range(Y.shape[1])]
    parts = [
        functools.reduce(join, [term(x, Y[start : start + PIECE, j][np.newaxis, :]) for j, x in enumerate(columns)])
        for start in range(0, len(Y), PIECE)
    ]
    return parts[0] if len(parts) == 1 else g.concat(parts)


def squared_direct(c: Context, X: Tensor, Y: Array) -> Tensor:
    """Return squared distances [N, M] by differences, added column by column."""

    def squared(x: Tensor, y: Array) -> Tensor:
        difference = x - y
        return difference * difference

    return added(c, X, Y, squared)


def squared_decaying(c: Context, X: Tensor, Y: Array, gamma: float, weight: float) -> Tensor:
    """Return squared distances d [N, M] of which exp(-gamma d) is taken.

    By products, some ten times as fast, where what they lose - at most a few eps of the square of the largest distance
    from the middle, times gamma, times `weight` - is far below the tolerance; else by differences, as the original.

    Args:
        c: The emission.
        X: Float [N, d].
        Y: Float [M, d].
        gamma: At least zero.
        weight: By how much the answer moves for each unit that a kernel does, in units of the answer's scale.
    """
    g, middle = c.graph, Y.mean(axis=0) if len(Y) else np.zeros(Y.shape[1])
    away = Y - middle
    norms = np.einsum("ij,ij->i", away, away)
    most = float(norms.max(initial=0.0))
    if gamma == 0.0 or not gamma * most * weight <= MOST_LOSS:
        return squared_direct(c, X, Y)
    # the kernel of a row beyond is zero either way; the clip keeps it from inf - inf
    beyond = 1e3 * (np.sqrt(most) + 1.0 / np.sqrt(gamma))
    moved = g.op("Clip", X - middle, g.const(-beyond), g.const(beyond))
    return g.op("Max", row_norms(c, moved) + (moved @ away.T) * -2.0 + norms, g.const(0.0))


def manhattan(c: Context, X: Tensor, Y: Array) -> Tensor:
    """Return sums of absolute differences [N, M]."""
    return added(c, X, Y, lambda x, y: c.graph.op("Abs", x - y))


def unit_rows(c: Context, X: Tensor) -> Tensor:
    """Return rows divided by their length; one shorter than ten eps is left as it is."""
    g = c.graph
    length = g.op("Sqrt", row_norms(c, X))
    return X / g.where(length < 10 * float(np.finfo(X.dtype).eps), 1.0, length)


def cosine(c: Context, X: Tensor, Y: Array) -> Tensor:
    """Return the cosine of the angle between rows, [N, M]."""
    Y = np.asarray(Y, dtype=np.float64)
    length = np.sqrt(np.einsum("ij,ij->i", Y, Y))
    length[length < 10 * np.finfo(np.float64).eps] = 1.0
    return unit_rows(c, X) @ c.graph.const((Y / length[:, np.newaxis]).T)


def additive_chi2(c: Context, X: Tensor, Y: Array) -> Tensor:
    """Return minus the sum of (x - y)^2 / (x + y), [N, M]; rows with a negative value are refused."""
    g = c.graph
    c.refuse(X < 0.0)

    def term(x: Tensor, y: Array) -> Tensor:
        total, difference = x + y, x - y
        empty = total.equal(0.0)
        return g.where(empty, 0.0, difference * difference / g.where(empty, 1.0, total))

    return -added(c, X, Y, term)


def power(c: Context, base: Tensor, exponent: float) -> Tensor:
    """Return `base ** exponent` as NumPy has it: a square is a product."""
    if exponent == 1:
        return base
    return base * base if exponent == 2 else c.graph.op("Pow", base, c.graph.const(float(exponent)))


def raised(c: Context, base: Tensor, exponent: float, width: int) -> Tensor:
    """Return `base ** exponent`, [N, width], by `pow` of the C library: onnxruntime cubes by products otherwise."""
    return c.graph.op("Pow", base, c.graph.const(np.full((1, width), exponent)))


def kernel(
    c: Context, X: Tensor, Y: Any, metric: Any, gamma: float | None = None, degree: float = 3, coef0: float = 1
) -> Tensor:
    """Return the kernel matrix [N, M] between the rows of `X` and the rows of the array `Y`.

    Args:
        c: The emission.
        X: Float [N, d].
        Y: Float [M, d].
        metric: A name that `sklearn.metrics.pairwise.pairwise_kernels` knows.
        gamma: None is one by the number of columns (for chi2: one).
        degree: Of `poly`.
        coef0: Of `poly` and `sigmoid`.

    Raises:
        Unsupported: The kernel has no form as a graph.
    """
    g, Y = c.graph, dense(Y, "a kernel")
    if isinstance(metric, Reference) or not isinstance(metric, str):
        raise Unsupported("a kernel that is a function of the caller's own")
    scale = 1.0 / Y.shape[1] if gamma is None else float(gamma)
    if metric == "linear":
        return X @ g.const(Y.T)
    if metric in ("poly", "polynomial"):
        return power(c, (X @ g.const(Y.T)) * scale + float(coef0), degree)
    if metric == "sigmoid":
        return g.op("Tanh", (X @ g.const(Y.T)) * scale + float(coef0))
    if metric == "rbf":
        return g.op("Exp", squared_gemm(c, X, Y) * -scale)
    if metric == "laplacian":
        return g.op("Exp", manhattan(c, X, Y) * -scale)
    if metric == "cosine":
        return cosine(c, X, Y)
    if metric == "additive_chi2":
        return additive_chi2(c, X, Y)
    if metric == "chi2":
        return g.op("Exp", additive_chi2(c, X, Y) * (1.0 if gamma is None else float(gamma)))
    raise Unsupported(f"the kernel {metric!r}")


def dense(rows: Any, what: str) -> Array:
    """Return rows that a model keeps as a float64 array.

    Raises:
        Unsupported: They are sparse.
    """
    if not isinstance(rows, np.ndarray):
        raise Unsupported(f"{what} fitted on sparse rows")
    return np.asarray(rows, dtype=np.float64)


def fitted_kernel(c: Context, e: View, X: Tensor, Y: Array, gamma: Any) -> Tensor:
    """Return the kernel of an estimator that names it by `kernel`, `degree` and `coef0`.

    Raises:
        Unsupported: It is a function, or a request is itself a kernel.
    """
    if isinstance(e["kernel"], str) and e["kernel"] == "precomputed":
        raise Unsupported("a request that is itself a kernel matrix")
    degree, coef0 = e.get("degree"), e.get("coef0")
    return kernel(c, X, Y, e["kernel"], gamma, 3 if degree is None else degree, 1 if coef0 is None else coef0)


def fused(c: Context, left: Tensor, right: Tensor) -> Tensor:
    """Return dot products along the last axis, [..., K] and [..., K] to [...], each term added with one rounding."""
    g = c.graph
    found = g.op("Unsqueeze", left, g.const([-2])) @ g.op("Unsqueeze", right, g.const([-1]))
    return g.op("Squeeze", found, g.const([-2, -1]))


def dot_norms(c: Context, X: Tensor, width: int) -> Tensor:
    """Return the squared length of each row, [N, 1], as the BLAS dot product adds it up.

    Below 16 columns one after the other; else in 16 lanes (32 where there are as many columns), the rest after them.
    The neighbours of a row that was in the training set hang on it: its distance to itself is what rounding leaves.
    """
    g = c.graph
    if width < 16:
        return g.expand(fused(c, X, X))
    blocks, rest = width // 32, width % 32 // 16
    if blocks:
        whole = g.op("Reshape", g.columns(X, range(32 * blocks)), g.const([0, blocks, 32]))
        lanes = g.op("Transpose", whole, perm=[0, 2, 1])
        halves = g.op("Reshape", fused(c, lanes, lanes), g.const([0, 4, 2, 4]))
        sums = g.op("Reshape", g.sum(halves, 2), g.const([0, 16]))
    if rest:
        lane = g.columns(X, range(32 * blocks, 32 * blocks + 16))
        if blocks:
            ones = lane.equal(lane).cast(g.precision)
            last = [g.concat([g.expand(one, 2), g.expand(lane, 2)], 2) for one in (sums, ones)]
            sums = fused(c, last[0], last[1])
        else:
            sums = lane * lane
    quarters = [g.columns(sums, range(4 * i, 4 * i + 4)) for i in range(4)]
    four = ((quarters[0] + quarters[1]) + quarters[2]) + quarters[3]
    half = g.columns(four, [0, 1]) + g.columns(four, [2, 3])
    dot = g.columns(half, [0]) + g.columns(half, [1])
    if width % 16 == 0:
        return dot
    tail = g.columns(X, range(width - width % 16, width))
    return g.expand(fused(c, g.concat([dot, tail]), g.concat([dot.equal(dot).cast(g.precision), tail])))


def row_sum(c: Context, values: Tensor, width: int) -> Tensor:
    """Return the sum of each row, [N, 1], added up in the order of NumPy: eight sums side by side from eight on."""
    g = c.graph
    if width > 128:
        return g.sum(values, 1, keep=True)
    columns = [g.columns(values, [i]) for i in range(width)]
    if width < 8:
        return functools.reduce(lambda left, right: left + right, columns)
    whole = width // 8 * 8
    eight = [functools.reduce(lambda left, right: left + right, columns[i:whole:8]) for i in range(8)]
    pairs = [eight[i] + eight[i + 1] for i in range(0, 8, 2)]
    found = (pairs[0] + pairs[1]) + (pairs[2] + pairs[3])
    return functools.reduce(lambda left, right: left + right, columns[whole:], found)
