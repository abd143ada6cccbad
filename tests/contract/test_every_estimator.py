"""Every scikit-learn estimator comes back with the same answers, to the bit, and goes on working.

The specimens are those of `tests.zoo`. Each is fitted anew where a test changes it; each is saved once, without cases:
those are in `test_cases_of_estimators`.
"""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from threadpoolctl import threadpool_limits

import amber
from amber.testing.same import same
from tests.zoo import SKLEARN, Specimen, answers, difference, specimen, specimens
from tests.zoo.bare import write_bare
from tests.zoo.specimen import grown

# Deprecated classes are in the zoo too, and most artifacts here hold no cases.
pytestmark = [pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")]
ROOT = Path(__file__).resolve().parents[2]
NAMES = [found.name for found in specimens()]

# These hold a matrix of negative strides (rows in reverse), which NumPy multiplies in another order of
# additions than the same matrix in a natural layout. An artifact keeps the strides; a pickle does not, and its answers
# differ in the last bits.
REVERSED = frozenset(["PCA[arpack]", "PCA[csr-arpack]", "TruncatedSVD[arpack]"])
# These answer no new row: what they have is what they found in fitting.
WITHOUT_METHODS = frozenset(
    ["AgglomerativeClustering", "ClassicalMDS", "DBSCAN", "HDBSCAN", "MDS", "OPTICS", "SpectralClustering",
     "SpectralEmbedding", "TSNE"]
)  # fmt: skip
# A fitted selector of columns comes back as the columns that it selected.
SELECTORS = frozenset(["ColumnTransformer[selector]", "ColumnTransformer[dtype-exclude]"])


def policy_for(found: Specimen) -> amber.Policy:
    return amber.Policy(allow=found.allow)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Tiny models on many threads mostly wait for each other; and sums are then added in another order."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("zoo")


@dataclass(frozen=True)
class Kept:
    """What is known of one original: its artifact, and what it was before and after it was asked."""

    path: Path
    kind: type
    unfitted: Any
    answers: dict[str, Any]


@cache
def artifact(folder: Path, name: str) -> Kept:
    """Save one specimen, then ask the original everything."""
    found = specimen(name)
    original = found.make()
    path = write_bare(original, folder / f"{NAMES.index(name):04d}.amber", policy_for(found))
    unfitted = grown(lambda: clone(original))
    return Kept(path, type(original), unfitted, answers(original, found.inputs, found.target))


def reloaded(folder: Path, name: str) -> Any:
    return amber.load(artifact(folder, name).path, policy=policy_for(specimen(name)), replay="never")


def fitted_attributes(model: Any) -> dict[str, Any]:
    """The public results of fitting."""
    return {name: value for name, value in vars(model).items() if name.endswith("_") and not name.startswith("_")}


@pytest.mark.parametrize("name", NAMES)
def test_the_answers_are_the_same_to_the_bit(folder: Path, name: str) -> None:
    found = specimen(name)
    model = reloaded(folder, name)

    assert type(model) is artifact(folder, name).kind
    line = difference(artifact(folder, name).answers, answers(model, found.inputs, found.target))
    assert line is None, line


@pytest.mark.parametrize("name", [name for name in NAMES if name.split("[")[0] in WITHOUT_METHODS])
def test_what_cannot_predict_keeps_its_results(folder: Path, name: str) -> None:
    original = specimen(name).make()

    model = reloaded(folder, name)

    assert fitted_attributes(original)
    for attribute, value in fitted_attributes(original).items():
        assert same(value, getattr(model, attribute)) is None, attribute


@pytest.mark.parametrize("name", NAMES)
def test_the_reloaded_can_be_cloned_pickled_and_set(folder: Path, name: str) -> None:
    found = specimen(name)
    kept, model = artifact(folder, name), reloaded(folder, name)

    if name not in SELECTORS:
        wanted = kept.unfitted.get_params(deep=False)
        line = same(wanted, grown(lambda: clone(model)).get_params(deep=False))
        assert line is None, line
    parameters = model.get_params(deep=False)
    model.set_params(**parameters)
    assert all(value is parameters[key] for key, value in model.get_params(deep=False).items())
    wanted = kept.answers if name not in REVERSED else answers(copy.deepcopy(found.make()), found.inputs, found.target)
    line = difference(wanted, answers(pickle.loads(pickle.dumps(model)), found.inputs, found.target))
    assert line is None, line


def _continue(model: Any, found: Specimen) -> Any:
    """Learn further the way the class can: partial_fit, or fit with a warm start."""
    if hasattr(model, "partial_fit"):
        return (
            model.partial_fit(found.inputs) if found.target is None else model.partial_fit(found.inputs, found.target)
        )
    model.set_params(warm_start=True)
    if "n_estimators" in model.get_params(deep=False):
        model.set_params(n_estimators=model.n_estimators + 2)
    return model.fit(found.inputs) if found.target is None else model.fit(found.inputs, found.target)


def _outcome(model: Any, found: Specimen) -> dict[str, Any]:
    try:
        further = grown(partial(_continue, model, found))
    except Exception as refusal:
        return {"refused": f"{type(refusal).__name__}: {refusal}"}
    return answers(further, found.inputs, found.target)


def learns_further(name: str) -> bool:
    """Whether the class of a specimen has ``partial_fit`` or a warm start. Nothing is fitted to know."""
    kind = CLASSES.get(name.split("[")[0])
    return kind is not None and (hasattr(kind, "partial_fit") or "warm_start" in kind._get_param_names())


def _classes() -> dict[str, Any]:
    from sklearn.utils import all_estimators

    return dict(all_estimators())


CLASSES = _classes()


@pytest.mark.parametrize("name", [name for name in NAMES if learns_further(name)])
def test_the_reloaded_learns_further_as_the_original_does(folder: Path, name: str) -> None:
    found = specimen(name)
    original, model = found.make(), reloaded(folder, name)

    line = difference(_outcome(original, found), _outcome(model, found))
    assert line is None, line


@pytest.mark.slow
def test_all_artifacts_answer_the_same_in_a_fresh_process(folder: Path, tmp_path: Path) -> None:
    index = []
    for name in NAMES:
        found = specimen(name)
        kept = artifact(folder, name)
        stored = pickle.dumps((kept.answers, found.inputs, found.target))
        kept.path.with_suffix(".answers").write_bytes(stored)
        index.append([name, kept.path.stem])
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")

    paths = os.pathsep.join([str(ROOT), str(Path(amber.__file__).parents[1])])
    environment = {  # as many threads as here, another order of sets
        **os.environ,
        "PYTHONPATH": paths,
        "PYTHONHASHSEED": "4242",
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.zoo.replay", str(folder)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {}


def test_the_zoo_holds_every_class_of_this_scikit_learn() -> None:
    held = {name for name in NAMES if "[" not in name}

    assert set(CLASSES) <= held
    assert len(held) >= (206 if SKLEARN < (1, 6) else 208)
    assert len(NAMES) - len(held) >= 700


def test_specimens_of_every_kind_of_input_are_held() -> None:
    kinds = {type(found.inputs) for found in specimens()}

    assert {np.ndarray, list, sp.csr_matrix, sp.csr_array} <= kinds
    assert any(hasattr(found.inputs, "iloc") for found in specimens())
