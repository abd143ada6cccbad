"""Support vector machines as libsvm evaluates them: kernels, pairwise decisions, votes, coupled probabilities."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np

from amber.programs.emit.decide import by_maximum, dense, one_label, with_logs
from amber.programs.emit.flow import Answer, Context, Methods, emits, scores
from amber.programs.emit.graph import Tensor, Unsupported
from amber.programs.emit.loops import repeated
from amber.programs.emit.pairwise import squared_decaying
from amber.programs.emit.values import Value
from amber.programs.emit.view import View

_M = "sklearn.svm."


def kernel(e: View, X: Value, c: Context) -> Tensor:
    """Return the kernel of each row with each support vector, [N, S].

    Raises:
        Unsupported: The kernel is a function.
    """
    x, g = c.require(c.matrix(X)).tensor, c.graph
    name = e["kernel"]
    if name == "precomputed":
        return g.columns(x, e["support_"])
    vectors = dense(e["support_vectors_"])
    gamma = float(e["_gamma"])
    if name == "rbf":
        return g.op("Exp", distances(e, x, vectors, c) * -gamma)
    product: Tensor = x @ vectors.T
    if name == "linear":
        return product
    if name == "poly":
        return g.op("Pow", gamma * product + float(e["coef0"]), g.const(float(e["degree"])))
    if name == "sigmoid":
        return g.op("Tanh", gamma * product + float(e["coef0"]))
    raise Unsupported(f"the kernel {name!r}")


def distances(e: View, x: Tensor, vectors: Any, c: Context) -> Tensor:
    """Return squared distances to the support vectors, [N, S]; a decision moves by the sum of the coefficients."""
    weight = float(np.abs(dense(e["_dual_coef_"])).sum(axis=1).max(initial=0.0))
    return squared_decaying(c, x, vectors, float(e["_gamma"]), weight)


def one_decision(e: View, X: Value, c: Context) -> Tensor:
    """Return the decision [N] of a model with one hyperplane."""
    return c.graph.squeeze(kernel(e, X, c) @ dense(e["_dual_coef_"]).T) + float(np.ravel(e["_intercept_"])[0])


@emits(_M + "SVR", _M + "NuSVR")
def regressor(e: View, X: Value, c: Context) -> Methods:
    """The decision is the prediction."""
    refuse_sparse(e, c)
    return {"predict": lambda: scores(one_decision(e, X, c))}


@emits(_M + "OneClassSVM")
def one_class(e: View, X: Value, c: Context) -> Methods:
    """1 where the decision is positive, else -1."""
    refuse_sparse(e, c)
    decision = functools.cache(lambda: one_decision(e, X, c))
    return {
        "decision_function": lambda: scores(decision()),
        "score_samples": lambda: scores(decision() + float(np.ravel(e["offset_"])[0])),
        "predict": lambda: one_label(decision() > 0.0, np.array([-1, 1])),
    }


def refuse_sparse(e: View, c: Context) -> None:
    """Leave out a model that refuses every sparse row because it was fitted on dense ones.

    Raises:
        Unsupported: It is so.
    """
    if c.form == "sparse" and not e["_sparse"]:
        raise Unsupported("it was fitted on dense rows and refuses sparse ones")


def pairwise(e: View, X: Value, c: Context) -> Tensor:
    """Return libsvm's decision for each pair of classes, positive for the first of them: [N, pairs]."""
    counts, coef = np.asarray(e["_n_support"]), dense(e["_dual_coef_"])
    ends = np.cumsum(counts)
    pairs = list(itertools.combinations(range(len(counts)), 2))
    weights = np.zeros((coef.shape[1], len(pairs)))
    for place, (i, j) in enumerate(pairs):
        first, second = slice(ends[i] - counts[i], ends[i]), slice(ends[j] - counts[j], ends[j])
        weights[first, place] = coef[j - 1, first]
        weights[second, place] = coef[i, second]
    return kernel(e, X, c) @ weights + np.ravel(e["_intercept_"])


def ovr_scores(against: Tensor, confidence: Tensor, classes: int) -> Tensor:
    """Return votes plus confidences squeezed below one vote: [N, classes] of [N, pairs].

    Args:
        against: Where the second class of a pair wins, bool.
        confidence: Of the second class of each pair.
        classes: How many there are.
    """
    g = against.graph
    pairs = list(itertools.combinations(range(classes), 2))
    sign = np.zeros((len(pairs), classes))
    for place, (i, j) in enumerate(pairs):
        sign[place, i], sign[place, j] = -1, 1
    second = against.cast(confidence.dtype)
    votes = second @ (sign > 0).astype(float) + (1.0 - second) @ (sign < 0).astype(float)
    total = confidence @ sign
    return votes + total / (3.0 * (g.op("Abs", total) + 1.0))


