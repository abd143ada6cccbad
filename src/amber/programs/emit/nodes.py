"""Trees as flat arrays, as one `TreeEnsemble` takes them, and turned so that they are walked in less time.

onnxruntime walks all trees by one comparison, `x <= t` or `x < t`. A processor guesses how it ends, and guesses well
where nearly all end the same way. So a split that most rows of the training data leave to the left is turned: it
compares `-x` with `-t`, and its branches change places. Where a missing value goes is said by the columns too, which
spares a second question at each split: no comparison with NaN holds, every one with minus infinity does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from amber.programs.emit.graph import Graph, Tensor

Array = np.ndarray[Any, Any]
LEAST = 64  # splits for each column that is read, from which on more columns cost less than they spare


@dataclass(frozen=True)
class Nodes:
    """Trees as flat arrays, inner nodes and leaves apart, each in the order of the trees and of their own numbers.

    `left`, `right`: positions among the leaves where `left_leaf`, `right_leaf`, else among the inner nodes. Of each
    leaf: `tree`, `number` (of the node in its tree) and `place` (among all nodes of all trees). `mostly_left`: splits
    that send more of the training data to the left, where that is known.
    """

    feature: Array
    threshold: Array
    missing_left: Array
    left: Array
    right: Array
    left_leaf: Array
    right_leaf: Array
    roots: Array
    tree: Array
    number: Array
    place: Array
    mostly_left: Array | None = None

    @property
    def trees(self) -> int:
        """How many there are."""
        return len(self.roots)


def flat(
    sizes: Sequence[int], left: Array, right: Array, feature: Array, threshold: Array, missing_left: Array,
    inner: Array, cover: Array | None = None,
) -> Nodes:  # fmt: skip
    """Return trees whose nodes stand one tree after another as flat arrays.

    Args:
        sizes: Number of nodes of each tree; the root is its first.
        left: Number of the left child within its tree; `right` likewise.
        right: See above.
        feature: Column of the split.
        threshold: Left if the value is at most this.
        missing_left: Whether a missing value goes to the left.
        inner: Whether a node is no leaf.
        cover: How much of the training data came to each node.
    """
    counts = np.asarray(sizes, dtype=np.int64)
    starts = np.cumsum(counts) - counts
    offset = np.repeat(starts, counts)
    rank = np.where(inner, np.cumsum(inner), np.cumsum(~inner)) - 1
    to_left, to_right = (left + offset)[inner], (right + offset)[inner]
    # a tree that is one leaf is a split that leads to it on both sides
    lone = ~inner[starts]
    only, more = rank[starts][lone], int(lone.sum())
    none, both = np.zeros(more, dtype=np.int64), np.ones(more, dtype=bool)
    place = np.flatnonzero(~inner)
    mostly = None if cover is None else np.concatenate([cover[to_left] > cover[to_right], none.astype(bool)])
    return Nodes(
        feature=np.concatenate([feature[inner], none]),
        threshold=np.concatenate([threshold[inner], none.astype(np.float64)]),
        missing_left=np.concatenate([missing_left[inner], none]),
        left=np.concatenate([rank[to_left], only]),
        right=np.concatenate([rank[to_right], only]),
        left_leaf=np.concatenate([~inner[to_left], both]),
        right_leaf=np.concatenate([~inner[to_right], both]),
        roots=np.where(lone, int(inner.sum()) + np.cumsum(lone) - 1, rank[starts]),
        tree=np.repeat(np.arange(len(counts)), counts)[place],
        number=place - offset[place],
        place=place,
        mostly_left=mostly,
    )


def turned(g: Graph, x: Tensor, nodes: Nodes, splits: Array, strict: bool) -> tuple[Tensor, Nodes, Array]:
    """Return table, nodes and thresholds that lead each row to the same leaves, or what was given where it cannot be.

    Args:
        g: The graph.
        x: The table [N, columns] that the trees are asked with, float.
        nodes: The trees; `mostly_left` says which splits to turn.
        splits: The thresholds, in the dtype of `x`.
        strict: Whether a row goes to the left below the threshold only, and not at it.
    """
    if nodes.mostly_left is None or len(splits) < LEAST * len(np.unique(nodes.feature)):
        return x, nodes, splits
    beyond = splits.dtype.type(-np.inf if strict else np.inf)
    turn = nodes.mostly_left & (splits != beyond)
    cut = np.where(turn, -np.nextafter(splits, beyond), splits)
    holds = nodes.missing_left.astype(bool) ^ turn  # whether the comparison with a missing value is to hold
    if strict and (holds & np.isneginf(cut)).any():
        return x, nodes, splits
    # a column for each way in which a feature is read: as it is or negated, missing values as they are or below all
    ways, way = np.unique((nodes.feature * 2 + turn) * 2 + holds, return_inverse=True)
    table = g.columns(x, ways // 4) * g.const(np.where(ways & 2, -1.0, 1.0)[np.newaxis, :], x.dtype)
    low = (ways & 1).astype(bool)
    if low.any():
        missing = g.op("IsNaN", table, dtype="bool") & g.const(low[np.newaxis, :])
        table = g.where(missing, -np.inf, table)
    g.widest = max(g.widest, len(ways))
    changed = replace(
        nodes, feature=way.reshape(-1), missing_left=np.zeros_like(nodes.missing_left),
        left=np.where(turn, nodes.right, nodes.left), right=np.where(turn, nodes.left, nodes.right),
        left_leaf=np.where(turn, nodes.right_leaf, nodes.left_leaf),
        right_leaf=np.where(turn, nodes.left_leaf, nodes.right_leaf),
    )  # fmt: skip
    return table, changed, cut


def tracked(nodes: Nodes) -> dict[str, Any]:
    """Return the attribute that says where missing values go, where any does not simply fail the comparison."""
    return {"nodes_missing_value_tracks_true": whole(nodes.missing_left)} if nodes.missing_left.any() else {}


def whole(values: Array) -> list[int]:
    """Return an array as the plain integers of an attribute."""
    found: list[int] = values.astype(np.int64).tolist()
    return found
