"""Imputers that look at other columns: KNNImputer, IterativeImputer."""

from __future__ import annotations

import numpy as np

from amber.programs.emit.encode import missing
from amber.programs.emit.flow import Context, Methods, emits
from amber.programs.emit.graph import Tensor, Unsupported
from amber.programs.emit.impute import is_missing, with_indicator
from amber.programs.emit.values import Matrix, Sparse, Value
from amber.programs.emit.view import View

_P = "sklearn.impute."


def _checked(e: View, X: Value, c: Context) -> Matrix:
    if isinstance(X, Sparse):
        raise Unsupported(f"{e.name} of sparse rows")
    return c.require(c.matrix(X), "no-infinity" if missing(e["missing_values"]) else "finite")


@emits(_P + "KNNImputer")
def knn(e: View, X: Value, c: Context) -> Methods:
    """A missing value is the mean over the nearest training rows that have it."""

    def transform() -> Matrix:
        if e["metric"] != "nan_euclidean" or e["weights"] not in ("uniform", "distance"):
            raise Unsupported("KNNImputer with a metric or weights of its own")
        g, whole = c.graph, _checked(e, X, c)
        gone = is_missing(whole.tensor, e["missing_values"], c)
        distance = _distances(e, whole.tensor, gone, c)
        valid, parts = np.asarray(e["_valid_mask"]), []
        for i in range(whole.width):
            given = g.columns(whole.tensor, [i])
            if valid[i]:
                value = _mean_of_donors(e, i, distance, c)
                parts.append(g.where(g.columns(gone, [i]), value, given))
            elif e.get("keep_empty_features", False):
                parts.append(g.where(g.columns(gone, [i]), 0.0, 0.0))
        return with_indicator(e, Matrix(g.concat(parts), len(parts)), gone, c)

    return {"transform": transform}


def _distances(e: View, X: Tensor, gone: Tensor, c: Context) -> Tensor:
    """Return `nan_euclidean_distances` to the training rows; infinity where two rows share no column."""
    g, absent = c.graph, np.asarray(e["_mask_fit_X"], bool)
    rows = np.where(absent, 0.0, np.asarray(e["_fit_X"], np.float64))
    x, lacking = g.where(gone, 0.0, X), gone.cast(g.precision)
    square = x * x
    total = (x @ rows.T) * -2.0 + squared_lengths(x, rows.shape[1], c) + np.einsum("ij,ij->i", rows, rows)[None, :]
    total = g.where(total < 0.0, 0.0, total)
    total = total - square @ absent.T.astype(np.float64) - lacking @ (rows * rows).T
    total = g.where(total < 0.0, 0.0, total)
    shared = (1.0 - lacking) @ (~absent).T.astype(np.float64)
    none = shared.equal(0.0)
    total = total / g.where(none, 1.0, shared) * float(rows.shape[1])
    return g.where(none, np.inf, g.op("Sqrt", total))


def squared_lengths(x: Tensor, width: int, c: Context) -> Tensor:
    """Return the squared length of rows, [N, 1], in the order in which NumPy's `einsum` adds: two sums, side by side.

    Nearest rows hang on the last digit where a column is large, so the order matters.
    """
    order = [start + step for start in range(0, width - 7, 8) for step in (6, 7, 4, 5, 2, 3, 0, 1)]
    order += range(len(order), width)
    sums: list[Tensor | None] = [None, None]
    for i in order:
        column = c.graph.columns(x, [i])
        before, square = sums[i % 2], column * column
        sums[i % 2] = square if before is None else square + before
    left, right = sums
    return left + right if left is not None and right is not None else c.graph.sum(x * x, 1, keep=True)


def _mean_of_donors(e: View, column: int, distance: Tensor, c: Context) -> Tensor:
    g, absent = c.graph, np.asarray(e["_mask_fit_X"], bool)[:, column]
    values, donors = np.asarray(e["_fit_X"], np.float64)[:, column], np.flatnonzero(~absent)
    count = min(int(e["n_neighbors"]), len(donors))
    near, place = g.ops(
        "TopK", g.columns(distance, donors), g.const([count]), dtypes=[g.precision, "int64"],
        axis=1, largest=0, sorted=1,
    )  # fmt: skip
    defined = near < float(np.inf)
    weight = defined.cast(g.precision)
    if e["weights"] == "distance":
        same = near.equal(0.0)
        any_same = g.max(same.cast("int64"), 1, keep=True) > 0
        weight = g.where(any_same, same.cast(g.precision), 1.0 / near)
    donated = g.op("Gather", g.const(values[donors]), place, dtype=g.precision, axis=0)
    mean = g.sum(donated * weight, 1, keep=True) / g.sum(weight, 1, keep=True)
    alone = ~(g.max(g.where(g.columns(distance, donors) < float(np.inf), 1.0, 0.0), 1, keep=True) > 0.0)
    return g.where(alone, float(np.ma.array(values, mask=absent).mean()), mean)


@emits(_P + "IterativeImputer")
def iterative(e: View, X: Value, c: Context) -> Methods:
    """Each missing value is predicted from the other columns, in the rounds of the fit."""

    def transform() -> Matrix:
        if e["sample_posterior"]:
            raise Unsupported("IterativeImputer that draws from the posterior")
        g, whole = c.graph, _checked(e, X, c)
        gone = is_missing(whole.tensor, e["missing_values"], c)
        first = c.matrix(c.transform(e["initial_imputer_"], whole))
        empty = np.asarray(e.get("_is_empty_feature", np.zeros(whole.width, bool)))
        mask = g.columns(gone, np.flatnonzero(~empty)) if empty.any() and not e["keep_empty_features"] else gone
        if empty.any() and e["keep_empty_features"]:
            mask = mask & g.const(~empty[None, :])
        if int(e["n_iter_"]) == 0:
            return with_indicator(e, first, gone, c)
        columns = [g.columns(first.tensor, [i]) for i in range(first.width)]
        for step in e["imputation_sequence_"]:
            place, others = int(step["feat_idx"]), [int(each) for each in step["neighbor_feat_idx"]]
            given = Matrix(g.concat([columns[i] for i in others]), len(others))
            found = g.expand(c.score(step["estimator"], "predict", given))
            low, high = (float(np.asarray(e[name])[place]) for name in ("_min_value", "_max_value"))
            found = g.where(found < low, low, g.where(found > high, high, found))
            columns[place] = g.where(g.columns(mask, [place]), found, columns[place])
        # of a request that is missing as a whole the original gives the first filling
        whole_gone = g.op("ReduceMin", mask.cast("int64"), g.const([0, 1]), keepdims=1) > 0
        value = g.where(whole_gone, first.tensor, g.concat(columns))
        return with_indicator(e, Matrix(value, first.width), gone, c)

    return {"transform": transform}
