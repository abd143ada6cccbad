"""Covariances and outliers by them: the distances and labels of the originals."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from sklearn import covariance
from sklearn.neighbors import LocalOutlierFactor

from tests.unit.programs.emit.harness import compare, wrong

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
LARGE = np.column_stack([1.7e9 + RNG.integers(0, 10**7, 120), X[:, 1:]])


@pytest.mark.parametrize("table", [X, LARGE], ids=["ordinary", "large"])
@pytest.mark.parametrize(
    "model",
    [
        covariance.EmpiricalCovariance(),
        covariance.EmpiricalCovariance(store_precision=False),
        covariance.LedoitWolf(),
        covariance.OAS(),
        covariance.ShrunkCovariance(),
        covariance.MinCovDet(random_state=0),
        covariance.EllipticEnvelope(random_state=0),
    ],
    ids=str,
)
def test_every_method_is_equivalent(model, table):
    assert wrong(compare(model.fit(table), table)) == {}


def test_sparse_inverse_covariance():
    assert wrong(compare(covariance.GraphicalLasso().fit(X), X)) == {}


@pytest.mark.parametrize("table", [X, RNG.normal(size=(100, 20))], ids=["tree", "brute"])
@pytest.mark.parametrize("count", [4, 20])
def test_local_outliers(count, table):
    assert wrong(compare(LocalOutlierFactor(count, novelty=True).fit(table), table)) == {}


def test_without_novelty_there_are_only_neighbours():
    found = compare(LocalOutlierFactor().fit(X), X)
    assert list(found) == ["kneighbors"]
    assert wrong(found) == {}
