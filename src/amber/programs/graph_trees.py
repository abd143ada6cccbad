"""Ensembles of trees in a graph: their arrays must make trees, of bounded number, depth and width.

onnxruntime refuses nodes and features out of range; it builds trees by recursion, and takes any number of targets.
"""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from amber.errors import FormatError, LimitError
from amber.programs.graph_node import Asked
from amber.programs.graph_values import Array

_MODES = (b"BRANCH_LEQ", b"BRANCH_LT", b"BRANCH_GTE", b"BRANCH_GT", b"BRANCH_EQ", b"BRANCH_NEQ", b"LEAF")
_MEMBER = 6  # the last mode of TreeEnsemble


def ensemble(node: Asked) -> None:
    """Check a TreeEnsemble of ai.onnx.ml 5."""
    features, roots, targets = (node.integers(each) for each in ("nodes_featureids", "tree_roots", "leaf_targetids"))
    count, leaves = len(features), len(targets)
    _bounded(node, count + leaves)
    modes, splits, weights = node.tensor("nodes_modes"), node.tensor("nodes_splits"), node.tensor("leaf_weights")
    sides = [(node.integers(f"nodes_{side}nodeids"), node.integers(f"nodes_{side}leafs")) for side in ("true", "false")]
    _lengths(node, count, modes, splits, *(each for side in sides for each in side))
    _lengths(node, leaves, weights)
    for name in ("nodes_missing_value_tracks_true", "nodes_hitrates"):
        if name in node.attributes:
            _lengths(node, count, node.tensor(name) if name == "nodes_hitrates" else node.integers(name))
    if not count or not leaves or not len(roots):
        _fail(node, "no nodes, leaves or roots")
    _within(node, "nodes_modes", modes.astype(np.int64), _MEMBER + 1)
    _members(node, modes)
    _within(node, "nodes_featureids", features, 2**31 - 1)
    _within(node, "tree_roots", roots, count)
    _within(node, "leaf_targetids", targets, node.columns("n_targets", 1))
    children = []
    for ids, is_leaf in sides:
        _within(node, "leafs", is_leaf, 2)
        _within(node, "children", ids, np.where(is_leaf == 1, leaves, count))
        children.append(np.where(is_leaf == 1, -1, ids))
    if np.array_equal(roots, [0]) and _points_at_itself(children):
        return  # how onnx writes a single leaf
    _forest(node, np.stack(children, axis=1), roots)


def _points_at_itself(children: list[Array]) -> bool:
    return len(children[0]) == 1 and all(int(each[0]) == -1 for each in children)


def _members(node: Asked, modes: Array) -> None:
    """Sets of member nodes: as many, each ended by NaN, as there are nodes that ask for one."""
    asking = int((modes == _MEMBER).sum())
    if not asking and "membership_values" not in node.attributes:
        return
    values = node.tensor("membership_values")
    if values.ndim != 1 or int(np.isnan(values).sum()) != asking or (len(values) and not np.isnan(values[-1])):
        _fail(node, "membership_values are not one set for each member node")


def classic(node: Asked) -> None:
    """Check a TreeEnsembleRegressor or TreeEnsembleClassifier."""
    trees, ids = node.integers("nodes_treeids"), node.integers("nodes_nodeids")
    count = len(trees)
    _bounded(node, count)
    modes = list(node.strings("nodes_modes"))
    true, false = node.integers("nodes_truenodeids"), node.integers("nodes_falsenodeids")
    _lengths(node, count, ids, true, false, node.integers("nodes_featureids"), _either(node, "nodes_values"))
    if len(modes) != count or not set(modes) <= set(_MODES):
        _fail(node, "nodes_modes")
    for name in ("nodes_missing_value_tracks_true", "nodes_hitrates", "nodes_hitrates_as_tensor"):
        if name in node.attributes:
            found = node.integers(name) if name.endswith("true") else _either(node, "nodes_hitrates")
            _lengths(node, count, found)
    if not count:
        _fail(node, "no nodes")
    for name, values in (("nodes_treeids", trees), ("nodes_nodeids", ids)):
        _within(node, name, values, 2**31 - 1)
    _within(node, "nodes_featureids", node.integers("nodes_featureids"), 2**31 - 1)
    leaf = np.array([mode == b"LEAF" for mode in modes])
    places = _Places(node, trees, ids)
    children = np.stack(
        [np.where(leaf, -1, places.find(trees, np.where(leaf, ids, each))) for each in (true, false)], axis=1
    )
    roots = np.setdiff1d(np.arange(count), children)
    first = np.unique(trees, return_index=True)[1]
    if not np.array_equal(np.sort(first), roots):
        _fail(node, "a tree's first node is not its one root")
    _forest(node, children, roots)
    _answers(node, places, leaf)


