"""The rule by which an answer counts as the same (`spec/cases.md`, "Tolerance").

Every comparison gives one number for each row: 0 where the row is equal, at most 1 where it lies within the
tolerance, more where it does not, and infinity where a label differs.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from amber.cases import arrays, cells, frames, tables, ties
from amber.errors import CaseError
from amber.tree.evidence import CLEAN_KINDS, Answer, Column, Group

_NUMERIC = frozenset(arrays.NATIVE)
_MANY_ULP = 10**6
_FLOATS = frozenset(["FP16", "FP32", "FP64"])


class Line(NamedTuple):
    """A tolerance: |got - expected| <= relative * |expected| + absolute * s."""

    relative: float
    absolute: float


# The original replayed, by the datatype of the recorded output.
LINES = {"FP64": Line(1e-9, 1e-12), "FP32": Line(1e-5, 1e-7), "FP16": Line(1e-2, 1e-4)}
# Of a recorded output, by (method, name of the tensor): its largest finite magnitude.
Scales = Mapping[tuple[str, str], float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One answer beside its record.

    `whole` names what differs about the answer as such (then no row was compared): `shape-changed`,
    `dtype-changed`. `worst` is the place of the largest excess.
    """

    identical: bool
    ratio: Any  # float64, one for each row
    whole: str = ""
    expected: str = ""
    got: str = ""
    distance: str = ""
    worst: int | None = None
    retyped: bool = False  # same values, another dtype of the same family


def line_of(answer: Answer, column: Column, tightened: Line | None = None) -> Line:
    """Return the tolerance of one output tensor."""
    line = LINES.get(column.datatype, LINES["FP64"])
    if answer.single and column.datatype == "FP64":
        line = LINES["FP32"]
    relative = float(answer.relative) if answer.relative else line.relative
    absolute = float(answer.absolute) if answer.absolute else line.absolute
    if tightened is not None:
        relative, absolute = min(relative, tightened.relative), min(absolute, tightened.absolute)
    return Line(relative, absolute)


def scales_of(answers: Iterable[Answer], known: Scales | None = None) -> Scales:
    """Return the `s` of each floating output: the largest finite magnitude in these answers, or in `known`."""
    found = dict(known or {})
    for answer in answers:
        for column in answer.columns:
            if column.datatype in _FLOATS and column.parameters.get(arrays.ITEMS) is None:
                values = _floats(column)
                finite = np.abs(values[np.isfinite(values)])
                key = (answer.method, column.name)
                found[key] = max(found.get(key, 0.0), float(finite.max(initial=0.0)))
    return found


def ordinary_scales(groups: Iterable[Group]) -> Scales:
    """Return the `s` of each floating output on ordinary rows; that of other rows is never smaller."""
    return scales_of(answer for group in groups if group.kind in CLEAN_KINDS for answer in group.answers)


def compare(
    expected: Answer,
    got: tables.Table,
    rows: int,
    scales: Scales,
    tightened: Line | None = None,
    excused: Collection[int] = (),
) -> Comparison:
    """Compare what a method answered with what was recorded.

    Args:
        expected: The record.
        got: The answer now.
        rows: Rows of the request.
        scales: The `s` of each output.
        tightened: The caller's own tolerance; it may only make the rule stricter.
        excused: Rows that are not looked at for the worst place.
    """
    shape = _shape_difference(expected, got)
    if shape:
        return Comparison(False, np.full(rows, np.inf), "shape-changed", *shape)
    ratio = np.zeros(rows)
    identical, retyped = True, False
    best: tuple[float, int | None, str, str, str] = (0.0, None, "", "", "")
    if expected.layout == "csr":
        return _compare_sparse(expected, got, rows, scales, tightened)
    for mine, theirs in zip(expected.columns, got.columns, strict=True):
        if _same_bits(mine, theirs):
            continue
        identical = False
        retyped = retyped or mine.datatype != theirs.datatype or mine.parameters != theirs.parameters
        try:
            one = _compare_column(expected, mine, theirs, scales.get((expected.method, mine.name), 0.0), tightened)
        except _OtherKind:
            return Comparison(False, np.full(rows, np.inf), "dtype-changed", _kind(mine), _kind(theirs))
        if expected.method == ties.NEIGHBOURS and mine is expected.columns[-1]:
            one = _without_ties(expected.columns, one)
        by_row = _by_row(one.ratio, rows)
        ratio = np.maximum(ratio, by_row)
        looked_at = _without(one.ratio, rows, excused)
        if len(looked_at) and float(looked_at.max()) > best[0]:
            worst = int(np.argmax(looked_at))
            row = worst * rows // len(looked_at) if rows and len(looked_at) % rows == 0 else None
            best = (float(looked_at[worst]), row, *one.describe(worst, mine))
    return Comparison(identical, ratio, "", best[2], best[3], best[4], best[1], retyped)


