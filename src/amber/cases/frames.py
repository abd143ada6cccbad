"""pandas frames and series as columns and back: every dtype, missing kinds told apart, categories with their order.

Read and written by pandas 2 and 3 alike; where a dtype does not exist in the pandas at hand, the nearest that this
version itself would use stands in for it (the `str` dtype of pandas 3 is `object` with NaN in pandas 2).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from amber.cases import arrays, cells
from amber.cases.arrays import DTYPE, MISSING, Parameters
from amber.cases.cells import Unsupported
from amber.errors import CaseError
from amber.tree.evidence import Column

LABEL, ROLE, CATEGORIES, ORDERED = "amber.label", "amber.role", "amber.categories", "amber.ordered"
NULLABLE = {
    "Int8": "INT8", "Int16": "INT16", "Int32": "INT32", "Int64": "INT64", "UInt8": "UINT8", "UInt16": "UINT16",
    "UInt32": "UINT32", "UInt64": "UINT64", "Float32": "FP32", "Float64": "FP64", "boolean": "BOOL",
}  # fmt: skip
_ZONED = re.compile(r"datetime64\[(s|ms|us|ns), ([^\]]+)\]")
_OTHER = re.compile(
    r"(period\[[A-Za-z0-9-]{1,16}\]|interval\[[a-z0-9]{1,16}, (left|right|both|neither)\]"
    r"|Sparse\[(float64|int64|bool), (nan|0|0\.0|False)\]"
    r"|(u?int(8|16|32|64)|halffloat|float|double|bool|string|large_string)\[pyarrow\])"
)
_TEXTS = ("str", "string")
MAX_COLUMNS = 100_000


def encode_frame(frame: Any, prefix: str = "") -> list[Column]:
    """Return one column for each column of the frame, then one for each level of an index that is not 0, 1, 2, ...

    Args:
        frame: A DataFrame.
        prefix: Name of the method whose answer it is; the columns of a request are called by their labels.

    Raises:
        Unsupported: A value or a dtype cannot be written as data.
    """
    labels = list(frame.columns)
    names = column_names(labels, prefix)
    columns = []
    for position, (label, name) in enumerate(zip(labels, names, strict=True)):
        column = encode_series(frame.iloc[:, position], name)
        if name != label:
            column.parameters[LABEL] = cells.dump(label)
        columns.append(column)
    return columns + encode_index(frame.index, prefix)


def body(columns: Iterable[Column]) -> list[Column]:
    """Return the columns that are no level of an index."""
    return [column for column in columns if column.parameters.get(ROLE) != "index"]


def column_names(labels: list[Any], prefix: str) -> list[str]:
    """Return distinct tensor names: the labels themselves where they are distinct texts, numbered names elsewhere."""
    names: list[str] = []
    taken: set[str] = set()
    for position, label in enumerate(labels):
        plain = not prefix and type(label) is str and label and label.isprintable() and len(label) <= 1000
        name = label if plain and label not in taken else f"{prefix or 'column'}.{position}"
        while name in taken:
            name += "_"
        taken.add(name)
        names.append(name)
    return names


def encode_index(index: Any, prefix: str) -> list[Column]:
    """Return the levels of an index; none where it is 0, 1, 2, ... without a name.

    Raises:
        Unsupported: A value cannot be written as data.
    """
    pandas = cells.pandas_module()
    plain = isinstance(index, pandas.RangeIndex) and index.start == 0 and index.step == 1 and index.name is None
    if plain or (len(index) == 0 and index.name is None and index.nlevels == 1):
        return []
    columns = []
    for level in range(index.nlevels):
        values = index.get_level_values(level)
        name = f"{prefix or 'index'}.index.{level}"
        column = encode_series(pandas.Series(values), name)
        column.parameters[ROLE] = "index"
        if values.name is not None:
            column.parameters[LABEL] = cells.dump(values.name)
        columns.append(column)
    return columns


def encode_series(series: Any, name: str) -> Column:
    """Return the values of a series as a column.

    Raises:
        Unsupported: A value or the dtype cannot be written as data.
    """
    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        return arrays.encode(name, series.to_numpy())
    text = str(dtype)
    shape = (len(series),)
    if text == "category":
        return _encode_category(series, name, shape)
    if text in NULLABLE:
        mask = series.isna().to_numpy(dtype=bool)
        carrier = cells.dtype_of(arrays.NATIVE[NULLABLE[text]])
        data = series.array.to_numpy(dtype=carrier, na_value=carrier.type(0)).tobytes()
        parameters: Parameters = {DTYPE: text}
        if mask.any():
            parameters[MISSING] = arrays.bitmap(mask)
        return Column(name, NULLABLE[text], shape, data, parameters)
    if match := _ZONED.fullmatch(text):
        if not cells.is_zone(match[2]):
            raise Unsupported(f"dtype {text}")
        ticks = series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().view("<i8")
        return Column(name, "INT64", shape, ticks.tobytes(), {DTYPE: text})
    if text in _TEXTS:
        storage = getattr(dtype, "storage", "python")
        column = arrays.encode_objects(name, series.astype(object).tolist(), shape)
        column.parameters[DTYPE] = text if text == "str" else f"string[{storage}]"
        return column
    if _OTHER.fullmatch(text):
        column = arrays.encode_objects(name, series.astype(object).tolist(), shape)
        column.parameters[DTYPE] = text
        return column
    raise Unsupported(f"dtype {text}")


def _encode_category(series: Any, name: str, shape: tuple[int, ...]) -> Column:
    """Categories are kept with their order and dtype; the tensor holds the values, not the codes."""
    categories = series.cat.categories
    values = categories.astype(object).tolist()
    codes = series.cat.codes.to_numpy()
    column = arrays.encode_objects(name, [None if code < 0 else values[code] for code in codes.tolist()], shape)
    dtype = str(categories.dtype)
    column.parameters[DTYPE] = "category"
    column.parameters[CATEGORIES] = json.dumps([dtype, [cells.dump(value) for value in values]], separators=(",", ":"))
    if series.cat.ordered:
        column.parameters[ORDERED] = True
    return column


def decode_frame(columns: list[Column]) -> Any:
    """Return the frame of its columns.

    Raises:
        CaseError: `cases-...`: they are not the columns of one frame.
    """
    try:
        return _decode_frame(cells.pandas_module(), columns)
    except CaseError:
        raise
    except Exception as error:
        raise CaseError("cases-frame", f"a frame cannot be built: {type(error).__name__}") from error


def _decode_frame(pandas: Any, columns: list[Column]) -> Any:
    own = body(columns)
    levels = [column for column in columns if column.parameters.get(ROLE) == "index"]
    if len(own) > MAX_COLUMNS or len({column.shape for column in columns}) > 1:
        raise CaseError("cases-shape", "the columns of a frame have different lengths")
    index = _decode_index(levels)
    rows = columns[0].shape[0] if columns else 0
    parts = {position: decode_series(column) for position, column in enumerate(own)}
    frame = pandas.DataFrame(parts, index=pandas.RangeIndex(rows), copy=False)
    frame.columns = pandas.Index([label_of(column) for column in own])
    if index is not None:
        frame.index = index
    return frame


def label_of(column: Column) -> Any:
    """Return the label a column has in its frame: its own name, unless a parameter says otherwise."""
    text = column.parameters.get(LABEL)
    return column.name if text is None else _hashable(cells.load(str(text)))


def _hashable(label: Any) -> Any:
    try:
        hash(label)
    except TypeError as error:
        raise CaseError("cases-cell", "a column's label is not hashable") from error
    return label


def _decode_index(levels: list[Column]) -> Any:
    if not levels:
        return None
    pandas = cells.pandas_module()
    labels = [_hashable(cells.load(str(c.parameters[LABEL]))) if LABEL in c.parameters else None for c in levels]
    values = [decode_series(column) for column in levels]
    if len(values) == 1:
        return pandas.Index(values[0], name=labels[0], tupleize_cols=False)
    return pandas.MultiIndex.from_arrays(values, names=labels)


def decode_series(column: Column) -> Any:
    """Return the values of a column as a series without a name.

    Raises:
        CaseError: `cases-...`: the column is not one of the known forms.
    """
    pandas = cells.pandas_module()
    text = column.parameters.get(DTYPE, "")
    if len(column.shape) != 1:
        raise CaseError("cases-shape", "a column of a frame has one dimension")
    try:
        return _decode_series(pandas, column, str(text), column.shape[0])
    except CaseError:
        raise
    except Exception as error:
        raise CaseError("cases-dtype", f"a column cannot be read as {text}: {type(error).__name__}") from error


def _decode_series(pandas: Any, column: Column, text: str, count: int) -> Any:
    if text == "category":
        return _decode_category(pandas, column, count)
    if text in NULLABLE:
        values = arrays.decode(Column(column.name, column.datatype, column.shape, column.data))
        series = pandas.Series(values).astype(text)
        mask = column.parameters.get(MISSING)
        if mask is not None:
            series[arrays.mask_of(mask, count)] = pandas.NA
        return series
    if match := _ZONED.fullmatch(text):
        if not cells.is_zone(match[2]) or column.datatype != "INT64":
            raise CaseError("cases-dtype", "a time zone that is none")
        ticks = arrays.raw(column, np.dtype("<i8"), count).view(f"<M8[{match[1]}]").copy()
        return pandas.Series(ticks).dt.tz_localize("UTC").dt.tz_convert(match[2])
    if text in ("str", "string[python]", "string[pyarrow]"):
        return _decode_text(pandas, arrays.decode_values(column, count), text)
    if _OTHER.fullmatch(text):
        return pandas.Series(pandas.array(arrays.decode_values(column, count), dtype=text))
    values = arrays.decode(column)
    return pandas.Series(values, dtype=object) if values.dtype == object else _plain_series(pandas, values)


def _plain_series(pandas: Any, values: Any) -> Any:
    """A series of exactly this NumPy dtype; pandas infers its own text dtype from U arrays otherwise."""
    return pandas.Series(values.astype(object), dtype=object) if values.dtype.kind in "US" else pandas.Series(values)


def _decode_text(pandas: Any, values: list[Any], text: str) -> Any:
    if text == "str":
        try:
            return pandas.Series(values, dtype=pandas.StringDtype(na_value=np.nan))
        except (TypeError, ImportError):  # pandas before 2.3 has no such dtype and keeps text in object columns
            return pandas.Series(values, dtype=object)
    try:
        return pandas.Series(values, dtype=text)
    except ImportError:
        return pandas.Series(values, dtype="string[python]")


def _decode_category(pandas: Any, column: Column, count: int) -> Any:
    dtype, texts = json.loads(str(column.parameters.get(CATEGORIES)))
    values = arrays.decode_values(column, count)
    categories = category_index(pandas, str(dtype), [cells.load(text) for text in texts])
    ordered = column.parameters.get(ORDERED) is True
    codes = categories.get_indexer(pandas.Index(values, dtype=object)) if len(categories) else np.full(count, -1)
    known = pandas.Categorical.from_codes(codes, categories=categories, ordered=ordered)
    return pandas.Series(known)


def category_index(pandas: Any, dtype: str, values: list[Any]) -> Any:
    """Return the index of categories, with the dtype they were recorded with where this pandas has it."""
    if dtype in ("str", "string", "string[python]", "string[pyarrow]"):
        return pandas.Index(_decode_text(pandas, values, "str" if dtype == "str" else "string[python]"))
    if _PLAIN.fullmatch(dtype):
        return pandas.Index(values, dtype=dtype)
    return pandas.Index(values)


_PLAIN = re.compile(
    r"object|bool|u?int(8|16|32|64)|float(16|32|64)|datetime64\[(s|ms|us|ns)\]|timedelta64\[(s|ms|us|ns)\]"
)
