"""Instances of everything the pandas adapter knows, for the contract suite."""

from __future__ import annotations

import datetime
import importlib.util
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas

from amber.adapters.pandas_time import OFFSETS

if TYPE_CHECKING:
    from collections.abc import Callable

pd: Any = pandas  # its stubs are narrower than the library

_ARROW = importlib.util.find_spec("pyarrow") is not None
_TIMES = np.array(["2024-03-31T01:30", "NaT", "1969-12-31T23:59:59"], "M8[ns]")
_MASKED = ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32", "Float64", "boolean")


def _mixed() -> Any:
    frame = pd.DataFrame(
        {
            "float": [0.5, np.nan, -0.0],
            "int8": np.array([1, 2, 3], np.int8),
            "object": pd.Series(["a", None, 3.5], dtype=object),
            "text": pd.Series(["a", "b", "c"], dtype=object),
            "bool": [True, False, True],
            "complex": [1j, 2, 3],
            "time": _TIMES,
            "span": _TIMES - _TIMES[0],
            "category": pd.Categorical(["x", None, "y"], categories=["y", "x"], ordered=True),
            "nullable": pd.array([1, None, 3], dtype="Int64"),
        },
        index=pd.Index(["r", "s", "r"], name="key", dtype=object),
    )
    frame.attrs["source"] = {"rows": [1, 2]}
    return frame


def _duplicates() -> Any:
    frame = pd.DataFrame(np.arange(6).reshape(2, 3))
    frame.columns = pd.Index(["a", "a", 1], dtype=object)
    return frame


def _strict() -> Any:
    frame = pd.DataFrame({"a": [1, 2]})
    frame.flags.allows_duplicate_labels = False
    return frame


def _multi() -> Any:
    index = pd.MultiIndex.from_arrays([["a", "b", None], [1, 2, 2]], names=["x", None])
    return pd.DataFrame({("p", 1): [1, 2, 3], ("p", 2): [4, 5, 6]}, index=index)


def _zoned(zone: Any) -> Any:
    return pd.Series(pd.DatetimeIndex(_TIMES).tz_localize("UTC").tz_convert(zone))


def _sparse(kind: Any) -> Any:
    return pd.arrays.SparseArray([0, 0, 5, 6, 0, 7], fill_value=0, kind=kind)


def _text(storage: str, values: Any = ("a", None, "c")) -> Any:
    return pd.Series(values, dtype=pd.StringDtype(storage))


def _long_text() -> Any:
    return pd.Series([f"word {number}" for number in range(100)])


def _shared() -> Any:
    index = pd.Index([3, 1, 2], name="n")
    return [pd.Series([1.0, 2.0, 3.0], index=index), pd.DataFrame({"a": [1, 2, 3]}, index=index)]


def _arrow(kind: Any, values: list[Any]) -> Any:
    import pyarrow as pa

    return pd.Series(values, dtype=pd.ArrowDtype(getattr(pa, kind[0])(*kind[1:])))


def _arrow_examples() -> list[tuple[str, Callable[[], Any]]]:
    day = datetime.datetime(2024, 2, 29, 12)
    kinds: list[tuple[Any, list[Any]]] = [
        (("int8",), [1, None]), (("uint64",), [2**64 - 1, 0]), (("float32",), [0.5, None]),
        (("float64",), [0.5, -0.0]), (("bool_",), [True, None]), (("string",), ["a", None]),
        (("large_string",), ["a", ""]), (("timestamp", "us"), [day, None]), (("timestamp", "ns", "UTC"), [day, None]),
        (("date32",), [day.date(), None]), (("duration", "ms"), [datetime.timedelta(1), None]),
    ]  # fmt: skip
    made = [("arrow-" + "-".join(kind), partial(_arrow, kind, values)) for kind, values in kinds]
    return [*made, ("string-pyarrow", partial(_text, "pyarrow")), ("arrow-dtype", lambda: _arrow(("int8",), [1]).dtype)]


def _offset(name: str) -> Any:
    cls = getattr(pd.offsets, name)
    extra = {"week": 1, "weekday": 2} if name == "WeekOfMonth" else dict.fromkeys(OFFSETS[name], 3)
    return [cls(2, **extra), cls(-3, **({"weekday": 0} if name in ("LastWeekOfMonth", "WeekOfMonth") else {}))]


