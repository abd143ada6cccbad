"""The clock: every format in turns (A B C A B C ...), so that a busy machine is equally busy for all of them."""

from __future__ import annotations

import json
import os
import pickle
import resource
import shutil
import statistics
import subprocess
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from benchmarks.formats import FORMATS, Format
from benchmarks.subjects import Subject
from benchmarks.worker import digest

ROOT = Path(__file__).resolve().parent.parent
SAMPLE_ROWS = 1000  # what Amber may choose its cases from


@dataclass
class Times:
    """Seconds of each round: on the clock, and of all processors together."""

    clock: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def add(self, reply: dict[str, float]) -> None:
        """Note one round."""
        self.clock.append(reply["clock"])
        self.cpu.append(reply["cpu"])

    def text(self) -> str:
        """Medians as `clock (cpu)` in milliseconds."""
        if not self.clock:
            return "-"
        cpu = f" ({milliseconds(statistics.median(self.cpu))})" if self.cpu else ""
        return milliseconds(statistics.median(self.clock)) + cpu


def milliseconds(seconds: float) -> str:
    """Return milliseconds with as many digits as mean something."""
    value = seconds * 1000
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def ratio(ours: list[float], theirs: list[float]) -> float:
    """Return the median over the rounds of ours / theirs: both of a round ran side by side."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


@dataclass
class Result:
    """What was measured of one format on one subject; `error` where it cannot do it."""

    size: int = 0
    cases: int = 0  # bytes of `size` that are recorded cases
    save: Times = field(default_factory=Times)
    load: Times = field(default_factory=Times)
    cold: Times = field(default_factory=Times)
    error: str = ""


class Process:
    """A worker of one format."""

    def __init__(self, form: Format) -> None:
        self.form = form
        command = [str(form.python), "-m", "benchmarks.worker", form.name]
        self.child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, what: str, path: Path, rows: Path | None = None) -> dict[str, Any]:
        """Return the reply to one request."""
        line, answer = self.child.stdin, self.child.stdout
        if line is None or answer is None:
            raise RuntimeError("the worker has no pipes")
        _send(line, {"do": what, "path": str(path), "rows": str(rows)})
        text = answer.readline()
        return json.loads(text) if text else {"error": f"the process ended with {self.child.wait()}"}

    def stop(self) -> None:
        """End the process by closing its input."""
        if self.child.stdin is not None:
            self.child.stdin.close()
        self.child.wait()


def _send(line: IO[str], request: dict[str, str]) -> None:
    line.write(json.dumps(request) + "\n")
    line.flush()


@contextmanager
def _workers() -> Iterator[dict[str, Process]]:
    with ExitStack() as stack:
        started: dict[str, Process] = {}
        for name, form in FORMATS.items():
            if form.python.exists():
                started[name] = Process(form)
                stack.callback(started[name].stop)
        yield started


def measure(subject: Subject, folder: Path, rounds: int) -> dict[str, Result]:
    """Measure every format on one subject; round 0 warms up imports and the file system and is not counted."""
    results = {name: Result() for name in FORMATS}
    held, rows, row = folder / "held.pickle", folder / "rows.pickle", folder / "row.pickle"
    held.write_bytes(pickle.dumps((subject.model, subject.sample[:SAMPLE_ROWS]), protocol=5))
    rows.write_bytes(pickle.dumps(subject.sample[:200], protocol=5))
    row.write_bytes(pickle.dumps(subject.sample[:1], protocol=5))
    expected = digest(subject.model.predict(subject.sample[:200]))
    with _workers() as workers:
        for name, result in results.items():
            result.error = workers[name].ask("hold", held).get("error", "") if name in workers else "not installed"
        for number in range(rounds + 1):
            for step in ("save", "load", "answers", "cold"):
                for name, result in results.items():
                    if not result.error:
                        path = folder / f"model.{name}"
                        result.error = _step(step, workers[name], path, result, number, rows, row, expected)
    for name, result in results.items():
        if not result.error:
            result.size, result.cases = _sizes(folder / f"model.{name}")
    return results


def _step(
    step: str, worker: Process, path: Path, result: Result, number: int, rows: Path, row: Path, expected: str
) -> str:
    """Do one step of one round; return what went wrong."""
    if step == "answers":
        if number:
            return ""
        reply = worker.ask("answers", path, rows)
        if "error" in reply:
            return str(reply["error"])
        return "" if reply["answers"] == expected else "the model that came back answers differently"
    if step == "cold":
        reply = cold([str(worker.form.python), "-m", "benchmarks.cold", worker.form.name, str(path), str(row)])
    else:
        if step == "save":
            shutil.rmtree(path, ignore_errors=True)  # MLflow's folder
        reply = worker.ask(step, path)
        if "error" in reply:
            return str(reply["error"])
    if number:
        getattr(result, step).add(reply)
    return ""


def cold(command: list[str]) -> dict[str, float]:
    """Return clock and processor time of a whole child process, in seconds."""
    before, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # Amber's modules have their bytecode as installed ones have
    subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    spent = time.perf_counter() - clock
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"clock": spent, "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def _sizes(path: Path) -> tuple[int, int]:
    """Return the bytes of a file or folder, and how many of them are cases of Amber."""
    if path.is_dir():
        return sum(each.stat().st_size for each in path.rglob("*") if each.is_file()), 0
    cases = 0
    if path.suffix == ".amber":
        with zipfile.ZipFile(path) as members:
            cases = sum(each.file_size for each in members.infolist() if each.filename.startswith("cases/"))
    return path.stat().st_size, cases


def stolen() -> float:
    """Seconds that the host took from this machine's processors since it booted; 0 where nobody counts."""
    try:
        words = Path("/proc/stat").read_text().splitlines()[0].split()
        return int(words[8]) / float(os.sysconf("SC_CLK_TCK"))
    except (OSError, IndexError, ValueError):
        return 0.0
