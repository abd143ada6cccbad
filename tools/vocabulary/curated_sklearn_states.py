"""scikit-learn classes whose state is native or otherwise not `__dict__`: targets, attributes, constraints, rules.

`STATES` holds whole entries by identifier; the generator writes them into `vocabulary/sklearn.json` as they are.
`OWNERS` holds rules for `dict`-state classes whose native parts trust what the estimator around them says; the
generator adds them to the entries it makes. The state names are those of `amber.adapters.sklearn.ADAPTER.specials`.
"""

from __future__ import annotations

from typing import Any

Entry = dict[str, Any]
Rule = dict[str, Any]

_NATURAL = {"is": "int", "min": 0}
_POSITIVE = {"is": "int", "min": 1}
_NONE = {"is": "none"}


def _target(module: str, name: str, versions: str = "") -> dict[str, str]:
    return {"module": module, "name": name, **({"versions": versions} if versions else {})}


def _array(dtype: str, *ranks: int) -> Entry:
    return {"is": "array", "dtype": [dtype], "rank": list(ranks)}


def _holds(that: str, code: str = "", **more: Any) -> Rule:
    return {"rule": "holds", "that": that, **({"code": code} if code else {}), **more}


def _shape(of: str, *dims: str | int, **more: Any) -> Rule:
    return {"rule": "shape", "of": of, "dims": list(dims), **more}


def _within(of: str, **bounds: Any) -> Rule:
    return {"rule": "within", "of": of, **bounds}


# -- decision trees --------------------------------------------------------------------------------------------------

TREE_FIELDS = [
    ["left_child", "<i8"],
    ["right_child", "<i8"],
    ["feature", "<i8"],
    ["threshold", "<f8"],
    ["impurity", "<f8"],
    ["n_node_samples", "<i8"],
    ["weighted_n_node_samples", "<f8"],
    ["missing_go_to_left", "|u1"],
]
PREDICTOR_FIELDS = [
    ["value", "<f8"],
    ["count", "<u4"],
    ["feature_idx", "<i8"],
    ["num_threshold", "<f8"],
    ["missing_go_to_left", "|u1"],
    ["left", "<u4"],
    ["right", "<u4"],
    ["gain", "<f8"],
    ["depth", "<u4"],
    ["is_leaf", "|u1"],
    ["bin_threshold", "|u1"],
    ["is_categorical", "|u1"],
    ["bitset_idx", "<u4"],
]

_TREE: Entry = {
    "targets": [_target("sklearn.tree._tree", "Tree")],
    "state": "tree",
    "attributes": {
        "n_features": {"is": "int", "min": 0, "max": "components"},  # its importances are an array of this length
        "n_classes": _array("<i8", 1),
        "n_outputs": _POSITIVE,
        "max_depth": _NATURAL,
        "node_count": _POSITIVE,
        "nodes": {"is": "array", "fields": TREE_FIELDS, "rank": [1]},
        "values": _array("<f8", 3),
    },
    "required": ["n_features", "n_classes", "n_outputs", "max_depth", "node_count", "nodes", "values"],
    "rules": [
        _holds("len(nodes) == node_count", "shape-mismatch"),
        _holds("len(n_classes) == n_outputs", "shape-mismatch"),
        _within("n_classes", min=1),
        _shape("values", "node_count", "n_outputs", "max(n_classes)"),
        _holds("max_depth < node_count"),
        # decision_path writes into arrays sized by max_depth, so the real depth may not be larger
        {
            "rule": "binary-tree",
            "left": "nodes.left_child",
            "right": "nodes.right_child",
            "leaf_mark": -1,
            "depth": "max_depth",
        },
        _within("nodes.feature", min=0, below="n_features", where=["nodes.left_child", "!=", -1]),
        _within("nodes.missing_go_to_left", min=0, max=1),
    ],
}

_PREDICTOR: Entry = {
    "targets": [_target("sklearn.ensemble._hist_gradient_boosting.predictor", "TreePredictor")],
    "state": "histogram-tree",
    "attributes": {
        "nodes": {"is": "array", "fields": PREDICTOR_FIELDS, "rank": [1]},
        "binned_left_cat_bitsets": _array("<u4", 2),
        "raw_left_cat_bitsets": _array("<u4", 2),
    },
    "required": ["nodes", "binned_left_cat_bitsets", "raw_left_cat_bitsets"],
    "rules": [
        _shape("raw_left_cat_bitsets", "*", 8),
        _shape("binned_left_cat_bitsets", "len(raw_left_cat_bitsets)", 8),
        {"rule": "binary-tree", "left": "nodes.left", "right": "nodes.right", "leaf": "nodes.is_leaf"},
        _within("nodes.feature_idx", min=0),
        _within("nodes.is_leaf", min=0, max=1),
        _within("nodes.is_categorical", min=0, max=1),
        _within("nodes.missing_go_to_left", min=0, max=1),
        _within("nodes.bitset_idx", below="len(raw_left_cat_bitsets)", where=["nodes.is_categorical", "!=", 0]),
    ],
}

