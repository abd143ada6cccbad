"""One NumPy array as one tensor of the Open Inference Protocol and back, bit for bit (`spec/cases.md`, "Tensors")."""

from __future__ import annotations

import base64
import math
import sys
from typing import Any

import numpy as np

from amber.cases import cells
from amber.cases.cells import Unsupported
from amber.errors import CaseError
from amber.tree.evidence import Column

DTYPE, ITEMS, MISSING = "amber.dtype", "amber.items", "amber.missing"
KINDS = ("none", "nan", "na", "nat")
# The logical dtype a datatype has when the parameter is absent.
NATIVE = {
    "BOOL": "|b1", "INT8": "|i1", "UINT8": "|u1", "INT16": "<i2", "UINT16": "<u2", "INT32": "<i4", "UINT32": "<u4",
    "INT64": "<i8", "UINT64": "<u8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
_DATATYPES = {dtype: datatype for datatype, dtype in NATIVE.items()}
_INT64 = (-(2**63), 2**63 - 1)

Parameters = dict[str, str | int | bool]


def encode(name: str, array: Any) -> Column:
    """Return an array of any dtype but longdouble and structured ones as a column.

    Raises:
        Unsupported: The dtype, or an element of an object array, cannot be written as data.
    """
    dtype = array.dtype
    if dtype.kind == "O":
        return encode_objects(name, array.ravel().tolist(), array.shape)
    little = dtype.newbyteorder("<") if dtype.byteorder == ">" or sys.byteorder == "big" else dtype
    plain = np.ascontiguousarray(array, dtype=little)
    text = _text(dtype)
    shape = tuple(int(n) for n in array.shape)
    carrier = _text(little)
    if carrier in _DATATYPES:
        parameters: Parameters = {} if text == carrier else {DTYPE: text}
        return Column(name, _DATATYPES[carrier], shape, plain.tobytes(), parameters)
    if dtype.kind in "mM":
        return Column(name, "INT64", shape, plain.tobytes(), {DTYPE: text})
    if dtype.kind == "c":
        datatype = "FP32" if dtype.itemsize == 8 else "FP64"
        return Column(name, datatype, (*shape, 2), plain.tobytes(), {DTYPE: text})
    if dtype.kind == "U":
        items = [cells.text_bytes(item) for item in plain.ravel().tolist()]
        return Column(name, "BYTES", shape, cells.pack(items), {DTYPE: text})
    return Column(name, "BYTES", shape, cells.pack(plain.ravel().tolist()), {DTYPE: text})


def _text(dtype: np.dtype[Any]) -> str:
    text = dtype.str
    try:
        cells.dtype_of(text)
    except CaseError as error:
        raise Unsupported(f"dtype {dtype}") from error
    return text


def encode_objects(name: str, values: list[Any], shape: tuple[int, ...]) -> Column:
    """Return Python objects as a column: text, numbers or booleans as such where all are, otherwise cells.

    None, NaN, pd.NA and pd.NaT are told apart: each has its own bitmap.

    Raises:
        Unsupported: An element cannot be written as data.
    """
    marks = [cells.missing_kind(value) for value in values]
    kinds = {type(value) for value, mark in zip(values, marks, strict=True) if not mark}
    if kinds <= {float} and (kinds or "nan" in marks):
        marks = ["" if mark == "nan" else mark for mark in marks]  # among floats NaN is a float like any other
        return _uniform(name, "FP64", "float", "<f8", values, marks, shape)
    if kinds == {bool}:
        return _uniform(name, "BOOL", "bool", "|b1", values, marks, shape)
    if kinds == {int} and all(mark or _INT64[0] <= v <= _INT64[1] for v, mark in zip(values, marks, strict=True)):
        return _uniform(name, "INT64", "int", "<i8", values, marks, shape)
    if kinds <= {str, np.str_}:
        items = [b"" if mark else cells.text_bytes(value) for value, mark in zip(values, marks, strict=True)]
        parameters: Parameters = {DTYPE: "object", ITEMS: "str", **bitmaps(marks)}
        return Column(name, "BYTES", shape, cells.pack(items), parameters)
    texts = [cells.dump(value).encode("ascii") for value in values]
    return Column(name, "BYTES", shape, cells.pack(texts), {DTYPE: "object", ITEMS: "cell"})


def _uniform(
    name: str, datatype: str, items: str, dtype: str, values: list[Any], marks: list[str], shape: tuple[int, ...]
) -> Column:
    filled = [0 if mark else value for value, mark in zip(values, marks, strict=True)]
    data = np.array(filled, dtype=dtype).tobytes()
    return Column(name, datatype, shape, data, {DTYPE: "object", ITEMS: items, **bitmaps(marks)})


def bitmaps(marks: list[str]) -> Parameters:
    """Return one parameter for each kind of missing value met: base64 of bits, first element lowest."""
    found: Parameters = {}
    for kind in KINDS:
        if kind in marks:
            found[f"{MISSING}.{kind}"] = bitmap(np.array([mark == kind for mark in marks]))
    return found


def bitmap(mask: Any) -> str:
    """Return a boolean array as base64 of its bits, first element lowest, filled up with zeros."""
    return base64.b64encode(np.packbits(mask.ravel(), bitorder="little").tobytes()).decode("ascii")


def mask_of(text: object, count: int) -> Any:
    """Return the boolean array of a bitmap.

    Raises:
        CaseError: `cases-missing`: it is not `count` bits.
    """
    try:
        raw = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except ValueError as error:
        raise CaseError("cases-missing", "a bitmap of missing values is not base64") from error
    if len(raw) != (count + 7) // 8 or not isinstance(text, str):
        raise CaseError("cases-missing", "a bitmap of missing values has another length")
    return np.unpackbits(np.frombuffer(raw, np.uint8), count=count, bitorder="little").astype(bool)


def decode(column: Column) -> Any:
    """Return the array of a column, writeable and in C order.

    Raises:
        CaseError: `cases-...`: datatype, dtype, shape and bytes do not agree.
    """
    text = column.parameters.get(DTYPE, NATIVE.get(column.datatype))
    shape, count = column.shape, math.prod(column.shape)
    if text == "object":
        return _decode_objects(column, count)
    dtype = cells.dtype_of(text if isinstance(text, str) else "")
    if dtype.kind in "US":
        if column.datatype != "BYTES":
            raise CaseError("cases-dtype", f"{column.datatype} cannot carry {text}")
        return _decode_text(column, dtype, count)
    if dtype.kind == "c":
        if not shape or shape[-1] != 2:
            raise CaseError("cases-dtype", "a complex tensor must end in a dimension of 2")
        shape, count = shape[:-1], count // 2
    carrier = "INT64" if dtype.kind in "mM" else {8: "FP32", 16: "FP64"}[dtype.itemsize] if dtype.kind == "c" else ""
    carrier = carrier or _DATATYPES.get(dtype.newbyteorder("<").str, "")
    if carrier != column.datatype:
        raise CaseError("cases-dtype", f"{column.datatype} cannot carry {text}")
    plain = raw(column, dtype.newbyteorder("<") if dtype.itemsize > 1 else dtype, count)
    if dtype.kind == "b" and plain.view(np.uint8).max(initial=0) > 1:
        raise CaseError("cases-value", "a boolean is neither 0 nor 1")
    return plain.astype(dtype, copy=True).reshape(shape)


def raw(column: Column, dtype: np.dtype[Any], count: int) -> Any:
    """Return the packed elements of a column, read-only.

    Raises:
        CaseError: `cases-size`: other than `count` elements.
    """
    data = memoryview(column.data)
    if data.nbytes != count * dtype.itemsize:
        raise CaseError("cases-size", "a tensor has not the bytes of its shape")
    return np.frombuffer(data, dtype=dtype, count=count) if count else np.empty(0, dtype)


def _decode_text(column: Column, dtype: np.dtype[Any], count: int) -> Any:
    items = cells.unpack(column.data, count)
    values: list[Any] = [text_of(item) for item in items] if dtype.kind == "U" else list(items)
    width = dtype.itemsize // 4 if dtype.kind == "U" else dtype.itemsize
    if any(len(value) > width for value in values):
        raise CaseError("cases-size", "a text is longer than its dtype")
    if width * max(count, 1) > 2**28:
        raise CaseError("cases-size", "a text array is too large")
    return np.array(values, dtype=dtype).reshape(column.shape)


def text_of(item: bytes) -> str:
    """Return the string of its UTF-8 bytes.

    Raises:
        CaseError: `cases-text`: they are not UTF-8.
    """
    try:
        return item.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise CaseError("cases-text", "a text is not UTF-8") from error


def decode_values(column: Column, count: int) -> list[Any]:
    """Return the Python objects of an object column.

    Raises:
        CaseError: `cases-...`: the column is not one.
    """
    items = column.parameters.get(ITEMS)
    carrier = {"str": "BYTES", "cell": "BYTES", "float": "FP64", "int": "INT64", "bool": "BOOL"}.get(str(items))
    if carrier is None or carrier != column.datatype:
        raise CaseError("cases-dtype", f"{column.datatype} cannot carry objects of kind {items!r}")
    values: list[Any]
    if carrier == "BYTES":
        texts = [text_of(item) for item in cells.unpack(column.data, count)]
        values = texts if items == "str" else [cells.load(text) for text in texts]
    else:
        values = raw(column, np.dtype(NATIVE[carrier]), count).tolist()
    for kind in KINDS:
        text = column.parameters.get(f"{MISSING}.{kind}")
        if text is not None:
            filler = cells.missing_value(kind)
            for position in np.flatnonzero(mask_of(text, count)).tolist():
                values[position] = filler
    return values


def object_array(values: list[Any], shape: tuple[int, ...]) -> Any:
    """Return an object array that holds exactly these objects (lists and arrays among them stay elements)."""
    array = np.empty(len(values), dtype=object)
    for position, value in enumerate(values):
        array[position] = value
    return array.reshape(shape)


def _decode_objects(column: Column, count: int) -> Any:
    return object_array(decode_values(column, count), column.shape)
