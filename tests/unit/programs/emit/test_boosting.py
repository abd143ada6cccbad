"""Boosting as graphs: gradient boosting, histogram boosting with its categories, AdaBoost."""

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tests.unit.programs.emit.harness import Run, compare, wrong

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4))
HOLES = np.where(RNG.random(X.shape) < 0.1, np.nan, X)
ENDLESS = np.where(RNG.random(X.shape) < 0.1, np.inf, HOLES)
TWO = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int)
THREE = np.array(["a", "b", "c"])[np.digitize(X[:, 0] + X[:, 1], [-0.5, 0.5])]
NUMBER = X @ [1.0, 2.0, 0.0, -1.0] + RNG.normal(size=200)

GRADIENT = {
    "two classes": (GradientBoostingClassifier(n_estimators=8), TWO, True),
    "three classes": (GradientBoostingClassifier(n_estimators=5, subsample=0.7), THREE, True),
    "exponential": (GradientBoostingClassifier(n_estimators=5, loss="exponential"), TWO, True),
    "from zero": (GradientBoostingClassifier(n_estimators=5, init="zero", learning_rate=1), TWO, True),
    "from zero, three": (GradientBoostingClassifier(n_estimators=3, init="zero"), THREE, True),
    "stopped": (GradientBoostingClassifier(n_estimators=20, n_iter_no_change=1), TWO, True),
    "from a forest": (GradientBoostingClassifier(n_estimators=4, init=RandomForestClassifier(3)), TWO, False),
    "from a tree": (GradientBoostingClassifier(n_estimators=4, init=DecisionTreeClassifier(max_depth=3)), THREE, False),
    "from the most frequent": (GradientBoostingClassifier(n_estimators=3, init=DummyClassifier()), THREE, True),
    "exponential, from a tree": (
        GradientBoostingClassifier(n_estimators=4, init=DecisionTreeClassifier(max_depth=2), loss="exponential"),
        TWO,
        False,
    ),
    "squared": (GradientBoostingRegressor(n_estimators=8), NUMBER, True),
    "absolute": (GradientBoostingRegressor(n_estimators=6, loss="absolute_error"), NUMBER, True),
    "huber": (GradientBoostingRegressor(n_estimators=6, loss="huber"), NUMBER, True),
    "quantile": (GradientBoostingRegressor(n_estimators=6, loss="quantile", alpha=0.3), NUMBER, True),
    "a number from zero": (GradientBoostingRegressor(n_estimators=6, init="zero"), NUMBER, True),
    "a number from a tree": (
        GradientBoostingRegressor(n_estimators=6, init=DecisionTreeRegressor(max_depth=3)),
        NUMBER,
        False,
    ),
}


@pytest.mark.parametrize("name", GRADIENT)
def test_gradient_boosting(name):
    model, y, bits = GRADIENT[name]
    found = compare(model.set_params(random_state=0).fit(X, y), X)
    assert wrong(found) == {}
    raw = found.get("decision_function", found["predict"])
    assert raw.identical or not bits
    assert found["apply"].identical


def test_what_computes_in_float32_is_no_init():
    model = GradientBoostingRegressor(n_estimators=3, init=LinearRegression()).fit(X, NUMBER)
    found = wrong(compare(model, X))
    assert found.keys() == {"predict"}
    assert "computes in float32" in found["predict"].absent


def test_a_tie_is_the_second_class_of_gradient_boosting_and_the_first_of_histogram_boosting():
    same, half = np.zeros((40, 2)), np.arange(40) % 2
    gradient = GradientBoostingClassifier(n_estimators=2).fit(same, half)
    histogram = HistGradientBoostingClassifier(max_iter=2).fit(same, half)
    assert gradient.predict(same[:1]) == 1
    assert histogram.predict(same[:1]) == 0
    assert wrong(compare(gradient, same)) == {}
    assert wrong(compare(histogram, same)) == {}


