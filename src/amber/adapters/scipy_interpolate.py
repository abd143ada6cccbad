"""Splines and piecewise polynomials: knots and coefficients, checked, then put together without new computation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from amber.errors import AuditError, SaveError

if TYPE_CHECKING:
    from amber.adapters.protocol import Special

_KINDS = ("linear", "nearest", "nearest-up", "previous", "next")


class BSpline:
    """`scipy.interpolate.BSpline`: knots `t`, coefficients `c`, degree `k`."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the parts; the interpolation axis of `c` comes first, as the object holds it."""
        return {"t": obj.t, "c": obj.c, "k": int(obj.k), "extrapolate": obj.extrapolate, "axis": int(obj.axis)}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Check what the constructor checks, then skip its copies."""
        t, c, k = state["t"], state["c"], state["k"]
        n = len(t) - k - 1
        if c.ndim < 1 or n < k + 1 or len(c) < n:
            raise AuditError("shape-mismatch", "knots, coefficients and degree do not fit", where="BSpline")
        if not np.isfinite(t).all() or (t[1:] < t[:-1]).any() or not t[k] < t[n]:
            raise AuditError("not-increasing", "knots are not finite and increasing", where="BSpline.t")
        _check_axis(state["axis"], c.ndim, "BSpline.axis")
        return cls.construct_fast(t, c, k, state["extrapolate"], state["axis"])


class Piecewise:
    """`PPoly`, `BPoly` and their subclasses `CubicSpline`, `PchipInterpolator`, `Akima1DInterpolator`."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return breakpoints and coefficients."""
        return {"c": obj.c, "x": obj.x, "extrapolate": obj.extrapolate, "axis": int(obj.axis)}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Check what the constructor checks, then skip its copies."""
        c, x = state["c"], state["x"]
        if c.ndim < 2 or len(x) < 2 or 0 in c.shape[:1] or c.shape[1] != len(x) - 1:
            raise AuditError("shape-mismatch", "breakpoints and coefficients do not fit", where="PPoly")
        steps = np.diff(x)
        if not ((steps > 0).all() or (steps < 0).all()):
            raise AuditError("not-increasing", "breakpoints are not strictly monotonic", where="PPoly.x")
        _check_axis(state["axis"], c.ndim - 1, "PPoly.axis")
        return cls.construct_fast(c, x, state["extrapolate"], state["axis"])


class Interp1d:
    """`scipy.interpolate.interp1d` of the kinds that only look values up."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the points and how to continue beyond them."""
        if obj._kind not in _KINDS:
            raise SaveError(
                "value-mismatch",
                f"an interp1d of kind {obj._kind!r} cannot be data",
                hint="use scipy.interpolate.make_interp_spline or CubicSpline",
            )
        fill = obj._fill_value_orig
        return {
            "x": obj.x,
            "y": obj.y,
            "kind": obj._kind,
            "axis": int(obj.axis),
            "copy": bool(obj.copy),
            "bounds_error": None if obj.bounds_error is None else bool(obj.bounds_error),
            "fill_value": fill,
        }

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Call the constructor on the points as they stand."""
        x, y, axis = state["x"], state["y"], state["axis"]
        if x.ndim != 1 or not 0 <= axis < y.ndim or y.shape[axis] != len(x):
            raise AuditError("shape-mismatch", "points and values do not fit", where="interp1d")
        if (x[1:] < x[:-1]).any():
            raise AuditError("not-increasing", "points are not sorted", where="interp1d.x")
        arguments = {name: state[name] for name in ("kind", "axis", "copy", "bounds_error", "fill_value")}
        try:
            return cls(x, y, assume_sorted=True, **arguments)
        except (ValueError, TypeError) as error:
            raise AuditError("value-mismatch", str(error), where="interp1d") from error


def _check_axis(axis: int, rank: int, where: str) -> None:
    if not 0 <= axis < rank:
        raise AuditError("index-out-of-range", "there is no such axis", where=where)


SPECIALS: dict[str, Special] = {"b-spline": BSpline(), "piecewise": Piecewise(), "interp1d": Interp1d()}
REFUSALS = {
    "scipy.interpolate._fitpack2.UnivariateSpline": "use scipy.interpolate.make_splrep, which gives a BSpline",
    "scipy.interpolate._fitpack2.LSQUnivariateSpline": "use scipy.interpolate.make_lsq_spline",
    "scipy.interpolate._fitpack2.InterpolatedUnivariateSpline": "use scipy.interpolate.make_interp_spline",
}
