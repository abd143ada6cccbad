"""What a model takes, from its recorded cases, and how the columns of a file become exactly that.

The first ordinary group of cases holds the very object the model was asked with; its layout, names, order, dtypes and
categories are what every further row has to look like.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amber.errors import CaseError, SourceError, UsageError, shown
from amber.models.rows import casting
from amber.models.rows.blocks import Block, Reader, bad_input
from amber.models.rows.casting import BadCell
from amber.models.rows.writers import is_missing
from amber.tree.evidence import CLEAN_KINDS, Evidence

# Layouts whose rows are Python values of their own: only JSON lines can hold them.
WHOLE = ("records", "values")


@dataclass(frozen=True)
class Wanted:
    """One column the model takes: its name in files, its dtype, and recorded values where the dtype says too little."""

    name: str
    dtype: Any
    example: list[Any] = field(default_factory=list)
    filler: Any = math.nan  # a missing value of an object column


@dataclass(frozen=True)
class Expected:
    """What a model takes: the layout, one recorded object of that layout, its columns."""

    layout: str
    example: Any
    columns: list[Wanted]

    @property
    def named(self) -> bool:
        """Whether columns are found by name (frames), or by position (arrays)."""
        return self.layout in ("frame", "columns")


@dataclass(frozen=True)
class Match:
    """Which columns of a file are the model's, in its order, and what the person should know about it."""

    positions: list[int]
    others: list[int]
    notes: list[str]


def expected_of(evidence: Evidence | None) -> Expected:
    """Return what a model takes.

    Raises:
        UsageError: `predict-no-cases`: the artifact has no ordinary recorded rows to learn it from.
        CaseError: The recorded inputs cannot be read.
    """
    from amber.cases import plain

    clean = [group for group in (evidence.groups if evidence else []) if group.kind in CLEAN_KINDS]
    if not clean:
        raise UsageError(
            "predict-no-cases",
            "the artifact records no ordinary rows, so the form of its inputs is not known",
            hint="save it again with sample=, or load it in Python",
        )
    layout = clean[0].layout
    example = plain.decode(layout, clean[0].inputs)
    if isinstance(example, dict):
        layout = "columns"
    return Expected(layout, example, _columns(layout, example))


def _columns(layout: str, example: Any) -> list[Wanted]:
    if layout == "frame":
        labels = [str(label) for label in example.columns]
        return [_of_series(example.iloc[:, i], label) for i, label in enumerate(labels)]
    if layout == "columns":
        return [_of_values(values, str(label)) for label, values in example.items()]
    if layout == "series":
        return [_of_series(example, "text" if example.name is None else str(example.name))]
    if layout == "strings":
        return [Wanted("text", np.dtype(object), ["text"], "")]
    if layout == "array":
        return _of_array(example)
    if layout == "csr":
        return [Wanted(f"x{i}", example.dtype) for i in range(example.shape[1])]
    if layout in WHOLE:
        return []
    raise CaseError("predict-layout", f"rows of layout {layout!r} cannot be read from a file")


def _of_values(values: Any, name: str) -> Wanted:
    example = values.tolist() if values.dtype == object else []
    return Wanted(name, values.dtype, example, _filler(example))


def _of_series(series: Any, name: str) -> Wanted:
    example = series.tolist() if series.dtype == object else []
    return Wanted(name, series.dtype, example, _filler(example))


def _of_array(example: Any) -> list[Wanted]:
    if example.ndim > 2:
        raise UsageError(
            "predict-layout", f"the model takes arrays of {example.ndim} dimensions", hint="load it in Python"
        )
    parts = [example] if example.ndim == 1 else [example[:, i] for i in range(example.shape[1])]
    values = [part.tolist() if example.dtype == object else [] for part in parts]
    names = ["text"] if example.ndim == 1 else [f"x{i}" for i in range(len(parts))]
    return [Wanted(name, example.dtype, v, _filler(v)) for name, v in zip(names, values, strict=True)]


def _filler(example: list[Any]) -> Any:
    """The missing value that the recorded rows use; NaN where they have none."""
    for value in example:
        if is_missing(value):
            return value
    return math.nan


def match(expected: Expected, reader: Reader, where: str, column: str | None = None) -> Match:
    """Find the model's columns in a file.

    Args:
        expected: What the model takes.
        reader: The opened file.
        where: Its name, for messages.
        column: Name of the one column to take, for a model that takes texts.

    Raises:
        SourceError: `input-columns`: columns are missing, ambiguous or of another number.
        UsageError: `column` was given for a model that takes several.
    """
    if expected.layout in WHOLE:
        if expected.layout == "records" and not reader.records:
            raise bad_input(where, "input-columns", "the model takes records", "give JSON lines, one object a line")
        return Match(list(range(reader.width)), [], [])
    names = reader.names
    if column is not None:
        if len(expected.columns) != 1:
            raise UsageError("column-unused", f"the model takes {len(expected.columns)} columns", where="--column")
        return _by_name([column], names or [], where)
    if expected.named and names is not None:
        return _by_name([wanted.name for wanted in expected.columns], names, where)
    return _by_position(expected, names, reader.width, where)


