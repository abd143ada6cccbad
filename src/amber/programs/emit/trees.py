"""Decision trees: the nodes of one tree or thousands as the flat arrays of one `TreeEnsemble`, and what is read of it.

A `TreeEnsemble` adds one number of each leaf, tree after tree, as the original adds them: sums keep their bits. Where
a leaf holds several numbers (classes, outputs) the ensemble says which leaf each tree ends in, a table has the
numbers, and a running sum adds them in the same order; so trees are walked once, and `apply` comes with it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from amber.programs.emit.flow import Context, Labels, Methods, Scores, emits, scores
from amber.programs.emit.graph import ML, Graph, Tensor, Unsupported
from amber.programs.emit.nodes import Array, Nodes, flat, tracked, turned, whole
from amber.programs.emit.parts import groves, shared
from amber.programs.emit.values import Matrix, Sparse, Value
from amber.programs.emit.view import View


def grown(trees: Sequence[View], features: Sequence[Any] | None = None) -> Nodes:
    """Return scikit-learn trees (`tree_`) as flat arrays; `features` maps the columns of each to those of the table."""
    records = [tree["nodes"] for tree in trees]

    def field(name: str) -> Array:
        return np.concatenate([record[name] for record in records])

    left, feature = field("left_child"), field("feature")
    sizes = [len(record) for record in records]
    if features is not None:
        mapped = [np.asarray(own)[np.maximum(r["feature"], 0)] for own, r in zip(features, records, strict=True)]
        feature = np.concatenate(mapped)
    known = "missing_go_to_left" in records[0].dtype.names
    missing = field("missing_go_to_left") if known else np.zeros(len(left), dtype=np.uint8)
    cover = field("weighted_n_node_samples")
    return flat(sizes, left, field("right_child"), feature, field("threshold"), missing, left >= 0, cover)


def leaf_values(trees: Sequence[View], nodes: Nodes) -> Array:
    """Return what the leaves hold, [leaves, outputs, classes]."""
    return np.asarray(np.concatenate([tree["values"] for tree in trees])[nodes.place])


def ensemble(g: Graph, x: Tensor, nodes: Nodes, weights: Array, targets: Array | None = None, width: int = 1) -> Tensor:
    """Append a `TreeEnsemble`: each leaf adds its weight to its target; [N, width], tree after tree."""
    splits = nodes.threshold.astype(np.float64)
    if g.precision == "float32":  # x <= t for a float32 x means x <= the greatest float32 that is not above t
        single = splits.astype(np.float32)
        splits = np.where(single > splits, np.nextafter(single, np.float32(-np.inf)), single)
    x, nodes, splits = turned(g, x, nodes, splits, strict=False)
    weights = weights.astype(g.precision)
    if targets is not None:
        return _walked(g, x, nodes, splits, weights, targets, width)
    nodes, weights = shared(nodes, weights)
    none = np.zeros(len(weights), dtype=np.int64)
    found = [_walked(g, x, part, own, weights, none, width) for part, own in groves(nodes, splits, weights)]
    return found[0] if len(found) == 1 else g.op("Sum", *found)


def _walked(g: Graph, x: Tensor, nodes: Nodes, splits: Array, weights: Array, targets: Array, width: int) -> Tensor:
    return g.op(
        "TreeEnsemble", x, domain=ML, n_targets=width, aggregate_function=1, post_transform=0,
        tree_roots=whole(nodes.roots), nodes_featureids=whole(nodes.feature), nodes_splits=splits,
        nodes_modes=np.zeros(len(splits), dtype=np.uint8),
        nodes_truenodeids=whole(nodes.left), nodes_falsenodeids=whole(nodes.right),
        nodes_trueleafs=whole(nodes.left_leaf), nodes_falseleafs=whole(nodes.right_leaf),
        leaf_weights=weights, leaf_targetids=whole(targets), **tracked(nodes),
    )  # fmt: skip


class Grove:
    """The trees of one estimator in one graph: what is read of them, each walk of them appended once."""

    def __init__(self, g: Graph, x: Tensor, nodes: Nodes) -> None:
        self.graph, self.x, self.nodes = g, x, nodes

    def total(self, weights: Array) -> Tensor:
        """Return the sum of one number of the leaf each tree ends in, [N]."""
        return self.graph.squeeze(ensemble(self.graph, self.x, self.nodes, weights))

    def each(self, weights: Array) -> Tensor:
        """Return one number of the leaf of each tree, [N, trees]."""
        return ensemble(self.graph, self.x, self.nodes, weights, self.nodes.tree, self.nodes.trees)

    @functools.cached_property
    def leaves(self) -> Tensor:
        """The leaf each tree ends in, by its position among all leaves, int64 [N, trees]."""
        return self.each(np.arange(len(self.nodes.tree))).cast("int64")

    @functools.cached_property
    def numbers(self) -> Tensor:
        """The leaf each tree ends in, by its number in that tree, int64 [N, trees]: what `apply` answers."""
        return self.graph.op("Gather", self.graph.const(self.nodes.number), self.leaves, axis=0)

    def rows(self, table: Array) -> Tensor:
        """Return the row of a table [leaves, width] for each tree, [N, trees, width]."""
        g, place = self.graph, self.leaves
        unlike, same = np.unique(table, axis=0, return_inverse=True)
        if len(unlike) * 4 < len(table):  # most leaves hold the same few rows
            place, table = g.op("Gather", g.const(same.reshape(-1)), place, axis=0), unlike
        return g.op("Gather", g.const(table), place, dtype=g.precision, axis=0)

    def sums(self, table: Array) -> Tensor:
        """Return the sum over the trees of the rows of a table, [N, width], one tree after another."""
        g, rows = self.graph, self.rows(table)
        if self.nodes.trees > 1:
            rows = g.op("CumSum", rows, g.const(np.int64(1)))
        return g.op("Gather", rows, g.const(np.int64(self.nodes.trees - 1)), axis=1)


def single(x: Matrix, c: Context) -> Tensor:
    """Return a matrix rounded to float32, as every tree of scikit-learn reads it."""
    return x.tensor.cast("float32").cast(c.graph.precision)


def checked(e: View, X: Value, c: Context, *, missing: bool = True) -> Matrix:
    """Refuse what a tree of scikit-learn (`e`) refuses: what float32 cannot hold, and missing values where it does."""
    x = c.matrix(X)
    if isinstance(X, Sparse) or not missing or not takes_missing(e, c):
        c.require(x, "finite")
    return c.require(x, "float32")


def takes_missing(e: View, c: Context) -> bool:
    """Return whether a tree takes missing values, which has changed from version to version."""
    random, extra = e["splitter"] == "random", e.name.startswith("ExtraTree")
    if c.since("scikit-learn", (1, 9)):
        return random or not extra
    if e["criterion"] not in ("gini", "log_loss", "entropy", "squared_error", "friedman_mse", "poisson"):
        return False
    if not c.since("scikit-learn", (1, 6)):
        return not random
    # 1.6 forgot to say it of this one
    return random or not extra or (e.name == "ExtraTreeRegressor" and not c.since("scikit-learn", (1, 7)))


def outputs(e: View) -> list[Any]:
    """Return the classes of each output of a classifier."""
    return list(e["classes_"]) if e["n_outputs_"] > 1 else [e["classes_"]]


def tables(values: Array, classes: Sequence[Any]) -> Array:
    """Return the numbers of all classes of all outputs of a leaf side by side, without the padding between them."""
    return np.concatenate([values[:, k, : len(own)] for k, own in enumerate(classes)], axis=1)


def parted(g: Graph, together: Tensor, classes: Sequence[Any]) -> list[Tensor]:
    """Return the columns of each output."""
    ends = np.cumsum([len(own) for own in classes])
    if len(classes) == 1:
        return [together]
    return [g.columns(together, np.arange(end - len(own), end)) for own, end in zip(classes, ends, strict=True)]


def classifier(c: Context, classes: Sequence[Any], probabilities: Any) -> Methods:
    """Return predict, predict_proba and predict_log_proba from the probabilities of each output (a thunk)."""
    g, several = c.graph, len(classes) > 1

    def predict() -> Labels:
        index = [g.argmax(each) for each in probabilities()]
        together = g.concat([g.expand(each) for each in index]) if several else index[0]
        return Labels(together, tuple(classes))

    def predict_proba() -> Scores:
        return scores(*probabilities(), listed=several)

    def predict_log_proba() -> Scores:
        return scores(*(g.op("Log", each) for each in probabilities()), listed=several)

    return {"predict": predict, "predict_proba": predict_proba, "predict_log_proba": predict_log_proba}


@emits("sklearn.tree.DecisionTreeClassifier", "sklearn.tree.ExtraTreeClassifier")
def tree_classifier(e: View, X: Value, c: Context) -> Methods:
    """The fractions of the classes in the leaf."""
    grove, classes, tree = _grove(e, X, c), outputs(e), e["tree_"]

    @functools.cache
    def probabilities() -> list[Tensor]:
        table = tables(leaf_values([tree], grove.nodes), classes)
        return parted(c.graph, c.graph.squeeze(grove.rows(table)), classes)

    return classifier(c, classes, probabilities) | {"apply": lambda: scores(c.graph.squeeze(grove.numbers))}


@emits("sklearn.tree.DecisionTreeRegressor", "sklearn.tree.ExtraTreeRegressor")
def tree_regressor(e: View, X: Value, c: Context) -> Methods:
    """The value of the leaf, or one for each output."""
    grove = _grove(e, X, c)

    def predict() -> Scores:
        table = leaf_values([e["tree_"]], grove.nodes)[:, :, 0]
        found = c.graph.squeeze(grove.rows(table))
        return scores(found if e["n_outputs_"] > 1 else c.graph.squeeze(found))

    return {"predict": predict, "apply": lambda: scores(c.graph.squeeze(grove.numbers))}


def _grove(e: View, X: Value, c: Context) -> Grove:
    return Grove(c.graph, single(checked(e, X, c), c), grown([e["tree_"]]))


def all_trees(estimators: Sequence[Any]) -> bool:
    """Return whether estimators are decision trees whose leaves hold as many numbers."""
    trees = [each for each in estimators if isinstance(each, View) and each.type.startswith("sklearn.tree.")]
    return len(trees) == len(estimators) and len({each["tree_"]["values"].shape[1:] for each in trees}) == 1


def need(condition: bool, reason: str) -> None:
    """Raise `Unsupported` with a reason where a condition does not hold.

    Raises:
        Unsupported: It does not hold.
    """
    if not condition:
        raise Unsupported(reason)
