"""From scores to labels and probabilities, as scikit-learn's classifiers decide: sign, argmax, normalised, logs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from amber.programs.emit.flow import Answer, Context, Labels, Methods, Scores, scores
from amber.programs.emit.graph import Tensor, Unsupported
from amber.programs.emit.values import Matrix, Sparse, Value
from amber.programs.emit.view import View


def finite(X: Value, c: Context) -> Matrix | Sparse:
    """Return a matrix, or sparse entries as they are; the original refuses what is not finite in either."""
    if not isinstance(X, Sparse):
        return c.require(c.matrix(X))
    g = c.graph
    bad = ~(g.op("Abs", X.data) <= float(np.finfo(X.data.dtype).max))
    none = g.op("ConstantOfShape", X.rows, dtype="int64", value=np.zeros(1, np.int64))
    count = g.op("ScatterND", none, g.expand(X.row), bad.cast("int64"), reduction="add")
    c.refuse(count > 0, wide=False)
    return X


def dense(value: Any) -> Any:
    """Return the array of an attribute that may be sparse (`sparsify`, a model fitted on sparse rows).

    Raises:
        Unsupported: Its format is none of CSR and CSC.
    """
    if not isinstance(value, View):
        return np.asarray(value)
    if value.name[:4] not in ("csr_", "csc_"):
        raise Unsupported(f"an attribute that is a {value.name}")
    data, minor, ends = (value[name] for name in ("data", "indices", "indptr"))
    major = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
    whole = np.zeros(tuple(value["shape"]), dtype=data.dtype)
    np.add.at(whole, (major, minor) if value.name.startswith("csr_") else (minor, major), data[: ends[-1]])
    return whole


def one_label(index: Tensor, classes: Any) -> Labels:
    """Return labels of one output; `index` is [N] and points into `classes`."""
    return Labels(index.cast("int64"), (np.asarray(classes),))


def by_sign(score: Tensor, classes: Any) -> Labels:
    """Return the second class where a score [N] is positive."""
    return one_label(score > 0.0, classes)


def by_maximum(score: Tensor, classes: Any) -> Labels:
    """Return the class of the first maximum of [N, k]."""
    return one_label(score.graph.argmax(score), classes)


def indicators(flags: Tensor, width: int) -> Labels:
    """Return a multi-label answer: 1 where a flag, bool [N, k], is true."""
    return Labels(flags.cast("int64"), (np.array([0, 1]),) * width)


def pair(positive: Tensor) -> Tensor:
    """Return [1 - p, p] of the probability [N] of the second class."""
    g = positive.graph
    return g.concat([g.expand(1.0 - positive), g.expand(positive)])


def normalised(p: Tensor, width: int) -> Tensor:
    """Return the rows of [N, k] divided by their sums; a row of zeros becomes uniform."""
    g = p.graph
    total = g.sum(p, 1, keep=True)
    empty = total.equal(0.0)
    return g.where(empty, 1.0, p) / g.where(empty, float(width), total)


def with_logs(methods: Methods, c: Context) -> Methods:
    """Add `predict_log_proba`: the logarithm of what `predict_proba` answers."""
    proba: Callable[[], Answer] = methods["predict_proba"]

    def log_proba() -> Answer:
        found = proba()
        if not isinstance(found, Scores):
            raise Unsupported("probabilities that are no numbers")
        return scores(*(c.graph.op("Log", each) for each in found.tensors), listed=found.listed)

    return {**methods, "predict_log_proba": log_proba}
