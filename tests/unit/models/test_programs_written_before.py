"""Programs of artifacts written by earlier versions answer as they were certified."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import amber
from tests.architecture.repository import ROOT
from tests.compat.test_compat import rows_of

FOLDER = ROOT / "tests" / "compat" / "programs"
ARTIFACTS = sorted(FOLDER.glob("*.amber"))


def test_there_are_some() -> None:
    assert len(ARTIFACTS) >= 8


@pytest.mark.parametrize("path", ARTIFACTS, ids=lambda path: path.stem)
def test_a_program_answers_as_recorded(path: Path) -> None:
    program = amber.program(path, replay="always")
    expected = json.loads((FOLDER.parent / f"{path.stem}.json").read_text(encoding="utf-8"))
    rows = rows_of(expected)
    asked = 0
    for method, answer in expected["answers"].items():
        if method in program.methods:
            got, asked = np.asarray(getattr(program, method)(rows)), asked + 1
            if got.dtype.kind == "f":
                assert np.allclose(got, np.array(answer, dtype=float), rtol=1e-9, atol=1e-12, equal_nan=True), method
            else:
                assert got.tolist() == answer, method
    assert asked
