"""What can be known of an interface before a request comes: made once for each served version.

`plan_of` is what the formats call; a plan holds its inputs as `columns.Column`, its outputs as `answers.Answer` with
the names they go by, and the ready-made shapes of the fast lanes.
"""

from __future__ import annotations

import difflib
import math
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from amber.errors import shown
from amber.server.exchange import Asked, Failure
from amber.server.formats.answers import Answer
from amber.server.formats.columns import Cells, Column, Convert
from amber.server.formats.rows import gather
from amber.server.interface import Interface, Route

ROUTES: Final[tuple[Route, ...]] = ("program", "original")
_COMPARED_CHARS: Final = 60  # comparing names is slow: a wrong one must not cost the server more than a right one
_COMPARED_NAMES: Final = 100
_KEPT: Final = 256  # plans; an interface is kept alive by its plan, so that its `id` is not given to another
_plans: dict[int, Plan] = {}


class Plan:
    """One interface, prepared. Nothing in it changes but what is remembered.

    Attributes:
        interface: Of which it is made.
        columns: Inputs, in order; `names` theirs, `by_name` their places.
        answers: Outputs, in order; `places` of each name or method, `default` of a request that names none.
        lone: The fast lane of one row. `plain`: whether there is one input, of FP64 (the other fast lane).
        heads: For each route the start of an answer: the model, the route and its verdict.
        known: What the JSON before binary tensors said, by its bytes (`v2_request`). `written`: JSON before the binary
            tensors of answers, by what it tells (`v2_answer`).
    """

    __slots__ = (
        "answers",
        "by_name",
        "columns",
        "default",
        "heads",
        "interface",
        "known",
        "lone",
        "names",
        "places",
        "plain",
        "written",
    )

    def __init__(self, interface: Interface) -> None:
        self.interface = interface
        self.columns = [Column(each, interface.form) for each in interface.inputs]
        self.names = [each.name for each in interface.inputs]
        self.by_name = {name: place for place, name in enumerate(self.names)}
        self.default = tuple(interface.default)
        self.answers = [Answer(each, name) for each, name in zip(interface.outputs, _names(interface), strict=True)]
        self.places = _places(interface, self.answers)
        self.lone = Lone(self.columns)
        self.plain = [(each.datatype, each.cell) for each in self.columns] == [("FP64", "float")]
        self.known: dict[bytes, Any] = {}
        self.written: dict[Any, bytes] = {}
        self.heads = {route: _head(interface, route or interface.route) for route in (None, *ROUTES)}

    def asked(self, rows: int, taken: Sequence[Cells], *, outputs: tuple[int, ...] = (), **more: Any) -> Asked:
        """Put columns together.

        Args:
            rows: How many; at least 1.
            taken: What `Column.take` gave, for each input in the interface's order.
            outputs: Places of the outputs, ascending; empty: the interface's default.
            more: Further fields of `Asked`.
        """
        blocks, widths, objects = [], [], []
        for column, cells in zip(self.columns, taken, strict=True):
            if isinstance(cells, list):
                objects.append(cells)
            else:
                blocks.append(cells)
                widths.append(column.width)
        numbers = gather(blocks, widths, rows) if blocks else b""
        return Asked(rows, numbers, objects, outputs or self.default, **more)

    def output_places(self, name: str) -> tuple[int, ...]:
        """Return the places of an output, or of all outputs of a method.

        Raises:
            Failure: 422 `output-unknown`.
        """
        found = self.places.get(name)
        if found is None:
            known = [each.name for each in self.answers]
            message = f"the model has no output {shown(name)!r}"
            raise Failure(422, "output-unknown", message, expected=_list(known), hint=f"it has {_list(known)}")
        return found

    def unknown_input(self, name: str, row: int | None = None) -> Failure:
        """Say that an input is not one of the model's, and which it may be meant to be."""
        close = difflib.get_close_matches(name[:_COMPARED_CHARS], self.names[:_COMPARED_NAMES], n=1)
        hint = f"perhaps {shown(close[0])!r} is meant; " if close else ""
        place = f"row {row}: " if row is not None else ""
        return Failure(
            422,
            "input-unknown",
            f"{place}the model has no input {shown(name)!r}",
            row=row,
            column=name,
            expected=_list(self.names),
            hint=f"{hint}it has {_list(self.names)}",
        )

    def missing_inputs(self, given: Iterable[str], row: int | None = None) -> Failure:
        """Say which inputs are not there."""
        there = set(given)
        absent = [each.name for each in self.columns if each.input.required and each.name not in there]
        place = f"row {row}: " if row is not None else ""
        message = f"{place}the model needs the input{'s' * (len(absent) > 1)} {_list(absent)}"
        return Failure(
            422,
            "input-missing",
            message,
            row=row,
            column=absent[0],
            expected=_list(self.names),
            hint=f"it has {_list(self.names)}",
        )


