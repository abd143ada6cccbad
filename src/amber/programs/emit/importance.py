"""How much each column counts in a fitted model: its coefficients, or what its trees gain by it."""

from __future__ import annotations

from typing import Any

import numpy as np

from amber.programs.emit.graph import Unsupported
from amber.programs.emit.view import View

_FORESTS = ("RandomForest", "ExtraTrees")
_TREES = ("DecisionTree", "ExtraTree")


def importances(model: Any, getter: Any, order: Any) -> Any:
    """Return one number for each column, not negative.

    Args:
        model: A fitted estimator.
        getter: `importance_getter` of the selector: "auto" or the path of an attribute.
        order: Norm over several rows of coefficients.

    Raises:
        Unsupported: The importances are not stored, or the getter is a function.
    """
    if not isinstance(getter, str) or type(getter) is not str:
        raise Unsupported("a function that gets the importances")
    if getter == "auto":
        getter = "coef_" if isinstance(model, View) and "coef_" in model else "feature_importances_"
    for name in getter.split("."):
        if not isinstance(model, View):
            raise Unsupported(f"importances at {getter}")
        if name == "feature_importances_" and name not in model:
            model = of_trees(model)
        elif name in model:
            model = model[name]
        else:
            raise Unsupported(f"importances of {model.name}")
    values = np.asarray(model.toarray() if hasattr(model, "toarray") else model)
    return np.abs(values) if values.ndim == 1 else np.linalg.norm(values, axis=0, ord=order)


def of_trees(e: View) -> Any:
    """Return `feature_importances_` of trees, forests and boosted trees.

    Raises:
        Unsupported: There are none, or not by this rule.
    """
    if e.name.startswith(_FORESTS):
        found = [of_tree(each["tree_"], True) for each in e["estimators_"] if _grown(each)]
        if not found:
            return np.zeros(int(e["n_features_in_"]))
        mean = np.mean(found, axis=0, dtype=np.float64)
        return mean / np.sum(mean)
    if e.name.startswith(_TREES):
        return of_tree(e["tree_"], True)
    if e.name.startswith("GradientBoosting"):
        grown = [each for stage in e["estimators_"] for each in stage if _grown(each)]
        if not grown:
            return np.zeros(int(e["n_features_in_"]))
        mean = np.mean([of_tree(each["tree_"], False) for each in grown], axis=0, dtype=np.float64)
        return mean / np.sum(mean)
    if e.name.startswith("AdaBoost"):
        weights = np.asarray(e["estimator_weights_"])
        pairs = zip(weights, e["estimators_"], strict=False)
        return sum(weight * of_trees(each) for weight, each in pairs) / weights.sum()
    raise Unsupported(f"importances of {e.name}")


def _grown(e: View) -> bool:
    return len(e["tree_"]["nodes"]) > 1


def of_tree(tree: View, normalised: bool) -> Any:
    """Return how much each column's splits lower the impurity."""
    nodes, found = np.asarray(tree["nodes"]), np.zeros(int(tree["n_features"]))
    gain = nodes["weighted_n_node_samples"] * nodes["impurity"]
    for node in np.flatnonzero(nodes["left_child"] != -1):
        left, right = int(nodes["left_child"][node]), int(nodes["right_child"][node])
        found[int(nodes["feature"][node])] += gain[node] - gain[left] - gain[right]
    found = found / nodes["weighted_n_node_samples"][0]
    if normalised and found.sum() > 0:
        found = found / found.sum()
    return found
