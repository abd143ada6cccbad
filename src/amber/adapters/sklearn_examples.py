"""Small fitted estimators that between them hold every special state; fitted when called, the same each time."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

Make = Callable[[], Any]
_ROWS = 48


def _x() -> Any:
    return np.random.RandomState(7).randn(_ROWS, 4)


def _classes() -> Any:
    return np.arange(_ROWS) % 3


def _target() -> Any:
    x = _x()
    return x[:, 0] - 2.0 * x[:, 1] + 0.1 * np.cos(np.arange(_ROWS))


def _gaps() -> Any:
    x = _x()
    x[::7, 1] = np.nan
    return x


def _words() -> list[str]:
    stems = ("amber", "resin", "tree", "sea", "stone", "light")
    return [f"{stems[i % 6]} {stems[(i * 5 + 1) % 6]} {i % 4}" for i in range(_ROWS)]


def _quiet(make: Make) -> Any:
    with warnings.catch_warnings(record=True):  # five iterations do not converge, and need not
        return make()


def _fit(estimator: Make, x: Make, y: Make | None = None) -> Make:
    def make() -> Any:
        model = estimator()
        return model.fit(x()) if y is None else model.fit(x(), y())

    return partial(_quiet, make)


def examples() -> list[tuple[str, Make]]:
    """Return (name, make) pairs."""
    return [*_trees(), *_boosting(), *_neighbours(), *_losses(), *_containers(), *_composed(), *_plain()]


def _trees() -> list[tuple[str, Make]]:
    from sklearn import ensemble, tree

    y, z = _classes, _target
    forest = partial(ensemble.RandomForestClassifier, 5, random_state=0, max_depth=4)
    return [
        ("tree", _fit(partial(tree.DecisionTreeClassifier, random_state=0), _x, y)),
        ("tree-missing", _fit(partial(tree.DecisionTreeRegressor, random_state=0, max_depth=5), _gaps, z)),
        ("tree-pruned", _fit(partial(tree.DecisionTreeClassifier, random_state=0, ccp_alpha=0.05), _x, y)),
        ("tree-best-first", _fit(partial(tree.ExtraTreeRegressor, random_state=0, max_leaf_nodes=6), _x, z)),
        ("tree-two-outputs", _fit(tree.DecisionTreeClassifier, _x, lambda: np.c_[_classes(), _classes() % 2])),
        ("forest", _fit(forest, _x, lambda: np.array(["a", "b", "c"])[_classes()])),
        ("isolation-forest", _fit(partial(ensemble.IsolationForest, n_estimators=5, random_state=0), _x)),
        ("trees-embedding", _fit(partial(ensemble.RandomTreesEmbedding, 3, random_state=0), _x)),
        ("adaboost", _fit(partial(ensemble.AdaBoostRegressor, n_estimators=3, random_state=0), _x, z)),
    ]


def _boosting() -> list[tuple[str, Make]]:
    from sklearn import ensemble

    y, z = _classes, _target
    histogram = partial(ensemble.HistGradientBoostingClassifier, max_iter=3, random_state=0)
    quantile = partial(ensemble.HistGradientBoostingRegressor, max_iter=3, loss="quantile", quantile=0.3)
    huber = partial(ensemble.GradientBoostingRegressor, n_estimators=3, loss="huber", random_state=0)
    exponential = partial(ensemble.GradientBoostingClassifier, n_estimators=3, loss="exponential", random_state=0)
    return [
        ("boosting", _fit(partial(ensemble.GradientBoostingClassifier, n_estimators=3, random_state=0), _x, y)),
        ("boosting-huber", _fit(huber, _x, z)),
        ("boosting-exponential", _fit(exponential, _x, lambda: _classes() % 2)),
        ("histogram", _fit(histogram, _gaps, y)),
        ("histogram-categories", _fit(partial(histogram, categorical_features=[3]), _with_codes, y)),
        ("histogram-quantile", _fit(quantile, _x, z)),
        ("histogram-gamma", _fit(partial(quantile, loss="gamma"), _x, lambda: np.abs(_target()) + 0.1)),
    ]


def _with_codes() -> Any:
    x = _gaps()
    x[:, 3] = np.arange(_ROWS) % 5
    return x


def _neighbours() -> list[tuple[str, Make]]:
    from sklearn import neighbors

    y = _classes
    ball = partial(neighbors.KNeighborsClassifier, 3, algorithm="ball_tree", leaf_size=5)
    scaled = {"metric": "seuclidean", "metric_params": {"V": np.array([1.0, 2.0, 0.5, 1.0])}}
    matrix = {"metric": "mahalanobis", "metric_params": {"VI": np.diag([1.0, 2.0, 0.5, 1.0])}}
    weights = partial(_kernel_density, 0.5)
    return [
        ("kd-tree", _fit(partial(neighbors.KNeighborsClassifier, 3, algorithm="kd_tree", leaf_size=5), _x, y)),
        ("kd-tree-minkowski", _fit(partial(neighbors.NearestNeighbors, algorithm="kd_tree", p=3.0), _x)),
        ("ball-tree-seuclidean", _fit(partial(ball, **scaled), _x, y)),
        ("ball-tree-mahalanobis", _fit(partial(ball, **matrix), _x, y)),
        ("ball-tree-haversine", _fit(partial(ball, metric="haversine"), lambda: _x()[:, :2], y)),
        ("kernel-density-weights", partial(_quiet, weights)),
        ("outlier-factor", _fit(partial(neighbors.LocalOutlierFactor, 5, novelty=True), _x)),
    ]


def _kernel_density(bandwidth: float) -> Any:
    from sklearn.neighbors import KernelDensity

    return KernelDensity(bandwidth=bandwidth).fit(_x(), sample_weight=np.linspace(0.5, 1.5, _ROWS))


def _losses() -> list[tuple[str, Make]]:
    from sklearn import linear_model

    y, z = _classes, _target
    sgd = partial(linear_model.SGDClassifier, max_iter=5, tol=None, random_state=0)
    regression = partial(linear_model.SGDRegressor, max_iter=5, tol=None, random_state=0)
    return [
        *((f"sgd-{loss}", _fit(partial(sgd, loss=loss), _x, y)) for loss in ("hinge", "log_loss", "modified_huber")),
        *((f"sgd-{loss}", _fit(partial(regression, loss=loss), _x, z)) for loss in ("squared_error", "huber")),
        ("sgd-epsilon", _fit(partial(regression, loss="epsilon_insensitive", epsilon=0.2), _x, z)),
        ("tweedie", _fit(partial(linear_model.TweedieRegressor, power=1.5), _x, lambda: np.abs(_target()))),
    ]


def _containers() -> list[tuple[str, Make]]:
    import sklearn.experimental.enable_iterative_imputer  # noqa: F401 - makes the class importable
    from sklearn import calibration, ensemble, impute, isotonic, linear_model

    logistic = linear_model.LogisticRegression
    voters = [("one", logistic(C=0.5)), ("two", logistic(C=2.0))]
    isotonic_calibration = partial(calibration.CalibratedClassifierCV, logistic(), method="isotonic", cv=3)
    return [
        ("bunch", _fit(partial(ensemble.VotingClassifier, voters), _x, _classes)),
        ("named-tuples", _fit(partial(impute.IterativeImputer, max_iter=2, random_state=0), _gaps)),
        ("isotonic", _fit(partial(isotonic.IsotonicRegression, out_of_bounds="clip"), lambda: _x()[:, 0], _target)),
        ("isotonic-constant", _fit(isotonic.IsotonicRegression, lambda: np.ones(5), lambda: np.arange(5.0))),
        ("calibrated-isotonic", _fit(isotonic_calibration, _x, _classes)),
    ]


def _composed() -> list[tuple[str, Make]]:
    from sklearn import compose, feature_extraction, linear_model, model_selection, pipeline, preprocessing

    remainder = partial(
        compose.ColumnTransformer, [("scale", preprocessing.StandardScaler(), [0, 2])], remainder="passthrough"
    )
    search = partial(
        model_selection.GridSearchCV, linear_model.LogisticRegression(), {"C": [0.1, 1.0]}, scoring="f1_macro", cv=3
    )
    threshold = partial(model_selection.TunedThresholdClassifierCV, linear_model.LogisticRegression(), cv=2)
    text = partial(
        pipeline.make_pipeline,
        feature_extraction.text.TfidfVectorizer(stop_words=["sea"]),
        linear_model.SGDClassifier(random_state=0),
    )
    return [
        ("remainder-columns", _fit(remainder, _x)),
        ("grid-search", _fit(search, _x, _classes)),
        ("tuned-threshold", _fit(threshold, _x, lambda: _classes() % 2)),
        ("text-pipeline", _fit(text, _words, _classes)),
    ]


def _plain() -> list[tuple[str, Make]]:
    from sklearn import cluster, gaussian_process, neural_network, preprocessing, svm

    kernel = gaussian_process.kernels.RBF() * 2.0 + gaussian_process.kernels.WhiteKernel(0.1)
    network = partial(neural_network.MLPClassifier, (5,), max_iter=5, random_state=0)
    return [
        ("birch-cycles", _fit(partial(cluster.Birch, branching_factor=4, n_clusters=None, threshold=0.3), _x)),
        ("bisecting", _fit(partial(cluster.BisectingKMeans, 4, random_state=0), _x)),
        ("gaussian-process", _fit(partial(gaussian_process.GaussianProcessRegressor, kernel, alpha=0.1), _x, _target)),
        ("network", _fit(network, _x, _classes)),
        ("splines", _fit(preprocessing.SplineTransformer, _x)),
        ("support-vectors", _fit(partial(svm.SVC, gamma=0.5), _x, _classes)),
        ("stateless", _fit(partial(preprocessing.FunctionTransformer, np.log1p), lambda: np.abs(_x()))),
    ]
