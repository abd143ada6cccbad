"""From recorded cases to what a model takes, and from the columns of a file to exactly that."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from amber.cases import tables
from amber.errors import SourceError, UsageError
from amber.models.rows.expectation import Expected, build, expected_of, match
from amber.models.rows.inputs import open_reader
from amber.tree.evidence import Evidence, Group


def expected(example: Any) -> Expected:
    table = tables.encode(example)
    group = Group("g000", "sample", table.layout, table.rows, table.columns, [])
    return expected_of(Evidence([group], "sample", table.rows, 0, 0, False))


def objects(example: Any, text: str, rows: int = 100, column: str | None = None, **options: Any) -> list[Any]:
    wanted = expected(example)
    data = io.BufferedReader(io.BytesIO(text.encode()))  # type: ignore[arg-type]
    with open_reader(data, rows=rows, **options) as (reader, where):
        found = match(wanted, reader, where, column)
        return [build(wanted, block, where, frozenset()) for block in reader.blocks(found.positions, rows)]


FRAME = pd.DataFrame(
    {
        "age": pd.Series([40.0, np.nan]),
        "zip": pd.Series(["007", "9"], dtype="str"),
        "band": pd.Categorical(["old", "young"], categories=["young", "old"]),
        "visits": pd.Series([1, 2], dtype="int64"),
        "since": pd.to_datetime(["2024-01-01", "2024-01-02"]),
        "member": [True, False],
        "score": pd.Series([1, None], dtype="Int64"),
    }
)


def test_a_frame_comes_back_as_it_was() -> None:
    text = FRAME[FRAME.columns[::-1]].assign(extra="x").to_csv(index=False)
    (found,) = objects(FRAME, text)
    pd.testing.assert_frame_equal(found, FRAME, check_exact=True)


def test_blocks_together_are_the_whole() -> None:
    frame = pd.concat([FRAME] * 5, ignore_index=True)
    frame["band"] = frame["band"].astype(FRAME["band"].dtype)
    found = pd.concat(objects(FRAME, frame.to_csv(index=False), rows=3))
    pd.testing.assert_frame_equal(found, frame, check_exact=True)


def test_object_columns_stay_objects() -> None:
    example = pd.DataFrame({"a": pd.Series(["x", None], dtype=object), "b": pd.Series([True, None], dtype=object)})
    (found,) = objects(example, "a,b\n1,true\n,\n")
    assert found["a"].dtype == object
    assert found["a"].tolist() == ["1", None]
    assert found["b"].tolist() == [True, None]


def test_missing_columns_are_all_named() -> None:
    with pytest.raises(SourceError) as caught:
        objects(FRAME, "Age,zip,visits\n1,2,3\n")
    assert "'age', 'band', 'since', 'member', 'score'" in caught.value.message
    assert "'Age' for 'age'" in caught.value.hint
    with pytest.raises(SourceError, match="twice"):
        objects(FRAME[["age"]], "age,age\n1,2\n")


def test_a_cell_is_named_by_line_and_column() -> None:
    with pytest.raises(SourceError) as caught:
        objects(FRAME[["age", "visits"]], "age,visits\n1,2\n3,x\n")
    assert caught.value.code == "input-value"
    assert caught.value.message == "line 3, column 'visits': expected int64, got 'x'"


def test_arrays_take_columns_by_position() -> None:
    example = np.array([[1.5, 2.0], [3.0, 4.0]], dtype=np.float32)
    (found,) = objects(example, "u,v\n1,2\n3,\n")
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    assert np.array_equal(found, [[1, 2], [3, np.nan]], equal_nan=True)
    (bare,) = objects(example, "1,2\n3,4\n")
    assert bare.tolist() == [[1, 2], [3, 4]]
    with pytest.raises(SourceError, match="takes 2 columns, the file has 3"):
        objects(example, "a,b,c\n1,2,3\n")


def test_integer_arrays_with_a_gap_are_floats() -> None:
    example = np.array([[1, 2], [3, 4]])
    assert objects(example, "a,b\n1,2\n")[0].dtype == np.int64
    (found,) = objects(example, "a,b\n1,\n")
    assert np.array_equal(found, [[1, np.nan]], equal_nan=True)


def test_a_frame_without_header_is_taken_by_position() -> None:
    wanted = expected(FRAME[["age", "visits"]])
    data = io.BufferedReader(io.BytesIO(b"1,2\n3,4\n"))  # type: ignore[arg-type]
    with open_reader(data, rows=10) as (reader, where):
        found = match(wanted, reader, where)
        (block,) = reader.blocks(found.positions, 10)
        assert build(wanted, block, where, frozenset())["visits"].tolist() == [2, 4]
    assert "no column names" in found.notes[0]


@pytest.mark.parametrize(
    "example",
    [["a text", "b"], pd.Series(["a", "b"]), pd.Series(["a", "b"], name="body"), np.array(["a", "b"], dtype=object)],
    ids=["list", "series", "named", "array"],
)
def test_texts(example: Any) -> None:
    (found,) = objects(example, 'note\n007\n"a, b"\n')
    assert type(found) is type(example)
    assert list(found) == ["007", "a, b"]
    (other,) = objects(example, "id,note\n1,x\n", column="note")
    assert list(other) == ["x"]
    with pytest.raises(SourceError) as caught:
        objects(example, "id,note\n1,x\n")
    assert "--column" in caught.value.hint


def test_empty_texts_in_a_list_are_empty_texts() -> None:
    assert objects(["a"], 'note\n""\nb\n') == [["", "b"]]


def test_sparse_models_take_dense_columns() -> None:
    example = scipy.sparse.csr_array(np.eye(3))
    (found,) = objects(example, "a,b,c\n0,2,0\n")
    assert isinstance(found, scipy.sparse.csr_array)
    assert found.toarray().tolist() == [[0.0, 2.0, 0.0]]


def test_records_need_json_lines() -> None:
    with pytest.raises(SourceError, match="takes records"):
        objects([{"a": 1}], "a\n1\n")


def test_without_recorded_rows_the_form_is_not_known() -> None:
    with pytest.raises(UsageError) as caught:
        expected_of(None)
    assert caught.value.code == "predict-no-cases"
