"""Clusters, decompositions, mixtures, manifolds, random projections."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import sklearn.cluster as c
import sklearn.decomposition as dc
import sklearn.manifold as mf
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection

from tests.zoo import data as d
from tests.zoo.specimen import Specimen, fit


def clusters() -> Iterator[Specimen]:
    """Clustering."""
    x = d.numbers()
    yield fit("KMeans[elkan]", partial(c.KMeans, 3, algorithm="elkan", n_init=1, random_state=0), x)
    yield fit("KMeans[csr]", partial(c.KMeans, 3, n_init=2, random_state=0), d.sparse())
    yield fit("KMeans[init-array]", partial(c.KMeans, 3, init=x[:3].copy(), n_init=1), x)
    yield fit(
        "KMeans[float32-frame]",
        partial(c.KMeans, 2, n_init=1, random_state=0),
        d.number_frame().astype(np.float32),
    )
    yield fit("KMeans[weights]", partial(c.KMeans, 3, n_init=1, random_state=0), x, sample_weight=d.weights())
    yield fit(
        "MiniBatchKMeans[csr]",
        partial(c.MiniBatchKMeans, 3, n_init=1, random_state=0, batch_size=30),
        d.sparse(),
    )
    yield fit(
        "BisectingKMeans[largest]",
        partial(c.BisectingKMeans, 5, bisecting_strategy="largest_cluster", random_state=0),
        x,
    )
    yield fit("BisectingKMeans[csr]", partial(c.BisectingKMeans, 4, random_state=0), d.sparse())
    yield fit("Birch[threshold]", partial(c.Birch, threshold=0.8, branching_factor=4, n_clusters=3), x)
    yield fit("Birch[no-global]", partial(c.Birch, threshold=1.0, n_clusters=None), d.number_frame())
    yield fit("Birch[estimator]", lambda: c.Birch(threshold=0.7, n_clusters=c.AgglomerativeClustering(3)), x)
    for linkage in ("ward", "complete", "average", "single"):
        yield fit(f"AgglomerativeClustering[{linkage}]", partial(c.AgglomerativeClustering, 3, linkage=linkage), x)
    yield fit(
        "AgglomerativeClustering[distance]",
        partial(c.AgglomerativeClustering, None, distance_threshold=4.0, compute_full_tree=True),
        x,
    )
    yield fit(
        "AgglomerativeClustering[manhattan]",
        partial(c.AgglomerativeClustering, 3, metric="manhattan", linkage="average", compute_distances=True),
        x,
    )
    yield fit("FeatureAgglomeration[median]", partial(c.FeatureAgglomeration, 2, pooling_func=np.median), x)
    yield fit("FeatureAgglomeration[max]", partial(c.FeatureAgglomeration, 3, pooling_func=np.max), d.number_frame())
    yield fit("HDBSCAN[centroids]", partial(c.HDBSCAN, min_cluster_size=8, store_centers="both", copy=True), x)
    yield fit(
        "HDBSCAN[kd-tree]",
        partial(c.HDBSCAN, min_cluster_size=5, algorithm="kd_tree", cluster_selection_method="leaf", copy=True),
        x,
    )
    yield fit("HDBSCAN[precomputed]", partial(c.HDBSCAN, metric="precomputed", copy=True), d.distances())
    yield fit("DBSCAN[manhattan]", partial(c.DBSCAN, eps=2.5, metric="manhattan"), x)
    yield fit("DBSCAN[precomputed]", partial(c.DBSCAN, eps=1.0, metric="precomputed"), d.distances())
    yield fit("OPTICS[dbscan]", partial(c.OPTICS, min_samples=8, cluster_method="dbscan", eps=1.5), x)
    yield fit("MeanShift[bin]", partial(c.MeanShift, bandwidth=2.0, bin_seeding=True, cluster_all=False), x)
    yield fit(
        "AffinityPropagation[precomputed]",
        partial(c.AffinityPropagation, affinity="precomputed", random_state=0),
        -d.distances(),
    )
    yield fit("AffinityPropagation[damping]", partial(c.AffinityPropagation, damping=0.9, random_state=0), x)
    yield fit(
        "SpectralClustering[neighbours]",
        partial(c.SpectralClustering, 3, affinity="nearest_neighbors", random_state=0),
        x,
    )
    yield fit("SpectralCoclustering[three]", partial(c.SpectralCoclustering, 3, random_state=0), d.positive() + 0.1)
    yield fit(
        "SpectralBiclustering[log]",
        partial(c.SpectralBiclustering, (3, 2), method="log", random_state=0),
        d.positive() + 0.1,
    )


def decompositions() -> Iterator[Specimen]:
    """Decompositions."""
    x, positive = d.numbers(), d.positive()
    for solver in ("full", "covariance_eigh", "arpack", "randomized"):
        yield fit(f"PCA[{solver}]", partial(dc.PCA, 3, svd_solver=solver, random_state=0), x)
    yield fit("PCA[whiten]", partial(dc.PCA, whiten=True), d.number_frame())
    yield fit("PCA[share]", partial(dc.PCA, 0.9, svd_solver="full"), x)
    yield fit("PCA[mle]", partial(dc.PCA, "mle"), x)
    yield fit("PCA[float32]", partial(dc.PCA, 2), d.single())
    yield fit("PCA[csr-arpack]", partial(dc.PCA, 2, svd_solver="arpack", random_state=0), d.sparse())
    yield fit("IncrementalPCA[whiten]", partial(dc.IncrementalPCA, 3, whiten=True, batch_size=40), x)
    for kernel in ("linear", "poly", "rbf", "sigmoid", "cosine"):
        yield fit(f"KernelPCA[{kernel}]", partial(dc.KernelPCA, 3, kernel=kernel, gamma=0.05), x)
    yield fit(
        "KernelPCA[inverse]",
        partial(dc.KernelPCA, 3, kernel="rbf", fit_inverse_transform=True, gamma=0.05),
        x,
    )
    yield fit(
        "KernelPCA[precomputed]",
        partial(dc.KernelPCA, 3, kernel="precomputed", eigen_solver="arpack", random_state=0),
        d.gram(),
    )
    sparse_pca: Any = partial(dc.SparsePCA, 2, max_iter=20, random_state=0)
    yield fit("SparsePCA[cd]", partial(sparse_pca, method="cd", alpha=0.5), x)
    yield fit(
        "MiniBatchSparsePCA[two]",
        partial(dc.MiniBatchSparsePCA, 2, max_iter=5, batch_size=20, random_state=0),
        x,
    )
    for algorithm in ("omp", "lars", "lasso_lars", "lasso_cd", "threshold"):
        learning = partial(dc.DictionaryLearning, 4, max_iter=5, transform_algorithm=algorithm, random_state=0)
        yield fit(f"DictionaryLearning[{algorithm}]", learning, x[:60])
    yield fit(
        "MiniBatchDictionaryLearning[positive]",
        partial(
            dc.MiniBatchDictionaryLearning,
            4,
            max_iter=3,
            fit_algorithm="cd",
            positive_code=True,
            transform_algorithm="lasso_cd",
            random_state=0,
        ),
        x,
    )
    yield fit(
        "SparseCoder[split-sign]",
        partial(dc.SparseCoder, np.eye(5), split_sign=True, transform_algorithm="threshold", transform_alpha=0.1),
        x,
    )
    for method in ("batch", "online"):
        topics = partial(dc.LatentDirichletAllocation, 3, learning_method=method, max_iter=4, random_state=0)
        yield fit(f"LatentDirichletAllocation[{method}]", topics, d.counts())
    yield fit(
        "LatentDirichletAllocation[csr-priors]",
        partial(dc.LatentDirichletAllocation, 2, doc_topic_prior=0.3, max_iter=3, random_state=0),
        d.sparse(),
    )
    for init in ("random", "nndsvd", "nndsvda", "nndsvdar"):
        yield fit(f"NMF[{init}]", partial(dc.NMF, 3, init=init, max_iter=60, random_state=0), positive)
    yield fit(
        "NMF[kullback-leibler]",
        partial(dc.NMF, 2, solver="mu", beta_loss="kullback-leibler", max_iter=40, random_state=0),
        positive + 0.1,
    )
    yield fit(
        "NMF[csr-regularised]",
        partial(dc.NMF, 2, alpha_W=0.01, l1_ratio=0.5, max_iter=60, random_state=0),
        d.sparse(),
    )
    yield fit(
        "MiniBatchNMF[forget]",
        partial(dc.MiniBatchNMF, 2, batch_size=30, max_iter=10, forget_factor=0.5, random_state=0),
        positive,
    )
    for fun in ("logcosh", "exp", "cube"):
        yield fit(
            f"FastICA[{fun}]",
            partial(dc.FastICA, 3, fun=fun, max_iter=30, whiten="unit-variance", random_state=0),
            x,
        )
    yield fit(
        "FastICA[deflation]",
        partial(
            dc.FastICA,
            3,
            algorithm="deflation",
            whiten="arbitrary-variance",
            max_iter=30,
            fun_args={"alpha": 1.2},
            random_state=0,
        ),
        x,
    )
    yield fit("FactorAnalysis[varimax]", partial(dc.FactorAnalysis, 2, rotation="varimax", svd_method="lapack"), x)
    yield fit("TruncatedSVD[arpack]", partial(dc.TruncatedSVD, 2, algorithm="arpack", random_state=0), d.sparse())
    yield fit("TruncatedSVD[randomized]", partial(dc.TruncatedSVD, 2, random_state=0), d.sparse_array())
    yield fit(
        "SparseRandomProjection[density]",
        partial(SparseRandomProjection, 3, density=0.5, dense_output=True, random_state=0),
        d.sparse(),
    )
    yield fit(
        "SparseRandomProjection[inverse]",
        partial(SparseRandomProjection, 3, compute_inverse_components=True, random_state=0),
        x,
    )
    yield fit(
        "GaussianRandomProjection[inverse]",
        partial(GaussianRandomProjection, 3, compute_inverse_components=True, random_state=0),
        x,
    )


def mixtures() -> Iterator[Specimen]:
    """Mixtures and manifolds."""
    x = d.numbers()
    for covariance in ("full", "tied", "diag", "spherical"):
        mixture = partial(GaussianMixture, 2, covariance_type=covariance, max_iter=20, random_state=0)
        yield fit(f"GaussianMixture[{covariance}]", mixture, x)
        bayes = partial(
            BayesianGaussianMixture, n_components=3, covariance_type=covariance, max_iter=10, random_state=0
        )
        yield fit(f"BayesianGaussianMixture[{covariance}]", bayes, x)
    yield fit(
        "GaussianMixture[initial-means]",
        partial(
            GaussianMixture,
            2,
            means_init=x[:2],
            weights_init=[0.4, 0.6],
            warm_start=True,
            max_iter=5,
            random_state=0,
        ),
        x,
    )
    yield fit(
        "BayesianGaussianMixture[distribution]",
        partial(
            BayesianGaussianMixture,
            n_components=2,
            weight_concentration_prior_type="dirichlet_distribution",
            max_iter=10,
            random_state=0,
        ),
        x,
    )
    for method in ("standard", "modified", "ltsa", "hessian"):
        embedding = partial(
            mf.LocallyLinearEmbedding, n_neighbors=12, method=method, random_state=0, eigen_solver="dense"
        )
        yield fit(f"LocallyLinearEmbedding[{method}]", embedding, x)
    yield fit("Isomap[radius]", partial(mf.Isomap, n_neighbors=None, radius=8.0), x)
    yield fit("Isomap[kd-tree]", partial(mf.Isomap, n_neighbors=8, neighbors_algorithm="kd_tree"), d.number_frame())
    yield fit("SpectralEmbedding[rbf]", partial(mf.SpectralEmbedding, affinity="rbf", random_state=0), x)
    yield fit("SpectralEmbedding[neighbours]", partial(mf.SpectralEmbedding, n_neighbors=10, random_state=0), x)
    yield fit(
        "TSNE[exact]",
        partial(mf.TSNE, perplexity=5, method="exact", max_iter=260, init="random", random_state=0),
        x[:40],
    )


def unsupervised() -> Iterator[Specimen]:
    """All of this module."""
    yield from clusters()
    yield from decompositions()
    yield from mixtures()
