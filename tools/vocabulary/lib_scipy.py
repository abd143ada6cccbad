"""The vocabulary of SciPy: sparse formats, splines, frozen distributions, k-d trees and functions as values."""

from __future__ import annotations

import sys
from pathlib import Path

from shorthand import Json, array, entry, finite, functions, holds, increasing, integer, items, obj, shape, text, within

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))
from amber.adapters import scipy_stats

_VALUES = ["|b1", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "<f4", "<f8", "<c8", "<c16"]
_SHAPE = items(integer(0, 2**53 - 1), 2, 2)
_INDEX = array("<i4", "<i8", rank=1)
_LIMIT = 2**53 - 1
# Sides that no stored number stands for: another format allocates one start for each.
_FEW = {"rule": "within", "of": "shape", "max": "limit(components)", "code": "limit-components"}


def _empty_side(along: int) -> Json:
    """The side of a compressed matrix that is only said: columns of CSR, rows of CSC."""
    return holds(f"shape[{1 - along}] <= limit(hash_features)", code="limit-hash-features")


CONSTRAINTS: dict[str, Json] = {
    "values": array(*_VALUES, rank=1),
    "index": _INDEX,
    "sides": _SHAPE,
    "extrapolate": ["none", "bool", text("periodic")],
}


def _compressed(along: int, name: str) -> Json:
    """CSR (along 0) and CSC (along 1): starts run over one side, indices lie in the other."""
    attributes = {"shape": "sides", "data": "values", "indices": "index", "indptr": "index"}
    rules = [
        shape("indptr", f"shape[{along}] + 1"),
        holds("len(indices) == len(data)", code="shape-mismatch"),
        increasing("indptr", first=0, last="len(indices)"),
        within("indices", 0, below=f"shape[{1 - along}]"),
        _empty_side(along),
    ]
    if name == "csr_array":
        attributes["flat"] = "bool"
        rules.append(holds("shape[0] == 1", when=[["flat", True]], code="shape-mismatch"))
    return entry(f"scipy.sparse._{name[:3]}", name, state="compressed", attributes=attributes, rules=rules)


def _bsr(name: str) -> Json:
    return entry(
        "scipy.sparse._bsr", name, state="compressed",
        attributes={"shape": "sides", "data": array(*_VALUES, rank=3), "indices": "index", "indptr": "index"},
        rules=[
            holds("shape(data, 1) >= 1", code="shape-mismatch"),
            holds("shape(data, 2) >= 1", code="shape-mismatch"),
            holds("(len(indptr) - 1) * shape(data, 1) == shape[0]", code="shape-mismatch"),
            holds("len(indices) == len(data)", code="shape-mismatch"),
            increasing("indptr", first=0, last="len(indices)"),
            within("indices", 0, below="shape[1] // shape(data, 2)"),
            _empty_side(0),
        ],
    )  # fmt: skip


def _coordinates(name: str, state: str) -> Json:
    nd = name in ("coo_array", "dok_array")
    rules = [holds("len(coords) == len(shape)", code="shape-mismatch"),
             holds("len(coords[*]) == len(data)", code="shape-mismatch")]  # fmt: skip
    for axis in range(3 if nd else 2):
        more = {"when": [[f"coords[{axis}]"]]} if nd and axis else {}
        rules.append(within(f"coords[{axis}]", 0, below=f"shape[{axis}]", **more))
    rules.append(_FEW)
    sides = items(integer(0, _LIMIT), 1, 64) if nd else "sides"
    attributes = {"shape": sides, "data": "values", "coords": items("index", 1, 64)}
    return entry(f"scipy.sparse._{name[:3]}", name, state=state, attributes=attributes, rules=rules)


def _sparse() -> dict[str, Json]:
    made: dict[str, Json] = {}
    for family in ("matrix", "array"):
        made[f"csr_{family}"] = _compressed(0, f"csr_{family}")
        made[f"csc_{family}"] = _compressed(1, f"csc_{family}")
        made[f"bsr_{family}"] = _bsr(f"bsr_{family}")
        made[f"coo_{family}"] = _coordinates(f"coo_{family}", "coordinates")
        made[f"dok_{family}"] = _coordinates(f"dok_{family}", "keys")
        made[f"dia_{family}"] = entry(
            "scipy.sparse._dia", f"dia_{family}", state="diagonals",
            attributes={"shape": "sides", "data": array(*_VALUES, rank=2), "offsets": "index"},
            rules=[
                holds("len(offsets) == len(data)", code="shape-mismatch"),
                within("offsets", "0 - shape[0]", high="shape[1]"),
                {"rule": "distinct", "of": "offsets"},
                _FEW,
            ],
        )  # fmt: skip
        made[f"lil_{family}"] = {**_compressed(0, f"lil_{family}"), "state": "lists"}
    return {f"scipy.sparse.{name}": each for name, each in sorted(made.items())}


