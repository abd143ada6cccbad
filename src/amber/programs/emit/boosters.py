"""What the emitters of XGBoost and LightGBM share: trees with splits of their own kinds, and where a model stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from amber.programs.emit.flow import Context
from amber.programs.emit.graph import ML, Dtype, Graph, Tensor
from amber.programs.emit.nodes import Array, Nodes, tracked, turned, whole
from amber.programs.emit.trees import need
from amber.programs.emit.view import View
from amber.tree.nodes import Object

AT_MOST, BELOW, MEMBER = 0, 1, 6  # modes of a split: x <= t, x < t, x in a set


def grove(
    g: Graph, x: Tensor, nodes: Nodes, modes: Array, sets: Sequence[Sequence[int]], weights: Array, targets: Array,
    width: int,
) -> Tensor:  # fmt: skip
    """Append a `TreeEnsemble` that computes in the dtype of `x`; [N, width], tree after tree.

    Args:
        g: The graph.
        x: The matrix [N, columns].
        nodes: The trees; what is true of a split leads to the left, a missing value where `missing_left` says.
        modes: Of each split.
        sets: Of each split whose mode is `MEMBER`, in order.
        weights: What each leaf adds to its target.
        targets: The column of each leaf.
        width: Number of columns.
    """
    # a split of a tree that is one leaf stands at the end; beside sets onnxruntime counts a leaf twice to which both
    # sides lead, so that it gets a second one
    lone = len(nodes.feature) - len(modes)
    alike = len(modes) > 0 and modes[0] in (AT_MOST, BELOW) and bool((modes == modes[0]).all())
    modes = np.concatenate([modes, np.full(lone, modes[0] if alike else AT_MOST)])
    only, right = nodes.left[len(modes) - lone :], nodes.right.copy()
    right[len(modes) - lone :] = len(weights) + np.arange(lone)
    weights, targets = np.concatenate([weights, weights[only]]), np.concatenate([targets, targets[only]])
    splits = nodes.threshold.astype(x.dtype)
    if alike:
        x, nodes, splits = turned(g, x, replace(nodes, right=right), splits, strict=bool(modes[0] == BELOW))
        right = nodes.right
    members: dict[str, Any] = {}
    if sets:
        parts = [[*map(float, each), np.nan] for each in sets]
        members["membership_values"] = np.concatenate(parts).astype(x.dtype)
    return g.op(
        "TreeEnsemble", x, domain=ML, n_targets=width, aggregate_function=1, post_transform=0,
        tree_roots=whole(nodes.roots), nodes_featureids=whole(nodes.feature),
        nodes_splits=splits, nodes_modes=modes.astype(np.uint8),
        nodes_truenodeids=whole(nodes.left), nodes_falsenodeids=whole(right),
        nodes_trueleafs=whole(nodes.left_leaf), nodes_falseleafs=whole(nodes.right_leaf),
        leaf_weights=weights.astype(x.dtype), leaf_targetids=whole(targets), **tracked(nodes), **members,
    )  # fmt: skip


def exponential(value: Tensor) -> Tensor:
    """Return exp of a float32 tensor, rounded once, as the C library does it."""
    return value.cast("float64").graph.op("Exp", value.cast("float64")).cast("float32")


def is_last(e: View, c: Context) -> bool:
    """Whether an estimator's answers are the model's own: it is the root, or the last step of pipelines up to it."""
    outer: Any = c.model.root()
    while isinstance(outer, View) and outer.type == "sklearn.pipeline.Pipeline":
        outer = outer["steps"][-1][1]
    return bool(outer == e)


def answered(value: Tensor, e: View, c: Context) -> Tensor:
    """Return an answer in its own precision at the end of a model, in that of the program inside of one."""
    dtype: Dtype = value.dtype if is_last(e, c) else c.graph.precision
    return value.cast(dtype)


# Transformers whose table is sparse: always, or where an attribute says so (name -> value that means it).
_SPARSE: dict[str, tuple[str, Any] | None] = {
    "CountVectorizer": None, "TfidfVectorizer": None, "TfidfTransformer": None, "KNeighborsTransformer": None,
    "RadiusNeighborsTransformer": None, "OneHotEncoder": ("sparse_output", True),
    "SplineTransformer": ("sparse_output", True),
    "RandomTreesEmbedding": ("sparse_output", True), "LabelBinarizer": ("sparse_output", True),
    "KBinsDiscretizer": ("encode", "onehot"), "DictVectorizer": ("sparse", True), "MissingIndicator": ("sparse", True),
}  # fmt: skip
# Those that leave a sparse table sparse.
_KEEPING = frozenset(
    ["StandardScaler", "MaxAbsScaler", "RobustScaler", "Normalizer", "Binarizer", "VarianceThreshold", "SelectKBest",
     "SelectPercentile", "SelectFpr", "SelectFdr", "SelectFwe", "GenericUnivariateSelect", "SelectFromModel", "RFE",
     "RFECV", "TfidfTransformer"]
)  # fmt: skip
_DENSE = frozenset(["TruncatedSVD", "PCA", "NMF", "LatentDirichletAllocation", "FactorAnalysis"])
# Entries that are zero all the same may stand in what these give.
_HASHING = frozenset(["HashingVectorizer", "FeatureHasher", "FunctionTransformer"])


def is_sparse(e: View, c: Context) -> bool:
    """Whether the original hands a sparse table to an estimator: what is not in it is then missing, and not zero.

    Raises:
        Unsupported: It cannot be told from the tree.
    """
    views = [c.model.value(i) for i, node in enumerate(c.model.tree.nodes) if isinstance(node, Object)]
    if c.form != "sparse" and not any(view.name in _HASHING or _produces(view) for view in views):
        return False
    state, outer = c.form == "sparse", c.model.root()
    while isinstance(outer, View) and outer.type == "sklearn.pipeline.Pipeline":
        for step in outer["steps"][:-1]:
            state = _gives(step[1], state)
        outer = outer["steps"][-1][1]
    need(outer == e, "XGBoost inside an estimator that is given a sparse table")
    return state


def _gives(step: Any, state: bool) -> bool:
    """Whether a step gives a sparse table, where it is given one (`state`) or not."""
    if not isinstance(step, View):  # passthrough, drop
        return state
    name = step.name
    need(name not in _HASHING, f"XGBoost after {name}")
    if name == "ColumnTransformer":
        return bool(step.get("sparse_output_", True))
    if name == "FeatureUnion":
        return any(_gives(pair[1], state) for pair in step["transformer_list"])
    if name == "Pipeline":
        for inner in step["steps"]:
            state = _gives(inner[1], state)
        return state
    if name in _SPARSE:
        return _produces(step)
    need(not state or name in _KEEPING or name in _DENSE, f"XGBoost after {name} of a sparse table")
    return state and name in _KEEPING


def _produces(step: View) -> bool:
    """Whether a transformer makes a sparse table of any."""
    said = _SPARSE.get(step.name, ("", True))
    return said is None or (said[0] in step and step[said[0]] == said[1])
