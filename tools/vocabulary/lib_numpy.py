"""The vocabulary of NumPy: generators, subclasses of ndarray, scalar classes and functions as values."""

from __future__ import annotations

from shorthand import Json, array, classes, entry, functions, holds, integer, items, obj, shape

_SEED: Json = ["none", obj("numpy.random.SeedSequence")]
_BITS = [f"numpy.random.{name}" for name in ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")]
_WORD32 = integer(0, 2**32 - 1)
_STORED = {"has_uint32": integer(0, 1), "uinteger": _WORD32}  # half of a 64-bit word, kept for the next draw
_PCG = {"state": integer(0), "inc": integer(0), **_STORED, "seed_seq": _SEED}

CONSTRAINTS: dict[str, Json] = {}
TYPES: dict[str, Json] = {
    "numpy.random.RandomState": entry(
        "numpy.random.mtrand", "RandomState", state="random-state",
        attributes={"bit_generator": obj(*_BITS), "has_gauss": integer(0, 1), "gauss": "number"},
    ),
    "numpy.random.Generator": entry(
        "numpy.random._generator", "Generator", state="generator", attributes={"bit_generator": obj(*_BITS)}
    ),
    "numpy.random.SeedSequence": entry(
        "numpy.random.bit_generator", "SeedSequence", state="seed-sequence",
        attributes={
            "entropy": [integer(0), items(integer(0), high=4096)], "spawn_key": items(integer(0), high=1024),
            "pool_size": integer(4, 64), "n_children_spawned": _WORD32,
        },
    ),
    "numpy.random.MT19937": entry(
        "numpy.random._mt19937", "MT19937", state="bit-generator",
        attributes={"key": array("<u4", rank=1), "pos": integer(0, 624), "seed_seq": _SEED},
        rules=[shape("key", 624)],
    ),
    "numpy.random.PCG64": entry("numpy.random._pcg64", "PCG64", state="bit-generator", attributes=_PCG),
    "numpy.random.PCG64DXSM": entry("numpy.random._pcg64", "PCG64DXSM", state="bit-generator", attributes=_PCG),
    "numpy.random.Philox": entry(
        "numpy.random._philox", "Philox", state="bit-generator",
        attributes={
            "counter": array("<u8", rank=1), "key": array("<u8", rank=1), "buffer": array("<u8", rank=1),
            "buffer_pos": integer(0, 4), **_STORED, "seed_seq": _SEED,
        },
        rules=[shape("counter", 4), shape("key", 2), shape("buffer", 4)],
    ),
    "numpy.random.SFC64": entry(
        "numpy.random._sfc64", "SFC64", state="bit-generator",
        attributes={"words": array("<u8", rank=1), **_STORED, "seed_seq": _SEED}, rules=[shape("words", 4)],
    ),
    "numpy.ma.MaskedArray": entry(
        ["numpy.ma", "numpy.ma.core"], "MaskedArray", state="masked-array",
        attributes={
            "data": "array", "mask": ["none", array("b", "V")], "fill_value": ["none", array(rank=0)],
            "hard_mask": "bool",
        },
        rules=[
            holds("rank(mask) == rank(data)", when=[["mask"]], code="shape-mismatch"),
            holds("size(mask) == size(data)", when=[["mask"]], code="shape-mismatch"),
        ],
    ),
    "numpy:ma.MaskedConstant": entry("numpy.ma.core", "MaskedConstant", state="masked-constant"),
    "numpy.recarray": entry(
        ["numpy", "numpy.rec"], "recarray", state="array-view", attributes={"array": array("V")}
    ),
    "numpy.record": entry(["numpy", "numpy.rec"], "record", state="record", attributes={"array": array("V", rank=0)}),
    "numpy.matrix": entry("numpy", "matrix", state="array-view", attributes={"array": array(rank=2)}),
    **classes(
        "numpy",
        "bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 longlong ulonglong float16 float32 float64 complex64 "
        "complex128 str_ bytes_ object_ datetime64 timedelta64 generic number integer signedinteger unsignedinteger "
        "inexact floating complexfloating character flexible",
        also={"bool_": ["bool"]},
    ),
}  # fmt: skip

# Elementwise, of fixed width: not `power`, shifts and `ldexp`, whose results on Python integers have no bound.
_UFUNCS = (
    "absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh bitwise_and bitwise_or bitwise_xor cbrt ceil "
    "conjugate copysign cos cosh deg2rad degrees divide divmod equal exp exp2 expm1 fabs float_power floor "
    "floor_divide fmax fmin fmod greater greater_equal heaviside hypot invert isfinite isinf isnan isnat less "
    "less_equal log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor maximum "
    "minimum multiply negative nextafter not_equal positive rad2deg radians reciprocal remainder rint sign signbit "
    "sin sinh spacing sqrt square subtract tan tanh trunc"
)
# Arrays in, arrays or numbers of at most about their size out; none takes a length, a file or a function to call.
_REDUCTIONS = (
    "all any argmax argmin argsort average count_nonzero cumsum max mean median min nanargmax nanargmin nancumsum "
    "nanmax nanmean nanmedian nanmin nanprod nanstd nansum nanvar percentile prod ptp quantile std sum var"
)
_SHAPES = (
    "array asarray ascontiguousarray asfortranarray atleast_1d atleast_2d atleast_3d clip column_stack concatenate "
    "copy digitize expand_dims flip hstack imag interp isclose isin nan_to_num ravel real reshape round searchsorted "
    "sort squeeze stack swapaxes transpose vstack where"
)
FUNCTIONS: dict[str, Json] = {
    **functions("numpy", _UFUNCS, "elementwise"),
    **functions("numpy", _REDUCTIONS, "reduction"),
    **functions("numpy", _SHAPES, "shape"),
    "numpy.linalg.norm": {"targets": [{"module": "numpy.linalg", "name": "norm"}], "group": "reduction"},
}
PACKAGES = ["numpy"]
LINKS = ["rng.global"]
