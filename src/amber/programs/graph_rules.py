"""What single operators must keep beyond the types of their attributes: lengths that agree, sizes that are bounded.

onnxruntime checks much of this and not all; a list shorter than what it is read for is memory that is not the graph's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from amber.programs import graph_trees, graph_values
from amber.programs.graph_node import Asked

_TEXT_CHARS = 64  # of an attribute that is a word
_LOCALES = ("", "C", "C.UTF-8", "en_US", "en_US.UTF-8")
_GRAM = 64


def check(node: Asked) -> None:
    """Apply the rules of a node's operator."""
    for name, attribute in node.attributes.items():
        if attribute.s is not None and len(node.text(name, "")) > _TEXT_CHARS:
            node.fail(f"{name} is too long")
        if attribute.t is not None:
            node.tensor(name)
    rule = RULES.get(node.kind)
    if rule is not None:
        rule(node)


def _same(node: Asked, message: str, *lengths: int) -> None:
    if len(set(lengths)) > 1:
        node.fail(message)


def _cast(node: Asked) -> None:
    if node.integer("to", 0) not in graph_values.DTYPES:
        node.fail("to is a type that a program may not use")


def _constant(node: Asked) -> None:
    if len(node.attributes) != 1:
        node.fail("exactly one value")


def _filled(node: Asked) -> None:
    if "value" in node.attributes and node.tensor("value").size != 1:
        node.fail("value has more than one element")
    node.size(0)


def _eye(node: Asked) -> None:
    if node.integer("dtype", graph_values.FLOAT) not in graph_values.DTYPES:
        node.fail("dtype is a type that a program may not use")


def _sized(*positions: int) -> Callable[[Asked], None]:
    def rule(node: Asked) -> None:
        for position in positions:
            node.size(position)

    return rule


def _labels(node: Asked) -> int:
    numbers, texts = node.integers("classlabels_ints"), list(node.strings("classlabels_strings"))
    if (len(numbers) == 0) == (len(texts) == 0):
        node.fail("class labels in one form")
    return node.bounded(max(len(numbers), len(texts)))


def _linear_classifier(node: Asked) -> None:
    labels = _labels(node)
    coefficients, intercepts = len(node.floats("coefficients")), len(node.floats("intercepts"))
    scores = intercepts or labels
    if scores not in (1, labels) or (scores == 1 and labels > 2) or not coefficients or coefficients % scores:
        node.fail("coefficients, intercepts and labels do not fit")


def _linear_regressor(node: Asked) -> None:
    targets, coefficients = node.columns("targets", 1), len(node.floats("coefficients"))
    if not coefficients or coefficients % targets or len(node.floats("intercepts")) not in (0, targets):
        node.fail("coefficients, intercepts and targets do not fit")


def _svm_regressor(node: Asked) -> None:
    supports, vectors = node.integer("n_supports", 0), len(node.floats("support_vectors"))
    coefficients = len(node.floats("coefficients"))
    _kernel(node)
    if len(node.floats("rho")) < 1:
        node.fail("rho is missing")
    if supports > 0:
        if vectors % supports or not vectors or coefficients != supports:
            node.fail("support vectors and coefficients do not fit")
    elif supports < 0 or vectors or not coefficients:
        node.fail("support vectors and coefficients do not fit")


def _kernel(node: Asked) -> None:
    if len(node.floats("kernel_params")) not in (0, 3):
        node.fail("kernel_params are three numbers")


def _svm_classifier(node: Asked) -> None:
    labels, per_class = _labels(node), node.integers("vectors_per_class")
    vectors, coefficients = len(node.floats("support_vectors")), len(node.floats("coefficients"))
    pairs = labels * (labels - 1) // 2
    _kernel(node)
    _same(node, "prob_a and prob_b do not fit", len(node.floats("prob_a")), len(node.floats("prob_b")))
    if len(node.floats("prob_a")) not in (0, pairs):
        node.fail("prob_a and labels do not fit")
    if len(per_class):
        if (per_class < 0).any() or (per_class > 2**31 - 1).any():
            node.fail("vectors_per_class")
        total = int(per_class.sum())
        fits = len(per_class) == labels and total and vectors and vectors % total == 0
        if labels < 2 or not fits or coefficients != total * (labels - 1) or len(node.floats("rho")) != pairs:
            node.fail("vectors, coefficients, rho and labels do not fit")
    elif vectors or not coefficients or coefficients % labels or len(node.floats("rho")) < 1:
        node.fail("coefficients and labels do not fit")


