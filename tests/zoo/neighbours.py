"""Neighbours, density and outlier detection, semi-supervised learning."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import sklearn.neighbors as n
from sklearn.covariance import EllipticEnvelope, GraphicalLassoCV, LedoitWolf, MinCovDet, ShrunkCovariance
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import LabelPropagation, LabelSpreading, SelfTrainingClassifier

from tests.zoo import data as d
from tests.zoo.specimen import SKLEARN, Specimen, fit


def searches() -> Iterator[Specimen]:
    """Nearest neighbours with each structure and metric."""
    x, y = d.numbers(), d.classes()
    for structure in ("kd_tree", "ball_tree", "brute"):
        near = partial(n.KNeighborsClassifier, 3, algorithm=structure, leaf_size=10)
        yield fit(f"KNeighborsClassifier[{structure}]", near, x, d.labels())
        yield fit(
            f"KNeighborsRegressor[{structure}]",
            partial(n.KNeighborsRegressor, 3, algorithm=structure, weights="distance"),
            x,
            d.targets(),
        )
        yield fit(
            f"NearestNeighbors[{structure}]",
            partial(n.NearestNeighbors, algorithm=structure, n_neighbors=4, radius=1.5),
            x,
        )
    metrics: dict[str, dict[str, Any]] = {
        "manhattan": {},
        "chebyshev": {},
        "minkowski-p3": {"p": 3},
        "canberra": {},
        "braycurtis": {},
        "seuclidean": {"metric_params": {"V": np.array([1.0, 2.0, 0.5, 1.0, 3.0])}},
        "mahalanobis": {"metric_params": {"VI": np.eye(5)}},
    }
    for metric, settings in metrics.items():
        name = metric.split("-")[0]
        structure = "ball_tree" if name not in {"manhattan", "chebyshev", "minkowski"} else "kd_tree"
        near = partial(n.KNeighborsClassifier, 4, metric=name, algorithm=structure, **settings)
        yield fit(f"KNeighborsClassifier[{metric}]", near, x, y)
    yield fit(
        "KNeighborsClassifier[haversine]",
        partial(n.KNeighborsClassifier, metric="haversine", algorithm="ball_tree"),
        np.deg2rad(x[:, :2] * 5),
        y,
    )
    yield fit("KNeighborsClassifier[cosine]", partial(n.KNeighborsClassifier, metric="cosine"), x, y)
    yield fit("KNeighborsClassifier[csr]", n.KNeighborsClassifier, d.sparse(), d.labels())
    yield fit("KNeighborsClassifier[two-outputs]", n.KNeighborsClassifier, x, d.multiclass_outputs())
    yield fit("KNeighborsClassifier[float32]", partial(n.KNeighborsClassifier, algorithm="kd_tree"), d.single(), y)
    yield fit(
        "KNeighborsClassifier[frame-hamming]",
        partial(n.KNeighborsClassifier, metric="hamming"),
        d.number_frame().round(),
        d.labels(),
    )
    if SKLEARN >= (1, 6):
        yield fit(
            "KNeighborsClassifier[nan-euclidean]",
            partial(n.KNeighborsClassifier, metric="nan_euclidean"),
            d.gaps()[6:],
            y[6:],
        )
    yield fit(
        "KNeighborsClassifier[precomputed-labels]",
        partial(n.KNeighborsClassifier, metric="precomputed"),
        d.distances(),
        d.labels(),
    )
    radius = partial(n.RadiusNeighborsClassifier, radius=1.0, outlier_label="most_frequent")
    far = np.vstack([x, [[99.0] * 5]])
    yield fit("RadiusNeighborsClassifier[most-frequent]", radius, x, d.labels(), inputs=far)
    yield fit(
        "RadiusNeighborsClassifier[manual-label]",
        partial(n.RadiusNeighborsClassifier, radius=1.0, outlier_label=2),
        x,
        y,
        inputs=far,
    )
    yield fit(
        "RadiusNeighborsClassifier[list-label]",
        partial(n.RadiusNeighborsClassifier, radius=1.0, outlier_label=[0, 1]),
        x,
        d.multiclass_outputs(),
        inputs=far,
    )
    yield fit(
        "RadiusNeighborsRegressor[distance]",
        partial(n.RadiusNeighborsRegressor, radius=3.0, weights="distance"),
        x,
        d.target(),
        inputs=far,
    )
    yield fit(
        "KNeighborsTransformer[connectivity]",
        partial(n.KNeighborsTransformer, mode="connectivity", n_neighbors=3),
        x,
    )
    yield fit("RadiusNeighborsTransformer[distance]", partial(n.RadiusNeighborsTransformer, radius=2.0), x)
    yield fit("NearestCentroid[shrink]", partial(n.NearestCentroid, shrink_threshold=0.2), x, d.labels())
    yield fit("NearestCentroid[manhattan]", partial(n.NearestCentroid, metric="manhattan"), x, y)
    yield fit(
        "NeighborhoodComponentsAnalysis[lda]",
        partial(n.NeighborhoodComponentsAnalysis, 2, init="lda", max_iter=5, random_state=0),
        x,
        y,
    )


def densities() -> Iterator[Specimen]:
    """Densities and outliers."""
    x = d.numbers()
    for kernel in ("gaussian", "tophat", "epanechnikov", "exponential", "linear", "cosine"):
        yield fit(f"KernelDensity[{kernel}]", partial(n.KernelDensity, kernel=kernel, bandwidth=1.5), x)
    yield fit("KernelDensity[kd-tree-scott]", partial(n.KernelDensity, algorithm="kd_tree", bandwidth="scott"), x)
    yield fit(
        "KernelDensity[ball-tree-weights]",
        partial(n.KernelDensity, algorithm="ball_tree", metric="manhattan"),
        x,
        sample_weight=d.weights(),
    )
    yield fit("LocalOutlierFactor[novelty]", partial(n.LocalOutlierFactor, novelty=True, n_neighbors=10), x)
    yield fit(
        "LocalOutlierFactor[novelty-kd-tree]",
        partial(n.LocalOutlierFactor, novelty=True, algorithm="kd_tree", contamination=0.1),
        x,
    )
    yield fit("LocalOutlierFactor[csr]", partial(n.LocalOutlierFactor, novelty=True), d.sparse())
    yield fit("EllipticEnvelope[contamination]", partial(EllipticEnvelope, contamination=0.2, random_state=0), x)
    yield fit("MinCovDet[support]", partial(MinCovDet, support_fraction=0.8, random_state=0), x)
    yield fit("LedoitWolf[centred]", partial(LedoitWolf, assume_centered=True), x)
    yield fit("ShrunkCovariance[no-precision]", partial(ShrunkCovariance, store_precision=False), x)
    yield fit("GraphicalLassoCV[alphas]", partial(GraphicalLassoCV, alphas=[0.1, 0.3], cv=2), x)


def partly_labelled() -> Iterator[Specimen]:
    """Semi-supervised learning."""
    x, y = d.numbers(), d.unlabelled()
    for kernel in ("rbf", "knn"):
        yield fit(
            f"LabelPropagation[{kernel}]",
            partial(LabelPropagation, kernel=kernel, gamma=0.5, n_neighbors=5, max_iter=200),
            x,
            y,
        )
        yield fit(
            f"LabelSpreading[{kernel}]",
            partial(LabelSpreading, kernel=kernel, gamma=0.5, n_neighbors=5),
            x,
            y,
        )
    yield fit(
        "SelfTrainingClassifier[threshold]",
        lambda: SelfTrainingClassifier(LogisticRegression(), threshold=0.9, max_iter=3),
        x,
        y,
    )
    yield fit(
        "SelfTrainingClassifier[k-best]",
        lambda: SelfTrainingClassifier(LogisticRegression(), criterion="k_best", k_best=5, max_iter=3),
        x,
        y,
    )


def neighbours() -> Iterator[Specimen]:
    """All of this module."""
    yield from searches()
    yield from densities()
    yield from partly_labelled()
