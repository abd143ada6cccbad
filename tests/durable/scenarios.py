"""Every way a file or folder is written, each as: what is there before, the call, and the name it writes.

The bytes of an artifact are a pure function of model, sample and options, so what a finished call leaves is known.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amber.archive.append import with_signatures
from amber.archive.write import write_artifact, write_folder
from amber.vault.pack import pack, unpack
from tests.unit.archive.samples import members, tree_of

State = dict[str, bytes | None]  # files with their bytes, empty folders with None, by path below the folder
MARK = ".amber-tmp-"


@dataclass(frozen=True)
class Scenario:
    """One way of writing into a folder."""

    target: str
    prepare: Callable[[Path], Any]
    act: Callable[[Path], Any]


def state(folder: Path, *, temporary: bool = False) -> State:
    """Return what is in a folder; without the temporary files unless asked for."""
    found: State = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file():
            found[name] = path.read_bytes()
        elif not any(path.iterdir()):
            found[name] = None
    return found if temporary else {name: data for name, data in found.items() if MARK not in name}


def leftovers(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if MARK in name]


def old_file(folder: Path) -> None:
    write_artifact(folder / "m.amber", members(tree_of(100, 5000), version="1.0.0"))


def new_file(folder: Path) -> None:
    write_artifact(folder / "m.amber", members(tree_of(100, 5000, 7), version="2.0.0"))


def dead_saves(folder: Path) -> None:
    """What two dead writers left: a file and a folder; and the old file."""
    old_file(folder)
    (folder / ".m.amber.amber-tmp-0123456789abcdef").write_bytes(b"cut")
    left = folder / ".other.amber-tmp-fedcba9876543210"
    (left / "model").mkdir(parents=True)
    (left / "model" / "tree.json").write_bytes(b"cut")


def source_file(folder: Path) -> None:
    write_artifact(folder / "from.amber", members(tree_of(100, 5000, 7)))


def source_and_empty_folder(folder: Path) -> None:
    source_file(folder)
    (folder / "m").mkdir(0o700)


def source_folder(folder: Path) -> None:
    old_file(folder)
    write_folder(folder / "from", members(tree_of(100, 5000, 7)))


@functools.cache
def model(constant: float) -> Any:
    """A fitted model; the constant changes its answers."""
    import numpy as np
    from sklearn.linear_model import LinearRegression

    X = np.arange(12.0).reshape(6, 2)
    return LinearRegression().fit(X, X[:, 0] * constant + 1), X


def save_old(folder: Path) -> None:
    import amber

    estimator, X = model(2.0)
    amber.save(estimator, folder / "m.amber", sample=X, version="1.0.0")


def save_new(folder: Path) -> None:
    import amber

    estimator, X = model(3.0)
    amber.save(estimator, folder / "m.amber", sample=X, version="2.0.0")


def redact_in_place(folder: Path) -> None:
    import amber

    amber.redact(folder / "m.amber", folder / "m.amber")


BUNDLES = {f"signatures/{number:04d}-oms.sigstore.json": b"{%d}" % number for number in (1, 2)}


def signed_folder(folder: Path) -> None:
    write_folder(folder / "f", members(tree_of(100, 5000, 7)))
    with_signatures(str(folder / "f"), str(folder / "f"), dict(list(BUNDLES.items())[:1]))


def sign(folder: Path, name: str) -> None:
    with_signatures(str(folder / name), str(folder / name), BUNDLES)


def nothing(_: Path) -> None:
    """An empty folder to begin with."""


ALL: dict[str, Scenario] = {
    "write over a file": Scenario("m.amber", old_file, new_file),
    "write beside dead saves": Scenario("m.amber", dead_saves, new_file),
    "write a new file": Scenario("m.amber", nothing, new_file),
    "unpack": Scenario("m", source_file, lambda folder: unpack(folder / "from.amber", folder / "m")),
    "unpack into an empty folder": Scenario(
        "m", source_and_empty_folder, lambda folder: unpack(folder / "from.amber", folder / "m")
    ),
    "pack over a file": Scenario("m.amber", source_folder, lambda folder: pack(folder / "from", folder / "m.amber")),
    "sign a file": Scenario("m.amber", old_file, lambda folder: sign(folder, "m.amber")),
    "sign a folder": Scenario(
        "f",
        lambda folder: write_folder(folder / "f", members(tree_of(100, 5000, 7))),
        lambda folder: sign(folder, "f"),
    ),
    "sign a signed folder": Scenario("f", signed_folder, lambda folder: sign(folder, "f")),
    "save over a model": Scenario("m.amber", save_old, save_new),
    "save a new model": Scenario("m.amber", nothing, save_new),
    "redact in place": Scenario("m.amber", save_old, redact_in_place),
}
INERT = [name for name in ALL if not name.startswith(("save", "redact"))]


@functools.cache
def outcomes(name: str, folder: Path) -> tuple[State, State]:
    """Return what is there before and after the call, for a scenario run undisturbed below `folder`."""
    scenario = ALL[name]
    place = folder / "undisturbed"
    place.mkdir()
    scenario.prepare(place)
    before = state(place)
    scenario.act(place)
    after = state(place, temporary=True)
    assert before != after
    return before, after
