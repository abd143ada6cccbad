"""Clusters as graphs give the labels and distances of the originals."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import scipy.sparse as sp
from sklearn import cluster
from sklearn.neighbors import NearestCentroid

from tests.unit.programs.emit.harness import compare, titled, wrong

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
LARGE = np.column_stack([1.7e9 + RNG.integers(0, 10**7, 120), X[:, 1:]])
CLASSES = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int) + (X[:, 2] > 1)


@pytest.mark.parametrize("table", [X, LARGE], ids=["ordinary", "large"])
@pytest.mark.parametrize(
    "model",
    [
        cluster.KMeans(5, random_state=0, n_init=2),
        cluster.MiniBatchKMeans(4, random_state=0, n_init=2),
        cluster.BisectingKMeans(5, random_state=0),
        cluster.MeanShift(),
        cluster.Birch(n_clusters=3),
        cluster.Birch(n_clusters=None, threshold=0.9),
        cluster.FeatureAgglomeration(2),
        cluster.FeatureAgglomeration(2, pooling_func=np.max),
        cluster.FeatureAgglomeration(3, pooling_func=np.min),
    ],
    ids=titled,
)
def test_every_method_is_equivalent(model, table):
    assert wrong(compare(model.fit(table), table)) == {}


def test_labels_of_integers_at_equal_distances():
    table = RNG.integers(0, 3, size=(80, 3)).astype(float)
    assert wrong(compare(cluster.KMeans(4, random_state=0, n_init=1).fit(table), table)) == {}


def test_one_cluster_and_exemplars():
    assert wrong(compare(cluster.BisectingKMeans(1, random_state=0).fit(X), X)) == {}
    assert wrong(compare(cluster.AffinityPropagation(random_state=0).fit(X), X)) == {}


def test_no_exemplars_at_all():
    model = cluster.AffinityPropagation(random_state=0, max_iter=1).fit(X)
    assert len(model.cluster_centers_) == 0
    assert wrong(compare(model, X)) == {}


def test_sparse_rows():
    table = sp.csr_matrix(np.where(X > 0.3, X, 0.0))
    assert wrong(compare(cluster.KMeans(3, random_state=0, n_init=1).fit(table), table)) == {}


def test_a_pooling_of_another_kind_has_no_form():
    model = cluster.FeatureAgglomeration(2, pooling_func=np.median).fit(X)
    found = compare(model, X)
    assert list(wrong(found)) == ["transform"]
    assert "numpy.median" in found["transform"].absent


@pytest.mark.parametrize("classes", [CLASSES, CLASSES > 0, np.array(["a", "b", "c"])[CLASSES]], ids=["3", "2", "text"])
@pytest.mark.parametrize(
    "model",
    [
        NearestCentroid(),
        NearestCentroid(priors="empirical"),
        NearestCentroid(metric="manhattan"),
        NearestCentroid(shrink_threshold=0.2),
    ],
    ids=titled,
)
def test_the_nearest_centroid(model, classes):
    assert wrong(compare(model.fit(X, classes), X)) == {}
    assert wrong(compare(model.fit(LARGE, classes), LARGE, methods=["predict"])) == {}
