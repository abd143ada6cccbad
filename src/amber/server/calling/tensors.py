"""Columns to the body of an infer request, and the body of its answer to arrays: exact bits both ways.

Numbers travel as binary tensors in the datatype they have; the server refuses what it cannot take without loss.
Everything else, and what has missing values, travels as JSON `data`.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from amber.errors import FormatError, UsageError, shown
from amber.server.calling.rows import Table

_DATATYPES = {
    "b1": "BOOL", "i1": "INT8", "i2": "INT16", "i4": "INT32", "i8": "INT64", "u1": "UINT8", "u2": "UINT16",
    "u4": "UINT32", "u8": "UINT64", "f2": "FP16", "f4": "FP32", "f8": "FP64",
}  # fmt: skip
_DTYPES = {datatype: np.dtype(f"<{code}") for code, datatype in _DATATYPES.items()}
_encode = msgspec.json.Encoder().encode


def body(table: Table, inputs: Sequence[Mapping[str, Any]], outputs: Sequence[str]) -> tuple[bytes, int]:
    """Return the body of an infer request, and how many bytes of it are JSON.

    Args:
        table: Columns by input.
        inputs: Of the server's metadata.
        outputs: Names of outputs or methods; empty: what the model answers by default.
    """
    tensors, blobs = [], []
    for each in inputs:
        values = table.columns.get(each["name"])
        if values is None:
            continue
        tensor, blob = _tensor(each, values)
        tensors.append(tensor)
        blobs.append(blob)
    head: dict[str, Any] = {"inputs": tensors, "parameters": {"binary_data_output": True}}
    if outputs:
        head["outputs"] = [{"name": name, "parameters": {"binary_data": True}} for name in outputs]
    text = _encode(head)
    return b"".join((text, *blobs)), len(text)


def _tensor(described: Mapping[str, Any], values: Any) -> tuple[dict[str, Any], bytes]:
    name = str(described["name"])
    shape = [len(values), 1] if len(described["shape"]) == 2 else [len(values)]
    if not isinstance(values, np.ndarray):
        data = [None if isinstance(value, float) and math.isnan(value) else value for value in values]
        try:
            _encode(data)
        except TypeError as error:
            message = f"input {shown(name)!r} has a value that cannot be sent: {error}"
            raise UsageError("rows-invalid", message, where=name, hint="numbers, texts, dates, true, false") from error
        return {"name": name, "datatype": described["datatype"], "shape": shape, "data": data}, b""
    if values.ndim == 2:
        shape = list(values.shape)
    code = f"{values.dtype.kind}{values.dtype.itemsize}"
    if code not in _DATATYPES:  # a long double
        values, code = values.astype(np.float64), "f8"
    blob = np.ascontiguousarray(values, _DTYPES[_DATATYPES[code]]).tobytes()
    parameters = {"binary_data_size": len(blob)}
    return {"name": name, "datatype": _DATATYPES[code], "shape": shape, "parameters": parameters}, blob


def answers(document: Any, blobs: memoryview) -> dict[str, Any]:
    """Return the outputs of an answer by name, as arrays; texts as arrays of objects, missing ones None.

    Raises:
        FormatError: `answer-invalid`: the server's answer is not one.
    """
    found: dict[str, Any] = {}
    start = 0
    try:
        for each in document["outputs"]:
            parameters = each.get("parameters", {})
            size = parameters.get("binary_data_size")
            blob = b"" if size is None else blobs[start : start + size]
            start += len(blob)
            found[each["name"]] = _array(each, parameters, None if size is None else blob)
    except (KeyError, TypeError, ValueError, AttributeError, UnicodeDecodeError, IndexError) as error:
        message = f"the server's answer is not one of the protocol: {type(error).__name__} {error}"
        raise FormatError(
            "answer-invalid", message, hint="is this an Amber or Open Inference Protocol server?"
        ) from error
    return found


def _array(each: Mapping[str, Any], parameters: Mapping[str, Any], blob: Any) -> Any:
    datatype, shape = each["datatype"], each["shape"]
    if blob is None:
        values = each["data"]
        return np.array(values, object if datatype == "BYTES" else _DTYPES[datatype]).reshape(shape)
    if datatype != "BYTES":
        return np.frombuffer(blob, _DTYPES[datatype]).reshape(shape).copy()
    texts = _texts(blob)
    for place in _missing(parameters.get("amber.missing", ""), len(texts)):
        texts[place] = None
    array = np.empty(len(texts), object)
    array[:] = texts
    return array.reshape(shape)


def _texts(blob: Any) -> list[Any]:
    found: list[Any] = []
    at = 0
    while at < len(blob):
        size = int.from_bytes(blob[at : at + 4], "little")
        if at + 4 + size > len(blob):
            raise ValueError("a text is longer than its tensor")
        found.append(str(blob[at + 4 : at + 4 + size], "utf-8"))
        at += 4 + size
    return found


def _missing(text: str, count: int) -> list[int]:
    """Return the places whose bit is set in a bitmap, lowest bit first."""
    bits = base64.b64decode(text)
    return [place for place in range(min(count, 8 * len(bits))) if bits[place // 8] >> place % 8 & 1]
