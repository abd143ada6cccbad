"""Scalers: columns moved and divided, rows normalised, numbers compared with a threshold."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from amber.programs import plan as plans
from amber.programs.emit.flow import Context, Methods, Rule, emits, inverts
from amber.programs.emit.graph import Tensor, Unsupported
from amber.programs.emit.values import Matrix, Sparse, Value
from amber.programs.emit.view import View

_P = "sklearn.preprocessing."
TINY = 10 * float(np.finfo(np.float64).eps)  # a norm below is no norm (`_handle_zeros_in_scale`)


def checked(X: Value, c: Context, rule: Rule = "no-infinity") -> Matrix | Sparse:
    """Return a matrix, or sparse entries as they are, of which the original refuses what breaks the rule."""
    if not isinstance(X, Sparse):
        return c.require(c.matrix(X), rule)
    g = c.graph
    if rule == "finite":
        bad: Tensor = ~(g.op("Abs", X.data) <= float(np.finfo(X.data.dtype).max))
    else:
        bad = g.op("IsInf", X.data, dtype="bool")
    c.refuse(by_row(X, bad.cast("int64"), c) > 0, wide=False)
    return X


def by_row(X: Sparse, terms: Tensor, c: Context) -> Tensor:
    """Return the sum of terms, one for each entry, by row: [N]."""
    g = c.graph
    zeros = g.op("ConstantOfShape", X.rows, dtype=terms.dtype, value=np.zeros(1, terms.dtype))
    return g.op("ScatterND", zeros, g.expand(X.row), terms, reduction="add")


def scaled_entries(X: Sparse, factors: Any, c: Context) -> Sparse:
    """Return entries times the factor of their column."""
    factor = c.graph.op("Gather", c.graph.const(np.asarray(factors, np.float64)), X.column, axis=0)
    return Sparse(X.data * factor, X.column, X.row, X.rows, X.width)


def _moved(e: View, X: Value, c: Context, center: Any, scale: Any) -> Matrix | Sparse:
    """Return (X - center) / scale; of sparse entries the product with 1 / scale, as the original has it."""
    whole = checked(X, c)
    if isinstance(whole, Sparse):
        if center is not None:
            raise Unsupported(f"{e.name} cannot center sparse rows")
        return whole if scale is None else scaled_entries(whole, 1.0 / np.asarray(scale, np.float64), c)
    steps = [(operator.sub, center), (operator.truediv, scale)]
    return Matrix(in_place(whole, steps, c, narrow=_narrow_parts(e, c)), whole.width)


Step = tuple[Callable[[Any, Any], Tensor], Any]


def in_place(X: Matrix, steps: list[Step], c: Context, *, narrow: bool = False) -> Tensor:
    """Return a table after steps that write into it: of float32 rows each gives float32; None is no step.

    `narrow`: the numbers of a step are cast to float32 first, too.
    """
    tensor, single, g = X.tensor, c.keeps_single(X), c.graph
    for step, given in steps:
        if given is None:
            continue
        numbers: Any = np.asarray(given, np.float64)
        if single and narrow:
            numbers = g.where(c.came_as(plans.SINGLE), numbers.astype(np.float32).astype(np.float64), g.const(numbers))
        tensor = step(tensor, numbers)
        tensor = c.single(tensor) if single else tensor
    return tensor


def _narrow_parts(e: View, c: Context) -> bool:
    """Whether a scaler casts its own numbers to the dtype of the rows."""
    return e.name == "StandardScaler" and c.since("scikit-learn", (1, 8))


def moved_back(e: View, X: Matrix, c: Context, center: Any, scale: Any) -> Matrix:
    """Return X * scale + center."""
    steps = [(operator.mul, scale), (operator.add, center)]
    whole = c.require(X, "no-infinity")
    return Matrix(in_place(whole, steps, c, narrow=_narrow_parts(e, c)), X.width)


def standard_parts(e: View) -> tuple[Any, Any]:
    """Return mean and scale of a StandardScaler; None for what it does not use."""
    return e["mean_"] if e["with_mean"] else None, e["scale_"] if e["with_std"] else None


def _robust(e: View) -> tuple[Any, Any]:
    return e["center_"] if e["with_centering"] else None, e["scale_"] if e["with_scaling"] else None


@emits(_P + "StandardScaler")
def standard(e: View, X: Value, c: Context) -> Methods:
    """(X - mean) / scale."""
    return {"transform": lambda: _moved(e, X, c, *standard_parts(e))}


@inverts(_P + "StandardScaler")
def standard_inverse(e: View, X: Matrix, c: Context) -> Value:
    """X * scale + mean."""
    return moved_back(e, X, c, *standard_parts(e))


@emits(_P + "RobustScaler")
def robust(e: View, X: Value, c: Context) -> Methods:
    """(X - center) / scale."""
    return {"transform": lambda: _moved(e, X, c, *_robust(e))}


@inverts(_P + "RobustScaler")
def robust_inverse(e: View, X: Matrix, c: Context) -> Value:
    """X * scale + center."""
    return moved_back(e, X, c, *_robust(e))


@emits(_P + "MaxAbsScaler")
def max_abs(e: View, X: Value, c: Context) -> Methods:
    """X / scale, clipped to [-1, 1] where asked for."""

    def transform() -> Value:
        value = _moved(e, X, c, None, e["scale_"])
        if not e.get("clip", False):
            return value
        if isinstance(value, Sparse):
            return Sparse(clipped(value.data, -1.0, 1.0, c), value.column, value.row, value.rows, value.width)
        return Matrix(clipped(value.tensor, -1.0, 1.0, c), value.width)

    return {"transform": transform}


@inverts(_P + "MaxAbsScaler")
def max_abs_inverse(e: View, X: Matrix, c: Context) -> Value:
    """X * scale."""
    return moved_back(e, X, c, None, e["scale_"])


@emits(_P + "MinMaxScaler")
def min_max(e: View, X: Value, c: Context) -> Methods:
    """X * scale + min, clipped to the range where asked for."""

    def transform() -> Value:
        whole = c.require(_dense(e, X, c), "no-infinity")
        tensor = in_place(whole, [(operator.mul, e["scale_"]), (operator.add, e["min_"])], c)
        low, high = e["feature_range"]
        return Matrix(clipped(tensor, low, high, c) if e.get("clip", False) else tensor, whole.width)

    return {"transform": transform}


@inverts(_P + "MinMaxScaler")
def min_max_inverse(e: View, X: Matrix, c: Context) -> Value:
    """(X - min) / scale."""
    steps: list[Step] = [(operator.sub, e["min_"]), (operator.truediv, e["scale_"])]
    return Matrix(in_place(c.require(X, "no-infinity"), steps, c), X.width)


@emits(_P + "Normalizer")
def normalizer(e: View, X: Value, c: Context) -> Methods:
    """Each row divided by its norm; a row without one stays as it is."""

    def transform() -> Value:
        g, norm, whole = c.graph, e["norm"], checked(X, c, "finite")
        if isinstance(whole, Sparse) and norm != "max":
            size = by_row(whole, g.op("Abs", whole.data) if norm == "l1" else whole.data * whole.data, c)
            size = size if norm == "l1" else g.op("Sqrt", size)
            each = g.op("Gather", g.where(size.equal(0.0), 1.0, size), whole.row, axis=0)
            return Sparse(whole.data / each, whole.column, whole.row, whole.rows, whole.width)
        dense = c.matrix(whole)
        tensor = dense.tensor
        if norm == "l2":
            size = g.op("Sqrt", g.sum(tensor * tensor, 1, keep=True))
        else:
            size = (g.sum if norm == "l1" else g.max)(g.op("Abs", tensor), 1, keep=True)
        none = size.equal(0.0) if isinstance(whole, Sparse) else size < TINY
        return Matrix(tensor / g.where(none, 1.0, size), dense.width)

    return {"transform": transform}


@emits(_P + "Binarizer")
def binarizer(e: View, X: Value, c: Context) -> Methods:
    """One where a number is above the threshold, else zero."""

    def transform() -> Value:
        whole, threshold = checked(X, c, "finite"), float(e["threshold"])
        if isinstance(whole, Sparse):
            if threshold < 0:
                raise Unsupported("Binarizer with a threshold below zero cannot take sparse rows")
            data = (whole.data > threshold).cast(c.graph.precision)
            return Sparse(data, whole.column, whole.row, whole.rows, whole.width)
        return Matrix((whole.tensor > threshold).cast(c.graph.precision), whole.width)

    return {"transform": transform}


@emits(_P + "KernelCenterer")
def kernel_centerer(e: View, X: Value, c: Context) -> Methods:
    """A kernel matrix less the means of its columns in training and of its rows, and plus the mean of all."""

    def transform() -> Value:
        g, whole = c.graph, c.require(_dense(e, X, c))
        rows = np.asarray(e["K_fit_rows_"])
        mean = g.sum(whole.tensor, 1, keep=True) / float(rows.shape[0])
        return Matrix(whole.tensor - rows[None, :] - mean + float(e["K_fit_all_"]), whole.width)

    return {"transform": transform}


def clipped(value: Tensor, low: float, high: float, c: Context) -> Tensor:
    """Return numbers moved into [low, high]; NaN stays."""
    g = c.graph
    return g.where(value < low, low, g.where(value > high, high, value))


def _dense(e: View, X: Value, c: Context) -> Matrix:
    if isinstance(X, Sparse):
        raise Unsupported(f"{e.name} cannot take sparse rows")
    return c.matrix(X)
