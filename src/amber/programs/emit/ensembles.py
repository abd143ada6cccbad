"""Estimators made of estimators: bagging, voting, stacking. A bag of trees is one walk over all, as a forest is."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np

from amber.programs.emit.boosting import labels
from amber.programs.emit.compose import selected
from amber.programs.emit.flow import Answer, Context, Labels, Methods, Scores, emits, scores
from amber.programs.emit.forests import total
from amber.programs.emit.graph import Graph, Tensor
from amber.programs.emit.nodes import Array
from amber.programs.emit.trees import Grove, all_trees, checked, grown, leaf_values, need, single
from amber.programs.emit.values import Matrix, Raw, Sparse, Value
from amber.programs.emit.view import View

Tables = list[tuple[View, Value]]  # each estimator with the table it sees


@emits("sklearn.ensemble.BaggingClassifier")
def bagging_classifier(e: View, X: Value, c: Context) -> Methods:
    """The mean of the estimators' probabilities, or of their votes where they have none."""
    g, classes, count = c.graph, e["classes_"], float(e["n_estimators"])
    bag = _bag(e, X, c)

    @functools.cache
    def summed() -> Tensor:
        if all_trees(e["estimators_"]):
            grove, trees = _grove(e, X, c)
            return total(grove, _in_classes(e, leaf_values(trees, grove.nodes)[:, 0], grove.nodes.tree))
        return added([_in_bag(each, value, len(classes), c) for each, value in bag])

    def proba() -> Tensor:
        return summed() / count

    def log_proba() -> Tensor:
        if all_trees(e["estimators_"]) or not all("predict_log_proba" in c.methods(each, value) for each, value in bag):
            return g.op("Log", proba())
        parts = [_spread(each, "predict_log_proba", value, len(classes), -np.inf, c) for each, value in bag]
        return functools.reduce(functools.partial(_log_added, g), parts) - float(np.log(count))

    def decision() -> Tensor:
        known = {len(labels(c.ask(each, "predict", value)).classes[0]) for each, value in bag}
        need(len(known) == 1, "decision_function of a bag whose estimators know different classes")
        return added([c.score(each, "decision_function", value) for each, value in bag]) / count

    return {
        "predict": lambda: Labels(g.argmax(proba()), (classes,)),
        "predict_proba": lambda: scores(proba()),
        "predict_log_proba": lambda: scores(log_proba()),
        "decision_function": lambda: scores(decision()),
    }


@emits("sklearn.ensemble.BaggingRegressor")
def bagging_regressor(e: View, X: Value, c: Context) -> Methods:
    """The mean of the estimators' predictions."""

    def predict() -> Scores:
        count = float(e["n_estimators"])
        if all_trees(e["estimators_"]):
            grove, trees = _grove(e, X, c)
            values = leaf_values(trees, grove.nodes)[:, :, 0]
            return scores((grove.total(values[:, 0]) if values.shape[1] == 1 else grove.sums(values)) / count)
        return scores(added([number(c.ask(each, "predict", value), c) for each, value in _bag(e, X, c)]) / count)

    return {"predict": predict}


def _grove(e: View, X: Value, c: Context) -> tuple[Grove, list[View]]:
    """Return the trees of a bag, each on its own columns; of those alone anything is refused."""
    x, features = c.matrix(X), [np.asarray(each) for each in e["estimators_features_"]]
    seen = np.unique(np.concatenate(features))
    part = x if len(seen) == x.width else selected(x, seen.tolist(), c)
    checked(e["estimators_"][0], part, c, missing=not isinstance(X, Sparse))
    trees = [each["tree_"] for each in e["estimators_"]]
    return Grove(c.graph, single(x, c), grown(trees, features)), trees


def _bag(e: View, X: Value, c: Context) -> Tables:
    """Return the estimators of a bag with the columns each of them sees."""
    x: Value = X if isinstance(X, Raw) else c.matrix(X)
    width = len(x.columns) if isinstance(x, Raw) else c.matrix(x).width
    found: Tables = []
    for each, features in zip(e["estimators_"], e["estimators_features_"], strict=True):
        chosen = np.asarray(features).tolist()
        found.append((each, X if chosen == list(range(width)) else selected(x, chosen, c)))
    return found


def _in_classes(e: View, values: Array, tree: Array) -> Array:
    """Return the probabilities of leaves at the places of the bag's classes; a tree may know fewer."""
    table = np.zeros((len(values), len(e["classes_"])))
    for place, each in enumerate(e["estimators_"]):
        own = np.asarray(each["classes_"], dtype=np.int64)
        table[np.ix_(tree == place, own)] = values[tree == place][:, : len(own)]
    return table


