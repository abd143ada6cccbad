"""Sixteen threads load, inspect, verify, predict, save and unpack at once; every answer is compared with that of one.

Usage: python -m tests.steady.crowd FOLDER     (prints one JSON object; also without the interpreter's lock)
"""

from __future__ import annotations

import functools
import json
import random
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_info

import amber
from amber.limits import Limits

THREADS, ROUNDS = 16, 2
# Sixteen threads wait for each other, and for whatever else the machine does.
PATIENT = amber.Policy(limits=Limits(replay_seconds=900, load_replay_seconds=900))
Answer = Any


def models() -> dict[str, tuple[Any, Any]]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4))
    y = X[:, 0] > 0
    return {
        "pipeline": (make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y), X[:20]),
        "tree": (DecisionTreeClassifier(random_state=0).fit(X, y), X[:20]),
        "table": ({"table": rng.normal(size=(20_000, 8))}, None),  # large enough to be hashed by several threads
    }


def answer(model: Any, rows: Any) -> bytes:
    found = model["table"] if rows is None else model.predict_proba(rows)
    return bytes(found.tobytes())


def plain(report: Any) -> str:
    """A report without its times."""
    return json.dumps(replace(report, seconds={}).to_dict(), sort_keys=True)


def jobs(folder: Path) -> dict[str, Callable[[str], Answer]]:
    """Each job by name; a job is given a place of its own to write to."""
    found: dict[str, Callable[[str], Answer]] = {}
    for name, (model, rows) in models().items():
        file = folder / f"{name}.amber"
        amber.save(model, file, sample=rows)
        shared = amber.load(file)

        def loaded(_: str, file: Path = file, rows: Any = rows) -> Answer:
            copy, report = amber.load(file, replay="always", report=True, policy=PATIENT)
            return plain(report), answer(copy, rows)

        def mapped(_: str, file: Path = file, rows: Any = rows) -> Answer:
            return answer(amber.load(file, mmap=True), rows)

        def saved(place: str, model: Any = model, rows: Any = rows, file: Path = file) -> Answer:
            target = folder / f"{place}-{file.name}"
            amber.save(model, target, sample=rows)
            return target.read_bytes()

        def same_path(_: str, model: Any = model, rows: Any = rows, file: Path = file) -> Answer:
            amber.save(model, folder / f"shared-{file.name}", sample=rows)
            return b""

        def unpacked(place: str, file: Path = file) -> Answer:
            target = folder / f"{place}-{file.stem}"
            return amber.unpack(file, target), amber.pack(target, folder / f"{place}-packed-{file.name}")

        found |= {
            f"load {name}": loaded,
            f"mapped {name}": mapped,
            f"predict {name}": functools.partial(predicted, shared, rows),
            f"verify {name}": functools.partial(verified, file, False),
            f"inspect {name}": functools.partial(inspected, file),
            f"save {name}": saved,
            f"save to one path {name}": same_path,
            f"unpack {name}": unpacked,
            f"refuse {name}": functools.partial(refused, file.read_bytes()[:-100]),
        }
    found["verify in a child"] = functools.partial(verified, folder / "pipeline.amber", True)
    return found


def predicted(model: Any, rows: Any, _: str) -> bytes:
    return answer(model, rows)


def verified(file: Path, cases: bool, _: str) -> str:
    return plain(amber.verify(file, cases=cases, policy=PATIENT))


def inspected(file: Path, _: str) -> str:
    return str(amber.inspect(file))


def refused(data: bytes, _: str) -> str:
    try:
        amber.load(data)
    except amber.AmberError as error:
        return str(error)
    raise AssertionError("a broken file was loaded")


def surroundings() -> str:
    """What belongs to the whole process and must be as it was.

    Not the warning filters: scikit-learn changes them in every call, and before Python 3.14 all threads share them.
    """
    pools = sorted((str(pool["filepath"]), pool["num_threads"]) for pool in threadpool_info())
    return repr((np.geterr(), np.get_printoptions(), pools, random.getstate(), str(np.random.get_state()), sys.path))


def main(folder: str) -> None:
    """Do each job alone, then all of them in many threads at once."""
    todo = jobs(Path(folder))
    expected = {name: job("alone") for name, job in todo.items()}
    before = surroundings()
    wrong: list[str] = []
    start = threading.Barrier(THREADS)

    def work(number: int) -> None:
        names = list(todo)
        start.wait()
        for turn in range(ROUNDS):
            for name in names[number:] + names[:number]:
                if name == "verify in a child" and (turn or number % 8):
                    continue  # a process of its own each time
                try:
                    if todo[name](f"{number}-{turn}") != expected[name]:
                        wrong.append(f"{name}: another answer")
                except BaseException as error:
                    wrong.append(f"{name}: {error!r}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    left = [str(path) for path in Path(folder).iterdir() if "amber-tmp" in path.name]
    locked = getattr(sys, "_is_gil_enabled", lambda: True)()
    same = before == surroundings()
    print(json.dumps({"wrong": sorted(set(wrong)), "left": left, "same": same, "jobs": len(todo), "locked": locked}))


if __name__ == "__main__":
    main(*sys.argv[1:])
