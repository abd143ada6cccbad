"""Clusters: the nearest centre, the distances to all of them, and features pooled by cluster."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from amber.programs import plan as plans
from amber.programs.emit.decide import finite
from amber.programs.emit.decompose import floats
from amber.programs.emit.flow import Answer, Context, Labels, Methods, emits, inverts, scores
from amber.programs.emit.graph import Tensor, Unsupported
from amber.programs.emit.pairwise import manhattan, squared_gemm
from amber.programs.emit.values import Matrix, Value
from amber.programs.emit.view import View

Array = np.ndarray[Any, Any]


def nearest(c: Context, distances: Tensor) -> Tensor:
    """Return the index of the first least distance of each row."""
    return c.graph.argmax(-distances)


def by_products(c: Context, X: Value, centres: Array) -> Tensor:
    """Return C.C - 2 X.C, [N, k]: what Lloyd's algorithm compares."""
    products = c.product(X, centres.T) * -2.0
    lengths: Array = np.einsum("ij,ij->i", centres, centres)
    return products + lengths[np.newaxis, :]


@emits("sklearn.cluster.KMeans", "sklearn.cluster.MiniBatchKMeans")
def k_means(e: View, X: Value, c: Context) -> Methods:
    """The nearest centre; the distances to all."""
    centres = floats(e["cluster_centers_"])

    def predict() -> Answer:
        rows = finite(X, c)
        refuse_single(e, X, c)
        return Labels(nearest(c, by_products(c, rows, centres)), (np.arange(len(centres), dtype=np.int32),))

    return {"predict": predict, "transform": functools.partial(distances_to, X, c, centres)}


def distances_to(X: Value, c: Context, centres: Array) -> Answer:
    """Return Euclidean distances [N, k]."""
    return Matrix(c.graph.op("Sqrt", squared_gemm(c, finite(X, c), centres)), len(centres))


def refuse_single(e: View, X: Value, c: Context) -> None:
    """Refuse float32 rows where the centres are float64: the original's kernel wants one dtype."""
    if c.keeps_single(X) and np.asarray(e["cluster_centers_"]).dtype == np.float64:
        first = c.graph.column(c.matrix(X).tensor, 0)
        c.refuse(first.equal(first) & c.came_as(plans.SINGLE), wide=False)


@emits("sklearn.cluster.BisectingKMeans")
def bisecting_k_means(e: View, X: Value, c: Context) -> Methods:
    """Down a tree of clusters, each time to the nearer of two centres."""
    centres = floats(e["cluster_centers_"])

    def predict() -> Answer:
        refuse_single(e, X, c)
        index = _descended(e, e["_bisecting_tree"], finite(X, c), c)
        if not isinstance(index, Tensor):  # one cluster
            rows = c.product(finite(X, c), np.zeros((centres.shape[1], 1)))
            index = c.graph.squeeze(rows * 0.0).cast("int64")
        return Labels(index, (np.arange(len(centres), dtype=np.int32),))

    return {"predict": predict, "transform": functools.partial(distances_to, X, c, centres)}


def _descended(e: View, node: View, X: Value, c: Context) -> Tensor | int:
    """Return the labels of the rows in the part of the tree below a node; a number below a leaf."""
    if node.get("left") is None:
        return int(node["label"])
    pair = np.vstack((floats(node["left"]["center"]), floats(node["right"]["center"])))
    if "_X_mean" in e:
        pair = pair + floats(e["_X_mean"])
    g, found = c.graph, by_products(c, X, pair)
    second = g.column(found, 1) < g.column(found, 0)
    left, right = _descended(e, node["left"], X, c), _descended(e, node["right"], X, c)
    return g.where(second, g.tensor(right), g.tensor(left))


@emits("sklearn.cluster.MeanShift")
def mean_shift(e: View, X: Value, c: Context) -> Methods:
    """The nearest centre."""
    return {"predict": lambda: _closest(e, X, c, floats(e["cluster_centers_"]))}


def _closest(e: View, X: Value, c: Context, centres: Array) -> Answer:
    return Labels(nearest(c, squared_gemm(c, finite(X, c), centres)), (np.arange(len(centres)),))


@emits("sklearn.cluster.AffinityPropagation")
def affinity_propagation(e: View, X: Value, c: Context) -> Methods:
    """The nearest exemplar; -1 for all where the search found none."""

    def predict() -> Answer:
        if "cluster_centers_" not in e:
            raise Unsupported("predict of affinities given by the caller")
        centres = e["cluster_centers_"]
        if not isinstance(centres, np.ndarray):
            raise Unsupported("exemplars held as sparse rows")
        if len(centres):
            return _closest(e, X, c, floats(centres))
        whole = c.require(c.matrix(X))
        return Labels((c.graph.column(whole.tensor, 0) * 0.0).cast("int64"), (np.array([-1]),))

    return {"predict": predict}