def _without_ties(columns: Sequence[Column], found: _Values) -> _Values:
    """The same comparison of neighbours, where another one at the same distance uses up the tolerance and no more."""
    distances, neighbours = columns[0], columns[-1]
    plain = all(_is_plain(column) and len(column.shape) == 2 for column in columns)
    if not plain or distances.datatype not in _FLOATS or distances.shape != neighbours.shape:
        return found
    excused = ties.exchanged(
        _floats(distances).reshape(distances.shape),
        found.expected.reshape(neighbours.shape),
        found.got.reshape(neighbours.shape),
    ).ravel()
    return found._replace(ratio=np.where(excused & (found.ratio > 1), 1.0, found.ratio))


def _without(ratio: Any, rows: int, excused: Collection[int]) -> Any:
    """The elements' ratios with those of excused rows set to nothing."""
    if not excused or not rows or not len(ratio) or len(ratio) % rows:
        return ratio
    table = ratio.reshape(rows, -1).copy()
    table[list(excused)] = 0.0
    return table.ravel()


class _OtherKind(Exception):  # noqa: N818 - a signal inside this module
    """The two tensors hold values of different families."""


class _Values(NamedTuple):
    """The elements of two tensors and how far apart they are."""

    ratio: Any
    expected: Any
    got: Any

    def describe(self, position: int, column: Column) -> tuple[str, str, str]:
        mine, theirs = self.expected[position], self.got[position]
        place = _place(position, column)
        if isinstance(mine, float | np.floating) and isinstance(theirs, float | np.floating):
            return (
                f"{float(mine)!r}{place}",
                repr(float(theirs)),
                _distance(float(mine), float(theirs), column.datatype),
            )
        return f"{_short(mine)}{place}", _short(theirs), ""


def _place(position: int, column: Column) -> str:
    wide = math.prod(column.shape[1:])
    name = f" in {frames.label_of(column)!s}" if frames.LABEL in column.parameters else ""
    return f" (output {position % wide}){name}" if wide > 1 else name


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= 60 else text[:57] + "..."


def _distance(expected: float, got: float, datatype: str) -> str:
    if not (math.isfinite(expected) and math.isfinite(got)):
        return ""
    if not expected:
        return f"{abs(got):.1e} absolute"
    relative = abs(got - expected) / abs(expected)
    kind: Any = np.float32 if datatype == "FP32" else np.float64
    steps = abs(_order(kind(expected)) - _order(kind(got)))
    return f"{relative:.1e} relative, " + (f"{steps} ulp" if steps <= _MANY_ULP else "> 1e6 ulp")


def _order(value: Any) -> int:
    """A float as an integer in the same order: neighbours differ by one."""
    signed = {4: np.int32, 8: np.int64}[value.dtype.itemsize]
    bits = int(value.view(signed))
    return bits if bits >= 0 else -(2 ** (8 * value.dtype.itemsize - 1)) - bits


def _kind(column: Column) -> str:
    return str(column.parameters.get(arrays.DTYPE, column.datatype))


