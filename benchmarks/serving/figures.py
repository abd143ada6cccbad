"""The promises about serving beside what was measured, and the tables, as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from benchmarks.page import promises
from benchmarks.serving.behaviour import Behaviour
from benchmarks.serving.load import Loaded
from benchmarks.serving.throughput import Served
from benchmarks.targets import Line

FASTAPI = ("FastAPI, def", "FastAPI, async def")
ECHO = "echo of uvicorn"


@dataclass
class Figures:
    """All that one run measured."""

    linear: dict[str, Served] = field(default_factory=dict)
    forest: dict[str, Served] = field(default_factory=dict)
    behaviour: Behaviour = field(default_factory=Behaviour)
    memory: dict[str, dict[int, float]] = field(default_factory=dict)
    start: dict[str, tuple[float, float]] = field(default_factory=dict)


def page(figures: Figures, rounds: int, seconds: int, stolen: float, wall: float) -> Iterator[str]:
    """Yield the lines of the page."""
    lines = [*_throughput(figures), *_behaviour(figures)]
    yield "## Serving\n"
    yield (
        "Written by `python -m benchmarks.serving`: each server with all its processes pinned to one core, the load "
        "(wrk -t1 -c64; h2load at a fixed rate) on the other, in turns. CPU is user and system time of the server's "
        f"processes per request: the best of {rounds} rounds of {seconds} s. Requests per second depend on what the "
        f"host leaves. Ours checks an API key, Host, limits and domain, and counts. "
        f"{wall:.0f} s in all, of which the host took {stolen:.1f} s (steal).\n"
    )
    yield from promises(lines, "###")
    yield from _table("StandardScaler + LogisticRegression, 30 columns", figures.linear)
    yield from _table("Forest, 200 trees, 30 columns", figures.forest)
    yield from _memory(figures)


def _best(served: Served | None, pick: Callable[[Served], list[Loaded]]) -> float | None:
    """CPU seconds of a request in the best round."""
    loads = pick(served) if served is not None else []
    return min((each.cpu for each in loads), default=None)


def _one(served: Served) -> list[Loaded]:
    return served.one


def _many(served: Served) -> list[Loaded]:
    return served.many


def _raw(served: Served) -> list[Loaded]:
    return served.raw


def _throughput(figures: Figures) -> Iterator[Line]:
    linear, forest = figures.linear, figures.forest
    what = "one row, linear: CPU of a request"
    yield from _shares(linear, what, FASTAPI, _one, 25)
    yield from _shares(linear, what, (ECHO,), _one, 1)
    yield from _shares(linear, what, ("MLflow", "MLServer", "BentoML"), _one, 40)
    yield from _shares(linear, what, ("Ray Serve", "LitServe", "KServe ModelServer"), _one, 25)
    yield from _shares(forest, "one row, forest of 200 trees: CPU of a request", FASTAPI, _one, 150)
    what = "100 rows, JSON: CPU of a request"
    yield from _shares(linear, what, FASTAPI, _many, 3)
    yield from _shares(linear, what, ("MLflow", "MLServer"), _many, 10)
    ours, raw = _best(linear.get("Amber"), _many), _best(linear.get("Amber"), _raw)
    if ours is not None and raw is not None:
        yield Line("100 rows, binary tensors", "at most 1/3 of our JSON's CPU", f"1/{ours / raw:.1f}", raw * 3 <= ours)


def _shares(
    found: dict[str, Served], what: str, peers: tuple[str, ...], pick: Callable[[Served], list[Loaded]], least: float
) -> Iterator[Line]:
    ours = _best(found.get("Amber"), pick)
    for name in peers:
        theirs = _best(found.get(name), pick)
        if ours is None or theirs is None:
            continue
        promise = f"at most 1/{least:g} of {name}" if least > 1 else f"at most that of {name}"
        measured = f"1/{theirs / ours:.0f}" if least > 1 else f"{100 * ours / theirs:.0f} %"
        yield Line(what, promise, measured, ours * least <= theirs)


def _behaviour(figures: Figures) -> Iterator[Line]:
    found = figures.behaviour
    if found.half:
        p99 = min(each.p99 for each in found.half)
        yield Line("one row at half load: p99", "at most 5 ms", _ms(p99), p99 <= 0.005)
        p99 = min(found.beside)
        yield Line("one row while a body of 20 MiB is answered: p99", "at most 20 ms", _ms(p99), p99 <= 0.020)
    if found.swapped:
        yield Line("swap of versions under full load: failed requests", "none", str(found.lost), found.lost == 0)
        share = statistics.median(new / old for new, old in zip(found.swapped, found.usual, strict=True))
        yield Line("swap of versions under full load: p99", "at most 2 x the usual", f"{share:.1f} x", share <= 2)
    for name, sizes in figures.memory.items():
        if name == "linear pipeline, program":
            yield Line(
                "memory (PSS), one worker, small program", "at most 120 MB", f"{sizes[1]:.0f} MB", sizes[1] <= 120
            )
        else:
            share = sizes[4] / sizes[1]
            yield Line(f"memory (PSS) of four workers: {name}", "at most 1.1 x one", f"{share:.2f} x", share <= 1.1)
    for name, (taken, allowed) in figures.start.items():
        yield Line(f"ready: {name}", f"within {allowed:.1f} s", f"{taken:.2f} s", taken <= allowed)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def _table(title: str, found: dict[str, Served]) -> Iterator[str]:
    if not found:
        return
    yield f"### {title}\n"
    yield "| server | one row: CPU, us | req/s | p50, ms | p99, ms | 100 rows: CPU, us | ready, s | PSS, MB |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    for name, served in found.items():
        if served.error:
            yield f"| {name} | {served.error} | | | | | | |"
            continue
        best = min(served.one, key=lambda each: each.cpu)
        many = _best(served, _many)
        raw = _best(served, _raw)
        rows = "" if many is None else f"{many * 1e6:,.0f}" + ("" if raw is None else f" (binary {raw * 1e6:,.0f})")
        yield (
            f"| {name} | {best.cpu * 1e6:,.0f} | {max(each.rate for each in served.one):,.0f} | {best.p50 * 1e3:.1f} | "
            f"{min(each.p99 for each in served.one) * 1e3:.1f} | {rows} | {min(served.ready):.1f} | "
            f"{statistics.median(served.pss):.0f} |"
        )
    yield ""


def _memory(figures: Figures) -> Iterator[str]:
    if figures.memory:
        yield "### Memory of all processes (PSS), MB\n"
        yield "| model | one worker | four |"
        yield "|---|---:|---:|"
        for name, sizes in figures.memory.items():
            yield f"| {name} | {sizes[1]:,.0f} | {sizes[4]:,.0f} |"
        yield ""
