"""Answers as files: names, exact values, and never half a file."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from amber.errors import SourceError, UsageError
from amber.models.rows.answers import named
from amber.models.rows.writers import form_of, whole_file, writer

FLOATS = np.array([0.1, 1e-310, 1 / 3, math.nan, -0.0])


class Model:
    classes_ = np.array(["no", "yes"])


def test_answers_are_named_by_class_and_output() -> None:
    proba = np.array([[0.25, 0.75]])
    assert list(named("predict", np.array([1.0]), Model())) == ["predict"]
    assert list(named("predict", np.ones((1, 2)), Model())) == ["predict_0", "predict_1"]
    assert list(named("predict_proba", proba, Model())) == ["predict_proba_no", "predict_proba_yes"]
    assert list(named("predict_proba", np.ones((1, 3)), Model())) == [f"predict_proba_{i}" for i in range(3)]
    several = type("Several", (), {"classes_": [np.array([0, 1]), np.array(["a"])]})()
    names = list(named("predict_proba", [np.ones((1, 2)), np.ones((1, 1))], several))
    assert names == ["predict_proba_0_0", "predict_proba_0_1", "predict_proba_1_a"]


def test_frames_and_sparse_answers_are_tables() -> None:
    import scipy.sparse

    assert list(named("transform", pd.DataFrame({"a": [1], "b": [2]}), None)) == ["a", "b"]
    found = named("transform", scipy.sparse.csr_array(np.eye(2)), None)
    assert found["transform_1"].tolist() == [0.0, 1.0]
    with pytest.raises(UsageError):
        named("transform", np.ones((1, 2, 3)), None)


def write(form: str, *blocks: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    target = writer(form, stream, "out")
    for block in blocks:
        target.write(block)
    target.close()
    return stream.getvalue()


def test_csv_reads_back_exactly() -> None:
    text = write("csv", {"x": FLOATS, "label": np.array(["a", "b,c", 'd"', "", "é"], dtype=object)}).decode()
    assert text.startswith("x,label\n0.1,a\n")
    rows = list(csv.reader(io.StringIO(text)))[1:]
    assert np.array([float(x or "nan") for x, _ in rows]).tobytes() == FLOATS.tobytes()
    assert [label for _, label in rows] == ["a", "b,c", 'd"', "", "é"]


def test_csv_of_several_blocks_has_one_header() -> None:
    text = write("csv", {"y": np.array([1])}, {"y": np.array([2])}).decode()
    assert text == "y\n1\n2\n"
    assert write("tsv", {"a": np.array([1]), "b": np.array([True])}) == b"a\tb\n1\tTrue\n"


def test_half_precision_numbers_are_written_as_short_as_they_are() -> None:
    assert write("csv", {"y": np.array([0.1], np.float32)}) == b"y\n0.1\n"
    assert write("jsonl", {"y": np.array([0.1], np.float32)}) == b'{"y": 0.1}\n'


def test_json_lines_are_json() -> None:
    lines = write("jsonl", {"x": np.array([math.nan, math.inf, 0.1]), "t": np.array(["é", None, "a"], object)})
    found = [json.loads(line) for line in lines.decode().splitlines()]
    assert found[0] == {"x": None, "t": "é"}
    assert [row["x"] for row in found[1:]] == ["Infinity", 0.1]


def test_parquet_reads_back_exactly() -> None:
    block = {"x": FLOATS, "t": np.array(["a", None, "b", "c", "d"], object), "n": np.arange(5)}
    back = pd.read_parquet(io.BytesIO(write("parquet", block, block)))
    assert len(back) == 10
    assert back["x"].to_numpy()[:5].tobytes() == FLOATS.tobytes()
    assert back["n"].dtype == np.int64
    with pytest.raises(UsageError, match="Parquet cannot hold"):
        write("parquet", {"x": np.array([1, "a"], object)})


@pytest.mark.parametrize("width", [1, 2])
def test_npy_reads_back_exactly(width: int, tmp_path: Path) -> None:
    block = {f"c{i}": FLOATS for i in range(width)}
    path = tmp_path / "a.npy"
    path.write_bytes(write("npy", block, block))
    back = np.load(path)
    assert back.shape == ((10,) if width == 1 else (10, 2))
    assert np.array_equal(back.reshape(10, -1)[:5, 0], FLOATS, equal_nan=True)


def test_npy_refuses_objects() -> None:
    with pytest.raises(UsageError, match="cannot hold objects"):
        write("npy", {"x": np.array(["a"], object)})


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")
    with pytest.raises(TypeError), whole_file(str(path)) as stream:
        stream.write(b"half"), stream.write("not bytes")  # type: ignore[arg-type]
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.csv"]
    with whole_file(str(path)) as stream:
        stream.write(b"new")
    assert path.read_text() == "new"
    with pytest.raises(SourceError), whole_file(str(tmp_path / "no" / "out.csv")):
        pass


def interrupted(stream: Any) -> None:
    stream.write(b"half")
    raise KeyboardInterrupt


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), whole_file(str(tmp_path / "out.csv")) as stream:
        interrupted(stream)
    assert list(tmp_path.iterdir()) == []


def test_a_device_is_written_directly() -> None:
    with whole_file("/dev/null") as stream:
        stream.write(b"x")


def test_endings_say_the_form() -> None:
    assert [form_of(f"a{e}") for e in (".csv", ".JSONL", ".pq", ".npy")] == ["csv", "jsonl", "parquet", "npy"]
    with pytest.raises(UsageError, match="xlsx"):
        form_of("a.xlsx")
