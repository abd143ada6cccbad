"""A synthetic row of a model: medians and frequent categories. Never a recorded row, and no single value of one.

Numbers are the median of the summary, rounded to three digits: a median of the sample could be somebody's. Categories
have the support that a summary demands (five rows).
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from amber.server.formats.columns import Column
from amber.server.formats.plan import Plan, plan_of
from amber.server.interface import Interface

_DIGITS = 3
_DATE = "2024-01-01T00:00:00"


def values(plan: Plan) -> list[Any]:
    """Return for each input the value of one row; a list where the input has several."""
    found = [_value(column) for column in plan.columns]
    return [
        value if column.width == 1 else [value] * column.width
        for column, value in zip(plan.columns, found, strict=True)
    ]


def row(plan: Plan) -> Any:
    """Return one row as `simple` takes it: an object of columns, a list of numbers, a text or a record."""
    form = plan.interface.form
    if form == "columns":
        return dict(zip(plan.names, values(plan), strict=True))
    value = values(plan)[0]
    if form == "records":
        return {"name": "value"}
    return value if isinstance(value, list) or form == "texts" else [value]


def example(interface: Interface) -> str:
    """Return a JSON body that `:predict` answers, as it can be typed in a shell."""
    return msgspec.json.encode([row(plan_of(interface))]).decode()


def infer(plan: Plan) -> dict[str, Any]:
    """Return a request of the Open Inference Protocol with one row."""
    inputs = []
    for column, value in zip(plan.columns, values(plan), strict=True):
        shape = [1, column.width] if column.width > 1 else [1]
        data = value if isinstance(value, list) else [value]
        datatype = "FP32" if column.datatype == "FP16" else column.datatype  # FP16 does not travel as JSON
        inputs.append({"name": column.name, "shape": shape, "datatype": datatype, "data": data})
    return {"inputs": inputs}


def _value(column: Column) -> Any:
    family = column.kind.family
    if family in ("float", "integer"):
        return _number(column)
    known = [value for value, _ in column.input.summary.get("categories") or ()]
    if family == "boolean":
        return next((value for value in known if isinstance(value, bool)), False)
    if column.is_date:
        return _DATE + ("+00:00" if column.is_zoned else "")
    if column.is_record:
        return '{"name": "value"}'
    listed = column.input.schema.get("categories") or ()
    return next((value for value in [*known, *listed] if isinstance(value, str)), "text")


def _number(column: Column) -> float | int:
    """The median, rounded and inside the range; of categories that are numbers the first."""
    whole = column.kind.family == "integer"
    known = [found for found in map(number, column.input.schema.get("categories") or ()) if found is not None]
    quantiles = column.input.summary.get("quantiles") or ()
    middle = number(quantiles[len(quantiles) // 2]) if quantiles else None
    value = known[0] if known else middle if middle is not None else 0.0
    low, high = limits(column)
    rounded = float(f"{value:.{_DIGITS}g}") if not known else value
    if low is not None and rounded < low:
        rounded = low
    if high is not None and rounded > high:
        rounded = high
    return int(rounded) if whole else rounded


def limits(column: Column) -> tuple[float | None, float | None]:
    """Return lowest and highest value of a numeric input, both inclusive; None: none that JSON could say."""
    stated = column.input.schema.get("range") or (None, None)
    low, high = number(stated[0]), number(stated[1])
    if column.kind.family == "integer":
        low = max(column.kind.low, low if low is not None else column.kind.low)
        high = min(column.kind.high, high if high is not None else column.kind.high)
    return low, high


def number(value: object) -> float | None:
    """Return a number of a manifest (there floats are text) that is finite."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(found):
        return None
    return value if isinstance(value, int) else found
