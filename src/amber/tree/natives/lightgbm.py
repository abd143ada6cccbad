"""The model of LightGBM in its own text form (`model_to_string()`), read line by line and followed to every leaf.

In: bytes. Out: `Booster`, whose indices are all inside what they point into. The keys, objectives and parameters are
closed lists, and `tree_sizes`, by which LightGBM cuts the text without looking, must be where the trees really end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from amber.tree.natives import shapes
from amber.tree.natives.shapes import Place

_NUMBER = r"[0-9.eE+-]{1,40}"
# What an objective's line may say. A function of the user's leaves no such line, so that it is refused.
OBJECTIVES = re.compile(
    r"(?P<name>regression|regression_l1|huber|fair|poisson|quantile|mape|gamma|tweedie|cross_entropy"
    r"|cross_entropy_lambda|lambdarank|rank_xendcg|binary|multiclass|multiclassova)"
    r"(?: (?P<sqrt>sqrt))?(?: num_class:(?P<classes>[0-9]{1,6}))?"
    rf"(?: sigmoid:(?P<sigmoid>{_NUMBER}))?(?: tweedie_variance_power:{_NUMBER})?",
    re.ASCII,
)
_HEADER = ("version", "num_class", "num_tree_per_iteration", "label_index", "max_feature_idx", "objective",
           "feature_names", "feature_infos", "tree_sizes")  # fmt: skip
_VERSIONS = ("v3", "v4")
_INTEGERS = re.compile(r"-?[0-9]{1,10}(?: -?[0-9]{1,10})*+", re.ASCII)
_INFO = re.compile(
    rf"none|\[(?:{_NUMBER}|-?inf|nan):(?:{_NUMBER}|-?inf|nan)\]|-?[0-9]{{1,10}}(?::-?[0-9]{{1,10}})*", re.ASCII
)
_TREE = ("num_leaves", "num_cat", "split_feature", "split_gain", "threshold", "decision_type", "left_child",
         "right_child", "leaf_value", "leaf_weight", "leaf_count", "internal_value", "internal_weight",
         "internal_count", "shrinkage")  # fmt: skip
_CATEGORICAL = ("cat_boundaries", "cat_threshold")
_LINEAR = ("leaf_const", "num_features", "leaf_features", "leaf_coeff")
_PARAMETER = re.compile(r"\[([a-z_0-9]{1,64}): ([\x20-\x7e]{0,65536})\]", re.ASCII)
# Parameters that name a file, an address or another machine; a writer leaves them out.
_REACHING = (
    "data valid forcedsplits_filename forcedbins_filename parser_config_file machine_list_filename machines input_model"
    " output_model output_result convert_model config task"
)
REACHING = frozenset(_REACHING.split())
_PARAMETERS = (
    "boosting objective metric tree_learner device_type data_sample_strategy num_iterations learning_rate num_leaves"
    " num_threads seed deterministic force_col_wise force_row_wise histogram_pool_size max_depth min_data_in_leaf"
    " min_sum_hessian_in_leaf bagging_fraction pos_bagging_fraction neg_bagging_fraction bagging_freq bagging_seed"
    " bagging_by_query feature_fraction feature_fraction_bynode feature_fraction_seed extra_trees extra_seed"
    " early_stopping_round early_stopping_min_delta first_metric_only max_delta_step lambda_l1 lambda_l2 linear_lambda"
    " min_gain_to_split drop_rate max_drop skip_drop xgboost_dart_mode uniform_drop drop_seed top_rate other_rate"
    " min_data_per_group max_cat_threshold cat_l2 cat_smooth max_cat_to_onehot top_k monotone_constraints"
    " monotone_constraints_method monotone_penalty feature_contri refit_decay_rate cegb_tradeoff cegb_penalty_split"
    " cegb_penalty_feature_lazy cegb_penalty_feature_coupled path_smooth interaction_constraints verbosity"
    " saved_feature_importance_type use_quantized_grad num_grad_quant_bins quant_train_renew_leaf stochastic_rounding"
    " linear_tree max_bin max_bin_by_feature min_data_in_bin bin_construct_sample_cnt data_random_seed is_enable_sparse"
    " enable_bundle use_missing zero_as_missing feature_pre_filter pre_partition two_round header label_column"
    " weight_column group_column ignore_column categorical_feature precise_float_parser objective_seed num_class"
    " is_unbalance scale_pos_weight sigmoid boost_from_average reg_sqrt alpha fair_c poisson_max_delta_step"
    " tweedie_variance_power lambdarank_truncation_level lambdarank_norm label_gain"
    " lambdarank_position_bias_regularization eval_at multi_error_top_k auc_mu_weights num_machines local_listen_port"
    " time_out gpu_platform_id gpu_device_id gpu_device_id_list gpu_use_dp num_gpu"
)
PARAMETERS = REACHING | frozenset(_PARAMETERS.split())


@dataclass(frozen=True)
class Tree:
    """One tree: arrays of its splits (a child below 0 is the leaf `-1 - child`), and the values of its leaves."""

    feature: Sequence[int]
    threshold: Sequence[float]
    decision: Sequence[int]
    left: Sequence[int]
    right: Sequence[int]
    leaves: Sequence[float]
    boundaries: Sequence[int] = ()
    bits: Sequence[int] = ()
    linear: bool = False
    counts: Sequence[int] = ()  # training rows that came to each split


@dataclass(frozen=True)
class Booster:
    """A checked model."""

    features: int
    outputs: int
    objective: str
    sqrt: bool
    sigmoid: float
    averaged: bool
    trees: list[Tree] = field(default_factory=list)
    categories: list[list[Any]] | None = None  # of pandas columns, in the order of the categorical columns
    parameters: dict[str, str] = field(default_factory=dict)


def neutral(data: bytes) -> bytes:
    """Return the text without what belongs to the machine that trained: files, addresses, threads."""
    head, mark, tail = data.partition(b"\nparameters:\n")
    body, end, rest = tail.partition(b"end of parameters")
    for name in sorted(REACHING):
        body = re.sub(rb"(?m)^\[%s: [^\n]*\]$" % name.encode(), b"[%s: ]" % name.encode(), body)
    body = re.sub(rb"(?m)^\[num_threads: [^\n]*\]$", b"[num_threads: 0]", body)
    return head + mark + body + end + rest


def read(data: bytes, where: str = "native") -> Booster:
    """Return the model that the bytes hold.

    Raises:
        AuditError: They are not what LightGBM writes, or a value does not fit.
    """
    place = Place(where)
    first = data.find(b"\n\n")
    if first < 0 or b"\0" in data:
        place.wrong("value-mismatch", "is no model of LightGBM")
    header = _header(_text(data[: first + 1], place), place)
    count = header["max_feature_idx"] + 1
    sizes = [
        place.at("tree_sizes").integer(each, 1, len(data))
        for each in header["tree_sizes"].split(" ")
        if header["tree_sizes"]
    ]
    trees, at = [], first + 2
    budget = [shapes.MOST_CATEGORY_BITS]
    for i, size in enumerate(sizes):
        block = data[at : at + size]
        if len(block) < size or not block.startswith(b"Tree=%d\n" % i) or not block.endswith(b"\n\n\n"):
            place.at("tree_sizes").wrong("value-mismatch", f"tree {i} is not where its size says")
        trees.append(_tree(_text(block, place), count, budget, place.at(f"trees[{i}]")))
        at += size
    parameters, categories = _ending(_text(data[at:], place), place)
    if len(trees) % header["outputs"]:
        place.wrong("shape-mismatch", f"{len(trees)} trees for {header['outputs']} outputs")
    return Booster(
        count, header["outputs"], header["objective"], header["sqrt"], header["sigmoid"], header["averaged"],
        trees, categories, parameters,
    )  # fmt: skip


def _text(data: bytes, place: Place) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        place.wrong("value-mismatch", "text is not UTF-8")


def _pairs(lines: list[str], place: Place) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        key, equals, value = line.partition("=")
        if not equals or key in found:
            place.wrong("value-mismatch", f"line {line[:40]!r}")
        found[key] = value
    return found


def _header(text: str, place: Place) -> dict[str, Any]:
    lines = text.split("\n")[:-1]
    if not lines or lines[0] != "tree":
        place.wrong("value-mismatch", "does not begin with a line `tree`")
    averaged = lines.count("average_output")
    if averaged > 1:
        place.wrong("value-mismatch", "average_output stands twice")
    found = _pairs([line for line in lines[1:] if line != "average_output"], place)
    place.keys(found, _HEADER, ["monotone_constraints"])
    if found["version"] not in _VERSIONS:
        place.at("version").wrong("string-not-allowed", found["version"])
    features = place.at("max_feature_idx").integer(found["max_feature_idx"], 0, shapes.MOST_FEATURES - 1) + 1
    classes = place.at("num_class").integer(found["num_class"], 1, shapes.MOST_OUTPUTS)
    outputs = place.at("num_tree_per_iteration").integer(found["num_tree_per_iteration"], 1, shapes.MOST_OUTPUTS)
    place.at("label_index").integer(found["label_index"], 0, 2**31 - 1)
    said = OBJECTIVES.fullmatch(found["objective"])
    if said is None:
        place.at("objective").wrong("string-not-allowed", f"{found['objective']!r} is not one that Amber knows")
    several = said["name"].startswith("multiclass")
    if (
        (int(said["classes"] or 0) if several else 1) != classes
        or outputs != classes
        or (said["classes"] and not several)
    ):
        place.at("num_class").wrong("value-mismatch", "classes, objective and trees of an iteration do not agree")
    sigmoid = place.at("sigmoid").number(said["sigmoid"] or "1")
    if not sigmoid > 0:
        place.at("sigmoid").wrong("value-out-of-range", f"{sigmoid}")
    place.at("feature_names").sized(found["feature_names"].split(" "), features)
    infos = found["feature_infos"].split(" ")
    place.at("feature_infos").sized(infos, features)
    if not all(_INFO.fullmatch(each) for each in infos):
        place.at("feature_infos").wrong("value-mismatch", "is not the range or the categories of a feature")
    if "monotone_constraints" in found:
        directions = found["monotone_constraints"].split(" ")
        place.at("monotone_constraints").sized(directions, features)
        for each in directions:
            place.at("monotone_constraints").integer(each, -1, 1)
    return {
        "max_feature_idx": features - 1, "outputs": outputs, "objective": said["name"],
        "sqrt": said["sqrt"] is not None,
        "sigmoid": sigmoid, "averaged": bool(averaged), "tree_sizes": found["tree_sizes"],
    }  # fmt: skip


def _words(text: str, length: int, place: Place) -> list[str]:
    """Return what single spaces part: LightGBM looks for nothing else, and ends the process where it finds it."""
    words = text.split(" ") if text else []
    place.sized(words, length)
    return words


def _integers(text: str, length: int, low: int, below: int, place: Place) -> list[int]:
    words = _words(text, length, place)
    if words and not _INTEGERS.fullmatch(text):
        place.wrong("kind-mismatch", "is no list of integers of 32 bits")
    found = [int(each) for each in words]
    place.inside(found, low, below)
    return found


def _floats(text: str, length: int, place: Place) -> list[float]:
    words = _words(text, length, place)
    if words and not shapes.FLOATS.fullmatch(text):  # one look at the whole line; the slow way says which is wrong
        return [place.number(each) for each in words]
    return list(map(float, words))


_WIDE = 2**31


def _tree(text: str, features: int, budget: list[int], place: Place) -> Tree:
    found = _pairs(text.split("\n")[1:-3], place)
    linear = found.get("is_linear", "0") == "1"
    sets = found.get("num_cat", "0") != "0"
    place.keys(found, [*_TREE, *(_CATEGORICAL if sets else ()), *(_LINEAR if linear else ())], ["is_linear"])
    place.at("is_linear").integer(found.get("is_linear", "0"), 0, 1)
    place.at("shrinkage").number(found["shrinkage"])
    leaves = place.at("num_leaves").integer(found["num_leaves"], 1, 2**31 - 1)
    splits = leaves - 1
    values = _floats(found["leaf_value"], leaves, place.at("leaf_value"))
    if not splits:
        for name in set(_TREE) - {"num_leaves", "num_cat", "leaf_value", "leaf_count", "leaf_weight", "shrinkage"}:
            _words(found[name], 0, place.at(name))
        if sets or linear:
            _linear(found, leaves, features, place)
        return Tree((), (), (), (), (), values, linear=linear)
    feature = _integers(found["split_feature"], splits, 0, features, place.at("split_feature"))
    threshold = _floats(found["threshold"], splits, place.at("threshold"))
    decision = _integers(found["decision_type"], splits, 0, 12, place.at("decision_type"))
    left, right = (
        _integers(found[name], splits, -leaves, splits, place.at(name)) for name in ("left_child", "right_child")
    )
    if shapes.walk(left, right, place).count(0):
        place.wrong("child-not-greater", "a split is not reached")
    if sorted(child for side in (left, right) for child in side if child < 0) != list(range(-leaves, 0)):
        place.wrong("child-not-greater", "a leaf is not reached once")
    _integers(found["leaf_count"], leaves, -_WIDE, _WIDE, place.at("leaf_count"))
    counts = _integers(found["internal_count"], splits, -_WIDE, _WIDE, place.at("internal_count"))
    for name, length in (
        ("split_gain", splits), ("leaf_weight", leaves), ("internal_value", splits), ("internal_weight", splits)
    ):  # fmt: skip
        _floats(found[name], length, place.at(name))
    boundaries, bits = _sets(found, decision, threshold, budget, place) if sets else ([], [])
    if not sets and any(each & 1 for each in decision):
        place.at("decision_type").wrong("value-mismatch", "a split on categories without sets of them")
    if linear:
        _linear(found, leaves, features, place)
    return Tree(feature, threshold, decision, left, right, values, boundaries, bits, linear, counts)


def _sets(
    found: dict[str, str], decision: list[int], threshold: list[float], budget: list[int], place: Place
) -> tuple[list[int], list[int]]:
    count = place.at("num_cat").integer(found["num_cat"], 1, len(decision))
    boundaries = _integers(found["cat_boundaries"], count + 1, 0, _WIDE, place.at("cat_boundaries"))
    if boundaries[0] != 0 or any(b < a for a, b in pairwise(boundaries)):
        place.at("cat_boundaries").wrong("not-increasing", "do not rise from 0")
    bits = _integers(found["cat_threshold"], boundaries[-1], 0, 2**32, place.at("cat_threshold"))
    budget[0] -= 32 * len(bits)
    if budget[0] < 0:
        place.wrong("limit-components", "the sets of categories are too wide")
    for kind, value in zip(decision, threshold, strict=True):
        if kind & 1 and not (value == value and 0 <= value < count and value == int(value)):
            place.at("threshold").wrong("index-out-of-range", f"{value} is none of the {count} sets of categories")
    return boundaries, bits


def _linear(found: dict[str, str], leaves: int, features: int, place: Place) -> None:
    _floats(found["leaf_const"], leaves, place.at("leaf_const"))
    counts = _integers(found["num_features"], leaves, 0, features + 1, place.at("num_features"))
    read = _parted(found["leaf_features"], counts, place.at("leaf_features"))
    _integers(" ".join(read), sum(counts), 0, features, place.at("leaf_features"))
    _floats(" ".join(_parted(found["leaf_coeff"], counts, place.at("leaf_coeff"))), sum(counts), place.at("leaf_coeff"))


def _parted(text: str, counts: list[int], place: Place) -> list[str]:
    """Return the words of the leaves: a space stands after each of them, and one more after each leaf."""
    words = [each for each in text.split(" ") if each]
    place.sized(words, sum(counts))
    rest = iter(words)
    if text != "".join("".join(f"{next(rest)} " for _ in range(count)) + " " for count in counts):
        place.wrong("value-mismatch", "does not give each leaf what num_features says")
    return words


def _ending(text: str, place: Place) -> tuple[dict[str, str], list[list[Any]] | None]:
    """Read what follows the trees: importances, parameters, the categories of pandas columns."""
    if not text.startswith("end of trees\n\nfeature_importances:\n"):
        place.wrong("value-mismatch", "the trees do not end where their sizes say")
    importances, mark, rest = text.partition("\nparameters:\n")
    for line in importances.split("\n")[3:]:
        name, _, value = line.rpartition("=")
        if line and (not name or not value.isdigit()):
            place.at("feature_importances").wrong("value-mismatch", f"line {line[:40]!r}")
    parameters: dict[str, str] = {}
    if mark:
        body, end, rest = rest.partition("\nend of parameters\n")
        if not end:
            place.at("parameters").wrong("value-mismatch", "have no end")
        for line in body.split("\n"):
            _parameter(line, parameters, place.at("parameters"))
    else:
        importances, _, rest = importances.partition("\npandas_categorical:")
        rest = "pandas_categorical:" + rest
    lines = [line for line in rest.split("\n") if line]
    if len(lines) != 1 or not lines[0].startswith("pandas_categorical:"):
        place.wrong("value-mismatch", "does not end with the categories of pandas columns")
    return parameters, _categories(lines[0].removeprefix("pandas_categorical:"), place.at("pandas_categorical"))


def _parameter(line: str, parameters: dict[str, str], place: Place) -> None:
    found = _PARAMETER.fullmatch(line)
    if not line:
        return
    if found is None:
        place.wrong("value-mismatch", f"line {line[:40]!r}")
    if found[1] not in PARAMETERS or found[1] in parameters:
        place.wrong("attribute-unknown", f"{found[1]} is not known, or stands twice")
    if found[1] in REACHING and found[2]:
        place.wrong("string-not-allowed", f"{found[1]} names something outside the model")
    parameters[found[1]] = found[2]


def _categories(text: str, place: Place) -> list[list[Any]] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        place.wrong("value-mismatch", "is no JSON")
    if found is None:
        return None
    plain = (str, int, float, bool, type(None))
    if not isinstance(found, list) or not all(
        isinstance(each, list) and all(isinstance(value, plain) for value in each) for each in found
    ):
        place.wrong("kind-mismatch", "is no list of lists of values")
    return found
