"""`python -m benchmarks.serving [--quick] [--rounds N] [--seconds N] [--only PART]`: Amber's server beside its peers.

Needs wrk and h2load (Debian: wrk, nghttp2-client), two cores, and the peers (`make bench-serving` installs them).
Writes the part about serving of RESULTS.md.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import stolen
from benchmarks.page import replaced
from benchmarks.serving import behaviour, subjects
from benchmarks.serving.behaviour import Behaviour
from benchmarks.serving.figures import Figures, page
from benchmarks.serving.peers import ECHOES, PEERS
from benchmarks.serving.throughput import compared

PARTS = ("throughput", "forest", "latency", "swap", "memory", "start")
RESULTS = Path(__file__).resolve().parents[1] / "RESULTS.md"


def main(words: list[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round; prints, and writes nothing")
    parser.add_argument("--rounds", type=int, default=0, help="how often each is measured (3; quick: 1)")
    parser.add_argument("--seconds", type=int, default=0, help="of each load (4; quick: 2)")
    parser.add_argument("--only", action="append", choices=PARTS, help="one part; repeat it")
    wishes = parser.parse_args(words)
    for tool in ("wrk", "h2load", "taskset"):
        if shutil.which(tool) is None:
            print(f"{tool} is not installed: apt-get install wrk nghttp2-client util-linux", file=sys.stderr)
            return 64
    rounds, seconds = wishes.rounds or (1 if wishes.quick else 3), wishes.seconds or (2 if wishes.quick else 4)
    begin, steal = time.perf_counter(), stolen()
    with tempfile.TemporaryDirectory(prefix="amber-serving-") as folder:
        figures = measured(Path(folder), rounds, seconds, wishes.only or list(PARTS))
    text = "\n".join(page(figures, rounds, seconds, stolen() - steal, time.perf_counter() - begin))
    print(text)
    if not wishes.quick and not wishes.only:
        RESULTS.write_text(replaced(RESULTS.read_text(encoding="utf-8"), "serving", text), encoding="utf-8")
    return 0


def measured(folder: Path, rounds: int, seconds: int, parts: list[str]) -> Figures:
    """Measure the parts that are wanted."""
    figures, ours = Figures(), PEERS[0]
    linear = subjects.linear(folder / "linear")
    if "throughput" in parts:
        figures.linear = compared([*PEERS, *ECHOES], linear, rounds, seconds, many=True)
    if "forest" in parts:
        forest = subjects.forest(folder / "forest")
        few = [peer for peer in PEERS if peer.name in ("Amber", "FastAPI, def", "FastAPI, async def")]
        figures.forest = compared(few, forest, rounds, seconds, many=False)
    figures.behaviour = Behaviour()
    for _ in range(rounds):
        if "latency" in parts:
            _said("latency")
            behaviour.latency(linear, ours, seconds, figures.behaviour)
        if "swap" in parts:
            _said("swap")
            other = subjects.linear(folder / "other", version="2.0.0")
            behaviour.swap(linear, other, ours, 2 * seconds, figures.behaviour)
    if "memory" in parts:
        for name, case, route in subjects.heavy(folder):
            _said(f"memory: {name}")
            figures.memory[name] = behaviour.memory(case, ours, (1, 4), "--route", route)
            shutil.rmtree(case.folder)
        figures.memory["linear pipeline, program"] = behaviour.memory(linear, ours, (1, 4))
    if "start" in parts:
        for name, case, allowed in subjects.starts(folder):
            _said(f"start: {name}")
            figures.start[name] = (behaviour.start(case, ours, rounds), allowed(case))
    return figures


def _said(what: str) -> None:
    print(f"{what} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
