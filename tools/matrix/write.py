"""In one environment: fit every specimen, keep what it answers, and save it.

`python -m tools.matrix.write FOLDER ONLY all|frames`. Beside `<number>.amber` stands `<number>.answers`: plain data,
and the inputs for a reader that cannot make them itself. `index.json` lists the specimens once all are written; a run
that was stopped goes on where it stood.
"""

from __future__ import annotations

import copy
import json
import pickle
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.base import clone

import amber
from tests.zoo import Specimen, answers, specimens
from tools.matrix.plain import digest, plain
from tools.matrix.values import values


def everything(model: Any, inputs: Any, target: Any) -> dict[str, Any]:
    """Return what a model answers, and whether it can be shown, cloned and fitted again."""
    found = {method: plain(answer) for method, answer in answers(model, inputs, target).items()}
    for use, act in (("repr", repr), ("clone", clone)):
        try:
            act(model)
            found[use] = "works"
        except Exception as error:
            found[use] = f"raises {type(error).__name__}"
    return found


def write(specimen: Specimen, stem: Path) -> dict[str, str]:
    """Write one specimen; return its row of the index, with the reason where it cannot be saved."""
    row = {"name": specimen.name, "stem": stem.name}
    try:
        model = specimen.make()
    except Exception as error:  # one version cannot fit what the others can
        return kept_row(stem, {**row, "unmade": f"{type(error).__name__}: {error}"})
    row["class"] = type(model).__name__
    kept = everything(copy.deepcopy(model), specimen.inputs, specimen.target)  # some draw, and remember it
    asked = (digest(specimen.inputs, specimen.target), pickle.dumps((specimen.inputs, specimen.target), protocol=5))
    stem.with_suffix(".answers").write_bytes(pickle.dumps((kept, *asked), protocol=5))
    try:
        amber.save(model, stem.with_suffix(".amber"), sample=specimen.inputs, policy=amber.Policy(allow=specimen.allow))
    except Exception as error:
        row["unsaved"] = f"{type(error).__name__}: {error}"
    row["allow"] = " ".join(specimen.allow)
    return kept_row(stem, row)


def write_value(name: str, make: Callable[[], Any], stem: Path) -> dict[str, str]:
    """Write an example of an adapter; return its row of the index."""
    row = {"name": name, "stem": stem.name, "class": name.split()[1], "allow": ""}
    try:
        amber.save(make(), stem.with_suffix(".amber"))
    except Exception as error:
        row["unsaved"] = f"{type(error).__name__}: {error}"
    return kept_row(stem, row)


def kept_row(stem: Path, row: dict[str, str]) -> dict[str, str]:
    """Leave a note that a specimen is done; return its row of the index."""
    stem.with_suffix(".row").write_text(json.dumps(row), encoding="utf-8")
    return row


def takes_frames(specimen: Specimen) -> bool:
    """Whether a specimen is asked with a frame."""
    return isinstance(specimen.inputs, pd.DataFrame)


def main(folder: Path, only: str, frames: bool) -> int:
    """Write all specimens whose name contains `only`, or of those the ones that take frames; return the exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    models = [
        (each.name, f"{number:04}", partial(write, each))
        for number, each in enumerate(specimens())
        if takes_frames(each) or not frames
    ]
    others = [
        (name, f"value-{number:04}", partial(write_value, name, make))
        for number, (name, make) in enumerate(values().items())
    ]
    rows = []
    for name, place, act in models + others:
        stem = folder / place
        done = stem.with_suffix(".row")
        if done.exists():
            rows.append(json.loads(done.read_text(encoding="utf-8")))
        elif only in name:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                rows.append(act(stem))
    (folder / "index.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    print(f"{folder.name}: wrote {len(rows)} specimens", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "frames"))
