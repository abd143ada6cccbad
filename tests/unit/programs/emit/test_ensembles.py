"""Bagging, voting and stacking as graphs: ties, weights, columns of their own, classes that some never saw."""

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import numpy as np
import scipy.sparse as sp
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier

from tests.unit.programs.emit.harness import compare, wrong

RNG = np.random.default_rng(0)
X = RNG.normal(size=(150, 4))
HOLES = np.where(RNG.random(X.shape) < 0.1, np.nan, X)
TWO = np.array(["no", "yes"])[(X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int)]
THREE = np.array(["a", "b", "c"])[np.digitize(X[:, 0] + X[:, 1], [-0.5, 0.5])]
NUMBER = X @ [1.0, 2.0, 0.0, -1.0] + RNG.normal(size=150)
NUMBERS = np.stack([NUMBER, NUMBER**2], axis=1)
LABELS = np.stack([TWO == "yes", THREE == "b"], axis=1).astype(int)

TREE = DecisionTreeClassifier(max_depth=3, random_state=0)
LINEAR, BAYES = LogisticRegression(), GaussianNB()
FOREST = RandomForestClassifier(3, max_depth=3, random_state=0)
PIPE = make_pipeline(StandardScaler(), LogisticRegression())

BAGS = {
    "trees, two classes": (BaggingClassifier(n_estimators=5), TWO),
    "trees, mixed leaves": (BaggingClassifier(DecisionTreeClassifier(min_samples_leaf=4), n_estimators=5), TWO),
    "trees, some columns": (BaggingClassifier(TREE, n_estimators=5, max_features=2), THREE),
    "trees, columns drawn twice": (BaggingClassifier(TREE, n_estimators=5, bootstrap_features=True), THREE),
    "random trees": (BaggingClassifier(ExtraTreeClassifier(), n_estimators=5), THREE),
    "linear": (BaggingClassifier(LINEAR, n_estimators=4, max_features=3), THREE),
    "linear, two classes": (BaggingClassifier(LINEAR, n_estimators=4, max_samples=0.5), TWO),
    "bayes, few rows": (BaggingClassifier(BAYES, n_estimators=5, max_samples=4), THREE),
    "no probabilities": (BaggingClassifier(LinearSVC(), n_estimators=4), THREE),
    "forests": (BaggingClassifier(FOREST, n_estimators=3, max_features=3), TWO),
    "numbers": (BaggingRegressor(n_estimators=5, max_features=3), NUMBER),
    "several numbers": (BaggingRegressor(n_estimators=4), NUMBERS),
    "linear numbers": (BaggingRegressor(LinearRegression(), n_estimators=4, max_features=2), NUMBER),
    "several linear numbers": (BaggingRegressor(LinearRegression(), n_estimators=4), NUMBERS),
}


@pytest.mark.parametrize("name", BAGS)
def test_bagging(name):
    model, y = BAGS[name]
    found = compare(model.set_params(random_state=0).fit(X, y), X)
    assert wrong(found) == {}
    trees = "tree" in name or name in ("numbers", "several numbers")
    assert not trees or all(each.identical for method, each in found.items() if method != "predict_log_proba")


@pytest.mark.parametrize("name", ["trees, two classes", "trees, some columns", "random trees", "numbers"])
def test_bags_of_trees_take_missing_values(name):
    model, y = BAGS[name]
    assert wrong(compare(model.set_params(random_state=0).fit(HOLES, y), HOLES)) == {}


def test_a_column_no_estimator_sees_may_hold_anything():
    model = BaggingClassifier(TREE, n_estimators=2, max_features=1, random_state=3).fit(X, TWO)
    unseen = sorted(set(range(4)) - {int(each[0]) for each in model.estimators_features_})
    rows = X[:9].copy()
    rows[:, unseen[0]] = np.inf
    assert wrong(compare(model, X, rows=[X, rows])) == {}


def test_trees_that_know_other_classes_than_the_bag():
    model = BaggingClassifier(PIPE, n_estimators=6, max_samples=4, random_state=1).fit(X, THREE)
    assert {len(each.classes_) for each in model.estimators_} == {2, 3}
    found = compare(model, X)
    assert wrong(found).keys() == {"decision_function"}  # the original has none either: it adds unlike shapes
    assert "different classes" in found["decision_function"].absent


