"""Threads, forks, spawned processes and the end of the interpreter: the same answers everywhere."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amber.cases.quiet import recording
from tests.architecture.repository import ROOT
from tests.steady.crowd import surroundings

PATIENCE = 300  # seconds until a child that waits for a thread it does not have is given up
LARGE = """
import multiprocessing, os, sys
import numpy as np
from pathlib import Path
from sklearn.neighbors import KNeighborsClassifier
import amber
from amber.limits import Limits
file = Path(sys.argv[1]) / "m.amber"
rows = np.random.default_rng(1).normal(size=(5, 8))
def make():
    X = np.random.default_rng(0).normal(size=(20_000, 8))
    amber.save(KNeighborsClassifier(3).fit(X, X[:, 0] > 0), file, sample=X[:10])
def answers():
    model = amber.load(file)
    report = amber.verify(file, policy=amber.Policy(limits=Limits(replay_seconds=300)))
    amber.save(model, file.with_name(f"{os.getpid()}.amber"))
    amber.unpack(file, file.with_name(f"{os.getpid()}"))
    return report.verdict, model.predict_proba(rows).tolist()
"""
FORK = """
make()
expected = answers()
with multiprocessing.get_context("fork").Pool(2) as pool:
    found = [pool.apply(answers) for _ in range(2)]
print(found == [expected] * 2)
"""
SPAWN = """
def check(queue):
    queue.put(answers())
if __name__ == "__main__":
    make()
    queue = multiprocessing.get_context("spawn").Queue()
    process = multiprocessing.get_context("spawn").Process(target=check, args=(queue,))
    process.start()
    print(queue.get() == answers())
    process.join()
"""
AT_THE_END = """
import atexit
make()
atexit.register(lambda: print(answers()[0] == "identical"))
"""


def run(*words: str) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *words],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        env=environment,
        cwd=ROOT,
    )
    return done.stdout


@pytest.mark.slow
def test_sixteen_threads_at_once(tmp_path: Path) -> None:
    found: dict[str, Any] = json.loads(run("-m", "tests.steady.crowd", str(tmp_path)))
    assert found["jobs"] > 20
    assert found["wrong"] == []
    assert found["left"] == []
    assert found["same"], "NumPy's error state, random streams, thread pools: all as before"


def test_two_recordings_leave_everything_as_it_was() -> None:
    entered, also, go_on = threading.Event(), threading.Event(), threading.Event()
    before = surroundings(), list(warnings.filters), warnings.showwarning

    def first() -> None:
        with recording():
            entered.set()
            assert go_on.wait(PATIENCE)

    def second() -> None:
        assert entered.wait(PATIENCE)
        with recording():
            also.set()
            one.join(PATIENCE)
            random.random()
            np.random.random()

    one, two = threading.Thread(target=first), threading.Thread(target=second)
    one.start()
    two.start()
    also.wait(0.5)  # never comes: the second waits for the first
    go_on.set()
    one.join(PATIENCE)
    two.join(PATIENCE)
    assert before == (surroundings(), list(warnings.filters), warnings.showwarning)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(FORK, id="fork"),
        pytest.param(SPAWN, id="spawn", marks=pytest.mark.slow),
        pytest.param(AT_THE_END, id="at the end"),
    ],
)
def test_other_processes_and_the_end_of_this_one(tmp_path: Path, body: str) -> None:
    # the pool of the hash library does not live on in a fork; no thread is started once the interpreter ends
    script = tmp_path / "script.py"
    script.write_text(LARGE + body)
    assert run(str(script), str(tmp_path)) == "True\n"
