"""Neighbours at one distance, and labels of equal scores: what the library's order of them may change."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from amber.cases import ties
from amber.cases.record import record
from amber.cases.replay import replay

GRID = np.array([[float(x), float(y)] for x in range(5) for y in range(5)])


@pytest.mark.parametrize(
    ("distances", "expected", "got", "excused"),
    [
        ([1.0, 2.0, 3.0], [4, 5, 6], [5, 4, 6], [False, False, True]),  # no tie: another order is a difference
        ([1.0, 1.0, 3.0], [4, 5, 6], [5, 4, 6], [True, True, True]),
        ([1.0, 1.0, 3.0], [4, 5, 6], [5, 7, 6], [False, False, True]),  # a tie inside the counted ones holds no other
        ([1.0, 3.0, 3.0], [4, 5, 6], [4, 7, 8], [True, True, True]),  # beyond the last stand others
        ([1.0, 2.0, 3.0], [4, 5, 6], [4, 5, 9], [True, True, True]),
        ([1.0, 2.0, 3.0], [4, 5, 6], [4, 5, 4], [True, True, False]),
        ([np.inf, np.inf], [1, 2], [7, 8], [True, True]),
        ([1.0, 1.0 + 1e-6], [1, 2], [2, 1], [False, False]),
    ],
)
def test_which_other_neighbours_a_tie_explains(distances, expected, got, excused) -> None:
    found = ties.exchanged(np.array([distances]), np.array([expected]), np.array([got]))
    assert found.tolist() == [excused]


def test_a_neighbour_that_counts_may_tie_with_one_that_does_not() -> None:
    model = KNeighborsRegressor(n_neighbors=3).fit(GRID, np.arange(25.0))
    rows = np.array([[2.0, 2.0], [0.0, 0.0], [0.1, 0.3]])
    assert ties.uncounted(model, rows).tolist() == [0]  # itself, and two of four at distance 1
    everything = KNeighborsRegressor(n_neighbors=25).fit(GRID, np.arange(25.0))
    assert ties.uncounted(everything, rows).tolist() == []
    assert ties.uncounted(SimpleNamespace(), rows).tolist() == []


def test_rows_among_equals_are_on_the_knife_edge_behind_a_pipeline_too() -> None:
    rng = np.random.RandomState(0)
    X = np.vstack([rng.normal(size=(120, 2)), [[9.0, 9.0], [9.0, 9.0], [9.0, 9.0]]])
    y = np.array([*rng.randint(0, 2, 120), 0, 1, 1])
    model = make_pipeline(StandardScaler(), KNeighborsClassifier(2)).fit(X, y)
    first = record(copy.deepcopy(model), X[[*range(100), 120]]).evidence.groups[0]
    said = {answer.method: len(answer.knife_edge) for answer in first.answers}
    assert said == {"predict": 1, "predict_proba": 1}


def test_where_ties_are_the_rule_nothing_is_excused() -> None:
    model = KNeighborsClassifier(3).fit(GRID, GRID[:, 0] > 1)
    first = record(copy.deepcopy(model), GRID).evidence.groups[0]
    assert {answer.method: answer.knife_edge for answer in first.answers}["predict_proba"] == []


def test_stored_points_in_another_place_are_drift_and_equal_ones_are_not() -> None:
    rng = np.random.RandomState(1)
    X = rng.normal(size=(40, 2))
    X[20:] = X[:20]  # every point twice
    model = KNeighborsRegressor(n_neighbors=4, algorithm="brute").fit(X, np.tile(np.arange(20.0), 2))
    evidence = record(copy.deepcopy(model), X[:20] + 0.01).evidence
    swapped = copy.deepcopy(model)
    swapped._fit_X = np.roll(X, 20, axis=0).copy()  # the same points under other numbers
    assert replay(swapped, evidence, one_thread=True).verdict in ("identical", "equivalent")
    moved = copy.deepcopy(model)
    moved._fit_X = np.roll(X, 1, axis=0).copy()
    assert replay(moved, evidence, one_thread=True).verdict == "drifted"


def test_a_tie_of_scores_that_another_number_decided_is_on_the_knife_edge() -> None:
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(40, 3)), np.repeat([0, 1, 2], [13, 13, 14])
    model = GaussianProcessClassifier(random_state=0).fit(X, y)
    evidence = record(copy.deepcopy(model), X).evidence
    extreme = next(group for group in evidence.groups if group.kind == "extreme")
    scores = model.predict_proba(np.full((1, 3), 1e12))[0]
    assert scores.max() - scores.min() < 1e-12
    assert next(a for a in extreme.answers if a.method == "predict").knife_edge