@emits(_M + "SVC", _M + "NuSVC")
def classifier(e: View, X: Value, c: Context) -> Methods:
    """One machine for each pair of classes."""
    refuse_sparse(e, c)
    g, classes = c.graph, e["classes_"]
    count, together = len(classes), e["decision_function_shape"] == "ovr" and len(classes) > 2
    pairs = functools.cache(lambda: pairwise(e, X, c))

    def decision() -> Tensor:
        if count == 2:
            return -g.squeeze(pairs())
        return ovr_scores(pairs() < 0.0, -pairs(), count) if together else pairs()

    def predict() -> Answer:
        if e["break_ties"] and e["decision_function_shape"] == "ovo":
            raise Unsupported("break_ties with ovo, which the original refuses")
        if e["break_ties"] and together:
            return by_maximum(decision(), classes)
        first = pairs() > 0.0
        return by_maximum(ovr_votes(first, count), classes)

    methods: Methods = {"decision_function": lambda: scores(decision()), "predict": predict}
    if e["probability"] in (True,):  # "deprecated" is no
        methods["predict_proba"] = lambda: scores(coupled(shares(e, pairs(), c), count))
        methods = with_logs(methods, c)
    return methods


def ovr_votes(first: Tensor, classes: int) -> Tensor:
    """Return how many pairs each class wins, [N, classes]; `first`: where the first class of a pair does."""
    pairs = list(itertools.combinations(range(classes), 2))
    mine, other = np.zeros((2, len(pairs), classes))
    for place, (i, j) in enumerate(pairs):
        mine[place, i] = other[place, j] = 1
    won = first.cast(first.graph.precision)
    return won @ mine + (1.0 - won) @ other


def shares(e: View, decision: Tensor, c: Context) -> Tensor:
    """Return Platt's probability of the first class of each pair, kept off 0 and 1.

    Raises:
        Unsupported: It was fitted without probabilities, and the original refuses.
    """
    g = c.graph
    if not len(e["_probA"]) or not len(e["_probB"]):
        raise Unsupported("probabilities of a machine fitted without them, which the original refuses")
    slope = decision * np.asarray(e["_probA"]) + np.asarray(e["_probB"])
    shrunk = g.op("Exp", -g.op("Abs", slope))
    return g.op("Clip", g.where(slope >= 0.0, shrunk, 1.0) / (1.0 + shrunk), g.const(1e-7), g.const(1 - 1e-7))


def coupled(share: Tensor, classes: int) -> Tensor:
    """Return the class probabilities that fit the pairwise ones best: libsvm's iteration, at most 100 rounds.

    A row stops where no gradient is larger than 0.005 / classes; the others go on.
    """
    g = share.graph
    pairs = list(itertools.combinations(range(classes), 2))
    wins: dict[tuple[int, int], Tensor] = {}
    for place, (i, j) in enumerate(pairs):
        wins[i, j] = g.column(share, place)
        wins[j, i] = 1.0 - wins[i, j]
    rows = []
    for t in range(classes):
        own = functools.reduce(
            lambda left, right: left + right, [wins[j, t] * wins[j, t] for j in range(classes) if j != t]
        )
        rows.append([own if j == t else -(wins[j, t] * wins[t, j]) for j in range(classes)])
    Q = [[g.expand(each) for each in row] for row in rows]
    whole = g.concat([g.expand(g.concat(row)) for row in Q])  # [N, t, j]
    start = g.concat([g.expand(wins[0, 1]) * 0.0 + 1.0 / classes] * classes)

    def step(b: Any, state: list[Tensor], fixed: list[Tensor]) -> tuple[list[Tensor], Tensor]:
        p, q = state[0], fixed[0]
        Qp = b.sum(q * b.expand(p), 2)
        pQp = b.sum(p * Qp, 1, keep=True)
        active = b.max(b.op("Abs", Qp - pQp), 1, keep=True) >= 0.005 / classes
        new = p
        for t in range(classes):
            row = b.op("Gather", q, b.const(np.int64(t)), axis=1)
            own, mine = b.columns(row, [t]), b.columns(Qp, [t])
            diff = (pQp - mine) / own
            grown = 1.0 + diff
            pQp = (pQp + diff * (diff * own + 2.0 * mine)) / grown / grown
            Qp = (Qp + diff * row) / grown
            new = (new + diff * np.eye(classes)[t]) / grown
        return [b.where(active, new, p)], b.max(active.cast("int64"), 0) > 0

    return repeated(step, [start], [whole], max(100, classes))[0]