def _answers(node: Asked, places: _Places, leaf: Array) -> None:
    """Targets stand at leaves, and within the number of columns."""
    prefix, label = ("class", "class") if node.kind == "TreeEnsembleClassifier" else ("target", "target")
    trees, ids = node.integers(f"{prefix}_treeids"), node.integers(f"{prefix}_nodeids")
    targets = node.integers(f"{label}_ids")
    _lengths(node, len(targets), trees, ids, _either(node, f"{prefix}_weights"))
    if prefix == "class":
        labels = len(node.integers("classlabels_int64s")) or len(list(node.strings("classlabels_strings")))
        columns = node.bounded(labels)
    else:
        columns = node.columns("n_targets", 1)
    base = _either(node, "base_values")
    if len(base) not in (0, 1, columns):
        _fail(node, "base_values")
    _within(node, "targets", targets, columns)
    if not leaf[places.find(trees, ids)].all():
        _fail(node, "a weight at a node that is no leaf")


class _Places:
    """Where the node of a tree and a number stands."""

    def __init__(self, node: Asked, trees: Array, ids: Array) -> None:
        self.node = node
        keys = trees.astype(np.int64) << 31 | ids
        self.order = np.argsort(keys, kind="stable")
        self.keys = keys[self.order]
        if (np.diff(self.keys) == 0).any():
            _fail(node, "two nodes of one tree have one number")

    def find(self, trees: Array, ids: Array) -> Array:
        """Return positions; every node must be there."""
        if ids.size and (ids.min() < 0 or ids.max() >= 2**31 or trees.min() < 0 or trees.max() >= 2**31):
            _fail(self.node, "a node that is not there")
        wanted = trees.astype(np.int64) << 31 | ids
        place = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        if not np.array_equal(self.keys[place], wanted):
            _fail(self.node, "a node that is not there")
        return self.order[place]


def _either(node: Asked, name: str) -> Array:
    """Return an attribute of floats, or its form as a tensor."""
    if f"{name}_as_tensor" not in node.attributes:
        return node.floats(name)
    if name in node.attributes:
        _fail(node, f"{name} in two forms")
    return node.tensor(f"{name}_as_tensor")


def _bounded(node: Asked, count: int) -> None:
    if count > node.limits.program_tree_nodes:
        raise LimitError("limit-program-tree-nodes", f"{count} nodes in one ensemble", where=node.where)


def _lengths(node: Asked, count: int, *arrays: Array) -> None:
    if any(each.shape != (count,) for each in arrays):
        _fail(node, "arrays of one length differ")


def _within(node: Asked, name: str, values: Array, stop: int | Array) -> None:
    if values.size and (values.min() < 0 or (values >= stop).any()):
        _fail(node, f"{name} out of range")


def _forest(node: Asked, children: Array, roots: Array) -> None:
    """Every node has one parent at most, roots none; and no tree is deeper than the limit."""
    inner = children[children >= 0]
    parents = np.bincount(inner, minlength=len(children))
    np.add.at(parents, roots, 1)
    if (parents > 1).any():
        _fail(node, "a node with two parents, or a circle")
    level = roots
    for _ in range(node.limits.program_tree_depth):
        level = children[level].ravel()
        level = level[level >= 0]
        if not level.size:
            return
    raise LimitError("limit-program-tree-depth", "a tree is too deep", where=node.where)


def _fail(node: Asked, message: str) -> NoReturn:
    raise FormatError("program-trees", message, where=node.where)
