"""Change one number of a model's tree: where the numbers are, which three of an array are hit, and the hit itself."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import numpy as np

from amber.tree import nodes
from amber.tree.codec import children
from amber.tree.nodes import Tensor, Tree

CHANGE = 0.01
_FLOATS = ("<f2", "<f4", "<f8")
# Inner nodes of a list are named by their place; longer lists would give names nobody reads.
_MAX_PATH = 90


class Place(NamedTuple):
    """One array of floats, one field of a structured array, or one float: where it stands in the tree."""

    path: str
    node: int
    field: str  # of a structured array
    tensor: int | None  # None: the number stands in the node itself


class Hit(NamedTuple):
    """One changed number."""

    place: Place
    which: str  # largest | median | random | value
    element: int
    before: float
    after: float


def places(tree: Tree) -> list[Place]:
    """Return every place of floats, each array once however often it is shared."""
    found: list[Place] = []
    seen: set[int] = set()
    for number, path in _paths(tree):
        node = tree.nodes[number]
        if isinstance(node, nodes.Array) and node.tensor is not None and node.tensor not in seen:
            seen.add(node.tensor)
            fields = _fields(tree, node)
            found += [Place(f"{path}{'.' if field else ''}{field}", number, field, node.tensor) for field in fields]
        elif isinstance(node, nodes.Numbers) and node.tensor not in seen and node.dtype in _FLOATS:
            seen.add(node.tensor)
            found.append(Place(path, number, "", node.tensor))
        elif isinstance(node, nodes.Float) or (isinstance(node, nodes.Scalar) and node.dtype == "<f8"):
            found.append(Place(path, number, "", None))
    return found


def _fields(tree: Tree, node: Any) -> list[str]:
    if isinstance(node.dtype, str):
        return [""] if node.dtype in _FLOATS else []
    return [name for name, dtype, _, _ in tree.nodes[node.dtype].fields if dtype in _FLOATS]


def _paths(tree: Tree) -> Iterator[tuple[int, str]]:
    """Every node once, with a path to it."""
    seen = {tree.root}
    queue = [(tree.root, "")]
    for number, path in queue:
        yield number, path
        node = tree.nodes[number]
        named = {index: name for name, index in node.attrs.items()} if isinstance(node, nodes.Object) else {}
        for position, child in enumerate(children(node)):
            if child not in seen:
                seen.add(child)
                step = f".{named[child]}" if child in named else f"[{position}]"
                queue.append((child, (path + step)[-_MAX_PATH:].lstrip(".")))


def hits(tree: Tree, place: Place) -> list[Hit]:
    """Return the hits of one place: the largest, the median and one random element of an array, or the one number."""
    if place.tensor is None:
        node: Any = tree.nodes[place.node]
        value = float(node.value) if isinstance(node, nodes.Float) else _scalar(node.value)
        return [Hit(place, "value", 0, value, _moved(value, 1.0))] if np.isfinite(value) else []
    values = _view(tree.tensors[place.tensor], tree, place).ravel().astype(np.float64)
    finite = np.flatnonzero(np.isfinite(values))
    if not len(finite):
        return []
    size = np.abs(values[finite])
    scale = float(size.max()) or 1.0
    dice = np.random.RandomState(zlib.crc32(f"{place.path}{len(values)}".encode()))
    chosen = {
        "largest": int(finite[np.argmax(size)]),
        "median": int(finite[np.argsort(values[finite], kind="stable")[len(finite) // 2]]),
        "random": int(finite[dice.randint(len(finite))]),
    }
    once = {element: which for which, element in reversed(chosen.items())}
    return [
        Hit(place, which, element, float(values[element]), _moved(float(values[element]), scale))
        for element, which in once.items()
    ]


def _scalar(text: str) -> float:
    return float(np.frombuffer(bytes.fromhex(text), "<f8")[0])


def _moved(value: float, scale: float) -> float:
    """1 % more; of the array's scale where the number is zero."""
    return value * (1 + CHANGE) if value else scale * CHANGE


def struck(tree: Tree, hit: Hit) -> Tree:
    """Return the tree with one number changed; everything else is shared."""
    place = hit.place
    if place.tensor is None:
        changed = list(tree.nodes)
        node: Any = changed[place.node]
        text = repr(hit.after) if isinstance(node, nodes.Float) else np.array(hit.after, "<f8").tobytes().hex()
        changed[place.node] = msgspec.structs.replace(node, value=text)
        return Tree(changed, tree.root, tree.strings, tree.tensors)
    old = tree.tensors[place.tensor]
    copy = Tensor(old.carrier, old.shape, memoryview(bytearray(old.data)))
    _view(copy, tree, place)[hit.element] = hit.after
    tensors = list(tree.tensors)
    tensors[place.tensor] = copy
    return Tree(tree.nodes, tree.root, tree.strings, tensors)


def _view(tensor: Tensor, tree: Tree, place: Place) -> Any:
    """The floats of a place in the order in which they lie, one dimension, sharing the tensor's memory."""
    node: Any = tree.nodes[place.node]
    if isinstance(node, nodes.Array) and not isinstance(node.dtype, str):
        layout: Any = tree.nodes[node.dtype]
        _, dtype, offset, _ = next(field for field in layout.fields if field[0] == place.field)
        return np.ndarray((tensor.data.nbytes // layout.itemsize,), dtype, tensor.data, offset, (layout.itemsize,))
    return np.frombuffer(tensor.data, node.dtype)
