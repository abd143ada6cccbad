"""Columns made from columns: products of them (PolynomialFeatures), splines of each (SplineTransformer)."""

from __future__ import annotations

from typing import Any

import numpy as np

from amber.programs.emit.bins import looked_up, positions
from amber.programs.emit.flow import Context, Methods, emits
from amber.programs.emit.graph import Tensor, Unsupported
from amber.programs.emit.scale import checked
from amber.programs.emit.values import Matrix, Sparse, Value
from amber.programs.emit.view import View

_P = "sklearn.preprocessing."


@emits(_P + "PolynomialFeatures")
def polynomial(e: View, X: Value, c: Context) -> Methods:
    """Products of columns, each one factor more than a product of the degree below, as the original builds them."""

    def transform() -> Matrix:
        g, whole = c.graph, c.matrix(checked(X, c, "finite"))
        x, low, high = whole.tensor, int(e["_min_degree"]), int(e["_max_degree"])
        parts = []
        if e["include_bias"]:
            parts.append(g.columns(x, [0]) * 0.0 + 1.0)
        if low <= 1 <= high:
            parts.append(x)
        # where the products of the last degree begin that have no factor before column i
        starts, products = list(range(whole.width + 1)), x
        for degree in range(2, high + 1):
            before: list[int] = []
            factors: list[int] = []
            following: list[int] = []
            for i in range(whole.width):
                start = starts[i]
                if e["interaction_only"]:
                    start += starts[i + 1] - starts[i]
                following.append(len(before))
                if start >= starts[-1]:
                    break
                before += range(start, starts[-1])
                factors += [i] * (starts[-1] - start)
            following += [len(before)] * (whole.width + 1 - len(following))
            if not before:
                break
            products = g.columns(products, before) * g.columns(x, factors)
            starts = following
            if degree >= low:
                parts.append(products)
        return Matrix(g.concat(parts), int(e["n_output_features_"]))

    return {"transform": transform}


@emits(_P + "SplineTransformer")
def spline(e: View, X: Value, c: Context) -> Methods:
    """The values of all B-splines at each number, by de Boor's recursion."""

    def transform() -> Matrix:
        if isinstance(X, Sparse):
            raise Unsupported("SplineTransformer of sparse rows")
        g, gaps = c.graph, e.get("handle_missing", "error") == "zeros"
        whole = c.matrix(X) if gaps else c.require(c.matrix(X))
        parts, degree = [], int(e["degree"])
        if e["extrapolation"] in ("constant", "linear") and degree == 0:
            raise Unsupported("SplineTransformer of degree 0 that extrapolates")
        for i, basis in enumerate(e["bsplines_"]):
            x = g.columns(whole.tensor, [i])
            value = _one(e, np.asarray(basis["t"], np.float64), x, degree, c)
            if e["extrapolation"] == "linear" and degree <= 1:
                degree += 1  # the original counts on for the next column too
            if gaps:
                value = g.where(g.op("IsNaN", x, dtype="bool"), 0.0, value)
            parts.append(value if e["include_bias"] else g.columns(value, np.arange(_number(e, basis["t"]) - 1)))
        return Matrix(g.concat(parts), int(e["n_features_out_"]))

    return {"transform": transform}


def _number(e: View, knots: Any) -> int:
    degree = int(e["degree"])
    return len(knots) - degree - 1 - (degree if e["extrapolation"] == "periodic" else 0)


