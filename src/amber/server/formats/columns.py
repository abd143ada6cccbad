"""One input: Python values to the cells or objects that travel, and who is to blame where that is not possible.

A whole column is converted at once by the set of its types; only where that fails is it tried value by value, to name
the first that is wrong. Nothing is rounded, widened or parsed on the way except what `Column` says.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec

from amber.errors import shown
from amber.server.exchange import Failure
from amber.server.formats import bodies
from amber.server.formats.dates import is_date
from amber.server.formats.kinds import KINDS, Kind, packer, unpacker
from amber.server.interface import Form, Input

Cells = bytes | list[Any]
Convert = Callable[[Sequence[Any], bool], "Cells | None"]

_NUMBERS: Final = frozenset({float, int})
_FLOAT: Final = frozenset({float})
_INT: Final = frozenset({int})
_BOOL: Final = frozenset({bool})
_STR: Final = frozenset({str})
_SCALARS: Final = frozenset({str, bool, int, float})
_MISSING: Final = type(None)
_RECORD: Final = frozenset({str, bool, int, float, _MISSING})
_NAN: Final = math.nan


class Column:
    """How one input takes values.

    `take` answers with `bytes` of 8-byte cells, or with a list for an input of cell `object`. Its argument `near`
    says that numbers are decimal text (JSON, CSV): for a floating-point input they then mean the nearest number it
    has, as everywhere in the field, also FP32. Otherwise (binary tensors, Arrow, JSON of an integer datatype) a
    number is one exact value, and one that the input cannot hold as it is, is refused. Integer inputs take whole
    numbers in their range, written either way; booleans are never numbers. `convert` is `take` without words: None
    where something is wrong. `by_type` says that the type of a value says all about it (texts, booleans).
    """

    __slots__ = (
        "by_type",
        "cell",
        "convert",
        "datatype",
        "input",
        "is_date",
        "is_record",
        "is_scalar",
        "is_zoned",
        "kind",
        "missing",
        "name",
        "wants",
        "width",
    )

    def __init__(self, described: Input, form: Form = "columns") -> None:
        self.input = described
        self.name = described.name
        self.datatype = described.datatype
        self.kind: Kind = KINDS[described.datatype]
        self.cell = described.cell
        self.width = described.width
        self.missing = described.missing and described.cell != "integer"
        self.is_record = form == "records"
        self.is_date = self.kind.family == "text" and described.dtype.startswith(("datetime64", "date"))
        self.is_zoned = self.is_date and "," in described.dtype
        self.is_scalar = self.kind.family == "text" and not self.is_date and _takes_scalars(described)
        self.convert, self.wants = self._ways()
        self.by_type = self.convert in (self._texts, self._booleans)

    def take(self, values: Sequence[Any], near: bool, first: int = 0) -> Cells:
        """Return the cells of `values`, rows x width of them, row by row.

        Args:
            values: Python values.
            near: Whether numbers are decimal text.
            first: What the first row is called where it is named: slices of a table are parts of one request.

        Raises:
            Failure: 422, naming the first row that does not fit.
        """
        found = self.convert(values, near)
        if found is None:
            raise self._blame(values, near, first)
        return found

    def absent(self, rows: int) -> Cells:
        """Return the cells of an input that is not required and not there: missing, or zero in whole numbers."""
        if self.cell == "object":
            return [None] * rows
        count = rows * self.width
        return packer("d", count)(*[_NAN] * count) if self.cell == "float" else bytes(8 * count)

    def _blame(self, values: Sequence[Any], near: bool, first: int) -> Failure:
        convert = self.convert
        at = next(i for i, value in enumerate(values) if convert((value,), near) is None)
        value = values[at]
        row, place = divmod(at, self.width)
        row += first
        where = f"input {shown(self.name)!r}" + (f", value {place + 1} of {self.width}" if self.width > 1 else "")
        code = "value-missing" if value is None else "value-kind"
        if self.kind.family in ("float", "integer") and type(value) in _NUMBERS:
            code = "value-range"
        message = f"row {row}, {where}: expected {self.wants}, got {came(value)}"
        return Failure(422, code, message, row=row, column=self.name, expected=self.wants, hint=_HINTS[code])

    def _ways(self) -> tuple[Convert, str]:
        """The conversion of this input, and what it wants in words."""
        family, name = self.kind.family, self.datatype
        if self.is_record:
            return self._records, "a record: an object whose values are texts, numbers or booleans, or its JSON (BYTES)"
        if family == "float":
            return self._floats, self._or_null(f"a number ({name})")
        if family == "integer":
            return self._integers, self._or_null(f"a whole number from {self.kind.low} to {self.kind.high} ({name})")
        if family == "boolean":
            return self._booleans, self._or_null("true or false (BOOL)")
        if self.is_date:
            sample = "2024-05-17T08:30:00" + ("+00:00" if self.is_zoned else "")
            offset = "with" if self.is_zoned else "without"
            return self._dates, self._or_null(f"a date, ISO 8601, {offset} an offset, such as {sample} (BYTES)")
        wants = "text, a number, true or false (BYTES)" if self.is_scalar else "text (BYTES)"
        return (self._scalars if self.is_scalar else self._texts), self._or_null(wants)

    def _or_null(self, wants: str) -> str:
        return f"{wants} or null" if self.missing else wants

    def _present(self, values: Sequence[Any]) -> frozenset[type] | set[type] | None:
        """Types of the values that are there; None where one is missing that must not be."""
        types = set(map(type, values))
        if _MISSING in types:
            if not self.missing:
                return None
            types.discard(_MISSING)
        return types

    def _floats(self, values: Sequence[Any], near: bool) -> Cells | None:
        types = set(map(type, values))
        if types != _FLOAT:
            if _MISSING in types:
                if not self.missing:
                    return None
                values = [_NAN if value is None else value for value in values]
            if not types <= {*_NUMBERS, _MISSING}:
                return None
        count = len(values)
        try:
            cells = packer("d", count)(*values)
        except struct.error:  # an integer beyond every double
            return None
        if not near and int in types and not _same(unpacker("d", count)(cells), values):
            return None
        if self.kind.size < 8:
            return self._narrow(unpacker("d", count)(cells), near)
        return cells if self.cell == "float" else self._objects(unpacker("d", count)(cells))

    def _narrow(self, values: Sequence[float], near: bool) -> Cells | None:
        """FP16 and FP32: rounded to the nearest where decimal text came, else only where nothing is lost."""
        count, char = len(values), self.kind.char
        try:
            narrow = unpacker(char, count)(packer(char, count)(*values))
        except OverflowError:
            return None
        if not near and not _same(narrow, values):
            return None
        return packer("d", count)(*narrow) if self.cell == "float" else self._objects(narrow)

    def _objects(self, values: Sequence[float]) -> list[Any]:
        return [None if value != value else value for value in values] if self.missing else list(values)

    def _integers(self, values: Sequence[Any], near: bool) -> Cells | None:
        types = set(map(type, values))
        if types != _INT:
            if not types <= {*_NUMBERS, _MISSING} or (_MISSING in types and not self.missing):
                return None
            if float in types:
                if not all(type(value) is not float or value.is_integer() for value in values):
                    return None
                values = [value if value is None else int(value) for value in values]
        present = [value for value in values if value is not None] if _MISSING in types else values
        if present and (min(present) < self.kind.low or max(present) > self.kind.high):
            return None
        if self.cell == "object":
            return list(values)
        if self.cell == "float":
            cells = packer("d", len(values))(*[_NAN if value is None else value for value in values])
            return cells if _same(unpacker("d", len(values))(cells), values) else None
        return packer("Q" if self.kind.low == 0 else "q", len(values))(*values)

    def _booleans(self, values: Sequence[Any], near: bool) -> Cells | None:
        present = self._present(values)
        if present is None or not present <= _BOOL:
            return None
        if self.cell == "object":
            return list(values)
        if self.cell == "float":
            return packer("d", len(values))(*[_NAN if value is None else value for value in values])
        return packer("q", len(values))(*values)

    def _texts(self, values: Sequence[Any], near: bool) -> Cells | None:
        present = self._present(values)
        return list(values) if present is not None and present <= _STR else None

    def _scalars(self, values: Sequence[Any], near: bool) -> Cells | None:
        present = self._present(values)
        return list(values) if present is not None and present <= _SCALARS else None

    def _records(self, values: Sequence[Any], near: bool) -> Cells | None:
        found = [record_of(value) for value in values]
        return None if None in found else found

    def _dates(self, values: Sequence[Any], near: bool) -> Cells | None:
        zoned, nanoseconds = self.is_zoned, "[ns" in self.input.dtype
        found = [value.isoformat() if isinstance(value, date) else value for value in values]
        present = self._present(found)
        if present is None or not present <= _STR:
            return None
        right = [text is None or is_date(text, zoned=zoned, nanoseconds=nanoseconds) for text in found]
        return found if all(right) else None


def record_of(value: object) -> dict[str, Any] | None:
    """Return a record, given as it is or as its JSON; None where it is none."""
    if isinstance(value, str):
        text = value.encode()
        try:
            value = bodies.read(msgspec.json.decode, text)
            bodies.check_keys(text, len(value) if isinstance(value, dict) else 0)
        except Failure:
            return None
    if not isinstance(value, dict):
        return None
    for each in value.values():
        if type(each) not in _RECORD and not (type(each) is list and set(map(type, each)) <= _STR):
            return None
    return value


def came(value: object) -> str:
    """Say in a few words what a value is; at most 200 characters of it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {shown(value, 60)!r}"
    if isinstance(value, int):
        return f"the number {_digits(value)}"
    if isinstance(value, float):
        return f"the number {value!r}"
    if isinstance(value, list | tuple):
        return "an array"
    if isinstance(value, datetime | date):
        return f"the date {value.isoformat()}"
    return "an object" if isinstance(value, dict) else f"a value of type {shown(type(value).__name__, 40)}"


