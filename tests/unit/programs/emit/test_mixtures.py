"""Mixtures as graphs give the components and densities of the originals."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from scipy import special
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

from amber.programs.emit.mixtures import digamma
from tests.unit.programs.emit.harness import compare, wrong

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
LARGE = np.column_stack([1.7e9 + RNG.integers(0, 10**7, 120), X[:, 1:]])


@pytest.mark.parametrize("table", [X, LARGE], ids=["ordinary", "large"])
@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_every_covariance(kind, table):
    settings = {"covariance_type": kind, "random_state": 0, "max_iter": 20}
    assert wrong(compare(GaussianMixture(3, **settings).fit(table), table)) == {}
    assert wrong(compare(BayesianGaussianMixture(n_components=3, **settings).fit(table), table)) == {}


def test_the_other_prior_and_one_component():
    prior = "dirichlet_distribution"
    model = BayesianGaussianMixture(n_components=3, weight_concentration_prior_type=prior, random_state=0)
    assert wrong(compare(model.fit(X), X)) == {}
    assert wrong(compare(GaussianMixture(1).fit(X), X)) == {}


def test_digamma():
    x = np.concatenate([np.linspace(1e-3, 30, 500), [0.5, 1.0, 100.0, 1e6]])
    np.testing.assert_allclose(digamma(x), special.digamma(x), rtol=1e-13, atol=1e-13)
