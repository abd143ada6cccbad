"""A node of a walked graph as its rules see it: attributes by name, constants among its inputs, where it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NoReturn

from amber.errors import FormatError, LimitError
from amber.limits import Limits
from amber.programs import graph_values, wire
from amber.programs.graph_values import Array


@dataclass
class Asked:
    """One node. `constant` gives the value of a constant by its name; `bound` how large a computed size may be."""

    node: wire.Node
    where: str
    limits: Limits
    constant: Callable[[str], Array | None]
    bound: Callable[[str], int | None]

    @property
    def kind(self) -> str:
        """Its operator."""
        return self.node.op_type

    @cached_property
    def attributes(self) -> dict[str, wire.Attribute]:
        """Its attributes by name."""
        return {each.name: each for each in self.node.attribute}

    def integer(self, name: str, default: int) -> int:
        """Return an attribute that is one integer."""
        found = self.attributes.get(name)
        return default if found is None or found.i is None else found.i

    def integers(self, name: str) -> Array:
        """Return an attribute that is a list of integers; empty where there is none."""
        found = self.attributes.get(name)
        return graph_values.integers(found.ints if found else None)

    def floats(self, name: str) -> Array:
        """Return an attribute that is a list of float32; empty where there is none."""
        found = self.attributes.get(name)
        return graph_values.floats(found.floats if found else None)

    def strings(self, name: str) -> Iterator[bytes]:
        """Return an attribute that is a list of texts; empty where there is none."""
        found = self.attributes.get(name)
        return graph_values.strings(found.strings if found else None, self.limits)

    def text(self, name: str, default: str) -> str:
        """Return an attribute that is one text of printable ASCII."""
        found = self.attributes.get(name)
        if found is None or found.s is None:
            return default
        raw = bytes(found.s)
        if not raw.isascii():
            self.fail(f"{name} is not ASCII")
        return raw.decode("ascii")

    def tensor(self, name: str) -> Array:
        """Return an attribute that is a tensor; it must be there."""
        found = self.attributes.get(name)
        if found is None or found.t is None:
            self.fail(f"{name} is missing")
        return graph_values.array(found.t, self.limits, self.where)

    def columns(self, name: str, default: int) -> int:
        """Return an attribute that says how many columns the node answers with."""
        return self.bounded(self.integer(name, default))

    def bounded(self, columns: int) -> int:
        """Return a number of columns the node may answer with."""
        if not 1 <= columns <= self.limits.program_targets:
            raise LimitError("limit-program-targets", f"{columns} columns", where=self.where)
        return columns

    def input(self, position: int) -> Array | None:
        """Return an input that is a constant."""
        name = self.node.input[position] if position < len(self.node.input) else ""
        return self.constant(name) if name else None

    def size(self, position: int) -> None:
        """Check an input that asks for a size: a constant, or computed from sizes."""
        name = self.node.input[position] if position < len(self.node.input) else ""
        found = self.bound(name) if name else 0
        if found is None:
            self.fail(f"input {position} asks for a size that comes from data")
        if found > self.limits.program_elements:
            raise LimitError("limit-program-elements", f"{found} elements", where=self.where)

    def fail(self, message: str) -> NoReturn:
        """Refuse the node."""
        raise FormatError("program-attribute", message, where=self.where)
