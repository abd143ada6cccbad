"""Paths inside a model as a person writes them: `steps[2].func`. Computed only when a problem is reported."""

from __future__ import annotations

from collections.abc import Iterator

from amber.tree import nodes
from amber.tree.nodes import AnyNode, Tree

ROOT = "model"
_MAX_STEPS = 200


def labels(tree_nodes: list[AnyNode], node: AnyNode) -> Iterator[tuple[int, str]]:
    """Yield (child index, label) for each child of `node`; the label is `.name`, `[i]` or empty for a named step."""
    if isinstance(node, nodes.Object | nodes.Custom):
        for name in sorted(node.attrs):
            yield node.attrs[name], f".{name}"
    elif isinstance(node, nodes.Tuple):
        named = 2 <= len(node.items) <= 3 and isinstance(tree_nodes[node.items[0]], nodes.Str)
        for position, child in enumerate(node.items):
            # (name, estimator) pairs: `steps[2]` reads better than `steps[2][1]`
            yield child, "" if named and position == 1 else f"[{position}]"
    elif isinstance(node, nodes.List | nodes.Set | nodes.FrozenSet | nodes.Deque):
        for position, child in enumerate(node.items):
            yield child, f"[{position}]"
    elif isinstance(node, nodes.Dict | nodes.OrderedDict | nodes.DefaultDict):
        for key, value in node.items:
            yield key, ".keys()"
            yield value, f"[{_key(tree_nodes[key])}]"
        if isinstance(node, nodes.DefaultDict):
            yield node.factory, ".default_factory"
    elif isinstance(node, nodes.ObjectArray):
        items = node.items if isinstance(node.items, list) else [node.items]
        for position, child in enumerate(items):
            yield child, f"[{position}]"
    elif isinstance(node, nodes.Map):
        yield node.keys, ".keys()"
        yield node.values, ".values()"
    elif isinstance(node, nodes.Slice):
        yield from ((node.start, ".start"), (node.stop, ".stop"), (node.step, ".step"))
    elif isinstance(node, nodes.Array | nodes.Scalar) and isinstance(node.dtype, int):
        yield node.dtype, ".dtype"


def _key(node: AnyNode) -> str:
    return repr(node.value) if isinstance(node, nodes.Str | nodes.Int) else type(node).__name__.lower()


def path(tree: Tree, index: int) -> str:
    """Return the path of node `index` by way of the first node that refers to it, for example `steps[2].func`."""
    parents = parent_table(tree)
    parts: list[str] = []
    while index != tree.root and len(parts) < _MAX_STEPS:
        parent = parents[index]
        parts.append(next(label for child, label in labels(tree.nodes, tree.nodes[parent]) if child == index))
        index = parent
    return "".join(reversed(parts)).removeprefix(".") or ROOT


def parent_table(tree: Tree) -> list[int]:
    """Return, for each node, the first node that refers to it (the root refers to itself)."""
    parents = [-1] * len(tree.nodes)
    parents[tree.root] = tree.root
    for position, node in enumerate(tree.nodes):
        for child, _ in labels(tree.nodes, node):
            if parents[child] < 0:
                parents[child] = position
    return parents
