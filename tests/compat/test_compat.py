"""Artifacts of this format version, written by the oldest and the newest supported libraries, read by those running."""

from __future__ import annotations

import json
import tomllib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import amber

FOLDER = Path(__file__).parent
ARTIFACTS = sorted(FOLDER.glob("*.amber"))
MODELS = {
    "boosting", "calibrated", "categories", "clusters", "forest", "gaussian", "gradient", "imputer", "isolation",
    "neighbours", "network", "pipeline", "remainder", "sparse", "stacking", "svc", "text",
}  # fmt: skip
# Where the verdict or an answer may differ, with the reason: expected.toml, by name, the reading version beside it.
EXPECTED: dict[str, Any] = tomllib.loads((FOLDER / "expected.toml").read_text(encoding="utf-8"))


def excused(name: str) -> dict[str, Any]:
    import sklearn

    minor = ".".join(sklearn.__version__.split(".")[:2])
    return next((row for row in EXPECTED.get(name, []) if minor in row["read_by"]), {})


def rows_of(expected: dict[str, Any]) -> Any:
    rows = expected["rows"]
    if isinstance(rows, dict):
        frame = pd.DataFrame({name: pd.Series(values) for name, values in rows.items()})
        return frame.astype(dict.fromkeys(expected.get("categories", []), "category"))
    if isinstance(rows[0], str):
        return rows
    table = np.array(rows, dtype=float)
    return sp.csr_matrix(table) if expected.get("form") == "csr" else table


def test_both_ends_of_the_supported_range_are_here() -> None:
    found: dict[str, set[str]] = {}
    for path in ARTIFACTS:
        _, version, name = path.stem.split("-")
        found.setdefault(version, set()).add(name)
    assert {"1.5", "1.9"} <= set(found)
    assert all(names == MODELS for names in found.values())
    assert {path.with_suffix(".json") for path in ARTIFACTS} <= set(FOLDER.iterdir())


def test_excuses_have_reasons_and_are_about_artifacts_that_exist() -> None:
    names = {path.stem for path in ARTIFACTS}
    for name, rows in EXPECTED.items():
        assert name in names
        assert all(len(row["reason"]) > 20 and row["read_by"] and row["verdict"] for row in rows)


@pytest.mark.parametrize("path", ARTIFACTS, ids=lambda path: path.stem)
def test_it_loads_and_answers_as_recorded(path: Path) -> None:
    excuse = excused(path.stem)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if excuse:
            with pytest.raises(amber.AmberError) as caught:
                amber.load(path, replay="always")
            assert caught.value.code == f"verdict-{excuse['verdict']}"
            return
        model, report = amber.load(path, replay="always", report=True)
    assert report.verdict in ("identical", "equivalent"), str(report)
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    rows = rows_of(expected)
    for method, answer in expected["answers"].items():
        got = np.asarray(getattr(model, method)(rows))
        if got.dtype.kind == "f":
            np.testing.assert_allclose(got, np.array(answer), rtol=1e-9, atol=1e-12, err_msg=method)
        else:
            assert got.tolist() == answer, method


@pytest.mark.parametrize("path", ARTIFACTS, ids=lambda path: path.stem)
def test_it_is_the_same_artifact_after_unpack_and_pack(path: Path, tmp_path: Path) -> None:
    identity = amber.unpack(path, tmp_path / "folder")
    assert amber.pack(tmp_path / "folder", tmp_path / "again.amber", id=identity) == identity
    assert (tmp_path / "again.amber").read_bytes() == path.read_bytes()
