"""Quiet and awake on a few models of each kind; the whole of both is `make vigilance`."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from proofs.vigilance.awake import lost, watch
from proofs.vigilance.models import MODELS, QUICK
from proofs.vigilance.quiet import Environment, alarms, environments, heard, runnable
from proofs.vigilance.saving import save

# Models of which every visible change is caught, each another way to compute, cheap to ask.
AWAKE = ("lasso on polynomials", "naive bayes", "pca + tree", "mlp regressor", "gaussian process", "k-means")
# Between them they have every kind of fault.
FAULTY = ("logistic", "naive bayes", "frame + logistic", "logarithm + ridge", "tf-idf + sgd", "counts + bayes")
KINDS = {"categories_", "mean_", "classes_", "vocabulary_", "func"}
SLOW_AWAKE = ("forest regressor", "histogram boosting on a frame", "kd-tree regressor", "quantiles + logistic")


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vigilance")
    save(folder, list(QUICK))
    return folder


def every_environment() -> list[Any]:
    """Those of this machine; one for each way to compute is asked every time, the others are slow tests."""
    found = []
    for one in environments():
        often = one.name in ("Haswell, 1 thread", "SkylakeX, 1 thread", "Sandybridge, 1 thread", "Haswell, 2 threads")
        found.append(pytest.param(one, id=one.name, marks=() if often else pytest.mark.slow))
    return found


def test_there_is_more_than_one_environment() -> None:
    if not any(runnable().values()):
        pytest.skip("this machine does not say which kernels its CPU can run")
    assert len(every_environment()) >= 2


@pytest.mark.parametrize("environment", every_environment())
def test_no_false_alarm(artifacts: Path, environment: Environment) -> None:
    found = heard(sys.executable, artifacts, environment, alone_rows=6)
    assert len(found["models"]) == len(QUICK)
    assert alarms(found) == {}


@pytest.mark.parametrize("name", AWAKE)
def test_every_visible_change_of_a_number_is_caught(name: str) -> None:
    seen = watch(name, 1000)
    assert seen.visible >= 5
    assert seen.misses == []
    assert seen.knife_edge <= 0.02 * seen.rows


def test_a_fully_grown_forest_is_watched_leaf_by_leaf() -> None:
    seen = watch("frame + forest", 500)
    assert seen.visible >= 10
    assert seen.caught >= 0.85 * seen.visible


@cache
def found(name: str) -> tuple[list[str], list[str]]:
    return lost(name, 300)


@pytest.mark.parametrize("name", FAULTY)
def test_faults_are_always_caught(name: str) -> None:
    visible, missed = found(name)
    assert visible
    assert missed == []


def test_every_kind_of_fault_is_among_them() -> None:
    assert {fault.split(" of ")[0] for name in FAULTY for fault in found(name)[0]} == KINDS


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW_AWAKE)
def test_ensembles_and_neighbours_are_watched(name: str) -> None:
    seen = watch(name, 2000)
    assert seen.visible >= 10
    assert seen.caught >= 0.9 * seen.visible


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(MODELS) - set(FAULTY)))
def test_faults_of_every_model_are_caught(name: str) -> None:
    _, missed = lost(name, 200)
    assert missed == []
