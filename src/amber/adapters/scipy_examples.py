"""Instances of everything the SciPy adapter knows, for the contract suite."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.interpolate
import scipy.sparse
import scipy.spatial
import scipy.special
import scipy.stats

if TYPE_CHECKING:
    from collections.abc import Callable

_DENSE = np.array([[0, 1.5, 0, 0], [0, 0, -2, 0], [3, 0, 0, 4], [0, 0, 0, 0]])
_DTYPES = ("?", "i1", "u2", "i8", "f4", "f8", "c8", "c16")
_X = np.arange(7.0)
_Y = np.sin(_X)


def _sparse(name: str, dtype: str = "f8") -> Any:
    return getattr(scipy.sparse, name)(_DENSE.astype(dtype))


def _wide(name: str) -> Any:
    made = _sparse(name)
    made.indices, made.indptr = made.indices.astype(np.int64), made.indptr.astype(np.int64)
    return made


def _unsorted() -> Any:
    return scipy.sparse.csr_matrix(([1.0, 2.0, 3.0, 4.0], [2, 0, 0, 1], [0, 3, 4]), shape=(2, 3))


def _slack() -> Any:
    made = _sparse("csr_matrix")
    made.data, made.indices = np.append(made.data, 9.0), np.append(made.indices, np.int32(0))
    return made


def _coo_wide() -> Any:
    made = scipy.sparse.coo_matrix((np.array([1.0, 2.0]), ([0, 2**20], [5, 1])), shape=(2**21, 6))
    made.row, made.col = made.row.astype(np.int64), made.col.astype(np.int64)  # as far larger ones have them
    return made


def _shared() -> Any:
    made = _sparse("csc_array")
    return {"a": made, "b": made, "data": made.data}


def _seeded() -> Any:
    frozen = scipy.stats.norm(loc=1.0, scale=2)
    frozen.random_state = np.random.RandomState(5)
    return frozen


def _formats() -> list[tuple[str, Callable[[], Any]]]:
    names = [f"{kind}_{family}" for kind in ("csr", "csc", "bsr", "coo", "dia", "dok", "lil")
             for family in ("matrix", "array")]  # fmt: skip
    plain = [(name, partial(_sparse, name)) for name in names]
    empty = [(f"{name}-empty", partial(getattr(scipy.sparse, name), (3, 0), dtype=np.float32)) for name in names
             if name[:3] not in ("bsr", "dia")]  # fmt: skip
    typed = [(f"csr_matrix-{dtype}", partial(_sparse, "csr_matrix", dtype)) for dtype in _DTYPES]
    return [*plain, *empty, *typed]


def _flat() -> list[tuple[str, Callable[[], Any]]]:
    """Arrays of one and of three dimensions, where this SciPy has them."""
    made: list[tuple[str, Callable[[], Any]]] = []
    for name, dense in (("coo_array", _DENSE[2]), ("csr_array", _DENSE[2]), ("dok_array", _DENSE[2]),
                        ("coo_array", np.ones((2, 3, 2)))):  # fmt: skip
        try:
            getattr(scipy.sparse, name)(dense)
        except (ValueError, TypeError):
            continue
        made.append((f"{name}-{dense.ndim}d", partial(getattr(scipy.sparse, name), dense)))
    return made


def _splines() -> list[tuple[str, Callable[[], Any]]]:
    from scipy import interpolate as si

    both = np.stack([_Y, _Y**2], axis=1)
    return [
        ("bspline", lambda: si.make_interp_spline(_X, _Y, k=3)),
        ("bspline-axis", lambda: si.make_interp_spline(_X, both.T, k=2, axis=1)),
        ("bspline-periodic", lambda: si.BSpline(np.arange(11.0), np.ones((7, 2)), 3, extrapolate="periodic")),
        ("bspline-complex", lambda: si.make_interp_spline(_X, _Y + 1j)),
        ("ppoly", lambda: si.PPoly(np.ones((2, 6)), _X, extrapolate=False)),
        ("ppoly-complex", lambda: si.PPoly(np.ones((2, 6)) * 1j, _X[::-1].copy())),
        ("bpoly", lambda: si.BPoly(np.ones((3, 6)), _X)),
        ("cubic-spline", lambda: si.CubicSpline(_X, both)),
        ("pchip", lambda: si.PchipInterpolator(_X, _Y)),
        ("akima", lambda: si.Akima1DInterpolator(_X, both)),
        ("interp1d", lambda: si.interp1d(_X, _Y)),
        ("interp1d-clip", lambda: si.interp1d(_X, _Y, bounds_error=False, fill_value=(0.0, 1.0))),
        ("interp1d-extrapolate", lambda: si.interp1d(_X, both, axis=0, fill_value="extrapolate")),
        ("interp1d-previous", lambda: si.interp1d(_X, _Y, kind="previous", fill_value="extrapolate")),
        ("interp1d-nearest", lambda: si.interp1d(_X, both.T, kind="nearest", copy=False)),
    ]


def _distributions() -> list[tuple[str, Callable[[], Any]]]:
    return [
        ("uniform", lambda: scipy.stats.uniform(0, 1)),
        ("loguniform", lambda: scipy.stats.loguniform(1e-4, 1e2)),
        ("randint", lambda: scipy.stats.randint(1, np.int64(20))),
        ("norm-seeded", _seeded),
        ("shared-distribution", lambda: [scipy.stats.gamma(2.0)] * 2),
    ]


def examples() -> list[tuple[str, Callable[[], Any]]]:
    """Return (name, make) pairs; what this SciPy does not have is left out."""
    return [
        *_formats(),
        *_flat(),
        *_splines(),
        *_distributions(),
        ("csr-int64", lambda: _wide("csr_matrix")),
        ("csc-int64", lambda: _wide("csc_array")),
        ("csr-unsorted", _unsorted),
        ("csr-slack", _slack),
        ("bsr-blocks", lambda: scipy.sparse.bsr_array(np.kron(np.eye(2), np.ones((2, 3))), blocksize=(2, 3))),
        ("coo-wide", _coo_wide),
        ("coo-duplicates", lambda: scipy.sparse.coo_array(([1, 2], ([0, 0], [1, 1])), shape=(2, 2))),
        ("shared", _shared),
        ("kd-tree", lambda: scipy.spatial.KDTree(np.random.RandomState(3).rand(50, 3), leafsize=5)),
        ("ckd-tree-box", lambda: scipy.spatial.cKDTree(np.random.RandomState(3).rand(50, 2), boxsize=1.5)),
        ("functions", lambda: [scipy.special.expit, scipy.special.logit]),
    ]
