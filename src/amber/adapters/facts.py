"""What rules ask of a tree: values at a path, their lengths, shapes and elements, for many objects of a type at once.

In: a tree whose names have passed, and paths of the rule language. Out: NumPy arrays over the raw tensors (views, no
copies) and integers. Called by `adapters.rules`; a path that leads nowhere raises `Missing` with the objects concerned.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from amber.adapters.arrays import numpy_dtype, view
from amber.tree import nodes
from amber.tree.codec import encode_node
from amber.tree.nodes import Tree
from amber.vocabulary import scalars
from amber.vocabulary.terms import EACH, Path

Array = np.ndarray[Any, Any]
Item = int | Array
"""The index of a node, or an array (a field, a column, an element)."""


_DEEPEST = 16  # collections inside one another whose elements are compared
_SMALL = 512  # elements of an array on average, below which joining whole records is cheaper than field by field


class Missing(Exception):  # noqa: N818 - an answer, not an error: it never leaves the evaluator
    """A path that some objects do not have, or that leads to something of another kind."""

    def __init__(self, position: int, code: str, message: str) -> None:
        super().__init__(message)
        self.position = position  # of the object in the batch
        self.code = code
        self.message = message


class _Nowhere(Exception):  # noqa: N818 - as above
    """One object does not have the path."""


class Facts:
    """Reads values out of one tree and remembers the array views it makes."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._arrays: dict[int, Array] = {}
        self._dtypes: dict[str | int, np.dtype[Any]] = {}

    # -- arrays ------------------------------------------------------------------------------------------------

    def dtype(self, dtype: str | int) -> np.dtype[Any]:
        """Return a node's dtype field as a NumPy dtype."""
        found = self._dtypes.get(dtype)
        if found is None:
            found = self._dtypes[dtype] = numpy_dtype(self.tree, dtype)
        return found

    def array(self, index: int, node: nodes.Array) -> Array:
        """Return the array of a node as a view of its tensor."""
        found = self._arrays.get(index)
        if found is None:
            dtype, shape = self.dtype(node.dtype), tuple(node.shape)
            if node.tensor is None:
                found = np.empty(shape, dtype)
            else:
                data = self.tree.tensors[node.tensor].data
                found = view(data, dtype, shape, node.order)
            self._arrays[index] = found
        return found

    def column(self, node: nodes.Numbers) -> Array:
        """Return the column of a `numbers` node as a view of its tensor."""
        tensor = self.tree.tensors[node.tensor]
        return np.ndarray((tensor.shape[0],), self.dtype(node.dtype), tensor.data)

    # -- paths -------------------------------------------------------------------------------------------------

    def find(self, path: Path, objects: Sequence[int]) -> tuple[list[Item], list[int] | None]:
        """Return the items at `path` of each object, one after the other, and how many each has (None: one each).

        Raises:
            Missing: An object does not have the path.
        """
        if EACH not in path.steps:
            try:
                return self._follow(list(objects), path.steps), None
            except _Nowhere:
                pass  # once more, one by one, to see whose fault it is
        found: list[Item] = []
        counts: list[int] = []
        for position, start in enumerate(objects):
            try:
                items = self._follow([start], path.steps)
            except _Nowhere as error:
                raise Missing(position, "attribute-missing", f"{path.text}: {error}") from error
            counts.append(len(items))
            found += items
        return found, counts

    def has(self, path: Path, start: int) -> Item | None:
        """Return the item at a path without `[*]`, or None where there is none or it is `None`."""
        item: Item = start
        try:
            for step in path.steps:
                item = self._step(item, step)
        except _Nowhere:
            return None
        if isinstance(item, int) and isinstance(self.tree.nodes[item], nodes.NoneNode):
            return None
        return item

    def _follow(self, items: list[Item], steps: tuple[str | int, ...]) -> list[Item]:
        for step in steps:
            if step == EACH:
                items = [inner for item in items for inner in self._each(item)]
            else:
                items = self._attributes(items, step) or [self._step(item, step) for item in items]
        return items

    def _attributes(self, items: list[Item], step: str | int) -> list[Item] | None:
        """The usual step, from objects to an attribute that they all have; None where it takes a closer look."""
        table = self.tree.nodes
        if not isinstance(step, str) or not all(type(item) is int for item in items):
            return None
        try:
            return [table[item].attrs[step] for item in items]  # type: ignore[union-attr]
        except (KeyError, AttributeError):
            return None

    def _step(self, item: Item, step: str | int) -> Item:
        if isinstance(item, np.ndarray):
            return _array_step(item, step)
        node = self.tree.nodes[item]
        if isinstance(node, nodes.Object | nodes.Custom):
            child = node.attrs.get(step) if isinstance(step, str) else None
            if child is None:
                raise _Nowhere(f"there is no {step}")
            return child
        if isinstance(node, nodes.Array):
            return _array_step(self.array(item, node), step)
        if isinstance(node, nodes.Numbers) and isinstance(step, int):
            return _array_step(self.column(node), step)
        if isinstance(step, int) and isinstance(node, nodes.List | nodes.Tuple | nodes.ObjectArray):
            return self._position(node, step)
        if isinstance(step, str) and isinstance(node, nodes.Dict | nodes.OrderedDict | nodes.DefaultDict):
            return self._key(node, step)
        raise _Nowhere(f"{_kind(node)} has no {step}")

    def _position(self, node: nodes.List | nodes.Tuple | nodes.ObjectArray, step: int) -> Item:
        if isinstance(node.items, int):
            return self._step(node.items, step)
        if not 0 <= step < len(node.items):
            raise _Nowhere(f"there is no item {step}")
        return node.items[step]

    def _key(self, node: nodes.Dict | nodes.OrderedDict | nodes.DefaultDict, step: str) -> int:
        for key, value in node.items:
            found = self.tree.nodes[key]
            if isinstance(found, nodes.Str) and found.value == step:
                return value
        raise _Nowhere(f"there is no key {step!r}")

    def _each(self, item: Item) -> list[Item]:
        if isinstance(item, np.ndarray):
            return [item]
        node = self.tree.nodes[item]
        if isinstance(node, nodes.List | nodes.Tuple | nodes.Deque | nodes.Set | nodes.FrozenSet):
            return list(node.items)
        if isinstance(node, nodes.ObjectArray):
            return self._each(node.items) if isinstance(node.items, int) else list(node.items)
        if isinstance(node, nodes.Dict | nodes.OrderedDict | nodes.DefaultDict):
            return [value for _, value in node.items]
        if isinstance(node, nodes.Map):
            return self._each(node.values)
        if isinstance(node, nodes.Numbers):
            return [self.column(node)]
        if isinstance(node, nodes.Array):
            return [self.array(item, node)]
        raise _Nowhere(f"{_kind(node)} has no items")

    def ask(
        self, path: Path, objects: Sequence[int], question: Callable[[Item], Any]
    ) -> tuple[list[Any], list[int] | None]:
        """Return what `question` answers about each item at a path, and how many items each object has.

        Raises:
            Missing: An object does not have the path, or an item there cannot answer.
        """
        items, counts = self.find(path, objects)
        answers: list[Any] = []
        try:
            for item in items:
                answers.append(question(item))  # noqa: PERF401 - the number answered says whose fault it is
        except _Nowhere as error:
            position = len(answers)
            if counts is not None:
                position = next(i for i, end in enumerate(accumulate(counts)) if end > position)
            raise Missing(position, "kind-mismatch", f"{path.text}: {error}") from error
        return answers, counts

    # -- questions about an item -------------------------------------------------------------------------------

    def kind(self, item: Item) -> tuple[str, str]:
        """Return the kind of an item, and the identifier where it is an object, a class or a function."""
        if isinstance(item, np.ndarray):
            return "array", ""
        node = self.tree.nodes[item]
        name = node.type if isinstance(node, nodes.Object) else getattr(node, "name", "")
        return _kind(node), name if isinstance(name, str) else ""

    def integers(self, items: list[Item]) -> Array | None:
        """Return the values of integer scalars; None where an item is anything else."""
        table = self.tree.nodes
        values: list[int] = []
        for item in items:
            value = scalars.integer(table[item]) if type(item) is int else None
            if value is None or not -(2**63) <= value < 2**63:
                return None
            values.append(value)
        return np.array(values, dtype=np.int64)

    def records(self, items: list[Item]) -> tuple[list[Array], Array] | None:
        """Return one-dimensional structured arrays of one dtype, small ones joined, and their lengths; else None."""
        table = self.tree.nodes
        found = [table[item] for item in items if type(item) is int]
        if len(found) < len(items) or not all(
            type(node) is nodes.Array and len(node.shape) == 1 and isinstance(node.dtype, int) for node in found
        ):
            return None
        sizes = [node.shape[0] for node in found]  # type: ignore[union-attr]
        if len(items) > 1 and sum(sizes) < _SMALL * len(items):
            joined = self.joined(items)
            return None if joined is None else ([joined[0]], joined[1])
        if not items or len({node.dtype for node in found}) > 1:  # type: ignore[union-attr]
            return None
        arrays = [self.array(item, node) for item, node in zip(items, found, strict=True)]  # type: ignore[arg-type]
        return arrays, np.array(sizes, dtype=np.int64)

    def joined(self, items: list[Item]) -> tuple[Array, Array] | None:
        """Return arrays of one dtype joined in C order, and how many elements each has; None for anything else."""
        table, tensors = self.tree.nodes, self.tree.tensors
        first: str | int | None = None
        parts: list[memoryview] = []
        sizes: list[int] = []
        for item in items:
            node = table[item] if type(item) is int else None
            if type(node) is not nodes.Array or node.order != "C":
                return None
            first = node.dtype if first is None else first
            if node.dtype != first:
                return None
            sizes.append(math.prod(node.shape))
            if node.tensor is not None:
                parts.append(tensors[node.tensor].data)
        if first is None:
            return None
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        return np.ndarray((sum(sizes),), self.dtype(first), data), np.array(sizes, dtype=np.int64)

    def shape(self, item: Item) -> tuple[int, ...]:
        """Return the shape of an array, a sparse array or a collection; `None` counts as empty."""
        if isinstance(item, np.ndarray):
            return tuple(item.shape)
        node = self.tree.nodes[item]
        if type(node) is nodes.Array or type(node) is nodes.ObjectArray:
            return tuple(node.shape)
        if isinstance(node, nodes.Strings):
            return (len(self.tree.strings[node.column]),)
        if isinstance(node, nodes.Numbers):
            return (self.tree.tensors[node.tensor].shape[0],)
        if isinstance(node, nodes.Map):
            return self.shape(node.keys)
        if isinstance(node, nodes.NoneNode):
            return (0,)
        if isinstance(node, nodes.Object | nodes.Custom) and "shape" in node.attrs:
            sides = self.elements(node.attrs["shape"])
            if sides.dtype.kind == "f":
                raise _Nowhere("a shape of floats")
            return tuple(int(each) for each in sides)
        if isinstance(node, nodes.Object) and "array" in node.attrs:
            return self.shape(node.attrs["array"])
        if isinstance(node, _COLLECTIONS):
            return (len(node.items),)
        raise _Nowhere(f"{_kind(node)} has no length")

    def elements(self, item: Item) -> Array:
        """Return all elements of an item as a flat array of integers, floats or bools."""
        if isinstance(item, np.ndarray):
            return _numeric(item)
        node = self.tree.nodes[item]
        if isinstance(node, nodes.Array):
            return _numeric(self.array(item, node))
        if isinstance(node, nodes.Numbers):
            return _numeric(self.column(node))
        if isinstance(node, nodes.List | nodes.Tuple | nodes.Set | nodes.FrozenSet):
            return self._gathered(node.items)
        if isinstance(node, nodes.ObjectArray):
            return self.elements(node.items) if isinstance(node.items, int) else self._gathered(node.items)
        if isinstance(node, nodes.NoneNode):
            return np.zeros(0, np.int64)
        return self._gathered([item])

    def peaks(self, item: Item) -> Array:
        """Return the largest element of each column of a two-dimensional array."""
        shape = self.shape(item)
        if len(shape) != 2 or not shape[0]:
            raise _Nowhere("not a table with rows")
        found: Array = self.elements(item).reshape(shape).max(axis=0)
        return found

    def sortable(self, item: Item) -> Array:
        """Return the numbers or times of an item without the NaN or NaT at its end; nothing of text and objects."""
        array = item if isinstance(item, np.ndarray) else None
        if array is None and isinstance(node := self.tree.nodes[item], nodes.Array):
            array = self.array(item, node)  # type: ignore[arg-type]
        if array is not None and array.dtype.kind in "USVOc":
            return np.zeros(0, np.int64)
        if array is None:
            node = self.tree.nodes[item]
            if isinstance(node, nodes.ObjectArray | nodes.Strings | nodes.NoneNode):
                return np.zeros(0, np.int64)
            array = self.elements(item)
        array = array.reshape(-1)
        missing = np.isnat(array) if array.dtype.kind in "mM" else np.isnan(array) if array.dtype.kind == "f" else None
        if missing is not None and len(array):
            array = array[: len(array) - int(np.argmin(missing[::-1]))] if not missing.all() else array[:0]
        return array.astype(np.int64) if array.dtype.kind in "mM" else array

    def hashables(self, item: Item, inside: tuple[int, ...] = ()) -> list[Any]:
        """Return the elements of an item as Python numbers, bools and strings, equal exactly where Python's are.

        `inside`: the collections that the item stands in, which must end somewhere.
        """
        if isinstance(item, np.ndarray):
            if item.dtype.kind not in "biufUS":
                raise _Nowhere(f"dtype {item.dtype} cannot be compared")
            found: list[Any] = item.reshape(-1).tolist()
            return found
        node = self.tree.nodes[item]
        if isinstance(node, nodes.Array):
            return self.hashables(self.array(item, node))
        if isinstance(node, nodes.Numbers):
            return self.hashables(self.column(node))
        if isinstance(node, nodes.Strings):
            return self.tree.strings[node.column]
        if isinstance(node, nodes.List | nodes.Tuple | nodes.ObjectArray):
            if item in inside or len(inside) >= _DEEPEST:
                raise _Nowhere(f"collections nested more than {_DEEPEST} deep, or without an end")
            parts = node.items if isinstance(node.items, list) else [node.items]
            return [value for each in parts for value in self.hashables(each, (*inside, item))]
        for value in (scalars.boolean(node), scalars.number(node), scalars.text(node)):
            if value is not None:
                return [value]
        return [encode_node(node)]

    def _gathered(self, indices: Sequence[int]) -> Array:
        table = self.tree.nodes
        found: list[int | float] = []
        for index in indices:
            node = table[index]
            value: int | float | None = scalars.boolean(node)
            if value is None:
                value = scalars.number(node)
            if value is None and isinstance(node, nodes.Array) and not node.shape and node.tensor is not None:
                value = _numeric(self.array(index, node))[0].item()
            if value is None:
                raise _Nowhere(f"{_kind(node)} is no number")
            if isinstance(value, int) and not -(2**63) <= value < 2**63:
                raise _Nowhere("a number beyond 64 bits")
            found.append(value)
        return np.array(found, dtype=None if found else np.int64)


_COLLECTIONS = (
    nodes.List, nodes.Tuple, nodes.Set, nodes.FrozenSet, nodes.Deque, nodes.Dict, nodes.OrderedDict, nodes.DefaultDict,
)  # fmt: skip


def _kind(node: Any) -> str:
    return str(type(node).__struct_config__.tag)


def _array_step(array: Array, step: str | int) -> Array:
    if isinstance(step, str):
        if array.dtype.names is None or step not in array.dtype.names:
            raise _Nowhere(f"there is no field {step}")
        return array[step]
    if array.ndim == 0 or not 0 <= step < len(array):
        raise _Nowhere(f"there is no item {step}")
    return np.asarray(array[step])


def _numeric(array: Array) -> Array:
    if array.dtype.kind not in "biuf":
        raise _Nowhere(f"dtype {array.dtype} is no number")
    return array.reshape(-1)
