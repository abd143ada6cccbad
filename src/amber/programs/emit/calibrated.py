"""Calibrated classifiers: scores of several fitted classifiers, bent to probabilities, and their mean."""

from __future__ import annotations

import functools

import numpy as np

from amber.programs import plan as plans
from amber.programs.emit.decide import by_maximum, pair
from amber.programs.emit.flow import Context, Methods, emits, scores
from amber.programs.emit.graph import Tensor, Unsupported
from amber.programs.emit.isotonic import interpolated
from amber.programs.emit.values import Value
from amber.programs.emit.view import View

EPSILON = 1e-12  # added to probabilities before their logarithm is taken for a temperature


@emits("sklearn.calibration.CalibratedClassifierCV")
def calibrated(e: View, X: Value, c: Context) -> Methods:
    """The mean over what each calibrated classifier says."""
    parts = e["calibrated_classifiers_"]

    @functools.cache
    def proba() -> Tensor:
        found = [one(each, X, c) for each in parts]
        return functools.reduce(lambda left, right: left + right, found) / float(len(parts))

    return {"predict_proba": lambda: scores(proba()), "predict": lambda: by_maximum(proba(), e["classes_"])}


def one(e: View, X: Value, c: Context) -> Tensor:
    """Return the probabilities of one calibrated classifier, [N, k].

    Raises:
        Unsupported: It has not seen all classes.
    """
    g, inner, calibrators = c.graph, e["estimator"], e["calibrators"]
    count, method = len(e["classes"]), e["method"]
    decides = "decision_function" in c.methods(inner, X)
    score = c.score(inner, "decision_function" if decides else "predict_proba", X)
    if method == "temperature":
        most = float(np.finfo(score.dtype).max)
        c.refuse(~(g.op("Abs", score) <= most), wide=count > 2 or not decides)
        p = g.softmax(logits(score, count, decides, c) * float(np.asarray(calibrators[0]["beta_"])))
    elif count == 2:
        p = pair(bent(calibrators[0], score if decides else g.column(score, 1), c))
    elif len(calibrators) != count:
        raise Unsupported("a calibrated classifier that has not seen all classes")
    else:
        p = g.concat([g.expand(bent(each, g.column(score, i), c)) for i, each in enumerate(calibrators)])
        total = g.sum(p, 1, keep=True)
        p = g.where(total.equal(0.0), 1.0 / count, p / total)
    return g.where((p > 1.0) & (p <= 1.0 + 1e-5), 1.0, p)


def bent(calibrator: View, score: Tensor, c: Context) -> Tensor:
    """Return the probability [N] that a calibrator gives to scores [N]."""
    if calibrator.type == "sklearn.isotonic.IsotonicRegression":
        single = np.asarray(calibrator.get("X_thresholds_", 0.0)).dtype == np.float32
        most = np.nextafter(plans.FLOAT32_OVERFLOW, 0.0) if single else np.finfo(score.dtype).max
        c.refuse(~(c.graph.op("Abs", score) <= float(most)), wide=False)
        return interpolated(calibrator, score, c)
    return c.graph.sigmoid(-(score * float(calibrator["a_"]) + float(calibrator["b_"])))


def logits(score: Tensor, count: int, decides: bool, c: Context) -> Tensor:
    """Return what a temperature divides: decisions as they are, probabilities as logarithms.

    Decisions of more than two classes that look like probabilities in all rows of a request are taken for them.
    """
    g = c.graph
    if not decides:
        return g.op("Log", score + EPSILON)
    if count == 2:
        return g.concat([g.expand(-score), g.expand(score)])
    off = g.op("Abs", g.sum(score, 1, keep=True) - 1.0) > 1e-8 + 1e-5
    strange = g.max(((score < 0.0) | (score > 1.0) | off).cast("int64"), 1)
    probabilities = g.max(strange, 0, keep=True).equal(0)
    return g.where(probabilities, g.op("Log", score + EPSILON), score)
