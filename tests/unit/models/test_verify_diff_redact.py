"""verify says it in steps, diff says what changed, redact takes the recorded rows out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

import amber
from amber.errors import FormatError, PolicyError, SourceError
from tests.unit.signing import WANTS_ALICE


def test_steps_and_verdict(artifact: Path) -> None:
    report = amber.verify(artifact)
    assert report.verdict == "identical", str(report)
    status = {step.number: step.status for step in report.steps}
    assert status == {
        1: "passed", 2: "not-present", 3: "passed", 4: "passed", 5: "passed", 6: "passed", 7: "passed",
        8: "not-present", 9: "passed", 10: "not-present",
    }  # fmt: skip
    assert len(report.id) == 64
    assert report.require("identical") is report


def test_without_cases_nothing_is_replayed(artifact: Path) -> None:
    report = amber.verify(artifact, cases=False)
    assert (report.verdict, report.reason) == ("unchecked", "cases-not-asked")
    assert next(step for step in report.steps if step.number == 9).status == "not-asked"


def test_verify_never_raises_for_what_is_in_a_file(artifact: Path, tmp_path: Path) -> None:
    data = artifact.read_bytes()
    for name, bad in {"cut": data[:-1], "empty": b"", "text": b"hello", "zip": b"PK\x05\x06" + bytes(18)}.items():
        path = tmp_path / name
        path.write_bytes(bad)
        report = amber.verify(path)
        assert report.verdict == "broken"
        assert report.exit_code == 2
        assert report.reason
    with pytest.raises(SourceError):
        amber.verify(tmp_path / "absent.amber")


def test_a_policy_that_wants_signatures_refuses_what_has_none(artifact: Path) -> None:
    report = amber.verify(artifact, policy=WANTS_ALICE)
    assert (report.exit_code, report.verdict) == (2, "unchecked")
    assert any("signature-missing" in line for line in report.refused)
    with pytest.raises(PolicyError) as caught:
        amber.load(artifact, policy=WANTS_ALICE)
    assert caught.value.code == "signature-missing"


def test_time_is_bounded(artifact: Path) -> None:
    from amber.limits import Limits

    report = amber.verify(artifact, policy=amber.Policy(limits=Limits(replay_seconds=0.001)))
    assert (report.verdict, report.reason) == ("unchecked", "budget")


def test_an_own_class_needs_the_same_name_at_every_verb(tmp_path: Path, monkeypatch: Any, frame: Any) -> None:
    (tmp_path / "clippers.py").write_text(
        "from sklearn.base import BaseEstimator, TransformerMixin\n"
        "class Clipper(TransformerMixin, BaseEstimator):\n"
        "    def __init__(self, top=1.0):\n        self.top = top\n"
        "    def fit(self, X, y=None):\n        self.n_features_in_ = X.shape[1]\n        return self\n"
        "    def transform(self, X):\n        return X.clip(max=self.top)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import clippers  # type: ignore[import-not-found]

    rows = np.random.default_rng(0).normal(size=(40, 3))
    model = clippers.Clipper(0.5).fit(rows)
    path, policy = tmp_path / "x.amber", amber.Policy(allow=("clippers.Clipper",))
    with pytest.raises(amber.AmberError) as caught:
        amber.save(model, path, sample=rows)
    assert 'Policy(allow=["clippers.Clipper"])' in str(caught.value)
    amber.save(model, path, sample=rows, policy=policy)
    with pytest.raises(amber.AmberError) as caught:
        amber.load(path)
    assert caught.value.code == "name-not-allowed"
    assert "clippers.Clipper" in str(caught.value)
    assert np.array_equal(amber.load(path, policy=policy).transform(rows), model.transform(rows))
    assert amber.verify(path).verdict == "broken"
    assert amber.verify(path, policy=policy).verdict == "identical"
    assert amber.inspect(path).to_dict()["allow"] == ["clippers.Clipper"]


def test_the_same_file_is_the_same(artifact: Path, tmp_path: Path) -> None:
    amber.unpack(artifact, tmp_path / "folder")
    difference = amber.diff(artifact, tmp_path / "folder")
    assert difference.same
    assert difference.exit_code == 0


def test_what_changed_is_named_with_its_distance(artifact: Path, pipe: Any, frame: Any, tmp_path: Path) -> None:
    other = clone(pipe).set_params(model__C=0.01).fit(frame, pipe.predict(frame))
    amber.save(other, tmp_path / "other.amber", sample=frame, name="churn", version="1.5.0")
    difference = amber.diff(artifact, tmp_path / "other.amber")
    assert difference.exit_code == 1
    where = {change.where: change for change in difference.sections["model"]}
    assert where["steps[1].C"].after == "0.01"
    assert "norm of the change" in where["steps[1].coef_"].detail
    assert difference.sections["hyperparameters"][0].where == "model__C"
    assert {change.where for change in difference.sections["facts"]} == {"version"}
    assert "environment" not in difference.sections
    assert difference.verdict == "drifted"
    assert difference.findings
    json.dumps(difference.to_dict())
    assert "steps[1].coef_" in str(difference)


def test_a_broken_file_cannot_be_compared(artifact: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.amber").write_bytes(artifact.read_bytes()[:-3])
    with pytest.raises(FormatError):
        amber.diff(artifact, tmp_path / "bad.amber")


def test_redact_takes_the_rows_out_and_keeps_the_model(artifact: Path, frame: Any, pipe: Any, tmp_path: Path) -> None:
    out = tmp_path / "public.amber"
    amber.redact(artifact, out)
    report = amber.verify(out)
    assert report.verdict == "identical", str(report)
    assert np.array_equal(amber.load(out).predict_proba(frame), pipe.predict_proba(frame))
    info = amber.inspect(out).to_dict()
    assert info["lineage"]["parent"] == amber.verify(artifact).id
    assert info["cases"]["source"] == "synthetic"
    stored = frame["income"].dropna().to_numpy()
    data = out.read_bytes()
    inner = np.sort(stored)[5:-5]
    assert sum(value.tobytes() in data for value in inner) < 0.2 * len(inner)
