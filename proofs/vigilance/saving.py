"""Save the watched models into a folder: `python -m proofs.vigilance.saving FOLDER [NAME ...]`."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import amber
from proofs.vigilance.models import MODELS, subject


def file_of(folder: Path, name: str) -> Path:
    """Return where the artifact of a model lies."""
    return folder / f"{name.replace(' ', '_')}.amber"


def save(folder: Path, names: list[str]) -> None:
    """Write one artifact for each name, with its training rows as the sample."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        one = subject(name)
        with warnings.catch_warnings(action="ignore"):
            amber.save(one.model, file_of(folder, name), sample=one.sample)


if __name__ == "__main__":
    save(Path(sys.argv[1]), sys.argv[2:] or list(MODELS))