def _shape_difference(expected: Answer, got: tables.Table) -> tuple[str, str] | None:
    if expected.layout != got.layout:
        return expected.layout, got.layout
    if len(expected.columns) != len(got.columns):
        return f"{len(expected.columns)} columns", f"{len(got.columns)} columns"
    for mine, theirs in zip(expected.columns, got.columns, strict=True):
        keys = (frames.LABEL, frames.ROLE, tables.PART, tables.SHAPE)
        if mine.name != theirs.name or any(mine.parameters.get(k) != theirs.parameters.get(k) for k in keys):
            return f"column {frames.label_of(mine)!s}", f"column {frames.label_of(theirs)!s}"
        if expected.layout != "csr" and mine.shape != theirs.shape:
            return f"shape {list(mine.shape)}", f"shape {list(theirs.shape)}"
    return None


def _same_bits(mine: Column, theirs: Column) -> bool:
    same = mine.datatype == theirs.datatype and mine.parameters == theirs.parameters
    return same and bytes(mine.data) == bytes(theirs.data)


def _by_row(ratio: Any, rows: int) -> Any:
    """The worst element of each row; of all rows where elements do not belong to rows."""
    if rows and len(ratio) and len(ratio) % rows == 0:
        return ratio.reshape(rows, -1).max(axis=1)
    return np.full(rows, float(ratio.max(initial=0.0)))


def _compare_column(answer: Answer, mine: Column, theirs: Column, scale: float, tightened: Line | None) -> _Values:
    line = line_of(answer, mine, tightened)
    if _is_plain(mine) and _is_plain(theirs):
        if (mine.datatype in _FLOATS) != (theirs.datatype in _FLOATS):
            raise _OtherKind
        if mine.parameters.get(arrays.MISSING) != theirs.parameters.get(arrays.MISSING):
            gaps = _gaps(mine) != _gaps(theirs)
            return _Values(np.where(gaps, np.inf, 0.0), _floats(mine), _floats(theirs))
        if mine.datatype in _FLOATS and not answer.labels:
            left, right = _floats(mine), _floats(theirs)
            return _Values(ratios(left, right, line, scale), left, right)
        left, right = _numbers(mine), _numbers(theirs)
        same = (left == right) | ((left != left) & (right != right))
        return _Values(np.where(same, 0.0, np.inf), left, right)
    if any(_is_text(one) and _is_plain(other) for one, other in ((mine, theirs), (theirs, mine))):
        raise _OtherKind
    left, right = _elements(mine), _elements(theirs)
    if len(left) != len(right):
        raise _OtherKind
    marks = [_cell_ratio(a, b, line, scale, answer.labels) for a, b in zip(left, right, strict=True)]
    return _Values(np.array(marks), left, right)


def _is_plain(column: Column) -> bool:
    return column.datatype in _NUMERIC and column.parameters.get(arrays.ITEMS) is None


def _is_text(column: Column) -> bool:
    return column.datatype == "BYTES" and column.parameters.get(arrays.ITEMS) in (None, "str")


def ratios(expected: Any, got: Any, line: Line, scale: float) -> Any:
    """Return how much of the tolerance each value uses up: 0 equal, at most 1 within, infinite for NaN or infinity."""
    with np.errstate(all="ignore"):
        allowed = line.relative * np.abs(expected) + line.absolute * scale
        away = np.abs(got - expected)
        used = np.where(allowed > 0, away / np.where(allowed > 0, allowed, 1.0), np.inf)
    finite = np.isfinite(expected) & np.isfinite(got)
    same = (expected == got) | (np.isnan(expected) & np.isnan(got))
    return np.where(same, 0.0, np.where(finite, used, np.inf))


