"""`python -m benchmarks [--quick] [--rounds N] [--only NAME]`: measure, print, and write RESULTS.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import Result, measure, stolen
from benchmarks.page import page
from benchmarks.subjects import SUBJECTS

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"


def main(words: list[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small models; prints, and writes nothing")
    parser.add_argument("--rounds", type=int, default=0, help="how often each is measured (7; quick: 2)")
    parser.add_argument("--only", action="append", choices=list(SUBJECTS), help="one model; repeat it")
    parser.add_argument("--output", type=Path, help=f"where to write (default {RESULTS.name}, beside this file)")
    wishes = parser.parse_args(words)
    rounds = wishes.rounds or (2 if wishes.quick else 7)
    begin, steal = time.perf_counter(), stolen()
    measured: dict[str, dict[str, Result]] = {}
    for name in wishes.only or SUBJECTS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="amber-bench-") as folder:
            measured[name] = measure(SUBJECTS[name](wishes.quick), Path(folder), rounds)
    text = page(measured, rounds, stolen() - steal, time.perf_counter() - begin, wishes.quick)
    print(text)
    output = wishes.output or (None if wishes.quick or wishes.only else RESULTS)
    if output is not None:
        output.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
