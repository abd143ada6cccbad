"""Rows of every kind become the same request; what is none is refused before anything is sent."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from amber.errors import UsageError
from amber.server.calling.rows import table_of, values_of
from amber.server.formats import v2
from tests.unit.server.small_front import FLOW, GRID

MODEL = v2.metadata(FLOW)
WIDE = v2.metadata(GRID)
A, N, C = [0.5, None, -1.0], [1, 2, 3], ["x", None, "z"]


def plain(values: Any) -> list[Any]:
    found = values.tolist() if isinstance(values, np.ndarray) else values
    return [None if value != value else value for value in found]


def tables() -> dict[str, Any]:
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    columns: dict[str, Any] = {"a": A, "n": N, "c": C}
    frame = pd.DataFrame(columns)
    return {
        "dict": columns,
        "pandas": frame,
        "nullable": frame.convert_dtypes(),
        "category": frame.astype({"c": "category"}),
        "polars": pl.DataFrame(columns),
        "arrow": pa.table(columns),
        "records": [{"a": a, "n": n, "c": c} for a, n, c in zip(A, N, C, strict=True)],
        "lists": [list(row) for row in zip(A, N, C, strict=True)],
        "objects": np.array(list(zip(A, N, C, strict=True)), object),
    }


@pytest.mark.parametrize(
    "kind", ["dict", "pandas", "nullable", "category", "polars", "arrow", "records", "lists", "objects"]
)
def test_a_table_is_a_table(kind: str) -> None:
    table = table_of(tables()[kind], MODEL)
    assert table.rows == 3
    assert {name: plain(values) for name, values in table.columns.items()} == {"a": A, "n": N, "c": C}


def test_columns_that_are_not_the_models_stay_behind() -> None:
    table = table_of({"a": [1.0], "id": [7], "n": [1], "c": ["x"]}, MODEL)
    assert list(table.columns) == ["a", "n", "c"]


def test_a_table_is_cut() -> None:
    part = table_of({"a": A, "n": N, "c": C}, MODEL).part(1, 9)
    assert (part.rows, plain(part.columns["n"]), part.columns["c"]) == (2, [2, 3], [None, "z"])


@pytest.mark.parametrize(
    "rows",
    [np.arange(6).reshape(2, 3), [[0, 1, 2], [3, 4, 5]], pd.DataFrame(np.arange(6).reshape(2, 3))],
    ids=["array", "lists", "frame"],
)
def test_a_matrix(rows: Any) -> None:
    assert table_of(rows, WIDE).columns["X"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_matrix_keeps_its_dtype_and_reads_none_as_missing() -> None:
    assert table_of(np.zeros((1, 3), np.float32), WIDE).columns["X"].dtype == np.float32
    assert np.isnan(table_of([[1, None, 2]], WIDE).columns["X"][0, 1])


def test_a_sparse_matrix() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    assert table_of(sparse.csr_array(np.eye(3)), WIDE).columns["X"].tolist() == np.eye(3).tolist()


def test_records_of_a_model_that_takes_dicts_stay_whole() -> None:
    model = {"inputs": [{"name": "r", "datatype": "BYTES", "shape": [-1]}], "properties": {"amber.form": "records"}}
    rows = [{"w": 1}, {"v": "x"}]
    assert table_of(rows, model).columns == {"r": rows}


def test_texts() -> None:
    model = {"inputs": [{"name": "t", "datatype": "BYTES", "shape": [-1]}]}
    assert table_of(["a", "b"], model).columns == {"t": ["a", "b"]}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (7, "no table"),
        ("text", "no table"),
        ({"b": [1]}, "none of the columns (b)"),
        ({"a": [1.0], "n": [1, 2]}, "not equally long"),
        ([[1, 2]], "takes 3 inputs, a row has 2"),
        ([[1, 2, 3], [1]], "not equally long"),
        (np.zeros((2, 2)), "takes 3 inputs"),
    ],
    ids=["number", "text", "names", "length", "width", "ragged", "array"],
)
def test_what_are_no_rows_of_the_model(rows: Any, said: str) -> None:
    with pytest.raises(UsageError) as error:
        table_of(rows, MODEL)
    assert said in error.value.message


@pytest.mark.parametrize("rows", [[[1, 2]], [["x", "y", "z"]], np.zeros(3)], ids=["width", "texts", "flat"])
def test_what_is_no_matrix_of_the_model(rows: Any) -> None:
    with pytest.raises(UsageError, match=r"3 values a row|no matrix"):
        table_of(rows, WIDE)


def test_values() -> None:
    day = datetime.date(2024, 5, 17)
    times = pd.Series(pd.to_datetime(["2024-05-17T08:30:00", None]))
    assert values_of([day]) == ["2024-05-17"]
    assert values_of(times) == ["2024-05-17T08:30:00", None]
    assert values_of(np.array(["2024-05-17", "NaT"], "M8[D]")) == ["2024-05-17", None]
    assert values_of(np.array(["a", "b"])) == ["a", "b"]
    assert values_of([np.int64(3), 4]).tolist() == [3, 4]
    assert values_of([True, False]).dtype == np.bool_
    assert values_of([2**64, 1]) == [2**64, 1], "too large for an array, and still exact"
    assert values_of([1, None]) == [1, None]
    assert plain(values_of([1.5, None])) == [1.5, None]
