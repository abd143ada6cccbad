"""The model of XGBoost in its own UBJ form (`save_raw("ubj")`), read and followed to every leaf.

In: bytes. Out: `Booster`, whose indices are all inside what they point into. Everything is a closed list: the keys,
the objectives and their parameters, the kinds of boosters. What XGBoost computes with, but does not look at before it
does, is checked here: children, features, groups of trees, category sets, category tables, lengths.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any

from amber.tree.natives import shapes, ubj
from amber.tree.natives.shapes import Place

DELETED = 2**31 - 1  # the feature of a node that pruning took out
_ROOT_PARENTS = (DELETED, -1)
_LIST = re.compile(r"\[[-+0-9.eE, ]{0,65536}\]", re.ASCII)
_LAMBDARANK = (
    "lambdarank_bias_norm", "lambdarank_normalization", "lambdarank_num_pair_per_sample", "lambdarank_pair_method",
    "lambdarank_score_normalization", "lambdarank_unbiased", "ndcg_exp_gain",
)  # fmt: skip
_Groups = dict[str, tuple[str, ...]]
_RATIO: _Groups = {"reg_loss_param": ("scale_pos_weight",)}
_SOFTMAX: _Groups = {"softmax_multiclass_param": ("num_class",)}
_RANK: _Groups = {"lambdarank_param": _LAMBDARANK}
# Objective -> group of parameters -> their names. Nothing that a user wrote as code is among them.
OBJECTIVES: dict[str, _Groups] = {
    "binary:hinge": {},
    "binary:logistic": _RATIO,
    "binary:logitraw": _RATIO,
    "count:poisson": {"poisson_regression_param": ("max_delta_step",)},
    "multi:softmax": _SOFTMAX,
    "multi:softprob": _SOFTMAX,
    "rank:map": _RANK,
    "rank:ndcg": _RANK,
    "rank:pairwise": _RANK,
    "reg:absoluteerror": {},
    "reg:gamma": _RATIO,
    "reg:linear": _RATIO,
    "reg:logistic": _RATIO,
    "reg:pseudohubererror": {"pseudo_huber_param": ("huber_slope",)},
    "reg:quantileerror": {"quantile_loss_param": ("quantile_alpha",)},
    "reg:squarederror": _RATIO,
    "reg:squaredlogerror": _RATIO,
    "reg:tweedie": {"tweedie_regression_param": ("tweedie_variance_power",)},
    "survival:aft": {"aft_loss_param": ("aft_loss_distribution", "aft_loss_distribution_scale")},
    "survival:cox": {},
}
_WORDS = {
    "lambdarank_pair_method": ("topk", "mean"),
    "aft_loss_distribution": ("normal", "logistic", "extreme"),
}
_FEATURE_TYPES = frozenset(["", "float", "int", "q", "i", "c"])


@dataclass(frozen=True)
class Tree:
    """One tree: node arrays, and the categories that send a row to the right, by node."""

    left: Sequence[int]
    right: Sequence[int]
    feature: Sequence[int]
    condition: Sequence[float]  # the threshold of a split, the value of a leaf
    default_left: Sequence[int]
    categories: dict[int, Sequence[int]]
    cover: Sequence[float]  # how much of the training weight came to each node


@dataclass(frozen=True)
class Booster:
    """A checked model."""

    kind: str  # gbtree | dart | gblinear
    features: int
    outputs: int
    base: tuple[float, ...]  # one number, or one for each output
    objective: str
    alphas: int  # quantiles of reg:quantileerror
    attributes: dict[str, str]
    trees: list[Tree] = field(default_factory=list)
    groups: Sequence[int] = ()  # the output of each tree
    rounds: Sequence[int] = (0,)  # where each iteration's trees begin, and the end
    drops: Sequence[float] = ()  # the weight of each tree of dart
    weights: Sequence[float] = ()  # of gblinear: features by outputs, then the biases
    feature_names: tuple[str, ...] = ()
    feature_types: tuple[str, ...] = ()
    recoded: bool = False  # whether it has category tables of data frames


def read(data: bytes, where: str = "native") -> Booster:
    """Return the model that the bytes hold.

    Raises:
        AuditError: They are not what XGBoost writes, or a value does not fit.
    """
    place = Place(where)
    top = place.keys(ubj.read(data, where), ["learner", "version"])
    _version(top["version"], place.at("version"))
    learner = place.at("learner")
    found = learner.keys(
        top["learner"],
        ["attributes", "gradient_booster", "learner_model_param", "objective"],
        ["feature_names", "feature_types"],
    )
    sizes = learner.at("learner_model_param")
    parameters = sizes.keys(
        found["learner_model_param"], ["base_score", "num_class", "num_feature"], ["boost_from_average", "num_target"]
    )
    features = sizes.at("num_feature").integer(parameters["num_feature"], 0, shapes.MOST_FEATURES)
    classes = sizes.at("num_class").integer(parameters["num_class"], 0, shapes.MOST_OUTPUTS)
    targets = sizes.at("num_target").integer(parameters.get("num_target", "1"), 1, shapes.MOST_OUTPUTS)
    sizes.at("boost_from_average").integer(parameters.get("boost_from_average", "1"), 0, 1)
    if classes > 1 and targets > 1:
        sizes.wrong("value-mismatch", f"{classes} classes and {targets} targets")
    outputs = max(classes, targets, 1)
    base = _numbers(parameters["base_score"], sizes.at("base_score"))
    if len(base) not in (1, outputs):
        sizes.wrong("shape-mismatch", f"{len(base)} base scores for {outputs} outputs")
    objective, alphas = _objective(found["objective"], classes, targets, learner.at("objective"))
    names = _texts(found.get("feature_names", []), learner.at("feature_names"))
    types = _texts(found.get("feature_types", []), learner.at("feature_types"))
    for given in (names, types):
        if given and len(given) != features:
            learner.wrong("shape-mismatch", f"{len(given)} feature names or types for {features} features")
    if not _FEATURE_TYPES.issuperset(types):
        learner.wrong("string-not-allowed", "a feature type that is not known")
    attributes = _attributes(found["attributes"], learner.at("attributes"))
    made = Booster(
        kind="", features=features, outputs=outputs, base=base, objective=objective, alphas=alphas,
        attributes=attributes, feature_names=names, feature_types=types,
    )  # fmt: skip
    made = _booster(found["gradient_booster"], made, learner.at("gradient_booster"))
    best = attributes.get("best_iteration")
    if best is not None and made.kind != "gblinear":
        learner.at("best_iteration").integer(best, 0, len(made.rounds) - 2)
    return made


def _version(value: Any, place: Place) -> None:
    if not isinstance(value, list | array) or len(value) != 3 or not all(type(each) is int for each in value):
        place.wrong("kind-mismatch", "is no version")


def _texts(value: Any, place: Place) -> tuple[str, ...]:
    if not isinstance(value, list):
        place.wrong("kind-mismatch", "is no list")
    return tuple(place.text(each) for each in value)


def _attributes(value: Any, place: Place) -> dict[str, str]:
    if not isinstance(value, dict):
        place.wrong("kind-mismatch", "is no map")
    return {place.text(key): place.text(each) for key, each in value.items()}


def _numbers(text: Any, place: Place) -> tuple[float, ...]:
    """Return the numbers of `[4.6E-1,2E0]`, or the one of `5E-1` (before XGBoost 3.1)."""
    inner = place.text(text, 2**22)
    inner = inner[1:-1] if inner[:1] == "[" and inner[-1:] == "]" else inner
    return tuple(place.number(each) for each in inner.split(","))


def _objective(value: Any, classes: int, targets: int, place: Place) -> tuple[str, int]:
    name = place.text(value.get("name") if isinstance(value, dict) else None)
    if name not in OBJECTIVES:
        place.wrong("string-not-allowed", f"objective {name!r} is not one that Amber knows")
    groups = OBJECTIVES[name]
    place.keys(value, ["name"], [*groups, *(["ti+", "tj-"] if name.startswith("rank:") else [])])
    alphas = 0
    for group, names in groups.items():
        for key, text in place.at(group).keys(value.get(group, {}), [], names).items():
            _parameter(key, text, place.at(key))
    if name.startswith("multi:"):
        given = value.get("softmax_multiclass_param", {}).get("num_class")
        if place.at("num_class").integer(given, 1, shapes.MOST_OUTPUTS) != classes:
            place.wrong("value-mismatch", f"{given} classes in the objective, {classes} in the model")
    elif classes > 1:
        place.wrong("value-mismatch", f"{name} with {classes} classes")
    if name == "reg:quantileerror":
        alphas = len(_numbers(value.get("quantile_loss_param", {}).get("quantile_alpha"), place.at("quantile_alpha")))
        if targets % alphas:
            place.wrong("value-mismatch", f"{alphas} quantiles for {targets} outputs")
    for key in ("ti+", "tj-"):
        if key in value and not isinstance(value[key], array):
            place.wrong("kind-mismatch", f"{key} is no array")
    return name, alphas


def _parameter(key: str, text: Any, place: Place) -> None:
    given = place.text(text, 65_538)
    if key in _WORDS:
        if given not in _WORDS[key]:
            place.wrong("string-not-allowed", f"{given!r}")
    elif not _LIST.fullmatch(given):
        place.number(given)


def _booster(value: Any, made: Booster, place: Place) -> Booster:
    kind = value.get("name") if isinstance(value, dict) else None
    if kind == "gblinear":
        model = place.at("model").keys(
            place.keys(value, ["model", "name"])["model"], ["weights"], ["boosted_rounds", "param"]
        )
        weights = _array(model["weights"], "fd", place.at("weights"))
        place.at("weights").sized(weights, (made.features + 1) * made.outputs)
        rounds = model.get("boosted_rounds", 0)
        if type(rounds) is not int or not 0 <= rounds < 2**31 or "param" in model:
            place.wrong("value-mismatch", "boosted_rounds or param of a linear booster")
        return _with(made, kind="gblinear", weights=weights)
    if kind == "dart":
        found = place.keys(value, ["gbtree", "name", "weight_drop"])
        inner = place.at("gbtree")
        trees = inner.keys(found["gbtree"], ["model", "name"])
        if trees["name"] != "gbtree":
            inner.wrong("string-not-allowed", f"{trees['name']!r} inside dart")
        made = _forest(trees["model"], made, inner.at("model"))
        drops = found["weight_drop"]
        if not isinstance(drops, list | array) or not all(type(each) is float for each in drops):
            place.at("weight_drop").wrong("kind-mismatch", "is no list of numbers")
        place.at("weight_drop").sized(drops, len(made.trees))
        return _with(made, kind="dart", drops=drops)
    if kind != "gbtree":
        place.wrong("string-not-allowed", f"{kind!r} is no booster")
    return _with(_forest(place.keys(value, ["model", "name"])["model"], made, place.at("model")), kind="gbtree")


def _with(made: Booster, **changes: Any) -> Booster:
    return Booster(**{**vars(made), **changes})


def _forest(value: Any, made: Booster, place: Place) -> Booster:
    found = place.keys(value, ["gbtree_model_param", "tree_info", "trees"], ["cats", "iteration_indptr"])
    counts = place.at("gbtree_model_param").keys(
        found["gbtree_model_param"], ["num_trees"], ["num_parallel_tree", "size_leaf_vector"]
    )
    count = place.at("num_trees").integer(counts["num_trees"], 0, 2**31 - 1)
    place.at("num_parallel_tree").integer(counts.get("num_parallel_tree", "1"), 0, 2**31 - 1)
    place.at("size_leaf_vector").integer(counts.get("size_leaf_vector", "0"), 0, 1)
    trees = found["trees"]
    if not isinstance(trees, list):
        place.wrong("kind-mismatch", "trees is no list")
    place.at("trees").sized(trees, count)
    groups = _array(found["tree_info"], "bBhiq", place.at("tree_info"))
    place.at("tree_info").sized(groups, count)
    place.at("tree_info").inside(groups, 0, made.outputs)
    rounds = _array(found.get("iteration_indptr", [0, count]), "bBhiq", place.at("iteration_indptr"))
    if not len(rounds) or rounds[0] != 0 or rounds[-1] != count or any(b < a for a, b in pairwise(rounds)):
        place.at("iteration_indptr").wrong("not-increasing", f"does not rise from 0 to {count}")
    recoded = "cats" in found and _tables(found["cats"], made.features, place.at("cats"))
    budget = [shapes.MOST_CATEGORY_BITS]
    return _with(
        made,
        trees=[_tree(each, made.features, budget, place.at(f"trees[{i}]")) for i, each in enumerate(trees)],
        groups=groups, rounds=rounds, recoded=recoded,
    )  # fmt: skip


_NODE_ARRAYS = {
    "base_weights": "f", "default_left": "bB", "left_children": "i", "loss_changes": "f", "parents": "i",
    "right_children": "i", "split_conditions": "f", "split_indices": "iq", "split_type": "bB", "sum_hessian": "f",
}  # fmt: skip
_CATEGORY_ARRAYS = {
    "categories": "i", "categories_nodes": "i", "categories_segments": "q", "categories_sizes": "q",
}  # fmt: skip


def _array(value: Any, codes: str, place: Place) -> Sequence[Any]:
    """Return an array of one of these type codes; an untyped list of integers where one of them is for integers."""
    typed = isinstance(value, array) and value.typecode in codes
    if not typed and not (isinstance(value, list) and "q" in codes and all(type(each) is int for each in value)):
        place.wrong("kind-mismatch", "is no array of its kind")
    found: Sequence[Any] = value
    return found


def _tree(value: Any, features: int, budget: list[int], place: Place) -> Tree:
    found = place.keys(value, [*_NODE_ARRAYS, *_CATEGORY_ARRAYS, "id", "tree_param"])
    sizes = place.at("tree_param").keys(
        found["tree_param"], ["num_nodes", "num_feature"], ["num_deleted", "size_leaf_vector"]
    )
    count = place.at("num_nodes").integer(sizes["num_nodes"], 1, 2**31 - 2)
    deleted = place.at("num_deleted").integer(sizes.get("num_deleted", "0"), 0, count)
    place.at("num_feature").integer(sizes["num_feature"], features, features)
    # more than one value in a leaf is another kind of tree
    place.at("size_leaf_vector").integer(sizes.get("size_leaf_vector", "1"), 0, 1)
    arrays = {name: _array(found[name], codes, place.at(name)) for name, codes in _NODE_ARRAYS.items()}
    for name, each in arrays.items():
        place.at(name).sized(each, count)
    left, right, feature = arrays["left_children"], arrays["right_children"], arrays["split_indices"]
    for name in ("left_children", "right_children"):
        place.at(name).inside(arrays[name], -1, count)
    if any((a < 0) != (b < 0) for a, b in zip(left, right, strict=True)):
        place.wrong("child-not-greater", "a node has one child")
    for name in ("default_left", "split_type"):
        place.at(name).inside(arrays[name], 0, 2)
    reached = shapes.walk(left, right, place)
    _parents(arrays["parents"], left, right, reached, place.at("parents"))
    if count - reached.count(1) != deleted:
        place.wrong("value-mismatch", f"{count - reached.count(1)} nodes are not reached, {deleted} are deleted")
    used = feature
    if deleted:
        if any(not on and (feature[i] != DELETED or left[i] >= 0) for i, on in enumerate(reached)):
            place.wrong("value-mismatch", "a node that is not reached is not deleted")
        used = [feature[i] for i, on in enumerate(reached) if on]
    # the feature of a leaf is never read, but it is looked up where features are counted
    place.at("split_indices").inside(used, 0, max(features, 1))
    if not features and left[0] >= 0:
        place.at("split_indices").wrong("index-out-of-range", "a split without features")
    return Tree(
        left, right, feature, arrays["split_conditions"], arrays["default_left"],
        _categories(found, arrays["split_type"], budget, place), arrays["sum_hessian"],
    )  # fmt: skip


def _parents(
    parents: Sequence[int], left: Sequence[int], right: Sequence[int], reached: bytearray, place: Place
) -> None:
    if parents[0] not in _ROOT_PARENTS:
        place.wrong("value-mismatch", "the root has a parent")
    inner = [node for node, child in enumerate(left) if child >= 0]
    for side in (left, right):
        if any(parents[side[node]] != node for node in inner if reached[node]):
            place.wrong("value-mismatch", "a child has another parent")
    place.inside([parent for parent, on in zip(parents, reached, strict=True) if not on], 0, len(parents))


def _categories(found: dict[str, Any], kinds: Sequence[int], budget: list[int], place: Place) -> dict[int, Any]:
    values, nodes, starts, sizes = (
        _array(found[name], codes, place.at(name)) for name, codes in _CATEGORY_ARRAYS.items()
    )
    if list(nodes) != [node for node, kind in enumerate(kinds) if kind]:
        place.at("categories_nodes").wrong("value-mismatch", "are not the splits on categories")
    place.at("categories_segments").sized(starts, len(nodes))
    place.at("categories_sizes").sized(sizes, len(nodes))
    place.at("categories_sizes").inside(sizes, 1, 2**31)
    if list(starts) != [0, *accumulate(sizes)][:-1] or sum(sizes) != len(values):
        place.at("categories_segments").wrong("value-mismatch", "do not cut the categories as their sizes say")
    place.at("categories").inside(values, 0, shapes.MOST_CATEGORIES)
    cut = {node: values[start : start + size] for node, start, size in zip(nodes, starts, sizes, strict=True)}
    budget[0] -= sum(max(each) + 1 for each in cut.values())
    if budget[0] < 0:
        place.wrong("limit-components", "the sets of categories are too wide")
    return cut


def _tables(value: Any, features: int, place: Place) -> bool:
    """Check the category tables that XGBoost 3.1 and newer keep of data frames; return whether there are any."""
    found = place.keys(value, ["enc", "feature_segments", "sorted_idx"])
    segments = _array(found["feature_segments"], "iq", place.at("feature_segments"))
    order = _array(found["sorted_idx"], "iq", place.at("sorted_idx"))
    tables = found["enc"]
    if not isinstance(tables, list):
        place.wrong("kind-mismatch", "enc is no list")
    if not tables:
        if len(segments) or len(order):
            place.wrong("shape-mismatch", "an order of categories without categories")
        return False
    place.at("enc").sized(tables, features)
    place.at("feature_segments").sized(segments, features + 1)
    start = 0
    for i, table in enumerate(tables):
        size = _table(table, place.at(f"enc[{i}]"))
        if segments[i] != start or segments[i + 1] != start + size:
            place.at("feature_segments").wrong("value-mismatch", "do not cut the categories as the tables do")
        if sorted(order[start : start + size]) != list(range(size)):
            place.at("sorted_idx").wrong("index-out-of-range", f"is no order of the {size} categories of feature {i}")
        start += size
    place.at("sorted_idx").sized(order, start)
    return start > 0


def _table(value: Any, place: Place) -> int:
    """Return how many categories one feature has: texts cut out of one string, or numbers."""
    if isinstance(value, dict) and "offsets" in value:
        found = place.keys(value, ["offsets", "values"])
        offsets = _array(found["offsets"], "iq", place.at("offsets"))
        letters = _array(found["values"], "bB", place.at("values"))
        ends = offsets if len(offsets) else [0]
        if ends[0] != 0 or ends[-1] != len(letters) or any(b < a for a, b in pairwise(ends)):
            place.at("offsets").wrong("not-increasing", f"do not rise from 0 to {len(letters)}")
        return len(ends) - 1
    found = place.keys(value, ["type", "values"])
    if type(found["type"]) is not int or not isinstance(found["values"], array):
        place.wrong("kind-mismatch", "is no table of categories")
    return len(found["values"])
