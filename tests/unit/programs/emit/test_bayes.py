"""Naive Bayes: every family, priors, smoothing of zero, sparse counts, values a categorical model never saw."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from scipy import sparse
from sklearn import naive_bayes as nb
from sklearn.datasets import make_classification

from tests.unit.programs.emit.harness import Run, compare, wrong


def table(classes=3):
    X, y = make_classification(150, 5, n_informative=4, n_redundant=0, n_classes=classes, random_state=2)
    return X, np.array(["a", "b", "c"])[y]


def counts(X):
    return np.floor(np.abs(X) * 3)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "model",
    [
        nb.GaussianNB(),
        nb.GaussianNB(var_smoothing=0.1),
        nb.BernoulliNB(),
        nb.BernoulliNB(binarize=0.7, fit_prior=False),
    ],
)
def test_any_numbers(model, classes):
    X, y = table(classes)
    assert wrong(compare(model.fit(X, y), X)) == {}


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "model",
    [
        nb.MultinomialNB(), nb.MultinomialNB(fit_prior=False, alpha=0.1), nb.ComplementNB(), nb.ComplementNB(norm=True),
        nb.MultinomialNB(alpha=0, force_alpha=True), nb.GaussianNB(priors=[1.0]),
    ],
)  # fmt: skip
def test_counts(model, classes):
    X, y = table(classes)
    if isinstance(model, nb.GaussianNB):
        y = np.array(["only"] * len(y))
    assert wrong(compare(model.fit(counts(X), y), counts(X))) == {}


@pytest.mark.parametrize(
    "model",
    [nb.ComplementNB(), nb.ComplementNB(class_prior=[0.5]), nb.MultinomialNB(), nb.BernoulliNB(binarize=None)],
)
def test_a_single_class(model):
    X, _ = table()
    rows = (X > 0).astype(float)
    assert wrong(compare(model.fit(rows, np.full(len(X), 7)), rows)) == {}


@pytest.mark.parametrize(
    "model", [nb.MultinomialNB(), nb.ComplementNB(), nb.BernoulliNB(binarize=1.0), nb.MultinomialNB(alpha=0)]
)
def test_sparse_counts(model):
    X, y = table()
    rows = sparse.csr_matrix(counts(X))
    assert wrong(compare(model.fit(rows, y), rows)) == {}


def test_categories():
    X, y = table()
    rows = counts(X)
    model = nb.CategoricalNB(min_categories=12).fit(rows, y)
    odd = [rows + 0.5, rows - 0.25, rows[:3] - 2, np.full((2, 5), 40.0), np.full((2, 5), 1e300), np.full((2, 5), -1.0),
           np.full((1, 5), np.nan), np.full((1, 5), 11.99), np.full((1, 5), 12.0)]  # fmt: skip
    assert wrong(compare(model, rows)) == {}
    assert wrong(compare(model, rows, rows=odd)) == {}


def test_priors_of_zero():
    X, y = table(2)
    model = nb.GaussianNB(priors=[0.0, 1.0]).fit(X, y)
    assert wrong(compare(model, X)) == {}


def test_single_precision_runs():
    X, y = table()
    model = nb.GaussianNB().fit(X, y)
    got = Run(model, X, precision="float32").ask("predict_proba", X)
    np.testing.assert_allclose(got, model.predict_proba(X), atol=1e-4)
