"""Gaussian processes: kernels and what is made of them, several targets, classes two and three."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx
from scipy import special
from sklearn.datasets import make_classification
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process import kernels as k

from amber.programs.emit.flow import Context
from amber.programs.emit.gaussian_process import error_function
from tests.unit.programs.emit.harness import Run, compare, ort, wrong

X, Y = make_classification(70, 3, n_informative=3, n_redundant=0, n_classes=3, n_clusters_per_class=1, random_state=7)
NUMBERS = np.column_stack([np.sin(X[:, 0]) + X[:, 1], X[:, 2] * 3, X[:, 0] * X[:, 1]])
KERNELS = [
    k.RBF(1.3), k.RBF([0.7, 1.0, 2.0]), k.ConstantKernel(2.0) * k.RBF() + k.WhiteKernel(0.1), k.Matern(nu=0.5),
    k.Matern(nu=1.5), k.Matern([0.5, 1.0, 2.0], nu=2.5), k.Matern(nu=np.inf), k.RationalQuadratic(1.2, 0.7),
    k.DotProduct(0.5), k.DotProduct() ** 2, k.ExpSineSquared(1.1, 20.0), k.RBF() * k.DotProduct() + k.ConstantKernel(),
    k.PairwiseKernel(metric="rbf", gamma=0.4), k.WhiteKernel(0.5) + k.RBF(), k.ConstantKernel(3.0),
]  # fmt: skip
OVERFLOWING = [
    "Matern(length_scale=1, nu=1.5)", "Matern(length_scale=[0.5, 1, 2], nu=2.5)", "DotProduct(sigma_0=1) ** 2",
    "ExpSineSquared(length_scale=1.1, periodicity=20)",
]  # fmt: skip


def fitted(model, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y)


@pytest.mark.parametrize("kernel", [None, *KERNELS], ids=str)
def test_a_regressor(kernel):
    model = GaussianProcessRegressor(kernel, alpha=0.05, optimizer=None)
    assert wrong(compare(fitted(model, NUMBERS[:, 0]), X)) == {}


@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("targets", [1, 3])
def test_targets(targets, normalised):
    model = GaussianProcessRegressor(k.RBF() + k.WhiteKernel(), normalize_y=normalised, random_state=0)
    assert wrong(compare(fitted(model, NUMBERS[:, :targets]), X)) == {}


@pytest.mark.parametrize("kernel", [None, *KERNELS[:-4]], ids=str)
def test_two_classes(kernel):
    model = fitted(GaussianProcessClassifier(kernel, optimizer=None), np.array(["no", "yes"])[(Y > 0).astype(int)])
    found = wrong(compare(model, X))
    if str(kernel) in OVERFLOWING:  # 1e300: `predict` says the first class, `predict_proba` refuses; the graph says NaN
        assert [each.unshared.pop()[:27] for each in found.values()] == ["over: refused by the origin"]
        assert list(wrong(found)) == []
    else:
        assert found == {}


def test_three_classes():
    model = GaussianProcessClassifier(k.RBF(), optimizer=None)
    assert wrong(compare(fitted(model, np.array(["a", "b", "c"])[Y]), X)) == {}


def test_three_classes_in_pairs():
    model = fitted(GaussianProcessClassifier(k.RBF(), optimizer=None, multi_class="one_vs_one"), Y)
    found = wrong(compare(model, X))
    assert list(found) == ["predict_proba"]  # which the original refuses
    assert found["predict_proba"].absent


@pytest.mark.parametrize("kernel", [k.Matern(nu=0.9), k.PairwiseKernel(metric="rbf", pairwise_kernels_kwargs={"a": 1})])
def test_a_kernel_without_a_form(kernel):
    model = GaussianProcessRegressor(k.RBF(), optimizer=None, alpha=0.1)
    fitted(model, NUMBERS[:, 0]).kernel_ = kernel
    assert "kernel" in compare(model, X)["predict"].absent


def test_a_process_that_was_not_fitted():
    assert "not fitted" in compare(GaussianProcessRegressor(), X, methods=["predict"])["predict"].absent


def test_the_error_function():
    context = Context(None, "table", 1)
    g = context.graph
    g.output("y", error_function(g.input("x", "float64", ["N"]), context))
    x = np.concatenate([np.linspace(-9, 9, 4001), [0.0, 1.0, -1.0, np.inf, -np.inf, 1e-300, np.nan]])
    [got] = ort.InferenceSession(g.finished()).run(None, {"x": x})
    np.testing.assert_allclose(got, special.erf(x), rtol=1e-15, atol=0)


MOMENTS = np.column_stack([1.7e9 + np.arange(70) * 3.0, X[:, 1:]])  # a length of a second: products would lose it all


@pytest.mark.parametrize(("kernel", "table", "products"), [
    (k.RBF(1.3), X, True), (k.RBF([2.0, 1.0, 1.0]) + k.WhiteKernel(0.1), MOMENTS, False),
    (k.ConstantKernel(2.0) * k.RBF(), X, True), (k.RBF() * k.DotProduct(), X, False),
], ids=str)  # fmt: skip
def test_distances_by_products_where_they_lose_nothing(kernel, table, products):
    model = GaussianProcessRegressor(kernel, alpha=0.05, optimizer=None).fit(table, NUMBERS[:, 0])
    assert wrong(compare(model, table)) == {}
    kinds = [node.op_type for node in onnx.load_model_from_string(Run(model, table).emitted.graph).graph.node]
    assert ("Clip" in kinds) is products


def test_single_precision_runs():
    model = GaussianProcessRegressor(k.RBF(), alpha=0.1, optimizer=None)
    got = Run(fitted(model, NUMBERS[:, 0]), X, precision="float32").ask("predict", X)
    np.testing.assert_allclose(got, model.predict(X), atol=1e-3)
