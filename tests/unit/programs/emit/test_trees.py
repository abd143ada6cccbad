"""Trees and forests as graphs: every method, bits equal, where missing values, thresholds and overflow are."""

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import numpy as np
import scipy.sparse as sp
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    RandomTreesEmbedding,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

import amber
from amber.adapters.build import leaf
from amber.adapters.take import take
from amber.programs import emit
from amber.programs.emit import forests
from amber.programs.emit.forests import counted
from amber.programs.emit.trees import flat
from tests.unit.programs.emit.harness import Run, compare, wrong

RNG = np.random.default_rng(0)
X = RNG.normal(size=(160, 4))
HOLES = np.where(RNG.random(X.shape) < 0.1, np.nan, X)
TWO = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int)
THREE = np.array(["a", "b", "c"])[np.digitize(X[:, 0] + X[:, 1], [-0.5, 0.5])]
NUMBER = X @ [1.0, 2.0, 0.0, -1.0] + RNG.normal(size=160)
LABELS = np.stack([TWO, np.digitize(X[:, 3], [-0.4, 0.3])], axis=1)
NUMBERS = np.stack([NUMBER, NUMBER**2], axis=1)

MODELS = {
    "tree, two classes": (DecisionTreeClassifier(random_state=0), TWO),
    "tree, three classes": (DecisionTreeClassifier(min_samples_leaf=3, criterion="entropy"), THREE),
    "tree, pruned": (DecisionTreeClassifier(ccp_alpha=0.01), THREE),
    "tree, weighted classes": (DecisionTreeClassifier(max_depth=4, class_weight="balanced"), THREE),
    "tree, several labels": (DecisionTreeClassifier(max_depth=4), LABELS),
    "tree, few leaves": (DecisionTreeRegressor(max_leaf_nodes=6), NUMBER),
    "tree, absolute error": (DecisionTreeRegressor(max_depth=3, criterion="absolute_error"), NUMBER),
    "tree, several numbers": (DecisionTreeRegressor(max_depth=5), NUMBERS),
    "random tree": (ExtraTreeClassifier(random_state=0), THREE),
    "random tree, several numbers": (ExtraTreeRegressor(random_state=0), NUMBERS),
    "one leaf": (DecisionTreeClassifier(), np.ones(160)),
    "one leaf, a number": (DecisionTreeRegressor(max_depth=1, min_samples_leaf=100), NUMBER),
    "forest, two classes": (RandomForestClassifier(8, random_state=0), TWO),
    "forest, two classes, mixed leaves": (RandomForestClassifier(8, min_samples_leaf=4, random_state=0), TWO),
    "forest, three classes": (RandomForestClassifier(8, random_state=0), THREE),
    "forest, one class": (RandomForestClassifier(3, random_state=0), np.ones(160)),
    "forest, several labels": (RandomForestClassifier(5, min_samples_leaf=3, random_state=0), LABELS),
    "forest, one tree": (RandomForestClassifier(1, random_state=0), THREE),
    "forest, a number": (RandomForestRegressor(8, random_state=0), NUMBER),
    "forest, several numbers": (RandomForestRegressor(6, random_state=0), NUMBERS),
    "forest, leaves alone": (RandomForestRegressor(3, random_state=0), np.ones(160)),
    "random trees, two classes": (ExtraTreesClassifier(7, random_state=0), TWO),
    "random trees, three classes": (ExtraTreesClassifier(7, bootstrap=True, max_depth=4, random_state=0), THREE),
    "random trees, a number": (ExtraTreesRegressor(7, random_state=0), NUMBER),
}
BITS = ("predict", "predict_proba", "apply")


@pytest.mark.parametrize("table", [X, HOLES], ids=["whole", "holes"])
@pytest.mark.parametrize("name", MODELS)
def test_every_bit_of_trees_and_forests(name, table):
    model, y = MODELS[name]
    found = compare(model.fit(table, y), table)
    assert wrong(found) == {}
    assert [method for method in BITS if method in found and not found[method].identical] == []


def test_a_random_tree_with_the_best_split_takes_no_missing_values():
    model = ExtraTreeClassifier(splitter="best", random_state=0).fit(X, TWO)
    assert wrong(compare(model, X)) == {}
    with pytest.raises(ValueError, match="finite"):
        Run(model, X).ask("predict", HOLES)


@pytest.mark.parametrize("infinite", [np.inf, -np.inf])
def test_a_split_on_being_missing_alone(infinite):
    table = np.where(TWO[:, None] == (infinite > 0), np.nan, 1.0) + np.zeros((160, 2))
    model = DecisionTreeClassifier().fit(table, TWO)
    model.tree_.threshold[0] = infinite
    rows = [table, np.array([[0.0, np.nan], [np.nan, 3.0], [1e30, -1e30], [-0.0, 0.0]])]
    found = compare(model, table, rows=rows)
    assert np.isinf(model.tree_.threshold).any()
    assert wrong(found) == {}


def test_ties_are_the_first_class():
    model = RandomForestClassifier(2, random_state=1).fit(X, TWO)
    assert (model.predict_proba(X) == 0.5).any()
    mixed = RandomForestClassifier(4, max_depth=1, random_state=1).fit(np.round(X[:, :1]), RNG.permutation(TWO))
    for each, table in ((model, X), (mixed, np.round(X[:, :1]))):
        found = compare(each, table)
        assert wrong(found) == {}
        assert found["predict_proba"].identical


