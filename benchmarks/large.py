"""One GiB of tensors against what the machine can do: `python -m benchmarks.large WHAT FILE`, each in a fresh process.

Every process first loads a small model, so that imports are not counted; then it does one thing and prints its seconds
and by how much its anonymous memory grew at most (sampled every 2 ms; Linux).
"""

from __future__ import annotations

import json
import mmap
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT, Times
from benchmarks.worker import timed

PIECE = 64 * 1024 * 1024
WHATS = (
    "raw write", "save", "hash", "mapped load", "read and hash", "private load", "inspect",
)  # fmt: skip
APART = "save, cases apart"  # asking the model costs what its own predict costs, several times over


class Large:
    """What was measured of one operation: times, and growth of anonymous memory in bytes."""

    def __init__(self) -> None:
        self.times = Times()
        self.growth: list[int] = []


def measure_large(model: Path, small: Path, target: Path, rounds: int) -> dict[str, Large]:
    """Measure every operation in turns; round 0 warms the page cache and is not counted.

    Args:
        model: A pickled (model, sample) with the large arrays.
        small: A small artifact.
        target: Where the large artifact is written; beside it raw bytes are.
        rounds: How often.
    """
    found = {what: Large() for what in (*WHATS, APART)}
    # the first save makes the file that all others read
    _child("save", model, small, target)
    for number in range(rounds + 1):
        for what in WHATS:
            reply = _child(what, model, small, target)
            if number:
                found[what].times.add(reply)
                found[what].growth.append(int(reply["growth"]))
            if number and what == "save":
                found[APART].times.clock.append(reply["clock"] - reply["cases"])
    return found


def _child(what: str, model: Path, small: Path, target: Path) -> dict[str, float]:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.large", what, str(model), str(small), str(target)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    reply: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return reply


def _anonymous() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    return 0


class _Watch:
    """Samples anonymous memory in a thread while something runs."""

    def __enter__(self) -> _Watch:
        self.before = self.most = _anonymous()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        return self

    def _run(self) -> None:
        while not self.ended.wait(0.002):
            self.most = max(self.most, _anonymous())

    def __exit__(self, *_: object) -> None:
        self.most = max(self.most, _anonymous())
        self.ended.set()
        self.thread.join()


def _raw_write(target: Path) -> Callable[[], Any]:
    raw, size = target.with_suffix(".raw"), target.stat().st_size
    raw.unlink(missing_ok=True)
    block = mmap.mmap(-1, PIECE)
    block.write(os.urandom(PIECE))

    def write() -> None:
        with raw.open("wb", buffering=0) as file:
            left = size
            while left:
                left -= file.write(memoryview(block)[: min(left, PIECE)])
            os.fsync(file.fileno())

    return write


def _read_and_hash(target: Path) -> Callable[[], Any]:
    from blake3 import blake3

    def read() -> Any:
        block = mmap.mmap(-1, target.stat().st_size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        block.madvise(mmap.MADV_HUGEPAGE)
        with target.open("rb", buffering=0) as file:
            view, position = memoryview(block), 0
            while count := file.readinto(view[position:]):
                position += count
        return block, blake3(view, max_threads=blake3.AUTO).digest()

    return read


def _hash(target: Path) -> Callable[[], Any]:
    from blake3 import blake3

    return lambda: blake3(max_threads=blake3.AUTO).update_mmap(str(target)).digest()


def _save(model: Path, target: Path) -> Callable[[], Any]:
    import amber

    with model.open("rb") as file:
        fitted, sample = pickle.load(file)
    return lambda: amber.save(fitted, target, sample=sample)


def _operation(what: str, model: Path, target: Path) -> Callable[[], Any]:
    import amber

    return {
        "raw write": lambda: _raw_write(target),
        "save": lambda: _save(model, target),
        "hash": lambda: _hash(target),
        "mapped load": lambda: lambda: amber.load(target, mmap=True),
        "read and hash": lambda: _read_and_hash(target),
        "private load": lambda: lambda: amber.load(target, mmap=False),
        "inspect": lambda: lambda: str(amber.inspect(target)),
    }[what]()


def main(what: str, model: str, small: str, target: str) -> None:
    """Do one operation once and print what it took."""
    import amber

    amber.load(small)
    str(amber.inspect(small))
    action = _operation(what, Path(model), Path(target))
    results: list[Any] = []
    with _Watch() as watch:
        reply = timed(lambda: results.append(action()))
    reply["cases"] = getattr(results[0], "seconds", {}).get("cases", 0.0)
    reply["growth"] = watch.most - watch.before
    print(json.dumps(reply))


if __name__ == "__main__":
    main(*sys.argv[1:])