# -- neighbours ------------------------------------------------------------------------------------------------------

# fmt: off
_METRICS = [
    "Euclidean", "SEuclidean", "Manhattan", "Chebyshev", "Minkowski", "Mahalanobis", "Hamming", "Canberra",
    "BrayCurtis", "Jaccard", "Matching", "Dice", "Kulsinski", "RogersTanimoto", "RussellRao", "SokalMichener",
    "SokalSneath", "Haversine", "PyFunc",
]
_SEARCH_TREE = [
    "data", "idx_array", "node_data", "node_bounds", "leaf_size", "n_levels", "n_nodes", "dist_metric", "sample_weight",
]
# fmt: on
_METRIC_MODULE = "sklearn.metrics._dist_metrics"


def _metric_id(name: str, width: str) -> str:
    return f"sklearn:metrics.{name}Distance{width}"


def _metric(name: str, width: str) -> Entry:
    entry: Entry = {
        "targets": [_target(_METRIC_MODULE, f"{name}Distance{width}")],
        "state": "distance-metric",
        "attributes": {"p": {"is": "number", "min": 0}, "vec": _array("<f8", 1), "mat": _array("<f8", 2)},
        "required": ["p", "vec", "mat"],
        "rules": [],
    }
    if name == "Mahalanobis":  # the distance loops over len(mat) in both directions
        entry["rules"] = [_shape("mat", "shape(mat, 1)", "shape(mat, 0)")]
    if name == "PyFunc":
        entry["attributes"] |= {
            "func": [{"is": "function"}, {"is": "kind", "kinds": ["custom-function", "custom"]}],
            "kwargs": {"is": "map", "keys": {"is": "str"}},
        }
        entry["required"] = ["p", "vec", "mat", "func", "kwargs"]
    return entry


_NODE_DATA = [["idx_start", "<i8"], ["idx_end", "<i8"], ["is_leaf", "<i8"], ["radius", "<f8"]]


def _search_tree(kind: str, width: str) -> Entry:
    """A KD tree keeps a lower and an upper bound for each node, a ball tree one centroid."""
    number = "<f4" if width == "32" else "<f8"
    module = "sklearn.neighbors._kd_tree" if kind == "KDTree" else "sklearn.neighbors._ball_tree"
    return {
        "targets": [_target(module, f"{kind}{width}")],
        "state": "search-tree",
        "attributes": {
            "data": _array(number, 2),
            "idx_array": _array("<i8", 1),
            "node_data": {"is": "array", "fields": _NODE_DATA, "rank": [1]},
            "node_bounds": _array(number, 3),
            "leaf_size": _POSITIVE,
            "n_levels": {"is": "int", "min": 1, "max": 48},
            "n_nodes": _POSITIVE,
            "dist_metric": {"is": "object", "types": [_metric_id(name, width or "64") for name in _METRICS]},
            "sample_weight": [_NONE, _array(number, 1)],
        },
        "required": _SEARCH_TREE,
        "rules": [
            _holds("size(data) > 0"),
            _holds("len(idx_array) == len(data)", "shape-mismatch"),
            _within("idx_array", min=0, below="len(data)"),
            _holds("n_nodes == pow2(n_levels) - 1"),
            _holds("len(node_data) == n_nodes", "shape-mismatch"),
            _within("node_data.idx_start", min=0, max="len(data)"),
            _within("node_data.idx_end", min=0, max="len(data)"),
            _holds("node_data.idx_start <= node_data.idx_end"),
            _within("node_data.is_leaf", min=0, max=1),
            # inner nodes of a full binary tree are those before the last level: n_nodes // 2 of them
            _holds("sum(node_data.is_leaf) > n_nodes // 2"),
            _shape("node_bounds", 2 if kind == "KDTree" else 1, "n_nodes", "shape(data, 1)"),
            _holds("len(sample_weight) == len(data)", "shape-mismatch", when=[["sample_weight"]]),
            # a metric with a weight, a variance or a matrix has one for each column of the points
            _holds("len(dist_metric.vec) * (len(dist_metric.vec) - 1) * (len(dist_metric.vec) - shape(data, 1)) == 0"),
        ],
    }


