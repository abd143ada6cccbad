"""The numbers inside a walked graph: constants and lists of attributes as NumPy arrays, each exactly its declared size.

In: parts of `wire`. Out: arrays. Called by `graph_check` and its rules. What no array can be made of is refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from amber.errors import FormatError, LimitError
from amber.limits import Limits
from amber.programs import wire, wire_runs

Array = np.ndarray[Any, Any]
FLOAT, UINT8, INT8, INT32, INT64, STRING, BOOL, DOUBLE = 1, 2, 3, 6, 7, 8, 9, 11
# Element types a program may use: NumPy's name, and the field that may hold them instead of raw_data.
DTYPES: dict[int, tuple[str, str]] = {
    FLOAT: ("<f4", "float_data"), UINT8: ("|u1", "int32_data"), INT8: ("|i1", "int32_data"),
    INT32: ("<i4", "int32_data"), INT64: ("<i8", "int64_data"), STRING: ("|O", "string_data"),
    BOOL: ("|b1", "int32_data"), DOUBLE: ("<f8", "double_data"),
}  # fmt: skip
_DATA = ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data")


def integers(run: wire.Run | None) -> Array:
    """Return an attribute's integers."""
    if run is None:
        return np.zeros(0, np.int64)
    if run.values is not None:
        return np.asarray(run.values)
    data = np.frombuffer(run.view, np.uint8)
    if len(data) == 2 * run.count:  # all of one byte
        return data[1::2].astype(np.int64)
    return _varints(data, tagged=True)


def floats(run: wire.Run | None) -> Array:
    """Return an attribute's float32 numbers."""
    if run is None:
        return np.zeros(0, np.float32)
    items = np.frombuffer(run.view, np.dtype([("tag", "u1"), ("value", "<f4")]))
    return np.ascontiguousarray(items["value"])


def strings(run: wire.Run | None, limits: Limits) -> Iterator[bytes]:
    """Yield an attribute's strings."""
    for text in wire.strings(run or wire.NOTHING):
        if len(text) > limits.program_text_bytes:
            raise LimitError("limit-program-text-bytes", f"a text of {len(text)} bytes")
        yield bytes(text)


def _varints(data: Array, *, tagged: bool) -> Array:
    """Decode numbers of 7 bits a byte, behind a tag each or one after another."""
    low = np.flatnonzero(data < 128)  # where numbers end, and tags, which are below 128 themselves
    start, stop = (low[0::2] + 1, low[1::2]) if tagged else (np.r_[np.zeros(min(1, low.size), int), low[:-1] + 1], low)
    return np.asarray(wire_runs.joined(data, start, stop))


def array(tensor: wire.Tensor, limits: Limits, where: str) -> Array:
    """Return a constant's values; texts as an array of bytes objects.

    Raises:
        FormatError: `program-tensor`, `program-external-data`.
        LimitError: More axes or elements than the limits allow.
    """
    if tensor.external_data or tensor.data_location:
        raise FormatError("program-external-data", "values outside of the graph", where=where)
    if tensor.data_type not in DTYPES:
        _fail(f"element type {tensor.data_type}", where)
    if tensor.dims.count > limits.program_rank:
        raise LimitError("limit-program-rank", f"{tensor.dims.count} axes", where=where)
    shape = tensor.shape
    if any(size < 0 for size in shape):
        _fail("a negative size", where)
    count = math.prod(shape)
    if max((count, *shape)) > limits.program_elements:
        raise LimitError("limit-program-elements", f"{count} elements", where=where)
    dtype, typed = DTYPES[tensor.data_type]
    held = [name for name in _DATA if (found := getattr(tensor, name)) is not None and found is not wire.NOTHING]
    if [name for name in held if name != "raw_data" and name != typed] or len(held) > 1:
        _fail("values in a field of another type", where)
    if tensor.data_type == STRING:
        flat = np.empty(tensor.string_data.count, object)
        flat[:] = list(strings(tensor.string_data, limits))
    elif held == ["raw_data"] or not held:
        raw = tensor.raw_data if held else wire.EMPTY
        flat = _raw(raw if raw is not None else wire.EMPTY, dtype, where)
    else:
        flat = _typed(getattr(tensor, typed), tensor.data_type, dtype, where)
    if len(flat) != count:
        _fail(f"{len(flat)} values for {count} elements", where)
    return flat.reshape(shape)


def _raw(data: memoryview, dtype: str, where: str) -> Array:
    if len(data) % np.dtype(dtype).itemsize:
        _fail("raw values are cut off", where)
    if dtype != "|b1":
        return np.frombuffer(data, dtype)
    flat = np.frombuffer(data, np.uint8)
    if flat.size and flat.max() > 1:
        _fail("a boolean is neither 0 nor 1", where)
    return flat.astype(bool)


def _typed(data: memoryview, kind: int, dtype: str, where: str) -> Array:
    if kind in (FLOAT, DOUBLE):
        return _raw(data, dtype, where)
    if not wire.is_packed(data):
        _fail("values are not written as numbers", where)
    values = _varints(np.frombuffer(data, np.uint8), tagged=False)
    least, most = {BOOL: (0, 1), INT64: (-(2**63), 2**63 - 1)}.get(kind) or (
        int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    )  # fmt: skip
    if values.size and (values.min() < least or values.max() > most):
        _fail("a value is out of its type's range", where)
    return values.astype(dtype)


def _fail(message: str, where: str) -> NoReturn:
    raise FormatError("program-tensor", message, where=where)
