"""Labels spread over a graph of the training rows: a new row takes the mean of those it is near to."""

from __future__ import annotations

import functools

import numpy as np

from amber.programs.emit.decide import by_maximum
from amber.programs.emit.flow import Context, Methods, Scores, emits, scores
from amber.programs.emit.graph import Tensor, Unsupported
from amber.programs.emit.pairwise import dense, kernel
from amber.programs.emit.values import Value
from amber.programs.emit.view import View

_M = "sklearn.semi_supervised."


@emits(_M + "LabelPropagation", _M + "LabelSpreading")
def propagation(e: View, X: Value, c: Context) -> Methods:
    """Shares of the classes among the neighbours, or among all rows by their kernel."""
    x, g = c.require(c.matrix(X)), c.graph
    spread = np.asarray(e["label_distributions_"], dtype=np.float64)

    @functools.cache
    def proba() -> Tensor:
        if e["kernel"] == "knn":
            near = c.ask(e["nn_fit"], "kneighbors", x)
            if not isinstance(near, Scores):
                raise Unsupported("neighbours that are no places")
            total = g.sum(g.op("Gather", g.const(spread), near.tensors[1], axis=0), 1)
        elif e["kernel"] == "rbf":
            total = kernel(c, x.tensor, dense(e["X_"], "labels"), "rbf", float(e["gamma"])) @ spread
        else:
            raise Unsupported("a kernel that is a function of the caller's own")
        return total / g.sum(total, 1, keep=True)

    return {"predict_proba": lambda: scores(proba()), "predict": lambda: by_maximum(proba(), e["classes_"])}