def _one(e: View, knots: Any, x: Tensor, degree: int, c: Context) -> Tensor:
    """Return the splines of one column, [N, n]."""
    g, mode, order = c.graph, e["extrapolation"], int(e["degree"])
    last = len(knots) - order - 1
    if mode == "periodic":
        start, period = float(knots[order]), float(knots[last] - knots[order])
        rest = g.op("Mod", x - start, g.const(period or 1.0), fmod=1)
        inside = g.where(rest < 0.0, rest + period, rest) + start
        value = _splines(knots, order, inside if period else x * 0.0, c)  # of one value alone: that of zero
        number = last - order
        if not order:
            return value
        return g.concat(
            [g.columns(value, np.arange(order)) + g.columns(value, np.arange(number, last))]
            + ([g.columns(value, np.arange(order, number))] if number > order else [])
        )
    value = _splines(knots, order, x, c)
    if mode == "continue":  # as a product with unit vectors: zero times infinity is NaN in the original too
        return value if e["sparse_output"] else value @ np.eye(last)
    low, high = float(knots[degree]), float(knots[-degree - 1])
    if mode == "error":
        c.refuse((x < low) | (x > high))
        return value
    under, over = np.zeros((1, last)), np.zeros((1, last))
    first, final = at(knots, order, low), at(knots, order, high)
    if mode == "constant":
        under[0, :degree], over[0, last - degree :] = first[:degree], final[last - degree :]
        return g.where(x < low, under, g.where(x > high, over, value))
    reach = degree + 1 if degree <= 1 else degree
    under[0, :reach], over[0, last - reach :] = first[:reach], final[last - reach :]
    rise, fall = np.zeros((1, last)), np.zeros((1, last))
    rise[0, :reach] = slopes(knots, order, low)[:reach]
    fall[0, last - reach :] = slopes(knots, order, high)[last - reach :]
    place = np.arange(last)[None, :]
    below = g.where(g.const(place < reach), (x - low) * rise + under, 0.0)
    above = g.where(g.const(place >= last - reach), (x - high) * fall + over, 0.0)
    return g.where(x < low, below, g.where(x > high, above, value))


def _splines(knots: Any, order: int, x: Tensor, c: Context) -> Tensor:
    """Evaluate all splines of an order at x [N, 1]; beyond the outer knots the polynomials go on."""
    g = c.graph
    inner = knots[order + 1 : len(knots) - order - 1]
    distinct = np.unique(inner)
    passed = np.searchsorted(inner, [-np.inf, *distinct], side="right")  # of repeated knots all
    interval = looked_up(positions(x, [distinct], c), [passed], c) + order
    value = interval.equal(np.arange(len(knots) - 1)[None, :]).cast(g.precision)
    for p in range(1, order + 1):
        number = len(knots) - 1 - p
        gap = knots[p:] - knots[:-p]
        weight = value / np.where(gap == 0, 1.0, gap)[None, :]
        weight = weight if (gap != 0).all() else weight * (gap != 0).astype(np.float64)[None, :]
        left, right = g.columns(weight, np.arange(number)), g.columns(weight, np.arange(1, number + 1))
        value = left * (x - knots[None, :number]) + right * (knots[None, p + 1 :] - x)
    return value


def at(knots: Any, order: int, x: float) -> Any:
    """Return all splines of an order at one number."""
    inner = knots[order + 1 : len(knots) - order - 1]
    value = np.zeros(len(knots) - 1)
    value[order + int(np.searchsorted(inner, x, side="right"))] = 1.0
    return _raised(knots, order, x, value)


def _raised(knots: Any, order: int, x: float, value: Any) -> Any:
    for p in range(1, order + 1):
        number, gap = len(knots) - 1 - p, knots[p:] - knots[:-p]
        weight = np.where(gap == 0, 0.0, value / np.where(gap == 0, 1.0, gap))
        value = weight[:number] * (x - knots[:number]) + weight[1 : number + 1] * (knots[p + 1 :] - x)
    return value


def slopes(knots: Any, order: int, x: float) -> Any:
    """Return the derivatives of all splines of an order at one number."""
    inner = knots[order + 1 : len(knots) - order - 1]
    value = np.zeros(len(knots) - 1)
    value[order + int(np.searchsorted(inner, x, side="right"))] = 1.0
    lower, gap = _raised(knots, order - 1, x, value), knots[order:] - knots[:-order]
    weight = np.where(gap == 0, 0.0, order * lower / np.where(gap == 0, 1.0, gap))
    return weight[:-1] - weight[1:]
