"""NumPy dtype strings without NumPy: which exist, how wide an item is, and which safetensors type carries it.

Source: NumPy's array protocol strings (`numpy.dtype.str`); carriers as in `spec/tensors.md`.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import NamedTuple

from amber.errors import FormatError

_NATIVE = {
    "|b1": "BOOL", "|i1": "I8", "|u1": "U8", "<i2": "I16", "<u2": "U16", "<i4": "I32", "<u4": "U32",
    "<i8": "I64", "<u8": "U64", "<f2": "F16", "<f4": "F32", "<f8": "F64", "<c8": "C64",
}  # fmt: skip
_BIG = {">i2": 2, ">u2": 2, ">i4": 4, ">u4": 4, ">i8": 8, ">u8": 8, ">f2": 2, ">f4": 4, ">f8": 8, ">c8": 8, ">c16": 16}
_TIME = re.compile(r"([<>])([mM])8(?:\[(?:[1-9][0-9]{0,8})?(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?")
_TEXT = re.compile(r"([<>])U(0|[1-9][0-9]{0,8})")
_RAW = re.compile(r"\|([SV])(0|[1-9][0-9]{0,8})")
CARRIER_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2, "I32": 4, "U32": 4, "F32": 4,
    "C64": 8, "F64": 8, "I64": 8, "U64": 8,
}  # fmt: skip
MAX_ITEM = 2**31 - 1  # bytes of one item: NumPy keeps them in a C int
# NumPy counts elements and bytes in a signed 64-bit integer.
MAX_BYTES = 2**62


class Carrier(NamedTuple):
    """How items of a dtype lie in a tensor: safetensors type, dimensions added at the end, bytes of one item."""

    type: str
    tail: tuple[int, ...]
    itemsize: int


def by_width(itemsize: int) -> Carrier:
    """Return the carrier of opaque items: unsigned integers of the largest of 8, 4, 2, 1 bytes that divides them."""
    if itemsize == 0:
        return Carrier("U8", (0,), 0)
    width = next(size for size in (8, 4, 2, 1) if itemsize % size == 0)
    return Carrier(f"U{8 * width}", (itemsize // width,), itemsize)


@lru_cache(maxsize=1024)
def carrier(dtype: str) -> Carrier:
    """Return the carrier of a dtype string.

    Raises:
        FormatError: `dtype-unknown`: the string is not one of the closed list.
    """
    if dtype in _NATIVE:
        kind = _NATIVE[dtype]
        return Carrier(kind, (), CARRIER_BYTES[kind])
    if dtype == "<c16":
        return Carrier("F64", (2,), 16)
    if dtype in _BIG:
        return by_width(_BIG[dtype])
    if match := _TIME.fullmatch(dtype):
        return Carrier("I64", (), 8) if match[1] == "<" else by_width(8)
    if (match := _TEXT.fullmatch(dtype)) and 4 * int(match[2]) <= MAX_ITEM:
        size = int(match[2])
        return Carrier("U32", (size,), 4 * size) if match[1] == "<" else by_width(4 * size)
    if match := _RAW.fullmatch(dtype):
        size = int(match[2])
        return Carrier("U8", (size,), size) if match[1] == "S" else by_width(size)
    raise FormatError("dtype-unknown", f"{dtype!r} is not a dtype an artifact can hold", where="model/tree.json")


def alignment(dtype: str) -> int:
    """Return the alignment in bytes of a dtype string of the closed list."""
    kind = dtype[1]
    if kind in "SV":
        return 1
    size = carrier(dtype).itemsize
    return 4 if kind == "U" else size // 2 if kind == "c" else size


@lru_cache(maxsize=256)
def memory_order(order: str) -> tuple[bool, tuple[int, ...]]:
    """Split an array node's order (`Fr0`): whether the tensor holds the transpose, and the axes that run backwards."""
    head, *axes = order.split("r")
    return head == "F", tuple(map(int, axes))


def element_count(shape: list[int], itemsize: int, max_rank: int) -> int:
    """Return the number of elements of `shape`, having checked that NumPy can make such an array.

    Raises:
        FormatError: `shape-invalid`: too many dimensions, a negative one, or more bytes than an array can have.
    """
    if len(shape) > max_rank or min(shape, default=0) < 0:
        raise FormatError("shape-invalid", f"{shape!r} is not a shape", where="model/tree.json")
    elements = math.prod(shape)
    if (elements or math.prod(filter(None, shape))) * max(itemsize, 1) > MAX_BYTES:
        raise FormatError("shape-invalid", "the shape is larger than any array", where="model/tree.json")
    return elements