SHORT = {"max_iter": 5, "min_samples_leaf": 5}
HISTOGRAM = {
    "two classes": (HistGradientBoostingClassifier(**SHORT), TWO),
    "three classes": (HistGradientBoostingClassifier(**SHORT), THREE),
    "few leaves": (HistGradientBoostingClassifier(max_iter=3, max_leaf_nodes=2, learning_rate=0.5), TWO),
    "one leaf": (HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=150), THREE),
    "squared": (HistGradientBoostingRegressor(**SHORT), NUMBER),
    "absolute": (HistGradientBoostingRegressor(loss="absolute_error", **SHORT), NUMBER),
    "quantile": (HistGradientBoostingRegressor(loss="quantile", quantile=0.2, **SHORT), NUMBER),
    "gamma": (HistGradientBoostingRegressor(loss="gamma", **SHORT), np.abs(NUMBER) + 0.1),
    "poisson": (HistGradientBoostingRegressor(loss="poisson", **SHORT), np.round(np.abs(NUMBER))),
}


@pytest.mark.parametrize("table", [X, HOLES, ENDLESS], ids=["whole", "holes", "endless"])
@pytest.mark.parametrize("name", HISTOGRAM)
def test_histogram_boosting(name, table):
    model, y = HISTOGRAM[name]
    found = compare(model.fit(table, y), table)
    assert wrong(found) == {}
    raw = found.get("decision_function", found["predict"])
    assert raw.identical or name in ("gamma", "poisson")


MANY = 200
CODES = np.stack([RNG.permutation(np.arange(300) % MANY), *RNG.normal(size=(2, 300)), RNG.integers(-3, 4, 300)], axis=1)
OF_CODE = (RNG.normal(size=MANY)[CODES[:, 0].astype(int)] + CODES[:, 1] > 0).astype(int)
STRANGE = [-1.0, 2.5, 1000.0, np.nan, 199.0, 63.0, 64.0, 65.0, 127.0, 128.0]


@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
def test_categories_known_unseen_missing_and_many(classes, holes):
    table = CODES.copy()
    table[::9, 0] = np.nan if holes else table[::9, 0]
    y = OF_CODE if classes == 2 else OF_CODE + (CODES[:, 3] % 2 == 0)
    model = HistGradientBoostingClassifier(categorical_features=[0, 3], max_iter=4, min_samples_leaf=2).fit(table, y)
    splits = np.concatenate([each.nodes["is_categorical"] for around in model._predictors for each in around])
    assert splits.sum() > 5
    rows = np.repeat(table[:20], len(STRANGE), axis=0)
    for column in (0, 3):
        strange = rows.copy()
        strange[:, column] = np.tile(STRANGE, 20)
        found = compare(model, table, rows=[table, strange])
        assert wrong(found) == {}
        assert found["decision_function"].identical
    assert wrong(compare(model, table)) == {}


def test_categories_of_strings():
    table = np.empty((300, 3), dtype=object)
    table[:, 0] = RNG.normal(size=300)
    table[:, 1] = np.array(["x", "y", "z", "w"], object)[RNG.integers(0, 4, 300)]
    table[::11, 1] = np.nan
    table[:, 2] = RNG.normal(size=300)
    y = (table[:, 1] == "y") ^ (table[:, 0] > 0)
    model = HistGradientBoostingClassifier(categorical_features=[1], max_iter=4, min_samples_leaf=5).fit(table, y)
    strange = table[:20].copy()
    strange[::2, 1], strange[1::4, 1], strange[:, 2] = "unseen", np.nan, np.nan
    found = compare(model, table, rows=[table, strange])
    assert wrong(found) == {}
    assert found["decision_function"].identical


def test_categories_of_a_frame():
    frame = pd.DataFrame({"a": X[:, 0], "b": pd.Categorical(THREE), "c": X[:, 1]})
    model = HistGradientBoostingRegressor(max_iter=4, min_samples_leaf=5).fit(frame, NUMBER)
    unseen = frame.iloc[:9].assign(b=pd.Categorical([None, "d", "a"] * 3))
    for rows in (frame, unseen):
        given = rows.astype(object).where(rows.notna(), np.nan).to_numpy()
        assert np.array_equal(Run(model, frame).ask("predict", given), model.predict(rows))


