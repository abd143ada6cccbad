"""Which cycles of a table can be built: those on which something exists before its parts do (`spec/tree.md`)."""

from __future__ import annotations

from collections.abc import Callable

from amber.tree import nodes
from amber.tree.codec import PARENTS, back_targets, children
from amber.tree.nodes import AnyNode, Tree

# They need their parts to be made: nothing can refer to them before.
_FIXED = (nodes.Tuple, nodes.FrozenSet, nodes.Slice, nodes.Map)


def first_unbuildable(tree: Tree, special: Callable[[nodes.Object], bool]) -> int | None:
    """Return a node on a cycle that cannot be built, None where there is none.

    Args:
        tree: A table whose form has been checked.
        special: Whether an object is rebuilt by its library's adapter from attributes that must be whole.
    """
    table = tree.nodes
    targets = sorted(back_targets(table, PARENTS))
    cyclic = _components(table, targets, lambda _: True)
    if not cyclic:
        return None
    rigid = [isinstance(node, _FIXED) or (isinstance(node, nodes.Object) and special(node)) for node in table]
    for component in cyclic:
        for index in component:
            if rigid[index] and isinstance(table[index], nodes.Object):
                return index
    for component in _components(table, targets, lambda index: rigid[index]):
        return component[0]
    return None


def _components(table: list[AnyNode], starts: list[int], inside: Callable[[int], bool]) -> list[list[int]]:
    """Return the strongly connected parts that can be reached from `starts` through nodes `inside`.

    Parts of several nodes, or of one that refers to itself (Tarjan's algorithm, iterative).
    """
    found: list[list[int]] = []
    if not starts:
        return found
    order = [0] * len(table)  # 1 + number of the visit; 0: not visited
    low = [0] * len(table)
    waiting: list[int] = []
    is_waiting = bytearray(len(table))
    count = 0
    for start in starts:
        if order[start] or not inside(start):
            continue
        stack = [(start, iter(children(table[start])))]
        while stack:
            index, rest = stack[-1]
            if not order[index]:
                count += 1
                order[index] = low[index] = count
                waiting.append(index)
                is_waiting[index] = 1
            for child in rest:
                if not inside(child):
                    continue
                if not order[child]:
                    stack.append((child, iter(children(table[child]))))
                    break
                if is_waiting[child]:
                    low[index] = min(low[index], order[child])
            else:
                stack.pop()
                if stack:
                    parent = stack[-1][0]
                    low[parent] = min(low[parent], low[index])
                if low[index] == order[index]:
                    component: list[int] = []
                    while not component or component[-1] != index:
                        component.append(waiting.pop())
                        is_waiting[component[-1]] = 0
                    if len(component) > 1 or index in children(table[index]):
                        found.append(component)
    return found
