"""Native state with wrong values is refused before a class is touched: most of these crash or hang when unpickled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import ensemble, neighbors, tree
from sklearn.metrics import DistanceMetric

from amber import vocabulary
from amber.adapters import take as taking
from amber.adapters.build import build
from amber.adapters.sklearn import ADAPTER
from amber.adapters.values import check_values
from amber.errors import AmberError
from amber.limits import DEFAULT
from amber.policy import Policy
from amber.vocabulary.audit import check_names

X = np.random.RandomState(0).randn(40, 3)
Y = np.arange(40) % 3
BIG = 2**40


def tree_state() -> tuple[str, Any]:
    return "tree", tree.DecisionTreeClassifier(max_depth=4, random_state=0).fit(X, Y).tree_


def histogram_state() -> tuple[str, Any]:
    settings = {"max_iter": 1, "categorical_features": [3], "min_samples_leaf": 3}
    model = ensemble.HistGradientBoostingClassifier(**settings).fit(np.c_[X, Y], Y)
    return "histogram-tree", next(p for row in model._predictors for p in row if p.nodes["is_categorical"].any())


def search_state() -> tuple[str, Any]:
    return "search-tree", neighbors.KDTree(X, leaf_size=3)


def mahalanobis_state() -> tuple[str, Any]:
    return "distance-metric", DistanceMetric.get_metric("mahalanobis", VI=np.eye(3))


class Changed:
    """A special whose `take` gives a state with one thing changed."""

    def __init__(self, special: Any, change: Callable[[dict[str, Any]], None]) -> None:
        self.special, self.change = special, change

    def take(self, obj: Any) -> dict[str, Any]:
        state = {
            name: value.copy() if isinstance(value, np.ndarray) else value
            for name, value in self.special.take(obj).items()
        }
        self.change(state)
        return state


def problems(monkeypatch: pytest.MonkeyPatch, made: tuple[str, Any], change: Callable[[dict[str, Any]], None]) -> Any:
    name, obj = made
    specials = {**ADAPTER.specials, name: Changed(ADAPTER.specials[name], change)}
    monkeypatch.setattr(type(ADAPTER), "specials", specials)
    taken = taking.take(obj).tree
    monkeypatch.undo()
    found = check_names(taken, vocabulary.load(), Policy())
    return found or check_values(taken, vocabulary.load(), DEFAULT), taken


def put(array: str, field: str | None, position: int, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(state: dict[str, Any]) -> None:
        target = state[array] if field is None else state[array][field]
        target.reshape(-1)[position] = value

    return change


def replace(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(state: dict[str, Any]) -> None:
        state[name] = value(state[name]) if callable(value) else value

    return change


HOSTILE = [
    (tree_state, put("nodes", "left_child", 0, BIG)),
    (tree_state, put("nodes", "left_child", 0, 0)),
    (tree_state, put("nodes", "right_child", 1, 0)),
    (tree_state, put("nodes", "left_child", 0, -1)),
    (tree_state, put("nodes", "left_child", 0, -2)),
    (tree_state, put("nodes", "feature", 0, 10**9)),
    (tree_state, put("nodes", "feature", 0, -1)),
    (tree_state, put("nodes", "missing_go_to_left", 0, 7)),
    (tree_state, replace("node_count", BIG)),
    (tree_state, replace("node_count", 1)),
    (tree_state, replace("max_depth", 1)),
    (tree_state, replace("max_depth", BIG)),
    (tree_state, replace("n_outputs", 2)),
    (tree_state, replace("n_features", -3)),
    (tree_state, put("n_classes", None, 0, BIG)),
    (tree_state, put("n_classes", None, 0, 2)),
    (tree_state, replace("values", lambda values: values[:-1])),
    (tree_state, replace("values", lambda values: values.astype(np.float32))),
    (tree_state, replace("nodes", lambda nodes: nodes["threshold"])),
    (histogram_state, put("nodes", "left", 0, 2**31)),
    (histogram_state, put("nodes", "right", 0, 0)),
    (histogram_state, put("nodes", "feature_idx", 0, -1)),
    (histogram_state, put("nodes", "is_leaf", 0, 3)),
    (histogram_state, put("nodes", "is_leaf", -1, 0)),
    (histogram_state, lambda state: state["nodes"]["bitset_idx"].__setitem__(slice(None), 99)),
    (histogram_state, replace("raw_left_cat_bitsets", lambda sets: sets[:, :3])),
    (histogram_state, replace("binned_left_cat_bitsets", lambda sets: sets[:0])),
    (search_state, put("idx_array", None, 0, 40)),
    (search_state, put("idx_array", None, 0, -1)),
    (search_state, put("node_data", "idx_end", 0, 10**6)),
    (search_state, put("node_data", "idx_start", 0, -5)),
    (search_state, put("node_data", "idx_start", 0, 41)),
    (search_state, replace("n_nodes", 10**6)),
    (search_state, replace("n_levels", 47)),
    (search_state, replace("n_levels", 60)),
    (search_state, replace("node_bounds", lambda bounds: bounds[:1])),
    (search_state, replace("data", lambda data: data[:3])),
    (search_state, replace("data", lambda data: data.astype(np.float32))),
    (search_state, replace("sample_weight", np.ones(3))),
    (search_state, replace("dist_metric", "euclidean")),
    (search_state, replace("dist_metric", DistanceMetric.get_metric("seuclidean", V=np.ones(2)))),
    (mahalanobis_state, replace("mat", np.ones((5, 2)))),
    (mahalanobis_state, replace("vec", np.ones((2, 2)))),
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_wrong_values_are_found_before_construction(monkeypatch, number):
    make, change = HOSTILE[number]
    found, _ = problems(monkeypatch, make(), change)
    assert found


@pytest.mark.parametrize("make", [tree_state, histogram_state, search_state, mahalanobis_state])
def test_the_same_states_unchanged_pass(monkeypatch, make):
    found, taken = problems(monkeypatch, make(), lambda state: None)
    assert found == []
    assert type(build(taken)) is type(make()[1])


@pytest.mark.parametrize(
    ("field", "position", "value"),
    [("idx_start", 0, 1), ("idx_end", 0, 39), ("idx_start", 2, 1), ("idx_end", 1, 40), ("idx_end", 2, 39)],
)
def test_points_that_two_nodes_of_a_search_tree_share_are_refused(monkeypatch, field, position, value):
    # each range lies inside the array, so no rule speaks; together they make a search find more points than there are
    found, taken = problems(monkeypatch, search_state(), put("node_data", field, position, value))
    assert found == []
    with pytest.raises(AmberError) as caught:
        build(taken)
    assert caught.value.code == "value-mismatch"


@pytest.mark.parametrize(
    "change", [put("node_data", "is_leaf", -1, 0), replace("dist_metric", DistanceMetric.get_metric("haversine"))]
)
def test_what_no_rule_reaches_is_refused_while_building(monkeypatch, change):
    found, taken = problems(monkeypatch, search_state(), change)
    if not found:
        with pytest.raises(AmberError):
            build(taken)
