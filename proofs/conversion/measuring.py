"""Measure classes in this process: `python -m proofs.conversion.measuring FOLDER NAME ...`, a file for each.

A class that ends the process is the first one without a file; the caller starts again behind it.
"""

from __future__ import annotations

import faulthandler
import json
import sys
from pathlib import Path
from typing import Any

from proofs.conversion import amber_side, peer_side
from proofs.conversion.subjects import peers, subjects

_PATIENCE = 120  # seconds for one class


def measure(name: str, folder: Path) -> None:
    """Write what was found of one class: first Amber's half, then the whole."""
    kept = list(subjects(name))
    found: dict[str, Any] = {"name": name, "variants": {}, "refusals": {}, "peer": None}
    for subject in kept:
        if subject.model is None:
            found["refusals"][subject.variant] = subject.refusal
        else:
            found["variants"][subject.variant] = amber_side.measured(subject, folder)
    (folder / f"{name}.half").write_text(json.dumps(found))
    if name in peers():
        found["peer"] = peer_side.measured([each for each in kept if each.model is not None])
    (folder / f"{name}.json").write_text(json.dumps(found))


def main(folder: Path, names: list[str]) -> None:
    """Measure each class."""
    for name in names:
        faulthandler.dump_traceback_later(_PATIENCE, exit=True)
        measure(name, folder)
        faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