_HINTS: Final = {
    "value-missing": "null is a missing value, which this input does not know",
    "value-kind": "GET the model's metadata or its openapi.json for names and datatypes",
    "value-range": "numbers are taken where nothing is lost: send the input's own datatype",
}
_SHOWN_BITS: Final = 512


def _digits(value: int) -> str:
    """An integer as text; Python refuses to print thousands of digits, and nobody reads them."""
    return str(value) if value.bit_length() <= _SHOWN_BITS else f"of {value.bit_length()} bits"


def _same(found: Sequence[float], values: Sequence[Any]) -> bool:
    """Whether nothing was lost: Python compares integers with doubles exactly. NaN stands for a missing value."""
    return tuple(found) == tuple(values) or all(a == b or a != a for a, b in zip(found, values, strict=True))


def _takes_scalars(described: Input) -> bool:
    """Whether a column of objects or categories knows values that are not text, as far as the manifest says."""
    if described.dtype not in ("object", "category"):
        return False
    if "object" in described.schema.get("kinds", ()):
        return True
    known = described.schema.get("categories") or ()
    return any(not isinstance(each, str) or _is_number(each) for each in known)


def _is_number(text: str) -> bool:
    """Categories that are floats stand as text in a manifest."""
    try:
        float(text)
    except ValueError:
        return False
    return True
