"""Two trees side by side: which parameters and tensors changed, and by how much."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from amber.adapters.arrays import as_array, as_column
from amber.models.change import Change
from amber.tree import nodes
from amber.tree.nodes import AnyNode, Tree
from amber.tree.paths import ROOT, labels


def tree_changes(left: Tree, right: Tree, most: int) -> list[Change]:
    """Return the changes from `left` to `right`, breadth first, at most `most`; children are matched by label."""
    changes: list[Change] = []
    todo = deque([("", left.root, right.root)])
    seen = {(left.root, right.root)}
    while todo and len(changes) < most:
        where, i, j = todo.popleft()
        a, b = left.nodes[i], right.nodes[j]
        change = _compare(left, a, right, b)
        if change is not None:
            changes.append(Change(where.removeprefix(".") or ROOT, *change))
            if type(a) is not type(b) or _name(a) != _name(b):
                continue
        below_a, below_b = _children(left, a), _children(right, b)
        for label in dict.fromkeys((*below_a, *below_b)):
            if label not in below_a or label not in below_b:
                held, tree = (below_a, left) if label in below_a else (below_b, right)
                text = _describe(tree, tree.nodes[held[label]])
                before, after = (text, "absent") if held is below_a else ("absent", text)
                changes.append(Change(f"{where}{label}".removeprefix("."), before, after))
            elif (pair := (below_a[label], below_b[label])) not in seen:
                seen.add(pair)
                todo.append((where + label, *pair))
    return changes[:most]


def _children(tree: Tree, node: AnyNode) -> dict[str, int]:
    if isinstance(node, nodes.Array | nodes.Scalar):
        return {}
    result: dict[str, int] = {}
    for child, label in labels(tree.nodes, node):
        name = label
        while name in result:
            name += "'"
        result[name] = child
    return result


def _name(node: AnyNode) -> str:
    return getattr(node, "type", "") or getattr(node, "name", "")


def _compare(left: Tree, a: AnyNode, right: Tree, b: AnyNode) -> tuple[str, str, str] | None:
    """Return (before, after, detail) where two nodes themselves differ; their children are compared apart."""
    if isinstance(a, nodes.Array) and isinstance(b, nodes.Array):
        return _arrays(as_array(left, a), as_array(right, b))
    if isinstance(a, nodes.Numbers) and isinstance(b, nodes.Numbers):
        return _arrays(as_column(left, a), as_column(right, b))
    if isinstance(a, nodes.Strings) and isinstance(b, nodes.Strings):
        return _columns(left.strings[a.column], right.strings[b.column])
    if type(a) is not type(b) or _name(a) != _name(b):
        return _describe(left, a), _describe(right, b), ""
    if isinstance(a, _WITH_CHILDREN):
        return None
    return None if a == b else (_describe(left, a), _describe(right, b), "")


def _arrays(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> tuple[str, str, str] | None:
    if a.dtype != b.dtype or a.shape != b.shape:
        return f"{a.dtype}{list(a.shape)}", f"{b.dtype}{list(b.shape)}", ""
    if a.tobytes() == b.tobytes():
        return None
    form = f"{a.dtype}{list(a.shape)}"
    if a.dtype.kind not in "fiu":
        return form, form, f"{int(np.count_nonzero(np.asarray(a != b)))} of {a.size} elements differ"
    return form, form, _distance(a.astype(np.float64), b.astype(np.float64))


def _distance(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> str:
    both = np.isfinite(a) & np.isfinite(b)
    with np.errstate(all="ignore"):
        gap = np.abs(a - b)[both]
        norm = float(np.linalg.norm(gap))
        scale = float(np.linalg.norm(a[both]))
        relative = norm / scale if scale else float("inf")
    count = int(np.count_nonzero(a != b))
    largest = float(gap.max()) if gap.size else float("nan")
    return (
        f"{count} of {a.size} elements, norm of the change {norm:.6g} (relative {relative:.3g}), largest {largest:.6g}"
    )


def _columns(a: list[str], b: list[str]) -> tuple[str, str, str] | None:
    if a == b:
        return None
    gone, new = len(set(a) - set(b)), len(set(b) - set(a))
    return f"{len(a)} strings", f"{len(b)} strings", f"{gone} removed, {new} added" if gone or new else "another order"


def _describe(tree: Tree, node: AnyNode) -> str:
    if isinstance(node, nodes.Array | nodes.ObjectArray):
        dtype = getattr(node, "dtype", "object")
        return f"array {dtype if isinstance(dtype, str) else 'structured'}{node.shape}"
    if isinstance(node, nodes.Strings):
        return f"{len(tree.strings[node.column])} strings"
    if isinstance(node, nodes.NoneNode):
        return "None"
    value = getattr(node, "value", None)
    if value is not None:
        return repr(value) if isinstance(node, nodes.Str) else str(value)
    return _name(node) or type(node).__name__.lower()


_WITH_CHILDREN = (
    nodes.List, nodes.Tuple, nodes.Set, nodes.FrozenSet, nodes.Deque, nodes.Dict, nodes.OrderedDict, nodes.DefaultDict,
    nodes.Map, nodes.ObjectArray, nodes.Object, nodes.Custom, nodes.Slice,
)  # fmt: skip
