"""Forests: averages of many trees, in one walk over all of them; isolation forests; trees as features."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from amber.programs.emit.flow import Context, Labels, Methods, Scores, emits, scores
from amber.programs.emit.graph import Tensor
from amber.programs.emit.nodes import Array
from amber.programs.emit.trees import (
    Grove,
    checked,
    classifier,
    grown,
    leaf_values,
    need,
    outputs,
    parted,
    single,
    tables,
)
from amber.programs.emit.values import Sparse, Value
from amber.programs.emit.view import View

# Splits of a forest above which a second walk (`apply` beside a sum) would make a program too large.
TWICE = 400_000


@emits("sklearn.ensemble.RandomForestClassifier", "sklearn.ensemble.ExtraTreesClassifier")
def forest_classifier(e: View, X: Value, c: Context) -> Methods:
    """The mean of the trees' probabilities."""
    trees, classes = [each["tree_"] for each in e["estimators_"]], outputs(e)
    grove = Grove(c.graph, single(checked(e["estimators_"][0], X, c), c), grown(trees))
    table = tables(leaf_values(trees, grove.nodes), classes)

    @functools.cache
    def probabilities() -> list[Tensor]:
        return parted(c.graph, total(grove, table) / float(len(trees)), classes)

    shared = not counted(table)
    return classifier(c, classes, probabilities) | {"apply": lambda: applied(grove, shared=shared)}


@emits("sklearn.ensemble.RandomForestRegressor", "sklearn.ensemble.ExtraTreesRegressor")
def forest_regressor(e: View, X: Value, c: Context) -> Methods:
    """The mean of the trees' values."""
    trees, several = [each["tree_"] for each in e["estimators_"]], e["n_outputs_"] > 1
    grove = Grove(c.graph, single(checked(e["estimators_"][0], X, c), c), grown(trees))

    def predict() -> Scores:
        values = leaf_values(trees, grove.nodes)[:, :, 0]
        found = grove.sums(values) if several else grove.total(values[:, 0])
        return scores(found / float(len(trees)))

    return {"predict": predict, "apply": lambda: applied(grove, shared=several)}


def counted(table: Array) -> bool:
    """Return whether sums over the leaves of two classes are exact in any order: pure leaves, halves, quarters.

    Then the sum of one class is the number of trees less that of the other, to the last bit.
    """
    scaled = table * 2.0**20
    return table.shape[1] == 2 and bool((scaled == np.floor(scaled)).all() and (table.sum(axis=1) == 1).all())


def total(grove: Grove, table: Array) -> Tensor:
    """Return the sum of the trees' probabilities; of two classes in pure leaves one sum says both."""
    if not counted(table):
        return grove.sums(table)
    g = grove.graph
    second = g.expand(grove.total(table[:, 1]))
    return g.concat([float(grove.nodes.trees) - second, second])


def applied(grove: Grove, *, shared: bool) -> Scores:
    """Answer `apply` of a forest: from the walk that the other methods share, or from one more.

    Raises:
        Unsupported: One more would double a large program.
    """
    splits = len(grove.nodes.feature)
    need(shared or splits <= TWICE, f"apply of a forest of {splits} splits would double the size of its program")
    return scores(grove.numbers)


@emits("sklearn.ensemble.RandomTreesEmbedding")
def embedding(e: View, X: Value, c: Context) -> Methods:
    """A column for each leaf of each tree, one where the row ends there."""
    g, estimators = c.graph, e["estimators_"]
    grove = Grove(g, single(checked(estimators[0], X, c), c), grown([each["tree_"] for each in estimators]))
    trees = grove.nodes.trees

    def transform() -> Value:
        ends = np.searchsorted(grove.nodes.tree, np.arange(trees + 1))
        known = [grove.nodes.number[a:b] for a, b in itertools.pairwise(ends)]
        same = all(np.array_equal(a, b) for a, b in zip(known, e["one_hot_encoder_"]["categories_"], strict=True))
        need(same, "a leaf that no row of the training data ends in")
        rows = g.op("Shape", grove.leaves, dtype="int64", start=0, end=1)
        every = g.op("Range", g.const(0), g.squeeze(rows * trees, 0), g.const(1))
        column = g.op("Reshape", grove.leaves, g.const([-1]))
        ones = g.op("Expand", g.const(1.0), rows * trees)
        found = Sparse(ones, column, every / g.const(trees), rows, len(grove.nodes.tree))
        return found if e["sparse_output"] else c.matrix(found)

    return {"transform": transform, "apply": lambda: scores(grove.numbers)}


@emits("sklearn.ensemble.IsolationForest")
def isolation(e: View, X: Value, c: Context) -> Methods:
    """How few splits part a row from the others; it takes missing and infinite values, and what overflows."""
    g, estimators = c.graph, e["estimators_"]
    nodes = grown([each["tree_"] for each in estimators], e["estimators_features_"])
    if isinstance(X, Sparse):  # where the original looks for no missing values, and no comparison holds for them
        nodes = replace(nodes, missing_left=np.zeros_like(nodes.missing_left))
    x = c.matrix(X)
    if not c.since("scikit-learn", (1, 6)):
        c.require(c.require(x, "finite"), "float32")
    grove = Grove(g, single(x, c), nodes)

    @functools.cache
    def score_samples() -> Scores:
        depths = np.concatenate(_depths(e))[grove.nodes.place]
        whole = len(estimators) * float(path_length(np.array([e["_max_samples"]]))[0])
        if whole == 0:
            return scores(grove.total(np.zeros(len(depths))) - 0.5)
        return scores(-g.op("Pow", g.const(2.0), -(grove.total(depths) / whole)))

    def decision() -> Tensor:
        return score_samples().tensors[0] - float(e["offset_"])

    def predict() -> Labels:
        # the offset is often the score of a training row: an ulp below it is that row, not one outside
        outside = decision() < -4 * float(np.finfo(g.precision).eps)
        return Labels((~outside).cast("int64"), (np.array([-1, 1]),))

    return {
        "predict": predict,
        "decision_function": lambda: scores(decision()),
        "score_samples": score_samples,
    }


def _depths(e: View) -> Sequence[Array]:
    """Return what each node adds: the length of its path, and what a tree of the rows left there would have."""
    found = []
    for number, estimator in enumerate(e["estimators_"]):
        tree = estimator["tree_"]
        if "_decision_path_lengths" in e:
            found.append(e["_decision_path_lengths"][number] + e["_average_path_length_per_tree"][number] - 1.0)
        else:
            found.append(_levels(tree["nodes"]) + path_length(tree["nodes"]["n_node_samples"]) - 1.0)
    return found


def _levels(nodes: Array) -> Array:
    """Return how many nodes stand on the way from the root to each node, both counted."""
    depth = np.ones(len(nodes), dtype=np.int64)
    front = np.array([0])
    while len(front):
        front = front[nodes["left_child"][front] >= 0]
        for side in ("left_child", "right_child"):
            depth[nodes[side][front]] = depth[front] + 1
        front = np.concatenate([nodes["left_child"][front], nodes["right_child"][front]])
    return depth


def path_length(samples: Array) -> Array:
    """Return the mean length of a path in a tree of so many rows."""
    many = np.maximum(samples, 3).astype(np.float64)
    long: Any = 2.0 * (np.log(many - 1.0) + np.euler_gamma) - 2.0 * (many - 1.0) / many
    return np.where(samples <= 1, 0.0, np.where(samples == 2, 1.0, long))
