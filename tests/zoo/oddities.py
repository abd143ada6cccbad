"""Random states of each kind, metadata requests, partial fits, warm starts, odd attribute values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.decomposition import IncrementalPCA, MiniBatchDictionaryLearning, TruncatedSVD
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import LogisticRegression, SGDClassifier, SGDRegressor
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neural_network import BernoulliRBM, MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, QuantileTransformer, StandardScaler
from sklearn.random_projection import GaussianRandomProjection

from tests.zoo import callables
from tests.zoo import data as d
from tests.zoo.specimen import Specimen, fit, grown


def chances() -> Iterator[Specimen]:
    """``random_state`` as None and as a RandomState with a position of its own."""
    x, y = d.numbers(), d.labels()
    makers: dict[str, tuple[Callable[[Any], Any], Any, Any]] = {
        "RandomForestClassifier": (lambda r: RandomForestClassifier(n_estimators=3, random_state=r), x, y),
        "KMeans": (lambda r: KMeans(2, n_init=1, random_state=r), x, None),
        "MiniBatchKMeans": (lambda r: MiniBatchKMeans(2, n_init=1, random_state=r), x, None),
        "MLPClassifier": (lambda r: MLPClassifier((4,), max_iter=4, random_state=r), x, y),
        "SGDClassifier": (lambda r: SGDClassifier(max_iter=5, random_state=r), x, y),
        "DummyClassifier": (lambda r: DummyClassifier(strategy="stratified", random_state=r), x, y),
        "GaussianProcessRegressor": (
            lambda r: GaussianProcessRegressor(alpha=0.1, random_state=r),
            x[:30],
            d.target()[:30],
        ),
        "BernoulliRBM": (lambda r: BernoulliRBM(3, n_iter=2, random_state=r), d.positive() / 9, None),
        "MiniBatchDictionaryLearning": (
            lambda r: MiniBatchDictionaryLearning(3, max_iter=2, random_state=r),
            x,
            None,
        ),
        "RBFSampler": (lambda r: RBFSampler(n_components=5, random_state=r), x, None),
        "TruncatedSVD": (lambda r: TruncatedSVD(2, random_state=r), x, None),
        "QuantileTransformer": (lambda r: QuantileTransformer(n_quantiles=9, random_state=r), x, None),
        "GaussianRandomProjection": (lambda r: GaussianRandomProjection(2, random_state=r), x, None),
        "HistGradientBoostingRegressor": (
            lambda r: HistGradientBoostingRegressor(max_iter=3, random_state=r),
            x,
            d.target(),
        ),
    }
    for name, (build, rows, target) in makers.items():
        yield fit(f"{name}[random-none]", partial(build, None), rows, target)
        yield fit(f"{name}[random-state]", partial(_seeded, build), rows, target)
        yield fit(f"{name}[numpy-seed]", partial(build, np.int64(3)), rows, target)
    yield fit("GridSearchCV[shared-random-state]", lambda: _sharing(np.random.RandomState(5)), x, y)


def _seeded(build: Callable[[Any], Any]) -> Any:
    return build(np.random.RandomState(5))


def _sharing(state: Any) -> Any:
    return GridSearchCV(
        SGDClassifier(random_state=state), {"alpha": [1e-3, 1e-2]}, cv=ShuffleSplit(2, random_state=state)
    )


def partial_fits() -> Iterator[Specimen]:
    """Estimators that have only ever seen ``partial_fit``."""
    x, y = d.numbers(), d.labels()

    def learn(build: Callable[[], Any], rows: Any, *args: Any, **kwargs: Any) -> Callable[[], Any]:
        return lambda: grown(lambda: build().partial_fit(rows, *args, **kwargs))

    names = np.unique(y)
    yield Specimen("SGDClassifier[partial]", learn(lambda: SGDClassifier(random_state=0), x, y, classes=names), x, y)
    yield Specimen("SGDRegressor[partial]", learn(lambda: SGDRegressor(random_state=0), x, d.target()), x, d.target())
    yield Specimen("GaussianNB[partial]", learn(GaussianNB, x, y, classes=names), x, y)
    yield Specimen("MultinomialNB[partial]", learn(MultinomialNB, d.counts(), y, classes=names), d.counts(), y)
    yield Specimen(
        "MLPClassifier[partial]",
        learn(lambda: MLPClassifier((4,), random_state=0), x, y, classes=names),
        x,
        y,
    )
    yield Specimen(
        "MLPClassifier[partial-sgd]",
        learn(lambda: MLPClassifier((4,), solver="sgd", random_state=0), x, y, classes=names),
        x,
        y,
    )
    yield Specimen("MiniBatchKMeans[partial]", learn(lambda: MiniBatchKMeans(3, random_state=0), x), x)
    yield Specimen("IncrementalPCA[partial]", learn(lambda: IncrementalPCA(2), x), x)
    yield Specimen("StandardScaler[partial]", learn(StandardScaler, d.gaps()), d.gaps())
    yield Specimen("MaxAbsScaler[partial]", learn(MaxAbsScaler, x), x)


def requests() -> Iterator[Specimen]:
    """Metadata requests, which an estimator keeps as an attribute."""
    x, y = d.numbers(), d.labels()

    def routed() -> Any:
        with config_context(enable_metadata_routing=True):
            model = LogisticRegression().set_fit_request(sample_weight=True).set_score_request(sample_weight="w")
            return model.fit(x, y)

    def routed_pipeline() -> Any:
        with config_context(enable_metadata_routing=True):
            scaler = StandardScaler().set_fit_request(sample_weight=True)
            model = LogisticRegression().set_fit_request(sample_weight=False)
            return make_pipeline(scaler, model).fit(x, y, sample_weight=d.weights())

    yield Specimen("LogisticRegression[requests]", lambda: grown(routed), x, y)
    yield Specimen("Pipeline[requests]", lambda: grown(routed_pipeline), x, y)


def oddities() -> Iterator[Specimen]:
    """All of this module."""
    yield from chances()
    yield from partial_fits()
    yield from requests()
    yield from curiosities()


def curiosities() -> Iterator[Specimen]:
    """Attributes and data that are unusual and legal."""
    x, y = d.numbers(), d.labels()

    def extra() -> Any:
        model = callables.Clip().fit(x)
        model.note_ = {"author": "Å", "scores": (0.1, float("nan"), -0.0), 3: [None, True, 2**70, b"\x00\xff"]}
        model.made_of_ = frozenset({"a", "b"})
        model.ring_ = [model.low_]
        model.ring_.append(model.ring_)
        model.dice_ = np.random.default_rng(11)
        return model

    name = "tests.zoo.callables.Clip"
    yield Specimen("Clip[own-attributes]", lambda: grown(extra), x, allow=(name,))
    yield fit("LogisticRegression[fortran]", LogisticRegression, np.asfortranarray(x), y)
    yield fit("KMeans[one-cluster]", lambda: KMeans(1, n_init=1, random_state=0), x)
    yield fit("GaussianNB[two-rows]", GaussianNB, x[:2], [0, 1])
