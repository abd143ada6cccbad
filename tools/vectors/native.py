"""Step 6, values: arrays that native classes would trust, with one value that must not be there.

Handed to the library itself, most of these end in a crash, an endless loop or a read of foreign memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tools.vectors.artifact import Draft, tensor
from tools.vectors.graph import Node, Obj, draft
from tools.vectors.index import Vector, reject

NODE = np.dtype({
    "names": ["left_child", "right_child", "feature", "threshold", "impurity", "n_node_samples",
              "weighted_n_node_samples", "missing_go_to_left"],
    "formats": ["<i8", "<i8", "<i8", "<f8", "<f8", "<i8", "<f8", "u1"],
    "offsets": [0, 8, 16, 24, 32, 40, 48, 56], "itemsize": 64,
})  # fmt: skip
SEARCH = np.dtype([("idx_start", "<i8"), ("idx_end", "<i8"), ("is_leaf", "<i8"), ("radius", "<f8")])


def vectors() -> Iterator[Vector]:
    yield from _trees()
    yield from _search_trees()
    yield from _sparse()
    yield from _text()
    yield from _other()


def _values(code: str, what: str, root: Any, shows: str, part: str = "values") -> Vector:
    return reject(code, what, draft(root), shows, 6, part)


def _nodes() -> np.ndarray[Any, Any]:
    table = np.zeros(3, NODE)
    table["left_child"], table["right_child"] = [1, -1, -1], [2, -1, -1]
    table["feature"], table["threshold"] = [0, -2, -2], [0.5, -2.0, -2.0]
    table["n_node_samples"], table["weighted_n_node_samples"] = [2, 1, 1], [2.0, 1.0, 1.0]
    return table


def tree(**changed: Any) -> Obj:
    """A tree of one split over two features; `changed` replaces attributes, or fields of its nodes."""
    table = _nodes()
    for name in [name for name in changed if name in NODE.names]:  # type: ignore[operator]
        position, value = changed.pop(name)
        table[name][position] = value
    values = np.array([[[0.5, 0.5]], [[1.0, 0.0]], [[0.0, 1.0]]])
    base = Obj("sklearn:tree.Tree", n_features=2, n_classes=np.array([2]), n_outputs=1, max_depth=1, node_count=3,
               nodes=table, values=values)  # fmt: skip
    return base.but(**changed)


def _trees() -> Iterator[Vector]:
    for code, what, made, shows in (
        ("child-not-greater", "tree-far", tree(left_child=(0, 2**40)), "a child of index 2^40: a segmentation fault"),
        ("child-not-greater", "tree-itself", tree(left_child=(0, 0)), "a node that is its own child: never ends"),
        ("child-not-greater", "tree-backwards", tree(left_child=(1, 0)), "a child before its parent: never ends"),
        ("child-not-greater", "tree-negative", tree(left_child=(0, -7)), "a child of index -7"),
        ("child-not-greater", "tree-two-parents", tree(right_child=(0, 1)), "both children are one node"),
        ("index-out-of-range", "tree-feature", tree(feature=(0, 10**9)), "a split on feature 10^9"),
        ("index-out-of-range", "tree-feature-negative", tree(feature=(0, -2)), "a split on feature -2"),
        ("index-out-of-range", "tree-missing", tree(missing_go_to_left=(0, 7)), "a flag of value 7"),
        ("shape-mismatch", "tree-node-count", tree(node_count=4000), "4000 nodes in an array of three"),
        ("shape-mismatch", "tree-values", tree(values=np.zeros((1, 1, 2))), "values for one node of three"),
        ("shape-mismatch", "tree-outputs", tree(n_outputs=9), "nine outputs, classes for one"),
        ("shape-mismatch", "tree-classes", tree(n_classes=np.array([1000])), "1000 classes, values for two"),
        ("value-mismatch", "tree-depth", tree(max_depth=1000), "deeper than it has nodes: an allocation of any size"),
    ):
        yield _values(code, what, made, shows)
    wrong = np.zeros(3, np.dtype([("left_child", "<i8")]))
    for code, what, made, shows in (
        ("dtype-mismatch", "tree-nodes", tree(nodes=np.zeros(3)), "floats where nodes are needed"),
        ("dtype-mismatch", "tree-fields", tree(nodes=wrong), "nodes of one field"),
        ("dtype-mismatch", "tree-values", tree(values=np.zeros((3, 1, 2), "<f4")), "values of half the width"),
        ("dtype-mismatch", "tree-objects", tree(nodes=np.array([None] * 3)), "an object array where nodes are needed"),
        ("shape-mismatch", "tree-rank", tree(nodes=_nodes().reshape(3, 1)), "nodes in two dimensions"),
        ("value-out-of-range", "tree-negative", tree(n_features=-1), "minus one feature"),
        ("kind-mismatch", "tree-text", tree(node_count="3"), "a count as text"),
        ("attribute-missing", "tree", tree(values=...), "a tree without values"),
        ("attribute-unknown", "tree", tree(__reduce__="x"), "an attribute that no tree has"),
    ):
        yield _values(code, what, made, shows, "structure")


def search_tree(name: str = "KDTree", **changed: Any) -> Obj:
    table = np.zeros(1, SEARCH)
    table["idx_end"], table["is_leaf"], table["radius"] = 3, 1, 1.0
    for field in [field for field in changed if field in (SEARCH.names or ())]:
        table[field][0] = changed.pop(field)
    metric = Obj("sklearn:metrics.EuclideanDistance64", p=2.0, vec=np.zeros(1), mat=np.zeros((1, 1)))
    bounds = np.array([[[0.0, 0.0]], [[1.0, 1.0]]])
    base = Obj(f"sklearn.neighbors.{name}", data=np.arange(6.0).reshape(3, 2), idx_array=np.array([0, 1, 2]),
               node_data=table, node_bounds=bounds, leaf_size=40, n_levels=1, n_nodes=1, dist_metric=metric,
               sample_weight=None)  # fmt: skip
    return base.but(**changed)


def _search_trees() -> Iterator[Vector]:
    for code, what, made, shows in (
        ("index-out-of-range", "kd-index", search_tree(idx_array=np.array([0, 1, 10**12])), "a point of index 10^12"),
        ("index-out-of-range", "kd-index-negative", search_tree(idx_array=np.array([0, 1, -5])), "a point of index -5"),
        ("index-out-of-range", "kd-end", search_tree(idx_end=10**6), "a node that ends behind the points"),
        ("index-out-of-range", "kd-start", search_tree(idx_start=-1), "a node that begins before the points"),
        ("value-mismatch", "kd-not-leaf", search_tree(is_leaf=0), "the last node is no leaf: it has children nowhere"),
        ("value-mismatch", "kd-levels", search_tree(n_levels=20), "20 levels in an array of one node"),
        ("shape-mismatch", "kd-bounds", search_tree(node_bounds=np.zeros((2, 1, 1))), "bounds of one feature of two"),
        ("shape-mismatch", "kd-index-short", search_tree(idx_array=np.array([0])), "fewer indices than points"),
    ):
        yield _values(code, what, made, shows)
    many = search_tree(n_levels=60, n_nodes=2**50 - 1)
    yield _values("value-out-of-range", "kd-levels", many, "60 levels", "structure")


def sparse(**changed: Any) -> Obj:
    """A CSR matrix of 2 x 3 with three values."""
    base = Obj("scipy.sparse.csr_matrix", shape=(2, 3), data=np.array([1.0, 2.0, 3.0]),
               indices=np.array([0, 2, 1], "<i4"), indptr=np.array([0, 2, 3], "<i4"))  # fmt: skip
    return base.but(**changed)


def _sparse() -> Iterator[Vector]:
    for code, what, made, shows in (
        ("index-out-of-range", "csr-column", sparse(indices=np.array([0, 2, 10**9], "<i4")), "a column of index 10^9"),
        ("index-out-of-range", "csr-negative", sparse(indices=np.array([0, 2, -1], "<i4")), "a column of index -1"),
        ("not-increasing", "csr-pointer", sparse(indptr=np.array([0, 5, 3], "<i4")), "row pointers that go back"),
        (
            "not-increasing",
            "csr-end",
            sparse(indptr=np.array([0, 2, 10**9], "<i4")),
            "a row that ends behind the values",
        ),
        (
            "not-increasing",
            "csr-begin",
            sparse(indptr=np.array([-4, 2, 3], "<i4")),
            "a row that begins before the values",
        ),
        ("shape-mismatch", "csr-rows", sparse(shape=(2**40, 3)), "2^40 rows, pointers for two"),
        ("shape-mismatch", "csr-values", sparse(data=np.array([1.0])), "one value for three indices"),
    ):
        yield _values(code, what, made, shows)


def _other() -> Iterator[Vector]:
    diagonals = Obj("scipy.sparse.dia_matrix", shape=(3, 3), data=np.ones((2, 3)), offsets=np.array([1, 1], "<i4"))
    yield _values("not-distinct", "diagonals", diagonals, "one diagonal twice")
    pieces = Obj("scipy.interpolate.PPoly", c=np.ones((1, 1)), x=np.array([0.0, np.nan]), extrapolate=True, axis=0)
    yield _values("not-finite", "spline", pieces, "a knot that is not a number")
    leaf = np.zeros(1, PREDICTOR)
    leaf["is_leaf"] = 1
    split = np.zeros(3, PREDICTOR)
    split["left"][0], split["right"][0], split["is_leaf"][1:] = 1, 2, 1
    for code, what, field, value, shows in (
        ("child-not-greater", "boosting-far", "left", 10**9, "a child of index 10^9"),
        ("child-not-greater", "boosting-itself", "right", 0, "a node that is its own child"),
        ("index-out-of-range", "boosting-feature", "feature_idx", -1, "a split on feature -1"),
        ("index-out-of-range", "boosting-bitset", "is_categorical", 1, "a set of categories that is not there"),
    ):
        nodes = split.copy()
        nodes[field][0] = value
        yield _values(code, what, predictor(nodes), shows)
    yield _values("shape-mismatch", "boosting-bitsets", predictor(leaf, 3), "sets of categories of 96 bits")


PREDICTOR = np.dtype({
    "names": ["value", "count", "feature_idx", "num_threshold", "missing_go_to_left", "left", "right", "gain", "depth",
              "is_leaf", "bin_threshold", "is_categorical", "bitset_idx"],
    "formats": ["<f8", "<u4", "<i8", "<f8", "u1", "<u4", "<u4", "<f8", "<u4", "u1", "u1", "u1", "<u4"],
    "offsets": [0, 8, 12, 20, 28, 29, 33, 37, 45, 49, 50, 51, 52], "itemsize": 56,
})  # fmt: skip


def predictor(nodes: np.ndarray[Any, Any], width: int = 8) -> Obj:
    """One tree of histogram boosting without categories."""
    empty = np.zeros((0, width), "<u4")
    return Obj("sklearn:ensemble.TreePredictor", nodes=nodes, binned_left_cat_bitsets=empty, raw_left_cat_bitsets=empty)


def _text() -> Iterator[Vector]:
    beyond = Draft(tree=[["array", "<U1", [1], "C", 0]], tensors=[tensor("U32", "I", 0x110000, shape=(1, 1))])
    yield reject("text-invalid", "array", beyond, "a text array with a code point above U+10FFFF", 6, "values")
    scalar = Draft(tree=[["scalar", "<U1", "ffffffff"]])
    yield reject("text-invalid", "scalar", scalar, "a text scalar with a code point above U+10FFFF", 6, "values")
    big = Draft(tree=[["array", ">U1", [1], "C", 0]], tensors=[tensor("U32", "I", 0x00001100, shape=(1, 1))])
    yield reject("text-invalid", "big-endian", big, "the same in big-endian order", 6, "values")
    flag = Draft(tree=[["scalar", "|b1", "02"]])
    yield reject("bool-invalid", "scalar", flag, "a boolean scalar of value 2", 6, "values")
    fields = ["structured", [["a", "|b1", 0, []]], 1, False]
    inside = Draft(tree=[["array", 1, [2], "C", 0], fields], tensors=[tensor("U8", "B", 1, 2, shape=(2, 1))])
    yield reject("bool-invalid", "field", inside, "a boolean field of value 2", 6, "values")


__all__ = ["Node", "sparse", "tree", "vectors"]
