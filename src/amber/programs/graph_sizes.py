"""How large a size may be that a graph computes: from the sizes of what it is given, and constants.

A program's answer grows with its rows, and with nothing else of them. So what asks for a size (ConstantOfShape, Expand,
Tile, Range ...) must come from shapes, constants and integer inputs, through operators that only move or combine them.
The bound of a value is the product of the constants on its way: the factor by which it may exceed what was given.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from amber.programs import wire
from amber.programs.graph_values import Array

_MOVES = frozenset(("Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Gather", "Slice", "Flatten", "Transpose"))
_JOINS = frozenset(
    ("Concat", "Add", "Sub", "Mul", "Div", "Mod", "Max", "Min", "ReduceMax", "ReduceMin", "ReduceSum", "ReduceProd",
     "Neg", "Abs", "Where", "Range")
)  # fmt: skip
_SIZES = frozenset(("Shape",))
_MOST = 2**62


class Sizes:
    """What is known of the values met so far: the bound of each that may be a size."""

    def __init__(self, constant: Callable[[str], Array | None]) -> None:
        self.constant = constant
        self.makers: dict[str, wire.Node | None] = {}
        self.known: dict[str, int | None] = {}

    def given(self, name: str) -> None:
        """Take note of an input of integers: rows, codes and positions of the caller's own."""
        self.makers[name] = None

    def made(self, node: wire.Node) -> None:
        """Take note of a node."""
        for name in node.output:
            self.makers[name] = node

    def bound(self, name: str) -> int | None:
        """Return by what a size may exceed what was given; None for one that comes from data."""
        todo = [name]
        while todo:
            at = todo[-1]
            if at in self.known:
                todo.pop()
                continue
            node = self.makers.get(at)
            wait = [] if node is None else [each for each in _inputs(node) if each and each not in self.known]
            if wait:
                todo += wait
                continue
            self.known[at] = self._bound(at, node)
            todo.pop()
        return self.known[name]

    def _bound(self, name: str, node: wire.Node | None) -> int | None:
        value = self.constant(name)
        if value is not None:
            return _product(value)
        if node is None:
            return 1 if name in self.makers else None
        if node.op_type in _SIZES:
            return 1
        inputs = [self.known[each] for each in _inputs(node) if each]
        if node.op_type not in _MOVES | _JOINS or None in inputs:
            return None
        return min(_MOST, math.prod(max(1, each) for each in inputs if each is not None))


def _inputs(node: wire.Node) -> list[str]:
    """The inputs whose values pass on: of what moves a value the first, of Shape none."""
    if node.op_type in _SIZES:
        return []
    return list(node.input[:1] if node.op_type in _MOVES else node.input) if node.op_type in _MOVES | _JOINS else []


def _product(value: Array) -> int | None:
    if value.dtype.kind not in "iub":
        return None
    if value.size > 64:
        return min(_MOST, int(np.abs(value.astype(np.float64)).max()))
    return min(_MOST, math.prod(max(1, abs(int(each))) for each in value.ravel().tolist()))
