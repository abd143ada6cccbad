"""Several methods of a program in one run: the answers of each by itself, labels as positions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import amber
from amber.errors import SourceError
from amber.programs.program import Program
from amber.programs.requests import Rows

ROWS = np.random.default_rng(0).normal(size=(50, 3))
METHODS = ["predict", "predict_proba", "decision_function"]


def frozen(model: Any, X: Any, y: Any, folder: Path) -> Program:
    path = str(folder / "m.amber")
    amber.save(model.fit(X, y), path, sample=X, name="m")
    amber.freeze(path, path)
    return amber.program(path)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    words = np.where(ROWS[:, 0] > 0, "yes", "no")
    return frozen(make_pipeline(StandardScaler(), LogisticRegression()), ROWS, words, tmp_path_factory.mktemp("asker"))


class Counting:
    """Sessions that count their runs."""

    def __init__(self, sessions: Any) -> None:
        self._sessions, self.runs, self.seconds = sessions, 0, sessions.seconds

    def for_outputs(self, names: Any) -> Any:
        session, own = self._sessions.for_outputs(names), self

        class One:
            get_inputs = staticmethod(session.get_inputs)

            @staticmethod
            def run(*arguments: Any) -> Any:
                own.runs += 1
                return session.run(*arguments)

        return One()


def test_all_methods_are_answered_in_one_run(program: Program) -> None:
    counting = Counting(program.sessions)
    asked = Program(program.plan, counting, certificate=program.certificate, domain=program.domain)
    ask = asked.asker(METHODS)
    found = ask(ROWS[:5])
    assert counting.runs == 1
    assert set(found) == set(METHODS)
    np.testing.assert_array_equal(np.array(["no", "yes"])[found["predict"]], program.predict(ROWS[:5]))
    for method in METHODS[1:]:
        np.testing.assert_allclose(found[method], getattr(program, method)(ROWS[:5]), rtol=1e-12)


def test_one_method_alone_answers_positions_too(program: Program) -> None:
    found = program.asker(["predict"])(ROWS[:7])
    assert found["predict"].dtype == np.int64
    np.testing.assert_array_equal(np.array(["no", "yes"])[found["predict"]], program.predict(ROWS[:7]))


def test_rows_that_are_ready_are_taken_as_they_are(program: Program) -> None:
    ready = Rows(4, lambda column: ROWS[:4, column], whole=ROWS[:4])
    np.testing.assert_allclose(
        program.asker(METHODS)(ready)["predict_proba"], program.predict_proba(ROWS[:4]), rtol=1e-12
    )


def test_more_rows_than_a_block_are_asked_in_blocks(program: Program) -> None:
    small = Program(msgspec.structs.replace(program.plan, block=8), program.sessions)
    found = small.asker(METHODS)(ROWS)
    np.testing.assert_allclose(found["predict_proba"], program.predict_proba(ROWS), rtol=1e-12)
    assert len(found["predict"]) == len(ROWS)


def test_what_one_method_refuses_is_refused(program: Program) -> None:
    bad = ROWS[:4].copy()
    bad[2, 1] = np.inf
    with pytest.raises(SourceError) as caught:
        program.asker(METHODS)(bad)
    assert caught.value.code == "input-refused"
    assert "row 2, column 1" in caught.value.message
    with pytest.raises(SourceError, match="no rows"):
        program.asker(METHODS)(ROWS[:0])


def test_labels_of_several_outputs_are_positions_column_by_column(tmp_path: Path) -> None:
    labels = np.stack([np.where(ROWS[:, 0] > 0, "a", "b"), np.where(ROWS[:, 1] > 0, "up", "down")], axis=1)
    several = frozen(RandomForestClassifier(3, max_depth=3, random_state=0), ROWS, labels, tmp_path)
    found = several.asker(["predict", "predict_proba"])(ROWS[:6])
    classes = [np.array(["a", "b"]), np.array(["down", "up"])]
    named = np.stack([each[found["predict"][:, place]] for place, each in enumerate(classes)], axis=1)
    np.testing.assert_array_equal(named, several.predict(ROWS[:6]))
    for got, wanted in zip(found["predict_proba"], several.predict_proba(ROWS[:6]), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-6)
