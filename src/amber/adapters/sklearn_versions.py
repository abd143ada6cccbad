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
already as it should be. With equal versions nothing is looked at.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

Version = tuple[int, int]
State = dict[str, Any]


def migrate(cls: type, state: State, written: str) -> State:
    """Return the attributes that the installed version expects.

    Raises:
        ValueError: The state means something that the installed version cannot do.
    """
    import sklearn

    if written == sklearn.__version__:
        return state
    return adjust(cls, state, _release(sklearn.__version__))


def adjust(cls: type, state: State, here: Version) -> State:
    """Return the attributes that version `here` (major, minor) expects of an object of `cls`.

    Raises:
        ValueError: The state means something that this version cannot do.
    """
    name = cls.__name__
    for rule in _RULES.get(name, ()):
        rule(state, here)
    parameters = _parameters(cls)
    for parameter, default in parameters.items():
        if default is not inspect.Parameter.empty:
            state.setdefault(parameter, default)
    for attribute in _GONE.get(name, ()):
        if attribute not in parameters:
            state.pop(attribute, None)
    for attribute in [each for each in state if isinstance(inspect.getattr_static(cls, each, None), property)]:
        del state[attribute]
    return state


def _release(version: str) -> Version:
    major, minor = version.split(".")[:2]
    return int(major), int("".join(char for char in minor if char.isdigit()) or 0)


@cache
def _parameters(cls: type) -> State:
    """Constructor parameters of an estimator class and their defaults; nothing for any other class."""
    if not hasattr(cls, "get_params") or not hasattr(cls, "_get_param_names"):
        return {}
    return {each.name: each.default for each in inspect.signature(cls).parameters.values()}


def _rename(state: State, old: str, new: str, changed: Version, here: Version) -> None:
    """`old` became `new` in version `changed`; `deprecated` stands for a parameter that is not used."""
    source, target = (old, new) if here >= changed else (new, old)
    value = state.get(source, "deprecated")
    if isinstance(value, str) and value == "deprecated":
        return
    current = state.get(target, "deprecated")
    if current is None or (isinstance(current, str) and current == "deprecated"):
        state[target] = value
    del state[source]


def _replace(state: State, name: str, old: Any, new: Any) -> None:
    """Give a parameter another spelling of the same meaning."""
    if name in state and type(state[name]) is type(old) and state[name] == old:
        state[name] = new


# -- linear models ---------------------------------------------------------------------------------------------------


def _logistic(state: State, here: Version) -> None:
    """1.8 removed multi_class and spells penalty as l1_ratio and C."""
    classes = state.get("classes_")
    if here >= (1, 8):
        if classes is not None and _is_per_class(state, len(classes)):
            raise ValueError(
                f"multi_class={state['multi_class']!r} with solver={state.get('solver')!r} has other probabilities in "
                "scikit-learn 1.8 and later, which has no such parameter"
            )
        return
    state.setdefault("multi_class", "deprecated")
    if state.get("penalty") == "deprecated":
        ratio = state.get("l1_ratio") or 0.0
        infinite = state.get("C") == np.inf
        state["penalty"] = None if infinite else "l2" if ratio == 0.0 else "l1" if ratio == 1.0 else "elasticnet"
        if state["penalty"] != "elasticnet":
            state["l1_ratio"] = None


def _is_per_class(state: State, classes: int) -> bool:
    """Whether `predict_proba` of 1.5 to 1.7 answers otherwise than the one rule that 1.8 has."""
    if "multi_class" not in state:
        return False
    given = state["multi_class"]
    if classes <= 2:
        return bool(given == "multinomial")
    return given == "ovr" or (given in ("auto", "deprecated") and state.get("solver") == "liblinear")


def _logistic_search(state: State, here: Version) -> None:
    if here < (1, 8):
        _replace(state, "l1_ratios", "warn", None)
    if here < (1, 9):
        _replace(state, "scoring", "warn", None)


def _path_length(state: State, here: Version) -> None:
    """1.9 takes the number of alphas in `alphas`."""
    if here >= (1, 9):
        count = state.pop("n_alphas", None)
        if state.get("alphas") is None or isinstance(state.get("alphas"), str):
            state["alphas"] = count if isinstance(count, int) else 100
    elif here < (1, 7):
        alphas = state.get("alphas")
        if isinstance(alphas, int | str):
            state["n_alphas"], state["alphas"] = (alphas if isinstance(alphas, int) else 100), None
        _replace(state, "n_alphas", "deprecated", 100)


def _sgd(state: State, here: Version) -> None:
    """eta0=0.0 was the default where it is not used; 1.8 refuses it. Before 1.8 the base class kept a C."""
    if here >= (1, 8):
        if state.get("learning_rate") == "optimal":
            _replace(state, "eta0", 0.0, 0.01)
    else:
        state.setdefault("C", 1.0)


