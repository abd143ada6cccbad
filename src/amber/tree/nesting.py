"""How deep containers stand inside one another, where code in C calls itself for each level.

CPython and NumPy free and compare object arrays, deques and default dicts by recursion, without looking at the stack:
a hundred thousand of them, each inside the one before, end the process when the model is dropped.
"""

from __future__ import annotations

from amber.tree import nodes
from amber.tree.codec import back_targets, children
from amber.tree.nodes import AnyNode

_COUNTED = frozenset((nodes.ObjectArray, nodes.Deque, nodes.DefaultDict))
_CONTAINERS = _COUNTED | {nodes.List, nodes.Tuple, nodes.Dict, nodes.OrderedDict}


def first_too_deep(table: list[AnyNode], limit: int) -> int | None:
    """Return an object array, deque or default dict that stands on a cycle of containers, or above too many others.

    Args:
        table: The nodes; what is no container (an instance, above all) ends a way.
        limit: How many of the three kinds may stand on one way, itself included.
    """
    counted = sum(type(node) in _COUNTED for node in table)
    if not counted or (counted <= limit and not back_targets(table, _CONTAINERS)):
        return None
    below = {
        index: {child for child in children(node) if type(table[child]) in _CONTAINERS}
        for index, node in enumerate(table)
        if type(node) in _CONTAINERS
    }
    above: dict[int, set[int]] = {index: set() for index in below}
    for index, parts in below.items():
        for child in parts:
            above[child].add(index)
    ends = _peeled(below, above)
    cyclic = set(below) - set(ends)
    cyclic -= set(_peeled({i: above[i] & cyclic for i in cyclic}, {i: below[i] & cyclic for i in cyclic}))
    if found := [index for index in cyclic if type(table[index]) in _COUNTED]:
        return min(found)
    return _deepest(table, limit, below, above, cyclic)


def _deepest(
    table: list[AnyNode], limit: int, below: dict[int, set[int]], above: dict[int, set[int]], cyclic: set[int]
) -> int | None:
    """Count along the ways up; a cycle is as deep as the deepest that it holds."""
    outside = {index: below[index] - cyclic for index in below if index not in cyclic}
    order = _peeled(outside, above)
    depth = dict.fromkeys(cyclic, 0)
    for turn in range(2 if cyclic else 1):
        for index in order:
            depth[index] = (type(table[index]) in _COUNTED) + max((depth[child] for child in below[index]), default=0)
            if depth[index] > limit:
                return index
        if not turn:
            held = max((depth[child] for index in cyclic for child in below[index]), default=0)
            depth.update(dict.fromkeys(cyclic, held))
    return None


def _peeled(below: dict[int, set[int]], above: dict[int, set[int]]) -> list[int]:
    """Return the nodes that lead to no cycle, parts before what holds them."""
    open_parts = {index: len(parts) for index, parts in below.items()}
    order = [index for index, count in open_parts.items() if not count]
    for index in order:  # grows while it runs
        for holder in above[index]:
            if holder in open_parts:
                open_parts[holder] -= 1
                if not open_parts[holder]:
                    order.append(holder)
    return order
