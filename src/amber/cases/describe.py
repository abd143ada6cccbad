"""What the manifest says about inputs and outputs: names, dtypes, shapes, schema, summary. Never a row.

The structs have the fields of the manifest's own (`spec/manifest.md`), which lies above this layer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from amber.cases import arrays, cells, frames, rows, tables
from amber.cases.anatomy import attribute
from amber.cases.compare import line_of
from amber.cases.redraw import QUANTILES, SUPPORT, is_free_text
from amber.tree.evidence import Answer, Column

MAX_COLUMNS = 2000  # inputs and outputs described one by one
_MAX_CATEGORIES = 200
_MAX_TEXT = 200
SAFE_INTEGER = 2**53 - 1

Json = Any
Number = int | str


class SchemaDraft(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the fitted model knows of one input."""

    categories: list[Json] | None = None
    finite: bool | None = None
    kinds: list[str] | None = None
    order: int | None = None
    range: tuple[Number, Number] | None = None


class SummaryDraft(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the sample showed of one column: 21 quantiles, or the values that five rows share."""

    count: int
    missing: Number
    quantiles: list[Number] | None = None
    categories: list[tuple[Json, int]] | None = None
    other: int | None = None


class ToleranceDraft(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a score counts as the same."""

    relative: Number
    absolute: Number


class InputDraft(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One input: -1 in `shape` is any length."""

    name: str
    dtype: str
    shape: list[int]
    schema: SchemaDraft | None = None
    summary: SummaryDraft | None = None


class OutputDraft(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One output of one method."""

    method: str
    name: str
    dtype: str
    shape: list[int]
    classes: list[Json] | None = None
    tolerance: ToleranceDraft | None = None
    summary: SummaryDraft | None = None


def describe_inputs(
    layout: str,
    columns: Sequence[Column],
    X: Any,
    *,
    summarised: bool,
    masked: Collection[Any],
    categories: Mapping[int, list[Any]],
    gaps: Mapping[int, bool],
) -> list[InputDraft]:
    """Return one draft for each input tensor.

    Args:
        layout: Layout of the request.
        columns: Its tensors.
        X: The caller's sample (or synthetic rows), of which summaries are made.
        summarised: Whether `X` may be summarised: it is the caller's sample.
        masked: Labels of columns that must not be summarised.
        categories: Values an encoder knows, by position of the column.
        gaps: Whether a missing value was answered, by position of the column.
    """
    found: list[InputDraft] = []
    body = frames.body(columns)
    if layout == "csr":
        wide = int(str(body[0].parameters[tables.SHAPE]).split(",")[1])
        schema = SchemaDraft(kinds=["number"], order=0)
        return [InputDraft(name="X", dtype=_dtype(body[0]), shape=[-1, wide], schema=schema)]
    for position, column in enumerate(body[:MAX_COLUMNS]):
        label = frames.label_of(column)
        hidden = label in masked if _hashable(label) else False
        values = _values(X, layout, position)
        summary = _summary(values) if summarised and not hidden and values is not None else None
        schema = _schema(column, position, values, gaps, None if hidden else categories.get(position))
        found.append(
            InputDraft(
                name=_name(column.name),
                dtype=_dtype(column),
                shape=[-1, *(int(n) for n in column.shape[1:])],
                schema=schema,
                summary=summary,
            )
        )
    return found


def describe_outputs(model: Any, answers: Sequence[Answer]) -> list[OutputDraft]:
    """Return one draft for each output tensor of each method that answered."""
    found: list[OutputDraft] = []
    for answer in answers:
        columns = frames.body(answer.columns)[:MAX_COLUMNS]
        if answer.layout == "csr":
            columns = columns[:1]
        for position, column in enumerate(columns):
            shape = [-1, *(int(n) for n in column.shape[1:])] if column.shape else []
            if answer.layout == "csr":
                shape = [-1, int(str(column.parameters[tables.SHAPE]).split(",")[1])]
            found.append(
                OutputDraft(
                    method=answer.method,
                    name=_name(str(frames.label_of(column)) if frames.LABEL in column.parameters else column.name),
                    dtype=_dtype(column),
                    shape=shape,
                    classes=_classes(model, answer, position),
                    tolerance=_tolerance(answer, column),
                )
            )
    return found


def _tolerance(answer: Answer, column: Column) -> ToleranceDraft | None:
    if answer.labels or not column.datatype.startswith("FP"):
        return None
    line = line_of(answer, column)
    return ToleranceDraft(relative=repr(line.relative), absolute=repr(line.absolute))


def _classes(model: Any, answer: Answer, position: int) -> list[Json] | None:
    if answer.method not in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        return None
    known = attribute(model, "classes_")
    if isinstance(known, list) and known and hasattr(known[0], "tolist"):
        known = known[position] if position < len(known) else None
    if known is None or not hasattr(known, "tolist") or getattr(known, "ndim", 1) != 1 or len(known) > _MAX_CATEGORIES:
        return None
    return [_json(value) for value in known.tolist()]


def _json(value: Any) -> Json:
    """A value in the manifest's subset: text, booleans, small integers; anything else as text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= SAFE_INTEGER else str(value)
    if isinstance(value, float):
        return repr(value)
    text = value if isinstance(value, str) else str(value)
    return text.encode("utf-8", "replace").decode("utf-8")[:_MAX_TEXT]


def _name(name: str) -> str:
    return name.encode("utf-8", "replace").decode("utf-8")[:1000]


def _hashable(label: Any) -> bool:
    try:
        hash(label)
    except TypeError:
        return False
    return True


def _dtype(column: Column) -> str:
    """The logical dtype: NumPy's name where it has one, pandas' own elsewhere."""
    text = str(column.parameters.get(arrays.DTYPE, arrays.NATIVE.get(column.datatype, "")))
    items = column.parameters.get(arrays.ITEMS)
    if not text:
        return "str" if items is None else "object"
    try:
        name = str(np.dtype(text)) if text != "object" else "object"
    except TypeError:
        name = text
    name = "str" if name.startswith("<U") else name
    return "".join(char if "!" <= char <= "~" else "_" for char in name)[:128] or "object"


def _values(X: Any, layout: str, position: int) -> Any:
    """One input as a one-dimensional array; None where it is no column."""
    if layout == "frame":
        return rows.plain_values(X.iloc[:, position])
    if layout == "series":
        return rows.plain_values(X)
    if layout == "array" and X.ndim == 1:
        return X
    return None


def _schema(
    column: Column, position: int, values: Any, gaps: Mapping[int, bool], categories: list[Any] | None
) -> SchemaDraft:
    kinds = {_kind(column, values)}
    finite = None
    if position in gaps:
        if gaps[position]:
            kinds.add("missing")
        elif "number" in kinds:
            finite = True
    known = [_json(value) for value in categories] if categories and len(categories) <= _MAX_CATEGORIES else None
    return SchemaDraft(categories=known, finite=finite, kinds=sorted(kinds), order=position)


def _kind(column: Column, values: Any) -> str:
    dtype = str(column.parameters.get(arrays.DTYPE, ""))
    if dtype.startswith(("datetime64", "<M8")):
        return "datetime"
    if dtype == "category":
        return "category"
    if column.datatype == "BYTES":
        return "string" if column.parameters.get(arrays.ITEMS) in (None, "str") else "object"
    if column.datatype == "BOOL":
        return "boolean"
    return "integer" if column.datatype.startswith(("INT", "UINT")) else "number"


def _summary(values: Any) -> SummaryDraft | None:
    """Quantiles of numbers; of anything else the values that at least five rows share."""
    count = len(values)
    if not count or values.ndim != 1:
        return None
    if values.dtype.kind in "iuf":
        numbers = values.astype(np.float64)
        present = numbers[~np.isnan(numbers)]
        if not len(present):
            return SummaryDraft(count=count, missing="1.0")
        ends = (
            np.quantile(present, QUANTILES) if np.isfinite(present).all() else np.sort(present)[_evenly(len(present))]
        )
        gone = repr((count - len(present)) / count)
        return SummaryDraft(count=count, missing=gone, quantiles=[repr(float(q)) for q in ends])
    items = values.tolist()
    present_items = [item for item in items if not cells.missing_kind(item)]
    share = repr((count - len(present_items)) / count)
    if is_free_text(present_items):
        return SummaryDraft(count=count, missing=share)
    met = Counter(_text(item) for item in present_items)
    common = sorted(((value, n) for value, n in met.items() if n >= SUPPORT), key=lambda pair: (-pair[1], pair[0]))
    kept = [(value[1], n) for value, n in common[:_MAX_CATEGORIES]]
    other = len(present_items) - sum(n for _, n in kept)
    return SummaryDraft(count=count, missing=share, categories=kept, other=other)


def _evenly(count: int) -> list[int]:
    """Positions of the quantiles where infinities forbid to interpolate."""
    return [round(q * (count - 1)) for q in QUANTILES]


def _text(value: Any) -> tuple[str, Json]:
    plain = _json(value if not isinstance(value, np.generic) else value.item())
    return (f"{type(plain).__name__}:{plain}", plain)
