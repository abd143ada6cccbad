"""Estimators of every family, saved as a user saves them: their cases replay as identical, here and in a child process.

The specimens are those of `tests.zoo`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from threadpoolctl import threadpool_limits

import amber
from amber.limits import Limits
from tests.zoo import Specimen, specimen, specimens

# Deprecated classes are in the zoo too.
pytestmark = [pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")]

# One of each family: the recording of cases costs time.
WITH_SAMPLE = [
    "LogisticRegression[string-labels]",
    "RandomForestClassifier[missing]",
    "HistGradientBoostingClassifier[from-dtype]",
    "GradientBoostingRegressor[huber]",
    "SVC[probability]",
    "SVC[rbf-csr]",
    "GaussianProcessRegressor[nested]",
    "KNeighborsClassifier[kd_tree]",
    "KernelDensity[gaussian]",
    "IsolationForest[contamination]",
    "IsotonicRegression[clip]",
    "SplineTransformer[periodic]",
    "OneHotEncoder[ignore]",
    "TfidfVectorizer[english-bigrams]",
    "DictVectorizer[dense]",
    "MLPClassifier[adam]",
    "PCA[whiten]",
    "KMeans[elkan]",
    "Birch[threshold]",
    "GaussianMixture[full]",
    "GridSearchCV[make-scorer]",
    "StackingClassifier[passthrough]",
    "CalibratedClassifierCV[isotonic]",
    "TransformedTargetRegressor[log1p]",
    "ClassifierChain[order]",
    "IterativeImputer[bounds]",
    "TunedThresholdClassifierCV[f1]",
    "ColumnTransformer[frame]",
    "ColumnTransformer[pandas-output]",
    "Pipeline[columns-logistic]",
    "Pipeline[tfidf-logistic]",
    "Pipeline[own-class]",
    "FeatureUnion[weights]",
    "DecisionTreeClassifier[two-outputs]",
]

# What a child process may have and this one not: a class of one's own, a frame, text, compiled trees.
IN_A_CHILD = (
    "Pipeline[own-class]",
    "Pipeline[columns-logistic]",
    "Pipeline[tfidf-logistic]",
    "RandomForestClassifier[missing]",
)


def policy_for(found: Specimen) -> amber.Policy:
    """What the specimen needs, and patience: the machine runs other tests meanwhile."""
    return amber.Policy(allow=found.allow, limits=Limits(replay_seconds=900, load_replay_seconds=900))


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Tiny models on many threads mostly wait for each other; and sums are then added in another order."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cases")


def rows(inputs: Any, count: int) -> Any:
    """The first rows of any kind of input."""
    return inputs.iloc[:count] if hasattr(inputs, "iloc") else inputs[:count]


@cache
def saved(folder: Path, name: str) -> Path:
    """Save one specimen with cases from the first 64 rows of its inputs."""
    found = specimen(name)
    path = folder / f"{WITH_SAMPLE.index(name)}.amber"
    amber.save(found.make(), path, sample=rows(found.inputs, 64), policy=policy_for(found))
    return path


@pytest.mark.parametrize("name", WITH_SAMPLE)
def test_cases_recorded_from_a_sample_replay_as_identical(folder: Path, name: str) -> None:
    found = specimen(name)

    model, report = amber.load(saved(folder, name), policy=policy_for(found), replay="always", report=True)

    assert report.verdict == "identical", str(report)
    assert type(model) is type(found.make())


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in IN_A_CHILD else pytest.mark.slow) for name in WITH_SAMPLE]
)
def test_cases_recorded_from_a_sample_replay_as_identical_in_a_child(folder: Path, name: str) -> None:
    report = amber.verify(saved(folder, name), policy=policy_for(specimen(name)))

    assert report.verdict == "identical", str(report)


@pytest.mark.slow
@pytest.mark.parametrize("name", [found.name for found in specimens() if "[" not in found.name])
def test_cases_made_without_a_sample_replay_as_identical(tmp_path: Path, name: str) -> None:
    found = specimen(name)
    path = tmp_path / "model.amber"

    amber.save(found.make(), path)
    _, report = amber.load(path, policy=policy_for(found), replay="always", report=True)

    assert report.verdict in ("identical", "unchecked"), str(report)
