"""The same model as a pickle, in processes of its own: this package neither reads nor writes pickles."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from pathlib import Path

from amber.cli import render
from amber.cli.tour.stage import Stage

_WRITE = """
import pickle, sys, time
import amber
model = amber.load(sys.argv[1])
begin = time.perf_counter()
with open(sys.argv[2], "wb") as file:
    pickle.dump(model, file, protocol=5)
print(time.perf_counter() - begin)
"""
_LOAD = """
import json, sys, time
begin = time.perf_counter()
if sys.argv[1] == "pickle":
    import pickle
    with open(sys.argv[2], "rb") as file:
        model = pickle.load(file)
else:
    import amber
    model = amber.load(sys.argv[2])
cold = time.perf_counter() - begin
warm = []
for _ in range(5):
    begin = time.perf_counter()
    if sys.argv[1] == "pickle":
        with open(sys.argv[2], "rb") as file:
            model = pickle.load(file)
    else:
        model = amber.load(sys.argv[2])
    warm.append(time.perf_counter() - begin)
print(json.dumps([cold, sorted(warm)[2]]))
"""
ROUNDS = 3


def beside_pickle(stage: Stage, artifact: str, saved_seconds: float) -> None:
    """Measure and print the table: size, saving, loading cold (with all imports) and warm."""
    pickled = "diabetes.pickle"
    dumped = float(stage.python(_WRITE, artifact, pickled))
    loads: dict[str, list[list[float]]] = {"amber": [], "pickle": []}
    for _ in range(ROUNDS):  # in turns, so that a busy machine is equally busy for both
        loads["amber"].append(json.loads(stage.python(_LOAD, "amber", artifact)))
        loads["pickle"].append(json.loads(stage.python(_LOAD, "pickle", pickled)))
    sizes = {"amber": _size(stage.folder / artifact), "pickle": _size(stage.folder / pickled)}
    cold, warm = _medians(loads, 0), _medians(loads, 1)
    rows = [
        ("", "Amber", "pickle"),
        ("size of the file", sizes["amber"], sizes["pickle"]),
        ("save", _time(saved_seconds), _time(dumped)),
        ("load in a fresh process, with imports", _time(cold["amber"]), _time(cold["pickle"])),
        ("load again", _time(warm["amber"]), _time(warm["pickle"])),
        ("runs code from the file", "no", "yes"),
        ("finds a flipped byte", "yes", "by luck"),
        ("knows what the answers were", "yes", "no"),
    ]
    stage.show(f"{name:<38} {left:>10} {right:>10}" for name, left, right in rows)


def _medians(loads: dict[str, list[list[float]]], which: int) -> dict[str, float]:
    pick: Callable[[list[float]], float] = lambda pair: pair[which]  # noqa: E731
    return {name: statistics.median(map(pick, pairs)) for name, pairs in loads.items()}


def _size(path: Path) -> str:
    return render.size(path.stat().st_size)


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"
