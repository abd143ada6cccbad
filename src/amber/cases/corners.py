"""Rows in the corners of leaves: one row stands exactly at the threshold of every feature that bounds its leaf.

A leaf of a tree is a box. A row in its upper corner goes left at every upper bound and would go right if the threshold
were any lower; a row in its lower corner stands the other way round. So a few rows see far more thresholds than one
row for each side of each threshold, and every one of them reaches a leaf besides.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from amber.cases import rows
from amber.cases.anatomy import Chain, decides_exactly
from amber.cases.coverage import Facts, cover
from amber.cases.flat import FlatTree, flat_trees
from amber.cases.thresholds import Split, boundaries, leaves, movable, through

_SPARE = 1.5  # corners made for each that may be recorded
_MAX_CELLS = 4_000_000  # nodes times features of one tree
_MAX_LEVELS = 128
_LEAST = 0.02  # a corner that adds less is not worth a row
_CHANGE = 0.01  # of a threshold: how large a change is looked for
_FRESH = 8.0  # rows that a later user asks for each row the model was fitted on


class Corners(NamedTuple):
    """Rows in corners, and which thresholds each sees: pairs of (row, number of the fact), and the facts' worth."""

    X: Any
    pairs: list[tuple[int, int]]
    worth: Any


class _Corner(NamedTuple):
    tree: int
    leaf: int
    base: int
    nodes: list[tuple[int, int, bool]]  # feature, node, whether it bounds from above


def corner_rows(chain: Chain, X: Any, at_most: int) -> Corners | None:
    """Return rows of the form of `X` in corners of leaves, most telling first; None where there are none to make."""
    if chain.last is None or not chain.exact_way or not decides_exactly(chain.last) or not rows.count(X):
        return None
    if rows.form(X) not in ("frame", "array") or not rows.width(X):
        return None
    try:
        return _made(chain, X, int(at_most * _SPARE))
    except Exception:
        return None  # the model does not take rows like these one by one: no evidence of this kind


