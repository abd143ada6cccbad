"""A fitted estimator as its tree says it: attributes by name, arrays as NumPy. No class is touched."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from amber.tree import nodes
from amber.tree.nodes import Tree

Leaf = Callable[[Tree, int], Any]


class View:
    """One `object` (or `custom`) node: `view["coef_"]`, `view.get("intercept_", 0.0)`, `"classes_" in view`.

    Two views are equal when they stand for the same node.
    """

    __slots__ = ("_model", "index", "type")

    def __init__(self, model: Model, index: int, name: str) -> None:
        self._model, self.index, self.type = model, index, name

    def _attrs(self) -> dict[str, int]:
        node = self._model.tree.nodes[self.index]
        return node.attrs if isinstance(node, nodes.Object | nodes.Custom) else {}

    def __getitem__(self, name: str) -> Any:
        return self._model.value(self._attrs()[name])

    def __contains__(self, name: str) -> bool:
        return name in self._attrs()

    def __iter__(self) -> Iterator[str]:
        return iter(self._attrs())

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute, or `default` where the estimator has none of that name."""
        return self[name] if name in self else default  # noqa: SIM401 - this is what `get` is

    @property
    def name(self) -> str:
        """The class name without its module."""
        return self.type.rpartition(".")[2]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, View) and other._model is self._model and other.index == self.index

    def __hash__(self) -> int:
        return hash((id(self._model), self.index))

    def __repr__(self) -> str:
        return f"<{self.type} #{self.index}>"


class Reference(str):
    """A class or function as a value, by its identifier; `allowed` marks one of the caller's own."""

    __slots__ = ("allowed",)
    allowed: bool


class Model:
    """A tree read node by node; what is read once is kept, so a shared node is one value."""

    def __init__(self, tree: Tree, leaf: Leaf) -> None:
        self.tree, self._leaf = tree, leaf
        self._known: dict[int, Any] = {}

    def root(self) -> Any:
        """Return the model's root: a `View` where it is an estimator."""
        return self.value(self.tree.root)

    def value(self, index: int) -> Any:
        """Return the plain value of a node; arrays are views of the stored bytes and must not be written to."""
        if index not in self._known:
            self._known[index] = self._made(index)
        return self._known[index]

    def _made(self, index: int) -> Any:
        node: Any = self.tree.nodes[index]
        kind = type(node)
        if kind in (nodes.Object, nodes.Custom):
            return View(self, index, node.type if kind is nodes.Object else node.name)
        if kind in _SEQUENCES:
            return _SEQUENCES[kind](self.value(child) for child in node.items)
        if kind in _MAPS:
            return _MAPS[kind]((self.value(key), self.value(value)) for key, value in node.items)
        if kind is nodes.DefaultDict:
            return defaultdict(None, ((self.value(key), self.value(value)) for key, value in node.items))
        if kind is nodes.Map:
            return dict(zip(self.value(node.keys), self.value(node.values), strict=True))
        if kind is nodes.ObjectArray:
            return self._objects(node)
        if kind is nodes.Slice:
            return slice(*(self.value(part) for part in (node.start, node.stop, node.step)))
        if kind in (nodes.TypeRef, nodes.FunctionRef, nodes.CustomType, nodes.CustomFunction):
            reference = Reference(node.name)
            reference.allowed = kind in (nodes.CustomType, nodes.CustomFunction)
            return reference
        return self._leaf(self.tree, index)

    def _objects(self, node: nodes.ObjectArray) -> Any:
        items = self.value(node.items) if isinstance(node.items, int) else [self.value(child) for child in node.items]
        array = np.empty(len(items), dtype=object)
        for position, item in enumerate(items):
            array[position] = item
        return array.reshape(node.shape)


_SEQUENCES: dict[type, Callable[[Any], Any]] = {
    nodes.List: list,
    nodes.Tuple: tuple,
    nodes.Set: set,
    nodes.FrozenSet: frozenset,
    nodes.Deque: deque,
}
_MAPS: dict[type, Callable[[Any], Any]] = {nodes.Dict: dict, nodes.OrderedDict: OrderedDict}