@emits("sklearn.cluster.Birch")
def birch(e: View, X: Value, c: Context) -> Methods:
    """The label of the nearest subcluster; the distances to all of them."""
    centres = floats(e["subcluster_centers_"])

    def predict() -> Answer:
        index = nearest(c, squared_gemm(c, finite(X, c), centres))
        labels, place = np.unique(np.asarray(e["subcluster_labels_"]), return_inverse=True)
        return Labels(c.graph.op("Gather", c.graph.const(place.reshape(-1)), index, axis=0), (labels,))

    return {"predict": predict, "transform": functools.partial(distances_to, X, c, centres)}


@emits("sklearn.cluster.FeatureAgglomeration")
def feature_agglomeration(e: View, X: Value, c: Context) -> Methods:
    """Features pooled by cluster: their mean, maximum or minimum."""

    def transform() -> Answer:
        g, whole, labels = c.graph, c.require(c.matrix(X)), np.asarray(e["labels_"])
        pooling = str(e["pooling_func"])
        groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        if pooling == "numpy.mean":
            weights = np.zeros((len(labels), len(groups)))
            weights[np.arange(len(labels)), labels] = 1.0
            return Matrix((whole.tensor @ g.const(weights)) / np.bincount(labels).astype(np.float64), len(groups))
        kind = {
            "numpy.max": "ReduceMax",
            "numpy.amax": "ReduceMax",
            "numpy.min": "ReduceMin",
            "numpy.amin": "ReduceMin",
        }
        if pooling not in kind:
            raise Unsupported(f"features pooled by {pooling}")
        parts = [g.op(kind[pooling], g.columns(whole.tensor, group), g.const([1]), keepdims=1) for group in groups]
        return Matrix(g.concat(parts), len(groups))

    return {"transform": transform}


@inverts("sklearn.cluster.FeatureAgglomeration")
def feature_agglomeration_inverse(e: View, X: Matrix, c: Context) -> Value:
    """Each feature takes the value of its cluster."""
    place = np.unique(np.asarray(e["labels_"]), return_inverse=True)[1].reshape(-1)
    return Matrix(c.graph.columns(X.tensor, place), len(place))


@emits("sklearn.neighbors.NearestCentroid")
def nearest_centroid(e: View, X: Value, c: Context) -> Methods:
    """The class of the nearest centroid, or of the best score where classes are not alike in weight."""
    centres, classes = floats(e["centroids_"]), e["classes_"]
    metric = e["metric"]
    prior = floats(e["class_prior_"]) if "class_prior_" in e else np.full(len(classes), 1 / len(classes))
    even = bool(np.isclose(prior, 1 / len(classes)).all())

    def predict() -> Answer:
        if metric not in ("euclidean", "manhattan"):
            raise Unsupported(f"centroids by the metric {metric!r}")
        if not even:
            return Labels(c.graph.argmax(discriminant()), (classes,))
        value = finite(X, c)
        if metric == "euclidean":
            return Labels(nearest(c, squared_gemm(c, value, centres)), (classes,))
        return Labels(nearest(c, manhattan(c, c.matrix(value).tensor, centres)), (classes,))

    @functools.cache
    def discriminant() -> Tensor:
        deviation = floats(e["within_class_std_dev_"])
        scale = np.where(deviation != 0, deviation, 1.0)
        whole, scaled = c.require(c.matrix(X)).tensor / scale, centres / scale
        if metric == "euclidean":
            length = c.graph.op("Sqrt", squared_gemm(c, whole, scaled))
        else:
            length = manhattan(c, whole, scaled)
        return -(length * length) + 2.0 * np.log(prior)

    def decision_function() -> Answer:
        found = discriminant()
        if len(classes) == 2:
            return scores(c.graph.column(found, 1) - c.graph.column(found, 0))
        return scores(found)

    @functools.cache
    def logarithm() -> Tensor:
        g, found = c.graph, discriminant()
        likelihood = found - g.max(found, 1, keep=True)
        return likelihood - g.op("Log", g.sum(g.op("Exp", likelihood), 1, keep=True))

    methods: Methods = {"predict": predict}
    if metric == "euclidean" and "within_class_std_dev_" in e:
        methods |= {
            "decision_function": decision_function,
            "predict_proba": lambda: scores(c.graph.op("Exp", logarithm())),
            "predict_log_proba": lambda: scores(logarithm()),
        }
    return methods