class Lone:
    """One row of named inputs whose values are of the types that travel: no column is made of a single value.

    Attributes:
        possible: Whether every input is of a kind this knows.
        types: Of each input, the Python types that need no further look.
        gaps: Whether a number may be missing.
        objects: For each input whether it travels as an object, and how its value becomes one: None where the type
            says enough (texts, booleans). Empty where all are numbers.
        pack: Numbers to 8-byte cells.
        narrow: Rounds FP32 and checks ranges on the way: pack and unpack of the datatypes themselves; None where all
            numbers have 8 bytes.
    """

    __slots__ = ("gaps", "narrow", "objects", "pack", "possible", "types")

    def __init__(self, columns: Sequence[Column]) -> None:
        numbers = [each for each in columns if each.cell != "object"]
        self.possible = all(map(_is_plain, numbers))
        self.types = [_types(each) for each in columns]
        self.gaps = any(each.missing for each in numbers)
        self.objects: list[tuple[bool, Convert | None]] = []
        if len(numbers) < len(columns):
            self.objects = [(each.cell == "object", None if each.by_type else each.convert) for each in columns]
        known = numbers if self.possible else []
        wide = struct.Struct("<" + "".join(_CELLS[each.kind.family, each.kind.low == 0] for each in known))
        native = struct.Struct("<" + "".join(each.kind.char for each in known))
        self.pack: Callable[..., bytes] = wide.pack
        self.narrow = (native.pack, native.unpack) if any(each.kind.char in "fbBhHiI" for each in known) else None

    def take(self, values: Sequence[Any]) -> tuple[bytes, list[list[Any]]] | None:
        """Return numbers and objects of one row; None where something needs the long way."""
        for value, types in zip(values, self.types, strict=True):
            if type(value) not in types:
                return None
        objects: list[list[Any]] = []
        if self.objects:
            numbers = []
            for value, (is_object, convert) in zip(values, self.objects, strict=True):
                if not is_object:
                    numbers.append(value)
                    continue
                made = [value] if convert is None else convert((value,), True)
                if type(made) is not list:
                    return None
                objects.append(made)
            values = numbers
        if self.gaps and None in values:
            values = [_NAN if value is None else value for value in values]
        try:
            if self.narrow is not None:
                values = self.narrow[1](self.narrow[0](*values))
            return self.pack(*values), objects
        except (struct.error, OverflowError):
            return None


_NAN: Final = math.nan
_ANY: Final[frozenset[type]] = frozenset({str, bool, int, float, dict})
_TYPES: Final[dict[str, frozenset[type]]] = {
    "float": frozenset({float, int}),
    "integer": frozenset({int}),
    "boolean": frozenset({bool}),
    "text": frozenset({str}),
}
_CELLS: Final = {
    ("float", True): "d",
    ("integer", True): "Q",
    ("integer", False): "q",
    ("boolean", True): "q",
}


def _types(column: Column) -> frozenset[type]:
    types: frozenset[type] = _TYPES[column.kind.family] if column.cell != "object" or column.by_type else _ANY
    return types | {type(None)} if column.missing else types


def _is_plain(column: Column) -> bool:
    """Whether a number travels in a cell as it is. FP16 is no JSON."""
    if column.datatype == "FP16" or column.width != 1:
        return False
    return column.cell == ("float" if column.kind.family == "float" else "integer")


def _head(interface: Interface, route: Route) -> bytes:
    told: dict[str, str] = {"amber.route": route}
    if route in interface.verdicts:
        told["amber.verdict"] = interface.verdicts[route]
    start = {"model_name": interface.name, "model_version": interface.version, "parameters": told}
    return msgspec.json.encode(start)[:-1] + b","


def _names(interface: Interface) -> list[str]:
    """Names of the outputs: their own, with the method before them where two methods have the same."""
    own = [each.name for each in interface.outputs]
    return [each.name if own.count(each.name) == 1 else f"{each.method}.{each.name}" for each in interface.outputs]


def _places(interface: Interface, answers: Sequence[Answer]) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for place, each in enumerate(interface.outputs):
        found[each.method] = (*found.get(each.method, ()), place)
    for place, (each, answer) in enumerate(zip(interface.outputs, answers, strict=True)):
        found[f"{each.method}.{each.name}"] = found[answer.name] = (place,)
    return found


def _list(names: Sequence[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(repr(shown(name, 60)) for name in names[:most]) + more


def plan_of(interface: Interface) -> Plan:
    """Return the plan of an interface, made at its first request."""
    plan = _plans.get(id(interface))
    if plan is None:
        while len(_plans) >= _KEPT:
            _plans.pop(next(iter(_plans)))
        plan = _plans[id(interface)] = Plan(interface)
    return plan
