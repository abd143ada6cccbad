"""Rows of a caller's table, whatever its form: count them, take some, look at columns, put values into cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from amber.cases import cells, tables
from amber.errors import UsageError


def normalised(sample: Any) -> Any:
    """Return a sample in one of the forms that can be recorded.

    Raises:
        UsageError: `sample-unsupported`: it is none of them.
    """
    if isinstance(sample, np.ndarray) and not isinstance(sample, np.ma.MaskedArray) and sample.ndim:
        return np.asarray(sample)
    if form(sample) and not isinstance(sample, np.ndarray):
        return sample
    if isinstance(sample, tuple | range):
        return list(sample)
    if cells.is_pandas(sample, "Index"):
        return sample.to_series().reset_index(drop=True)
    raise UsageError(
        "sample-unsupported",
        f"a sample of type {type(sample).__name__} cannot be recorded",
        where="sample",
        hint="pass a DataFrame, an array, a sparse matrix, or a list of str, dict or list; or leave it out",
    )


def form(X: Any) -> str:
    """Return which form of table `X` is: frame, series, array, csr, list; empty for none."""
    if cells.is_pandas(X, "DataFrame"):
        return "frame"
    if cells.is_pandas(X, "Series"):
        return "series"
    if tables.is_sparse(X):
        return "csr"
    if isinstance(X, np.ndarray):
        return "array"
    return "list" if isinstance(X, list) else ""


def count(X: Any) -> int:
    """Return the number of rows."""
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def take(X: Any, rows: Sequence[int]) -> Any:
    """Return these rows in this order. A plain integer index of a frame is renumbered, others stay."""
    kind = form(X)
    if kind in ("frame", "series"):
        part = X.iloc[list(rows)]
        plain = X.index.nlevels == 1 and getattr(X.index.dtype, "kind", "O") in "iu"
        return part.reset_index(drop=True) if plain else part
    if kind == "csr":
        return type(X)(X.tocsr()[list(rows)])
    if kind == "array":
        return np.ascontiguousarray(X[np.asarray(rows, dtype=np.intp)])
    return [X[row] for row in rows]


def cycled(X: Any, number: int) -> Any:
    """Return `number` rows: the rows of `X` over and over."""
    have = count(X)
    return take(X, [position % have for position in range(number)])


def width(X: Any) -> int:
    """Return the number of columns of a table with columns, 0 for lists and series."""
    kind = form(X)
    if kind == "array":
        return int(X.shape[1]) if X.ndim == 2 else 0
    return int(X.shape[1]) if kind in ("frame", "csr") else 0


def spread(total: int, at_most: int) -> list[int]:
    """Return at most `at_most` positions, evenly spaced over `range(total)`, first and last among them."""
    if total <= at_most:
        return list(range(total))
    if at_most <= 0:
        return []
    return sorted({round(k * (total - 1) / max(at_most - 1, 1)) for k in range(at_most)})


def columns(X: Any, at_most: int) -> list[Any]:
    """Return up to `at_most` columns as one-dimensional arrays; lists give lengths and the values of common keys."""
    kind = form(X)
    if kind == "frame":
        return [plain_values(X.iloc[:, j]) for j in spread(X.shape[1], at_most)]
    if kind == "series":
        return [plain_values(X)]
    if kind == "array":
        flat = X.reshape(len(X), -1) if len(X) else X.reshape(0, 0)
        return [flat[:, j] for j in spread(flat.shape[1], at_most)]
    if kind == "csr":
        rows = X.tocsr()
        filled = np.bincount(rows.indices, minlength=1)
        common = np.sort(np.argsort(-filled, kind="stable")[:at_most])
        return [rows[:, [int(j)]].toarray().ravel() for j in common if j < rows.shape[1]]
    if X and all(isinstance(row, dict) for row in X):
        keys = list(dict.fromkeys(key for row in X for key in row))
        return [_objects([row.get(keys[j]) for row in X]) for j in spread(len(keys), at_most)]
    sizes = [len(row) if hasattr(row, "__len__") else -1 for row in X]
    return [np.array(sizes), _objects([row if isinstance(row, str) else str(type(row)) for row in X])]


def _objects(values: list[Any]) -> Any:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def plain_values(series: Any) -> Any:
    """Return a series as an array of numbers where it has a plain numeric dtype, of objects elsewhere."""
    if isinstance(series.dtype, np.dtype):
        return series.to_numpy()
    return series.astype(object).to_numpy()


def edited(X: Any, edits: Sequence[tuple[int, int, Any]]) -> Any:
    """Return a copy of a frame or an array with values put into cells (row, column, value).

    A column that cannot hold a value becomes one that can: integers become floats, a category is added to the
    categories, anything else becomes an object column.
    """
    if form(X) == "frame":
        frame = X.copy()
        for position in dict.fromkeys(column for _, column, _ in edits):
            mine = [(row, value) for row, column, value in edits if column == position]
            frame.isetitem(position, _edited_series(frame.iloc[:, position], mine))
        return frame
    values = [value for _, _, value in edits]
    array = np.array(X, dtype=_holding(X.dtype, values), copy=True)
    for row, column, value in edits:
        array[row, column] = value
    return array


def _edited_series(series: Any, edits: list[tuple[int, Any]]) -> Any:
    pandas = cells.pandas_module()
    values = [value for _, value in edits]
    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        holding = _holding(dtype, values)
        array = np.array(series.to_numpy(), dtype=holding, copy=True)
        for row, value in edits:
            array[row] = value
        return pandas.Series(array, index=series.index)
    if str(dtype) == "category":
        new = [v for v in dict.fromkeys(values) if not cells.missing_kind(v) and v not in dtype.categories]
        series = series.cat.add_categories(new) if new else series
        dtype = series.dtype
    items = series.astype(object).tolist()
    for row, value in edits:
        items[row] = value
    try:
        return pandas.Series(pandas.array(items, dtype=dtype), index=series.index)
    except (TypeError, ValueError):
        return pandas.Series(items, index=series.index, dtype=object)


def _holding(dtype: Any, values: list[Any]) -> Any:
    """The nearest dtype that holds these values beside its own."""
    if dtype.kind == "O" or any(not isinstance(v, int | float | np.number) or isinstance(v, bool) for v in values):
        return dtype if dtype.kind in "OUS" else np.dtype(object)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        whole = all(isinstance(v, int | np.integer) and info.min <= v <= info.max for v in values)
        return dtype if whole else np.dtype(np.float64)
    return np.dtype(object) if dtype.kind == "b" else dtype


def kinds(X: Any) -> list[str]:
    """Return what each column of a frame or an array holds: number, integer, bool, text, time or other."""
    if form(X) == "frame":
        return [_series_kind(X.iloc[:, j]) for j in range(X.shape[1])]
    if form(X) == "array" and X.ndim == 2:
        if X.dtype.kind == "O":
            return [_objects_kind(X[:, j]) for j in range(X.shape[1])]
        return [_KINDS.get(X.dtype.kind, "other")] * int(X.shape[1])
    if form(X) == "csr":
        return ["number"] * int(X.shape[1])
    return []


def is_object(dtype: Any) -> bool:
    """Whether a dtype is NumPy's object (pandas' own dtypes say kind "O" too)."""
    return isinstance(dtype, np.dtype) and dtype.kind == "O"


_KINDS = {"f": "number", "i": "integer", "u": "integer", "b": "bool", "U": "text", "M": "time"}


def _series_kind(series: Any) -> str:
    dtype, text = series.dtype, str(series.dtype)
    if isinstance(dtype, np.dtype) and dtype.kind != "O":
        return _KINDS.get(dtype.kind, "other")
    if text.startswith(("Int", "UInt")):
        return "integer"
    if text.startswith("Float"):
        return "number"
    if text == "boolean":
        return "bool"
    if text.startswith("datetime64"):
        return "time"
    if text == "category":
        return "text" if all(isinstance(c, str) for c in dtype.categories[:20]) else "category"
    if text in ("str", "string") or text.startswith("string["):
        return "text"
    return _objects_kind(series.astype(object).to_numpy()) if is_object(dtype) else "other"


def _objects_kind(values: Any) -> str:
    present = [value for value in values[:200].tolist() if not cells.missing_kind(value)]
    if present and all(isinstance(value, str) for value in present):
        return "text"
    if present and all(isinstance(value, int | float) and not isinstance(value, bool) for value in present):
        return "number"
    return "other" if present else "text"
