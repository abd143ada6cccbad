"""A node table that was edited freely, made canonical again: order, columns and tensors as `spec/tree.md` wants them.

Only what every table needs is put right. A child that does not exist, a set out of order or a tensor of another size
stays wrong if it was made so: that is what the reader has to find.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from amber.tree import nodes
from amber.tree.codec import children, encode_node
from amber.tree.nodes import AnyNode, Tree

Rename = Callable[[int], int]


def canonical(tree: Tree) -> Tree:
    """Return the tree with its nodes in first-visit order, unreachable ones gone, columns and tensors numbered anew."""
    table = _in_range(tree)
    order = [tree.root if 0 <= tree.root < len(table) else 0]
    place = {order[0]: 0}
    for index in order:  # grows while it runs: breadth first
        for child in children(table[index]):
            if child not in place:
                place[child] = len(order)
                order.append(child)
    kept = [renamed(table[index], place.__getitem__) for index in order]
    strings: list[list[str]] = []
    tensors: list[Any] = []
    for position, node in enumerate(kept):
        if isinstance(node, nodes.Strings) and 0 <= node.column < len(tree.strings):
            strings.append(tree.strings[node.column])
            kept[position] = msgspec.structs.replace(node, column=len(strings) - 1)
        elif isinstance(node, nodes.Array | nodes.Numbers) and node.tensor in range(len(tree.tensors)):
            tensors.append(tree.tensors[node.tensor])  # type: ignore[index]
            kept[position] = msgspec.structs.replace(node, tensor=len(tensors) - 1)
    return Tree(kept, 0, strings, tensors)


def _in_range(tree: Tree) -> list[AnyNode]:
    """The nodes, a child that does not exist replaced by the root."""
    count = len(tree.nodes)
    return [
        renamed(node, lambda child: child if 0 <= child < count else 0)
        if any(not 0 <= child < count for child in children(node))
        else node
        for node in tree.nodes
    ]


def renamed(node: AnyNode, name: Rename) -> AnyNode:
    """Return a node whose children have other indices; sets are sorted again by the caller's order of bytes."""
    change = _CHANGES.get(type(node))
    return node if change is None else msgspec.structs.replace(node, **change(node, name))


def sort_sets(tree: Tree) -> None:
    """Put the elements of sets of scalars into canonical order and each one once."""
    for position, node in enumerate(tree.nodes):
        if isinstance(node, nodes.Set | nodes.FrozenSet):
            keyed = {encode_node(tree.nodes[item]): item for item in node.items if 0 <= item < len(tree.nodes)}
            tree.nodes[position] = msgspec.structs.replace(node, items=[keyed[key] for key in sorted(keyed)])


def _items(node: Any, name: Rename) -> dict[str, Any]:
    return {"items": [name(item) for item in node.items]}


def _pairs(node: Any, name: Rename) -> dict[str, Any]:
    return {"items": [(name(key), name(value)) for key, value in node.items]}


def _attributes(node: Any, name: Rename) -> dict[str, Any]:
    return {"attrs": {key: name(node.attrs[key]) for key in sorted(node.attrs)}}


def _dtype(node: Any, name: Rename) -> dict[str, Any]:
    return {"dtype": name(node.dtype)} if isinstance(node.dtype, int) else {}


def _objects(node: Any, name: Rename) -> dict[str, Any]:
    return _items(node, name) if isinstance(node.items, list) else {"items": name(node.items)}


def _fields(node: Any, name: Rename) -> dict[str, Any]:
    return {
        "fields": [
            (field[0], name(field[1]) if isinstance(field[1], int) else field[1], *field[2:]) for field in node.fields
        ]
    }


_CHANGES: dict[type, Callable[[Any, Rename], dict[str, Any]]] = {
    nodes.Slice: lambda node, name: {"start": name(node.start), "stop": name(node.stop), "step": name(node.step)},
    **dict.fromkeys((nodes.List, nodes.Tuple, nodes.Set, nodes.FrozenSet, nodes.Deque), _items),
    **dict.fromkeys((nodes.Dict, nodes.OrderedDict), _pairs),
    nodes.DefaultDict: lambda node, name: {"factory": name(node.factory), **_pairs(node, name)},
    nodes.Map: lambda node, name: {"keys": name(node.keys), "values": name(node.values)},
    nodes.Array: _dtype,
    nodes.Scalar: _dtype,
    nodes.ObjectArray: _objects,
    nodes.Structured: _fields,
    nodes.Object: _attributes,
    nodes.Custom: _attributes,
}