# -- losses ----------------------------------------------------------------------------------------------------------

_LOSSES: dict[str, Entry] = {
    "HalfSquaredError": {},
    "AbsoluteError": {},
    "PinballLoss": {"quantile": {"is": "number", "min": 0, "max": 1}},
    "HuberLoss": {"delta": {"is": "number"}},
    "HalfPoissonLoss": {},
    "HalfGammaLoss": {},
    "HalfTweedieLoss": {"power": {"is": "number"}},
    "HalfTweedieLossIdentity": {"power": {"is": "number"}},
    "HalfBinomialLoss": {},
    "HalfMultinomialLoss": {},
    "ExponentialLoss": {},
}
_LOSS_MODULE = "sklearn._loss._loss"


def _loss(name: str, parameters: Entry) -> Entry:
    # before scikit-learn 1.9 the compiled module calls itself `_loss`
    return {
        "targets": [_target(_LOSS_MODULE, f"Cy{name}"), _target("_loss", f"Cy{name}", "<1.9")],
        "state": "loss",
        "attributes": parameters,
        "required": sorted(parameters),
        "rules": [],
    }


_SGD: dict[str, tuple[str, str]] = {  # name -> parameter, what replaced it in 1.6
    "Hinge": ("threshold", ""),
    "SquaredHinge": ("threshold", ""),
    "EpsilonInsensitive": ("epsilon", ""),
    "SquaredEpsilonInsensitive": ("epsilon", ""),
    "ModifiedHuber": ("", ""),
    "Log": ("", "CyHalfBinomialLoss"),
    "SquaredLoss": ("", "CyHalfSquaredError"),
    "Huber": ("c", "CyHuberLoss"),
}


def _sgd_loss(name: str, parameter: str, successor: str) -> Entry:
    targets = [_target("sklearn.linear_model._sgd_fast", name, "<1.6" if successor else "")]
    if successor:
        targets.append(_target(_LOSS_MODULE, successor, ">=1.6"))
    return {
        "targets": targets,
        "state": "sgd-loss",
        "attributes": {parameter: {"is": "number"}} if parameter else {},
        "required": [parameter] if parameter else [],
        "rules": [],
    }


# -- containers ------------------------------------------------------------------------------------------------------

_FITTED_FLOATS = _array("f", 1)
_OTHERS: dict[str, Entry] = {
    "sklearn.utils.Bunch": {
        "targets": [_target("sklearn.utils._bunch", "Bunch")],
        "state": "bunch",
        "attributes": {"items": {"is": "map", "keys": {"is": "str"}}},
        "required": ["items"],
        "rules": [],
    },
    "sklearn:impute.ImputerTriplet": {
        "targets": [_target("sklearn.impute._iterative", "_ImputerTriplet")],
        "state": "named-tuple",
        "attributes": {
            "feat_idx": {"is": "int", "min": 0},
            "neighbor_feat_idx": _array("i", 1),
            "estimator": "any",
        },
        "required": ["feat_idx", "neighbor_feat_idx", "estimator"],
        "rules": [_within("neighbor_feat_idx", min=0)],
    },
    "sklearn:compose.RemainderColumns": {
        "targets": [
            _target("sklearn.compose._column_transformer", "_RemainderColsList", "<1.7"),
            _target("builtins", "list", ">=1.7"),
        ],
        "state": "remainder-columns",
        "attributes": {
            "data": {"is": "list", "items": [{"is": "int"}, {"is": "str"}, {"is": "bool"}]},
            "future_dtype": [_NONE, {"is": "str", "values": ["str", "bool", "int"]}],
        },
        "required": ["data", "future_dtype"],
        "rules": [],
    },
    "sklearn.isotonic.IsotonicRegression": {
        "targets": [_target("sklearn.isotonic", "IsotonicRegression")],
        "state": "isotonic",
        "attributes": {
            "X_max_": {"is": "number"},
            "X_min_": {"is": "number"},
            "X_thresholds_": _FITTED_FLOATS,
            "_metadata_request": {"is": "object", "types": ["sklearn:utils.MetadataRequest"]},
            "_sklearn_output_config": {"is": "map", "keys": {"is": "str"}, "values": {"is": "str"}},
            "increasing": [{"is": "bool"}, {"is": "str", "values": ["auto"]}],
            "increasing_": {"is": "bool"},
            "out_of_bounds": {"is": "str", "values": ["nan", "clip", "raise"]},
            "y_max": [_NONE, {"is": "number"}],
            "y_min": [_NONE, {"is": "number"}],
            "y_thresholds_": _FITTED_FLOATS,
        },
        "required": ["increasing", "out_of_bounds", "y_max", "y_min"],
        "rules": [
            _holds("len(X_thresholds_) == len(y_thresholds_)", "shape-mismatch", when=[["X_thresholds_"]]),
            {"rule": "increasing", "of": "X_thresholds_", "when": [["X_thresholds_"]]},
        ],
    },
}