def _columns() -> list[tuple[str, Callable[[], Any]]]:
    masked = [(f"masked-{name}", partial(pd.array, [1, None, 0], dtype=name)) for name in _MASKED]
    dtypes = [(f"dtype-{name}", partial(pd.api.types.pandas_dtype, name)) for name in _MASKED]
    units = [(f"times-{unit}", partial(pd.Series, _TIMES.astype(f"M8[{unit}]"))) for unit in ("s", "ms", "us", "ns")]
    return [
        *masked,
        *dtypes,
        *units,
        ("categorical", lambda: pd.Categorical([2, 1, None, 2])),
        ("categorical-text", lambda: pd.Series(["b", "a"], dtype="category")),
        ("categorical-intervals", lambda: pd.cut(pd.Series([1.0, 5.0, 9.0]), [0, 4, 8])),
        ("zone-name", lambda: _zoned("Europe/Paris")),
        ("zone-fixed", lambda: _zoned(datetime.timezone(datetime.timedelta(hours=5, minutes=30)))),
        ("zone-utc", lambda: _zoned("UTC")),
        ("string", lambda: _text("python")),
        ("string-default", lambda: pd.Series(["a", None, "c"])),
        ("string-long", _long_text),
        ("string-empty", lambda: _text("python", ())),
        ("sparse", lambda: _sparse("integer")),
        ("sparse-block", lambda: _sparse("block")),
        ("sparse-nan", lambda: pd.Series(pd.arrays.SparseArray([np.nan, 1.5, np.nan]))),
        ("period", lambda: pd.array(["2024-01", None], dtype="period[M]")),
        ("interval", lambda: pd.arrays.IntervalArray.from_breaks([0, 1, 5], closed="left")),
        ("interval-times", lambda: pd.arrays.IntervalArray.from_breaks(pd.DatetimeIndex(_TIMES[[2, 0]]))),
        ("numpy-array", lambda: pd.array(np.array([1, 2]), dtype=np.dtype("i2"))),
    ]


def _indexes() -> list[tuple[str, Callable[[], Any]]]:
    return [
        ("index-int", lambda: pd.Index([3, 1, 2], name="n")),
        ("index-float32", lambda: pd.Index(np.array([0.5, np.nan], np.float32))),
        ("index-bool", lambda: pd.Index([True, False])),
        ("index-object", lambda: pd.Index(["a", None, ("x", 1)], dtype=object, name=("p", 1), tupleize_cols=False)),
        ("index-text", lambda: pd.Index(["a", "b"])),
        ("index-masked", lambda: pd.Index(pd.array([1, None], dtype="Int64"))),
        ("range", lambda: pd.RangeIndex(5, -5, -3, name="r")),
        ("multi", _multi),
        ("multi-empty", lambda: pd.MultiIndex.from_arrays([[], []])),
        ("datetime-index", lambda: pd.date_range("2024-01-31", periods=3, freq=pd.offsets.MonthEnd())),
        ("datetime-index-zone", lambda: pd.date_range("2024-03-30", periods=3, freq="D", tz="Europe/Paris", name="t")),
        ("timedelta-index", lambda: pd.timedelta_range("1 day", periods=3, freq=pd.offsets.Hour(7))),
        ("period-index", lambda: pd.period_range("2020Q1", periods=3, freq="Q-NOV", name="q")),
        ("interval-index", lambda: pd.interval_range(0.0, 1.0, periods=2, name="i")),
        ("categorical-index", lambda: pd.CategoricalIndex(["a", "b", "a"], name="c")),
        ("shared-index", _shared),
    ]


def _scalars() -> list[tuple[str, Callable[[], Any]]]:
    moment = pd.Timestamp("2024-10-27 01:30", tz="UTC").tz_convert("Europe/Paris")  # the second 02:30
    offsets = [(f"offset-{name}", partial(_offset, name)) for name in OFFSETS if hasattr(pd.offsets, name)]
    return [
        *offsets,
        ("timestamp", lambda: [moment, pd.Timestamp(5, unit="s"), pd.Timestamp(1), pd.Timestamp.min, pd.Timestamp.max]),
        ("timestamp-fold", lambda: [moment + pd.Timedelta(hours=-1), pd.Timestamp("2024-01-01").replace(fold=1)]),
        ("timestamp-fixed", lambda: pd.Timestamp("2024-01-01T00:00:00+05:30")),
        ("timedelta", lambda: [pd.Timedelta(-1, "ns"), pd.Timedelta(np.timedelta64(3, "s")), pd.Timedelta.max]),
        ("period-scalar", lambda: [pd.Period("2024-01", "M"), pd.Period("2024-01-01 05:00", "h")]),
        ("interval-scalar", lambda: [pd.Interval(0, 1.5), pd.Interval(moment, moment, "both")]),
        ("missing", lambda: [pd.NaT, pd.NA, pd.NaT]),
        ("dtypes", lambda: [pd.CategoricalDtype(), pd.CategoricalDtype([1, 2], True), pd.PeriodDtype("D"),
                            pd.DatetimeTZDtype("us", "Europe/Paris"), pd.IntervalDtype("int64", "left"),
                            pd.SparseDtype("float64"), pd.SparseDtype("int8", 1), pd.StringDtype("python")]),
    ]  # fmt: skip


def examples() -> list[tuple[str, Callable[[], Any]]]:
    """Return (name, make) pairs; what needs pyarrow is left out where there is none."""
    return [
        ("frame", _mixed),
        ("frame-duplicates", _duplicates),
        ("frame-strict", _strict),
        ("frame-empty", pd.DataFrame),
        ("frame-no-columns", lambda: pd.DataFrame(index=pd.Index(["a", "b"]))),
        ("frame-no-rows", lambda: pd.DataFrame({"a": np.zeros(0, np.float32)})),
        ("series", lambda: pd.Series([1, 2], index=["a", "b"], name=("n", 1))),
        ("series-object", lambda: pd.Series(["a", "b"] * 40, dtype=object)),
        ("series-empty", lambda: pd.Series([], dtype=object)),
        *_columns(),
        *_indexes(),
        *_scalars(),
        *(_arrow_examples() if _ARROW else []),
    ]
