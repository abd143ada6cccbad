"""What moved between scikit-learn versions in preprocessing, machines, neighbours, clusters and scorers.

The rules are as in `sklearn_moves_models`.
"""

from __future__ import annotations

import numpy as np

from amber.adapters.sklearn_moves import State, Version, rename, replace

# -- preprocessing ---------------------------------------------------------------------------------------------------


def names_of_columns(state: State, here: Version) -> None:
    """1.6 takes a format or a function for the names of output columns, which 1.5 would read as plain yes."""
    verbose = state.get("verbose_feature_names_out", True)
    if here < (1, 6) and not isinstance(verbose, bool):
        raise ValueError(f"verbose_feature_names_out={verbose!r} does not exist in scikit-learn 1.5")


def imputer(state: State, here: Version) -> None:
    """1.8 casts the statistics to a recorded dtype; before, they were used as they are."""
    statistics = state.get("statistics_")
    if statistics is None:
        return
    if here >= (1, 8):
        state.setdefault("_fill_dtype", statistics.dtype)
    elif "_fill_dtype" in state and statistics.dtype != state["_fill_dtype"]:
        state["statistics_"] = statistics.astype(state["_fill_dtype"])


def iterative_imputer(state: State, here: Version) -> None:
    """1.6 keeps which features had no value at all; before, their missing statistics said so."""
    initial = state.get("initial_imputer_")
    if here >= (1, 6) and initial is not None:
        state.setdefault("_is_empty_feature", np.isnan(np.asarray(initial.statistics_, dtype=np.float64)))


def bins(state: State, here: Version) -> None:
    """Before 1.7 quantiles were linear; the parameter's default is another method."""
    if here >= (1, 7):
        state.setdefault("quantile_method", "linear")
        replace(state, "quantile_method", "warn", "linear")


def target_encoder(state: State, here: Version) -> None:
    """1.9 deprecates two parameters in favour of cv."""
    if here < (1, 9):
        replace(state, "shuffle", "deprecated", True)
        replace(state, "random_state", "deprecated", None)


# -- the rest --------------------------------------------------------------------------------------------------------


def machine(state: State, here: Version) -> None:
    """1.9 deprecates `probability` and keeps what was decided at fit."""
    if here >= (1, 9):
        if "support_" in state:
            state.setdefault("_effective_probability", state.get("probability") is True)
    else:
        replace(state, "probability", "deprecated", False)


def chain(state: State, here: Version) -> None:
    """base_estimator became estimator in 1.7."""
    rename(state, "base_estimator", "estimator", (1, 7), here)


def self_training(state: State, here: Version) -> None:
    """base_estimator became estimator in 1.6."""
    rename(state, "base_estimator", "estimator", (1, 6), here)
    rename(state, "base_estimator_", "estimator_", (1, 6), here)


def centroids(state: State, here: Version) -> None:
    """1.6 weighs classes by a prior, uniform unless asked otherwise."""
    if here >= (1, 6) and "centroids_" in state:
        count = len(state["centroids_"])
        state.setdefault("class_prior_", np.full(count, 1.0 / count))


def coder(state: State, here: Version) -> None:
    """Two properties became attributes in 1.8."""
    if here >= (1, 8) and state.get("dictionary") is not None:
        state.setdefault("n_components_", len(state["dictionary"]))
        state.setdefault("n_features_in_", state["dictionary"].shape[1])


def factors(state: State, here: Version) -> None:
    """`n_components="warn"` (1.5) meant one for each feature."""
    if here >= (1, 6):
        replace(state, "n_components", "warn", None)


def scaling(state: State, here: Version) -> None:
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
        replace(state, "n_init", "warn", 4)


def neighbour_embedding(state: State, here: Version) -> None:
    """1.5 and 1.6 wrote no choice as None."""
    if here >= (1, 7) and state.get("max_iter", 0) is None:
        state["max_iter"] = 1000


def density_clusters(state: State, here: Version) -> None:
    """1.8 announces a new default with the word warn; the older default is meant."""
    if here < (1, 8):
        replace(state, "copy", "warn", False)


def scorer(state: State, here: Version) -> None:
    """1.6 and 1.7 look at a message about a deprecated scorer."""
    if (1, 6) <= here < (1, 8):
        state.setdefault("_deprecation_msg", None)
