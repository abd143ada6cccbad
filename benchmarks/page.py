"""The measurements as a Markdown page."""

from __future__ import annotations

import os
import platform
import subprocess
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from benchmarks.formats import MLFLOW
from benchmarks.large import Large
from benchmarks.measure import Result, Times
from benchmarks.targets import Line

HOW = """# Results

Written by `python -m benchmarks`; how it measures and what the numbers leave out: [README](README.md).
Times are medians in milliseconds on the clock, in brackets the processor time of all threads together.
*save* of Amber asks the model for its cases, several times over, on a copy that was rebuilt from the file's own bytes;
*load* of Amber includes the digest of every member and the audit of every name and value. *cold start* is from starting
Python to the first answer, imports included.
"""
# Why a promise is not kept, by the beginning of what it is about: shown only beside those that are missed.
MISSED = Path(__file__).with_name("missed.toml")
PACKAGES = ("numpy", "scipy", "scikit-learn", "pandas", "joblib", "cloudpickle", "skops", "msgspec", "blake3")


class Measured(NamedTuple):
    """All that one run measured."""

    formats: dict[str, dict[str, Result]]
    startup: dict[str, Times]
    large: dict[str, Large]
    lines: list[Line]


def page(measured: Measured, rounds: int, stolen: float, wall: float, quick: bool) -> str:
    """Return the page."""
    parts = [
        HOW,
        *_machine(rounds, stolen, wall, quick),
        "",
        *promises(measured.lines, "##", "Ratios are medians over the rounds of two measurements of the same round."),
        *_processes(measured.startup),
        *_operations(measured.large),
        *_tables(measured.formats),
    ]
    return "\n".join(parts) + "\n"


def replaced(text: str, part: str, new: str) -> str:
    """Return a page with one marked part replaced, or put at its end."""
    begin, end = f"<!-- {part} -->", f"<!-- /{part} -->"
    head, found, rest = text.partition(begin)
    tail = rest.partition(end)[2] if found else "\n"
    return f"{head.rstrip()}\n\n{begin}\n{new.strip()}\n{end}{tail}"


def promises(lines: list[Line], level: str, note: str = "") -> Iterator[str]:
    """Yield what was promised beside what was measured, and why the rest was missed; `level` of the heading."""
    yield f"{level} Promises: {sum(line.kept for line in lines)} of {len(lines)} kept\n"
    if note:
        yield f"{note}\n"
    yield "| what | promise | measured | |"
    yield "|---|---|---:|---|"
    for line in lines:
        yield f"| {line.what} | {line.promise} | {line.measured} | {'kept' if line.kept else '**missed**'} |"
    yield ""
    yield from _reasons_of(lines)


def _reasons_of(lines: list[Line]) -> Iterator[str]:
    missed = [line for line in lines if not line.kept]
    if missed:
        reasons = tomllib.loads(MISSED.read_text(encoding="utf-8"))
        yield "Missed, and why:\n"
        for line in missed:
            yield f"- *{line.what}, {line.promise}*: {_reason(reasons, line)}"
        yield ""


def _reason(reasons: dict[str, str], line: Line) -> str:
    found = (reason for start, reason in reasons.items() if f"{line.what}, {line.promise}".startswith(start))
    return next(found, "not looked into yet.")


def _processes(startup: dict[str, Times]) -> Iterator[str]:
    if startup:
        yield "## Starting\n"
        yield "| command | whole process |"
        yield "|---|---:|"
        for name, times in startup.items():
            yield f"| `{name}` | {times.text()} |"
        yield ""


def _operations(large: dict[str, Large]) -> Iterator[str]:
    if large:
        yield "## 1 GiB of tensors\n"
        yield "| operation | time | anonymous memory grows by |"
        yield "|---|---:|---:|"
        for name, found in large.items():
            growth = f"{max(found.growth) / 2**20:,.0f} MiB" if found.growth else ""
            yield f"| {name} | {found.times.text()} | {growth} |"
        yield ""


def _machine(rounds: int, stolen: float, wall: float, quick: bool) -> Iterator[str]:
    yield f"- {_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    yield (
        f"- Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in PACKAGES)
        + _mlflow()
    )
    yield f"- {rounds} rounds, formats in turns; {wall:.0f} s in all, of which the host took {stolen:.1f} s (steal)"
    yield (
        f"- load average {_load()} at the end; where it is above the number of cores, other work ran beside this, and "
        "the processor time in brackets says more than the clock"
    )
    if quick:
        yield "- **quick**: small models, to see that the benchmark runs; not for comparing"


def _mlflow() -> str:
    """Its version, in the environment of its own."""
    if not MLFLOW.exists():
        return ""
    ask = [str(MLFLOW), "-c", "from importlib.metadata import version; print(version('mlflow-skinny'))"]
    return ", mlflow-skinny " + subprocess.run(ask, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "processor unknown"


def _tables(measured: dict[str, dict[str, Result]]) -> Iterator[str]:
    for subject, results in measured.items():
        yield f"## {subject}\n"
        yield "| format | file | of it cases | save | load | cold start |"
        yield "|---|---:|---:|---:|---:|---:|"
        for name, result in results.items():
            if result.error:
                yield f"| {name} | | | | | {result.error} |"
                continue
            times = " | ".join(each.text() for each in (result.save, result.load, result.cold))
            cases = f"{result.cases / 1024:,.0f} KiB" if result.cases else ""
            yield f"| {name} | {result.size / 1024:,.0f} KiB | {cases} | {times} |"
        yield ""