FIRST = [("tree", TREE), ("linear", LINEAR), ("bayes", BAYES)]
NUMBERED = [("tree", DecisionTreeRegressor(max_depth=3, random_state=0)), ("linear", LinearRegression())]
VOTES = {
    "hard": (VotingClassifier(FIRST), THREE),
    "hard, two classes": (VotingClassifier(FIRST), TWO),
    "hard, weights": (VotingClassifier(FIRST, weights=[1, 0.7, 0.7]), THREE),
    "soft": (VotingClassifier(FIRST, voting="soft"), THREE),
    "soft, weights": (VotingClassifier(FIRST, voting="soft", weights=[2, 1, 3]), TWO),
    "soft, apart": (VotingClassifier(FIRST, voting="soft", flatten_transform=False), THREE),
    "dropped": (VotingClassifier(FIRST, weights=[1, 2, 3]).set_params(linear="drop"), THREE),
    "pipeline": (VotingClassifier([("pipe", PIPE), ("forest", FOREST)], voting="soft"), THREE),
    "numbers": (VotingRegressor(NUMBERED), NUMBER),
    "numbers, weights": (VotingRegressor(NUMBERED, weights=[1, 3]), NUMBER),
}


@pytest.mark.parametrize("name", VOTES)
def test_voting(name):
    model, y = VOTES[name]
    found = compare(model.fit(X, y), X)
    assert wrong(found) == {}
    assert name.startswith("numbers") or found["predict"].identical


def test_equal_votes_are_the_first_class():
    other = DecisionTreeClassifier(max_depth=1, max_features=1, random_state=5)
    model = VotingClassifier([("a", TREE), ("b", other), ("c", BAYES), ("d", LINEAR)]).fit(X, THREE)
    votes = model.transform(X)
    counts = np.sort([np.bincount(row, minlength=3) for row in votes], axis=1)
    assert (counts[:, 2] == counts[:, 1]).any()
    assert wrong(compare(model, X)) == {}


STACKS = {
    "two classes": (StackingClassifier(FIRST, cv=3), TWO),
    "three classes": (StackingClassifier(FIRST, cv=3), THREE),
    "with the table": (StackingClassifier(FIRST, passthrough=True, cv=3), THREE),
    "of predictions": (StackingClassifier(FIRST, stack_method="predict", cv=3), THREE),
    "of decisions": (
        StackingClassifier([("svm", LinearSVC()), ("tree", TREE)], final_estimator=FOREST, cv=3),
        THREE,
    ),
    "of decisions, two classes": (StackingClassifier([("svm", LinearSVC()), ("tree", TREE)], cv=3), TWO),
    "dropped": (StackingClassifier(FIRST, cv=3).set_params(bayes="drop"), THREE),
    "pipeline": (StackingClassifier([("pipe", PIPE), ("tree", TREE)], cv=3), THREE),
    "several labels": (StackingClassifier([("tree", TREE), ("forest", FOREST)], final_estimator=TREE, cv=3), LABELS),
    "numbers": (StackingRegressor(NUMBERED, cv=3), NUMBER),
    "numbers, with the table": (
        StackingRegressor(NUMBERED, cv=3, passthrough=True, final_estimator=RandomForestRegressor(4, random_state=0)),
        NUMBER,
    ),
}


@pytest.mark.parametrize("name", STACKS)
def test_stacking(name):
    model, y = STACKS[name]
    assert wrong(compare(model.fit(X, y), X)) == {}


def test_estimators_fitted_before():
    fitted = [(name, each.fit(X, THREE)) for name, each in FIRST[:2]]
    assert wrong(compare(StackingClassifier(fitted, cv="prefit").fit(X, THREE), X)) == {}


def test_a_row_the_last_estimator_refuses_is_transformed_all_the_same():
    model = StackingClassifier(FIRST[1:], cv=3).fit(X, THREE)
    assert wrong(compare(model, X)) == {}  # 1e300 makes the probabilities of naive Bayes missing


@pytest.mark.parametrize(
    ("model", "y"),
    [
        (BaggingClassifier(n_estimators=3, max_features=3), THREE),
        (BaggingClassifier(LINEAR, n_estimators=3), THREE),
        (VotingClassifier([("tree", TREE), ("linear", LINEAR)]), THREE),
        (StackingClassifier([("tree", TREE), ("linear", LINEAR)], passthrough=True, cv=3), TWO),
    ],
)
def test_sparse_rows(model, y):
    table = sp.csr_matrix(np.where(RNG.random(X.shape) < 0.6, X, 0.0))
    missing = table[:5].copy()
    missing.data[0] = np.nan
    assert wrong(compare(model.fit(table, y), table, rows=[table, missing])) == {}


@pytest.mark.parametrize("kind", [BAGS, VOTES, STACKS])
def test_single_precision(kind):
    for model, y in list(kind.values())[:3]:
        rows = X.astype(np.float32).astype(np.float64)
        found = compare(model.fit(rows, y), rows, rows=[rows], precision="float32")
        assert found["predict"].flips == 0
        assert all(each.worst * 1e-9 < 1e-4 and not each.absent for each in found.values())