def _by_name(wanted: list[str], names: list[str], where: str) -> Match:
    twice = sorted({name for name in wanted if names.count(name) > 1})
    if twice:
        raise bad_input(where, "input-columns", f"columns that stand there twice: {listed(twice)}")
    missing = [name for name in wanted if name not in names]
    if missing:
        close = [(name, difflib.get_close_matches(name, names, n=1)) for name in missing]
        meant = [f"{found[0]!r} for {name!r}" for name, found in close if found]
        hint = f"perhaps {', '.join(map(shown, meant[:5]))}" if meant else f"the file has {listed(names)}"
        raise bad_input(where, "input-columns", f"columns the model needs are missing: {listed(missing)}", hint)
    positions = [names.index(name) for name in wanted]
    others = [i for i in range(len(names)) if i not in set(positions)]
    return Match(positions, others, [])


def _by_position(expected: Expected, names: list[str] | None, width: int, where: str) -> Match:
    wanted = [each.name for each in expected.columns]
    if names is not None and width != len(wanted) and set(wanted) <= set(names):
        return _by_name(wanted, names, where)
    if width != len(wanted):
        hint = "keep only the model's columns, in the order it was trained on"
        if len(wanted) == 1:
            hint = f"name the column: --column NAME; the file has {listed(names or [])}"
        message = f"the model takes {len(wanted)} column{'s' * (len(wanted) != 1)}, the file has {width}"
        raise bad_input(where, "input-columns", message, hint)
    notes = []
    if names is not None and len(wanted) > 1 and names != wanted:
        notes = ["the model knows no column names: columns were taken in the order of the file"]
    if names is None and expected.named:
        notes = ["the file has no column names: columns were taken in the order the model was trained on"]
    return Match(list(range(width)), [], notes)


def listed(names: Sequence[str], most: int = 10) -> str:
    """Return names for a message, cut after `most`."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(repr(shown(name, 60)) for name in names[:most]) + more


def build(expected: Expected, block: Block, where: str, missing: frozenset[str]) -> Any:
    """Return the rows of a block as the object the model takes.

    Args:
        expected: What the model takes.
        block: Rows with the model's columns, in its order.
        where: Name of the file, for messages.
        missing: Further spellings of a missing value.

    Raises:
        SourceError: `input-value`: a cell cannot be read; the message names its row and column.
    """
    if expected.layout in WHOLE:
        return block.cells[0] if expected.layout == "records" else [list(row) for row in zip(*block.cells, strict=True)]
    columns = [
        _column(wanted, cells, block, where, missing)
        for wanted, cells in zip(expected.columns, block.cells, strict=True)
    ]
    if expected.layout == "columns":
        return dict(zip(expected.example, columns, strict=True))
    if expected.layout == "frame":
        return _frame(expected, columns, block)
    if expected.layout == "series":
        import pandas as pd

        return pd.Series(columns[0], dtype=_dtype(columns[0]), name=expected.example.name)
    if expected.layout == "strings":
        return columns[0].tolist()
    if expected.example.ndim == 1:
        return columns[0]
    table = np.column_stack(columns) if columns else np.empty((block.rows, 0))
    gaps_among_integers = table.dtype.kind == "f" and expected.example.dtype.kind in "iu"
    if expected.example.dtype.kind not in "US" and not gaps_among_integers:
        table = table.astype(expected.example.dtype, copy=False)
    return type(expected.example)(table) if expected.layout == "csr" else np.ascontiguousarray(table)


def _column(wanted: Wanted, cells: Any, block: Block, where: str, missing: frozenset[str]) -> Any:
    try:
        if isinstance(cells, np.ndarray):
            return casting.from_array(cells, wanted.dtype)
        if block.kind != "text":
            return casting.from_values(cells, wanted.dtype, wanted.filler)
        if wanted.dtype == object:
            return casting.text_objects(cells, wanted.example, wanted.filler, missing)
        return casting.from_text(cells, wanted.dtype, wanted.filler, missing)
    except BadCell as bad:
        got = shown(bad.got, 80)
        raise SourceError(
            "input-value",
            f"{block.place(bad.position)}, column {shown(wanted.name, 60)!r}: expected {bad.expected}, got {got}",
            where=where,
        ) from bad


def _frame(expected: Expected, columns: list[Any], block: Block) -> Any:
    import pandas as pd

    index = pd.RangeIndex(block.first - 1, block.first - 1 + block.rows)
    parts = {i: pd.Series(column, index=index, dtype=_dtype(column), copy=False) for i, column in enumerate(columns)}
    frame = pd.DataFrame(parts, index=index, copy=False)
    frame.columns = expected.example.columns
    return frame


def _dtype(column: Any) -> Any:
    """The dtype to insist on: pandas would guess text from objects."""
    return column.dtype


def part(table: Any, start: int, stop: int) -> Any:
    """Return the rows [start, stop) of an object that a model takes."""
    if isinstance(table, dict):
        return {name: column[start:stop] for name, column in table.items()}
    return table.iloc[start:stop] if hasattr(table, "iloc") else table[start:stop]


def objects(cells: Any) -> Any:
    """Return a kept column as an array: NumPy's own dtype where it has one, objects elsewhere."""
    if isinstance(cells, np.ndarray):
        return cells
    array = np.empty(len(cells), dtype=object)
    for position, cell in enumerate(cells):
        array[position] = cell
    return array
