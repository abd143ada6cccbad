"""Nearest neighbours: distances to every row of the training set, the least of them, and what they vote for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from amber.programs.emit.decompose import floats
from amber.programs.emit.flow import Answer, Context, Labels, Methods, emits, scores
from amber.programs.emit.graph import Tensor, Unsupported
from amber.programs.emit.outliers import inliers
from amber.programs.emit.pairwise import (
    added,
    cosine,
    dense,
    dot_norms,
    manhattan,
    raised,
    row_sum,
    squared_direct,
    squared_gemm,
)
from amber.programs.emit.ties import deep_enough, settled
from amber.programs.emit.values import Sparse, Value
from amber.programs.emit.view import View

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Distances:
    """Distances [N, M] before their root, the function that takes it, and the least that no search accepts.

    `reach` makes the same of a radius; `rows` are the rows asked for; `heap`: whether a heap holds the nearest.
    """

    reduced: Tensor
    real: Callable[[Tensor], Tensor]
    limit: float
    reach: Callable[[float], float]
    rows: Tensor
    heap: bool


def distances(e: View, X: Value, c: Context) -> Distances:
    """Return the distances of all rows to the training rows, as the search of the estimator computes them.

    Raises:
        Unsupported: Their metric, or how the training rows are held, has no form as a graph.
    """
    g, metric, parameters = c.graph, e["effective_metric_"], e.get("effective_metric_params_") or {}
    if not isinstance(metric, str) or metric in ("precomputed", "nan_euclidean"):
        raise Unsupported(f"neighbours by the metric {metric!r}")
    Y, tree = dense(e["_fit_X"], e.name), e["_fit_method"] != "brute"
    heap = tree or e["_fit_X"].dtype == np.float64  # training rows of another dtype are searched by sorting
    x = c.require(c.matrix(X)).tensor
    weighted = parameters.get("w") is not None
    limit = np.inf if tree or not heap else float(np.finfo(np.float64).max)

    def root(value: Tensor) -> Tensor:
        return g.op("Sqrt", value)

    if metric in ("euclidean", "l2") or (metric == "minkowski" and parameters.get("p") == 2 and not weighted):
        direct = tree or g.precision == "float32"
        reduced = squared_direct(c, x, Y) if direct else _squared(c, x, Y) if heap else squared_gemm(c, x, Y)
        return Distances(reduced, root, limit, lambda radius: radius * radius, x, heap)
    if metric == "sqeuclidean" and not tree:
        return Distances(_squared(c, x, Y), _same, limit, lambda radius: radius, x, heap)
    if metric in ("manhattan", "cityblock", "l1"):
        return Distances(manhattan(c, x, Y), _same, limit, lambda radius: radius, x, heap)
    if metric == "chebyshev":
        found = added(c, x, Y, lambda a, b: g.op("Abs", a - b), lambda left, right: g.op("Max", left, right))
        return Distances(found, _same, limit, lambda radius: radius, x, heap)
    if metric == "minkowski" and not weighted:
        p = float(parameters["p"])
        found = added(c, x, Y, lambda a, b: raised(c, g.op("Abs", a - b), p, b.shape[1]))
        return Distances(
            found, lambda value: g.op("Pow", value, g.const(1.0 / p)), limit, lambda radius: radius**p, x, heap
        )
    if metric == "cosine" and not tree:
        found = g.op("Min", g.op("Max", cosine(c, x, Y) * -1.0 + 1.0, g.const(0.0)), g.const(2.0))
        return Distances(found, _same, np.inf, lambda radius: radius, x, heap=False)
    raise Unsupported(f"neighbours by the metric {metric!r}")


def _same(value: Tensor) -> Tensor:
    return value


def _squared(c: Context, x: Tensor, Y: Array) -> Tensor:
    """Return squared distances by products; both lengths by the kernel that runs the graph, so that they cancel."""
    g, stored = c.graph, c.graph.const(Y)
    lengths = g.op("Transpose", dot_norms(c, stored, Y.shape[1]), perm=[1, 0])
    products = x @ g.const(Y.T * -2.0)
    found = (dot_norms(c, x, Y.shape[1]) + products) + lengths
    return g.where(found > 0.0, found, 0.0)


def closest(e: View, X: Value, c: Context, count: int, ordered: bool = False) -> tuple[Tensor, Tensor]:
    """Return the distances and the places [N, count] of the nearest training rows, nearest first.

    `ordered`: those at the same distance in the original's order too, which no vote or mean asks for.
    """
    g, found = c.graph, distances(e, X, c)
    if count > int(e["n_samples_fit_"]):
        raise Unsupported("more neighbours than training rows")
    more = count < int(e["n_samples_fit_"])
    values, places = g.ops(
        "TopK", found.reduced, g.const([count + more]), dtypes=[g.precision, "int64"], axis=1, largest=0, sorted=1
    )
    if found.heap and deep_enough(count) and (more or ordered):
        # the last of equals is what is followed by one; of all equals where their order matters
        start = 0 if ordered else count - 1
        before, after = (g.columns(values, np.arange(start, count - 1 + more) + i) for i in (0, 1))
        tied = (before.equal(after) & (before < found.limit)).cast("int64")
        places = settled(
            e, found.rows, c, found.reduced, g.max(tied, 1) > 0, g.columns(places, range(count)), found.limit, count
        )
    elif more:  # which of equals a sort keeps cannot be told, but where all are equal it leaves them as they are
        several = g.max(found.reduced, 1, keep=True) > g.columns(values, [0])
        c.refuse(g.columns(values, [count - 1]).equal(g.columns(values, [count])) & several)
    values, places = (g.columns(each, range(count)) for each in (values, places))
    reached = values < found.limit  # a search never takes what is infinitely far: the place stays at zero
    places = g.where(reached, places, g.const(0))
    return found.real(g.where(reached, values, found.limit)), places


def _found(e: View, X: Value, c: Context) -> Callable[[], tuple[Tensor, Tensor]]:
    return functools.cache(lambda: closest(e, X, c, int(e["n_neighbors"])))


def _nearest(e: View, X: Value, c: Context) -> Methods:
    return {"kneighbors": lambda: scores(*closest(e, X, c, int(e["n_neighbors"]), ordered=True))}


def _ragged() -> Answer:
    raise Unsupported("radius_neighbors answers rows of different lengths")


@emits("sklearn.neighbors.NearestNeighbors")
def nearest_neighbours(e: View, X: Value, c: Context) -> Methods:
    """The nearest training rows."""
    return {**_nearest(e, X, c), "radius_neighbors": _ragged}


@emits("sklearn.neighbors.KNeighborsTransformer")
def neighbours_transformer(e: View, X: Value, c: Context) -> Methods:
    """A table with one column for each training row: the distances to the nearest, or one for each of them."""

    def transform() -> Answer:
        g, by_distance = c.graph, e["mode"] == "distance"
        count, width = int(e["n_neighbors"]) + int(by_distance), int(e["n_samples_fit_"])
        away, places = closest(e, X, c, count)
        rows = g.op("Shape", places, dtype="int64", start=0, end=1)
        every = g.op("Range", g.const(0), g.squeeze(rows * g.const([count]), 0), g.const(1))
        data = g.op("Reshape", away, g.const([-1])) if by_distance else every.cast(g.precision) * 0.0 + 1.0
        row = g.op("Div", every, g.const([count]))
        return Sparse(data, g.op("Reshape", places, g.const([-1])), row, rows, width)

    return {**_nearest(e, X, c), "transform": transform}


def weights_of(e: View, away: Tensor, c: Context) -> Tensor | None:
    """Return how much each neighbour counts, [N, k]: by its distance, or None where all count alike.

    Raises:
        Unsupported: A function of the caller's own says it.
    """
    kind = e["weights"]
    if kind is None or kind == "uniform":
        return None
    if kind != "distance":
        raise Unsupported("weights by a function of the caller's own")
    g = c.graph
    found = 1.0 / away
    same = g.op("IsInf", found, dtype="bool").cast(g.precision)
    return g.where(g.max(same, 1, keep=True) > 0.0, same, found)


def _outputs(e: View) -> tuple[list[Any], Array]:
    """Return the classes of each output, and the class indices [M, outputs]."""
    labels = np.asarray(e["_y"])
    if e["outputs_2d_"]:
        return list(e["classes_"]), labels
    return [e["classes_"]], labels.reshape(-1, 1)


@emits("sklearn.neighbors.KNeighborsClassifier")
def neighbours_classifier(e: View, X: Value, c: Context) -> Methods:
    """The votes of the nearest."""
    g, find, k = c.graph, _found(e, X, c), int(e["n_neighbors"])
    classes, labels = _outputs(e)

    @functools.cache
    def weights() -> Tensor | None:
        found = weights_of(e, find()[0], c)
        if found is not None:
            c.refuse(g.max(found, 1) <= 0.0, wide=False)
        return found

    def votes(output: int) -> Tensor:
        """Return what each neighbour gives to each class, [N, k, classes]."""
        voted = g.op("Gather", g.const(labels[:, output].astype(np.int64)), find()[1], axis=0)
        each = g.expand(voted, 2).equal(np.arange(len(classes[output]))).cast(g.precision)
        found = weights()
        return each if found is None else g.where(each > 0.0, g.expand(found, 2), 0.0)

    def in_order(output: int) -> Tensor:
        """Return the sums of the votes, each neighbour added after the one before it."""
        parts = [g.squeeze(g.op("Gather", votes(output), g.const([i]), axis=1)) for i in range(k)]
        return functools.reduce(lambda left, right: left + right, parts)

    def index(output: int) -> Tensor:
        if e["weights"] in (None, "uniform") or k < 8:
            return g.argmax(in_order(output))
        given = votes(output)
        sums = [
            row_sum(c, g.squeeze(g.op("Gather", given, g.const([place]), axis=2), 2), k)
            for place in range(len(classes[output]))
        ]
        return g.argmax(g.concat(sums))

    def predict() -> Answer:
        found = [index(output) for output in range(len(classes))]
        if not e["outputs_2d_"]:
            return Labels(found[0], (classes[0],))
        return Labels(g.concat([g.expand(each) for each in found]), tuple(classes))

    def predict_proba() -> Answer:
        found = []
        for output in range(len(classes)):
            sums = in_order(output)
            found.append(sums / row_sum(c, sums, len(classes[output])))
        return scores(*found, listed=bool(e["outputs_2d_"]))

    return {**_nearest(e, X, c), "predict": predict, "predict_proba": predict_proba}


@emits("sklearn.neighbors.KNeighborsRegressor")
def neighbours_regressor(e: View, X: Value, c: Context) -> Methods:
    """The mean of the nearest, weighed."""
    g, find, k = c.graph, _found(e, X, c), int(e["n_neighbors"])

    def predict() -> Answer:
        away, places = find()
        weights, targets = weights_of(e, away, c), floats(e["_y"])
        single = targets.ndim == 1
        columns = targets.reshape(len(targets), -1)
        found = []
        for output in range(columns.shape[1]):
            chosen = g.op("Gather", g.const(columns[:, output]), places, axis=0)
            if weights is not None:
                found.append(row_sum(c, chosen * weights, k) / row_sum(c, weights, k))
            elif columns.shape[1] == 1:
                found.append(row_sum(c, chosen, k) / float(k))
            else:
                parts = [g.columns(chosen, [i]) for i in range(k)]
                found.append(functools.reduce(lambda left, right: left + right, parts) / float(k))
        return scores(g.squeeze(found[0]) if single else g.concat(found))

    return {**_nearest(e, X, c), "predict": predict}


def _within(e: View, X: Value, c: Context) -> tuple[Tensor, Distances]:
    """Return which training rows are within the radius, bool [N, M], and the distances."""
    found = distances(e, X, c)
    return found.reduced <= found.reach(float(e["radius"])), found


@emits("sklearn.neighbors.RadiusNeighborsTransformer")
def radius_transformer(e: View, X: Value, c: Context) -> Methods:
    """A table with one column for each training row: the distances to those within the radius, or one for each."""

    def transform() -> Answer:
        g = c.graph
        near, found = _within(e, X, c)
        places = g.op("NonZero", near, dtype="int64")
        row, column = (g.squeeze(g.op("Gather", places, g.const([i]), axis=0), 0) for i in (0, 1))
        if e["mode"] == "distance":
            away = g.op("GatherND", found.real(found.reduced), g.op("Transpose", places, perm=[1, 0]))
        else:
            away = row.cast(g.precision) * 0.0 + 1.0
        rows = g.op("Shape", near, dtype="int64", start=0, end=1)
        return Sparse(away, column, row, rows, int(e["n_samples_fit_"]))

    return {"transform": transform, "radius_neighbors": _ragged}


def _radius_weights(e: View, near: Tensor, found: Distances, c: Context) -> Tensor:
    """Return how much each training row counts for each row, [N, M]; none outside of the radius."""
    g = c.graph
    kind = e["weights"]
    if kind is None or kind == "uniform":
        return near.cast(g.precision)
    if kind != "distance":
        raise Unsupported("weights by a function of the caller's own")
    away = found.real(found.reduced)
    same = (near & away.equal(0.0)).cast(g.precision)
    weights = g.where(near, 1.0 / away, 0.0)
    return g.where(g.max(same, 1, keep=True) > 0.0, same, weights)


@emits("sklearn.neighbors.RadiusNeighborsClassifier")
def radius_classifier(e: View, X: Value, c: Context) -> Methods:
    """The votes of all within a radius; a row without any is an outlier, or refused."""
    g = c.graph
    classes, labels = _outputs(e)

    @functools.cache
    def shares() -> list[Tensor]:
        near, found = _within(e, X, c)
        weights = _radius_weights(e, near, found, c)
        lonely = g.max(near.cast("int64"), 1, keep=True).equal(0)
        outlier = e["outlier_label_"]
        if outlier is None:
            c.refuse(lonely)
        result = []
        for output, known in enumerate(classes):
            each = (labels[:, output][:, np.newaxis] == np.arange(len(known))).astype(np.float64)
            sums = weights @ g.const(each)
            if outlier is not None:
                own = (np.asarray(known) == outlier[output]).astype(np.float64)[np.newaxis, :]
                sums = g.where(lonely, own, sums)
            total = row_sum(c, sums, len(known))
            result.append(sums / g.where(total.equal(0.0), 1.0, total))
        return result

    def predict() -> Answer:
        found, known = [], []
        for output, share in enumerate(shares()):
            index, names = g.argmax(share), np.asarray(classes[output])
            if e["outlier_label_"] is not None:
                outlier = np.asarray([e["outlier_label_"][output]])
                if outlier[0] not in names:
                    names = np.concatenate((names, outlier.astype(names.dtype)))
                    index = g.where(g.max(share, 1) <= 0.0, g.const(len(names) - 1), index)
                else:
                    place = int(np.flatnonzero(names == outlier[0])[0])
                    index = g.where(g.max(share, 1) <= 0.0, g.const(place), index)
            found.append(index)
            known.append(names)
        if not e["outputs_2d_"]:
            return Labels(found[0], (known[0],))
        return Labels(g.concat([g.expand(each) for each in found]), tuple(known))

    return {
        "predict": predict,
        "predict_proba": lambda: scores(*shares(), listed=bool(e["outputs_2d_"])),
        "radius_neighbors": _ragged,
    }


@emits("sklearn.neighbors.RadiusNeighborsRegressor")
def radius_regressor(e: View, X: Value, c: Context) -> Methods:
    """The mean of all within a radius, weighed; NaN where there are none."""

    def predict() -> Answer:
        g, targets = c.graph, floats(e["_y"])
        near, found = _within(e, X, c)
        weights = _radius_weights(e, near, found, c)
        sums = weights @ g.const(targets.reshape(len(targets), -1))
        mean = sums / g.sum(weights, 1, keep=True)
        return scores(g.squeeze(mean) if targets.ndim == 1 else mean)

    return {"predict": predict, "radius_neighbors": _ragged}


@emits("sklearn.neighbors.LocalOutlierFactor")
def local_outlier_factor(e: View, X: Value, c: Context) -> Methods:
    """How much sparser a row lies than its neighbours."""
    g, k = c.graph, int(e["n_neighbors_"])
    find = functools.cache(lambda: closest(e, X, c, k))

    @functools.cache
    def factor() -> Tensor:
        away, places = find()
        reach = g.op("Gather", g.const(floats(e["_distances_fit_X_"])[:, k - 1]), places, axis=0)
        density = 1.0 / (row_sum(c, g.op("Max", away, reach), k) / float(k) + 1e-10)
        ratios = g.op("Gather", g.const(floats(e["_lrd"])), places, axis=0) / density
        return -g.squeeze(row_sum(c, ratios, k) / float(k))

    def decision() -> Tensor:
        return factor() - float(e["offset_"])

    methods = _nearest(e, X, c)
    if e["novelty"]:
        methods |= {
            "score_samples": lambda: scores(factor()),
            "decision_function": lambda: scores(decision()),
            "predict": lambda: inliers(~(decision() < 0.0)),
        }
    return methods
