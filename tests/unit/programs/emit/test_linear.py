"""Linear models: every class, link, loss and shape of the target, on clean, missing, infinite and large rows."""

from __future__ import annotations

import functools
import warnings

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from scipy import sparse
from sklearn import linear_model as lm
from sklearn.datasets import make_classification, make_regression
from sklearn.svm import LinearSVC, LinearSVR

from tests.unit.programs.emit.harness import Run, compare, wrong


@functools.cache
def table(kind):
    if kind.startswith("reg"):
        X, y = make_regression(120, 5, noise=3.0, random_state=0, n_targets=3 if kind == "reg3" else 1)
        return X, {"reg": y, "reg3": y, "reg1": y.reshape(-1, 1), "reg-count": np.round(np.abs(y) / 20) + 1}[kind]
    classes = {"two": 2, "three": 3, "words": 3, "indicators": 4}[kind]
    X, y = make_classification(160, 6, n_informative=4, n_classes=classes, n_redundant=0, random_state=1)
    if kind == "words":
        return X, np.array(["low", "middle", "high"])[y]
    if kind == "indicators":
        return X, np.stack([y % 2, y // 2, y == 3], axis=1).astype(int)
    return X, y * 2**40


def fitted(model, kind):
    X, y = table(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y), X


REGRESSORS = [
    (lm.LinearRegression(), "reg"), (lm.LinearRegression(), "reg1"), (lm.LinearRegression(), "reg3"),
    (lm.LinearRegression(fit_intercept=False), "reg3"), (lm.LinearRegression(positive=True), "reg"),
    (lm.Ridge(), "reg"), (lm.Ridge(solver="sag", random_state=0), "reg3"), (lm.Ridge(), "reg1"), (lm.RidgeCV(), "reg"),
    (lm.Lasso(), "reg"), (lm.Lasso(), "reg3"), (lm.LassoCV(cv=3), "reg"), (lm.ElasticNet(), "reg"),
    (lm.ElasticNetCV(cv=3), "reg"), (lm.Lars(), "reg"), (lm.Lars(), "reg3"), (lm.LarsCV(cv=3), "reg"),
    (lm.LassoLars(), "reg"), (lm.LassoLarsCV(cv=3), "reg"), (lm.LassoLarsIC(), "reg"),
    (lm.OrthogonalMatchingPursuit(), "reg"), (lm.OrthogonalMatchingPursuit(), "reg3"),
    (lm.OrthogonalMatchingPursuitCV(cv=3), "reg"), (lm.BayesianRidge(), "reg"), (lm.ARDRegression(), "reg"),
    (lm.HuberRegressor(), "reg"), (lm.TheilSenRegressor(max_subpopulation=50, random_state=0), "reg"),
    (lm.QuantileRegressor(), "reg"), (lm.MultiTaskLasso(), "reg3"), (lm.MultiTaskLassoCV(cv=3, alphas=5), "reg3"),
    (lm.MultiTaskElasticNet(), "reg3"), (lm.MultiTaskElasticNetCV(cv=3, alphas=5), "reg3"), (LinearSVR(), "reg"),
    (lm.SGDRegressor(random_state=0), "reg"), (lm.SGDRegressor(average=True, loss="huber"), "reg"),
    (lm.PassiveAggressiveRegressor(random_state=0), "reg"), (lm.RANSACRegressor(random_state=0), "reg"),
    (lm.RANSACRegressor(lm.LinearRegression(), random_state=0, min_samples=20), "reg3"),
    (lm.PoissonRegressor(), "reg-count"), (lm.GammaRegressor(), "reg-count"),
    (lm.TweedieRegressor(power=1.5), "reg-count"), (lm.TweedieRegressor(power=0), "reg"),
    (lm.TweedieRegressor(power=0, link="log"), "reg-count"),
    (lm.TweedieRegressor(power=2, link="identity"), "reg-count"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "kind"), REGRESSORS, ids=lambda each: each if isinstance(each, str) else str(each))
def test_a_regressor(model, kind):
    model, X = fitted(model, kind)
    assert wrong(compare(model, X)) == {}


CLASSIFIERS = [
    (lm.LogisticRegression(), "two"), (lm.LogisticRegression(), "three"), (lm.LogisticRegression(), "words"),
    (lm.LogisticRegression(fit_intercept=False, C=100), "three"), (lm.LogisticRegression(solver="liblinear"), "two"),
    (lm.LogisticRegression(solver="saga", l1_ratio=1, C=0.1), "three"),
    (lm.LogisticRegressionCV(Cs=2, cv=3, l1_ratios=(0,), use_legacy_attributes=False, scoring="accuracy"), "three"),
    (lm.LogisticRegressionCV(Cs=2, cv=3, l1_ratios=(0,), use_legacy_attributes=False, scoring="accuracy"), "two"),
    *((lm.SGDClassifier(loss=loss, random_state=0), kind) for kind in ("two", "three")
      for loss in ("hinge", "log_loss", "modified_huber", "squared_hinge", "perceptron", "huber")),
    (lm.SGDClassifier(loss="log_loss", average=10, random_state=0), "words"),
    (lm.Perceptron(), "two"), (lm.Perceptron(), "three"), (lm.PassiveAggressiveClassifier(), "two"),
    (lm.PassiveAggressiveClassifier(), "words"), (LinearSVC(), "two"), (LinearSVC(), "three"),
    (LinearSVC(multi_class="crammer_singer"), "three"), (LinearSVC(multi_class="crammer_singer"), "two"),
    (lm.RidgeClassifier(), "two"), (lm.RidgeClassifier(), "words"), (lm.RidgeClassifier(), "indicators"),
    (lm.RidgeClassifierCV(), "three"), (lm.RidgeClassifierCV(), "indicators"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "kind"), CLASSIFIERS, ids=lambda each: each if isinstance(each, str) else str(each))
def test_a_classifier(model, kind):
    model, X = fitted(model, kind)
    assert wrong(compare(model, X)) == {}


def test_one_class_by_gradient_descent():
    X, _ = table("two")
    assert wrong(compare(lm.SGDOneClassSVM(nu=0.3, random_state=0).fit(X), X)) == {}


@pytest.mark.parametrize("model", [lm.LogisticRegression(), lm.LinearRegression(), lm.SGDClassifier(loss="log_loss")])
def test_sparse_rows(model):
    X, y = table("three")
    rows = sparse.csr_matrix(np.where(X > 0.4, X, 0))
    assert wrong(compare(model.fit(rows, y), rows)) == {}


def test_sparse_rows_that_are_not_finite_are_refused():
    X, y = table("three")
    rows = sparse.csr_matrix(np.where(X > 0.4, X, 0))
    model = lm.LogisticRegression().fit(rows, y)
    bad = rows[:3].copy()
    bad.data[0] = np.inf
    run = Run(model, rows)
    with pytest.raises(ValueError, match="refused"):
        run.ask("predict", bad)


def test_coefficients_made_sparse():
    model, X = fitted(lm.SGDClassifier(loss="log_loss", penalty="l1", random_state=0), "three")
    assert wrong(compare(model.sparsify(), X)) == {}


@pytest.mark.parametrize("setting", ["ovr", "multinomial"])
@pytest.mark.parametrize("kind", ["two", "three"])
def test_the_setting_multi_class_of_older_releases(setting, kind):
    model, X = fitted(lm.LogisticRegression(), kind)
    model.multi_class = setting
    scores = model.decision_function(X)
    if kind == "two" and setting == "ovr":
        expected = model.predict_proba(X)
    elif kind == "two":
        powers = np.exp(np.c_[-scores, scores])
        expected = powers / powers.sum(axis=1, keepdims=True)
    elif setting == "ovr":
        shares = 1 / (1 + np.exp(-scores))
        expected = shares / shares.sum(axis=1, keepdims=True)
    else:
        expected = model.predict_proba(X)
    np.testing.assert_allclose(Run(model, X).ask("predict_proba", X), expected, rtol=1e-12)


@pytest.mark.parametrize("model", [lm.LogisticRegression(), LinearSVC(), lm.SGDOneClassSVM()], ids=str)
def test_a_score_of_exactly_zero(model):
    model, X = fitted(model, "two")
    offset = "offset_" if hasattr(model, "offset_") else "intercept_"
    model.coef_ = np.zeros((1, 6))
    setattr(model, offset, np.zeros(1))
    assert wrong(compare(model, X)) == {}


def test_single_precision_runs():
    model, X = fitted(lm.LogisticRegression(), "three")
    got = Run(model, X, precision="float32").ask("predict_proba", X)
    np.testing.assert_allclose(got, model.predict_proba(X), rtol=1e-4)
