"""Perceptrons with hidden layers: activations, targets of every shape, losses."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from scipy import sparse
from sklearn.datasets import make_classification
from sklearn.neural_network import BernoulliRBM, MLPClassifier, MLPRegressor

from tests.unit.programs.emit.harness import Run, compare, wrong

SMALL = {"hidden_layer_sizes": (7, 5), "max_iter": 40, "random_state": 0}
X, Y = make_classification(120, 5, n_informative=4, n_redundant=0, n_classes=4, random_state=4)
TARGETS = {
    "two": np.array(["no", "yes"])[Y % 2],
    "four": Y * 2**40,
    "indicators": np.stack([Y % 2, Y // 2, Y == 3], axis=1).astype(int),
}


def fitted(model, rows, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(rows, y)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_a_classifier(activation, target):
    model = fitted(MLPClassifier(activation=activation, **SMALL), X, TARGETS[target])
    assert wrong(compare(model, X)) == {}


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("outputs", [1, 3])
def test_a_regressor(activation, outputs):
    y = X[:, 0] * 2 if outputs == 1 else X[:, :3] ** 2
    model = fitted(MLPRegressor(activation=activation, **SMALL), X, y)
    assert wrong(compare(model, X)) == {}


def test_poisson_loss():
    model = fitted(MLPRegressor(loss="poisson", **SMALL), X, np.abs(X[:, 0]))
    assert wrong(compare(model, X)) == {}


def test_sparse_rows():
    rows = sparse.csr_matrix(np.where(X > 0, X, 0))
    model = fitted(MLPClassifier(**SMALL), rows, Y)
    assert wrong(compare(model, rows)) == {}


def test_single_precision_runs():
    model = fitted(MLPClassifier(**SMALL), X, Y)
    got = Run(model, X, precision="float32").ask("predict_proba", X)
    np.testing.assert_allclose(got, model.predict_proba(X), atol=1e-4)


def test_a_restricted_boltzmann_machine():
    model = fitted(BernoulliRBM(n_components=4, n_iter=3, random_state=0), (X > 0).astype(float), None)
    found = wrong(compare(model, X))
    assert {name: "by chance" in each.absent for name, each in found.items()} == {"score_samples": True}