def _scaler(node: Asked) -> None:
    offset, scale = len(node.floats("offset")), len(node.floats("scale"))
    _same(node, "offset and scale do not fit", offset, scale)
    if not offset:
        node.fail("no offset and scale")


def _imputer(node: Asked) -> None:
    floats, integers = len(node.floats("imputed_value_floats")), len(node.integers("imputed_value_int64s"))
    if (floats == 0) == (integers == 0):
        node.fail("imputed values in one form")


def _label_encoder(node: Asked) -> None:
    counts: dict[str, list[int]] = {"keys": [], "values": []}
    for name in sorted(node.attributes):
        side = name.partition("_")[0]
        if side not in counts:
            continue
        if name.endswith("tensor"):
            counts[side].append(node.tensor(name).size)
        elif name.endswith("strings"):
            counts[side].append(sum(1 for _ in node.strings(name)))
        else:
            counts[side].append(len(node.floats(name) if name.endswith("floats") else node.integers(name)))
    if len(counts["keys"]) != 1 or counts["keys"] != counts["values"] or "classes_strings" in node.attributes:
        node.fail("keys and values in one form each, as many of both")
    if "default_tensor" in node.attributes and node.tensor("default_tensor").size != 1:
        node.fail("default_tensor has more than one element")


def _one_hot(node: Asked) -> None:
    numbers, texts = len(node.integers("cats_int64s")), sum(1 for _ in node.strings("cats_strings"))
    if (numbers == 0) == (texts == 0):
        node.fail("categories in one form")
    node.bounded(max(numbers, texts))


def _normalizer(node: Asked) -> None:
    if node.text("norm", "MAX") not in ("MAX", "L1", "L2"):
        node.fail("norm")


def _strings(node: Asked) -> None:
    if node.text("locale", "") not in _LOCALES:
        node.fail("locale")


def _tfidf(node: Asked) -> None:
    counts, indexes = node.integers("ngram_counts"), node.integers("ngram_indexes")
    pool = len(node.integers("pool_int64s")) or sum(1 for _ in node.strings("pool_strings"))
    shortest, longest = node.integer("min_gram_length", 0), node.integer("max_gram_length", 0)
    if not 1 <= shortest <= longest <= _GRAM or not 0 <= node.integer("max_skip_count", -1) <= _GRAM:
        node.fail("lengths of n-grams")
    if not longest <= len(counts) <= _GRAM or counts[0] != 0 or (np.diff(counts) < 0).any() or counts[-1] > pool:
        node.fail("ngram_counts")
    ends = [*counts.tolist()[1:], pool]
    sizes = [(end - int(start)) for start, end in zip(counts, ends, strict=True)]
    if any(size % (place + 1) for place, size in enumerate(sizes)):
        node.fail("ngram_counts and the pool do not fit")
    grams = sum(size // (place + 1) for place, size in enumerate(sizes))
    weights = len(node.floats("weights"))
    if len(indexes) != grams or weights not in (0, grams) or not grams or (indexes < 0).any():
        node.fail("ngram_indexes and weights do not fit the pool")
    node.bounded(int(indexes.max()) + 1)


def _squeeze(node: Asked) -> None:
    """Where axes are not said, how many are left depends on the rows, and onnxruntime 1.31 may end the process."""
    if "axes" not in node.attributes and node.input(1) is None:
        node.fail("axes are constants, and said")


def _gather_nd(node: Asked) -> None:
    if not 0 <= node.integer("batch_dims", 0) <= node.limits.program_rank:
        node.fail("batch_dims")


def _split(node: Asked) -> None:
    if "num_outputs" in node.attributes and node.integer("num_outputs", 0) != len(node.node.output):
        node.fail("num_outputs")


RULES: dict[str, Callable[[Asked], None]] = {
    "Cast": _cast, "Constant": _constant, "ConstantOfShape": _filled, "Expand": _sized(1), "EyeLike": _eye,
    "GatherND": _gather_nd, "Imputer": _imputer, "LabelEncoder": _label_encoder,
    "LinearClassifier": _linear_classifier, "LinearRegressor": _linear_regressor, "Normalizer": _normalizer,
    "OneHotEncoder": _one_hot, "Range": _sized(0, 1, 2), "SVMClassifier": _svm_classifier,
    "SVMRegressor": _svm_regressor, "Scaler": _scaler, "Split": _split, "Squeeze": _squeeze,
    "StringNormalizer": _strings, "TfIdfVectorizer": _tfidf, "Tile": _sized(1), "TreeEnsemble": graph_trees.ensemble,
    "TreeEnsembleClassifier": graph_trees.classic, "TreeEnsembleRegressor": graph_trees.classic,
}  # fmt: skip
