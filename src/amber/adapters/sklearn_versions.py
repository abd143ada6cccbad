"""What moved between scikit-learn 1.5 and 1.9, applied to the attributes of one object before it is rebuilt.

Attributes that came or went between versions are what breaks old models. The table below was found by fitting the
same few hundred estimators with 1.5, 1.6, 1.7, 1.8 and 1.9 and comparing what they hold. Its rules:

- a constructor parameter that the state lacks gets the installed class's default, so that `get_params` and `clone`
  work; where another value says what the older version did, the table gives that one;
- a fitted attribute that the installed class reads is computed from the others, where its meaning is certain;
- a renamed attribute is renamed, in both directions;
- an attribute that the installed class computes as a property is dropped, what it merely does not know stays;
- a state whose meaning the installed version no longer has (`algorithm="SAMME.R"`) is refused rather than bent.

Rules look at the state and the installed version, never at a guess about the writer, so they change nothing that is
already as it should be. The few that the state cannot decide (the same attributes, read otherwise) are told which
version wrote, and do nothing where that is unknown. With equal versions nothing is looked at.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

from amber.adapters import sklearn_moves_models as models
from amber.adapters import sklearn_moves_others as others
from amber.adapters.sklearn_moves import State, Version


def migrate(cls: type, state: State, written: str) -> State:
    """Return the attributes that the installed version expects.

    Raises:
        ValueError: The state means something that the installed version cannot do.
    """
    import sklearn

    if written == sklearn.__version__:
        return state
    return adjust(cls, state, _release(sklearn.__version__), _release(written) if written else None)


def adjust(cls: type, state: State, here: Version, there: Version | None = None) -> State:
    """Return the attributes that version `here` (major, minor) expects of an object of `cls`.

    Args:
        cls: The class of the object.
        state: Its attributes; changed in place.
        here: The installed version.
        there: The version that wrote it, where that is known.

    Raises:
        ValueError: The state means something that this version cannot do.
    """
    name = cls.__name__
    for rule in _RULES.get(name, ()):
        rule(state, here)
    if there is not None and name in _CROSSED:
        _CROSSED[name](state, there, here)
    parameters = _parameters(cls)
    for parameter, default in parameters.items():
        if default is not inspect.Parameter.empty:
            state.setdefault(parameter, default)
    for attribute in _GONE.get(name, ()):
        if attribute not in parameters:
            _refuse_meaning(name, attribute, state.pop(attribute, None), here)
    for attribute in [each for each in state if isinstance(inspect.getattr_static(cls, each, None), property)]:
        del state[attribute]
    return state


def _refuse_meaning(name: str, parameter: str, value: Any, here: Version) -> None:
    """Raise where a parameter that this version lacks is not at the one value that changes no answer."""
    neutral = _MEANT.get(name, {}).get(parameter)
    same = isinstance(value, type(neutral)) and value == neutral
    if neutral is not None and value is not None and not same:
        raise ValueError(f"{parameter}={value!r} does not exist in scikit-learn {here[0]}.{here[1]}")


def _release(version: str) -> Version:
    major, minor = version.split(".")[:2]
    return int(major), int("".join(char for char in minor if char.isdigit()) or 0)


@cache
def _parameters(cls: type) -> State:
    """Constructor parameters of an estimator class and their defaults; nothing for any other class."""
    if not hasattr(cls, "get_params") or not hasattr(cls, "_get_param_names"):
        return {}
    return {each.name: each.default for each in inspect.signature(cls).parameters.values()}


Rule = Callable[[State, Version], None]
_RULES: dict[str, tuple[Rule, ...]] = {
    "LogisticRegression": (models.logistic,),
    "LogisticRegressionCV": (models.logistic, models.logistic_search),
    **dict.fromkeys(("ElasticNetCV", "LassoCV", "MultiTaskElasticNetCV", "MultiTaskLassoCV"), (models.path_length,)),
    **dict.fromkeys(("SGDClassifier", "SGDRegressor", "SGDOneClassSVM", "Perceptron"), (models.sgd,)),
    "RidgeCV": (models.ridge_search,),
    "RidgeClassifier": (models.ridge_classes,),
    "RidgeClassifierCV": (models.ridge_search, models.ridge_classes),
    "AdaBoostClassifier": (models.adaboost,),
    "BaggingClassifier": (models.bagging,),
    "BaggingRegressor": (models.bagging,),
    "IsolationForest": (models.bagging,),
    **dict.fromkeys(
        ("ExtraTreesClassifier", "RandomForestClassifier", "RandomTreesEmbedding"),
        (models.weights,),
    ),
    "ExtraTreesRegressor": (models.weights, models.regression_tree),
    "RandomForestRegressor": (models.weights, models.regression_tree),
    "DecisionTreeRegressor": (models.regression_tree,),
    "ExtraTreeRegressor": (models.regression_tree,),
    "GradientBoostingClassifier": (models.boosting,),
    "GradientBoostingRegressor": (models.boosting,),
    "HistGradientBoostingClassifier": (models.histogram,),
    "HistGradientBoostingRegressor": (models.histogram,),
    "FunctionTransformer": (models.function_transformer,),
    **dict.fromkeys(
        (
            "AbsoluteError",
            "ExponentialLoss",
            "HalfBinomialLoss",
            "HalfGammaLoss",
            "HalfPoissonLoss",
            "HalfSquaredError",
            "HalfTweedieLoss",
            "HalfTweedieLossIdentity",
            "HuberLoss",
            "PinballLoss",
        ),
        (models.loss,),
    ),
    "HalfMultinomialLoss": (models.loss, models.multinomial_loss),
    "ColumnTransformer": (others.names_of_columns,),
    "SimpleImputer": (others.imputer,),
    "IterativeImputer": (others.iterative_imputer,),
    "KBinsDiscretizer": (others.bins,),
    "TargetEncoder": (others.target_encoder,),
    **dict.fromkeys(("SVC", "NuSVC", "SVR", "NuSVR", "OneClassSVM"), (others.machine,)),
    "ClassifierChain": (others.chain,),
    "RegressorChain": (others.chain,),
    "SelfTrainingClassifier": (others.self_training,),
    "NearestCentroid": (others.centroids,),
    "SparseCoder": (others.coder,),
    "NMF": (others.factors,),
    "MiniBatchNMF": (others.factors,),
    "MDS": (others.scaling,),
    "TSNE": (others.neighbour_embedding,),
    "HDBSCAN": (others.density_clusters,),
    "_Scorer": (others.scorer,),
    "_CurveScorer": (others.scorer,),
}
# What the same attributes mean hangs on the version that wrote them.
_CROSSED: dict[str, Callable[[State, Version, Version], None]] = {
    "ARDRegression": models.bayes,
    "BayesianRidge": models.bayes,
}
# Constructor parameters that some versions have and some do not: dropped where the installed class does not take them.
_GONE: dict[str, tuple[str, ...]] = {
    "AdaBoostClassifier": ("algorithm",),
    "Birch": ("copy",),
    "ClassifierChain": ("base_estimator",),
    "ColumnTransformer": ("force_int_remainder_cols",),
    "ElasticNetCV": ("n_alphas",),
    "KBinsDiscretizer": ("quantile_method",),
    "LassoCV": ("n_alphas",),
    "LinearRegression": ("tol",),
    "LogisticRegression": ("multi_class",),
    "LogisticRegressionCV": ("multi_class", "use_legacy_attributes"),
    "MDS": ("init", "metric_mds", "metric_params"),
    "MaxAbsScaler": ("clip",),
    "MultiTaskElasticNetCV": ("n_alphas",),
    "MultiTaskLassoCV": ("n_alphas",),
    "NearestCentroid": ("priors",),
    "Pipeline": ("transform_input",),
    "QuadraticDiscriminantAnalysis": ("covariance_estimator", "shrinkage", "solver"),
    "RegressorChain": ("base_estimator",),
    "RidgeCV": ("store_cv_values",),
    "RidgeClassifierCV": ("store_cv_values",),
    "SelfTrainingClassifier": ("base_estimator", "estimator"),
    "SplineTransformer": ("handle_missing",),
    "TSNE": ("n_iter",),
    "TheilSenRegressor": ("copy_X",),
}
# Of those, the ones that are read after the fit, and the value with which they change no answer.
_MEANT: dict[str, dict[str, Any]] = {
    "MaxAbsScaler": {"clip": False},
    "NearestCentroid": {"priors": "uniform"},
    "SplineTransformer": {"handle_missing": "error"},
}
