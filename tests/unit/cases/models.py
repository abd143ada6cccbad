"""Forty fitted models of every family, small enough to be fitted in a test."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import DBSCAN, Birch, KMeans
from sklearn.compose import ColumnTransformer
from sklearn.cross_decomposition import PLSRegression
from sklearn.datasets import load_diabetes, load_wine
from sklearn.decomposition import PCA, KernelPCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import Nystroem
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Lasso, LogisticRegression, Ridge, SGDClassifier
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KernelDensity, KNeighborsClassifier, KNeighborsRegressor, LocalOutlierFactor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    KBinsDiscretizer,
    LabelEncoder,
    MultiLabelBinarizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

WORDS = [
    "good",
    "bad",
    "fine",
    "poor",
    "the",
    "movie",
    "film",
    "plot",
    "actor",
    "great",
    "awful",
    "boring",
    "fun",
    "nice",
    "dull",
]


@cache
def wine() -> tuple[Any, Any]:
    return load_wine(return_X_y=True)


@cache
def diabetes() -> tuple[Any, Any]:
    return load_diabetes(return_X_y=True, scaled=False)


@cache
def people(rows: int = 200, seed: int = 0) -> Any:
    dice = np.random.RandomState(seed)
    return pd.DataFrame(
        {
            "age": dice.randint(18, 80, rows),
            "income": np.where(dice.rand(rows) < 0.1, np.nan, dice.lognormal(3, 1, rows)),
            "city": dice.choice(["Oslo", "Lima", "Rome"], rows),
            "sex": pd.Categorical(dice.choice(["f", "m"], rows), categories=["f", "m"]),
        }
    )


@cache
def old() -> Any:
    return (people().age + np.random.RandomState(1).rand(200) * 20 > 50).astype(int).to_numpy()


@cache
def texts() -> list[str]:
    dice = np.random.RandomState(2)
    return [" ".join(dice.choice(WORDS, dice.randint(3, 12))) for _ in range(150)]


@cache
def liked() -> Any:
    return np.array([("good" in text) != ("bad" in text) for text in texts()])


def prepared() -> Any:
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    return ColumnTransformer(
        [
            ("numbers", numbers, ["age", "income"]),
            ("kinds", OneHotEncoder(handle_unknown="ignore"), ["city", "sex"]),
        ]
    )


def records() -> list[dict[str, Any]]:
    return [{"city": WORDS[k % 4], "size": k % 7} for k in range(60)]


def scaled(*steps: Any) -> Any:
    return make_pipeline(StandardScaler(), *steps)


Made = tuple[Callable[[], Any], Callable[[], Any], Callable[[], Any] | None]


def _wine(make: Callable[[], Any]) -> Made:
    return make, lambda: wine()[0], lambda: wine()[1]


def _diabetes(make: Callable[[], Any]) -> Made:
    return make, lambda: diabetes()[0], lambda: diabetes()[1]


def _alone(make: Callable[[], Any]) -> Made:
    return make, lambda: wine()[0], None


def _people(make: Callable[[], Any]) -> Made:
    return make, people, old


def _texts(make: Callable[[], Any]) -> Made:
    return make, texts, liked


MODELS: dict[str, Made] = {
    "logistic": _wine(lambda: scaled(LogisticRegression())),
    "mixed-logistic": _people(lambda: make_pipeline(prepared(), LogisticRegression())),
    "mixed-boosting": _people(lambda: make_pipeline(prepared(), HistGradientBoostingClassifier(max_iter=5))),
    "boosting-categories": (
        lambda: HistGradientBoostingRegressor(max_iter=5, categorical_features=[2]),
        lambda: people()[["age", "income", "sex"]],
        lambda: people().age.to_numpy(dtype=float),
    ),
    "boosting": _wine(lambda: HistGradientBoostingClassifier(max_iter=5)),
    "gradient-boosting": _wine(lambda: GradientBoostingClassifier(n_estimators=5, random_state=0)),
    "forest": _wine(lambda: RandomForestClassifier(10, random_state=0, n_jobs=2)),
    "forest-regressor": _diabetes(lambda: RandomForestRegressor(10, random_state=0)),
    "tree": _wine(lambda: DecisionTreeClassifier(random_state=0)),
    "scaled-tree": _diabetes(lambda: scaled(DecisionTreeRegressor(random_state=0, max_depth=5))),
    "pca-tree": _wine(lambda: scaled(PCA(3), DecisionTreeClassifier(random_state=0))),
    "pca-logistic": _wine(lambda: scaled(PCA(5), LogisticRegression())),
    "adaboost": _wine(lambda: AdaBoostClassifier(n_estimators=5, random_state=0)),
    "isolation": _alone(lambda: IsolationForest(n_estimators=10, random_state=0)),
    "svc": _wine(lambda: scaled(SVC())),
    "svr": _diabetes(lambda: scaled(SVR(C=20))),
    "linear-svc": _wine(lambda: scaled(LinearSVC())),
    "mlp": _wine(lambda: scaled(MLPClassifier(hidden_layer_sizes=(10,), max_iter=200, random_state=0))),
    "mlp-regressor": _diabetes(lambda: scaled(MLPRegressor(hidden_layer_sizes=(10,), max_iter=200, random_state=0))),
    "ridge": _diabetes(Ridge),
    "polynomial": _diabetes(lambda: make_pipeline(PolynomialFeatures(2), StandardScaler(), Lasso())),
    "kernel-ridge": _diabetes(lambda: scaled(KernelRidge(kernel="rbf"))),
    "gaussian-process": _diabetes(lambda: scaled(GaussianProcessRegressor(alpha=1.0, optimizer=None))),
    "neighbours": _wine(lambda: scaled(KNeighborsClassifier())),
    "neighbours-regressor": _diabetes(lambda: scaled(KNeighborsRegressor(weights="distance"))),
    "novelty": _alone(lambda: scaled(LocalOutlierFactor(novelty=True))),
    "density": _alone(lambda: scaled(KernelDensity())),
    "lda": _wine(LinearDiscriminantAnalysis),
    "qda": _wine(lambda: QuadraticDiscriminantAnalysis(reg_param=0.1)),
    "bayes": _wine(GaussianNB),
    "kmeans": _alone(lambda: scaled(KMeans(4, n_init=1, random_state=0))),
    "birch": _alone(lambda: scaled(Birch(n_clusters=3))),
    "mixture": _alone(lambda: scaled(GaussianMixture(3, random_state=0))),
    "kernel-pca": _wine(lambda: scaled(KernelPCA(4, kernel="rbf"), LogisticRegression())),
    "nystroem": _wine(lambda: scaled(Nystroem(n_components=20, random_state=0), LogisticRegression())),
    "quantile": _diabetes(lambda: make_pipeline(QuantileTransformer(n_quantiles=50), Ridge())),
    "power": _diabetes(lambda: make_pipeline(PowerTransformer(), Ridge())),
    "spline": _diabetes(lambda: make_pipeline(SplineTransformer(), Ridge())),
    "bins": _alone(lambda: KBinsDiscretizer(4, encode="ordinal", strategy="uniform")),
    "tfidf": _texts(lambda: make_pipeline(TfidfVectorizer(), LogisticRegression())),
    "hashing": _texts(lambda: make_pipeline(HashingVectorizer(n_features=64), SGDClassifier(random_state=0))),
    "counts": _texts(lambda: make_pipeline(CountVectorizer(), MultinomialNB())),
    "svd": (lambda: make_pipeline(TfidfVectorizer(), TruncatedSVD(4, random_state=0)), texts, None),
    "records": (lambda: make_pipeline(DictVectorizer(), Ridge()), records, lambda: np.arange(60.0) % 11),
    "calibrated": _wine(lambda: scaled(CalibratedClassifierCV(LinearSVC(), cv=2))),
    "voting": _wine(
        lambda: VotingClassifier([("a", scaled(LogisticRegression())), ("b", GaussianNB())], voting="soft")
    ),
    "stacking": _wine(lambda: StackingClassifier([("a", GaussianNB())], scaled(LogisticRegression()), cv=2)),
    "search": _wine(lambda: GridSearchCV(scaled(LogisticRegression()), {"logisticregression__C": [0.1, 1]}, cv=2)),
    "union": _wine(lambda: make_pipeline(make_union(StandardScaler(), PCA(2)), LogisticRegression(max_iter=1000))),
    "pls": _diabetes(lambda: PLSRegression(3)),
    "many-targets": (
        lambda: MultiOutputRegressor(Ridge()),
        lambda: diabetes()[0],
        lambda: np.stack([diabetes()[1], -diabetes()[1]], axis=1),
    ),
    "many-labels": (
        lambda: MultiOutputClassifier(DecisionTreeClassifier(max_depth=3, random_state=0)),
        lambda: wine()[0],
        lambda: np.stack([wine()[1], wine()[1] == 1], axis=1),
    ),
    "pandas-output": (
        lambda: prepared().set_output(transform="pandas").set_params(kinds__sparse_output=False),
        people,
        None,
    ),
    "ordinal": (lambda: OrdinalEncoder(), lambda: people()[["city", "sex"]], None),
    "labels": (lambda: LabelEncoder(), lambda: np.array(WORDS), None),
    "sets": (lambda: MultiLabelBinarizer(), lambda: [("a", "b"), ("b",), ()], None),
}
NO_METHOD: Made = (lambda: DBSCAN(), lambda: wine()[0], None)


@cache
def fitted(name: str) -> tuple[Any, Any]:
    """The fitted model of that name and its training rows; shared, so copy before changing it."""
    make, rows, target = MODELS[name]
    with warnings.catch_warnings(action="ignore"):
        model, X = make(), rows()
        return (model.fit(X) if target is None else model.fit(X, target())), X
