"""The models of each class: fitted on ordinary columns, on columns of large magnitude, and with missing values."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from sklearn import (
    calibration,
    cluster,
    compose,
    covariance,
    cross_decomposition,
    decomposition,
    ensemble,
    feature_extraction,
    feature_selection,
    frozen,
    gaussian_process,
    impute,
    linear_model,
    mixture,
    model_selection,
    multiclass,
    multioutput,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    random_projection,
    semi_supervised,
    svm,
    tree,
)
from sklearn.base import is_classifier, is_regressor
from sklearn.utils import all_estimators

from proofs.conversion import data

Rows = Callable[..., Any]


class Subject(NamedTuple):
    """A fitted model, the rows its cases are chosen from, and how to draw more; without a model, why not."""

    variant: str
    model: Any
    sample: Any
    draw: Rows
    refusal: str = ""


class Kind(NamedTuple):
    """What a class is fitted on: for each variant, how rows are drawn."""

    variants: dict[str, Rows]
    target: Callable[[], Any] | None = None


def _each(names: list[str], variants: dict[str, Rows]) -> dict[str, dict[str, Rows]]:
    return dict.fromkeys(names, variants)


NUMBERS: dict[str, Rows] = {"ordinary": data.numbers, "large": data.large, "missing": data.missing}
_KINDS: dict[str, dict[str, Rows]] = {
    **_each(
        ["AdditiveChi2Sampler", "SkewedChi2Sampler", "NMF", "MiniBatchNMF", "LatentDirichletAllocation"],
        {"ordinary": data.positive, "large": data.positive_large},
    ),
    **_each(
        ["ComplementNB", "MultinomialNB", "TfidfTransformer"], {"ordinary": data.counts, "large": data.counts_large}
    ),
    **_each(["CountVectorizer", "TfidfVectorizer", "HashingVectorizer"], {"texts": data.texts}),
    **_each(["DictVectorizer", "FeatureHasher"], {"records": data.records}),
    **_each(["LabelBinarizer", "LabelEncoder"], {"labels": data.labels}),
    **_each(
        ["OneHotEncoder", "OrdinalEncoder", "TargetEncoder"],
        {"strings": data.words, "ordinary": data.codes, "large": data.codes_large, "missing": data.codes_missing},
    ),
    "KernelCenterer": {"ordinary": data.gram, "large": data.gram_large},
    "CategoricalNB": {"ordinary": data.codes},
    "IsotonicRegression": {"ordinary": data.line},
    "ColumnTransformer": {"frame": data.frame},
    "Pipeline": {**NUMBERS, "frame": data.frame},
    "GridSearchCV": {**NUMBERS, "frame": data.frame},
    "RandomizedSearchCV": NUMBERS,
    "FeatureUnion": {**NUMBERS, "frame": data.frame},
}
_BINARY = frozenset(["TunedThresholdClassifierCV", "FixedThresholdClassifier"])
_POSITIVE_Y = frozenset(["GammaRegressor", "PoissonRegressor", "TweedieRegressor"])
_TWO_OUTPUTS = frozenset(
    ["MultiTaskElasticNet", "MultiTaskElasticNetCV", "MultiTaskLasso", "MultiTaskLassoCV", "MultiOutputRegressor",
     "RegressorChain", "PLSCanonical", "PLSRegression", "PLSSVD", "CCA"]
)  # fmt: skip
_MULTILABEL = frozenset(["MultiOutputClassifier", "ClassifierChain"])
_SUPERVISED = frozenset(
    ["GenericUnivariateSelect", "SelectFdr", "SelectFpr", "SelectFwe", "SelectKBest", "SelectPercentile", "RFE",
     "RFECV", "SelectFromModel", "SequentialFeatureSelector", "TargetEncoder", "NeighborhoodComponentsAnalysis",
     "LinearDiscriminantAnalysis", "Pipeline", "GridSearchCV", "RandomizedSearchCV", "FrozenEstimator"]
)  # fmt: skip


def _logistic(**given: Any) -> Any:
    return linear_model.LogisticRegression(max_iter=200, **given)


def _scaled(*steps: Any) -> Any:
    return pipeline.make_pipeline(preprocessing.StandardScaler(), *steps)


def _prepared() -> Any:
    """Numbers imputed and scaled, strings imputed and encoded: the pipeline of most tables."""
    numbers = pipeline.make_pipeline(impute.SimpleImputer(strategy="median"), preprocessing.StandardScaler())
    texts = pipeline.make_pipeline(
        impute.SimpleImputer(strategy="most_frequent", missing_values=None),
        preprocessing.OneHotEncoder(handle_unknown="ignore", min_frequency=3),
    )
    return compose.ColumnTransformer(
        [("numbers", numbers, ["age", "income", "time", "id"]), ("city", texts, ["city"]),
         ("band", preprocessing.OneHotEncoder(handle_unknown="ignore"), ["band"])]
    )  # fmt: skip


def _by_variant(ordinary: Any, on_frame: Any) -> Callable[[str], Any]:
    return lambda variant: on_frame() if variant == "frame" else ordinary()


def _small_forest(**given: Any) -> Any:
    return ensemble.RandomForestClassifier(6, max_depth=5, random_state=0, **given)


def _classifiers() -> Any:
    return [("a", _scaled(_logistic())), ("b", _small_forest())]


def _regressors() -> Any:
    return [
        ("a", _scaled(linear_model.Ridge())),
        ("b", ensemble.RandomForestRegressor(6, max_depth=5, random_state=0)),
    ]


# How a class is made where its defaults will not do; a function of the variant, or of nothing.
MADE: dict[str, Callable[..., Any]] = {
    "AdaBoostClassifier": lambda: ensemble.AdaBoostClassifier(n_estimators=8, random_state=0),
    "BaggingClassifier": lambda: ensemble.BaggingClassifier(n_estimators=6, max_features=4, random_state=0),
    "BayesianGaussianMixture": lambda: mixture.BayesianGaussianMixture(n_components=3, random_state=0),
    "CalibratedClassifierCV": lambda: calibration.CalibratedClassifierCV(_scaled(svm.LinearSVC()), cv=3),
    "ClassifierChain": lambda: multioutput.ClassifierChain(_scaled(_logistic()), random_state=0),
    "ColumnTransformer": lambda: _prepared(),
    "FeatureHasher": lambda: feature_extraction.FeatureHasher(64),
    "FeatureUnion": _by_variant(
        lambda: pipeline.FeatureUnion(
            [("scale", preprocessing.StandardScaler()), ("bins", preprocessing.MinMaxScaler())]
        ),
        lambda: pipeline.FeatureUnion([("all", _prepared()), ("some", _prepared())]),
    ),
    "FixedThresholdClassifier": lambda: model_selection.FixedThresholdClassifier(
        _scaled(_logistic()), threshold=0.4, response_method="predict_proba"
    ),
    "FrozenEstimator": lambda: frozen.FrozenEstimator(_scaled(_logistic()).fit(data.numbers(), data.classes())),
    "FunctionTransformer": lambda: preprocessing.FunctionTransformer(np.log1p, inverse_func=np.expm1),
    "GaussianMixture": lambda: mixture.GaussianMixture(3, random_state=0),
    "GaussianProcessClassifier": lambda: gaussian_process.GaussianProcessClassifier(optimizer=None, random_state=0),
    "GaussianProcessRegressor": lambda: gaussian_process.GaussianProcessRegressor(
        gaussian_process.kernels.RBF(2.0), alpha=0.1, optimizer=None
    ),
    "GaussianRandomProjection": lambda: random_projection.GaussianRandomProjection(3, random_state=0),
    "GenericUnivariateSelect": lambda: feature_selection.GenericUnivariateSelect(mode="k_best", param=3),
    "GridSearchCV": _by_variant(
        lambda: model_selection.GridSearchCV(
            pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler(), _logistic()),
            {"logisticregression__C": [0.1, 1.0]},
            cv=2,
        ),
        lambda: model_selection.GridSearchCV(
            pipeline.make_pipeline(_prepared(), _small_forest()), {"randomforestclassifier__max_depth": [3, 5]}, cv=2
        ),
    ),
    "HistGradientBoostingClassifier": lambda: ensemble.HistGradientBoostingClassifier(max_iter=8, random_state=0),
    "HistGradientBoostingRegressor": lambda: ensemble.HistGradientBoostingRegressor(max_iter=8, random_state=0),
    "KBinsDiscretizer": lambda: preprocessing.KBinsDiscretizer(
        4, encode="onehot", quantile_method="averaged_inverted_cdf"
    ),
    "KernelPCA": lambda: decomposition.KernelPCA(3, kernel="rbf", gamma=0.1, fit_inverse_transform=True),
    "IncrementalPCA": lambda: decomposition.IncrementalPCA(3),
    "LocalOutlierFactor": lambda: neighbors.LocalOutlierFactor(10, novelty=True),
    "MLPClassifier": lambda: neural_network.MLPClassifier(hidden_layer_sizes=(12,), max_iter=60, random_state=0),
    "MLPRegressor": lambda: neural_network.MLPRegressor(hidden_layer_sizes=(12,), max_iter=60, random_state=0),
    "MultiOutputClassifier": lambda: multioutput.MultiOutputClassifier(_scaled(_logistic())),
    "MultiOutputRegressor": lambda: multioutput.MultiOutputRegressor(_scaled(linear_model.Ridge())),
    "OneVsOneClassifier": lambda: multiclass.OneVsOneClassifier(_scaled(_logistic())),
    "OneVsRestClassifier": lambda: multiclass.OneVsRestClassifier(_scaled(_logistic())),
    "OrdinalEncoder": lambda: preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    "OutputCodeClassifier": lambda: multiclass.OutputCodeClassifier(_scaled(_logistic()), random_state=0),
    "PCA": lambda: decomposition.PCA(3, random_state=0),
    "Pipeline": _by_variant(
        lambda: pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler(), _logistic()),
        lambda: pipeline.make_pipeline(_prepared(), _logistic()),
    ),
    "QuantileTransformer": lambda: preprocessing.QuantileTransformer(n_quantiles=50, random_state=0),
    "RandomizedSearchCV": lambda: model_selection.RandomizedSearchCV(
        pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler(), _logistic()),
        {"logisticregression__C": [0.1, 1.0]},
        n_iter=2,
        cv=2,
        random_state=0,
    ),
    "RFE": lambda: feature_selection.RFE(_scaled_tree(), n_features_to_select=3),
    "RFECV": lambda: feature_selection.RFECV(_scaled_tree(), cv=2),
    "RadiusNeighborsClassifier": lambda: neighbors.RadiusNeighborsClassifier(1e9, weights="distance"),
    "RadiusNeighborsRegressor": lambda: neighbors.RadiusNeighborsRegressor(1e9, weights="distance"),
    "RegressorChain": lambda: multioutput.RegressorChain(_scaled(linear_model.Ridge()), random_state=0),
    "SelectFdr": lambda: feature_selection.SelectFdr(alpha=0.5),
    "SelectFpr": lambda: feature_selection.SelectFpr(alpha=0.5),
    "SelectFwe": lambda: feature_selection.SelectFwe(alpha=0.5),
    "SelectFromModel": lambda: feature_selection.SelectFromModel(_scaled_tree()),
    "SelectKBest": lambda: feature_selection.SelectKBest(k=3),
    "SelectPercentile": lambda: feature_selection.SelectPercentile(percentile=60),
    "SelfTrainingClassifier": lambda: semi_supervised.SelfTrainingClassifier(_scaled(_logistic())),
    "SequentialFeatureSelector": lambda: feature_selection.SequentialFeatureSelector(
        _scaled_tree(), n_features_to_select=3, cv=2
    ),
    "SimpleImputer": lambda: impute.SimpleImputer(add_indicator=True),
    "SparseCoder": lambda: decomposition.SparseCoder(np.eye(5)[:4]),
    "SparseRandomProjection": lambda: random_projection.SparseRandomProjection(3, random_state=0),
    "StackingClassifier": lambda: ensemble.StackingClassifier(_classifiers(), cv=3),
    "StackingRegressor": lambda: ensemble.StackingRegressor(_regressors(), cv=3),
    "SVC": lambda: svm.SVC(probability=True, random_state=0),
    "NuSVC": lambda: svm.NuSVC(nu=0.2, probability=True, random_state=0),
    "TargetEncoder": lambda: preprocessing.TargetEncoder(random_state=0),
    "TransformedTargetRegressor": lambda: compose.TransformedTargetRegressor(
        _scaled(linear_model.Ridge()), func=np.cbrt, inverse_func=np.square, check_inverse=False
    ),
    "TruncatedSVD": lambda: decomposition.TruncatedSVD(3, random_state=0),
    "TunedThresholdClassifierCV": lambda: model_selection.TunedThresholdClassifierCV(_scaled(_logistic()), cv=2),
    "VotingClassifier": lambda: ensemble.VotingClassifier(_classifiers(), voting="soft"),
    "VotingRegressor": lambda: ensemble.VotingRegressor(_regressors()),
    "Birch": lambda: cluster.Birch(n_clusters=3),
    "EllipticEnvelope": lambda: covariance.EllipticEnvelope(random_state=0),
    "CCA": lambda: cross_decomposition.CCA(2),
    "GaussianNB": lambda: naive_bayes.GaussianNB(),
    "LabelSpreading": lambda: semi_supervised.LabelSpreading(gamma=0.5),
    "LabelPropagation": lambda: semi_supervised.LabelPropagation(gamma=0.5),
}
_COMMON: dict[str, Any] = {"random_state": 0, "n_estimators": 8, "max_subpopulation": 100, "n_init": 1}


def _scaled_tree() -> Any:
    return tree.DecisionTreeClassifier(max_depth=4, random_state=0)


@cache
def classes() -> dict[str, type]:
    """Return every estimator of scikit-learn by name."""
    return dict(all_estimators())


@cache
def peers() -> list[str]:
    """Return the names of the classes that skl2onnx has in its table too, sorted."""
    from skl2onnx._supported_operators import sklearn_operator_name_map

    return sorted(name for name, cls in classes().items() if cls in sklearn_operator_name_map)


# Listed by scikit-learn only where somebody has enabled them.
EXPERIMENTAL = frozenset(["HalvingGridSearchCV", "HalvingRandomSearchCV", "IterativeImputer"])


@cache
def others() -> list[str]:
    """Return the names of those that skl2onnx has not and Amber has, sorted."""
    from amber.programs import emit
    from amber.programs.emit import flow

    emit.load_families()
    known = {each.rpartition(".")[2] for each in flow.known() if each.startswith("sklearn.")}
    return sorted((known & set(classes())) - set(peers()) - EXPERIMENTAL)


def made(name: str, variant: str) -> Any:
    """Return an instance that is not fitted."""
    if name not in MADE:
        known = inspect.signature(classes()[name]).parameters
        return classes()[name](**{key: value for key, value in _COMMON.items() if key in known})
    make = MADE[name]
    return make(variant) if inspect.signature(make).parameters else make()


def _target(name: str, model: Any, variant: str) -> Any:
    if name in _BINARY:
        return data.binary()
    if name in _MULTILABEL:
        return data.multilabel()
    if name in _TWO_OUTPUTS:
        return data.targets()
    if name in _POSITIVE_Y:
        return data.positive_target()
    if is_regressor(model) or name == "IsotonicRegression":
        return data.target()
    if is_classifier(model) or name in _SUPERVISED:
        return data.named() if variant in ("large", "frame") else data.classes()
    return None


def subjects(name: str) -> Iterator[Subject]:
    """Yield the fitted models of a class; one that cannot be fitted says why."""
    for variant, draw in _KINDS.get(name, NUMBERS).items():
        sample = draw()
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            np.random.seed(0)
            try:
                model = made(name, variant)
                wanted = _target(name, model, variant)
                model = model.fit(sample) if wanted is None else model.fit(sample, wanted)
            except Exception as error:
                yield Subject(variant, None, None, draw, f"{type(error).__name__}: {str(error).splitlines()[0]}")
                continue
        yield Subject(variant, model, sample, draw)
