"""The ways to keep a model: how each writes and reads a file. Imports happen when a format is used.

MLflow has an environment of its own (`make bench` makes it): it wants older versions of what Amber needs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(sys.executable)
MLFLOW = Path(os.environ.get("MLFLOW_PYTHON") or Path(__file__).resolve().parent.parent / ".venv-mlflow/bin/python")


class Format(NamedTuple):
    """One way: `save(model, path, sample)` and `load(path)`, and the Python that does it."""

    name: str
    save: Callable[[Any, Path, Any], None]
    load: Callable[[Path], Any]
    python: Path = HERE


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


def _mlflow_save(model: Any, path: Path, sample: Any) -> None:
    import mlflow.sklearn
    import skops.io

    # its default is skops, which it asks to trust what the caller lists; the list of requirements, which it would
    # otherwise find out by loading the model in another process, is given
    if not _TRUSTED:
        _TRUSTED.extend(skops.io.get_untrusted_types(data=skops.io.dumps(model)))
    mlflow.sklearn.save_model(model, str(path), skops_trusted_types=_TRUSTED, pip_requirements=["scikit-learn"])


_TRUSTED: list[str] = []  # of the model held, found in the round that is not counted


def _mlflow_load(path: Path) -> Any:
    import mlflow.sklearn

    return mlflow.sklearn.load_model(str(path))


FORMATS = {
    each.name: each
    for each in (
        Format("amber", _amber_save, _amber_load),
        Format("pickle", _pickle_save, _pickle_load),
        Format("joblib", _joblib_save, _joblib_load),
        Format("cloudpickle", _cloudpickle_save, _pickle_load),
        Format("skops", _skops_save, _skops_load),
        Format("mlflow", _mlflow_save, _mlflow_load, MLFLOW),
    )
}
