"""In one environment: load what another wrote, replay its cases, and compare all answers with those kept beside it.

`python -m tools.matrix.read WRITTEN RESULT.jsonl ONLY all|frames`. One line for each specimen; a run that was stopped
goes on where it stood, and a specimen that ended the process is found by the note left before it was begun.
"""

from __future__ import annotations

import json
import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import amber
from amber.archive.assemble import read_evidence
from amber.cases.replay import replay
from amber.errors import AmberError, CaseError
from amber.vault.check import open_checked
from tests.zoo import specimen
from tools.matrix.plain import differences, digest
from tools.matrix.values import PREFIX, unlike
from tools.matrix.write import everything, takes_frames

if np.lib.NumpyVersion(np.__version__) < "2.0.0":  # what later versions pickle names a module that 1.26 has elsewhere
    sys.modules.setdefault("numpy._core.numeric", np.core.numeric)


def read(row: dict[str, str], stem: Path) -> dict[str, Any]:
    """Return the status of one specimen: a verdict, or `error` for an exception that is not Amber's."""
    found: dict[str, Any] = {"name": row["name"], "class": row["class"]}
    policy = amber.Policy(allow=tuple(row["allow"].split()))
    try:
        model, report = amber.load(stem.with_suffix(".amber"), policy=policy, replay="always", report=True)
    except CaseError as error:
        status = error.code.removeprefix("verdict-") if error.code.startswith("verdict-") else "broken"
        return {**found, "status": status, "code": error.code, "findings": _findings(stem, policy)}
    except AmberError as error:
        return {**found, "status": "broken", "code": error.code, "says": error.message, "where": error.where}
    except Exception as error:
        return {**found, "status": "error", "says": f"{type(error).__name__}: {error}"}
    if row["name"].startswith(PREFIX):
        lines = unlike(row["name"], model)
        return {**found, "status": "differs" if lines else "identical", "differs": lines}
    found.update(status=report.verdict, code=report.reason)
    kept, mark, pickled = pickle.loads(stem.with_suffix(".answers").read_bytes())
    inputs = _inputs(row["name"], mark, pickled)
    if inputs is None:
        return {**found, "unasked": True}
    lines = differences(kept, everything(model, *inputs))
    return {**found, "differs": lines} if lines else found


def _findings(stem: Path, policy: amber.Policy) -> list[list[str]]:
    """Replay once more for what the message of a refusal cuts: method, code, kind of rows, and what was raised."""
    path = stem.with_suffix(".amber")
    model = amber.load(path, policy=policy, replay="never")
    with open_checked(path, policy, False) as checked:
        evidence = read_evidence(checked.manifest, checked.opened.members, policy.limits)
    kinds = {group.id: group.kind for group in evidence.groups}
    found = replay(model, evidence).findings
    lines = [[each.method, each.code, kinds.get(each.group, ""), each.got] for each in found]
    return [line if line[1] == "raised" else line[:3] for line in lines]


def _inputs(name: str, mark: str, pickled: bytes) -> Any:
    """Return the inputs of a specimen, or None where this environment can neither make nor read them."""
    try:
        own = specimen(name)
        if digest(own.inputs, own.target) == mark:
            return own.inputs, own.target
    except KeyError:
        pass
    try:
        return pickle.loads(pickled)
    except Exception:
        return None


def of_interest(name: str, frames: bool) -> bool:
    """Whether a row is read: with `frames` only values and models that take frames."""
    if not frames or name.startswith(PREFIX):
        return True
    try:
        return takes_frames(specimen(name))
    except KeyError:
        return True


def main(written: Path, result: Path, only: str, frames: bool) -> int:
    """Read all that was written and is not read yet; return the exit code."""
    result.parent.mkdir(parents=True, exist_ok=True)
    begun = result.with_suffix(".begun")
    rows = json.loads((written / "index.json").read_text(encoding="utf-8"))
    with result.open("a", encoding="utf-8") as file:

        def note(found: dict[str, Any]) -> None:
            file.write(json.dumps(found) + "\n")
            file.flush()

        if begun.exists():
            note({**json.loads(begun.read_text(encoding="utf-8")), "status": "error", "says": "the process ended"})
        done = {json.loads(line)["name"] for line in result.read_text(encoding="utf-8").splitlines()}
        for row in (each for each in rows if of_interest(each["name"], frames)):
            if row["name"] in done or only not in row["name"] or "unmade" in row:
                continue
            if "unsaved" in row:
                note({"name": row["name"], "class": row["class"], "status": "unsaved", "says": row["unsaved"]})
                continue
            begun.write_text(json.dumps({"name": row["name"], "class": row["class"]}), encoding="utf-8")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                note(read(row, written / row["stem"]))
    begun.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4] == "frames"))
