"""The clock: every format in turns (A B C A B C ...), so that a busy machine is equally busy for all of them."""

from __future__ import annotations

import gc
import os
import pickle
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.formats import FORMATS, Format
from benchmarks.subjects import Subject

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Times:
    """Seconds of each round: on the clock, and of all processors together."""

    clock: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def text(self) -> str:
        """Medians as `clock (cpu)` in milliseconds."""
        if not self.clock:
            return "-"
        return f"{_ms(statistics.median(self.clock))} ({_ms(statistics.median(self.cpu))})"


@dataclass
class Result:
    """What was measured of one format on one subject; `error` where it cannot do it."""

    size: int = 0
    save: Times = field(default_factory=Times)
    load: Times = field(default_factory=Times)
    cold: Times = field(default_factory=Times)
    error: str = ""


def _ms(seconds: float) -> str:
    value = seconds * 1000
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def measure(subject: Subject, folder: Path, rounds: int) -> dict[str, Result]:
    """Measure every format on one subject."""
    results = {name: Result() for name in FORMATS}
    row = folder / "row.pickle"
    row.write_bytes(pickle.dumps(subject.sample[:1]))
    expected = subject.model.predict(subject.sample[:200])
    for number in range(rounds + 1):  # the first round warms up imports and the file system, and is not counted
        for name, form in FORMATS.items():
            if not results[name].error:
                _one_round(form, subject, folder, row, results[name], counted=number > 0, expected=expected)
    return results


def _one_round(
    form: Format, subject: Subject, folder: Path, row: Path, result: Result, *, counted: bool, expected: Any
) -> None:
    path = folder / f"model.{form.name}"
    waste = Result()
    into = result if counted else waste
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _timed(into.save, lambda: form.save(subject.model, path, subject.sample))
            model = _timed(into.load, lambda: form.load(path))
            if not counted and not (model.predict(subject.sample[:200]) == expected).all():
                raise ValueError("the model that came back answers differently")
    except Exception as error:  # a format that cannot keep this model is a result, not a failure
        result.error = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:100]
        return
    result.size = path.stat().st_size
    _cold(into.cold, form.name, path, row)


def _timed(times: Times, action: Callable[[], Any]) -> Any:
    gc.collect()
    clock, cpu = time.perf_counter(), time.process_time()
    found = action()
    times.clock.append(time.perf_counter() - clock)
    times.cpu.append(time.process_time() - cpu)
    return found


def _cold(times: Times, name: str, path: Path, row: Path) -> None:
    """From starting Python to the first answer."""
    before, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.cold", name, str(path), str(row)]
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, "PYTHONWARNINGS": "ignore"})
    times.clock.append(time.perf_counter() - clock)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    times.cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def stolen() -> float:
    """Seconds that the host took from this machine's processors since it booted; 0 where nobody counts."""
    try:
        words = Path("/proc/stat").read_text().splitlines()[0].split()
        return int(words[8]) / float(os.sysconf("SC_CLK_TCK"))
    except (OSError, IndexError, ValueError):
        return 0.0
