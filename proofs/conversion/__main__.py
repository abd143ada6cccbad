"""Measure every class and write docs/conversion.md: `python -m proofs.conversion [NAME ...]`.

With names only those are measured again, into build/conversion, and shown; the page is not written. Ends with 1 where
fewer classes are covered than the issue demands.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click

from proofs.conversion import page
from proofs.conversion.subjects import others, peers

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "conversion"
CHILDREN = 2
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@click.command()
@click.option("--page-only", is_flag=True, help="Write the page from what was measured last.")
@click.argument("names", nargs=-1)
def main(names: tuple[str, ...], page_only: bool) -> None:
    """Measure in children, one line for each class that is not covered."""
    chosen = list(names) or [*peers(), *others()]
    if not page_only:
        if not names:
            shutil.rmtree(WORK, ignore_errors=True)
        WORK.mkdir(parents=True, exist_ok=True)
        for name in chosen:
            for ending in ("json", "half"):
                (WORK / f"{name}.{ending}").unlink(missing_ok=True)
        with ThreadPoolExecutor(CHILDREN) as pool:
            list(pool.map(_measured, [chosen[start::CHILDREN] for start in range(CHILDREN)]))
    found = [page.read(WORK / f"{name}.json") for name in chosen]
    for one in found:
        if not one.covered:
            click.echo(f"{one.name}: {one.reason}")
    main_table = [one for one in found if one.name in set(peers())]
    click.echo(f"{sum(one.covered for one in main_table)} of {len(main_table)} covered")
    if names:
        return
    page.write(main_table, [one for one in found if one.name not in set(peers())])
    sys.exit(sum(one.covered for one in main_table) < page.WANTED)


def _measured(names: list[str]) -> None:
    """Measure some classes in a child, and in another behind a class that ended it."""
    left = list(names)
    environment = {**os.environ, **dict.fromkeys(_THREADS, "1"), "ORT_DISABLE_TELEMETRY": "1"}
    while left:
        command = [sys.executable, "-W", "ignore", "-m", "proofs.conversion.measuring", str(WORK), *left]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        left = [name for name in left if not (WORK / f"{name}.json").exists()]
        if left and done.returncode:
            _ended(left.pop(0), done)
        elif left:
            raise RuntimeError(f"{left[0]} left no result")


def _ended(name: str, done: subprocess.CompletedProcess[str]) -> None:
    """Record a class that ended its process: in the peer's half, or in Amber's."""
    half = WORK / f"{name}.half"
    last = (done.stderr.strip().splitlines() or ["?"])[-1][:160]
    found: dict[str, Any] = {"name": name, "variants": {}, "refusals": {}, "peer": None, "ended": last}
    if half.exists():
        found = json.loads(half.read_text())
        why = "every variant: the converter or its graph ends the process"
        found["peer"] = {"precision": "float32", "failures": [why]}
    (WORK / f"{name}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
