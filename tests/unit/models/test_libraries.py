"""Which libraries a model needs: their versions are recorded and compared, and a missing one says what brings it."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import amber
from amber.errors import BuildError
from amber.models import environment
from amber.models.libraries import needed

X = np.random.default_rng(0).normal(size=(80, 3))
Y = (X[:, 0] > 0).astype(int)


def model_of(library: str) -> Any:
    """A small fitted model."""
    module = pytest.importorskip(library)
    if library == "xgboost":
        return module.XGBClassifier(n_estimators=3, n_jobs=1).fit(X, Y)
    return module.LGBMClassifier(n_estimators=3, n_jobs=1, verbose=-1).fit(X, Y)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_a_booster_records_its_library_and_says_when_it_moved(
    library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.amber"
    amber.save(model_of(library), path, sample=X)
    assert amber.inspect(path).manifest.libraries[library] == sys.modules[library].__version__
    packages = environment.describe([library])["packages"]
    brought = {name: version for name, version in packages.items() if name.startswith(library)}
    assert list(brought.values()) == [sys.modules[library].__version__]
    monkeypatch.setattr(sys.modules[library], "__version__", "99.0")
    _, report = amber.load(path, report=True)
    assert report.environment[0] == f"{library} {next(iter(brought.values()))} -> 99.0"
    assert report.verdict == "identical"


def test_the_closure_finds_xgboost_whatever_it_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    class Distribution:
        version, requires = "3.0", ["numpy"]

    def distribution(name: str) -> Any:
        if name != wanted:
            raise importlib.metadata.PackageNotFoundError(name)
        return Distribution()

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
    for wanted in ("xgboost", "xgboost-cpu"):
        assert environment.closure(["xgboost"]) == {wanted: "3.0"}


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_where_the_library_is_missing_the_extra_is_named(
    library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.amber"
    amber.save(model_of(library), path)
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_Missing(library), *sys.meta_path])
    with pytest.raises(BuildError) as caught:
        amber.load(path)
    assert caught.value.code == "library-missing"
    assert f"amber[{library}]" in caught.value.hint


class _Missing:
    """An import hook that does as if one library were not there."""

    def __init__(self, library: str) -> None:
        self.library = library

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Refuse the library and leave the rest to others."""
        if name.partition(".")[0] == self.library:
            raise ModuleNotFoundError(f"No module named {name!r}", name=self.library)


def test_an_unknown_module_is_brought_by_the_extra_of_the_verb() -> None:
    with pytest.raises(BuildError) as caught, needed("freeze"):
        raise ImportError("no", name="onnx.checker")
    assert "amber[freeze]" in caught.value.hint