def _states() -> dict[str, Entry]:
    states = {"sklearn:tree.Tree": _TREE, "sklearn:ensemble.TreePredictor": _PREDICTOR, **_OTHERS}
    for width in ("32", "64"):
        for name in _METRICS:
            states[_metric_id(name, width)] = _metric(name, width)
    for kind in ("KDTree", "BallTree"):
        states[f"sklearn.neighbors.{kind}"] = _search_tree(kind, "")
        for width in ("32", "64"):
            states[f"sklearn:neighbors.{kind}{width}"] = _search_tree(kind, width)
    for name, parameters in _LOSSES.items():
        states[f"sklearn:loss.Cy{name}"] = _loss(name, parameters)
    for name, (parameter, successor) in _SGD.items():
        states[f"sklearn:sgd.{name}"] = _sgd_loss(name, parameter, successor)
    return states


STATES: dict[str, Entry] = _states()

# -- owners: what the estimator around a native part must agree to ---------------------------------------------------

_SAME_WIDTH = "tree_.n_features == n_features_in_"
_WHEN_FITTED = [["tree_"]]
_TREE_RULES = [
    _holds(_SAME_WIDTH, "shape-mismatch", when=_WHEN_FITTED),
    _holds("tree_.n_outputs == n_outputs_", "shape-mismatch", when=_WHEN_FITTED),
]
_WHEN_GROWN = [["estimators_"]]
_FOREST_RULES = [
    _holds("estimators_[*].n_features_in_ == n_features_in_", "shape-mismatch", when=_WHEN_GROWN),
    _holds("estimators_[*].n_outputs_ == n_outputs_", "shape-mismatch", when=_WHEN_GROWN),
]
# predict_stages writes out[row, k] for each column k of estimators_ without looking
_BOOSTING_RULES = [
    _holds("rank(estimators_) == 2", "shape-mismatch", when=_WHEN_GROWN),
    _holds("estimators_[*].n_features_in_ == n_features_in_", "shape-mismatch", when=_WHEN_GROWN),
    _holds("estimators_[*].n_outputs_ == 1", "shape-mismatch", when=_WHEN_GROWN),
    _holds("shape(estimators_, 1) == n_trees_per_iteration_", "shape-mismatch", when=_WHEN_GROWN),
]
_HISTOGRAM_RULES = [
    _within("_predictors[*][*].nodes.feature_idx", min=0, below="n_features_in_", when=[["_predictors"]]),
    _holds("len(_bin_mapper.is_categorical_) == n_features_in_", "shape-mismatch", when=[["_bin_mapper"]]),
    # a categorical split looks up the known categories of its feature, of which there must be some
    _holds("max(_predictors[*][*].nodes.is_categorical) <= sum(_bin_mapper.is_categorical_)", when=[["_predictors"]]),
]

OWNERS: dict[str, list[Rule]] = {
    **dict.fromkeys(
        (
            "sklearn.tree.DecisionTreeClassifier",
            "sklearn.tree.DecisionTreeRegressor",
            "sklearn.tree.ExtraTreeClassifier",
            "sklearn.tree.ExtraTreeRegressor",
        ),
        _TREE_RULES,
    ),
    **dict.fromkeys(
        (
            "sklearn.ensemble.RandomForestClassifier",
            "sklearn.ensemble.RandomForestRegressor",
            "sklearn.ensemble.ExtraTreesClassifier",
            "sklearn.ensemble.ExtraTreesRegressor",
            "sklearn.ensemble.RandomTreesEmbedding",
        ),
        _FOREST_RULES,
    ),
    **dict.fromkeys(
        ("sklearn.ensemble.GradientBoostingClassifier", "sklearn.ensemble.GradientBoostingRegressor"),
        _BOOSTING_RULES,
    ),
    **dict.fromkeys(
        ("sklearn.ensemble.HistGradientBoostingClassifier", "sklearn.ensemble.HistGradientBoostingRegressor"),
        _HISTOGRAM_RULES,
    ),
}