def _ridge_search(state: State, here: Version) -> None:
    if here >= (1, 7) and state.get("store_cv_results", 0) is None:
        state["store_cv_results"] = False


def _ridge_classes(state: State, here: Version) -> None:
    """`classes_` was a property before 1.8."""
    if here >= (1, 8) and "_label_binarizer" in state:
        state.setdefault("classes_", state["_label_binarizer"].classes_)


# -- ensembles and their losses --------------------------------------------------------------------------------------


def _adaboost(state: State, here: Version) -> None:
    """1.6 removed SAMME.R, which weighs answers otherwise."""
    if here >= (1, 6):
        if state.get("algorithm") == "SAMME.R":
            raise ValueError("algorithm='SAMME.R' does not exist in scikit-learn 1.6 and later")
    else:
        state.setdefault("algorithm", "SAMME")
        _replace(state, "algorithm", "deprecated", "SAMME")


def _bagging(state: State, here: Version) -> None:
    if here < (1, 8) and state.get("max_samples", 0) is None:
        state["max_samples"] = 1.0
    if here >= (1, 8) and "estimators_" in state:
        state.setdefault("_sample_weight", None)


def _weights(state: State, here: Version) -> None:
    if here >= (1, 9) and "estimators_" in state:
        state.setdefault("_sample_weight", None)


def _boosting(state: State, here: Version) -> None:
    if here < (1, 9):
        _replace(state, "criterion", "deprecated", "friedman_mse")


def _regression_tree(state: State, here: Version) -> None:
    """1.9 says friedman_mse is squared_error, and its constructor replaces the word, which breaks `clone`."""
    if here >= (1, 9):
        _replace(state, "criterion", "friedman_mse", "squared_error")


def _histogram(state: State, here: Version) -> None:
    """`categorical_features="warn"` (1.5) meant none; 1.7 keeps the encoder of the labels."""
    if here >= (1, 6):
        _replace(state, "categorical_features", "warn", None)
    if here >= (1, 7) and "classes_" in state and "_label_encoder" not in state:
        from sklearn.preprocessing import LabelEncoder

        state["_label_encoder"] = encoder = LabelEncoder()
        encoder.classes_ = state["classes_"]


def _function_transformer(state: State, here: Version) -> None:
    """Histogram boosting holds partial(check_array, ...), one of whose keywords was renamed in 1.6."""
    func = state.get("func")
    if not isinstance(func, partial) or getattr(func.func, "__name__", "") != "check_array":
        return
    old, new = "force_all_finite", "ensure_all_finite"
    source, target = (old, new) if here >= (1, 6) else (new, old)
    if source in func.keywords:
        keywords = {target if name == source else name: value for name, value in func.keywords.items()}
        state["func"] = partial(func.func, *func.args, **keywords)


def _loss(state: State, here: Version) -> None:
    """1.9 losses know an array namespace; None is NumPy's."""
    if here >= (1, 9):
        state.setdefault("xp", None)
        state.setdefault("device", None)


def _multinomial_loss(state: State, here: Version) -> None:
    if here >= (1, 9):
        for name in ("class_indexing_offsets", "y_true_int", "y_true_one_hot"):
            state.setdefault(name, None)


# -- preprocessing ---------------------------------------------------------------------------------------------------


def _imputer(state: State, here: Version) -> None:
    """1.8 casts the statistics to a recorded dtype; before, they were used as they are."""
    statistics = state.get("statistics_")
    if statistics is None:
        return
    if here >= (1, 8):
        state.setdefault("_fill_dtype", statistics.dtype)
    elif "_fill_dtype" in state and statistics.dtype != state["_fill_dtype"]:
        state["statistics_"] = statistics.astype(state["_fill_dtype"])


def _iterative_imputer(state: State, here: Version) -> None:
    """1.6 keeps which features had no value at all; before, their missing statistics said so."""
    initial = state.get("initial_imputer_")
    if here >= (1, 6) and initial is not None:
        state.setdefault("_is_empty_feature", np.isnan(np.asarray(initial.statistics_, dtype=np.float64)))


def _bins(state: State, here: Version) -> None:
    """Before 1.7 quantiles were linear; the parameter's default is another method."""
    if here >= (1, 7):
        state.setdefault("quantile_method", "linear")
        _replace(state, "quantile_method", "warn", "linear")


def _target_encoder(state: State, here: Version) -> None:
    if here < (1, 9):
        _replace(state, "shuffle", "deprecated", True)
        _replace(state, "random_state", "deprecated", None)


# -- the rest --------------------------------------------------------------------------------------------------------


def _machine(state: State, here: Version) -> None:
    """1.9 deprecates `probability` and keeps what was decided at fit."""
    if here >= (1, 9):
        if "support_" in state:
            state.setdefault("_effective_probability", state.get("probability") is True)
    else:
        _replace(state, "probability", "deprecated", False)


