"""The object tree as text: one line a node, with types, shapes and marks for what is shared; bounded."""

from __future__ import annotations

from collections.abc import Iterator

from amber.errors import shown
from amber.tree import nodes, paths
from amber.tree.codec import children
from amber.tree.nodes import AnyNode, Tree

MAX_LINES = 2000
MAX_CHILDREN = 100  # of one node
MAX_DEPTH = 64
_MAX_TEXT = 60  # characters of a value

_SEQUENCES = (nodes.List, nodes.Tuple, nodes.Set, nodes.FrozenSet, nodes.Deque)
_MAPPINGS = (nodes.Dict, nodes.OrderedDict, nodes.DefaultDict)


def outline(tree: Tree, max_lines: int = MAX_LINES) -> str:
    """Return the tree as indented text of at most `max_lines` lines and one that says what was left out.

    A node that stands in several places is marked `&n` where it is described and `*n` elsewhere.
    """
    drawing = _Drawing(tree, max_lines)
    drawing.draw()
    return "\n".join(drawing.lines)


class _Drawing:
    def __init__(self, tree: Tree, max_lines: int) -> None:
        self.tree = tree
        self.max_lines = max_lines
        self.lines: list[str] = []
        self.met: set[int] = set()
        self.shared = _shared(tree)

    def draw(self) -> None:
        """Walk depth first with an explicit stack: the depth is the file's choice."""
        stack: list[Iterator[tuple[int, str]]] = [iter([(self.tree.root, paths.ROOT)])]
        while stack:
            step = next(stack[-1], None)
            if step is None:
                stack.pop()
                continue
            if len(self.lines) >= self.max_lines:
                self.lines.append(f"... cut after {self.max_lines} lines, {len(self.tree.nodes)} nodes in all")
                return
            below = self.line(*step, depth=len(stack) - 1)
            if below is not None:
                stack.append(below)

    def line(self, index: int, label: str, depth: int) -> Iterator[tuple[int, str]] | None:
        """Add the line of one node; return its children where they are to be drawn."""
        # the value of a (name, value) pair has no label of its own
        indent = "  " * depth + (shown(label, _MAX_TEXT) or "[1]")
        if index < 0:  # what was left out of a long node
            self.lines.append("  " * depth + label)
            return None
        node = self.tree.nodes[index]
        if index in self.met and index in self.shared:
            self.lines.append(f"{indent}: *{index} {describe(self.tree, node)}")
            return None
        mark = f" &{index}" if index in self.shared else ""
        self.met.add(index)
        self.lines.append(f"{indent}: {describe(self.tree, node)}{mark}")
        if depth >= MAX_DEPTH:
            return None
        return _bounded(self.tree, node)


def _shared(tree: Tree) -> set[int]:
    once: set[int] = set()
    again: set[int] = {tree.root}
    for node in tree.nodes:
        for child in children(node):
            if child in once or child == tree.root:
                again.add(child)
            once.add(child)
    # scalars have no identity: a writer uses one node for all equal ones
    objects = {index for index in again if not isinstance(tree.nodes[index], nodes.SCALAR_KINDS)}
    return objects if tree.root in once else objects - {tree.root}


def _bounded(tree: Tree, node: AnyNode) -> Iterator[tuple[int, str]]:
    drawn = 0
    for child, label in paths.labels(tree.nodes, node):
        if isinstance(node, _MAPPINGS) and label == ".keys()":
            continue
        if drawn >= MAX_CHILDREN:
            yield -1, "... and more"
            return
        drawn += 1
        yield child, label.removeprefix(".")


def describe(tree: Tree, node: AnyNode) -> str:
    """Return one node as a few words: its type, size or value."""
    if isinstance(node, nodes.Object | nodes.Custom):
        custom = " (custom)" if isinstance(node, nodes.Custom) else ""
        return shown(node.type if isinstance(node, nodes.Object) else node.name) + custom
    if isinstance(node, nodes.Array):
        dtype = node.dtype if isinstance(node.dtype, str) else f"structured {node.dtype}"
        order = "" if node.order == "C" else f" {node.order}"
        return f"array {shown(dtype)} {node.shape}{order}"
    if isinstance(node, nodes.ObjectArray):
        return f"array of objects {node.shape}"
    if isinstance(node, nodes.Numbers):
        return f"{node.container} of {tree.tensors[node.tensor].shape[0]} {node.element}"
    if isinstance(node, nodes.Strings):
        return f"{node.container} of {len(tree.strings[node.column])} str"
    if isinstance(node, (*_SEQUENCES, *_MAPPINGS)):
        return f"{_kind(node)} of {len(node.items)}"
    return _value(node)


def _kind(node: AnyNode) -> str:
    return str(type(node).__struct_config__.tag)


def _value(node: AnyNode) -> str:
    kind = _kind(node)
    if isinstance(node, nodes.Complex):
        return f"complex {node.real}, {node.imag}"
    if isinstance(node, nodes.Range):
        return f"range {node.start}, {node.stop}, {node.step}"
    if isinstance(node, nodes.Scalar):
        return f"scalar {shown(node.dtype)} 0x{shown(node.value, _MAX_TEXT)}"
    if isinstance(node, nodes.Bytes | nodes.ByteArray | nodes.Utf16):
        return f"{kind}, {len(node.value)} characters of base64"
    if isinstance(node, nodes.Str):
        return repr(shown(node.value, _MAX_TEXT))
    text = getattr(node, "value", getattr(node, "name", None))
    return kind if text is None else f"{kind} {shown(text, _MAX_TEXT)}"
