"""Files to a server and back: order, concurrency, cells, and bad rows by their line."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amber.errors import AmberError
from amber.models.rows.inputs import open_reader
from amber.server.calling import files, run
from amber.server.calling.errors import CallError
from amber.server.formats import v2
from tests.unit.server.small_front import FLOW, GRID

MODEL = v2.metadata(FLOW)


def read(path: Path, model: Any = MODEL, rows: int = 2, **more: Any) -> list[files.Part]:
    with open_reader(str(path), rows=10) as (reader, where):
        return list(files.parts(reader, where, model, rows=rows, **more))


def columns(found: list[files.Part]) -> dict[str, list[Any]]:
    names = list(found[0].table.columns)
    return {name: [value for part in found for value in list(part.table.columns[name])] for name in names}


def test_cells_of_text_are_what_the_inputs_say(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("id,c,n,a\n7,007,9007199254740993,0.1\n8,,2,\n9,NA,-3,NaN\n")
    found = read(path)
    assert [part.table.rows for part in found] == [2, 1]
    cells = columns(found)
    assert cells["c"] == ["007", None, "NA"]
    assert cells["n"] == [9007199254740993, 2, -3]
    assert cells["a"][0] == 0.1
    assert np.isnan(cells["a"][1:]).all()
    assert read(path, missing={"NA"})[1].table.columns["c"] == [None]


def test_a_cell_that_is_none_is_named_by_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,n,c\n1,1,x\n2,two,y\n")
    with pytest.raises(AmberError, match="line 3, column n") as error:
        read(path)
    assert error.value.code == "input-value"


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,c\n1,x\n")
    with pytest.raises(AmberError, match="needs n") as error:
        read(path)
    assert error.value.code == "input-columns"


def test_json_lines_parquet_and_arrays(tmp_path: Path) -> None:
    lines = tmp_path / "rows.jsonl"
    lines.write_text('{"a":null,"n":9007199254740993,"c":"x"}\n{"a":1,"n":2,"c":null}\n')
    cells = columns(read(lines))
    assert (cells["n"], cells["c"]) == ([9007199254740993, 2], ["x", None])
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.table({"c": ["x", None], "n": [1, 2], "a": [0.5, None]}), tmp_path / "rows.parquet")
    assert columns(read(tmp_path / "rows.parquet"))["c"] == ["x", None]
    np.save(tmp_path / "rows.npy", np.arange(6.0).reshape(2, 3))
    (part,) = read(tmp_path / "rows.npy", v2.metadata(GRID))
    assert part.table.columns["X"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_matrix_takes_the_columns_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("x,y,z\n1,,3\n")
    (part,) = read(path, v2.metadata(GRID))
    assert np.isnan(part.table.columns["X"][0, 1])
    path.write_text("x,y\n1,2\n")
    with pytest.raises(AmberError, match="takes 3 values a row, the file has 2"):
        read(path, v2.metadata(GRID))


def test_records_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"w":1}\n{"v":[1]}\n')
    model = {"inputs": [{"name": "r", "datatype": "BYTES", "shape": [-1]}], "properties": {"amber.form": "records"}}
    assert columns(read(path, model))["r"] == [{"w": 1}, {"v": [1]}]


def test_gaps_in_whole_numbers_stay_gaps(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("k\n1\nNA\n9007199254740993\n")
    parameters = {"amber.missing": True}
    model = {"inputs": [{"name": "k", "datatype": "INT64", "shape": [-1], "parameters": parameters}]}
    assert columns(read(path, model, rows=9, missing={"NA"}))["k"] == [1, None, 9007199254740993]


def test_answers_keep_the_order_however_late_the_first_comes(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,n,c\n" + "".join(f"0,{n},x\n" for n in range(12)))
    second = threading.Event()

    def ask(part: files.Part) -> dict[str, Any]:
        first = int(part.table.columns["n"][0])
        if first == 0:
            assert second.wait(20), "the second request is sent while the first is on its way"
        if first == 2:
            second.set()
        return {"predict": part.table.columns["n"]}

    found = list(run.answers(read(path), ask, 3))
    assert [n for _, answer in found for n in answer["predict"].tolist()] == list(range(12))


def test_a_refused_row_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('a,n,c\n0,1,"two\nlines"\n0,2,x\n0,3,x\n')

    def ask(part: files.Part) -> dict[str, Any]:
        if 3 in part.table.columns["n"]:
            raise CallError("input-refused", "row 0: no", status=422, row=0, column="n")
        return {"predict": part.table.columns["n"]}

    with pytest.raises(CallError) as error:
        list(run.answers(read(path), ask, 1))
    assert (error.value.message, error.value.row) == ("line 5: no", 2)


def test_names_of_columns() -> None:
    described = {"outputs": [{"name": "predict_proba", "parameters": {"amber.classes": '["no","yes"]'}}]}
    proba = np.array([[0.25, 0.75]])
    found = {"predict": np.array([1]), "predict_proba": proba, "decision": {"echo": np.array(["x"])}}
    assert list(run.columns(found, described)) == ["predict", "predict_proba_no", "predict_proba_yes", "decision.echo"]
    assert list(run.columns({"transform": proba}, {})) == ["transform_0", "transform_1"]
    described["outputs"][0]["parameters"] = {"amber.classes": "{"}
    assert list(run.columns({"predict_proba": proba}, described)) == ["predict_proba_0", "predict_proba_1"]
