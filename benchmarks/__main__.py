"""`python -m benchmarks [--quick] [--rounds N] [--only NAME]`: measure, print, and write RESULTS.md."""

from __future__ import annotations

import argparse
import pickle
import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import targets
from benchmarks.large import measure_large
from benchmarks.measure import Result, measure, stolen
from benchmarks.page import Measured, page, replaced
from benchmarks.startup import measure_startup
from benchmarks.subjects import SUBJECTS

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"


def main(words: list[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small models; prints, and writes nothing")
    parser.add_argument("--rounds", type=int, default=0, help="how often each is measured (7; quick: 2)")
    parser.add_argument("--only", action="append", choices=list(SUBJECTS), help="one model; repeat it")
    parser.add_argument("--output", type=Path, help=f"where to write (default {RESULTS.name}, beside this file)")
    parser.add_argument("--folder", help="where models are written meanwhile (8 GiB; default the temporary folder)")
    wishes = parser.parse_args(words)
    rounds = wishes.rounds or (2 if wishes.quick else 7)
    begin, steal = time.perf_counter(), stolen()
    with tempfile.TemporaryDirectory(prefix="amber-bench-", dir=wishes.folder) as folder:
        measured = _measure(wishes.only or list(SUBJECTS), Path(folder), rounds, wishes.quick)
    text = page(measured, rounds, stolen() - steal, time.perf_counter() - begin, wishes.quick)
    print(text)
    output = wishes.output or (None if wishes.quick or wishes.only else RESULTS)
    if output is not None:
        known = output.read_text(encoding="utf-8") if output.exists() else ""
        for part in ("programs", "serving", "trust"):  # what other commands write
            kept = known.partition(f"<!-- {part} -->")[2].partition(f"<!-- /{part} -->")[0]
            text = replaced(text, part, kept) if kept else text
        output.write_text(text, encoding="utf-8")
    return 0


def _measure(names: list[str], folder: Path, rounds: int, quick: bool) -> Measured:
    formats: dict[str, dict[str, Result]] = {}
    files: dict[str, Path] = {}
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        place = folder / str(len(formats))
        place.mkdir()
        subject = SUBJECTS[name](quick)
        formats[name] = measure(subject, place, rounds)
        files[name] = place / "model.amber"
        for each in place.iterdir():
            if each != files[name]:
                _remove(each)
    lines = list(targets.of_formats(formats))
    print("starting, 1 GiB of tensors ...", file=sys.stderr, flush=True)
    startup = measure_startup(files, rounds)
    lines += targets.of_startup(startup)
    if targets.LARGEST not in formats:
        return Measured(formats, startup, {}, lines)
    subject = SUBJECTS[targets.LARGEST](quick)
    held = folder / "large.pickle"
    held.write_bytes(pickle.dumps(tuple(subject), protocol=5))
    large = measure_large(
        held, min(files.values(), key=lambda path: path.stat().st_size), folder / "large.amber", rounds
    )
    lines += targets.of_large(large, subject.model.coef_.nbytes)
    return Measured(formats, startup, large, lines)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


if __name__ == "__main__":
    sys.exit(main())
