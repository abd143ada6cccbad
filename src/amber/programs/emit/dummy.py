"""Dummies: they look at no row, only at how many there are."""

from __future__ import annotations

from typing import Any

import numpy as np

from amber.programs.emit.decide import with_logs
from amber.programs.emit.flow import Answer, Context, Labels, Methods, emits, scores
from amber.programs.emit.graph import Tensor, Unsupported
from amber.programs.emit.values import Matrix, Sparse, Value
from amber.programs.emit.view import View


def repeated(row: Any, X: Value, c: Context, *, flat: bool = False) -> Tensor:
    """Return a constant row for each row of `X`: [N, k], or [N] where `flat`."""
    g = c.graph
    if isinstance(X, Matrix):
        rows = g.op("Shape", X.tensor, dtype="int64", start=0, end=1)
    else:
        rows = X.rows if isinstance(X, Sparse) else g.input("rows", "int64", [1])
    if flat:
        return g.op("Expand", g.const(np.reshape(row, (1,))), rows)
    return g.op("Expand", g.const(np.reshape(row, (1, -1))), g.concat([rows, g.const([1])], axis=0))


@emits("sklearn.dummy.DummyRegressor")
def regressor(e: View, X: Value, c: Context) -> Methods:
    """One constant for each output."""
    constant = np.asarray(e["constant_"], dtype=np.float64)
    return {"predict": lambda: scores(repeated(constant, X, c, flat=int(e["n_outputs_"]) == 1))}


@emits("sklearn.dummy.DummyClassifier")
def classifier(e: View, X: Value, c: Context) -> Methods:
    """A class by its share, or a given one; what is drawn by chance has no form."""
    strategy, several = e["_strategy"], int(e["n_outputs_"]) > 1
    classes, priors = (e[name] if several else [e[name]] for name in ("classes_", "class_prior_"))
    constant = np.ravel(e["constant"]).tolist() if strategy == "constant" else []

    def place(output: int) -> int:
        if strategy == "constant":
            return list(np.asarray(classes[output]).tolist()).index(constant[output])
        return int(np.argmax(priors[output]))

    def predict() -> Answer:
        if strategy not in ("most_frequent", "prior", "constant"):
            raise Unsupported(f"predict of the strategy {strategy!r} is drawn by chance")
        if e["sparse_output_"]:
            raise Unsupported("labels as a sparse table")
        found = np.array([place(output) for output in range(len(classes))])
        return Labels(repeated(found, X, c, flat=not several), tuple(np.asarray(each) for each in classes))

    def share(output: int) -> Any:
        count = len(classes[output])
        if strategy == "prior":
            return np.asarray(priors[output])
        return np.full(count, 1.0 / count) if strategy == "uniform" else np.eye(count)[place(output)]

    def proba() -> Answer:
        if strategy == "stratified":
            raise Unsupported("predict_proba of the strategy 'stratified' is drawn by chance")
        return scores(*(repeated(share(output), X, c) for output in range(len(classes))), listed=several)

    return with_logs({"predict": predict, "predict_proba": proba}, c)
