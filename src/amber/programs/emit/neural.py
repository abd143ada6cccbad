"""Multi-layer perceptrons: layers of weights with an activation between them."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from amber.programs.emit.decide import by_maximum, by_sign, finite, indicators, pair, with_logs
from amber.programs.emit.flow import Answer, Context, Methods, emits, scores
from amber.programs.emit.graph import Graph, Tensor, Unsupported
from amber.programs.emit.linear import affine
from amber.programs.emit.values import Matrix, Value
from amber.programs.emit.view import View

_M = "sklearn.neural_network."


def activated(name: str, value: Tensor, g: Graph) -> Tensor:
    """Return an activation of a layer.

    Raises:
        Unsupported: It is unknown.
    """
    if name == "identity":
        return value
    if name in ("tanh", "relu", "exp"):
        return g.op(name.title(), value)
    if name in ("logistic", "softmax"):
        return g.sigmoid(value) if name == "logistic" else g.softmax(value)
    raise Unsupported(f"activation {name!r}")


def forward(e: View, X: Value, c: Context) -> Tensor:
    """Return what the last layer gives, [N, outputs]."""
    layers = list(zip(e["coefs_"], e["intercepts_"], strict=True))
    for place, (weights, intercept) in enumerate(layers):
        last = place == len(layers) - 1
        value = affine(X, np.asarray(weights).T, intercept, c)
        X = Matrix(activated(e["out_activation_" if last else "activation"], value, c.graph), len(intercept))
    return c.matrix(X).tensor


@emits(_M + "MLPRegressor")
def regressor(e: View, X: Value, c: Context) -> Methods:
    """The last layer, flat where it is one number."""
    X = finite(X, c)

    def predict() -> Answer:
        value = forward(e, X, c)
        return scores(c.graph.squeeze(value) if len(e["intercepts_"][-1]) == 1 else value)

    return {"predict": predict}


@emits(_M + "MLPClassifier")
def classifier(e: View, X: Value, c: Context) -> Methods:
    """One output for two classes, one each for more, one each for labels that stand side by side."""
    X = finite(X, c)
    outputs, binarizer = int(e["n_outputs_"]), e["_label_binarizer"]
    kind, classes = binarizer["y_type_"], binarizer["classes_"]
    value = functools.cache(lambda: forward(e, X, c))

    def flat() -> Tensor:
        return c.graph.squeeze(value())

    def predict() -> Any:
        if kind == "multiclass":
            return by_maximum(value(), classes)
        if kind == "multilabel-indicator":
            if outputs == 1:
                raise Unsupported("an indicator matrix of one column")
            return indicators(value() > 0.5, outputs)
        return by_sign(flat() - 0.5, classes) if len(classes) > 1 else by_sign(flat() * 0.0, classes)

    def proba() -> Answer:
        return scores(pair(flat()) if outputs == 1 else value())

    return with_logs({"predict": predict, "predict_proba": proba}, c)


@emits(_M + "BernoulliRBM")
def restricted(e: View, X: Value, c: Context) -> Methods:
    """The mean of the hidden units; how likely a row is hangs on chance."""
    X = finite(X, c)
    bias = np.asarray(e["intercept_hidden_"])

    def likelihood() -> Answer:
        raise Unsupported("score_samples of BernoulliRBM is drawn by chance")

    return {
        "transform": lambda: Matrix(c.graph.sigmoid(affine(X, e["components_"], bias, c)), len(bias)),
        "score_samples": likelihood,
    }
