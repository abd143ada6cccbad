"""A program that differs on one kind of row holds for the others: rules, their price, and what a reader asks again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from sklearn.ensemble import HistGradientBoostingClassifier

import amber
from amber.errors import FreezeError, SourceError
from amber.programs import emit
from amber.programs.emit import flow
from amber.programs.emit.values import Matrix

RNG = np.random.default_rng(7)
X = RNG.normal(size=(120, 3))
X[::40, 1] = np.nan
Y = np.where(np.nan_to_num(X[:, 0]) > 0, "yes", "no")
NAME = "sklearn.ensemble.HistGradientBoostingClassifier"


@pytest.fixture
def altered(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Any, str], Any]], None]:
    """Give every emitted answer of the boosting another matrix than the one that comes."""
    emit.load_families()
    original = flow._EMITTERS[NAME]

    def alter(change: Callable[[Any, str], Any]) -> None:
        def wrong(e: Any, value: Any, c: Any) -> Any:
            whole = c.matrix(value)
            return original(e, Matrix(change(whole.tensor, c.method), whole.width), c)

        monkeypatch.setitem(flow._EMITTERS, NAME, wrong)

    return alter


def zeroed(tensor: Any, method: str) -> Any:
    """Missing values as numbers of their own."""
    g = tensor.graph
    return g.where(g.op("IsNaN", tensor, dtype="bool"), g.const(77.0), tensor)


def saved(path: Path) -> Any:
    model = HistGradientBoostingClassifier(max_iter=5).fit(X, Y)
    amber.save(model, path, sample=X, freeze=True)
    return model


def test_a_narrowed_program_is_verified_as_it_was_certified(tmp_path: Path, altered: Any) -> None:
    altered(zeroed)
    model = saved(tmp_path / "n.amber")
    program = amber.program(tmp_path / "n.amber", replay="always")
    assert [rule.rule for rule in program.domain] == ["not-missing"]
    inside = X[~np.isnan(X).any(axis=1)]
    assert program.predict(inside).tolist() == model.predict(inside).tolist()
    with pytest.raises(SourceError) as refused:
        program.predict(X[:1])
    assert refused.value.code == "outside-domain"
    assert "row 0, column 1" in str(refused.value)
    step = next(each for each in amber.verify(tmp_path / "n.amber").steps if each.number == 8)
    assert step.status == "passed"


def test_a_rule_that_wins_no_method_narrows_nothing(tmp_path: Path, altered: Any) -> None:
    """One method differs on every row: what is right everywhere keeps its rows."""
    altered(lambda tensor, method: zeroed(tensor, method) * -2.0 if method == "decision_function" else tensor)
    model = saved(tmp_path / "o.amber")
    program = amber.program(tmp_path / "o.amber")
    assert not program.domain
    assert "decision_function" in program.plan.absent
    assert program.predict(X).tolist() == model.predict(X).tolist()


def test_a_program_that_differs_everywhere_is_not_attached(tmp_path: Path, altered: Any) -> None:
    altered(lambda tensor, method: tensor * -2.0)
    with pytest.raises(FreezeError) as refused:
        saved(tmp_path / "d.amber")
    assert refused.value.code == "program-drifted"
    assert all("rows" in problem.message for problem in refused.value.problems)
    assert not (tmp_path / "d.amber").exists()
