"""PowerTransformer: Yeo-Johnson and Box-Cox, in the stable forms that SciPy has, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from amber.programs.emit.flow import Context, Methods, emits, inverts
from amber.programs.emit.graph import Tensor, Unsupported
from amber.programs.emit.scale import moved_back, standard_parts
from amber.programs.emit.values import Matrix, Sparse, Value
from amber.programs.emit.view import View

_EPS = float(np.finfo(np.float64).eps)


def log1p(x: Tensor, c: Context) -> Tensor:
    """Return log(1 + x), exact for small x too."""
    g = c.graph
    whole = x + 1.0
    log = g.op("Log", whole)
    small = g.where(whole.equal(1.0), x, log * x / (whole - 1.0))
    return g.where(g.op("Abs", x) > 0.5, log, small)


def expm1(x: Tensor, c: Context) -> Tensor:
    """Return exp(x) - 1, exact for small x too."""
    g = c.graph
    power = g.op("Exp", x)
    less = power - 1.0
    small = g.where(power.equal(1.0), x, less * x / g.op("Log", power))
    return g.where(g.op("Abs", x) > 0.5, less, small)


@emits("sklearn.preprocessing.PowerTransformer")
def power_transformer(e: View, X: Value, c: Context) -> Methods:
    """The transform of each column with its own exponent, then scaled where asked for."""

    def transform() -> Value:
        if isinstance(X, Sparse):
            raise Unsupported("PowerTransformer of sparse rows")
        whole = c.require(c.matrix(X), "no-infinity")
        exponents = np.asarray(e["lambdas_"], np.float64)[None, :]
        form = _box_cox if e["method"] == "box-cox" else _yeo_johnson
        value = Matrix(form(whole.tensor, exponents, c), whole.width)
        return c.transform(e["_scaler"], value) if e["standardize"] else value

    return {"transform": transform}


def _yeo_johnson(x: Tensor, exponents: Any, c: Context) -> Tensor:
    g = c.graph
    positive = x >= 0.0
    log = log1p(g.op("Abs", x), c)
    exponent = g.where(positive, exponents, 2.0 - exponents)
    zero = g.op("Abs", exponent) < _EPS
    value = g.where(zero, log, expm1(exponent * log, c) / g.where(zero, 1.0, exponent))
    return g.where(positive, value, -value)


def _box_cox(x: Tensor, exponents: Any, c: Context) -> Tensor:
    g = c.graph
    c.refuse(x <= 0.0)
    log, zero = g.op("Log", x), np.abs(exponents) < 1e-19
    value = expm1(log * exponents, c) / np.where(zero, 1.0, exponents)
    return g.where(g.const(zero), log, value)


@inverts("sklearn.preprocessing.PowerTransformer")
def power_inverse(e: View, X: Matrix, c: Context) -> Value:
    """Undo the scaling, then the power."""
    scaler = e["_scaler"] if e["standardize"] else None
    given = moved_back(scaler, X, c, *standard_parts(scaler)) if scaler else c.require(X, "no-infinity")
    exponents = np.asarray(e["lambdas_"], np.float64)[None, :]
    form = _box_cox_inverse if e["method"] == "box-cox" else _yeo_johnson_inverse
    return Matrix(form(given.tensor, exponents, c), X.width)


def _yeo_johnson_inverse(x: Tensor, exponents: Any, c: Context) -> Tensor:
    g, sides = c.graph, []
    for size, exponent in ((x, exponents), (-x, 2.0 - exponents)):
        zero = np.abs(exponent) <= _EPS
        safe = np.where(zero, 1.0, exponent)
        power = g.op("Pow", size * exponent + 1.0, g.const(1.0 / safe)) - 1.0
        sides.append(g.where(g.const(zero), g.op("Exp", size) - 1.0, power))
    return g.where(x >= 0.0, sides[0], -sides[1])


def _box_cox_inverse(x: Tensor, exponents: Any, c: Context) -> Tensor:
    g, zero = c.graph, exponents == 0
    safe = np.where(zero, 1.0, exponents)
    value = g.op("Exp", log1p(x * exponents, c) / safe)
    return g.where(g.const(zero), g.op("Exp", x), value)
