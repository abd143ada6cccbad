"""Neighbours as graphs: the same places, distances, votes and means as the originals, ties among them."""

import warnings

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from sklearn import neighbors

import amber
from amber.programs.emit import pairwise
from tests.unit.programs.emit.harness import Run, compare, edge_tables, wrong

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
LARGE = np.column_stack([1.7e9 + RNG.integers(0, 10**7, 120), X[:, 1:]])
WIDE = RNG.normal(size=(100, 20))
GRID = RNG.integers(0, 3, size=(100, 4)).astype(float)
CLASSES = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int) + (X[:, 2] > 1)
TARGET = X[:, 0] * 2 + X[:, 1]
ALGORITHMS = ["kd_tree", "ball_tree", "brute"]


def tables(table, without=("over",)):
    """Clean rows and edge rows; infinitely far ones are asked in tests of their own."""
    return [table, *(rows for name, rows in edge_tables(None, table).items() if name not in without)]


def test_distances_that_overflow():
    # a tree finds no neighbour at all then: all weights are zero, and the classifier refuses the row
    over = [edge_tables(None, X)["over"]]
    model = neighbors.KNeighborsClassifier(weights="distance", algorithm="kd_tree").fit(X, CLASSES)
    assert wrong(compare(model, X, rows=over, methods=["predict", "predict_proba"])) == {}
    for algorithm in ALGORITHMS:
        model = neighbors.KNeighborsClassifier(algorithm=algorithm).fit(X, CLASSES)
        assert wrong(compare(model, X, rows=over)) == {}


@pytest.mark.parametrize(
    ("table", "algorithm"),
    [*((X, each) for each in ALGORITHMS), *((LARGE, each) for each in ALGORITHMS), (WIDE, "brute")],
    ids=[*ALGORITHMS, *(f"large {each}" for each in ALGORITHMS), "wide"],
)
@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_votes_and_means_keep_their_bits(algorithm, weights, table):
    rows, count = tables(table), len(table)
    classifier = neighbors.KNeighborsClassifier(algorithm=algorithm, weights=weights).fit(table, CLASSES[:count])
    regressor = neighbors.KNeighborsRegressor(9, algorithm=algorithm, weights=weights).fit(table, TARGET[:count])
    for model in (classifier, regressor):
        found = compare(model, table, rows=rows)
        assert wrong(found) == {}
        assert all(each.identical for each in found.values())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("count", [1, 2, 5, 15])
def test_ties_are_kept_and_ordered_as_by_the_original(algorithm, count):
    classes = np.random.default_rng(count).integers(0, 3, 100)
    model = neighbors.KNeighborsClassifier(count, algorithm=algorithm, leaf_size=7).fit(GRID, classes)
    found = compare(model, GRID, rows=tables(GRID))
    assert wrong(found) == {}
    assert all(each.identical for each in found.values())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_of_many_neighbours_equals_come_in_any_order(algorithm):
    # from 16 places on the original sorts by a method that mixes equals; distances and votes are the same
    model = neighbors.KNeighborsClassifier(20, algorithm=algorithm).fit(GRID, RNG.integers(0, 3, 100))
    found = compare(model, GRID, rows=tables(GRID))
    assert list(wrong(found)) == ["kneighbors"]
    assert found["kneighbors"].worst == 0
    assert found["kneighbors"].unshared == []


def test_all_training_rows_as_neighbours():
    for algorithm in ALGORITHMS:
        model = neighbors.KNeighborsRegressor(10, algorithm=algorithm).fit(GRID[:10], TARGET[:10])
        assert wrong(compare(model, GRID[:10], rows=[GRID, GRID[:1]])) == {}


@pytest.mark.parametrize("metric", [("manhattan", 2), ("chebyshev", 2), ("minkowski", 3)])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_other_metrics(metric, algorithm):
    settings = {"metric": metric[0], "p": metric[1], "algorithm": algorithm}
    model = neighbors.KNeighborsClassifier(weights="distance", **settings).fit(X, CLASSES)
    assert wrong(compare(model, X, rows=tables(X))) == {}
    tied = neighbors.KNeighborsClassifier(4, leaf_size=6, **settings).fit(GRID, RNG.integers(0, 3, 100))
    assert wrong(compare(tied, GRID, rows=tables(GRID), methods=["predict", "predict_proba"])) == {}


def test_integers_are_searched_by_sorting_and_ties_refused():
    table = RNG.integers(0, 1000, size=(100, 3))
    model = neighbors.KNeighborsClassifier(4, algorithm="brute").fit(table, CLASSES[:100])
    assert wrong(compare(model, table.astype(float), rows=[table.astype(float) + 0.25])) == {}
    tied = neighbors.KNeighborsClassifier(1, algorithm="brute").fit(np.array([[0], [2], [9]]), [0, 1, 2])
    found = compare(tied, np.zeros((1, 1)), rows=[np.ones((1, 1))], methods=["predict"])
    assert found["predict"].unshared == [
        "given0: answered by the original, refused by the program: refused by an inner step"
    ]


