"""Discriminant analysis: solvers, shrinkage, priors, projections."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from sklearn.datasets import make_classification
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis

from tests.unit.programs.emit.harness import Run, compare, wrong

LINEAR = [{}, {"solver": "eigen", "shrinkage": "auto"}, {"n_components": 1}, {"solver": "eigen", "n_components": 1}]


def table(classes):
    X, y = make_classification(140, 5, n_informative=4, n_redundant=0, n_classes=classes, random_state=5)
    return X + 3.0, np.array(["a", "b", "c"])[y]


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("setting", [*LINEAR, {"priors": [0.0, 1.0]}], ids=str)
def test_linear(setting, classes):
    X, y = table(classes)
    if "priors" in setting:
        setting = {"priors": [0.7, 0.3] if classes == 2 else [0.6, 0.1, 0.3]}
    assert wrong(compare(LinearDiscriminantAnalysis(**setting).fit(X, y), X)) == {}


def test_a_solver_that_does_not_project():
    X, y = table(3)
    found = wrong(compare(LinearDiscriminantAnalysis(solver="lsqr").fit(X, y), X))
    assert {name: "the original refuses" in each.absent for name, each in found.items()} == {"transform": True}


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "setting", [{}, {"reg_param": 0.2}, {"solver": "eigen", "shrinkage": 0.3}, {"priors": True}], ids=str
)
def test_quadratic(setting, classes):
    X, y = table(classes)
    if "priors" in setting:
        setting = {"priors": np.array([0.0, 1.0] if classes == 2 else [0.6, 0.1, 0.3])}
    assert wrong(compare(QuadraticDiscriminantAnalysis(**setting).fit(X, y), X)) == {}


@pytest.mark.parametrize("kind", [LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis])
def test_single_precision_runs(kind):
    X, y = table(3)
    model = kind().fit(X, y)
    got = Run(model, X, precision="float32").ask("predict_proba", X)
    np.testing.assert_allclose(got, model.predict_proba(X), atol=1e-3)
