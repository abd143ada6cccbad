"""The ways to keep a model: how each writes and reads a file. Imports happen when a format is used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple


class Format(NamedTuple):
    """One way: `save(model, path, sample)` and `load(path)`."""

    name: str
    save: Callable[[Any, Path, Any], None]
    load: Callable[[Path], Any]


def _amber_save(model: Any, path: Path, sample: Any) -> None:
    import amber

    amber.save(model, path, sample=sample, rows="keep")


def _amber_load(path: Path) -> Any:
    import amber

    return amber.load(path)


def _pickle_save(model: Any, path: Path, sample: Any) -> None:
    import pickle

    with path.open("wb") as file:
        pickle.dump(model, file, protocol=5)


def _pickle_load(path: Path) -> Any:
    import pickle

    with path.open("rb") as file:
        return pickle.load(file)


def _joblib_save(model: Any, path: Path, sample: Any) -> None:
    import joblib

    joblib.dump(model, path)


def _joblib_load(path: Path) -> Any:
    import joblib

    return joblib.load(path)


def _cloudpickle_save(model: Any, path: Path, sample: Any) -> None:
    import cloudpickle

    with path.open("wb") as file:
        cloudpickle.dump(model, file)


def _skops_save(model: Any, path: Path, sample: Any) -> None:
    import skops.io

    skops.io.dump(model, path)


def _skops_load(path: Path) -> Any:
    import skops.io

    # what its own documentation tells people to do for tree and neighbour models
    return skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))


FORMATS = {
    each.name: each
    for each in (
        Format("amber", _amber_save, _amber_load),
        Format("pickle", _pickle_save, _pickle_load),
        Format("joblib", _joblib_save, _joblib_load),
        Format("cloudpickle", _cloudpickle_save, _pickle_load),
        Format("skops", _skops_save, _skops_load),
    )
}
