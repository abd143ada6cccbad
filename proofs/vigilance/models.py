"""The models that are watched: small, fitted the same way every time, of every family of scikit-learn.

Each comes with a way to draw rows from the distribution it was fitted on, so that a fresh sample is as many rows as
anybody wants.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import NMF, PCA, KernelPCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import Lasso, LogisticRegression, Ridge, SGDClassifier
from sklearn.mixture import GaussianMixture
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, LocalOutlierFactor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, OneClassSVM
from sklearn.tree import DecisionTreeRegressor

COLUMNS = 10
TERMS = 600


class Data(NamedTuple):
    """Where rows come from: `draw(count, seed)`, and the target of rows as a function of them."""

    draw: Callable[[int, int], Any]
    target: Callable[[Any], Any] | None


class Subject(NamedTuple):
    """A fitted model, the rows it was fitted on, and how to draw more."""

    model: Any
    sample: Any
    draw: Callable[[int, int], Any]


def table(count: int, seed: int) -> Any:
    """Ten correlated columns of different sizes and places."""
    dice = np.random.RandomState(seed)
    mixing = np.random.RandomState(99).standard_normal((COLUMNS, COLUMNS)) / 3 + np.eye(COLUMNS)
    return dice.standard_normal((count, COLUMNS)) @ mixing * np.geomspace(0.1, 100, COLUMNS) + np.arange(COLUMNS)


def _unit(X: Any) -> Any:
    return (X - np.arange(COLUMNS)) / np.geomspace(0.1, 100, COLUMNS)


def three(X: Any) -> Any:
    """Three classes, not parted by a plane."""
    unit = _unit(X)
    return (unit[:, 0] + unit[:, 1] * unit[:, 2] > 0).astype(int) + (np.abs(unit[:, 3]) > 1)


def two(X: Any) -> Any:
    """Two classes."""
    unit = _unit(X)
    return (unit[:, 0] - unit[:, 4] + unit[:, 1] * unit[:, 2] > 0).astype(int)


def curve(X: Any) -> Any:
    """A smooth target with waves."""
    unit = _unit(X)
    return 50 + 10 * unit[:, 0] + 5 * np.sin(2 * unit[:, 1]) + unit[:, 2] * unit[:, 3]


def positive(count: int, seed: int) -> Any:
    """Columns without negative values, some of them zero."""
    return np.maximum(_unit(table(count, seed)) + 0.5, 0.0)


def people(count: int, seed: int) -> Any:
    """A frame of numbers with gaps and of categories."""
    dice = np.random.RandomState(seed)
    towns = np.array(["Oslo", "Lima", "Rome", "Quito", "Bonn", "Pune", "Kobe", "Nice"])
    income = dice.lognormal(3, 1, count)
    return pd.DataFrame(
        {
            "age": dice.randint(18, 80, count),
            "income": np.where(dice.rand(count) < 0.1, np.nan, income),
            "visits": dice.poisson(3, count).astype(float),
            "town": dice.choice(towns, count, p=np.arange(8, 0, -1) / 36),
            "kind": pd.Categorical(dice.choice(["gold", "plain", "none"], count), categories=["gold", "plain", "none"]),
        }
    )


def buys(X: Any) -> Any:
    """A label of a frame."""
    town = X["town"].isin(["Lima", "Bonn", "Nice"]).to_numpy()
    return (X["age"].to_numpy() / 20 + X["income"].fillna(20).to_numpy() / 40 + town * 1.5 > 3.5).astype(int)


def spends(X: Any) -> Any:
    """An amount of a frame."""
    return X["age"].to_numpy() * 1.5 + X["income"].fillna(15).to_numpy() + X["visits"].to_numpy() ** 1.5


def texts(count: int, seed: int) -> list[str]:
    """Texts of words, few of them common and many rare."""
    dice = np.random.RandomState(seed)
    chance = 1 / np.arange(1, TERMS + 1)
    words = dice.choice(TERMS, (count, 20), p=chance / chance.sum())
    lengths = dice.randint(5, 20, count)
    return [
        " ".join(f"w{word:03d}" for word in row[:n]) for row, n in zip(words.tolist(), lengths.tolist(), strict=True)
    ]


def liked(X: list[str]) -> Any:
    """A label of texts."""
    return np.array([sum(int(word[1:]) % 2 for word in text.split()) * 2 > len(text.split()) for text in X])


def prepared(numbers: Any = None, kinds: Any = None) -> Any:
    """Numbers imputed and scaled, categories encoded."""
    return ColumnTransformer(
        [
            ("numbers", numbers or make_pipeline(SimpleImputer(), StandardScaler()), ["age", "income", "visits"]),
            ("kinds", kinds or OneHotEncoder(handle_unknown="ignore"), ["town", "kind"]),
        ]
    )


def scaled(*steps: Any) -> Any:
    """Steps behind a standard scaler."""
    return make_pipeline(StandardScaler(), *steps)


def ordinal() -> Any:
    """Categories as codes, unknown ones as -1."""
    return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)


CLASSES, PAIR, CURVE = Data(table, three), Data(table, two), Data(table, curve)
ALONE, POSITIVE = Data(table, None), Data(positive, None)
PEOPLE, AMOUNTS, TEXTS = Data(people, buys), Data(people, spends), Data(texts, liked)

# name -> (how many rows it is fitted on, their distribution, how it is made)
MODELS: dict[str, tuple[int, Data, Callable[[], Any]]] = {
    "ridge": (1000, CURVE, lambda: scaled(Ridge())),
    "lasso on polynomials": (1000, CURVE, lambda: scaled(PolynomialFeatures(2), Lasso(0.05))),
    "logistic": (1000, CLASSES, lambda: scaled(LogisticRegression(max_iter=300))),
    "sgd": (1000, PAIR, lambda: scaled(SGDClassifier(random_state=0))),
    "lda": (1000, CLASSES, LinearDiscriminantAnalysis),
    "qda": (1000, CLASSES, QuadraticDiscriminantAnalysis),
    "naive bayes": (1000, CLASSES, GaussianNB),
    "pls": (1000, CURVE, lambda: PLSRegression(3)),
    "pca + logistic": (1000, CLASSES, lambda: scaled(PCA(5), LogisticRegression(max_iter=300))),
    "pca + tree": (1000, CURVE, lambda: scaled(PCA(4), DecisionTreeRegressor(max_depth=6, random_state=0))),
    "pca + forest": (1000, PAIR, lambda: scaled(PCA(5), RandomForestClassifier(10, random_state=0))),
    "pca and scaler + svc": (
        800,
        PAIR,
        lambda: make_pipeline(make_union(RobustScaler(), PCA(3)), StandardScaler(), SVC()),
    ),
    "svc": (800, CLASSES, lambda: scaled(SVC())),
    "svr": (800, CURVE, lambda: scaled(SVR(C=10))),
    "one-class svm": (800, ALONE, lambda: scaled(OneClassSVM(nu=0.1))),
    "kernel pca + ridge": (500, CURVE, lambda: scaled(KernelPCA(6, kernel="rbf", gamma=0.05), Ridge())),
    "nystroem + logistic": (800, PAIR, lambda: scaled(Nystroem(n_components=60, random_state=0), LogisticRegression())),
    "gaussian process": (500, CURVE, lambda: scaled(GaussianProcessRegressor(RBF(3.0), alpha=0.1, optimizer=None))),
    "mlp": (1000, CLASSES, lambda: scaled(MLPClassifier(hidden_layer_sizes=(24,), max_iter=120, random_state=0))),
    "mlp regressor": (
        1000,
        CURVE,
        lambda: scaled(MLPRegressor(hidden_layer_sizes=(24, 12), max_iter=120, random_state=0)),
    ),
    "forest": (2000, PAIR, lambda: RandomForestClassifier(20, random_state=0)),
    "forest regressor": (1500, CURVE, lambda: RandomForestRegressor(20, random_state=0)),
    "extra trees": (1500, CLASSES, lambda: ExtraTreesClassifier(12, random_state=0)),
    "scaled tree": (1500, CURVE, lambda: scaled(DecisionTreeRegressor(random_state=0))),
    "histogram boosting": (2000, PAIR, lambda: HistGradientBoostingClassifier(max_iter=25, random_state=0)),
    "histogram boosting on a frame": (
        2000,
        AMOUNTS,
        lambda: make_pipeline(
            prepared("passthrough", ordinal()), HistGradientBoostingRegressor(max_iter=20, random_state=0)
        ),
    ),
    "gradient boosting": (1000, PAIR, lambda: GradientBoostingClassifier(n_estimators=20, random_state=0)),
    "adaboost": (1000, PAIR, lambda: AdaBoostClassifier(n_estimators=15, random_state=0)),
    "isolation forest": (1000, ALONE, lambda: IsolationForest(n_estimators=15, random_state=0)),
    "neighbours": (1000, CLASSES, lambda: scaled(KNeighborsClassifier(algorithm="brute"))),
    "kd-tree regressor": (1000, CURVE, lambda: scaled(KNeighborsRegressor(algorithm="kd_tree", weights="distance"))),
    "local outlier factor": (800, ALONE, lambda: scaled(LocalOutlierFactor(novelty=True))),
    "k-means": (1000, ALONE, lambda: scaled(KMeans(8, n_init=1, random_state=0))),
    "gaussian mixture": (1000, ALONE, lambda: scaled(GaussianMixture(4, random_state=0))),
    "frame + logistic": (1500, PEOPLE, lambda: make_pipeline(prepared(), LogisticRegression(max_iter=300))),
    "frame + forest": (
        1500,
        AMOUNTS,
        lambda: make_pipeline(prepared(SimpleImputer(), ordinal()), RandomForestRegressor(10, random_state=0)),
    ),
    "logarithm + ridge": (
        1500,
        AMOUNTS,
        lambda: make_pipeline(
            prepared(make_pipeline(SimpleImputer(strategy="median"), FunctionTransformer(np.log1p), StandardScaler())),
            Ridge(),
        ),
    ),
    "splines + ridge": (1000, CURVE, lambda: make_pipeline(SplineTransformer(n_knots=6), Ridge())),
    "quantiles + logistic": (
        1000,
        PAIR,
        lambda: make_pipeline(QuantileTransformer(n_quantiles=200, random_state=0), LogisticRegression()),
    ),
    "bins + ridge": (1000, CURVE, lambda: make_pipeline(KBinsDiscretizer(6, encode="onehot"), Ridge())),
    "calibrated": (1000, PAIR, lambda: scaled(CalibratedClassifierCV(SGDClassifier(random_state=0), cv=3))),
    "isotonic": (
        1000,
        PAIR,
        lambda: scaled(CalibratedClassifierCV(LogisticRegression(), cv=2, method="isotonic")),
    ),
    "voting": (
        1000,
        PAIR,
        lambda: VotingClassifier(
            [("a", scaled(LogisticRegression())), ("b", GaussianNB()), ("c", scaled(KNeighborsClassifier()))],
            voting="soft",
        ),
    ),
    "stacking": (
        800,
        PAIR,
        lambda: StackingClassifier(
            [("a", scaled(LogisticRegression())), ("b", RandomForestClassifier(5, random_state=0))], cv=3
        ),
    ),
    "tf-idf + sgd": (1500, TEXTS, lambda: make_pipeline(TfidfVectorizer(), SGDClassifier("log_loss", random_state=0))),
    "counts + bayes": (1500, TEXTS, lambda: make_pipeline(CountVectorizer(ngram_range=(1, 1)), MultinomialNB())),
    "hashing + logistic": (1500, TEXTS, lambda: make_pipeline(HashingVectorizer(n_features=512), LogisticRegression())),
    "tf-idf + svd + forest": (
        1000,
        TEXTS,
        lambda: make_pipeline(
            TfidfVectorizer(), TruncatedSVD(8, random_state=0), RandomForestClassifier(8, random_state=0)
        ),
    ),
    "nmf": (600, POSITIVE, lambda: NMF(4, init="nndsvda", random_state=0, max_iter=400)),
}  # fmt: skip
# A few of each way to compute, for the run that is part of every test run.
QUICK = (
    "pca + logistic",
    "pca + forest",
    "svc",
    "gaussian process",
    "mlp",
    "histogram boosting",
    "frame + logistic",
    "tf-idf + sgd",
)


@cache
def subject(name: str) -> Subject:
    """Return the fitted model of a name; shared, so it must not be changed.

    Raises:
        KeyError: There is no such model.
    """
    from threadpoolctl import threadpool_limits

    count, data, make = MODELS[name]
    X = data.draw(count, 1)
    model = make()
    with warnings.catch_warnings(action="ignore"), threadpool_limits(limits=1):
        if data.target is None:
            model.fit(X)
        else:
            model.fit(X, data.target(X))
    return Subject(model, X, data.draw)
