"""Naive Bayes: the joint log-likelihood of each family, and what all of them make of it."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from amber.programs.emit.decide import by_maximum, finite
from amber.programs.emit.flow import Context, Methods, emits, scores
from amber.programs.emit.graph import Tensor
from amber.programs.emit.linear import affine
from amber.programs.emit.values import Matrix, Sparse, Value
from amber.programs.emit.view import View

_M = "sklearn.naive_bayes."


def log_sum_exp(value: Tensor) -> Tensor:
    """Return log(sum(exp(x))) over the columns of [N, k], as [N, 1]; shifted by the maximum where that is finite."""
    g = value.graph
    top = g.max(value, 1, keep=True)
    top = g.where(g.op("Abs", top) <= float(np.finfo(top.dtype).max), top, 0.0)
    return g.op("Log", g.sum(g.op("Exp", value - top), 1, keep=True)) + top


def methods(e: View, joint: Callable[[], Tensor], c: Context) -> Methods:
    """Return the methods of every naive Bayes classifier, from its joint log-likelihood [N, k]."""
    joint = functools.cache(joint)
    log_proba = functools.cache(lambda: joint() - log_sum_exp(joint()))
    return {
        "predict_joint_log_proba": lambda: scores(joint()),
        "predict": lambda: by_maximum(joint(), e["classes_"]),
        "predict_log_proba": lambda: scores(log_proba()),
        "predict_proba": lambda: scores(c.graph.op("Exp", log_proba())),
    }


@emits(_M + "GaussianNB")
def gaussian(e: View, X: Value, c: Context) -> Methods:
    """Squared distances to each class's means, over its variances."""
    x = c.require(c.matrix(X)).tensor
    theta, var = np.asarray(e["theta_"]), np.asarray(e["var_"])
    with np.errstate(divide="ignore"):
        prior = np.log(e["class_prior_"])
    offset = -0.5 * np.sum(np.log(2.0 * np.pi * var), axis=1)

    def joint() -> Tensor:
        g = c.graph
        away = g.expand(x) - theta
        found: Tensor = (offset - 0.5 * g.sum(away * away / var, 2)) + prior
        return found

    return methods(e, joint, c)


@emits(_M + "MultinomialNB")
def multinomial(e: View, X: Value, c: Context) -> Methods:
    """Counts times log-probabilities."""
    X = finite(X, c)
    return methods(e, lambda: affine(X, e["feature_log_prob_"], e["class_log_prior_"], c), c)


@emits(_M + "ComplementNB")
def complement(e: View, X: Value, c: Context) -> Methods:
    """Without a prior, but for a single class."""
    X = finite(X, c)
    prior = e["class_log_prior_"] if len(e["classes_"]) == 1 else 0.0
    return methods(e, lambda: affine(X, e["feature_log_prob_"], prior, c), c)


@emits(_M + "BernoulliNB")
def bernoulli(e: View, X: Value, c: Context) -> Methods:
    """Each value is there or not; what is not there counts too."""
    known, threshold = finite(X, c), e["binarize"]
    if threshold is not None:
        data = known.data if isinstance(known, Sparse) else known.tensor
        there = (data > float(threshold)).cast(c.graph.precision)
        if isinstance(known, Sparse):
            known = Sparse(there, known.column, known.row, known.rows, known.width)
        else:
            known = Matrix(there, known.width)
    log_prob = np.asarray(e["feature_log_prob_"])
    with np.errstate(divide="ignore", invalid="ignore"):
        absent = np.log(1 - np.exp(log_prob))
        weights, offset = log_prob - absent, e["class_log_prior_"] + absent.sum(axis=1)
    return methods(e, lambda: affine(known, weights, offset, c), c)


@emits(_M + "CategoricalNB")
def categorical(e: View, X: Value, c: Context) -> Methods:
    """Each column's log-probabilities are looked up by its value, cut to an integer; unknown ones are refused."""
    g, whole = c.graph, c.require(c.matrix(X))
    tables = [np.asarray(table) for table in e["feature_log_prob_"]]
    top = np.array([table.shape[1] for table in tables])
    c.refuse((whole.tensor <= -1.0) | (whole.tensor >= top))
    known = g.op("Min", whole.tensor, g.const((top - 1).astype(float)))
    place = g.where(whole.tensor >= 0.0, known, 0.0).cast("int64")  # missing ones too: they are refused, not looked up

    def joint() -> Tensor:
        looked_up = (g.op("Gather", g.const(t.T), g.column(place, i), axis=0) for i, t in enumerate(tables))
        return functools.reduce(lambda left, right: left + right, looked_up) + np.asarray(e["class_log_prior_"])

    return methods(e, joint, c)
