"""The measurements as a Markdown page."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from benchmarks.measure import Result

HOW = """# Results

Written by `python -m benchmarks`; how it measures and what the numbers leave out: [README](README.md).
Times are medians in milliseconds on the clock, in brackets the processor time of all threads together.
*save* of Amber asks the model for its cases, several times over, on a copy that was rebuilt from the file's own bytes;
*load* of Amber includes the digest of every member and the audit of every name and value. *cold start* is from starting
Python to the first answer, imports included.
"""
PACKAGES = ("numpy", "scipy", "scikit-learn", "pandas", "joblib", "cloudpickle", "skops", "msgspec", "blake3")


def page(measured: dict[str, dict[str, Result]], rounds: int, stolen: float, wall: float, quick: bool) -> str:
    """Return the page."""
    return "\n".join([HOW, *_machine(rounds, stolen, wall, quick), "", *_tables(measured)]) + "\n"


def _machine(rounds: int, stolen: float, wall: float, quick: bool) -> Iterator[str]:
    yield f"- {_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    yield f"- Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    yield f"- {rounds} rounds, formats in turns; {wall:.0f} s in all, of which the host took {stolen:.1f} s (steal)"
    yield (
        f"- load average {_load()} at the end; where it is above the number of cores, other work ran beside this, and "
        "the processor time in brackets says more than the clock"
    )
    if quick:
        yield "- **quick**: small models, to see that the benchmark runs; not for comparing"


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
        yield "| format | file | save | load | cold start |"
        yield "|---|---:|---:|---:|---:|"
        for name, result in results.items():
            if result.error:
                yield f"| {name} | | | | {result.error} |"
                continue
            times = " | ".join(each.text() for each in (result.save, result.load, result.cold))
            yield f"| {name} | {result.size / 1024:,.0f} KiB | {times} |"
        yield ""
