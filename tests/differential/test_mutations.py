"""Changed files: the package and the reference reader refuse the same ones, in the same step."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import amber
from tests import zoo
from tests.differential.mutations import Mutator, read_data
from tests.differential.readers import Said, agree, package, reference

FEW, MANY, BATCH = 600, 4000, 100
# Models of which the native state or the vocabulary's rules are the most.
SPECIMENS = (
    "RandomForestClassifier", "HistGradientBoostingClassifier", "KNeighborsClassifier", "SVC", "PCA", "OneHotEncoder",
    "GradientBoostingClassifier", "IsotonicRegression", "KBinsDiscretizer", "LogisticRegression", "TfidfVectorizer",
)  # fmt: skip


@contextmanager
def quiet() -> Iterator[None]:
    """A pattern of a changed file may be one that `re` warns about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def differing(
    seeds: range, members: dict[str, bytes] | None = None
) -> tuple[dict[int, tuple[Said, Said]], Counter[int]]:
    """What is said of the files on which the two differ, by number; and how often each step refused."""
    found: dict[int, tuple[Said, Said]] = {}
    steps: Counter[int] = Counter()
    with quiet():
        for seed in seeds:
            data = Mutator(seed, members).file()
            one, other = package(data), reference(data)
            steps[one.step] += 1
            if not agree(one, other):
                found[seed] = (one, other)
    return found, steps


@pytest.mark.parametrize("first", range(0, FEW, BATCH))
def test_both_say_the_same_of_changed_files(first: int) -> None:
    found, _ = differing(range(first, first + BATCH))
    assert not found


@pytest.mark.slow
@pytest.mark.parametrize("first", range(FEW, FEW + MANY, 10 * BATCH))
def test_both_say_the_same_of_many_changed_files(first: int) -> None:
    found, _ = differing(range(first, first + 10 * BATCH))
    assert not found


@pytest.mark.slow
@pytest.mark.parametrize("name", [each.name for each in zoo.specimens() if each.name in SPECIMENS])
def test_both_say_the_same_of_changed_models(name: str, tmp_path: Path) -> None:
    model, inputs = zoo.fitted(name)
    with quiet():
        amber.save(model, tmp_path / "model.amber", sample=inputs)
    found, steps = differing(range(60), read_data((tmp_path / "model.amber").read_bytes()))
    assert not found
    assert steps[6]


def test_the_changes_reach_every_step() -> None:
    found, steps = differing(range(150))
    assert not found
    assert min(steps[number] for number in (0, 1, 3, 6)) > 5