def _cell_ratio(mine: Any, theirs: Any, line: Line, scale: float, labels: bool) -> float:
    """How much of the tolerance two Python objects use up: numbers inside by the rule, everything else exactly."""
    if isinstance(mine, list | tuple) and isinstance(theirs, list | tuple) and len(mine) == len(theirs):
        return max((_cell_ratio(a, b, line, scale, labels) for a, b in zip(mine, theirs, strict=True)), default=0.0)
    if isinstance(mine, np.ndarray) and isinstance(theirs, np.ndarray):
        if mine.shape != theirs.shape:
            return math.inf
        if mine.dtype.kind == "f" and theirs.dtype.kind == "f" and not labels:
            own = max(scale, float(np.abs(mine[np.isfinite(mine)]).max(initial=0.0)))
            return float(ratios(mine, theirs, line, own).max(initial=0.0))
        return 0.0 if mine.tolist() == theirs.tolist() else math.inf
    if isinstance(mine, float | np.floating) and isinstance(theirs, float | np.floating) and not labels:
        return float(ratios(np.array([mine]), np.array([theirs]), line, max(scale, 0.0))[0])
    kinds = cells.missing_kind(mine), cells.missing_kind(theirs)
    if any(kinds):
        return 0.0 if kinds[0] == kinds[1] else math.inf
    return 0.0 if type(mine) is type(theirs) and mine == theirs else math.inf


def _numbers(column: Column) -> Any:
    dtype = np.dtype(arrays.NATIVE[column.datatype])
    data = bytes(column.data)
    if len(data) != math.prod(column.shape) * dtype.itemsize:
        raise CaseError("cases-size", "a tensor has not the bytes of its shape")
    return np.frombuffer(data, dtype=dtype)


def _floats(column: Column) -> Any:
    return _numbers(column).astype(np.float64)


def _gaps(column: Column) -> Any:
    count = math.prod(column.shape)
    text = column.parameters.get(arrays.MISSING)
    return np.zeros(count, bool) if text is None else arrays.mask_of(text, count)


def _elements(column: Column) -> list[Any]:
    """The elements of a tensor as Python objects, whatever carries them."""
    if column.parameters.get(frames.CATEGORIES) is not None or column.parameters.get(arrays.ITEMS) is not None:
        return arrays.decode_values(column, math.prod(column.shape))
    if column.datatype == "BYTES":
        return [arrays.text_of(item) for item in cells.unpack(column.data, math.prod(column.shape))]
    values: list[Any] = _numbers(column).tolist()
    return values


def _compare_sparse(
    expected: Answer, got: tables.Table, rows: int, scales: Scales, tightened: Line | None
) -> Comparison:
    """Sparse answers are compared as the tables they stand for: order and explicit zeros do not count."""
    pairs = list(zip(expected.columns, got.columns, strict=True))
    identical = all(_same_bits(a, b) and a.shape == b.shape for a, b in pairs)
    if identical:
        return Comparison(True, np.zeros(rows))
    wide = int(str(expected.columns[0].parameters[tables.SHAPE]).split(",")[1])
    data = expected.columns[0]
    left, right = _entries(expected.columns, wide), _entries(got.columns, wide)
    places = np.union1d(left[0], right[0])
    values = [np.zeros(len(places)) for _ in range(2)]
    for target, (where, entries) in zip(values, (left, right), strict=True):
        np.add.at(target, np.searchsorted(places, where), entries)
    if data.datatype in _FLOATS and not expected.labels:
        line = line_of(expected, data, tightened)
        ratio = ratios(values[0], values[1], line, scales.get((expected.method, data.name), 0.0))
    else:
        ratio = np.where(values[0] == values[1], 0.0, np.inf)
    by_row = np.zeros(rows)
    np.maximum.at(by_row, np.minimum(places // max(wide, 1), max(rows - 1, 0)).astype(np.int64), ratio)
    retyped = any(a.datatype != b.datatype for a, b in pairs)
    if not len(ratio) or float(ratio.max()) == 0:
        return Comparison(False, by_row, retyped=retyped)
    worst = int(np.argmax(ratio))
    mine, theirs = float(values[0][worst]), float(values[1][worst])
    place = f" (output {int(places[worst]) % wide})"
    return Comparison(
        False, by_row, "", f"{mine!r}{place}", repr(theirs), _distance(mine, theirs, data.datatype),
        int(places[worst]) // wide, retyped,
    )  # fmt: skip


def _entries(columns: Sequence[Column], wide: int) -> tuple[Any, Any]:
    """Place (row * width + column) and value of every stored entry."""
    data, indices, indptr = (_numbers(column) for column in columns)
    lines = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr.astype(np.int64)))
    return lines * wide + indices.astype(np.int64), data.astype(np.float64)
