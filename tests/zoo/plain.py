"""One specimen for each class of ``sklearn.utils.all_estimators()``, from scikit-learn's own instances."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import sklearn.experimental.enable_halving_search_cv
import sklearn.experimental.enable_iterative_imputer  # noqa: F401 - both make their classes visible
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler
from sklearn.utils import all_estimators

from tests.zoo import data
from tests.zoo.specimen import Specimen, fit, grown

_POSITIVE = frozenset(
    [
        "AdditiveChi2Sampler",
        "SkewedChi2Sampler",
        "ComplementNB",
        "MultinomialNB",
        "NMF",
        "MiniBatchNMF",
        "LatentDirichletAllocation",
        "TfidfTransformer",
        "SelectFdr",
        "SelectFpr",
        "SelectFwe",
        "BernoulliRBM",
    ]
)
_BINARY = frozenset(["TunedThresholdClassifierCV", "FixedThresholdClassifier"])
_POSITIVE_Y = frozenset(["GammaRegressor", "PoissonRegressor", "TweedieRegressor"])
_TWO_OUTPUTS = frozenset(
    [
        "MultiTaskElasticNet",
        "MultiTaskElasticNetCV",
        "MultiTaskLasso",
        "MultiTaskLassoCV",
        "MultiOutputRegressor",
        "RegressorChain",
        "PLSCanonical",
        "PLSRegression",
        "PLSSVD",
        "CCA",
    ]
)
_MULTILABEL = frozenset(["MultiOutputClassifier", "ClassifierChain"])
_SPECIAL_INPUTS = {
    "CountVectorizer": data.documents,
    "TfidfVectorizer": data.documents,
    "HashingVectorizer": data.documents,
    "DictVectorizer": data.records,
    "FeatureHasher": data.records,
    "PatchExtractor": data.images,
    "KernelCenterer": data.gram,
    "CategoricalNB": data.codes,
    "LabelBinarizer": data.labels,
    "LabelEncoder": data.labels,
    "MultiLabelBinarizer": data.tag_sets,
    "IsotonicRegression": data.line,
}
_WITHOUT_Y = frozenset(_SPECIAL_INPUTS) - {"CategoricalNB", "IsotonicRegression"}


def _frozen() -> Any:
    from sklearn.frozen import FrozenEstimator

    return FrozenEstimator(grown(lambda: LogisticRegression().fit(data.numbers(), data.classes())))


def _made_here(cls: type) -> Any:
    """The instance for the classes that scikit-learn's generator (of any supported version) does not make."""
    name = cls.__name__
    classifier, regressor = LogisticRegression(), Ridge()
    pairs = [("a", LogisticRegression(C=0.5)), ("b", LogisticRegression(C=2.0))]
    ridges = [("a", Ridge(0.5)), ("b", Ridge(2.0))]
    arguments: dict[str, dict[str, Any]] = {
        "ClassifierChain": {"base_estimator": classifier, "cv": 3},
        "RegressorChain": {"base_estimator": regressor, "cv": 3},
        "ColumnTransformer": {"transformers": [("one", StandardScaler(), [0, 1])]},
        "FeatureUnion": {"transformer_list": [("one", StandardScaler())]},
        "GridSearchCV": {"estimator": Ridge(), "param_grid": {"alpha": [0.1, 1.0]}, "cv": 2},
        "HalvingGridSearchCV": {"estimator": Ridge(), "param_grid": {"alpha": [0.1, 1.0]}, "cv": 2},
        "RandomizedSearchCV": {
            "estimator": Ridge(),
            "param_distributions": {"alpha": [0.1, 1.0]},
            "n_iter": 2,
        },
        "HalvingRandomSearchCV": {
            "estimator": Ridge(),
            "param_distributions": {"alpha": [0.1, 1.0]},
            "cv": 2,
        },
        "MultiOutputClassifier": {"estimator": classifier},
        "MultiOutputRegressor": {"estimator": regressor},
        "OneVsOneClassifier": {"estimator": classifier},
        "OneVsRestClassifier": {"estimator": classifier},
        "OutputCodeClassifier": {"estimator": classifier},
        "Pipeline": {"steps": [("scale", StandardScaler()), ("pca", PCA(3)), ("ridge", Ridge())]},
        "SparseCoder": {"dictionary": np.eye(5)[:4]},
        "StackingClassifier": {"estimators": pairs, "cv": 3},
        "StackingRegressor": {"estimators": ridges, "cv": 3},
        "VotingClassifier": {"estimators": pairs},
        "VotingRegressor": {"estimators": ridges},
        "RANSACRegressor": {"estimator": LinearRegression(), "max_trials": 10},
    }
    return cls(**arguments[name])


def _generated(cls: type) -> list[Any]:
    """scikit-learn's own test instances of a class: cheap settings, one or several."""
    try:
        from sklearn.utils._test_common.instance_generator import _construct_instances
    except ImportError:  # before 1.6
        from sklearn.utils.estimator_checks import _construct_instance, _set_checking_parameters

        instance = _construct_instance(cls)
        _set_checking_parameters(instance)
        return [instance]
    return list(_construct_instances(cls))


def instances(cls: type) -> list[Any]:
    """Unfitted instances of a class with every ``random_state`` set to 0."""
    if cls.__name__ == "FrozenEstimator":
        return [_frozen()]
    if cls.__name__ in {"SparseCoder", "Pipeline"}:
        found = [_made_here(cls)]
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = _generated(cls)
            except Exception:  # SkipTest, or a constructor that wants an argument
                found = [_made_here(cls)]
    for instance in found:
        seeds = {key: 0 for key in instance.get_params(deep=True) if key.split("__")[-1] == "random_state"}
        instance.set_params(**seeds)
    return found


def _pairwise(instance: Any) -> bool:
    params = instance.get_params(deep=False)
    return "precomputed" in (params.get("metric"), params.get("kernel"), params.get("affinity"))


def data_for(instance: Any) -> tuple[Any, Any]:
    """An X and a y (or None) that suit an instance of any scikit-learn class."""
    name = type(instance).__name__
    if name in _SPECIAL_INPUTS:
        x = _SPECIAL_INPUTS[name]()
    elif _pairwise(instance):
        x = data.distances() if "metric" in instance.get_params(deep=False) else data.gram()
    elif name == "SparseCoder":
        x = data.numbers()
    else:
        x = data.positive() if name in _POSITIVE else data.numbers()
    return x, None if name in _WITHOUT_Y else _target_for(instance, name)


def _target_for(instance: Any, name: str) -> Any:
    if name in _BINARY:
        return data.binary()
    if name in _MULTILABEL:
        return data.multilabel()
    if name in _TWO_OUTPUTS:
        return data.targets()
    if name in _POSITIVE_Y:
        return data.positive_target()
    if is_regressor(instance) or name == "IsotonicRegression":
        return data.target()
    if is_classifier(instance) or not getattr(instance, "_estimator_type", None):
        return data.classes()
    return None


def plain() -> Iterator[Specimen]:
    """Every class of the installed scikit-learn; each instance of its generator is one specimen."""
    for name, cls in all_estimators():
        for number, instance in enumerate(instances(cls), start=1):
            x, y = data_for(instance)
            shown = name if number == 1 else f"{name}[generated-{number}]"
            frozen = name == "FrozenEstimator"
            yield fit(shown, _frozen if frozen else partial(clone, instance), x, y)
