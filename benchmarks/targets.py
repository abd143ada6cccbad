"""What Amber promises about speed and size, beside what was measured; a promise that is not kept says so and why."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.large import Large
from benchmarks.measure import Result, Times, milliseconds, ratio
from benchmarks.startup import BARE, HELP, IMPORT

MIB = 1024 * 1024
KIB = 1024
FOREST, BOOSTING, LARGEST = "forest, 300 trees", "histogram boosting", "1 GiB of coefficients"


class Line(NamedTuple):
    """One promise: what, what it says, what was measured, whether it is kept."""

    what: str
    promise: str
    measured: str
    kept: bool


def of_formats(measured: dict[str, dict[str, Result]]) -> Iterator[Line]:
    """Yield the promises about files of one model beside the other formats."""
    for subject, results in measured.items():
        if not results["amber"].error:
            yield from _load(subject, results)
            yield from _cold(subject, results)
            yield from _size(subject, results)


def _load(subject: str, results: dict[str, Result]) -> Iterator[Line]:
    ours = results["amber"].load.clock
    large = results["pickle"].size >= MIB
    for name, most in (("joblib", 1.0), ("pickle", 1.3)):
        theirs = results[name].load.clock
        if not theirs:
            continue
        if large:
            found = ratio(ours, theirs)
            yield Line(f"{subject}: load", f"at most {most} x {name}", f"{found:.2f} x", found <= most)
        else:
            more = statistics.median(ours) - statistics.median(theirs)
            yield Line(f"{subject}: load", f"at most 3 ms more than {name}", _more(more), more <= 0.003)
    if subject in (FOREST, BOOSTING) and results["skops"].load.clock:
        found = ratio(results["skops"].load.clock, ours)
        yield Line(f"{subject}: load", "at least 4 x faster than skops", f"{found:.1f} x", found >= 4)


def _more(seconds: float) -> str:
    return f"{seconds * 1000:+.2f} ms"


def _cold(subject: str, results: dict[str, Result]) -> Iterator[Line]:
    ours = results["amber"].cold
    if results["joblib"].cold.clock:
        found = ratio(ours.cpu, results["joblib"].cold.cpu)
        yield Line(f"{subject}: start to first answer", "at most 1.1 x joblib", f"{found:.2f} x (CPU)", found <= 1.1)
    if results["mlflow"].cold.clock:
        found = ratio(results["mlflow"].cold.cpu, ours.cpu)
        yield Line(
            f"{subject}: start to first answer", "at least 5 x faster than MLflow", f"{found:.1f} x (CPU)", found >= 5
        )


def _size(subject: str, results: dict[str, Result]) -> Iterator[Line]:
    ours, pickle = results["amber"].size - results["amber"].cases, results["pickle"].size
    if pickle < MIB:
        promise, most = "at most pickle + 24 KiB", pickle + 24 * KIB
    else:
        promise, most = "at most 1.02 x pickle + 56 KiB", int(1.02 * pickle) + 56 * KIB
    measured = f"{ours / KIB:,.0f} KiB, pickle {pickle / KIB:,.0f} KiB"
    yield Line(f"{subject}: file without cases", promise, measured, ours <= most)


def of_startup(times: dict[str, Times]) -> Iterator[Line]:
    """Yield the promises about waiting."""
    bare, loaded = times[BARE], times[IMPORT]
    more = statistics.median(loaded.cpu) - statistics.median(bare.cpu)
    yield Line("import amber", "at most 50 ms over bare Python", _more(more) + " (CPU)", more <= 0.05)
    for name, found in times.items():
        if name not in (BARE, IMPORT):
            most = 0.15 if name == HELP else 0.2
            spent = statistics.median(found.cpu)
            yield Line(name, f"at most {most * 1000:.0f} ms", f"{milliseconds(spent)} ms (CPU)", spent <= most)


def of_large(found: dict[str, Large], held: int) -> Iterator[Line]:
    """Yield the promises about 1 GiB of tensors; `held`: bytes of them."""
    inspect = statistics.median(found["inspect"].times.clock)
    yield Line("1 GiB: open and inspect", "under 10 ms, warm", f"{milliseconds(inspect)} ms", inspect < 0.01)
    for what, peer, promise, share in (
        ("mapped load", "hash", "80 % or more of BLAKE3 alone over the file", 0.8),
        ("private load", "read and hash", "60 % or more of read into large pages + BLAKE3", 0.6),
        ("save", "raw write", "80 % or more of raw write + fsync", 0.8),
        ("save, cases apart", "raw write", "80 % or more of raw write + fsync", 0.8),
    ):
        speed = ratio(found[peer].times.clock, found[what].times.clock)
        yield Line(f"1 GiB: {what}", promise, f"{speed:.0%}", speed >= share)
    for what in ("save", "mapped load", "private load"):
        growth = max(found[what].growth) / held
        yield Line(f"1 GiB: anonymous memory of {what}", "grows by at most 1.1 x", f"{growth:.2f} x", growth <= 1.1)
