"""Rows as people hold them to columns by name, or to one matrix, as the server's metadata names them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from amber.errors import UsageError, shown

_HINT = "a DataFrame, a dict of columns, a list of dicts, or an array with one row a row"


class Table(NamedTuple):
    """Rows, ready to be cut. `columns`: by input, each a NumPy array or a list of plain values, equally long."""

    columns: dict[str, Any]
    rows: int

    def part(self, start: int, stop: int) -> Table:
        """Return the rows from `start` to `stop`, the latter not included."""
        stop = min(stop, self.rows)
        return Table({name: values[start:stop] for name, values in self.columns.items()}, stop - start)


def form_of(described: Mapping[str, Any]) -> str:
    """Return how a model takes its rows (`records`, `columns` ...), as an Amber server says; "" where none does."""
    return str(described.get("properties", {}).get("amber.form", ""))


def table_of(rows: Any, described: Mapping[str, Any]) -> Table:
    """Return rows as the model's inputs.

    Args:
        rows: A DataFrame (pandas, polars), an Arrow table, a dict of columns, records, lists of values, an array, or
            texts.
        described: The model's metadata.

    Raises:
        UsageError: `rows-invalid`: they are not rows of such inputs.
    """
    inputs = described["inputs"]
    names = [str(each["name"]) for each in inputs]
    if is_wide(inputs):
        return _table({names[0]: _matrix(rows, int(inputs[0]["shape"][1]))})
    if form_of(described) == "records" and isinstance(rows, list | tuple):
        return Table({names[0]: list(rows)}, len(rows))
    named = _named(rows)
    if named is not None:
        return _table(_chosen(named, names))
    return _table(_by_place(rows, names))


def is_wide(inputs: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the one input is a matrix of several values a row."""
    return len(inputs) == 1 and len(inputs[0]["shape"]) == 2 and inputs[0]["shape"][1] != 1


def _table(columns: dict[str, Any]) -> Table:
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) != 1:
        said = ", ".join(f"{shown(name, 40)}: {count}" for name, count in list(lengths.items())[:8])
        raise _invalid(f"the columns are not equally long ({said})")
    return Table({name: values_of(values) for name, values in columns.items()}, next(iter(lengths.values())))


def _matrix(rows: Any, width: int) -> Any:
    named = _named(rows)
    source = np.column_stack([np.asarray(values) for values in named.values()]) if named else rows
    if hasattr(source, "toarray"):
        source = source.toarray()
    try:
        array = np.asarray(source)
        if array.dtype.kind == "O":
            array = array.astype(np.float64)  # None is a missing value
    except (TypeError, ValueError) as error:
        raise _invalid(f"the rows are no matrix of numbers: {error}") from error
    if array.dtype.kind not in "fiub":
        raise _invalid("the rows are no matrix of numbers")
    if array.ndim != 2 or array.shape[1] != width:
        got = " x ".join(map(str, array.shape)) or "one value"
        raise _invalid(f"the model takes {width} values a row, the shape is {got}")
    return array


def _named(rows: Any) -> dict[str, Any] | None:
    """Return columns by name, or None where the rows have no names."""
    if isinstance(rows, Mapping):
        return {str(name): values for name, values in rows.items()}
    if hasattr(rows, "to_pydict"):  # Arrow
        return {str(name): values for name, values in rows.to_pydict().items()}
    if hasattr(rows, "columns") and hasattr(rows, "__getitem__"):  # pandas, polars
        return {str(name): rows[name] for name in rows.columns}
    if isinstance(rows, list | tuple) and rows and all(isinstance(row, Mapping) for row in rows):
        names = dict.fromkeys(str(name) for row in rows for name in row)
        return {name: [row.get(name) for row in rows] for name in names}
    return None


def _chosen(named: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the columns that the model takes; the server says which of the absent ones it needs."""
    found = {name: named[name] for name in names if name in named}
    if not found:
        has, wants = (", ".join(map(shown, list(each)[:8])) for each in (named, names))
        raise _invalid(f"none of the columns ({has}) is an input of the model ({wants})")
    return found


def _by_place(rows: Any, names: Sequence[str]) -> dict[str, Any]:
    """Return columns of rows without names: by their places."""
    if isinstance(rows, str | bytes) or not hasattr(rows, "__len__"):
        raise _invalid(f"{type(rows).__name__} is no table of rows")
    array = rows if isinstance(rows, np.ndarray) else None
    flat = (array is not None and array.ndim == 1) or (array is None and not _nested(rows))
    if flat and len(names) == 1:
        return {names[0]: rows}
    width = array.shape[1] if array is not None and array.ndim == 2 else len(rows[0]) if _nested(rows) else 1
    if width != len(names):
        raise _invalid(f"the model takes {len(names)} inputs, a row has {width} values")
    if array is not None:
        return {name: array[:, place] for place, name in enumerate(names)}
    if any(len(row) != width for row in rows):
        raise _invalid("the rows are not equally long")
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def _nested(rows: Any) -> bool:
    return len(rows) > 0 and isinstance(rows[0], Sequence | np.ndarray) and not isinstance(rows[0], str | bytes)


def values_of(column: Any) -> Any:
    """Return a column as an array of numbers or bools, or as a list of plain values with None for missing ones."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "fiub":
        return column
    if hasattr(column, "to_list"):  # pandas and polars, with None, NaN or NaT for missing values
        dtype = getattr(column, "dtype", None)
        if isinstance(dtype, np.dtype) and dtype.kind in "fiub":
            return column.to_numpy()
        column = column.to_list()
    elif isinstance(column, np.ndarray):
        times = column.dtype.kind == "M"
        column = (
            [None if text == "NaT" else text for text in np.datetime_as_string(column)] if times else column.tolist()
        )
    values = [_plain(value) for value in column]
    return _as_numbers(values)


def _as_numbers(values: list[Any]) -> Any:
    """Return a list of floats, of small integers or of bools as an array; anything else as it is."""
    kinds = set(map(type, values))
    if kinds == {bool}:
        return np.array(values, np.bool_)
    if kinds == {int} and all(-(1 << 63) <= value < 1 << 63 for value in values):
        return np.array(values, np.int64)
    if kinds and kinds <= {float, type(None)} and float in kinds:
        return np.array([np.nan if value is None else value for value in values], np.float64)
    return values


def _plain(value: Any) -> Any:
    """Return one value as JSON can say it: numbers, bools, texts, None; dates as ISO 8601."""
    if value is None or type(value) in (str, int, float, bool):
        return value
    if type(value).__name__ in ("NAType", "NaTType") or value == "NaT":
        return None
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, bytes):
        return value.decode("utf-8", "strict")
    return str(value) if isinstance(value, str) else value


def _invalid(message: str) -> UsageError:
    return UsageError("rows-invalid", message, where="rows", hint=_HINT)