@pytest.mark.parametrize("y", [TWO, THREE], ids=["two", "three"])
def test_many_trees_are_added_one_after_another(y):
    model = RandomForestClassifier(60, min_samples_leaf=5, max_depth=4, random_state=0).fit(X, y)
    found = compare(model, X, rows=[X, X[:1], X[:7]], methods=["predict_proba"])
    assert wrong(found) == {}
    assert found["predict_proba"].identical


def test_leaves_that_count_and_leaves_that_do_not():
    assert counted(np.array([[0.0, 1.0], [0.25, 0.75]]))
    assert not counted(np.array([[1 / 3, 2 / 3]]))
    assert not counted(np.array([[0.0, 0.0, 1.0]]))
    assert not counted(np.array([[0.5, 1.0]]))


def test_trees_of_one_leaf_stand_among_others():
    left, right = np.array([1, -1, -1, -1, 1, -1, -1]), np.array([2, -1, -1, -1, 2, -1, -1])
    nodes = flat([3, 1, 3], left, right, np.arange(7), np.arange(7.0), np.zeros(7), left >= 0)
    assert nodes.roots.tolist() == [0, 2, 1]
    assert nodes.tree.tolist() == [0, 0, 1, 2, 2]
    assert nodes.number.tolist() == [1, 2, 0, 1, 2]
    assert nodes.left.tolist() == [0, 3, 2]
    assert nodes.right.tolist() == [1, 4, 2]
    assert nodes.feature.tolist() == [0, 4, 0]


def test_a_second_walk_that_would_double_a_large_forest_is_left_out(monkeypatch):
    monkeypatch.setattr(forests, "TWICE", 10)
    found = compare(RandomForestClassifier(4, random_state=0).fit(X, TWO), X)
    assert wrong(found).keys() == {"apply"}
    assert "would double the size" in found["apply"].absent
    assert wrong(compare(RandomForestClassifier(4, random_state=0).fit(X, THREE), X)) == {}


@pytest.mark.parametrize("sparse_output", [True, False])
def test_embedding(sparse_output):
    model = RandomTreesEmbedding(5, max_depth=3, sparse_output=sparse_output, random_state=0).fit(X)
    found = compare(model, X)
    assert wrong(found) == {}
    assert found["transform"].identical


@pytest.mark.parametrize(
    ("settings", "table"),
    [
        ({}, X),
        ({}, HOLES),
        ({"max_features": 2, "contamination": 0.1}, X),
        ({"max_features": 0.5, "bootstrap": True}, HOLES),
        ({"max_samples": 1}, X),
    ],
)
def test_isolation_forest(settings, table):
    model = IsolationForest(n_estimators=10, random_state=0, **settings).fit(table)
    assert wrong(compare(model, table)) == {}


def test_a_row_whose_score_is_the_offset_is_inside():
    model = IsolationForest(n_estimators=10, random_state=0).fit(X)
    for row in range(20):
        model.offset_ = model.score_samples(X)[row]
        assert wrong(compare(model, X, rows=[X], methods=["predict"])) == {}


@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeClassifier(max_depth=4),
        RandomForestClassifier(5),
        RandomTreesEmbedding(4, max_depth=3),
        IsolationForest(n_estimators=5, max_features=3),
        make_pipeline(RandomTreesEmbedding(4, max_depth=3), LogisticRegression()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_sparse_rows(model):
    table = sp.csr_matrix(np.where(RNG.random(X.shape) < 0.5, X, 0.0))
    missing, infinite = table[:5].copy(), table[:5].copy()
    missing.data[0], infinite.data[0] = np.nan, np.inf
    found = compare(model.fit(table, TWO), table, rows=[table, table[:1], missing, infinite])
    assert wrong(found) == {}


def test_inside_a_pipeline_a_forest_refuses_what_it_refuses_alone():
    model = make_pipeline(StandardScaler(), RandomForestClassifier(4, random_state=0)).fit(X, THREE)
    assert wrong(compare(model, X)) == {}


@pytest.mark.parametrize("name", ["tree, three classes", "forest, two classes", "forest, several numbers"])
def test_single_precision_keeps_every_label_on_rows_of_single_precision(name):
    model, y = MODELS[name]
    rows = X.astype(np.float32).astype(np.float64)
    model.fit(rows, y)
    cuts = [t for each in getattr(model, "estimators_", [model]) for t in each.tree_.threshold[each.tree_.feature == 0]]
    near = np.float32(cuts)
    edges = np.concatenate([near, np.nextafter(near, np.float32(9)), np.nextafter(near, np.float32(-9))])
    table = np.repeat(rows[:1], len(edges), axis=0)
    table[:, 0] = edges
    found = compare(model, rows, rows=[rows, table], precision="float32")
    assert found["apply"].flips == 0
    assert found["apply"].rows == len(rows) + len(table)
    assert found["predict"].flips == 0
    assert all(each.worst * 1e-9 < 1e-6 for method, each in found.items() if method != "predict_log_proba")


def test_the_same_forest_gives_the_same_bytes():
    model = RandomForestClassifier(4, random_state=0).fit(X, THREE)
    tree = take(model, amber.Policy()).tree
    made = [
        emit.emit(tree, leaf, form="table", width=4, methods=["predict", "predict_proba", "apply"]).graph
        for _ in range(2)
    ]
    assert made[0] == made[1]
    assert b"scikit" not in made[0]