def _in_bag(each: View, value: Value, count: int, c: Context) -> Tensor:
    if "predict_proba" in c.methods(each, value):
        return _spread(each, "predict_proba", value, count, 0.0, c)
    return voted(labels(c.ask(each, "predict", value)), count, 1.0, c)


def _spread(each: View, method: str, value: Value, count: int, rest: float, c: Context) -> Tensor:
    """Return the columns of an estimator's classes (numbers from 0) at their places among all; others hold `rest`."""
    g, found = c.graph, c.score(each, method, value)
    own = np.asarray(labels(c.ask(each, "predict", value)).classes[0], dtype=np.int64)
    if len(own) == count:
        return found
    shape = g.concat([g.op("Shape", found, dtype="int64", start=0, end=1), g.const([1])], axis=0)
    place = np.full(count, len(own))
    place[own] = np.arange(len(own))
    return g.columns(g.concat([found, g.op("Expand", g.const(rest), shape)]), place)


def voted(said: Labels, count: int, weight: float, c: Context) -> Tensor:
    """Return a vote for the class of each row, [N, count]; classes are numbers from 0."""
    table = np.zeros((len(said.classes[0]), count))
    table[np.arange(len(table)), np.asarray(said.classes[0], dtype=np.int64)] = weight
    return c.graph.op("Gather", c.graph.const(table), said.index, dtype=c.graph.precision, axis=0)


def added(parts: Sequence[Tensor]) -> Tensor:
    """Return the sum, the first with the second first."""
    return functools.reduce(lambda left, right: left + right, parts)


def _log_added(g: Graph, left: Tensor, right: Tensor) -> Tensor:
    """Return log(exp(left) + exp(right)), also where both are minus infinity."""
    most, apart = g.op("Max", left, right), g.op("Abs", left - right)
    more = most + g.op("Log", g.op("Exp", -apart) + 1.0)
    return g.where(left.equal(right), left + float(np.log(2.0)), more)


def number(answer: Answer, c: Context) -> Tensor:
    """Return predictions as numbers, [N] or [N, k]; classes are looked up.

    Raises:
        Unsupported: They are none.
    """
    if isinstance(answer, Scores) and len(answer.tensors) == 1:
        return answer.tensors[0]
    known = labels(answer)
    values = np.asarray(known.classes[0])
    need(values.dtype.kind in "biuf", "predictions that are texts, as numbers")
    return c.graph.op("Gather", c.graph.const(values.astype(np.float64)), known.index, dtype=c.graph.precision, axis=0)


@emits("sklearn.ensemble.VotingClassifier")
def voting_classifier(e: View, X: Value, c: Context) -> Methods:
    """The class with the most votes (hard), or with the highest mean probability (soft); the first of equals."""
    g, classes, weights = c.graph, e["classes_"], _weights(e)
    estimators, count = e["estimators_"], len(e["classes_"])

    @functools.cache
    def probabilities() -> list[Tensor]:
        return [c.score(each, "predict_proba", X) for each in estimators]

    def proba() -> Tensor:
        return averaged(probabilities(), weights)

    def hard() -> Tensor:
        given = [1.0] * len(estimators) if weights is None else weights
        said = [labels(c.ask(each, "predict", X)) for each in estimators]
        return added([voted(each, count, weight, c) for each, weight in zip(said, given, strict=True)])

    def transform() -> Answer:
        if e["voting"] == "hard":
            said = [g.expand(number(c.ask(each, "predict", X), c)) for each in estimators]
            return Matrix(g.concat(said), len(said))
        if e["flatten_transform"]:
            return Matrix(g.concat(probabilities()), count * len(estimators))
        return scores(g.concat([g.expand(each, 0) for each in probabilities()], axis=0))

    soft: Methods = {"predict_proba": lambda: scores(proba())} if e["voting"] == "soft" else {}
    return soft | {
        "predict": lambda: Labels(g.argmax(proba() if soft else hard()), (classes,)),
        "transform": transform,
    }


@emits("sklearn.ensemble.VotingRegressor")
def voting_regressor(e: View, X: Value, c: Context) -> Methods:
    """The mean of the predictions."""

    @functools.cache
    def predictions() -> list[Tensor]:
        return [number(c.ask(each, "predict", X), c) for each in e["estimators_"]]

    def transform() -> Matrix:
        return Matrix(c.graph.concat([c.graph.expand(each) for each in predictions()]), len(predictions()))

    return {"predict": lambda: scores(averaged(predictions(), _weights(e))), "transform": transform}


