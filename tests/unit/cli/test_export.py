"""`amber export` as a shell sees it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from sklearn.linear_model import LogisticRegression

import amber
from amber.cli.main import main


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    X = np.random.default_rng(0).normal(size=(80, 3))
    path = tmp_path_factory.mktemp("export") / "small.amber"
    amber.save(LogisticRegression().fit(X, X[:, 0] > 0), path, sample=X, freeze=True)
    return path


def test_it_says_what_was_written_and_what_stays_outside(
    frozen: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "model.onnx"
    assert main(["export", str(frozen), str(target)]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{target}: ")
    assert "inputs   numbers" in out
    assert "the labels of predict: the output is an index into amber.classes" in out
    assert os.listdir(tmp_path) == ["model.onnx"]


def test_cases_stand_beside_it_and_that_is_said(
    frozen: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(frozen), str(tmp_path / "model.onnx"), "--cases", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert len(list(tmp_path.glob("test_data_set_*/input_0.pb"))) == done["cases"] > 1
    assert done["outputs"][:2] == ["decision_function", "predict"]
    assert "in clear" in done["notes"][0]


def test_without_a_program_there_is_a_way_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    X = np.arange(40.0).reshape(-1, 1)
    amber.save(LogisticRegression().fit(X, X[:, 0] > 9), tmp_path / "m.amber", sample=X)
    assert main(["export", str(tmp_path / "m.amber"), str(tmp_path / "model.onnx")]) == 64
    said = capsys.readouterr()
    assert "amber freeze" in said.err
    assert "[program-missing]" in said.err
    assert not said.out
    assert not (tmp_path / "model.onnx").exists()
