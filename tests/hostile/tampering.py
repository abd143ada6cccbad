"""Changing one value inside a real tree, the way an attacker would who knows the format."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from amber import vocabulary
from amber.adapters.arrays import as_array, as_column, dtype_string, to_tensor
from amber.adapters.facts import Facts
from amber.adapters.values import check_values
from amber.errors import Problem
from amber.limits import DEFAULT
from amber.policy import Policy
from amber.tree import nodes
from amber.tree.nodes import Tree
from amber.vocabulary import terms
from amber.vocabulary.audit import check_names


def problems(tree: Tree) -> list[Problem]:
    """What both halves of the audit say; the second half runs only where the first is content, as in the reader."""
    found = check_names(tree, vocabulary.load(), Policy())
    return found or check_values(tree, vocabulary.load(), DEFAULT)


def codes(tree: Tree) -> set[str]:
    return {problem.code for problem in problems(tree)}


def copied(tree: Tree) -> Tree:
    """A tree whose node table and tensors can be changed without changing the first."""
    table = [msgspec.structs.replace(node) for node in tree.nodes]
    for node in table:
        if isinstance(node, nodes.Object | nodes.Custom):
            node.attrs = dict(node.attrs)
        elif isinstance(node, nodes.List | nodes.Tuple):
            node.items = list(node.items)
    return Tree(table, tree.root, [list(column) for column in tree.strings], list(tree.tensors))


def index_at(tree: Tree, path: str) -> int:
    """The node at a path from the root, `estimators_[3].tree_.nodes`; an empty path is the root."""
    if not path:
        return tree.root
    found, _ = Facts(tree).find(terms.path(path), [tree.root])
    assert isinstance(found[0], int), path
    return found[0]


def add(tree: Tree, value: Any) -> int:
    """Put a plain value or an array into the table and return its index."""
    if isinstance(value, np.ndarray):
        tree.tensors.append(to_tensor(value, "C", dtype_string(value.dtype), value.dtype.itemsize))
        node: Any = nodes.Array(dtype_string(value.dtype), list(value.shape), "C", len(tree.tensors) - 1)
    elif isinstance(value, list | tuple):
        node = (nodes.List if isinstance(value, list) else nodes.Tuple)([add(tree, item) for item in value])
    elif value is None:
        node = nodes.NoneNode()
    elif isinstance(value, bool):
        node = nodes.Bool(value)
    elif isinstance(value, int):
        node = nodes.Int(value if abs(value) < 2**53 else str(value))
    elif isinstance(value, float):
        node = nodes.Float(repr(value))
    elif isinstance(value, str):
        node = nodes.Str(value)
    else:
        node = value
    tree.nodes.append(node)
    return len(tree.nodes) - 1


def with_attribute(tree: Tree, owner: str, name: str, value: Any) -> Tree:
    """The tree with one attribute of the object at `owner` set to a plain value, an array or a node."""
    changed = copied(tree)
    node = changed.nodes[index_at(changed, owner)]
    assert isinstance(node, nodes.Object | nodes.Custom)
    node.attrs[name] = add(changed, value)
    return changed


def without_attribute(tree: Tree, owner: str, name: str) -> Tree:
    changed = copied(tree)
    node = changed.nodes[index_at(changed, owner)]
    assert isinstance(node, nodes.Object)
    del node.attrs[name]
    return changed


def with_element(tree: Tree, path: str, position: Any, value: Any, field: str = "") -> Tree:
    """The tree with one element of the array (or column of numbers) at `path` changed, its dtype kept."""
    changed = copied(tree)
    index = index_at(changed, path)
    node = changed.nodes[index]
    assert isinstance(node, nodes.Array | nodes.Numbers)
    array = (as_column(changed, node) if isinstance(node, nodes.Numbers) else as_array(changed, node)).copy()
    if field:
        array[field][position] = value
    else:
        array[position] = value
    named = array.dtype.names is not None
    assert node.tensor is not None
    order = "F" if isinstance(node, nodes.Array) and node.order == "F" else "C"
    text = None if named else dtype_string(array.dtype)
    changed.tensors[node.tensor] = to_tensor(array, order, text, array.dtype.itemsize)
    return changed


def with_rows(tree: Tree, path: str, rows: slice) -> Tree:
    """The tree with the array at `path` cut to some of its rows."""
    changed = copied(tree)
    node = changed.nodes[index_at(changed, path)]
    assert isinstance(node, nodes.Array)
    assert node.tensor is not None
    array = np.ascontiguousarray(as_array(changed, node)[rows])
    node.shape, node.order = list(array.shape), "C"
    text = None if array.dtype.names is not None else dtype_string(array.dtype)
    if array.size:
        changed.tensors[node.tensor] = to_tensor(array, "C", text, array.dtype.itemsize)
    else:
        node.tensor = None
    return changed
