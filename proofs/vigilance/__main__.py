"""Both sweeps: `python -m proofs.vigilance [--oldest PYTHON] [save|quiet|awake|page ...]`.

What was found is kept in build/vigilance, one file for each environment, so that a sweep that was stopped goes on where
it was; `page` writes docs/vigilance.md from it. Ends with 1 where a false alarm was heard or too little was caught.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from typing import Any

import click

from proofs.vigilance import page
from proofs.vigilance.awake import lost, watch
from proofs.vigilance.models import MODELS
from proofs.vigilance.quiet import ROOT, Environment, alarms, child, environments, heard
from proofs.vigilance.saving import save

WORK = ROOT / "build" / "vigilance"
STAGES = ("save", "quiet", "awake", "page")
WANTED = 0.95  # of the changes that fresh rows show


@click.command()
@click.option("--oldest", help="Python with the oldest supported libraries.")
@click.option("--alone", default=32, show_default=True, help="Rows of each group that are asked one by one.")
@click.argument("stages", nargs=-1, type=click.Choice(STAGES))
def main(oldest: str | None, alone: int, stages: tuple[str, ...]) -> None:
    """Run the stages (all of them by default) and print one line for each environment and model."""
    chosen = stages or STAGES
    pythons = {"newest": sys.executable, **({"oldest": oldest} if oldest else {})}
    if "save" in chosen:
        _save(pythons)
    if "quiet" in chosen:
        _quiet(pythons, alone)
    if "awake" in chosen:
        _awake()
    found = page.collected(WORK)
    if "page" in chosen:
        page.write(found)
    sys.exit(not _fine(found))


def _save(pythons: dict[str, str]) -> None:
    shutil.rmtree(WORK, ignore_errors=True)
    save(WORK / "newest", list(MODELS))
    if "oldest" in pythons:
        child(pythons["oldest"], "saving", [str(WORK / "oldest")], {})


def _quiet(pythons: dict[str, str], alone: int) -> None:
    for reader, python in pythons.items():
        for environment in environments(python):
            _heard(reader, python, reader, environment, alone)
    for reader, writer in (("oldest", "newest"), ("newest", "oldest")):
        if "oldest" in pythons:
            _heard(writer, pythons[reader], reader, Environment("as it is", {}), alone)


def _heard(writer: str, python: str, reader: str, environment: Environment, alone: int) -> None:
    name = f"written by {writer}, read by {reader}: {environment.name}"
    target = WORK / f"quiet-{re.sub('[^a-z0-9]+', '-', name.lower())}.json"
    if not target.exists():
        found = {"writer": writer, "reader": reader, "environment": environment.name,
                 **heard(python, WORK / writer, environment, alone_rows=alone)}  # fmt: skip
        target.write_text(json.dumps(found))
    known = json.loads(target.read_text())
    loud = {} if writer != reader else alarms(known)
    click.echo(f"{name}: {len(known['models'])} models, {len(loud)} false alarms")
    for model, one in loud.items():
        click.echo(f"  {model}: {one}")


def _awake() -> None:
    for name in MODELS:
        target = WORK / f"awake-{name.replace(' ', '_')}.json"
        if not target.exists():
            visible, missed = lost(name)
            found: dict[str, Any] = {**watch(name).to_dict(), "faults": visible, "faults_missed": missed}
            target.write_text(json.dumps(found))
        one = json.loads(target.read_text())
        click.echo(f"{name}: {one['hits']} hits, {one['visible']} visible, {one['caught']} caught")


def _fine(found: page.Found) -> bool:
    visible = sum(one["visible"] for one in found.awake)
    caught = sum(one["caught"] for one in found.awake)
    lost_faults = [fault for one in found.awake for fault in one["faults_missed"]]
    loud = [name for one in found.quiet if one["writer"] == one["reader"] for name in alarms(one)]
    return not loud and not lost_faults and caught >= WANTED * visible


if __name__ == "__main__":
    main()
