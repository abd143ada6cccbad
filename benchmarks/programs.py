"""`python -m benchmarks.programs [--quick] [--rounds N] [--only NAME]`: originals against their programs.

Cold start, one row, a batch of 1000, the overhead of a call, memory, and the labels that flip, beside skl2onnx. Both
sides have one thread; each measurement is made in turns. Writes the part about programs of RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib

import amber
from benchmarks import flips
from benchmarks.measure import ROOT, SAMPLE_ROWS, Times, cold, milliseconds, stolen
from benchmarks.page import promises, replaced
from benchmarks.program_subjects import FAST_START, ONE_ROW, SUBJECTS, rows_of
from benchmarks.subjects import Subject
from benchmarks.targets import Line

BATCH = 1000
RESULTS = Path(__file__).resolve().parent / "RESULTS.md"


@dataclass
class Side:
    """What was measured of one side."""

    start: Times = field(default_factory=Times)
    one: list[float] = field(default_factory=list)
    batch: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    size: int = 0


@dataclass
class Found:
    """One model: both sides, and the flips of each form by kind of row."""

    original: Side
    program: Side
    flips: dict[str, dict[str, flips.Flips]]
    certificate: dict[str, Any] = field(default_factory=dict)
    domain: list[Any] = field(default_factory=list)
    freeze: float = 0.0
    error: str = ""


def main(words: list[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.programs", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small models; prints, and writes nothing")
    parser.add_argument("--rounds", type=int, default=0, help="how often each is measured (5; quick: 2)")
    parser.add_argument("--only", action="append", choices=list(SUBJECTS), help="one model; repeat it")
    wishes = parser.parse_args(words)
    rounds = wishes.rounds or (2 if wishes.quick else 5)
    begin, steal = time.perf_counter(), stolen()
    found = {}
    with tempfile.TemporaryDirectory(prefix="amber-programs-") as folder:
        for name in wishes.only or list(SUBJECTS):
            print(f"{name} ...", file=sys.stderr, flush=True)
            place = Path(folder) / str(len(found))
            place.mkdir()
            found[name] = measured(SUBJECTS[name](wishes.quick), place, rounds, wishes.quick)
    text = "\n".join(page(found, rounds, stolen() - steal, time.perf_counter() - begin))
    print(text)
    if not wishes.quick and not wishes.only:
        RESULTS.write_text(replaced(RESULTS.read_text(encoding="utf-8"), "programs", text), encoding="utf-8")
    return 0


def measured(subject: Subject, folder: Path, rounds: int, quick: bool) -> Found:
    """Freeze a model, check its flips, and time both sides in turns."""
    model, sample = subject
    found = Found(Side(), Side(), {})
    plain, artifact, rows = folder / "model.joblib", folder / "model.amber", folder / "rows.json"
    joblib.dump(model, plain)
    amber.save(model, artifact, sample=sample[:SAMPLE_ROWS])
    begin = time.perf_counter()
    try:
        amber.freeze(artifact, artifact)
    except amber.AmberError as error:
        found.error = str(error)
        return found
    found.freeze = time.perf_counter() - begin
    program = amber.program(artifact)
    found.certificate, found.domain = program.certificate, program.domain
    found.flips = flipped(model, sample, program, quick)
    given = rows_of(sample, BATCH)
    if hasattr(sample, "dtypes"):
        given["dtypes"] = {name: str(dtype) for name, dtype in sample.dtypes.items()}
    rows.write_text(json.dumps(given))
    sides = {"original": (found.original, plain), "program": (found.program, artifact)}
    for side, path in sides.values():
        side.size = path.stat().st_size
    for number in range(rounds + 1):
        for name, (side, path) in sides.items():
            command = [sys.executable, "-m", "benchmarks.program_worker", name, str(path), str(rows)]
            start = cold([*command, "--first"])
            if not number:
                continue  # bytecode and the file system are warm now
            done = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True)
            side.start.add(start)
            reply = json.loads(done.stdout)
            for key in ("one", "batch", "bare"):
                getattr(side, key).append(statistics.median(reply.get(key, [0.0])))
            side.memory.append(reply["memory"])
    return found


def flipped(model: Any, sample: Any, program: Any, quick: bool) -> dict[str, dict[str, flips.Flips]]:
    """Return the flips of each form by kind of row."""
    tables = flips.tables(model, sample, quick)
    forms: dict[str, Any] = {"Amber": lambda rows: flips.answers(program, rows)}
    for precision in ("float32", "float64"):
        try:
            forms[f"skl2onnx {precision}"] = flips.Converted(model, sample, precision)
        except Exception as error:
            forms[f"skl2onnx {precision}"] = f"no graph: {type(error).__name__}"
    return {
        form: {
            kind: flips.Flips(error=ask) if isinstance(ask, str) else flips.compared(model, ask, rows)
            for kind, rows in tables.items()
        }
        for form, ask in forms.items()
    }


def targets(found: dict[str, Found]) -> Iterator[Line]:
    """Yield what is promised of programs beside what was measured."""
    for name, each in found.items():
        if each.error:
            yield Line(name, "an un-narrowed program", "none", False)
            continue
        old, new = each.original, each.program
        yield Line(name, "an un-narrowed program", "narrowed" if each.domain else "yes", not each.domain)
        wanted = 3.0 if "forest" in name else FAST_START
        times = _ratio(old.start.clock, new.start.clock)
        if name not in ("SVC", "nearest neighbours", "Gaussian process"):
            yield Line(
                f"{name}: start to first answer", f"at least {wanted:g} x faster", f"{times:.1f} x", times >= wanted
            )
        if name in ONE_ROW:
            times = _ratio(old.one, new.one)
            yield Line(
                f"{name}: one row", f"at least {ONE_ROW[name]:g} x faster", f"{times:.0f} x", times >= ONE_ROW[name]
            )
        slower = _ratio(new.batch, old.batch)
        most = 2.0 if name == "XGBoost" else 1.0
        promise = "at most 2 x the original" if most > 1 else "never slower than the original"
        yield Line(f"{name}: batch of {BATCH}", promise, f"{slower:.2f} x", slower <= most)
        over = _ratio(new.one, new.bare) - 1
        yield Line(f"{name}: a call over the bare session", "at most 25 % more", f"{over:+.0%}", over <= 0.25)
        ours = each.flips["Amber"].values()
        wrong = sum(kind.flips + kind.misses for kind in ours)
        yield Line(f"{name}: labels flipped or missed", "none", str(wrong), not wrong)
        if "forest" in name:
            largest = max(kind.largest for kind in ours)
            yield Line(f"{name}: largest difference", "2.3e-16 (1 - p)", f"{largest:.1e}", largest <= 2.3e-16)


def _ratio(above: list[float], below: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def page(found: dict[str, Found], rounds: int, stolen_seconds: float, wall: float) -> Iterator[str]:
    """Yield the lines of the part about programs."""
    yield "## Programs\n"
    yield (
        "Written by `python -m benchmarks.programs`: original (joblib) against program (`amber.program`), each in a "
        f"process of its own with one thread, in turns; medians of {rounds} rounds. {wall:.0f} s in all, of which the "
        f"host took {stolen_seconds:.1f} s (steal).\n"
    )
    yield from promises(list(targets(found)), "###")
    yield "### Times, original and program\n"
    head = (
        "start to first answer, ms",
        "one row, ms",
        "bare session, ms",
        "batch of 1000, ms",
        "memory, MiB",
        "file, KiB",
    )
    yield "| model | " + " | ".join(head) + " |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for name, each in found.items():
        if each.error:
            yield f"| {name} | | | | | | {each.error.splitlines()[0]} |"
            continue
        pairs = [each.original, each.program]
        cells = [
            " / ".join(milliseconds(statistics.median(side.start.clock)) for side in pairs),
            " / ".join(f"{statistics.median(side.one) * 1000:.3f}" for side in pairs),
            f"{statistics.median(each.program.bare) * 1000:.3f}",
            " / ".join(milliseconds(statistics.median(side.batch)) for side in pairs),
            " / ".join(f"{statistics.median(side.memory) / 2**20:,.0f}" for side in pairs),
            " / ".join(f"{side.size / 1024:,.0f}" for side in pairs),
        ]
        yield f"| {name} | " + " | ".join(cells) + " |"
    yield "\n### Labels that flip\n"
    yield (
        "Flips of rows, rows missed (refused where the original answers, or answered where it refuses), largest "
        "difference of a score. skl2onnx 1.20 (onnxmltools for XGBoost and LightGBM) used as its documentation shows.\n"
    )
    yield "| model | form | " + " | ".join(flips.KINDS) + " |"
    yield "|---|---|" + "---|" * len(flips.KINDS)
    for name, each in found.items():
        for form, kinds in each.flips.items():
            cells = [kinds[kind].text() if kind in kinds else "" for kind in flips.KINDS]
            yield f"| {name} | {form} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    sys.exit(main())
