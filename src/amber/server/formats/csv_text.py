"""Fields of CSV to the values they mean for an input: the only place where text becomes a number."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Final

from amber.server.formats.plan import plan_of
from amber.server.interface import Interface

_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_BOOLEANS: Final = {"true": True, "false": False}
_DIGITS: Final = 400  # of a number; no datatype needs more


def values_of(interface: Interface, name: str, fields: Sequence[str]) -> list[Any]:
    """Return what the fields of a column mean; `simple.cells` then checks them (`near=True`).

    An empty field is a missing value, except in a text column that has none: there it is an empty text. A field that
    is no number, or neither true nor false, stays text, so that the check can name it.

    Args:
        interface: Of the version that is asked.
        name: The column's; one that the model does not know is left as it is, and refused by the check.
        fields: As they stand in the file, without quotes.
    """
    plan = plan_of(interface)
    place = plan.by_name.get(name, 0 if interface.form in ("matrix", "sparse") else None)
    if place is None:
        return list(fields)
    column = plan.columns[place]
    family = column.kind.family
    if family == "text":
        return [field or None for field in fields] if column.missing else list(fields)
    if family == "boolean":
        return [None if not field else _BOOLEANS.get(field.strip().lower(), field) for field in fields]
    return [None if not field else _number(field) for field in fields]


def _number(field: str) -> float | int | str:
    match = _NUMBER.fullmatch(field.strip())
    if match is None or len(field) > _DIGITS:
        return field
    whole = match[2] is None and match[3] is None and "." not in field
    if whole:
        return int(field)
    number = float(field)
    return field if math.isinf(number) else number
