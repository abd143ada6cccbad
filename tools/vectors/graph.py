"""Plain descriptions of objects to node tables: what a writer with bad intentions would use.

`Obj("sklearn.svm.SVC", coef0=0.0)` is an object of that type, whatever the type; `Node("type", "builtins.eval")` is a
node as it stands in the table, its further positions values that become children where they are `Ref`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from amber.adapters.arrays import to_tensor
from amber.tree.nodes import Tensor
from tools.vectors.artifact import Draft


class Obj:
    """An object node: type and attributes."""

    def __init__(self, type_name: str, /, kind: str = "object", **attributes: Any) -> None:
        self.type = type_name
        self.kind = kind
        self.attributes = attributes

    def but(self, **attributes: Any) -> Obj:
        """The same object with other attributes; `...` leaves one out."""
        merged = {name: value for name, value in (self.attributes | attributes).items() if value is not ...}
        return Obj(self.type, self.kind, **merged)


@dataclass(frozen=True)
class Node:
    """A node of any kind; `parts` are its positions after the kind."""

    kind: str
    parts: tuple[Any, ...] = ()

    @classmethod
    def of(cls, kind: str, *parts: Any) -> Node:
        return cls(kind, parts)


@dataclass
class Structured:
    """A dtype with fields; its node stands once for each `Structured`."""

    dtype: np.dtype[Any]


class _Table:
    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.tensors: list[Tensor] = []
        self.todo: deque[tuple[int, Any]] = deque()
        self.known: dict[int, int] = {}
        self.alive: list[Any] = []

    def index(self, value: Any) -> int:
        shared = isinstance(value, Obj | list | dict | np.ndarray | Structured)
        if shared and id(value) in self.known:
            return self.known[id(value)]
        position = len(self.nodes)
        self.nodes.append(None)
        self.alive.append(value)
        if shared:
            self.known[id(value)] = position
        self.todo.append((position, value))
        return position

    def run(self, root: Any) -> None:
        self.index(root)
        while self.todo:
            position, value = self.todo.popleft()
            self.nodes[position] = self.node(value)

    def node(self, value: Any) -> list[Any]:
        if isinstance(value, Obj):
            names = sorted(value.attributes)
            return [value.kind, value.type, {name: self.index(value.attributes[name]) for name in names}]
        if isinstance(value, Node):
            return [value.kind, *value.parts]
        if isinstance(value, np.ndarray):
            return self.array(value)
        if isinstance(value, Structured):
            fields = [[name, kind[0].str, kind[1], []] for name, kind in (value.dtype.fields or {}).items()]
            return ["structured", fields, value.dtype.itemsize, value.dtype.isalignedstruct]
        if isinstance(value, list | tuple):
            return ["list" if isinstance(value, list) else "tuple", [self.index(item) for item in value]]
        if isinstance(value, dict):
            return ["dict", [[self.index(key), self.index(item)] for key, item in value.items()]]
        return _scalar(value)

    def array(self, value: np.ndarray[Any, Any]) -> list[Any]:
        if value.dtype == object:
            return ["object-array", list(value.shape), "C", [self.index(item) for item in value.ravel().tolist()]]
        named = value.dtype.names is not None
        dtype: Any = self.index(Structured(value.dtype)) if named else value.dtype.str
        tensor = None
        if value.nbytes:
            self.tensors.append(to_tensor(value, "C", None if named else dtype, value.dtype.itemsize))
            tensor = len(self.tensors) - 1
        return ["array", dtype, list(value.shape), "C", tensor]


def _scalar(value: Any) -> list[Any]:
    if value is None:
        return ["none"]
    if isinstance(value, bool):
        return ["bool", value]
    if isinstance(value, int):
        return ["int", value]
    if isinstance(value, float):
        return ["float", repr(value)]
    if isinstance(value, str):
        return ["str", value]
    raise TypeError(f"no node for {value!r}")


def draft(root: Any, **manifest: Any) -> Draft:
    """An artifact whose tree is `root`."""
    table = _Table()
    table.run(root)
    made = Draft(tree=table.nodes, tensors=table.tensors)
    made.manifest = made.manifest | manifest
    return made