def test_cosines():
    model = neighbors.KNeighborsClassifier(metric="cosine", weights="distance").fit(X, CLASSES)
    assert wrong(compare(model, X, rows=tables(X))) == {}


def test_several_outputs_and_labels_of_text():
    both = np.column_stack([CLASSES, X[:, 1] > 0])
    for model in (
        neighbors.KNeighborsClassifier(5).fit(X, both),
        neighbors.KNeighborsClassifier(11, weights="distance", algorithm="brute").fit(X, both),
        neighbors.KNeighborsClassifier(1).fit(X, np.array(["a", "b", "c"])[CLASSES]),
        neighbors.KNeighborsRegressor(5).fit(X, np.column_stack([TARGET, TARGET * 3])),
        neighbors.KNeighborsRegressor(5, weights="distance").fit(X, (both * 7).astype(int)),
    ):
        assert wrong(compare(model, X, rows=tables(X))) == {}


def test_tables_of_neighbours():
    for mode in ("distance", "connectivity"):
        assert wrong(compare(neighbors.KNeighborsTransformer(mode=mode).fit(X), X, rows=tables(X))) == {}
        radius = neighbors.RadiusNeighborsTransformer(mode=mode, radius=1.0).fit(X)
        assert list(wrong(compare(radius, X, rows=tables(X)))) == ["radius_neighbors"]


def test_neighbours_alone():
    found = compare(neighbors.NearestNeighbors().fit(X), X, rows=tables(X))
    assert list(wrong(found)) == ["radius_neighbors"]
    assert found["radius_neighbors"].absent == "radius_neighbors answers rows of different lengths"


@pytest.mark.parametrize("algorithm", ["kd_tree", "brute"])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_all_within_a_radius(algorithm, weights):
    settings = {"algorithm": algorithm, "weights": weights}
    for model in (
        neighbors.RadiusNeighborsClassifier(1.0, **settings).fit(X, CLASSES),
        neighbors.RadiusNeighborsClassifier(1.0, outlier_label=1, **settings).fit(X, CLASSES),
        neighbors.RadiusNeighborsClassifier(0.5, outlier_label=9, **settings).fit(X, CLASSES),
        neighbors.RadiusNeighborsRegressor(1.0, **settings).fit(X, TARGET),
        neighbors.RadiusNeighborsRegressor(1.5, **settings).fit(X, X[:, :2]),
    ):
        assert list(wrong(compare(model, X, rows=tables(X)))) == ["radius_neighbors"]


def test_what_has_no_form():
    precomputed = neighbors.KNeighborsClassifier(metric="precomputed").fit(np.abs(X @ X.T), CLASSES)
    assert "precomputed" in compare(precomputed, np.abs(X @ X.T))["predict"].absent
    other = neighbors.KNeighborsClassifier(metric="canberra").fit(X, CLASSES)
    assert "canberra" in compare(other, X)["predict"].absent


@pytest.mark.parametrize("settings", [{}, {"metric": "chebyshev"}, {"p": 3}, {"p": 1}], ids=str)
def test_training_rows_in_pieces(settings, monkeypatch):
    monkeypatch.setattr(pairwise, "PIECE", 50)
    model = neighbors.KNeighborsRegressor(3, algorithm="kd_tree", **settings).fit(X, TARGET)
    found = compare(model, X, rows=tables(X))
    assert wrong(found) == {}
    exact = all(each.identical for each in found.values())
    assert exact or settings == {"p": 3}  # a cube root differs in its last bit


def test_what_many_steps_pass_over_counts_more():
    for algorithm, count in (("kd_tree", pairwise.PASSED * len(X)), ("brute", len(X))):
        model = neighbors.KNeighborsRegressor(algorithm=algorithm).fit(X, TARGET)
        assert Run(model, X).emitted.widest == count


def test_a_program_in_float32_is_frozen_without_a_warning(tmp_path):
    # the farthest that a search accepts is the largest double, which float32 does not have
    model = neighbors.KNeighborsClassifier(algorithm="brute").fit(X, CLASSES)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        amber.save(model, tmp_path / "m.amber", sample=X.astype(np.float32))
        amber.freeze(tmp_path / "m.amber", tmp_path / "m.amber", precision="float32")
    program = amber.program(tmp_path / "m.amber")
    assert (program.predict(X[:20].astype(np.float32)) == model.predict(X[:20])).all()
