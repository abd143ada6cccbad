"""Boosting: gradient boosting on scikit-learn's trees, and AdaBoost on any estimator."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from amber.programs.emit.flow import Answer, Context, Labels, Methods, Scores, emits, scores
from amber.programs.emit.forests import applied
from amber.programs.emit.graph import Tensor
from amber.programs.emit.nodes import Array, Nodes
from amber.programs.emit.trees import Grove, all_trees, grown, leaf_values, need, single
from amber.programs.emit.values import Matrix, Value
from amber.programs.emit.view import View

EPSILON = float(np.finfo(np.float64).eps)
# What computes in float64 whatever it is given: only such an `init` has the same answers on rows of float32.
DOUBLE = (
    "sklearn.dummy.",
    "sklearn.tree.",
    "sklearn.ensemble.RandomForest",
    "sklearn.ensemble.ExtraTrees",
    "sklearn.ensemble.GradientBoosting",
    "sklearn.ensemble.HistGradientBoosting",
)


@emits("sklearn.ensemble.GradientBoostingClassifier")
def gradient_classifier(e: View, X: Value, c: Context) -> Methods:
    """Sums of trees on the scale of the loss, one for two classes, else one for each class."""
    g, table = c.graph, _finite(X, c)
    x = single(table, c)
    classes, several = e["classes_"], e["estimators_"].shape[1] > 1

    @functools.cache
    def raw() -> Tensor:
        found = boosted(e, x, c, functools.partial(_first_of_classes, e, Matrix(x, table.width), c))
        return found if several else g.squeeze(found)

    def predict() -> Labels:
        index = g.argmax(raw()) if several else (raw() >= 0.0).cast("int64")
        return Labels(index, (classes,))

    def proba() -> Tensor:
        if several:
            return g.softmax(raw())
        return two(c, g.sigmoid(raw() * 2.0 if e["loss"] == "exponential" else raw()))

    def apply() -> Scores:
        numbers = _applied(e, x, c).tensors[0]
        return scores(g.op("Reshape", numbers, g.const([0, *e["estimators_"].shape])))

    return {
        "predict": predict,
        "decision_function": lambda: scores(raw()),
        "predict_proba": lambda: scores(proba()),
        "predict_log_proba": lambda: scores(g.op("Log", proba())),
        "apply": apply,
    }


@emits("sklearn.ensemble.GradientBoostingRegressor")
def gradient_regressor(e: View, X: Value, c: Context) -> Methods:
    """The sum of the trees; every loss has the identity as its link."""
    table = _finite(X, c)
    x = single(table, c)

    def predict() -> Answer:
        first = functools.partial(_first_value, e, Matrix(x, table.width), c)
        return scores(c.graph.squeeze(boosted(e, x, c, first)))

    return {"predict": predict, "apply": lambda: _applied(e, x, c)}


def _applied(e: View, x: Tensor, c: Context) -> Scores:
    trees = [each["tree_"] for each in e["estimators_"].ravel()]
    return applied(Grove(c.graph, x, grown(trees)), shared=False)


def two(c: Context, second: Tensor) -> Tensor:
    """Return the probabilities of two classes from that of the second."""
    column = c.graph.expand(second)
    return c.graph.concat([1.0 - column, column])


def boosted(e: View, x: Tensor, c: Context, first: Callable[[], Tensor | Array]) -> Tensor:
    """Return what `init_` says and the trees add to it, [N, trees of a round].

    Each place in a round is an ensemble of its own: one with several targets takes far longer for the same trees.
    """
    start: Tensor | Array = np.zeros(e["estimators_"].shape[1]) if isinstance(e["init_"], str) else first()
    sums = []
    for place, column in enumerate(e["estimators_"].T):
        trees = [each["tree_"] for each in column]
        grove = Grove(c.graph, x, grown(trees))
        weights = e["learning_rate"] * leaf_values(trees, grove.nodes)[:, 0, 0]
        if not isinstance(start, Tensor):
            weights = based(weights, grove.nodes, float(start[place]))
        sums.append(c.graph.expand(grove.total(weights)))
    found = c.graph.concat(sums)
    return start + found if isinstance(start, Tensor) else found


def based(weights: Array, nodes: Nodes, start: float) -> Array:
    """Add what every row starts from to the leaves of the first tree."""
    return np.where(nodes.tree == 0, start + weights, weights)


def _finite(X: Value, c: Context) -> Matrix:
    # `apply` asks the first tree alone, and trees take missing values
    return c.require(c.require(c.matrix(X), "finite", ("apply",)), "float32")


def _first_value(e: View, x: Matrix, c: Context) -> Tensor | Array:
    init = e["init_"]
    if init.type == "sklearn.dummy.DummyRegressor":
        return np.asarray(init["constant_"], dtype=np.float64).ravel()
    _doubles(init)
    return c.graph.expand(c.score(init, "predict", x))


def _first_of_classes(e: View, x: Matrix, c: Context) -> Tensor | Array:
    """Return the probabilities of `init_` on the scale of the loss."""
    g, init, width = c.graph, e["init_"], e["estimators_"].shape[1]
    least = EPSILON if c.since("scikit-learn", (1, 8)) else float(np.finfo(np.float32).eps)
    half = 0.5 if e["loss"] == "exponential" else 1.0
    if init.type == "sklearn.dummy.DummyClassifier" and init["strategy"] == "prior":
        known = np.clip(np.asarray(init["class_prior_"], dtype=np.float64), least, 1 - least)
        if width == 1:
            return half * np.array([logit(float(known[1]))])
        return np.asarray(np.log(known / np.exp(np.mean(np.log(known)))))
    _doubles(init)
    found = c.score(init, "predict_proba", x)
    found = g.op("Clip", found, g.const(least), g.const(1 - least))
    if width == 1:
        second = g.columns(found, [1])
        return g.op("Log", second / (1.0 - second)) * half
    mean = g.sum(g.op("Log", found), 1, keep=True) / float(width)
    return g.op("Log", found / g.op("Exp", mean))


def _doubles(init: Any) -> None:
    name = getattr(init, "type", str(init))
    need(name.startswith(DOUBLE), f"{name} as init of gradient boosting computes in float32")


def logit(p: float) -> float:
    """Return log(p / (1 - p)), near one half as SciPy computes it."""
    if 0.3 <= p <= 0.65:
        s = 2 * (p - 0.5)
        return float(np.log1p(s) - np.log1p(-s))
    return float(np.log(p / (1 - p)))


@emits("sklearn.ensemble.AdaBoostClassifier")
def ada_classifier(e: View, X: Value, c: Context) -> Methods:
    """Votes of the estimators, each with its weight; or their probabilities (SAMME.R, until scikit-learn 1.5)."""
    g, classes = c.graph, e["classes_"]
    count = len(classes)
    x = c.require(c.matrix(X), "finite", ("predict_proba", "predict_log_proba") if count == 1 else ())

    @functools.cache
    def decision() -> Tensor:
        weights = np.asarray(e["estimator_weights_"], dtype=np.float64)
        estimators = e["estimators_"]
        if count == 1:
            rows = g.op("Shape", x.tensor, dtype="int64", start=0, end=1)
            return g.op("Expand", g.const(0.0), g.concat([rows, g.const([1])], axis=0))
        if e.get("algorithm") == "SAMME.R":
            said = _real(estimators, count, x, c) / float(weights.sum())
            return g.column(said, 1) - g.column(said, 0) if count == 2 else said
        said = _votes(estimators, classes, weights, x, c) / float(weights.sum())
        # of two classes the votes are each other's negative: -a + b is twice b
        return g.column(said, 1) + g.column(said, 1) if count == 2 else said

    def predict() -> Labels:
        index = (decision() > 0.0).cast("int64") if count == 2 else g.argmax(decision())
        return Labels(index, (classes,))

    def proba() -> Tensor:
        if count == 1:
            return decision() + 1.0
        if count == 2:
            column = g.expand(decision())
            return g.softmax(g.concat([-column, column]) / 2.0)
        return g.softmax(decision() / float(count - 1))

    return {
        "predict": predict,
        "decision_function": lambda: scores(decision()),
        "predict_proba": lambda: scores(proba()),
        "predict_log_proba": lambda: scores(g.op("Log", proba())),
    }


def _votes(estimators: Sequence[View], classes: Any, weights: Array, x: Matrix, c: Context) -> Tensor:
    """Return the sum of what each estimator gives to each class, [N, classes]: its weight, or a share against."""
    g = c.graph

    def given(own: Any, weight: float) -> Array:
        return np.where(np.asarray(own)[:, None] == classes, weight, -1 / (len(classes) - 1) * weight)

    if all_trees(estimators):
        trees = [each["tree_"] for each in estimators]
        c.require(x, "float32")
        grove = Grove(g, single(x, c), grown(trees))
        label, tree = leaf_values(trees, grove.nodes)[:, 0].argmax(axis=1), grove.nodes.tree
        table = np.empty((len(tree), len(classes)))
        for number, (each, weight) in enumerate(zip(estimators, weights, strict=False)):
            table[tree == number] = given(each["classes_"], weight)[label[tree == number]]
        return grove.sums(table)
    parts = []
    for each, weight in zip(estimators, weights, strict=False):
        said = labels(c.ask(each, "predict", x))
        parts.append(g.op("Gather", g.const(given(said.classes[0], weight)), said.index, dtype=g.precision, axis=0))
    return functools.reduce(lambda left, right: left + right, parts)


def _real(estimators: Sequence[View], count: int, x: Matrix, c: Context) -> Tensor:
    """Return the sum of the logarithms of all probabilities, each less its mean over the classes, [N, classes]."""
    g = c.graph
    if all_trees(estimators):
        trees = [each["tree_"] for each in estimators]
        c.require(x, "float32")
        grove = Grove(g, single(x, c), grown(trees))
        logs = np.log(np.maximum(leaf_values(trees, grove.nodes)[:, 0, :count], EPSILON))
        return grove.sums((count - 1) * (logs - (1.0 / count) * logs.sum(axis=1)[:, None]))
    parts = []
    for each in estimators:
        log = g.op("Log", g.op("Max", c.score(each, "predict_proba", x), g.const(EPSILON)))
        parts.append((log - g.sum(log, 1, keep=True) * (1.0 / count)) * float(count - 1))
    return functools.reduce(lambda left, right: left + right, parts)


def labels(answer: Answer) -> Labels:
    """Return an answer that is the class of each row.

    Raises:
        Unsupported: It is something else.
    """
    need(isinstance(answer, Labels) and len(answer.classes) == 1, "predictions that are no classes")
    assert isinstance(answer, Labels)  # noqa: S101 - says to the type checker what the line above makes sure of
    return answer


@emits("sklearn.ensemble.AdaBoostRegressor")
def ada_regressor(e: View, X: Value, c: Context) -> Methods:
    """The weighted median of the estimators' predictions."""
    g, x, estimators = c.graph, c.require(c.matrix(X), "finite"), e["estimators_"]

    def predict() -> Answer:
        if all_trees(estimators):
            trees = [each["tree_"] for each in estimators]
            c.require(x, "float32")
            grove = Grove(g, single(x, c), grown(trees))
            said = grove.each(leaf_values(trees, grove.nodes)[:, 0, 0])
        else:
            said = g.concat([g.expand(c.score(each, "predict", x)) for each in estimators])
        count = len(estimators)
        ordered, places = g.ops(
            "TopK", said, g.const([count]), dtypes=[said.dtype, "int64"], axis=1, largest=0, sorted=1
        )
        weights = np.asarray(e["estimator_weights_"], dtype=np.float64)[:count]
        given = g.op("Gather", g.const(weights), places, dtype=g.precision, axis=0)
        reached = g.op("CumSum", given, g.const(np.int64(1)))
        above = reached >= g.columns(reached, [count - 1]) * 0.5
        median = g.expand(g.argmax(above.cast("int64")))
        return scores(g.squeeze(g.op("GatherElements", ordered, median, axis=1)))

    return {"predict": predict}
