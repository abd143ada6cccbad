"""Each kind of column, from text and from typed values: exactly the recorded dtype, or the cell that is wrong."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pandas as pd
import pytest

from amber.models.rows.casting import BadCell, from_array, from_text, from_values, text_objects

OBJECT = np.dtype(object)


def test_floats_are_read_back_bit_for_bit() -> None:
    chance = random.Random(0)
    floats = [chance.uniform(-1, 1) * 10.0 ** chance.randint(-320, 308) for _ in range(2000)]
    floats += [5e-324, 1.7976931348623157e308, -0.0, math.inf, -math.inf, 0.1]
    found = from_text([repr(value) for value in floats], np.dtype(np.float64))
    assert found.tobytes() == np.array(floats).tobytes()


@pytest.mark.parametrize("cell", ["", "NA", "nan", "NaN", "null", "None", " "])
def test_a_gap_in_a_number_column_is_nan(cell: str) -> None:
    found = from_text(["1", cell, "2.5"], np.dtype(np.float64))
    assert found.dtype == np.float64
    assert np.array_equal(found, [1.0, math.nan, 2.5], equal_nan=True)


@pytest.mark.parametrize("dtype", ["i1", "u1", "i8", "u8", "f4", "f8", "Int64", "Float32"])
def test_numbers_come_in_every_width(dtype: str) -> None:
    wanted = np.dtype(dtype) if dtype[0] in "iuf" else pd.Series([1], dtype=dtype).dtype
    found = from_text(["0", "7", " 12 ", "3.0"], wanted)
    assert found.dtype == wanted
    assert list(found) == [0, 7, 12, 3]


@pytest.mark.parametrize(
    ("cells", "dtype", "position", "got"),
    [
        (["1", "x"], "i8", 1, "'x'"),
        (["1", "1.5"], "i8", 1, "'1.5'"),
        (["9007199254740993", ""], "i8", 1, "a missing value"),
        (["1_000"], "f8", 0, "'1_000'"),
        (["1,5"], "f8", 0, "'1,5'"),
        (["300"], "u1", 0, "300"),
        (["-1"], "u8", 0, "-1"),
        (["9223372036854775808"], "i8", 0, "9223372036854775808"),
        (["yes"], "?", 0, "'yes'"),
        (["true", ""], "?", 1, "a missing value"),
        (["2024-01-01", "01/02/2024"], "M8[ns]", 1, "'01/02/2024'"),
        (["2024-13-01"], "M8[ns]", 0, "'2024-13-01'"),
    ],
)
def test_what_is_not_the_dtype_is_named(cells: list[str], dtype: str, position: int, got: str) -> None:
    with pytest.raises(BadCell) as caught:
        from_text(cells, np.dtype(dtype))
    assert (caught.value.position, caught.value.got) == (position, got)


def test_integers_with_a_gap_are_floats_as_pandas_reads_them() -> None:
    for found in (from_text(["1", "", "3"], np.dtype(np.int8)), from_values([1, None, 3.0], np.dtype(np.int8))):
        assert found.dtype == np.float64
        assert np.array_equal(found, [1, math.nan, 3], equal_nan=True)


def test_large_integers_keep_every_digit() -> None:
    values = [2**63 - 1, -(2**63), 2**53 + 1]
    assert from_text(list(map(str, values)), np.dtype(np.int64)).tolist() == values


@pytest.mark.parametrize("dtype", [OBJECT, pd.StringDtype(), pd.Series(["a"], dtype="str").dtype])
def test_text_stays_text(dtype: Any) -> None:
    found = from_text(["007", "NA", "1e3", ""], dtype)
    assert list(found[:3]) == ["007", "NA", "1e3"]
    assert pd.isna(found[3])


def test_further_spellings_of_missing_count_in_text_too() -> None:
    assert pd.isna(from_text(["-"], OBJECT, missing=["-"])[0])
    assert math.isnan(from_text(["-"], np.dtype(float), missing=["-"])[0])


def test_categories_keep_their_order_and_meet_the_unseen() -> None:
    dtype = pd.CategoricalDtype(["low", "mid", "high"], ordered=True)
    found = from_text(["high", "", "new", "low", "new"], dtype)
    assert list(found.categories) == ["low", "mid", "high", "new"]
    assert found.ordered
    assert found.codes.tolist() == [2, -1, 3, 0, 3]


def test_categories_that_are_numbers_are_read_as_numbers() -> None:
    dtype = pd.CategoricalDtype(pd.Index([1, 7], dtype="int64"))
    assert from_text(["007", "1", ""], dtype).codes.tolist() == [1, 0, -1]
    assert from_values([7, None], dtype).codes.tolist() == [1, -1]
    with pytest.raises(BadCell) as caught:
        from_text(["", "seven"], dtype)
    assert caught.value.position == 1


def test_booleans() -> None:
    assert from_text(["true", "FALSE", "1", "0"], np.dtype(bool)).tolist() == [True, False, True, False]
    found = from_text(["true", ""], pd.BooleanDtype())
    assert found[0]
    assert found[1] is pd.NA


def test_times_with_and_without_a_zone() -> None:
    plain = from_text(["2024-02-29 12:00:01.5", ""], np.dtype("M8[ns]"))
    assert plain.dtype == np.dtype("M8[ns]")
    assert plain[0] == np.datetime64("2024-02-29T12:00:01.500")
    assert np.isnat(plain[1])
    dtype = pd.DatetimeTZDtype("ns", "Europe/Berlin")
    zoned = from_text(["2024-07-01T12:00:00+00:00"], dtype)
    assert zoned.dtype == dtype
    assert str(zoned[0]) == "2024-07-01 14:00:00+02:00"
    with pytest.raises(BadCell):
        from_text(["2024-07-01T12:00:00"], dtype)


def test_objects_are_what_they_were() -> None:
    assert text_objects(["1", "", "3"], [4, None], None).tolist() == [1, None, 3]
    assert text_objects(["a", ""], ["b", None], None).tolist() == ["a", None]
    assert text_objects(["1.5"], [2.5], math.nan).tolist() == [1.5]
    with pytest.raises(BadCell) as caught:
        text_objects(["", "x"], [4], None)
    assert caught.value.position == 1


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(7, OBJECT.str), ("7", "f8"), (True, "f8"), (3.5, "i8"), (2**53 + 1, "f8"), (1, "?")],
)
def test_typed_values_must_fit_without_loss(value: Any, dtype: str) -> None:
    if dtype == OBJECT.str:
        with pytest.raises(BadCell):
            from_values([value], pd.StringDtype())
        return
    with pytest.raises(BadCell):
        from_values([value], np.dtype(dtype))


def test_typed_values_that_fit() -> None:
    assert from_values([1, 2.0, None], np.dtype(float)).tolist()[:2] == [1.0, 2.0]
    assert from_values([1, 2.0], np.dtype(np.int8)).tolist() == [1, 2]
    assert from_values([None, "a"], OBJECT, None).tolist() == [None, "a"]


@pytest.mark.parametrize(
    ("column", "dtype", "fits"),
    [
        (np.array([1, 2**53]), "f8", True),
        (np.array([1, 2**53 + 1]), "f8", False),
        (np.array([1.0, 3.0]), "i8", True),
        (np.array([1.0, 3.5]), "i8", False),
        (np.array([1.0, math.nan]), "f4", True),
        (np.array([0.5, 0.1]), "f4", False),
        (np.array([255], np.uint8), "i1", False),
        (np.array([-1]), "u8", False),
        (np.array([1.0, math.nan]), "i8", True),
        (np.array([math.nan, 1.5]), "i8", False),
    ],
)
def test_arrays_are_cast_without_loss_or_not_at_all(column: Any, dtype: str, fits: bool) -> None:
    if fits:
        assert np.array_equal(from_array(column, np.dtype(dtype)), column, equal_nan=True)
        return
    with pytest.raises(BadCell) as caught:
        from_array(column, np.dtype(dtype))
    assert caught.value.position == len(column) - 1


def test_empty_columns() -> None:
    for dtype in (np.dtype(float), np.dtype(int), OBJECT, pd.CategoricalDtype(["a"]), pd.StringDtype()):
        assert len(from_text([], dtype)) == 0
