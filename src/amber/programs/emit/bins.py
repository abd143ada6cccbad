"""Which interval a number lies in, and what follows from it: KBinsDiscretizer, QuantileTransformer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from amber.programs.emit.flow import Context, Methods, emits, inverts
from amber.programs.emit.graph import ML, Tensor, Unsupported
from amber.programs.emit.normal import below, quantile
from amber.programs.emit.values import Matrix, Sparse, Value
from amber.programs.emit.view import View

_P = "sklearn.preprocessing."
BOUNDS = 1e-7  # as in scikit-learn's QuantileTransformer
_LESS, _SUM, _NONE = 1, 1, 0  # of TreeEnsemble: BRANCH_LT, SUM, no post-transform


def positions(X: Tensor, cuts: Sequence[Any], c: Context) -> Tensor:
    """Return how many cuts of its column a number is not below, int64 [N, d]; NaN is below none.

    `cuts` are sorted, without repetition, for each column of X. The search is a balanced tree for each column.
    """
    forest = _Forest(c)
    for column, each in enumerate(cuts):
        forest.add(column, np.asarray(each, dtype=X.dtype))
    return forest.index(X, len(cuts))


class _Forest:
    """The attributes of one TreeEnsemble of search trees."""

    def __init__(self, c: Context) -> None:
        self.c = c
        self.cut: list[float] = []
        self.node: list[list[int]] = []  # feature, true id, true leaf, false id, false leaf
        self.leaf: list[tuple[int, int]] = []  # column, position
        self.roots: list[int] = []

    def add(self, column: int, cuts: Any) -> None:
        self.roots.append(len(self.node))
        if len(cuts):
            self._branch(column, cuts, 0, len(cuts))
        else:  # a tree needs a branch
            self.node.append([column, *self._end(column, 0), *self._end(column, 0)])
            self.cut.append(0.0)

    def _branch(self, column: int, cuts: Any, low: int, high: int) -> int:
        place, middle = len(self.node), (low + high) // 2
        self.node.append([column])
        self.cut.append(float(cuts[middle]))
        left = self._end(column, low) if middle == low else (self._branch(column, cuts, low, middle), 0)
        right = (
            self._end(column, high)
            if middle + 1 == high
            else (self._branch(column, cuts, middle + 1, high), 0)
        )  # fmt: skip
        self.node[place] += [*left, *right]
        return place

    def _end(self, column: int, position: int) -> tuple[int, int]:
        self.leaf.append((column, position))
        return len(self.leaf) - 1, 1

    def index(self, X: Tensor, columns: int) -> Tensor:
        nodes, dtype = np.array(self.node, np.int64), X.dtype
        found = self.c.graph.op(
            "TreeEnsemble", X, domain=ML,
            aggregate_function=_SUM, post_transform=_NONE, n_targets=columns, tree_roots=self.roots,
            nodes_featureids=nodes[:, 0].tolist(), nodes_splits=np.array(self.cut, dtype),
            nodes_modes=np.full(len(nodes), _LESS, np.uint8),
            nodes_truenodeids=nodes[:, 1].tolist(), nodes_trueleafs=nodes[:, 2].tolist(),
            nodes_falsenodeids=nodes[:, 3].tolist(), nodes_falseleafs=nodes[:, 4].tolist(),
            leaf_targetids=[each[0] for each in self.leaf],
            leaf_weights=np.array([each[1] for each in self.leaf], dtype),
        )  # fmt: skip
        return found.cast("int64")


def looked_up(index: Tensor, tables: Sequence[Any], c: Context, dtype: Any = None) -> Tensor:
    """Return the entry of each column's own table that an index [N, d] points at."""
    sizes = [len(each) for each in tables]
    offsets = np.cumsum([0, *sizes[:-1]])
    flat = c.graph.const(np.concatenate([np.asarray(each) for each in tables]), dtype)
    return c.graph.op("Gather", flat, index + offsets[None, :], dtype=flat.dtype, axis=0)


def interpolated(X: Tensor, knots: Sequence[Any], values: Sequence[Any], c: Context) -> Tensor:
    """Return `np.interp` of each column: knots ascend, may repeat; NaN gives something."""
    g = c.graph
    cuts, last = [], []
    for each in knots:
        distinct, first = np.unique(np.asarray(each), return_index=True)
        cuts.append(distinct)
        last.append([0, *(first[1:] - 1), len(each) - 1])  # the last of equal knots that a number is not below
    place = looked_up(positions(X, cuts, c), last, c)
    with np.errstate(all="ignore"):
        slopes = [np.append(np.diff(v) / np.diff(k), 0.0) for k, v in zip(knots, values, strict=True)]
        slopes = [np.where(np.isfinite(each), each, 0.0) for each in slopes]
    start = looked_up(place, knots, c)
    line = looked_up(place, slopes, c) * (X - start) + looked_up(place, values, c)
    low, high = (np.array([each[end] for each in knots])[None, :] for end in (0, -1))
    left, right = (np.array([each[end] for each in values])[None, :] for end in (0, -1))
    under, over = g.binary("Less", X, low, "bool"), g.binary("Greater", X, high, "bool")
    return g.where(under, left, g.where(over, right, line))


