"""Isotonic regression: linear between the points it keeps."""

from __future__ import annotations

from typing import Any

import numpy as np

from amber.programs.emit.flow import Context, Methods, emits, scores
from amber.programs.emit.graph import Dtype, Tensor, Unsupported
from amber.programs.emit.values import Value
from amber.programs.emit.view import View


def interpolated(e: View, T: Tensor, c: Context) -> Tensor:
    """Return what an isotonic regression says of the numbers [N], as `numpy.interp` computes it.

    Raises:
        Unsupported: It has no points (a release before 0.24).
    """
    if "X_thresholds_" not in e:
        raise Unsupported("isotonic regression without its points")
    points, values = np.asarray(e["X_thresholds_"]), np.asarray(e["y_thresholds_"])
    g, bounds = c.graph, e["out_of_bounds"]
    dtype: Dtype = "float32" if points.dtype == np.float32 else g.precision
    low, high = float(e["X_min_"]), float(e["X_max_"])
    if len(points) == 1:
        return T * 0.0 + float(values[0])
    x = T.cast(dtype)
    outside = (x < low) | (x > high)
    if bounds == "raise":
        c.refuse(outside, wide=False)
    x = g.op("Min", g.op("Max", x, g.const(low, dtype)), g.const(high, dtype))
    reached = g.sum((g.expand(x) >= _row(g, points, dtype)).cast("int64"), 1) - 1
    slopes = np.append(np.diff(values) / np.diff(points), values.dtype.type(0))
    slope, start, value = (g.op("Gather", g.const(each, dtype), reached, axis=0) for each in (slopes, points, values))
    found = (slope * (x - start) + value).cast(g.precision)
    return g.where(outside, float("nan"), found) if bounds == "nan" else found


def _row(g: Any, points: Any, dtype: Dtype) -> Tensor:
    constant: Tensor = g.const(points.reshape(1, -1), dtype)
    return constant


@emits("sklearn.isotonic.IsotonicRegression")
def isotonic(e: View, X: Value, c: Context) -> Methods:
    """One column in, one number a row out, by either name."""
    x = c.require(c.matrix(X))
    if np.asarray(e.get("X_thresholds_", 0.0)).dtype == np.float32:
        c.require(x, "float32")
    thunk = lambda: scores(interpolated(e, c.graph.squeeze(x.tensor), c))  # noqa: E731 - twice the same
    return {"predict": thunk, "transform": thunk}
