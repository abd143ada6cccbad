"""Decompositions and projections as graphs answer as the originals do, on clean rows and where models break."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import scipy.sparse as sp
from sklearn import decomposition, kernel_approximation, neighbors, random_projection

from tests.unit.programs.emit.harness import compare, wrong

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
POSITIVE = np.abs(X)
LARGE = np.column_stack([1.7e9 + RNG.integers(0, 10**7, 120), X[:, 1:]])
SPARSE = sp.csr_matrix(np.where(X > 0.3, X, 0.0))
ATOMS = RNG.normal(size=(5, 4))


def dictionary(**settings):
    return decomposition.DictionaryLearning(
        3, transform_algorithm="threshold", fit_algorithm="cd", max_iter=4, random_state=0, **settings
    )


@pytest.mark.parametrize("table", [X, LARGE], ids=["ordinary", "large"])
@pytest.mark.parametrize(
    "model",
    [
        decomposition.PCA(1),
        decomposition.PCA(2),
        decomposition.PCA(2, whiten=True),
        decomposition.PCA(),
        decomposition.IncrementalPCA(2, whiten=True),
        decomposition.TruncatedSVD(2, random_state=0),
        decomposition.FactorAnalysis(2),
        decomposition.FastICA(3, random_state=0),
        random_projection.GaussianRandomProjection(3, random_state=0),
        random_projection.SparseRandomProjection(3, random_state=0, compute_inverse_components=True),
    ],
    ids=str,
)
def test_every_method_is_equivalent(model, table):
    assert wrong(compare(model.fit(table), table)) == {}


@pytest.mark.parametrize(
    "model",
    [
        decomposition.PCA(4, whiten=True),
        decomposition.FactorAnalysis(4),
        decomposition.FactorAnalysis(),
        decomposition.FastICA(whiten=False, random_state=0),
        decomposition.KernelPCA(2, kernel="linear"),
        decomposition.KernelPCA(3, kernel="rbf", fit_inverse_transform=True, gamma=0.2),
        decomposition.KernelPCA(3, kernel="poly", degree=2, fit_inverse_transform=True, gamma=0.2),
        decomposition.KernelPCA(3, kernel="poly", gamma=0.2),
        decomposition.KernelPCA(3, kernel="sigmoid", fit_inverse_transform=True, gamma=0.2),
        decomposition.KernelPCA(3, kernel="cosine", fit_inverse_transform=True),
        dictionary(),
        dictionary(split_sign=True, positive_code=True),
        decomposition.SparseCoder(ATOMS, transform_algorithm="threshold", transform_alpha=0.3, split_sign=True),
        decomposition.SparseCoder(ATOMS, transform_algorithm="threshold"),
        random_projection.GaussianRandomProjection(3, random_state=0, compute_inverse_components=True),
        random_projection.SparseRandomProjection(3, random_state=0),
        kernel_approximation.PolynomialCountSketch(degree=2, n_components=12, random_state=0),
    ],
    ids=str,
)
def test_every_method_of_other_settings_is_equivalent(model):
    if isinstance(model, kernel_approximation.PolynomialCountSketch):
        tables = [X, X[:1], X[:4] * 1e6]
        assert wrong(compare(model.fit(X), X, rows=tables)) == {}
        biased = kernel_approximation.PolynomialCountSketch(degree=3, gamma=0.7, coef0=1.5, n_components=9)
        assert wrong(compare(biased.fit(X), X, rows=tables)) == {}
    else:
        assert wrong(compare(model.fit(X), X)) == {}


@pytest.mark.parametrize("model", [decomposition.PCA(2), decomposition.IncrementalPCA(2)], ids=str)
def test_projections_keep_their_bits(model):
    found = compare(model.fit(X), X, methods=["transform"], rows=[X, X[:1], X[:2] * 1e6])
    assert found["transform"].worst < 1e-5
    assert compare(model, X, methods=["transform"], rows=[X])["transform"].identical


def test_the_metric_that_was_learned():
    model = neighbors.NeighborhoodComponentsAnalysis(2, max_iter=5, random_state=0).fit(X, X[:, 0] > 0)
    assert wrong(compare(model, X)) == {}


@pytest.mark.parametrize("model", [decomposition.SparsePCA(2), decomposition.MiniBatchSparsePCA(2)], ids=str)
def test_ridge_of_each_row(model):
    # of a single row the original answers a vector, so only tables of several rows can be alike
    assert wrong(compare(model.set_params(random_state=0).fit(X), X, rows=[X, X[:2], X[:4] * 1e6])) == {}


def test_sparse_entries_are_multiplied_as_they_are():
    model = decomposition.TruncatedSVD(2, random_state=0).fit(SPARSE)
    assert wrong(compare(model, SPARSE)) == {}
    found = compare(decomposition.PCA(2, svd_solver="arpack").fit(SPARSE), SPARSE)
    assert list(wrong(found)) == ["score_samples"]
    assert found["score_samples"].absent == "score_samples of PCA takes no sparse rows"


@pytest.mark.parametrize(
    "model",
    [
        decomposition.NMF(2, random_state=0),
        decomposition.MiniBatchNMF(2, random_state=0),
        decomposition.LatentDirichletAllocation(2, max_iter=2, random_state=0),
        decomposition.DictionaryLearning(2, max_iter=2, random_state=0),
    ],
    ids=str,
)
def test_a_search_by_steps_has_no_form(model):
    found = compare(model.fit(POSITIVE), POSITIVE, rows=[POSITIVE])
    assert list(wrong(found)) == ["transform"]
    assert "by steps" in found["transform"].absent


def test_single_precision_runs():
    found = compare(decomposition.PCA(2).fit(X), X, precision="float32", rows=[X])
    assert not found["transform"].absent
    assert found["transform"].worst < 1e4