@emits(_P + "QuantileTransformer")
def quantile_transformer(e: View, X: Value, c: Context) -> Methods:
    """The mean of two interpolations, forwards and backwards; the bounds of the training data are exact."""

    def transform() -> Value:
        if isinstance(X, Sparse):
            raise Unsupported("QuantileTransformer of sparse rows")
        g, whole = c.graph, c.require(c.matrix(X), "no-infinity")
        x, knots, shares = whole.tensor, *_quantiles(e)
        forward = interpolated(x, knots, shares, c)
        back = interpolated(-x, [-each[::-1] for each in knots], [-each[::-1] for each in shares], c)
        mean = (forward - back) * 0.5
        low, high = (np.array([each[end] for each in knots])[None, :] for end in (0, -1))
        normal = e["output_distribution"] == "normal"
        above = x + BOUNDS > high if normal else x.equal(high)
        under = x - BOUNDS < low if normal else x.equal(low)
        mean = g.where(under, 0.0, g.where(above, 1.0, mean))
        mean = g.where(g.op("IsNaN", x, dtype="bool"), x, mean)
        return Matrix(quantile(mean, c) if normal else mean, whole.width)

    return {"transform": transform}


@inverts(_P + "QuantileTransformer")
def quantile_inverse(e: View, X: Matrix, c: Context) -> Value:
    """One interpolation from shares to quantiles."""
    g, knots, shares = c.graph, *_quantiles(e)
    given = c.require(X, "no-infinity").tensor
    normal = e["output_distribution"] == "normal"
    share = below(given, c) if normal else given
    value = interpolated(share, shares, knots, c)
    low, high = (np.array([each[end] for each in knots])[None, :] for end in (0, -1))
    above = share + BOUNDS > 1.0 if normal else share.equal(1.0)
    under = share - BOUNDS < 0.0 if normal else share.equal(0.0)
    value = g.where(under, low, g.where(above, high, value))
    return Matrix(g.where(g.op("IsNaN", given, dtype="bool"), given, value), X.width)


def _quantiles(e: View) -> tuple[list[Any], list[Any]]:
    table, shares = np.asarray(e["quantiles_"]), np.asarray(e["references_"])
    if len(shares) < 2:
        raise Unsupported("QuantileTransformer with one quantile")
    if np.isnan(table).any() or (np.diff(table, axis=0) < 0).any():
        raise Unsupported("quantiles that are missing or do not ascend")
    return [table[:, column] for column in range(table.shape[1])], [shares] * table.shape[1]


@emits(_P + "KBinsDiscretizer")
def discretizer(e: View, X: Value, c: Context) -> Methods:
    """The number of inner edges a value is not below, or that as one column for each bin."""

    def transform() -> Value:
        if isinstance(X, Sparse):
            raise Unsupported("KBinsDiscretizer of sparse rows")
        g, whole = c.graph, c.require(c.matrix(X))
        edges = [np.asarray(each) for each in e["bin_edges_"]]
        x = whole.tensor
        if str(e.get("dtype")).endswith("float32"):
            x = c.require(whole, "float32").tensor.cast("float32").cast(x.dtype)
        if any((np.diff(each[1:-1]) <= 0).any() for each in edges):
            raise Unsupported("KBinsDiscretizer with empty bins")
        index = positions(x, [_rounded_up(each[1:-1], g.precision) for each in edges], c)
        if e["encode"] == "ordinal":
            return Matrix(index.cast(g.precision), whole.width)
        bins = np.asarray(e["n_bins_"])
        parts = [
            g.expand(g.column(index, column)).equal(np.arange(number)[None, :]) for column, number in enumerate(bins)
        ]
        return Matrix(g.concat(parts).cast(g.precision), int(bins.sum()))

    return {"transform": transform}


def _rounded_up(cuts: Any, precision: str) -> Any:
    """Return cuts that numbers of a precision are below exactly where they are below the given ones."""
    near = cuts.astype(precision)
    return np.where(near < cuts, np.nextafter(near, near.dtype.type(np.inf)), near)


@inverts(_P + "KBinsDiscretizer")
def discretizer_inverse(e: View, X: Matrix, c: Context) -> Value:
    """The center of the bin."""
    g, bins = c.graph, np.asarray(e["n_bins_"])
    tensor = c.require(X).tensor
    centers = [(np.asarray(each)[1:] + np.asarray(each)[:-1]) * 0.5 for each in e["bin_edges_"]]
    if e["encode"] == "ordinal":
        index = tensor.cast("int64")
        index = g.where(index < 0, index + bins[None, :], index)  # as NumPy counts from the end
        outside = (index < 0) | (index >= bins[None, :])
        c.refuse(outside)
        index = g.where(outside, 0, index)
    else:
        ends = np.cumsum(bins)
        parts = [g.columns(tensor, np.arange(end - number, end)) for end, number in zip(ends, bins, strict=True)]
        for part in parts:  # the inner OneHotEncoder refuses a row without a bin
            c.refuse(g.sum(part, 1).equal(0.0), wide=False)
        index = g.concat([g.expand(g.argmax(part)) for part in parts])
    return Matrix(looked_up(index, centers, c), len(bins))
