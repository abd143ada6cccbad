from __future__ import annotations

import base64
import json
from datetime import UTC, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from amber.adapters.pandas_dtypes import string_dtype
from amber.adapters.pandas_time import zone_of, zone_text
from amber.adapters.take import take
from amber.errors import AmberError, SaveError
from amber.limits import DEFAULT
from amber.tree.codec import decode_tree
from amber.tree.nodes import Tensor
from tests.unit.adapters.hostile import opened, refusal, there_and_back
from tests.unit.adapters.other_major import DATA, described

FRAME = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5]})
NESTED = np.empty(2, object)
NESTED[:] = [(1, (2, 3)), "a"]  # hashing tuples in tuples can take for ever
FAR = np.array([2**62], "M8[s]")


@pytest.mark.parametrize("path", sorted(DATA.glob("pandas-*.json")), ids=lambda path: path.stem)
def test_what_either_major_wrote_is_read_with_its_meaning(path: Path) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    tensors = [
        Tensor(carrier, tuple(shape), memoryview(bytearray(base64.b64decode(data))))
        for carrier, shape, data in content["tensors"]
    ]
    nodes, strings = (
        json.dumps(content[part], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        for part in ("tree", "strings")
    )
    made = opened(decode_tree(nodes, strings if content["strings"] else None, tensors, DEFAULT))
    expected = content["described"]
    if string_dtype("python", "nan") == np.dtype(object):  # pandas 2.1 and 2.2 without pyarrow have no `str`
        expected["dtypes"] = ["object" if dtype == "str" else dtype for dtype in expected["dtypes"]]
    assert described(made) == expected


def test_both_majors_are_covered() -> None:
    assert {path.stem for path in DATA.glob("pandas-*.json")} >= {"pandas-2", "pandas-3"}


def test_object_columns_of_text_stay_object() -> None:
    labels = pd.Index(["a", "b"], dtype=object)
    frame = pd.DataFrame({"x": pd.Series(["p", "q"], dtype=object)})
    frame.index = labels
    again = there_and_back(frame)
    assert again["x"].dtype == again.index.dtype == np.dtype(object)


def test_tuples_in_an_object_index_do_not_become_levels() -> None:
    labels = pd.Index([("a", 1), ("b", 2)], tupleize_cols=False)
    assert type(there_and_back(labels)) is pd.Index


def test_values_under_a_mask_are_not_written() -> None:
    secret = pd.array([1, 2], dtype="Int64")
    secret[1] = None
    assert there_and_back(secret)._data.tolist() == [1, 0]
    assert there_and_back(secret)[1] is pd.NA


ZONES = [
    (UTC, "fixed:0"),
    (timezone(timedelta(hours=-3, minutes=-30)), "fixed:-12600"),
    (ZoneInfo("Europe/Paris"), "zoneinfo:Europe/Paris"),
]


@pytest.mark.parametrize(("zone", "text"), ZONES)
def test_zone_and_its_text(zone: Any, text: str) -> None:
    assert zone_text(zone) == text
    assert zone_of(text) == zone


@pytest.mark.parametrize(
    "text", ["Europe/Paris", "fixed:86400", "fixed:x", "zoneinfo:../x", "pytz:/etc/x", "local:UTC"]
)
def test_other_texts_are_no_zone(text: str) -> None:
    with pytest.raises(AmberError):
        zone_of(text)


def test_zone_with_a_made_up_name_is_refused() -> None:
    with pytest.raises(SaveError, match="IANA"):
        zone_text(timezone(timedelta(hours=1), "Home"))


TIMES = pd.Series(pd.DatetimeIndex(["2024-01-01", "2024-01-02"]).as_unit("s").tz_localize("UTC")).array
SPARSE = pd.arrays.SparseArray([0, 5, 0, 6], fill_value=0)
MULTI = pd.MultiIndex.from_arrays([["a", "b"], [1, 2]])
HOSTILE = [
    (FRAME, lambda s: {"data": s["data"][:1]}, "shape-mismatch"),
    (FRAME, lambda s: {"data": [s["data"][0], s["data"][1][:1]]}, "shape-mismatch"),
    (FRAME, lambda s: {"index": pd.RangeIndex(3)}, "shape-mismatch"),
    (FRAME, lambda s: {"data": [np.zeros((2, 2)), s["data"][1]]}, "shape-mismatch"),
    (FRAME, lambda s: {"data": [np.array(["a", "b"]), s["data"][1]]}, "dtype-mismatch"),
    (FRAME, lambda s: {"data": [np.array([1, 2], ">i8"), s["data"][1]]}, "dtype-mismatch"),
    (FRAME, lambda s: {"data": [np.array([1, 2], "M8[D]"), s["data"][1]]}, "dtype-mismatch"),
    (FRAME, lambda s: {"data": [np.array([2**62, 0], "M8[s]"), s["data"][1]]}, "value-out-of-range"),
    (FRAME, lambda s: {"attrs": [1]}, "kind-mismatch"),
    (FRAME, lambda s: {"columns": pd.Index(["a", "a"]), "unique_labels": True}, "not-distinct"),
    (FRAME["a"], lambda s: {"name": (1, (2, 3))}, "kind-mismatch"),
    (FRAME["a"], lambda s: {"name": [[1]]}, "kind-mismatch"),
    (FRAME["a"], lambda s: {"index": pd.RangeIndex(1)}, "shape-mismatch"),
    (pd.Index([1, 2]), lambda s: {"data": NESTED}, "dtype-mismatch"),
    (pd.Index([1, 2]), lambda s: {"data": np.array(["2024"], "M8[ns]")}, "value-mismatch"),
    (pd.RangeIndex(3), lambda s: {"step": 0}, "value-out-of-range"),
    (MULTI, lambda s: {"codes": [np.array([0, 9]), s["codes"][1]]}, "index-out-of-range"),
    (MULTI, lambda s: {"codes": [np.array([0, -2]), s["codes"][1]]}, "index-out-of-range"),
    (MULTI, lambda s: {"codes": [np.array([0]), s["codes"][1]]}, "shape-mismatch"),
    (MULTI, lambda s: {"levels": s["levels"][:1]}, "shape-mismatch"),
    (MULTI, lambda s: {"levels": [pd.Index(["a", "a"]), s["levels"][1]]}, "value-mismatch"),
    (pd.Categorical(["a", "b"]), lambda s: {"codes": np.array([0, 2], "i1")}, "index-out-of-range"),
    (pd.Categorical(["a", "b"]), lambda s: {"codes": np.array([0, -2], "i1")}, "index-out-of-range"),
    (pd.Categorical(["a", "b"]), lambda s: {"dtype": pd.CategoricalDtype()}, "value-mismatch"),
    (pd.CategoricalDtype([1, 2]), lambda s: {"categories": pd.Index([1, 1])}, "value-mismatch"),
    (pd.array([1, None], dtype="Int8"), lambda s: {"mask": np.array([True])}, "shape-mismatch"),
    (pd.array([1, None], dtype="Int8"), lambda s: {"data": np.array([0.5, 1])}, "dtype-mismatch"),
    (pd.array([True, None], dtype="boolean"), lambda s: {"data": np.array([1, 2], "i1")}, "dtype-mismatch"),
    (pd.array(["a"], dtype=pd.StringDtype("python")), lambda s: {"values": [1]}, "kind-mismatch"),
    (pd.array(["a"], dtype=pd.StringDtype("python")), lambda s: {"mask": np.zeros(3, bool)}, "shape-mismatch"),
    (SPARSE, lambda s: {"indices": s["indices"][::-1].copy()}, "not-increasing"),
    (SPARSE, lambda s: {"indices": s["indices"] + 3}, "index-out-of-range"),
    (SPARSE, lambda s: {"length": 2}, "index-out-of-range"),
    (SPARSE, lambda s: {"values": s["values"][:1]}, "shape-mismatch"),
    (TIMES, lambda s: {"values": FAR}, "value-out-of-range"),
    (TIMES, lambda s: {"tz": "zoneinfo:/etc/passwd"}, "value-mismatch"),
    (pd.array(["2024-01"], dtype="period[M]"), lambda s: {"ordinals": np.array([2**62])}, "value-out-of-range"),
    (pd.array(["2024-01"], dtype="period[M]"), lambda s: {"freq": pd.offsets.SemiMonthEnd()}, "value-mismatch"),
    (pd.PeriodDtype("D"), lambda s: {"freq": None}, "kind-mismatch"),
    (pd.arrays.IntervalArray.from_breaks([0, 1]), lambda s: {"left": pd.Index([5])}, "value-mismatch"),
    (pd.Interval(0, 1), lambda s: {"left": 2}, "value-mismatch"),
    (pd.Interval(0, 1), lambda s: {"left": "a"}, "kind-mismatch"),
    (pd.date_range("2024", periods=2, freq="D"), lambda s: {"freq": pd.offsets.MonthEnd()}, "value-mismatch"),
    (pd.Timestamp("2024-01-01").as_unit("s"), lambda s: {"value": 2**62}, "value-out-of-range"),
    (pd.Timestamp("2024-01-01").as_unit("s"), lambda s: {"value": -(2**63)}, "value-out-of-range"),
    (pd.Timestamp("2024-01-01").as_unit("s"), lambda s: {"unit": "D"}, "string-not-allowed"),
    (pd.Timedelta(1), lambda s: {"value": 2**63}, "value-out-of-range"),
    (pd.Period("2024", "D"), lambda s: {"ordinal": 2**40}, "value-out-of-range"),
    (pd.offsets.Week(weekday=3), lambda s: {"weekday": 7}, "value-out-of-range"),
    (pd.offsets.SemiMonthEnd(), lambda s: {"day_of_month": 31}, "value-out-of-range"),
    (pd.offsets.MonthEnd(), lambda s: {"n": 2**40}, "value-out-of-range"),
]


@pytest.mark.parametrize(("obj", "change", "code"), HOSTILE)
def test_tampered_state_is_refused(obj: Any, change: Any, code: str) -> None:
    assert refusal(obj, change) == code


@pytest.mark.parametrize(
    "make",
    [
        lambda: pd.offsets.DateOffset(days=1),
        lambda: pd.offsets.CustomBusinessDay(),
        lambda: pd.offsets.BusinessDay(offset=timedelta(hours=1)),
        lambda: FRAME.groupby("a"),
        lambda: pd.Series(pd.arrays.SparseArray(["a", "b"], dtype=pd.SparseDtype(object, None))),
    ],
)
def test_what_cannot_be_rebuilt_is_refused_at_save(make: Any) -> None:
    with pytest.raises(SaveError):
        take(make())
