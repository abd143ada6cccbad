"""One column of a file as the model saw it when it was saved: exactly its dtype, or the cell that cannot be read.

Text (CSV, plain text) is parsed as the recorded dtype says, so `007` stays text where the model had text. Values that
have a type already (JSON, Parquet, .npy) must fit without loss: 3.0 is the integer 3, 3.5 is not, 7 is not text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

# What an empty numeric cell may look like in the wild. In text columns only the empty cell counts as missing:
# `NA` may be Namibia. Callers add their own spellings.
MISSING_NUMBERS = frozenset({"", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None", "<NA>"})
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}
_EXACT = 2**53
_ISO = re.compile(r"\s*[0-9]{4}-[0-9]{2}")  # what pandas reads as day, month, year in any other order depends on luck


class BadCell(Exception):  # noqa: N818 - a signal to the reader, which knows row and column
    """One cell cannot be read: its position in the block, what was expected and what stands there."""

    def __init__(self, position: int, expected: str, got: str) -> None:
        super().__init__(position, expected, got)
        self.position, self.expected, self.got = position, expected, got


def from_text(cells: Sequence[str], dtype: Any, filler: Any = math.nan, missing: Collection[str] = ()) -> Any:
    """Return a column of text cells as an array of `dtype`.

    Args:
        cells: The cells as they stand in the file.
        dtype: A NumPy or pandas dtype.
        filler: What a missing value is in an object column (None or NaN).
        missing: Spellings of a missing value beside the usual ones; they count in text columns too.

    Raises:
        BadCell: The first cell that cannot be read.
    """
    absent = {"", *missing}
    if _is_number(dtype):
        return _numbers_from_text(cells, dtype, MISSING_NUMBERS | absent)
    if _is_boolean(dtype):
        values = [_boolean(i, cell, MISSING_NUMBERS | absent) for i, cell in enumerate(cells)]
        return _filled(values, dtype, "bool")
    return from_values([None if cell in absent else cell for cell in cells], dtype, filler, parsed=False)


def from_values(cells: Sequence[Any], dtype: Any, filler: Any = math.nan, *, parsed: bool = True) -> Any:
    """Return a column of Python values as an array of `dtype`; None and NaN are missing.

    Args:
        cells: The values.
        dtype: A NumPy or pandas dtype.
        filler: What a missing value is in an object column.
        parsed: The values have types of their own (JSON, Parquet); False: they are text still to be read.

    Raises:
        BadCell: The first value that does not fit without loss.
    """
    if isinstance(dtype, np.dtype):
        if dtype.kind == "O":
            return _objects([filler if _absent(cell) else cell for cell in cells])
        if dtype.kind in "US":
            return np.array([_text(i, cell, "") for i, cell in enumerate(cells)], dtype=dtype.kind)
        if dtype.kind in "mM":
            return _times(cells, dtype)
    elif _kind(dtype) == "category":
        return _categories(cells, dtype, parsed=parsed)
    elif _kind(dtype) in ("str", "string"):
        return _pandas_array([None if _absent(c) else _text(i, c, None) for i, c in enumerate(cells)], dtype)
    elif _kind(dtype) == "datetime":
        return _times(cells, dtype)
    if _is_number(dtype):
        return _filled([_number(i, cell, dtype) for i, cell in enumerate(cells)], dtype, str(dtype))
    if _is_boolean(dtype):
        return _filled([_boolean_value(i, cell) for i, cell in enumerate(cells)], dtype, "bool")
    return _last_resort(cells, dtype)


def text_objects(cells: Sequence[str], example: Sequence[Any], filler: Any, missing: Collection[str] = ()) -> Any:
    """Return text cells as the objects an object column held: its recorded values say what they were.

    Raises:
        BadCell: The column held values that text cannot say.
    """
    kinds = {type(value) for value in example if not _absent(value)}
    reader: dict[type, Any] = {bool: np.dtype(bool), int: np.dtype(np.int64), float: np.dtype(np.float64)}
    if len(kinds) == 1 and (kind := kinds.pop()) in reader:
        absent = MISSING_NUMBERS | set(missing)
        present = [i for i, cell in enumerate(cells) if cell not in absent]
        values: list[Any] = [filler] * len(cells)
        try:
            found = from_text([cells[i] for i in present], reader[kind], filler, missing).tolist()
        except BadCell as bad:
            raise BadCell(present[bad.position], bad.expected, bad.got) from bad
        for i, value in zip(present, found, strict=True):
            values[i] = value
        return _objects(values)
    return from_text(cells, np.dtype(object), filler, missing)


def from_array(column: Any, dtype: Any) -> Any:
    """Return a NumPy column of a file as `dtype`.

    Raises:
        BadCell: The first value that does not fit without loss.
    """
    if column.dtype == dtype:
        return column
    if not isinstance(dtype, np.dtype) or dtype.kind not in "iufc" or column.dtype.kind not in "iuf":
        return from_values(column.tolist(), dtype)
    if dtype.kind in "iu" and column.dtype.kind == "f" and np.isnan(column).any():
        return from_values(column.tolist(), dtype)
    with np.errstate(all="ignore"):
        cast = column.astype(dtype)
        back = cast.astype(column.dtype)
        whole = (back == column) | ((column != column) & (cast != cast))
        if dtype.kind in "iu" and column.dtype.kind in "iu":
            whole &= (cast < 0) == (column < 0)
    if not whole.all():
        position = int(np.flatnonzero(~whole)[0])
        raise BadCell(position, str(dtype), f"{column[position]!s} of {column.dtype}")
    return cast


def _absent(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def _kind(dtype: Any) -> str:
    """Family of a pandas dtype by its name, so that pandas is not needed for the question."""
    name = str(dtype)
    for family in ("category", "str", "datetime"):
        if name.startswith(family):
            return "string" if name.startswith("string") else family
    return name


def _is_number(dtype: Any) -> bool:
    if isinstance(dtype, np.dtype):
        return dtype.kind in "iuf"
    return getattr(dtype, "kind", "") in "iuf" and hasattr(dtype, "numpy_dtype") and str(dtype)[0] in "IUF"


def _is_boolean(dtype: Any) -> bool:
    return bool(dtype == np.dtype(bool)) if isinstance(dtype, np.dtype) else str(dtype) == "boolean"


def _plain(dtype: Any) -> np.dtype[Any]:
    return dtype if isinstance(dtype, np.dtype) else np.dtype(dtype.numpy_dtype)


def _numbers_from_text(cells: Sequence[str], dtype: Any, missing: Collection[str]) -> Any:
    plain = _plain(dtype)
    if plain.kind == "f" and isinstance(dtype, np.dtype):
        try:
            # Python's own parser reads each cell: correctly rounded, as fast as a loop can be
            found = np.array(cells, dtype=np.float64) if len(cells) else np.empty(0)
        except ValueError:
            found = None
        if found is not None and not any("_" in cell for cell in cells):
            return found.astype(dtype)
    return _filled([_parse(i, cell, plain, missing) for i, cell in enumerate(cells)], dtype, str(dtype))


def _parse(position: int, cell: str, plain: np.dtype[Any], missing: Collection[str]) -> Any:
    text = cell.strip()
    if text in missing:
        return None
    try:
        if "_" in text:
            raise ValueError(text)
        if plain.kind == "f":
            return float(text)
        try:
            return _bounded(position, int(text), plain)
        except ValueError:
            value = float(text)
            if value.is_integer() and abs(value) <= _EXACT:
                return _bounded(position, int(value), plain)
            raise
    except ValueError as error:
        raise BadCell(position, str(plain), repr(cell)) from error


def _bounded(position: int, value: int, plain: np.dtype[Any]) -> int:
    bounds = np.iinfo(plain)
    if not bounds.min <= value <= bounds.max:
        raise BadCell(position, f"{plain}, {bounds.min} to {bounds.max}", str(value))
    return value


def _number(position: int, cell: Any, dtype: Any) -> Any:
    """A value with a type of its own as a number of `dtype`, without loss."""
    plain = _plain(dtype)
    if _absent(cell):
        return None
    if isinstance(cell, np.generic):
        cell = cell.item()
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        raise BadCell(position, str(dtype), f"{type(cell).__name__} {cell!r}")
    if plain.kind == "f":
        if isinstance(cell, int) and abs(cell) > _EXACT and int(float(cell)) != cell:
            raise BadCell(position, str(dtype), f"{cell}, which it cannot hold exactly")
        return float(cell)
    if isinstance(cell, float):
        if not cell.is_integer():
            raise BadCell(position, str(dtype), repr(cell))
        cell = int(cell)
    return _bounded(position, cell, plain)


def _boolean(position: int, cell: str, missing: Collection[str]) -> bool | None:
    text = cell.strip()
    if text in missing:
        return None
    found = _BOOLEANS.get(text.lower())
    if found is None:
        raise BadCell(position, "true or false", repr(cell))
    return found


def _boolean_value(position: int, cell: Any) -> bool | None:
    if _absent(cell):
        return None
    if isinstance(cell, bool | np.bool_):
        return bool(cell)
    raise BadCell(position, "true or false", f"{type(cell).__name__} {cell!r}")


def _filled(values: list[Any], dtype: Any, expected: str) -> Any:
    """Numbers or booleans with None for missing, as an array.

    Integers have no missing value: with a gap they come as float64 with NaN, as pandas itself reads them, where that
    holds them exactly; whether the model takes the gap is the model's answer. A gap among booleans is an error.
    """
    if not isinstance(dtype, np.dtype):
        return _pandas_array(values, dtype)
    if dtype.kind == "f":
        return np.array([math.nan if value is None else value for value in values], dtype=np.float64).astype(dtype)
    gaps = [position for position, value in enumerate(values) if value is None]
    if gaps and (dtype.kind == "b" or any(value is not None and abs(value) > _EXACT for value in values)):
        raise BadCell(gaps[0], expected, "a missing value")
    return np.array([math.nan if value is None else value for value in values], np.float64 if gaps else dtype)


def _text(position: int, cell: Any, empty: Any) -> Any:
    if _absent(cell):
        return empty
    if not isinstance(cell, str):
        raise BadCell(position, "text", f"{type(cell).__name__} {cell!r}")
    return cell


def _categories(cells: Sequence[Any], dtype: Any, *, parsed: bool) -> Any:
    """Known categories in their recorded order, then what else was met, so that the model itself judges the unseen."""
    import pandas as pd

    known = dtype.categories
    present = [i for i, cell in enumerate(cells) if not _absent(cell)]
    values = [cells[i] for i in present]
    reader: Callable[..., Any] = from_values if parsed else from_text
    try:
        # object categories (and every kind of text) hold what they held when the model was saved
        typed = text_or_values(values, known, parsed=parsed) if known.dtype == object else reader(values, known.dtype)
    except BadCell as bad:
        raise BadCell(present[bad.position], bad.expected, bad.got) from bad
    found = pd.Index(typed)
    codes = known.get_indexer(found)
    unseen = found[codes < 0].unique() if (codes < 0).any() else found[:0]
    if len(unseen):
        known = known.append(unseen.astype(known.dtype) if unseen.dtype != known.dtype else unseen)
        codes = known.get_indexer(found)
    all_codes = np.full(len(cells), -1, dtype=np.intp)
    all_codes[present] = codes
    return pd.Categorical.from_codes(all_codes, categories=known, ordered=dtype.ordered)


def text_or_values(values: list[Any], known: Any, *, parsed: bool) -> Any:
    """Return values of a categorical whose categories are objects: as they are, or text read as the categories are."""
    return _objects(values) if parsed else text_objects(values, known.tolist(), math.nan)


def _times(cells: Sequence[Any], dtype: Any) -> Any:
    """Dates and durations through pandas where they are zoned or text, ISO 8601 only."""
    import pandas as pd

    duration = isinstance(dtype, np.dtype) and dtype.kind == "m"
    zone = getattr(dtype, "tz", None)
    found: list[Any] = []
    for position, cell in enumerate(cells):
        if isinstance(cell, bool | int) or (isinstance(cell, float) and not math.isnan(cell)):
            raise BadCell(position, str(dtype), f"{type(cell).__name__} {cell!r}")
        try:
            if isinstance(cell, str) and not duration and not _ISO.match(cell):
                raise ValueError("not ISO 8601")
            value: Any = pd.NaT if _absent(cell) else pd.Timedelta(cell) if duration else pd.Timestamp(cell)
            if value is not pd.NaT and not duration and (value.tz is None) != (zone is None):
                raise ValueError("a time zone on one side only")
        except (ValueError, TypeError) as error:
            what = "a duration" if duration else "an ISO 8601 time" + (f" with a zone ({zone})" if zone else "")
            raise BadCell(position, what, repr(cell)) from error
        found.append(value)
    if duration:
        return np.array([v.to_timedelta64() if v is not pd.NaT else np.timedelta64("NaT") for v in found], dtype=dtype)
    if zone is None:
        return np.array([v.to_datetime64() if v is not pd.NaT else np.datetime64("NaT") for v in found], dtype=dtype)
    return pd.Series(pd.to_datetime(found, utc=True)).dt.tz_convert(zone).astype(dtype).array


def _last_resort(cells: Sequence[Any], dtype: Any) -> Any:
    values = [None if _absent(cell) else cell for cell in cells]
    try:
        return _pandas_array(values, dtype)
    except (ValueError, TypeError, NotImplementedError) as error:
        raise BadCell(0, str(dtype), f"values that it cannot be read from ({type(error).__name__})") from error


def _pandas_array(values: list[Any], dtype: Any) -> Any:
    import pandas as pd

    return pd.array(values, dtype=dtype)


def _objects(values: Sequence[Any]) -> Any:
    array = np.empty(len(values), dtype=object)
    for position, value in enumerate(values):
        array[position] = value
    return array
