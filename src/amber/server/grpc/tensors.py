"""Tensors of gRPC messages as bodies of HTTP with binary tensors, and back.

Raw contents go through as they are. Typed contents are packed; who sends them gets typed answers, as far as the
datatypes have a typed form (FP16 has none).
"""

from __future__ import annotations

import struct
from typing import Any

import msgspec

from amber.errors import shown
from amber.server.exchange import Failure

# datatype -> the field of InferTensorContents, and the code of `struct` for one value
_TYPED: dict[str, tuple[str, str]] = {
    "BOOL": ("bool_contents", "?"),
    "INT8": ("int_contents", "b"),
    "INT16": ("int_contents", "h"),
    "INT32": ("int_contents", "i"),
    "INT64": ("int64_contents", "q"),
    "UINT8": ("uint_contents", "B"),
    "UINT16": ("uint_contents", "H"),
    "UINT32": ("uint_contents", "I"),
    "UINT64": ("uint64_contents", "Q"),
    "FP32": ("fp32_contents", "f"),
    "FP64": ("fp64_contents", "d"),
    "BYTES": ("bytes_contents", ""),
}
_encode = msgspec.json.Encoder().encode


def body_of(request: Any) -> tuple[bytes, list[bytes]]:
    """Return the JSON head and the blobs of a `ModelInferRequest`.

    Raises:
        Failure: 400: contents are missing, given twice, or do not fit their datatype.
    """
    raw = list(request.raw_input_contents)
    if raw and len(raw) != len(request.inputs):
        message = f"{len(raw)} raw contents for {len(request.inputs)} inputs"
        raise Failure(400, "tensor-contents", message, hint="raw contents for every input, in their order, or for none")
    blobs = [_with_raw(each, blob) for each, blob in zip(request.inputs, raw, strict=True)] if raw else []
    blobs = blobs or [_packed(each) for each in request.inputs]
    inputs = [
        _tensor(each, shape=list(each.shape), datatype=each.datatype, more={"binary_data_size": len(blob)})
        for each, blob in zip(request.inputs, blobs, strict=True)
    ]
    head: dict[str, Any] = {
        "parameters": {**plain(request.parameters), "binary_data_output": True},
        "inputs": inputs,
    }
    if request.id:
        head["id"] = request.id
    if request.outputs:
        head["outputs"] = [_tensor(each, more={"binary_data": True}) for each in request.outputs]
    return _encode(head), blobs


def _tensor(each: Any, *, more: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": each.name, **fields, "parameters": {**plain(each.parameters), **more}}


def plain(parameters: Any) -> dict[str, Any]:
    """Return parameters of a message as plain values; one without a value is left out."""
    found = {}
    for name, value in parameters.items():
        kind = value.WhichOneof("parameter_choice")
        if kind:
            found[name] = getattr(value, kind)
    return found


def _with_raw(each: Any, blob: bytes) -> bytes:
    if each.HasField("contents"):
        raise _refused(each, "has typed and raw contents", "use one of the two for all inputs")
    return blob


def _packed(each: Any) -> bytes:
    """Return typed contents as little-endian bytes."""
    field, code = _TYPED.get(each.datatype, ("", ""))
    filled = [other.name for other, _ in each.contents.ListFields()]
    if not field or any(other != field for other in filled):
        expected = field or "raw_input_contents"
        raise _refused(each, f"is {shown(each.datatype)} and has {filled or 'no contents'}", f"expected {expected}")
    values = getattr(each.contents, field)
    if each.datatype == "BYTES":
        return b"".join(struct.pack("<I", len(value)) + value for value in values)
    try:
        return struct.pack(f"<{len(values)}{code}", *values)
    except struct.error as error:
        raise _refused(each, f"has a value that is no {each.datatype}: {error}", "another datatype holds it") from error


def _refused(each: Any, what: str, hint: str) -> Failure:
    return Failure(400, "tensor-contents", f"input {shown(each.name)} {what}", column=each.name, hint=hint)


def fill(answer: Any, head: dict[str, Any], blobs: memoryview, *, typed: bool) -> None:
    """Fill a `ModelInferResponse` from the front's answer.

    Args:
        answer: The empty message.
        head: The JSON part.
        blobs: The binary part.
        typed: Whether the client sent typed contents and so expects them.

    Raises:
        Failure: 500: the front's answer is not as long as it says.
    """
    answer.model_name, answer.id = head.get("model_name", ""), head.get("id", "")
    answer.model_version = head.get("model_version", "")
    _parameters(answer.parameters, head.get("parameters", {}))
    typed = typed and all(each["datatype"] in _TYPED for each in head["outputs"])
    start = 0
    for each in head["outputs"]:
        parameters = dict(each.get("parameters", {}))
        size = parameters.pop("binary_data_size", None)
        if not isinstance(size, int) or start + size > len(blobs):
            raise Failure(500, "answer-cut", f"output {shown(each['name'])} is not as long as it says")
        output = answer.outputs.add(name=each["name"], datatype=each["datatype"], shape=each["shape"])
        _parameters(output.parameters, parameters)
        blob = bytes(blobs[start : start + size])
        start += size
        if typed:
            field, _ = _TYPED[each["datatype"]]
            getattr(output.contents, field).extend(_unpacked(each["datatype"], blob))
        else:
            answer.raw_output_contents.append(blob)


def _unpacked(datatype: str, blob: bytes) -> list[Any]:
    code = _TYPED[datatype][1]
    if code:
        return list(struct.unpack(f"<{len(blob) // struct.calcsize('<' + code)}{code}", blob))
    texts, at = [], 0
    while at < len(blob):
        (size,) = struct.unpack_from("<I", blob, at)
        texts.append(blob[at + 4 : at + 4 + size])
        at += 4 + size
    return texts


def _parameters(target: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        kind = {bool: "bool_param", int: "int64_param", float: "double_param", str: "string_param"}.get(type(value))
        if kind is not None:
            setattr(target[name], kind, value)
