"""Kernels, models of kernels and maps that approximate them answer as the originals do."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import scipy.sparse as sp
from sklearn.kernel_approximation import AdditiveChi2Sampler, Nystroem, RBFSampler, SkewedChi2Sampler
from sklearn.kernel_ridge import KernelRidge

from tests.unit.programs.emit.harness import compare, wrong

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
POSITIVE = np.abs(X)
LARGE = np.column_stack([1.7e9 + RNG.integers(0, 10**7, 120), X[:, 1:]])
TARGET = X[:, 0] + X[:, 1] ** 2


@pytest.mark.parametrize("kernel", ["linear", "poly", "rbf", "sigmoid", "cosine", "laplacian"])
def test_ridge_of_kernels(kernel):
    model = KernelRidge(kernel=kernel, alpha=0.5, gamma=0.3, degree=2, coef0=0.7).fit(X, TARGET)
    assert wrong(compare(model, X)) == {}


@pytest.mark.parametrize("kernel", ["chi2", "additive_chi2"])
def test_kernels_of_positive_rows_refuse_negative_ones(kernel):
    model = KernelRidge(kernel=kernel, gamma=0.4).fit(POSITIVE, TARGET)
    assert wrong(compare(model, POSITIVE, rows=[POSITIVE, POSITIVE[:1], np.zeros((1, 4)), -POSITIVE[:1]])) == {}


def test_several_targets_and_large_columns():
    assert wrong(compare(KernelRidge(kernel="rbf").fit(X, X[:, :2]), X)) == {}
    assert wrong(compare(KernelRidge(kernel="rbf", gamma=1e-12).fit(LARGE, X[:, :2]), LARGE)) == {}
    assert wrong(compare(KernelRidge(kernel="poly", degree=3, gamma=1e-3).fit(X, TARGET), X)) == {}


@pytest.mark.parametrize("kernel", ["rbf", "poly", "laplacian", "sigmoid"])
def test_kernels_with_a_few_rows(kernel):
    assert wrong(compare(Nystroem(kernel=kernel, n_components=20, random_state=0).fit(X), X)) == {}


@pytest.mark.parametrize(
    "model",
    [
        Nystroem(kernel="chi2", n_components=15, random_state=0),
        RBFSampler(random_state=0, n_components=20),
        SkewedChi2Sampler(random_state=0, n_components=20),
        AdditiveChi2Sampler(sample_steps=1),
        AdditiveChi2Sampler(sample_steps=2),
        AdditiveChi2Sampler(sample_steps=3, sample_interval=0.35),
    ],
    ids=str,
)
def test_maps_of_positive_rows(model):
    assert wrong(compare(model.fit(POSITIVE), POSITIVE)) == {}
    assert wrong(compare(model, POSITIVE, rows=[-POSITIVE[:2], np.zeros((2, 4))])) == {}


def test_a_function_of_the_callers_own_has_no_form():
    model = KernelRidge(kernel="precomputed").fit(X @ X.T, TARGET)
    assert "kernel matrix" in compare(model, X @ X.T)["predict"].absent


def test_a_model_of_sparse_rows_answers_dense_ones():
    rows = sp.csr_matrix(np.where(X > 0.3, X, 0.0))
    model = KernelRidge(kernel="rbf", gamma=0.2).fit(rows, TARGET)
    assert wrong(compare(model, rows)) == {}
    assert wrong(compare(RBFSampler(n_components=9, random_state=0).fit(rows), rows)) == {}
