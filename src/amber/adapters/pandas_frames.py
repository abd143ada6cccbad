"""Frames, series and indexes: their columns as arrays, their labels as indexes, no blocks.

Constructors of pandas 3 turn object arrays of str into the new string dtype; every one here is told the dtype, so
that an object column stays one under both majors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas

from amber.adapters.pandas_time import UNITS, check_times
from amber.errors import AuditError

if TYPE_CHECKING:
    from amber.adapters.protocol import Special

pd: Any = pandas  # its stubs are narrower than the library


_TIMES = {f"{kind}8[{unit}]" for kind in "mM" for unit in UNITS}


def column_of(values: Any) -> Any:
    """Return what a series or an index holds: an ndarray, or pandas' own array where NumPy has no such dtype."""
    return values.to_numpy() if isinstance(values.dtype, np.dtype) else values.array


def series(values: Any) -> Any:
    """Return a series over an array, in exactly its dtype.

    Raises:
        AuditError: The array is none a series can hold.
    """
    if isinstance(values, np.ndarray):
        known = values.dtype.kind in "biufcO" or values.dtype.str[1:] in _TIMES
        if values.ndim != 1 or not known or not values.dtype.isnative:
            raise AuditError("dtype-mismatch", f"no column has dtype {values.dtype}", where="pandas")
        check_times(values, "pandas")
    made = pd.Series(values, dtype=values.dtype)
    if made.dtype != values.dtype:
        raise AuditError("dtype-mismatch", f"no column has dtype {values.dtype}", where="pandas")
    return made


class Frame:
    """`DataFrame`."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the columns in order, whatever their names, with both indexes."""
        return {
            "index": obj.index,
            "columns": obj.columns,
            "data": [column_of(obj.iloc[:, position]) for position in range(obj.shape[1])],
            **_marks(obj),
        }

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Build column by column; lengths must agree, nothing is aligned."""
        index, columns, data = state["index"], state["columns"], state["data"]
        if len(columns) != len(data) or any(len(column) != len(index) for column in data):
            raise AuditError("shape-mismatch", "columns and index do not fit", where="DataFrame")
        if data:
            frame = cls({position: series(column) for position, column in enumerate(data)})
            frame.index, frame.columns = index, columns
        else:
            frame = cls(index=index, columns=columns)
        return _mark(frame, state)


class Series:
    """`Series`."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return values, index and name."""
        return {"index": obj.index, "data": column_of(obj), "name": obj.name, **_marks(obj)}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Build it; lengths must agree, nothing is aligned."""
        if len(state["index"]) != len(state["data"]):
            raise AuditError("shape-mismatch", "values and index do not fit", where="Series")
        made = series(state["data"])
        made.index = state["index"]
        made.name = state["name"]
        return _mark(made, state)


class Index:
    """Every index that is one array: plain ones, and those of dates, spans, periods, intervals, categories."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return array and name; for dates and spans the frequency too, if it has one."""
        state = {"data": column_of(obj) if type(obj) is pd.Index else obj.array, "name": obj.name}
        return {**state, "freq": obj.freq} if isinstance(obj, pd.DatetimeIndex | pd.TimedeltaIndex) else state

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Build the index of exactly this class."""
        data, name = state["data"], state["name"]
        if cls is pd.Index:
            series(data)  # the same dtypes, told by the same rule
            made = cls(data, dtype=data.dtype, name=name, tupleize_cols=False)
        else:
            made = cls(data, name=name)
            if state.get("freq") is not None:
                made = _with_freq(made, state["freq"])
        if type(made) is not cls:
            raise AuditError("value-mismatch", f"these values make a {type(made).__name__}", where=cls.__name__)
        return made


def _with_freq(index: Any, freq: Any) -> Any:
    try:
        return type(index)(index, freq=freq)
    except (ValueError, TypeError, OverflowError) as error:
        raise AuditError("value-mismatch", f"not the frequency of the values: {error}", where="freq") from error


class Range:
    """`RangeIndex`."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return start, stop, step and name."""
        return {"start": obj.start, "stop": obj.stop, "step": obj.step, "name": obj.name}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Build the index."""
        if state["step"] == 0:
            raise AuditError("value-out-of-range", "a step of zero", where="RangeIndex.step")
        return cls(state["start"], state["stop"], state["step"], name=state["name"])


class Multi:
    """`MultiIndex`: levels and, for each, one code a row."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the parts; -1 is missing."""
        return {
            "levels": list(obj.levels),
            "codes": [np.asarray(codes) for codes in obj.codes],
            "names": list(obj.names),
            "sortorder": obj.sortorder,
        }

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Build the index; it checks codes, lengths and repeated level values."""
        levels, codes = state["levels"], state["codes"]
        for level, each in zip(levels, codes, strict=False):
            if each.size and not (int(each.min()) >= -1 and int(each.max()) < len(level)):
                raise AuditError("index-out-of-range", "a code without a level value", where="MultiIndex.codes")
        try:
            return cls(levels, codes, sortorder=state["sortorder"], names=state["names"], verify_integrity=True)
        except (ValueError, TypeError) as error:
            raise AuditError("value-mismatch", str(error), where="MultiIndex") from error


def _marks(obj: Any) -> dict[str, Any]:
    return {"attrs": dict(obj.attrs), "unique_labels": not obj.flags.allows_duplicate_labels}


def _mark(obj: Any, state: dict[str, Any]) -> Any:
    obj.attrs = state["attrs"]
    if state["unique_labels"]:
        try:
            obj.flags.allows_duplicate_labels = False
        except ValueError as error:
            raise AuditError("not-distinct", "labels that must be unique are not", where="pandas") from error
    return obj


SPECIALS: dict[str, Special] = {
    "frame": Frame(),
    "series": Series(),
    "index": Index(),
    "range-index": Range(),
    "multi-index": Multi(),
}