ADA = {
    "two classes": (AdaBoostClassifier(n_estimators=7), TWO),
    "three classes": (AdaBoostClassifier(n_estimators=7), THREE),
    "deep trees": (AdaBoostClassifier(DecisionTreeClassifier(max_depth=3), n_estimators=5, learning_rate=0.5), THREE),
    "one class": (AdaBoostClassifier(n_estimators=2), np.ones(200)),
    "linear": (AdaBoostClassifier(LogisticRegression(), n_estimators=3), THREE),
    "linear, two": (AdaBoostClassifier(LogisticRegression(), n_estimators=3), TWO),
    "bayes": (AdaBoostClassifier(GaussianNB(), n_estimators=3), THREE),
    "no probabilities": (AdaBoostClassifier(LinearSVC(), n_estimators=3), TWO),
    "forests": (AdaBoostClassifier(RandomForestClassifier(3, max_depth=2), n_estimators=3), TWO),
    "numbers": (AdaBoostRegressor(n_estimators=9), NUMBER),
    "square": (AdaBoostRegressor(n_estimators=8, loss="square"), NUMBER),
    "one tree": (AdaBoostRegressor(n_estimators=1), NUMBER),
    "linear numbers": (AdaBoostRegressor(LinearRegression(), n_estimators=4), NUMBER),
}


@pytest.mark.parametrize("name", ADA)
def test_ada_boost(name):
    model, y = ADA[name]
    found = compare(model.set_params(random_state=0).fit(X, y), X)
    assert wrong(found) == {}
    assert found["predict"].identical or name == "linear numbers"
    assert "decision_function" not in found or found["decision_function"].identical


def test_votes_that_are_equal():
    model = AdaBoostClassifier(DecisionTreeClassifier(max_depth=1), n_estimators=4, random_state=0).fit(X, TWO)
    model.estimator_weights_[:] = 1.0
    found = compare(model, X)
    assert (model.decision_function(X) == 0).any()
    assert wrong(found) == {}
    assert found["decision_function"].identical


@pytest.mark.parametrize("estimator", [DecisionTreeClassifier(max_depth=2), GaussianNB()])
@pytest.mark.parametrize("y", [TWO, THREE], ids=["two", "three"])
def test_an_algorithm_that_is_gone(estimator, y):
    model = AdaBoostClassifier(estimator, n_estimators=4, random_state=0).fit(X, y)
    model.algorithm = "SAMME.R"  # as scikit-learn 1.5 has it; its formula is below
    count, logs = len(model.classes_), 0.0
    for each in model.estimators_:
        log = np.log(np.clip(each.predict_proba(X), np.finfo(np.float64).eps, None))
        logs += (count - 1) * (log - (1.0 / count) * log.sum(axis=1)[:, None])
    expected = logs / model.estimator_weights_.sum()
    expected = expected[:, 1] - expected[:, 0] if count == 2 else expected
    assert np.allclose(Run(model, X, ["decision_function"]).ask("decision_function", X), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("model", "y"),
    [
        (GradientBoostingClassifier(n_estimators=3), THREE),
        (AdaBoostClassifier(n_estimators=3), THREE),
        (AdaBoostClassifier(LogisticRegression(), n_estimators=3), TWO),
        (AdaBoostRegressor(n_estimators=3), NUMBER),
    ],
)
def test_sparse_rows(model, y):
    table = sp.csr_matrix(np.where(RNG.random(X.shape) < 0.6, X, 0.0))
    missing = table[:5].copy()
    missing.data[0] = np.nan
    found = compare(model.fit(table, y), table, rows=[table, missing])
    assert wrong(found) == {}


def test_inside_a_pipeline():
    for model, y in (
        (GradientBoostingClassifier(n_estimators=3), THREE),
        (HistGradientBoostingClassifier(**SHORT), TWO),
    ):
        assert wrong(compare(make_pipeline(StandardScaler(), model).fit(X, y), X)) == {}


@pytest.mark.parametrize("name", ["two classes", "three classes", "squared"])
def test_histogram_boosting_in_single_precision(name):
    model, y = HISTOGRAM[name]
    rows = HOLES.astype(np.float32).astype(np.float64)
    model.fit(rows, y)
    near = np.float32([node["num_threshold"] for around in model._predictors for node in around[0].nodes[:9]])
    edges = np.concatenate([near, np.nextafter(near, np.float32(9)), np.nextafter(near, np.float32(-9))])
    table = np.repeat(edges[:, None].astype(np.float64), 4, axis=1)
    found = compare(model, rows, rows=[rows, table], precision="float32")
    assert found["predict"].flips == 0
    assert all(each.worst * 1e-9 < 1e-5 and not each.absent for each in found.values())
