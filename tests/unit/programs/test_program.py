"""A program in use: many threads, other processes, blocks of rows, and what the runtime says when it cannot."""

from __future__ import annotations

import copy
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import amber
from amber.errors import FormatError, LimitError, SourceError
from amber.programs.program import Program

RNG = np.random.default_rng(7)
X = RNG.normal(size=(80, 3))
Y = np.where(X[:, 0] > 0, "yes", "no")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    path: Path = tmp_path_factory.mktemp("program") / "m.amber"
    amber.save(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y), path, sample=X, freeze=True)
    return amber.program(path)


def blocked(program: Program, block: int) -> Program:
    return Program(msgspec.structs.replace(program.plan, block=block), program.sessions)


def test_sixteen_threads_get_the_answers_of_one(program: Program) -> None:
    expected = {name: getattr(program, name)(X) for name in program.methods}
    fresh = blocked(program, 65536)

    def ask(number: int) -> bool:
        name = program.methods[number % len(program.methods)]
        rows = X[number % 40 : number % 40 + 8]
        return np.array_equal(getattr(fresh, name)(rows), expected[name][number % 40 : number % 40 + 8])

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(1600)))


def test_a_program_is_not_pickled_nor_copied(program: Program) -> None:
    for way in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="open its artifact"):
            way(program)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_answers(program: Program) -> None:
    expected = program.predict_proba(X)
    child = os.fork()
    if child == 0:
        same = np.array_equal(program.predict_proba(X), expected)
        os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_blocks_of_rows_answer_and_refuse_as_one_request(program: Program) -> None:
    small = blocked(program, 7)
    assert np.array_equal(small.predict_proba(X), program.predict_proba(X))
    rows = X.copy()
    rows[33, 2] = np.nan
    with pytest.raises(SourceError, match="row 33, column 2"):
        small.predict(rows)


def test_blocks_of_what_transform_gave(tmp_path: Path) -> None:
    table = np.array([[a] for a in "abcd" * 20], dtype=object)
    model = OneHotEncoder().fit(table)
    amber.save(model, tmp_path / "e.amber", sample=table, freeze=True)
    whole = amber.program(tmp_path / "e.amber")
    given = whole.transform(table)
    assert blocked(whole, 9).inverse_transform(given).tolist() == table.tolist()
    assert (blocked(whole, 9).transform(table) != given).nnz == 0
    for odd in ([[1.0], [1.0, 2.0]], "x", None, [[object()] * 4]):
        with pytest.raises(SourceError):
            whole.inverse_transform(odd)


class Failing:
    """A session that ends as onnxruntime does."""

    def __init__(self, session: Any, said: str) -> None:
        self.session, self.said, self.seconds = session, said, session.seconds

    def for_outputs(self, names: Any) -> Any:
        self.get_inputs = self.session.for_outputs(names).get_inputs
        return self

    def run(self, names: Any, feeds: Any, options: Any) -> Any:
        raise RuntimeError(self.said)


@pytest.mark.parametrize(
    ("said", "error", "code"),
    [
        ("Available memory of 4 is smaller than requested bytes of 8", LimitError, "limit-program-elements"),
        ("[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : indices out of bounds", FormatError, "program-invalid"),
    ],
)
def test_an_error_of_the_runtime_is_ours_with_a_way_out(program: Program, said: str, error: Any, code: str) -> None:
    failing = Program(program.plan, Failing(program.sessions, said))
    for rows in (X, X.tolist()):
        with pytest.raises(error) as refused:
            failing.predict(rows)
        assert refused.value.code == code
        assert refused.value.hint


def test_a_graph_that_answers_otherwise_than_its_plan_says(program: Program) -> None:
    outputs = [
        msgspec.structs.replace(each, layout="frame", columns=["a"], dtypes=["<f8"]) if not each.labels else each
        for each in program.plan.outputs
    ]
    odd = Program(msgspec.structs.replace(program.plan, outputs=outputs), program.sessions)
    with pytest.raises(FormatError) as refused:
        odd.predict_proba(X)
    assert refused.value.code == "program-interface"


def test_a_request_of_ordinary_numbers_is_asked_without_conversion(program: Program) -> None:
    feeder = program._feeder
    assert feeder.direct(X) is not None
    assert feeder.direct(X * 1e30) is not None
    for rows in (X * np.nan, X * np.inf, X[:0], X[:, :2], X.astype(np.float32), X.tolist()):
        direct = feeder.direct(rows)
        assert direct is None or np.isnan(rows).all()