def _piecewise(module: str, name: str) -> Json:
    return entry(
        f"scipy.interpolate.{module}", name, state="piecewise",
        attributes={
            "c": array("<f8", "<c16"), "x": array("<f8", rank=1), "extrapolate": "extrapolate", "axis": integer(0, 32),
        },
        rules=[
            holds("rank(c) >= 2", code="shape-mismatch"),
            holds("axis < rank(c) - 1", code="shape-mismatch"),
            holds("shape(c, 0) >= 1", code="shape-mismatch"),
            holds("shape(c, 0) <= limit(polynomial_degree) + 1", code="limit-polynomial-degree"),
            holds("shape(c, 1) == len(x) - 1", code="shape-mismatch"),
            holds("len(x) >= 2", code="shape-mismatch"),
            finite("x"),
        ],
    )  # fmt: skip


def _frozen(kind: str, names: tuple[str, ...]) -> Json:
    return entry(
        "scipy.stats._distn_infrastructure", f"rv_{kind}_frozen", state="frozen",
        attributes={
            "name": text(*names), "args": items("number", high=8), "kwds": {"is": "map", "keys": "str",
            "values": "number"},
            "random_state": [{"is": "kind", "kinds": ["link"]},
                             obj("numpy.random.RandomState", "numpy.random.Generator")],
        },
    )  # fmt: skip


def _tree(module: str, name: str) -> Json:
    return entry(
        f"scipy.spatial.{module}", name, state="points",
        attributes={
            "data": array("<f8", rank=2), "leafsize": integer(1, 2**31 - 1),
            "boxsize": ["none", array("<f8", rank=1)],
        },
        rules=[finite("data"), finite("boxsize", when=[["boxsize"]]),
               shape("boxsize", "shape(data, 1)", when=[["boxsize"]])],
    )  # fmt: skip


TYPES: dict[str, Json] = {
    **_sparse(),
    "scipy.interpolate.BSpline": entry(
        "scipy.interpolate._bsplines", "BSpline", state="b-spline",
        attributes={
            "t": array("<f8", rank=1), "c": array("<f8", "<c16"), "k": integer(0, "polynomial_degree"),
            "extrapolate": "extrapolate", "axis": integer(0, 32),
        },
        rules=[
            holds("rank(c) >= 1", code="shape-mismatch"),
            holds("axis < rank(c)", code="shape-mismatch"),
            holds("len(t) >= 2 * k + 2", code="shape-mismatch"),
            holds("shape(c, 0) >= len(t) - k - 1", code="shape-mismatch"),
            finite("t"),
            increasing("t"),
        ],
    ),
    **{f"scipy.interpolate.{name}": _piecewise(module, name) for module, name in (
        ("_interpolate", "PPoly"), ("_interpolate", "BPoly"), ("_cubic", "CubicSpline"),
        ("_cubic", "CubicHermiteSpline"), ("_cubic", "PchipInterpolator"), ("_cubic", "Akima1DInterpolator"))},
    "scipy.interpolate.interp1d": entry(
        "scipy.interpolate._interpolate", "interp1d", state="interp1d",
        attributes={
            "x": array(*"iuf", rank=1), "y": array(*"fc"), "axis": integer(0, 32), "copy": "bool",
            "kind": text("linear", "nearest", "nearest-up", "next", "previous"), "bounds_error": ["none", "bool"],
            "fill_value": [text("extrapolate"), "number", array(*"iufc"), items(["number", array(*"iufc")], 2, 2)],
        },
        rules=[holds("axis < rank(y)", code="shape-mismatch"), increasing("x")],
    ),
    "scipy:stats.rv_continuous_frozen": _frozen("continuous", scipy_stats.CONTINUOUS),
    "scipy:stats.rv_discrete_frozen": _frozen("discrete", scipy_stats.DISCRETE),
    "scipy.spatial.KDTree": _tree("_kdtree", "KDTree"),
    "scipy.spatial.cKDTree": _tree("_ckdtree", "cKDTree"),
}  # fmt: skip

_UFUNCS = (
    "boxcox boxcox1p cbrt entr erf erfc erfcinv erfinv exp10 exp2 expit expm1 gammaln huber inv_boxcox "
    "inv_boxcox1p kl_div log1p log_expit log_ndtr logit ndtr ndtri pseudo_huber psi rel_entr xlog1py xlogy"
)
_DISTANCES = (
    "braycurtis canberra chebyshev cityblock correlation cosine dice euclidean hamming jaccard minkowski "
    "rogerstanimoto russellrao sokalsneath sqeuclidean yule"
)
FUNCTIONS: dict[str, Json] = {
    **functions("scipy.special", _UFUNCS, "elementwise"),
    **functions("scipy.special", "log_softmax logsumexp softmax", "reduction", ["scipy.special._logsumexp"]),
    **functions("scipy.spatial.distance", _DISTANCES, "distance"),
}
PACKAGES = ["scipy"]
LINKS: list[str] = []
