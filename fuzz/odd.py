"""Values that native code and loops stumble over: numbers at the ends of their types, odd arrays, odd text."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from amber.adapters.arrays import dtype_string, to_tensor
from amber.tree import nodes
from amber.tree.nodes import AnyNode, Tensor, Tree

SAFE = 2**53 - 1
INTEGERS = (
    -1, 0, 1, 2, 3, 4, 5, 7, 8, 16, 40, 100, 255, 256, 1000, 65_536, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40,
    SAFE, 2**62, 2**63 - 1, 2**63, 10**30, -2, -3, -(2**31), -(2**40), -(2**63), -(10**30),
)  # fmt: skip
FLOATS = (
    "nan", "inf", "-inf", "0.0", "-0.0", "1.0", "-1.0", "0.5", "2.0", "1e-12", "5e-324", "1.7976931348623157e+308",
    "1e+18", "-1e+18", "3.5", "1e-300", "9007199254740993.0",
)  # fmt: skip
TEXTS = (
    "", "a", "x0", "auto", "none", "predict", "predict_proba", "fit", "__class__", "transform", "passthrough", "drop",
    "precomputed", "euclidean", "minkowski", "haversine", "cosine", "rbf", "linear", "poly", "sparse", "default",
    "os.system", "numpy.load", "builtins.eval", "/etc/passwd", "a" * 300, "\u0000", "\u202e", "(?:a+)+b",
    "{0.__class__}",
    "cityblock", "nan", "float64", "object", "pandas", "utf-7", "idna", "warn", "balanced", "log2",
)  # fmt: skip
DTYPES = (
    "<f8", "<f4", "<f2", "<i8", "<i4", "<i2", "|i1", "|u1", "<u4", "<u8", "|b1", "<c16", "<c8", "<U3", "|S2",
    ">f8", ">i8",
    "<M8[ns]", "<m8[s]", "|V3",
)  # fmt: skip
_FILLS = (0, 1, -1, 2, 255, 2**31, -(2**31), 2**40, 2**62, float("nan"), float("inf"), 1e308, 1e-308, 0.5)


def integer(rng: random.Random) -> int:
    """An integer, mostly at an end of some type."""
    return rng.choice(INTEGERS) + rng.choice((0, 0, 0, 1, -1))


def scalar(rng: random.Random) -> AnyNode:
    """A node without children."""
    choice = rng.randrange(9)
    if choice == 0:
        return nodes.NoneNode()
    if choice == 1:
        return nodes.Bool(rng.random() < 0.5)
    if choice in (2, 3):
        return integer_node(integer(rng))
    if choice in (4, 5):
        return nodes.Float(rng.choice(FLOATS))
    if choice == 6:
        return nodes.Str(rng.choice(TEXTS))
    if choice == 7:
        return numpy_scalar(rng)
    return rng.choice(
        (
            nodes.EllipsisNode(), nodes.Complex("nan", "-inf"), nodes.Bytes("AAEC"), nodes.ByteArray(""),
            nodes.Range(0, 5, 1), nodes.Range(-3, 10**12, 7), nodes.Utf16("ANg="), nodes.Dtype(rng.choice(DTYPES)),
            nodes.Link("rng.global"),
        )
    )  # fmt: skip


def integer_node(value: int) -> AnyNode:
    """The node of a Python integer."""
    return nodes.Int(value if abs(value) <= SAFE else str(value))


def numpy_scalar(rng: random.Random) -> AnyNode:
    """The node of a NumPy scalar."""
    dtype = rng.choice(("<f8", "<f4", "<i8", "<i4", "|b1", "<u8", "|u1", "<M8[ns]", "<U2"))
    if dtype[1] in "biu":
        size = int(dtype[2:])
        value = rng.choice((0, 1, 2 ** (8 * size - 1) - 1, 2 ** (8 * size) - 1)) if dtype != "|b1" else rng.randrange(2)
        return nodes.Scalar(dtype, value.to_bytes(size, "little").hex())
    if dtype[1] == "U":
        return nodes.Scalar(dtype, "ab".encode("utf-32-le").hex())
    raw = np.array([rng.choice(_FILLS)]).astype(dtype if dtype[1] == "f" else "<f8")
    return nodes.Scalar(dtype, raw.tobytes().hex())


def add_array(tree: Tree, array: np.ndarray[Any, Any]) -> int:
    """Put an array into the table and return its index."""
    order = "F" if array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    text = dtype_string(array.dtype)
    tensor = None
    if array.nbytes:
        tree.tensors.append(to_tensor(array, order, text, array.dtype.itemsize))
        tensor = len(tree.tensors) - 1
    tree.nodes.append(nodes.Array(text, list(array.shape), order, tensor))
    return len(tree.nodes) - 1


def array(rng: random.Random, like: tuple[int, ...] = ()) -> np.ndarray[Any, Any]:
    """An array of an odd dtype, shape and content; mostly with a side of `like`."""
    sides = [*like, *like, 0, 1, 2, 3, 5]
    shape = tuple(rng.choice(sides) for _ in range(rng.choice((0, 1, 1, 2, 2, 3))))
    while np.prod(shape, dtype=object) > 4096:
        shape = tuple(side // 2 for side in shape)
    made = np.zeros(shape, "<f8")
    fill(rng, made)
    with np.errstate(all="ignore"):
        return made.astype(rng.choice(DTYPES[:13]))


def fill(rng: random.Random, made: np.ndarray[Any, Any]) -> None:
    """Put odd numbers into an array of floats or integers, in place."""
    for _ in range(rng.choice((1, 1, 2, 5))):
        value = rng.choice(_FILLS) if rng.random() < 0.5 else float(rng.randrange(-3, 12))
        put(rng, made, value)


def put(rng: random.Random, made: np.ndarray[Any, Any], value: Any) -> None:
    """Put one value at one place, at some places, or everywhere; what the dtype cannot hold wraps round."""
    if made.size == 0:
        return
    flat = made.reshape(-1)
    with np.errstate(all="ignore"):
        kind = made.dtype.kind
        if kind in "iu":
            span = 8 * made.dtype.itemsize
            number = 0 if value != value or abs(value) == float("inf") else int(value)
            number %= 2**span
            number -= 2**span if kind == "i" and number >= 2 ** (span - 1) else 0
            cell: Any = made.dtype.type(number)
        elif kind in "bfc":
            cell = made.dtype.type(value)
        else:
            raw = flat.view(np.uint8)
            raw[rng.randrange(raw.size)] = rng.randrange(256)
            return
    where = rng.random()
    if where < 0.6:
        flat[rng.randrange(flat.size)] = cell
    elif where < 0.8:
        flat[rng.randrange(flat.size) :] = cell
    else:
        flat[:] = cell


def tensor_of(found: np.ndarray[Any, Any], dtype: str | int, order: str) -> Tensor:
    """The tensor of a changed array in the order of its node."""
    named = isinstance(dtype, int)
    return to_tensor(found, order, None if named else str(dtype), found.dtype.itemsize)
