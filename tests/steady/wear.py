"""Do one thing many times in a process of its own, and say what grew: memory, objects, descriptors, threads, children.

Usage: python -m tests.steady.wear OPERATION TIMES FOLDER     (prints one JSON object)
"""

from __future__ import annotations

import contextlib
import functools
import gc
import json
import os
import shutil
import sys
import threading
import tracemalloc
import warnings
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import amber
from tests.architecture.repository import ROOT

Do = Callable[[], Any]
KEPT: list[Any] = []  # what the operation that leaks on purpose keeps
VECTORS = ROOT / "spec" / "vectors" / "reject"


def small(folder: Path) -> Path:
    """A pipeline of two steps."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    file = folder / "small.amber"
    amber.save(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, X[:, 0] > 0), file, sample=X[:10])
    return file


def large(folder: Path) -> Path:
    """A model whose arrays are hashed by several threads (1.3 MB)."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 8))
    file = folder / "large.amber"
    amber.save(KNeighborsClassifier(n_neighbors=3).fit(X, X[:, 0] > 0), file, sample=X[:10])
    return file


def refusals(folder: Path) -> list[Path | bytes]:
    """Broken files of every kind: the reject vectors, and cuts and flips of a good one."""
    data = small(folder).read_bytes()
    cuts = [data[:size] for size in (0, 10, len(data) // 2, len(data) - 1)]
    flips = [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in range(40, len(data), len(data) // 30)]
    return [*sorted(VECTORS.glob("*.amber"))[::8], *cuts, *flips, folder / "absent.amber"]


def refuse_all(sources: list[Path | bytes]) -> None:
    for source in sources:
        for call in (amber.load, amber.inspect, lambda one: amber.verify(one, cases=False)):
            with contextlib.suppress(amber.AmberError):
                call(source)


def prepared(operation: str, folder: Path) -> Do:
    """Return the call that is repeated."""
    if operation == "refuse":
        return functools.partial(refuse_all, refusals(folder))
    file = large(folder) if "large" in operation else small(folder)
    if operation == "load folder":
        amber.unpack(file, folder / "unpacked")
        return lambda: amber.load(folder / "unpacked")
    if operation == "load bytes":
        data = file.read_bytes()
        return lambda: amber.load(data)
    rows = np.zeros((5, 8 if "large" in operation else 3))
    model = amber.load(file)
    calls: dict[str, Do] = {
        "load": lambda: amber.load(file),
        "load and replay": lambda: amber.load(file, replay="always"),
        "load large": lambda: amber.load(file),
        "load large mapped": lambda: amber.load(file, mmap=True).predict(rows),
        "inspect": lambda: amber.inspect(file),
        "verify without cases": lambda: amber.verify(file, cases=False),
        "verify": lambda: amber.verify(file),
        "save": lambda: amber.save(model, folder / "again.amber"),
        "unpack and pack": lambda: round_trip(file, folder),
        "leak": lambda: KEPT.append([amber.load(file), bytes(8000), os.open(file, os.O_RDONLY)]),
    }
    return calls[operation]


def round_trip(file: Path, folder: Path) -> None:
    amber.unpack(file, folder / "form")
    amber.pack(folder / "form", folder / "packed.amber")
    shutil.rmtree(folder / "form")


def state() -> dict[str, int]:
    """Return what must not grow."""
    for _ in range(3):
        gc.collect()
    resident = 0
    with contextlib.suppress(FileNotFoundError):  # other systems have no /proc
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    descriptors = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    return {
        "resident": resident,
        "objects": len(gc.get_objects()),
        "descriptors": len(os.listdir(descriptors)),
        "threads": threading.active_count(),
        "filters": len(warnings.filters),
        "modules": len(sys.modules),
        "mappings": maps(),
    }


def maps() -> int:
    """Return how many regions of memory stand for a file of ours."""
    with contextlib.suppress(FileNotFoundError):
        return Path("/proc/self/maps").read_text().count(".amber")
    return 0


def traced(do: Do, times: int) -> int:
    """Return the bytes that Python's allocators hold more after `times` calls: the least of three such runs.

    What leaks leaks in each of them; what is only replaced (a cached object by a younger one) does not.
    """
    tracemalloc.start()
    held = []
    for _ in range(4):
        for _ in range(times):
            do()
        gc.collect()
        held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    return min(after - before for before, after in pairwise(held))


def main(operation: str, times: str, folder: str) -> None:
    """Warm up, look, repeat, look again."""
    do = prepared(operation, Path(folder))
    tenth = max(1, int(times) // 10)
    for _ in range(2 * tenth + 2):  # caches, arenas of the allocator, modules imported late
        do()
    state()  # what looking itself needs
    before = state()
    for _ in range(int(times)):
        do()
    after = state()
    grown = {name: after[name] - before[name] for name in before}
    print(json.dumps({**grown, "traced": traced(do, min(tenth, 30))}))


if __name__ == "__main__":
    main(*sys.argv[1:])
