"""What moved between scikit-learn versions in linear models, ensembles and their losses.

Each rule takes the attributes of one object and the installed version (major, minor), and changes the attributes in
place. It looks at what is there, never at a guess about the writer, so it may run on any state of its class.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from amber.adapters.sklearn_moves import State, Version, replace

# -- linear models ---------------------------------------------------------------------------------------------------


def logistic(state: State, here: Version) -> None:
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


def logistic_search(state: State, here: Version) -> None:
    """1.8 and 1.9 announce new defaults with the word warn; the older default is meant."""
    if here < (1, 8):
        replace(state, "l1_ratios", "warn", None)
    if here < (1, 9):
        replace(state, "scoring", "warn", None)


def path_length(state: State, here: Version) -> None:
    """1.9 takes the number of alphas in `alphas`."""
    if here >= (1, 9):
        count = state.pop("n_alphas", None)
        if state.get("alphas") is None or isinstance(state.get("alphas"), str):
            state["alphas"] = count if isinstance(count, int) else 100
    elif here < (1, 7):
        alphas = state.get("alphas")
        if isinstance(alphas, int | str):
            state["n_alphas"], state["alphas"] = (alphas if isinstance(alphas, int) else 100), None
        replace(state, "n_alphas", "deprecated", 100)


def sgd(state: State, here: Version) -> None:
    """eta0=0.0 was the default where it is not used; 1.8 refuses it. Before 1.8 the base class kept a C."""
    if here >= (1, 8):
        if state.get("learning_rate") == "optimal":
            replace(state, "eta0", 0.0, 0.01)
    else:
        state.setdefault("C", 1.0)


def ridge_search(state: State, here: Version) -> None:
    """1.5 and 1.6 wrote no choice as None."""
    if here >= (1, 7) and state.get("store_cv_results", 0) is None:
        state["store_cv_results"] = False


def ridge_classes(state: State, here: Version) -> None:
    """`classes_` was a property before 1.8."""
    if here >= (1, 8) and "_label_binarizer" in state:
        state.setdefault("classes_", state["_label_binarizer"].classes_)


def bayes(state: State, there: Version, here: Version) -> None:
    """1.9 centres the rows before it asks for their standard deviation; before, it took them as they are.

    An offset of zero makes 1.9 answer as the older version did. The older ones cannot answer as 1.9 does: without
    `sigma_` they refuse `return_std`, instead of giving another number that no recorded case would show.
    """
    changed = (1, 9)
    offset = state.get("X_offset_")
    if offset is None or not np.any(offset):
        return
    if there < changed <= here:
        state["X_offset_"] = np.zeros_like(offset)
    elif here < changed <= there:
        state.pop("sigma_", None)


# -- ensembles and their losses --------------------------------------------------------------------------------------


def adaboost(state: State, here: Version) -> None:
    """1.6 removed SAMME.R, which weighs answers otherwise."""
    if here >= (1, 6):
        if state.get("algorithm") == "SAMME.R":
            raise ValueError("algorithm='SAMME.R' does not exist in scikit-learn 1.6 and later")
    else:
        state.setdefault("algorithm", "SAMME")
        replace(state, "algorithm", "deprecated", "SAMME")


def bagging(state: State, here: Version) -> None:
    """1.8 spells all rows as None, and keeps the weights of the last fit."""
    if here < (1, 8) and state.get("max_samples", 0) is None:
        state["max_samples"] = 1.0
    if here >= (1, 8) and "estimators_" in state:
        state.setdefault("_sample_weight", None)


def weights(state: State, here: Version) -> None:
    """1.9 keeps the weights of the last fit."""
    if here >= (1, 9) and "estimators_" in state:
        state.setdefault("_sample_weight", None)


def boosting(state: State, here: Version) -> None:
    """1.9 deprecates criterion; friedman_mse is what it was."""
    if here < (1, 9):
        replace(state, "criterion", "deprecated", "friedman_mse")


def regression_tree(state: State, here: Version) -> None:
    """1.9 says friedman_mse is squared_error, and its constructor replaces the word, which breaks `clone`."""
    if here >= (1, 9):
        replace(state, "criterion", "friedman_mse", "squared_error")


def histogram(state: State, here: Version) -> None:
    """`categorical_features="warn"` (1.5) meant none; 1.7 keeps the encoder of the labels."""
    if here >= (1, 6):
        replace(state, "categorical_features", "warn", None)
    if here >= (1, 7) and "classes_" in state and "_label_encoder" not in state:
        from sklearn.preprocessing import LabelEncoder

        state["_label_encoder"] = encoder = LabelEncoder()
        encoder.classes_ = state["classes_"]


def function_transformer(state: State, here: Version) -> None:
    """Histogram boosting holds partial(check_array, ...), one of whose keywords was renamed in 1.6."""
    func = state.get("func")
    if not isinstance(func, partial) or getattr(func.func, "__name__", "") != "check_array":
        return
    old, new = "force_all_finite", "ensure_all_finite"
    source, target = (old, new) if here >= (1, 6) else (new, old)
    if source in func.keywords:
        keywords = {target if name == source else name: value for name, value in func.keywords.items()}
        state["func"] = partial(func.func, *func.args, **keywords)


def loss(state: State, here: Version) -> None:
    """1.9 losses know an array namespace; None is NumPy's."""
    if here >= (1, 9):
        state.setdefault("xp", None)
        state.setdefault("device", None)


def multinomial_loss(state: State, here: Version) -> None:
    """1.9 keeps work arrays of other array libraries."""
    if here >= (1, 9):
        for name in ("class_indexing_offsets", "y_true_int", "y_true_one_hot"):
            state.setdefault(name, None)
