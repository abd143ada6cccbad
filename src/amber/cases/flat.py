"""The trees of a fitted model as plain arrays, whatever library grew them: what rows at thresholds are made from.

The boosters of XGBoost and LightGBM are read in their own form by `tree.natives`; neither library is imported here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from amber.cases import rows
from amber.cases.anatomy import attribute, boosted_in, predictors_in, trees_in, walk
from amber.tree.natives import lightgbm, xgboost

MAX_TREES = 64
_CATEGORY, _DEFAULT_LEFT, _MISSING = 1, 2, 2  # of LightGBM's `decision_type`: two bits, and the kind of missing
_NONE = 0  # missing values are read as 0


class FlatTree(NamedTuple):
    """The arrays of one native tree."""

    left: Any
    right: Any
    feature: Any  # negative at leaves
    threshold: Any
    missing_left: Any
    cast: bool
    count: Any  # rows of the fit that got to each node


def flat_trees(last: Any) -> Iterator[FlatTree]:
    """Up to 64 trees of each kind, spread over the ensemble, features counted as the model's input counts them."""
    mapped: dict[int, Any] = {}
    trees: list[Any] = []
    predictors: list[Any] = []
    boosted: list[tuple[Any, Any]] = []
    for part in walk(last):
        chosen, inner = attribute(part, "estimators_features_"), attribute(part, "estimators_")
        if isinstance(chosen, list) and isinstance(inner, list):
            mapped.update({id(one): features for one, features in zip(inner, chosen, strict=False)})
        if trees_in(part) is not None:
            trees.append(part)
        if attribute(part, "_preprocessor") is None:
            predictors += predictors_in(part)
        if boosted_in(part) is not None:
            boosted += [(part, tree) for tree in _booster_trees(boosted_in(part))]
    for part in (trees[k] for k in rows.spread(len(trees), MAX_TREES)):
        tree = part.tree_
        missing = np.asarray(getattr(tree, "missing_go_to_left", np.zeros(len(tree.feature))), dtype=bool)
        yield _mapped(FlatTree(
            tree.children_left, tree.children_right, np.asarray(tree.feature), tree.threshold, missing, True,
            tree.n_node_samples,
        ), mapped.get(id(part)))  # fmt: skip
    for predictor in (predictors[k] for k in rows.spread(len(predictors), MAX_TREES)):
        yield flat_predictor(predictor)
    for part, tree in (boosted[k] for k in rows.spread(len(boosted), MAX_TREES)):
        yield _mapped(_flat_xgboost(tree) if isinstance(tree, xgboost.Tree) else _flat_lightgbm(tree),
                      mapped.get(id(part)))  # fmt: skip


def _mapped(tree: FlatTree, own: Any) -> FlatTree:
    """Count the features as the outer model does, where a part was given some of them."""
    if own is None:
        return tree
    return tree._replace(feature=np.where(tree.feature >= 0, np.asarray(own)[np.maximum(tree.feature, 0)], -1))


def flat_predictor(predictor: Any) -> FlatTree:
    """Return the arrays of a predictor of histogram boosting; a split by categories ends the way down."""
    nodes = predictor.nodes
    inside = (nodes["is_leaf"] == 0) & (nodes["is_categorical"] == 0)
    feature = np.where(inside, nodes["feature_idx"], -1)
    missing = nodes["missing_go_to_left"].astype(bool)
    return FlatTree(nodes["left"], nodes["right"], feature, nodes["num_threshold"], missing, False, nodes["count"])


def _booster_trees(booster: Any) -> list[Any]:
    """The trees that answer: those after the best iteration of early stopping are left out."""
    if hasattr(booster, "save_raw"):
        extreme = xgboost.read(bytes(booster.save_raw("ubj")))
        best = extreme.attributes.get("best_iteration")
        return list(extreme.trees[: None if best is None else extreme.rounds[int(best) + 1]])
    light = lightgbm.read(booster.model_to_string(num_iteration=-1).encode())
    return light.trees[: booster.best_iteration * light.outputs if booster.best_iteration > 0 else None]


def _flat_xgboost(tree: xgboost.Tree) -> FlatTree:
    """XGBoost asks `x < t` in float32, which is `x <= ` the float32 before t."""
    left = np.asarray(tree.left)
    inside = left >= 0
    inside[list(tree.categories)] = False
    before = np.nextafter(np.asarray(tree.condition, dtype=np.float32), np.float32(-np.inf)).astype(np.float64)
    return FlatTree(
        left, np.asarray(tree.right), np.where(inside, tree.feature, -1), before,
        np.asarray(tree.default_left).astype(bool), True, np.asarray(tree.cover),
    )  # fmt: skip


def _flat_lightgbm(tree: lightgbm.Tree) -> FlatTree:
    """Leaves stand after the splits; a split by categories ends the way down."""
    splits, ends = len(tree.feature), np.zeros(len(tree.leaves))
    children = [np.asarray(side, dtype=np.int64) for side in (tree.left, tree.right)]
    left, right = (np.concatenate([np.where(c < 0, splits - 1 - c, c), ends.astype(np.int64)]) for c in children)
    said = np.asarray(tree.decision, dtype=np.int64)
    threshold = np.asarray(tree.threshold, dtype=np.float64)
    feature = np.where(said & _CATEGORY, -1, np.asarray(tree.feature, dtype=np.int64))
    missing = np.where(said >> _MISSING == _NONE, threshold >= 0, (said & _DEFAULT_LEFT) > 0)
    return FlatTree(
        left, right, np.concatenate([feature, ends.astype(np.int64) - 1]), np.concatenate([threshold, ends]),
        np.concatenate([missing, ends > 0]), False, np.concatenate([tree.counts, ends]),
    )  # fmt: skip