def _chain(state: State, here: Version) -> None:
    _rename(state, "base_estimator", "estimator", (1, 7), here)


def _self_training(state: State, here: Version) -> None:
    _rename(state, "base_estimator", "estimator", (1, 6), here)
    _rename(state, "base_estimator_", "estimator_", (1, 6), here)


def _centroids(state: State, here: Version) -> None:
    """1.6 weighs classes by a prior, uniform unless asked otherwise."""
    if here >= (1, 6) and "centroids_" in state:
        count = len(state["centroids_"])
        state.setdefault("class_prior_", np.full(count, 1.0 / count))


def _coder(state: State, here: Version) -> None:
    """Two properties became attributes in 1.8."""
    if here >= (1, 8) and state.get("dictionary") is not None:
        state.setdefault("n_components_", len(state["dictionary"]))
        state.setdefault("n_features_in_", state["dictionary"].shape[1])


def _factors(state: State, here: Version) -> None:
    """`n_components="warn"` (1.5) meant one for each feature."""
    if here >= (1, 6):
        _replace(state, "n_components", "warn", None)


def _scaling(state: State, here: Version) -> None:
    """1.8: `metric` names a distance, `metric_mds` says whether the scaling is metric; before, `metric` said that."""
    metric = state.get("metric")
    if here >= (1, 8):
        if isinstance(metric, bool):
            distance = state.get("dissimilarity")
            state["metric_mds"] = metric
            state["metric"] = distance if distance in ("euclidean", "precomputed") else "euclidean"
            state["dissimilarity"] = "deprecated"
    elif isinstance(metric, str):
        state["dissimilarity"] = "precomputed" if metric == "precomputed" else "euclidean"
        state["metric"] = state.pop("metric_mds", True)
    if here < (1, 7):
        _replace(state, "n_init", "warn", 4)


def _neighbour_embedding(state: State, here: Version) -> None:
    if here >= (1, 7) and state.get("max_iter", 0) is None:
        state["max_iter"] = 1000


def _density_clusters(state: State, here: Version) -> None:
    if here < (1, 8):
        _replace(state, "copy", "warn", False)


def _scorer(state: State, here: Version) -> None:
    """1.6 and 1.7 look at a message about a deprecated scorer."""
    if (1, 6) <= here < (1, 8):
        state.setdefault("_deprecation_msg", None)


Rule = Callable[[State, Version], None]
_RULES: dict[str, tuple[Rule, ...]] = {
    "LogisticRegression": (_logistic,),
    "LogisticRegressionCV": (_logistic, _logistic_search),
    **dict.fromkeys(("ElasticNetCV", "LassoCV", "MultiTaskElasticNetCV", "MultiTaskLassoCV"), (_path_length,)),
    **dict.fromkeys(("SGDClassifier", "SGDRegressor", "SGDOneClassSVM", "Perceptron"), (_sgd,)),
    "RidgeCV": (_ridge_search,),
    "RidgeClassifier": (_ridge_classes,),
    "RidgeClassifierCV": (_ridge_search, _ridge_classes),
    "AdaBoostClassifier": (_adaboost,),
    "BaggingClassifier": (_bagging,),
    "BaggingRegressor": (_bagging,),
    "IsolationForest": (_bagging,),
    **dict.fromkeys(
        ("ExtraTreesClassifier", "RandomForestClassifier", "RandomTreesEmbedding"),
        (_weights,),
    ),
    "ExtraTreesRegressor": (_weights, _regression_tree),
    "RandomForestRegressor": (_weights, _regression_tree),
    "DecisionTreeRegressor": (_regression_tree,),
    "ExtraTreeRegressor": (_regression_tree,),
    "GradientBoostingClassifier": (_boosting,),
    "GradientBoostingRegressor": (_boosting,),
    "HistGradientBoostingClassifier": (_histogram,),
    "HistGradientBoostingRegressor": (_histogram,),
    "FunctionTransformer": (_function_transformer,),
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
        (_loss,),
    ),
    "HalfMultinomialLoss": (_loss, _multinomial_loss),
    "SimpleImputer": (_imputer,),
    "IterativeImputer": (_iterative_imputer,),
    "KBinsDiscretizer": (_bins,),
    "TargetEncoder": (_target_encoder,),
    **dict.fromkeys(("SVC", "NuSVC", "SVR", "NuSVR", "OneClassSVM"), (_machine,)),
    "ClassifierChain": (_chain,),
    "RegressorChain": (_chain,),
    "SelfTrainingClassifier": (_self_training,),
    "NearestCentroid": (_centroids,),
    "SparseCoder": (_coder,),
    "NMF": (_factors,),
    "MiniBatchNMF": (_factors,),
    "MDS": (_scaling,),
    "TSNE": (_neighbour_embedding,),
    "HDBSCAN": (_density_clusters,),
    "_Scorer": (_scorer,),
    "_CurveScorer": (_scorer,),
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