def _made(chain: Chain, X: Any, number: int) -> Corners | None:
    Z = through(chain, X)
    trees = [tree for tree in flat_trees(chain.last) if len(tree.feature) * Z.shape[1] <= _MAX_CELLS]
    if not trees:
        return None
    free = movable(chain, X, Z.shape[1])
    quota = max(8, number // len(trees))
    worths = [worth_of(tree, Z) for tree in trees]
    found = [corner for k, tree in enumerate(trees)
             for corner in _chosen(k, tree, Z, worths[k], free, quota)][:number]  # fmt: skip
    splits = {(f, float(trees[c.tree].threshold[n])): trees[c.tree].cast for c in found for f, n, _ in c.nodes}
    turns = boundaries(chain, X, [Split(f, t, cast, 0) for (f, t), cast in splits.items()])
    return _written(X, trees, found, turns, worths)


def worth_of(tree: FlatTree, Z: Any) -> Any:
    """Return how likely a change of 1 % of each node's threshold is seen by rows like those the tree was grown on."""
    inner = tree.feature >= 0
    feature = np.where(inner, tree.feature, 0)
    ends = np.nan_to_num(np.stack([np.nanmin(Z, axis=0), np.nanmax(Z, axis=0)]))
    width = np.maximum((ends[1] - ends[0])[np.minimum(feature, Z.shape[1] - 1)], 1e-12)
    share = np.minimum(1.0, _CHANGE * np.abs(tree.threshold) / width)
    with np.errstate(all="ignore"):
        worth = np.where(inner & np.isfinite(tree.threshold), 1 - np.exp(-_FRESH * tree.count * share), 0.0)
    # In steps of 1/1024, so that sums are exact: the choice of rows must not hang on the last bit of exp.
    rounded: Any = np.rint(1024 * worth) / 1024
    return rounded


def _bounds(tree: FlatTree, width: int) -> tuple[Any, Any]:
    """For each node and feature the deepest node above it that bounds it from above, and from below; -1 for none."""
    upper = np.full((len(tree.feature), width), -1, np.int32)
    lower = upper.copy()
    level = np.array([0])
    for _ in range(_MAX_LEVELS):
        level = level[tree.feature[level] >= 0]
        if not len(level):
            break
        feature = tree.feature[level]
        for child, mine in ((tree.left[level], upper), (tree.right[level], lower)):
            upper[child], lower[child] = upper[level], lower[level]
            mine[child, feature] = level
        level = np.concatenate([tree.left[level], tree.right[level]])
    return upper, lower


def _chosen(number: int, tree: FlatTree, Z: Any, worth: Any, free: Any, quota: int) -> list[_Corner]:
    """Corners of one tree, each the one that adds most to those before."""
    upper, lower = _bounds(tree, Z.shape[1])
    reached = leaves(tree, Z)
    base = np.full(len(tree.feature), -1)
    base[reached[::-1]] = np.arange(len(Z))[::-1]
    ends = np.flatnonzero(tree.feature < 0)
    fixed = ((upper[ends] >= 0) | (lower[ends] >= 0)) & ~free
    ends = ends[(base[ends] >= 0) | ~fixed.any(axis=1)]
    upper = np.where(free, upper[ends], -1)
    lower = np.where(free, lower[ends], -1)
    # Per leaf two corners: the upper one (upper bounds, else lower ones) and the lower one.
    above = np.concatenate([upper, np.where(lower >= 0, -1, upper)])
    below = np.concatenate([np.where(upper >= 0, -1, lower), lower])
    rows_up, features_up = np.nonzero(above >= 0)
    rows_low, features_low = np.nonzero(below >= 0)
    corner = np.concatenate([rows_up, rows_low])
    node = np.concatenate([above[rows_up, features_up], below[rows_low, features_low]]).astype(np.int64)
    side = np.repeat([0, 1], [len(rows_up), len(rows_low)])
    feature = np.concatenate([features_up, features_low])
    facts = Facts(corner, 2 * node + side, np.repeat(worth, 2))
    order = np.argsort(corner, kind="stable")
    starts = np.searchsorted(corner[order], np.arange(2 * len(ends) + 1))
    found: list[_Corner] = []
    for one in cover(facts, 2 * len(ends), (), quota, _LEAST):
        mine = order[starts[one] : starts[one + 1]]
        leaf = int(ends[one % len(ends)])
        bounds = zip(feature[mine].tolist(), node[mine].tolist(), (side[mine] == 0).tolist(), strict=True)
        found.append(_Corner(number, leaf, int(base[leaf]), list(bounds)))
    return found


def _written(
    X: Any, trees: list[FlatTree], corners: list[_Corner], turns: dict[tuple[int, float], Any], worths: list[Any]
) -> Corners | None:
    """Put the values into copies of ordinary rows."""
    facts: dict[tuple[int, int, bool], int] = {}
    worth: list[float] = []
    edits: list[tuple[int, int, Any]] = []
    bases: list[int] = []
    pairs: list[tuple[int, int]] = []
    for corner in corners:
        known = [(node, above, turns.get((f, float(trees[corner.tree].threshold[node]))))
                 for f, node, above in corner.nodes]  # fmt: skip
        if corner.base < 0 and any(turn is None for _, _, turn in known):
            continue
        row = len(bases)
        bases.append(corner.base if corner.base >= 0 else row % rows.count(X))
        for node, above, turn in known:
            if turn is not None:
                edits.append((row, turn.column, turn.left if above else turn.right))
                key = (corner.tree, node, above)
                if key not in facts:
                    facts[key] = len(facts)
                    worth.append(float(worths[corner.tree][node]))
                pairs.append((row, facts[key]))
    if not bases:
        return None
    return Corners(rows.edited(rows.take(X, bases), edits), pairs, np.array(worth))