def _weights(e: View) -> list[float] | None:
    """Return the weights of the estimators that are not dropped."""
    if e["weights"] is None:
        return None
    pairs = zip(e["estimators"], e["weights"], strict=True)
    return [float(weight) for each, weight in pairs if not isinstance(each[1], str)]


def averaged(parts: Sequence[Tensor], weights: Sequence[float] | None) -> Tensor:
    """Return the mean, weighted where there are weights."""
    if weights is None:
        return added(parts) / float(len(parts))
    return added([part * weight for part, weight in zip(parts, weights, strict=True)]) / float(np.sum(weights))


@emits("sklearn.ensemble.StackingClassifier")
def stacking_classifier(e: View, X: Value, c: Context) -> Methods:
    """A last classifier on the answers of the first ones; it knows classes by number."""
    several, final, stack = isinstance(e["_label_encoder"], list), e["final_estimator_"], _stack(e, X, c)
    classes = e["classes_"] if several else [e["classes_"]]

    def predict() -> Labels:
        said = c.ask(final, "predict", stack())
        need(isinstance(said, Labels) and len(said.classes) == len(classes), "predictions that are no classes")
        assert isinstance(said, Labels)  # noqa: S101 - says to the type checker what the line above makes sure of
        named = (
            np.asarray(own)[np.asarray(known, dtype=np.int64)] for own, known in zip(classes, said.classes, strict=True)
        )
        return Labels(said.index, tuple(named))

    def proba() -> Answer:
        answer = c.ask(final, "predict_proba", stack())
        if several and isinstance(answer, Scores):
            return scores(c.graph.concat([c.graph.columns(each, [0]) for each in answer.tensors]))
        return answer

    return {
        "predict": predict,
        "predict_proba": proba,
        "decision_function": lambda: c.ask(final, "decision_function", stack()),
        "transform": stack,
    }


@emits("sklearn.ensemble.StackingRegressor")
def stacking_regressor(e: View, X: Value, c: Context) -> Methods:
    """A last regressor on the predictions of the first ones."""
    stack = _stack(e, X, c)
    return {"predict": lambda: c.ask(e["final_estimator_"], "predict", stack()), "transform": stack}


def _stack(e: View, X: Value, c: Context) -> Callable[[], Matrix]:
    """Return what makes the table the last estimator sees: the answers of the first, and the table where it passes."""
    binary = len(e["classes_"]) == 2 if "classes_" in e else False

    @functools.cache
    def stack() -> Matrix:
        parts: list[Tensor] = []
        for each, method, width in _widths(e):
            parts += _meta(c.ask(each, method, X), method, width, binary, c)
        width = sum(e["_n_feature_outs"])
        if e["passthrough"]:
            table = c.matrix(X)
            parts.append(table.tensor)
            width += table.width
        return Matrix(c.graph.concat(parts), width)

    return stack


def _widths(e: View) -> list[tuple[View, str, int]]:
    """Return the first estimators, what is asked of each, and the columns of its answer (0 where it has several)."""
    estimators, methods = e["estimators_"], e["stack_method_"]
    widths = e["_n_feature_outs"] if len(e["_n_feature_outs"]) == len(estimators) else [0] * len(estimators)
    return list(zip(estimators, methods, widths, strict=True))


def _meta(answer: Answer, method: str, width: int, binary: bool, c: Context) -> list[Tensor]:
    """Return the columns that one answer becomes: of two classes the second, of several outputs all but the first.

    Raises:
        Unsupported: It is no numbers.
    """
    g = c.graph
    if isinstance(answer, Scores) and (answer.listed or len(answer.tensors) > 1):
        return [g.op("Slice", each, g.const([1]), g.const([2**31]), g.const([1])) for each in answer.tensors]
    if isinstance(answer, Labels) and len(answer.classes) > 1:
        return [g.expand(_column_of(answer, place, c)) for place in range(len(answer.classes))]
    found = number(answer, c)
    if method == "predict_proba" and binary:
        return [g.columns(found, [1])]
    return [g.op("Reshape", found, g.const([-1, width]))]


def _column_of(answer: Labels, place: int, c: Context) -> Tensor:
    return number(Labels(c.graph.column(answer.index, place), (answer.classes[place],)), c)
