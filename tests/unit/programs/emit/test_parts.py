"""Large forests stand in several ensembles, leaves that are the same are one: every bit of the answers stays."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx
from sklearn import ensemble

from amber.programs.emit import parts
from tests.unit.programs.emit.harness import Run, compare, wrong

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4))
X[RNG.random(X.shape) < 0.05] = np.nan
Y = RNG.integers(0, 2, 300)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(parts, "SPLITS", 200)


def ensembles(model):
    """Return the attributes of the ensembles that add up, not of the one that `apply` asks."""
    nodes = onnx.load_model_from_string(Run(model, X).emitted.graph).graph.node
    found = [{each.name: each for each in node.attribute} for node in nodes if node.op_type == "TreeEnsemble"]
    return [each for each in found if each["n_targets"].i == 1]


def leaves(attributes):
    return len(onnx.numpy_helper.to_array(attributes["leaf_weights"].t))


def test_a_grown_forest_stands_in_parts_with_two_leaves(small):
    model = ensemble.RandomForestClassifier(30, random_state=0).fit(X, Y)
    found = ensembles(model)
    assert len(found) > 3
    assert [leaves(each) for each in found] == [2] * len(found)
    assert sum(len(each["tree_roots"].ints) for each in found) == 30
    assert wrong(compare(model, X)) == {}


def test_trees_that_are_one_leaf_stand_in_parts_too(small):
    target = (np.arange(300) < 3).astype(int)  # some samples hold one class alone
    model = ensemble.RandomForestClassifier(300, random_state=0, max_samples=150).fit(X, target)
    assert any(each.tree_.node_count == 1 for each in model.estimators_)
    assert len(ensembles(model)) > 1
    assert wrong(compare(model, X)) == {}


def test_sums_that_depend_on_their_order_stay_in_one_ensemble(small):
    model = ensemble.RandomForestRegressor(30, random_state=0).fit(X, RNG.normal(size=300))
    assert len(ensembles(model)) == 1
    assert wrong(compare(model, X)) == {}


@pytest.mark.parametrize(
    ("weights", "exact"),
    [
        ([0.0, 1.0], True), ([0.5, 0.25, 3.0], True), ([1 / 3], False), ([np.nan], False), ([np.inf], False),
        ([-np.inf, 1.0], False), ([2.0**51, 1.0], False), ([2.0**45], True), ([2.0**40, 0.5], False),
    ],
)  # fmt: skip
def test_sums_that_are_exact_in_any_order(weights, exact):
    assert parts._exact(np.array(weights), 100) is exact
    assert not parts._exact(np.array([2.0**20, 1.0], np.float32), 100)


def test_numbers_of_one_value_and_other_bits_are_two_leaves():
    nodes = parts.Nodes(
        feature=np.zeros(3, int), threshold=np.array([0.0, 1.0, 2.0]), missing_left=np.zeros(3, int),
        left=np.array([1, 0, 2]), right=np.array([2, 1, 3]), left_leaf=np.array([False, True, True]),
        right_leaf=np.array([False, True, True]), roots=np.array([0]), tree=np.zeros(4, int), number=np.arange(4),
        place=np.arange(4),
    )  # fmt: skip
    made, weights = parts.shared(nodes, np.array([0.0, -0.0, -0.0, 0.0]))
    assert np.signbit(weights).tolist() in ([True, False], [False, True])
    assert np.signbit(weights[made.left[1:]]).tolist() == [False, True]
    assert np.signbit(weights[made.right[1:]]).tolist() == [True, False]
    assert parts.shared(nodes, np.arange(4.0))[0] is nodes
