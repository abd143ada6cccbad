"""Support vector machines: every class and kernel, ties, decision shapes, coupled probabilities, sparse fits."""

from __future__ import annotations

import functools
import warnings

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from scipy import sparse
from sklearn import svm
from sklearn.datasets import make_classification

from tests.unit.programs.emit.harness import Run, compare, wrong

KERNELS = [
    {"kernel": "linear"}, {"kernel": "rbf"}, {"kernel": "rbf", "gamma": 0.3}, {"kernel": "poly", "coef0": 1.0},
    {"kernel": "poly", "degree": 2, "gamma": 0.1}, {"kernel": "sigmoid", "coef0": -0.5}, {"kernel": "sigmoid"},
]  # fmt: skip


@functools.cache
def table(classes=3, width=5):
    X, y = make_classification(
        120, width, n_informative=4, n_redundant=0, n_classes=classes, random_state=classes, class_sep=0.7
    )
    return X, np.array(["a", "b", "c", "d"])[y]


def fitted(model, X, y=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y)


@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("kernel", KERNELS, ids=str)
@pytest.mark.parametrize("kind", [svm.SVC, functools.partial(svm.NuSVC, nu=0.3)], ids=["SVC", "NuSVC"])
def test_a_classifier(kind, kernel, classes):
    X, y = table(classes)
    assert wrong(compare(fitted(kind(**kernel), X, y), X)) == {}


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
@pytest.mark.parametrize("kind", [svm.SVR, svm.NuSVR, svm.OneClassSVM])
def test_one_hyperplane(kind, kernel):
    # away from zero: the one linear class around it has nothing but rounding for a decision
    X = table()[0] + 2.0
    model = fitted(kind(**kernel), X, X[:, 0] * 3 + np.sin(X[:, 1]))
    assert wrong(compare(model, X)) == {}


def test_a_polynomial_of_degree_zero():
    X, y = table()
    assert wrong(compare(fitted(svm.SVC(kernel="poly", degree=0), X, y), X)) == {}


@pytest.mark.parametrize("setting", [{"break_ties": True}, {"decision_function_shape": "ovo"}], ids=str)
@pytest.mark.parametrize("classes", [2, 4])
def test_shapes_of_the_decision(setting, classes):
    X, y = table(classes)
    assert wrong(compare(fitted(svm.SVC(**setting), X, y), X)) == {}


def test_break_ties_that_the_original_refuses():
    X, y = table()
    found = wrong(compare(fitted(svm.SVC(break_ties=True, decision_function_shape="ovo"), X, y), X))
    assert list(found) == ["predict"]
    assert "break_ties" in found["predict"].absent


@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("kind", [svm.SVC, functools.partial(svm.NuSVC, nu=0.3)], ids=["SVC", "NuSVC"])
def test_probabilities(kind, classes):
    X, y = table(classes)
    model = fitted(kind(probability=True, random_state=0), X, y)
    found = compare(model, X)
    assert "predict_proba" in found
    assert wrong(found) == {}


def test_many_columns():
    X, y = table(3, 21)
    assert wrong(compare(fitted(svm.SVC(), X, y), X)) == {}


@pytest.mark.parametrize("setting", [{"C": 1e5}, {"gamma": 0.0}, {"gamma": 1e-3}, {"gamma": 1e6}], ids=str)
@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_distances_by_products_and_by_differences(setting, shift):
    X, y = table()
    model = fitted(svm.SVC(**setting), X + shift, y)
    far = [X[:5] * 1e3 + shift, np.full((2, 5), 1e16), np.full((1, 5), 1e200), np.full((1, 5), -1e308)]
    assert wrong(compare(model, X + shift)) == {}
    assert wrong(compare(model, X + shift, rows=far)) == {}


def test_columns_of_large_numbers_far_from_zero():
    X, y = table()
    X = X * np.array([1, 1, 1, 1e3, 1]) + np.array([0, 1.7e9, 0, 2e7, 0])
    assert wrong(compare(fitted(svm.SVC(gamma=0.2), X, y), X)) == {}


def test_a_kernel_computed_before():
    X, y = table()
    assert wrong(compare(fitted(svm.SVC(kernel="precomputed"), X @ X.T, y), X @ X.T)) == {}


@pytest.mark.parametrize("kernel", KERNELS[:3], ids=str)
def test_fitted_on_sparse_rows(kernel):
    X, y = table()
    rows = sparse.csr_matrix(np.where(X > 0, X, 0))
    model = fitted(svm.SVC(probability=True, random_state=0, **kernel), rows, y)
    assert wrong(compare(model, rows)) == {}
    assert wrong(compare(model, rows.toarray())) == {}
    regressor = fitted(svm.SVR(**kernel), rows, X[:, 0])
    assert wrong(compare(regressor, rows)) == {}


def test_fitted_on_dense_rows_it_refuses_sparse_ones():
    X, y = table()
    found = wrong(compare(fitted(svm.SVC(), X, y), sparse.csr_matrix(X)))
    assert all("refuses sparse" in each.absent for each in found.values())
    assert found


def test_a_decision_of_exactly_zero():
    X, _ = table()
    model = svm.OneClassSVM().fit(X)
    model._dual_coef_, model._intercept_ = np.zeros_like(model._dual_coef_), np.zeros(1)
    assert wrong(compare(model, X)) == {}


def test_single_precision_runs():
    X, y = table()
    model = fitted(svm.SVC(probability=True, random_state=0), X, y)
    run = Run(model, X, precision="float32")
    np.testing.assert_allclose(run.ask("decision_function", X), model.decision_function(X), atol=1e-4)
    np.testing.assert_allclose(run.ask("predict_proba", X), model.predict_proba(X), atol=1e-2)
