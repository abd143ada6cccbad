"""One input tensor of a request: its shape against the model's, its values out of JSON or out of bytes."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import msgspec

from amber.errors import shown
from amber.server.exchange import Failure
from amber.server.formats.columns import Cells, Column, came
from amber.server.formats.kinds import KINDS, Kind, unpacker
from amber.server.interface import Input

Parameters = dict[str, str | int | float | bool]
_WRITTEN_DIMENSIONS: Final = 8
_U32: Final = 4


class Tensor(msgspec.Struct, gc=False):
    """One element of `inputs`, as the client describes it; only names and types are checked."""

    name: str
    shape: list[int]
    datatype: str
    data: Any = msgspec.UNSET
    parameters: Parameters | None = None


def bad(tensor: Tensor, message: str, expected: str = "", hint: str = "") -> Failure:
    """Return a 400 about one tensor."""
    text = f"input {shown(tensor.name, 100)!r}: {message}"
    return Failure(400, "tensor-malformed", text, column=tensor.name, expected=expected, hint=hint)


def kind_of(tensor: Tensor) -> Kind:
    """Return the datatype a tensor declares.

    Raises:
        Failure: 400 `tensor-malformed`: it is none of the protocol's.
    """
    kind = KINDS.get(tensor.datatype)
    if kind is None:
        raise bad(tensor, f"{shown(tensor.datatype, 40)!r} is no datatype of the protocol", ", ".join(KINDS))
    return kind


def rows_of(tensor: Tensor, width: int) -> int:
    """Return the rows of a tensor: its shape is `[N]` or `[N, 1]` for one value a row, else `[N, width]`.

    Raises:
        Failure: 400 `tensor-malformed`.
    """
    shape = tensor.shape
    if not ((len(shape) == 2 and shape[1] == width) or (len(shape) == 1 and width == 1)):
        wanted = "[N] or [N, 1]" if width == 1 else f"[N, {width}]"
        raise bad(tensor, f"its shape is {_shape(shape)}, the model takes {wanted}", wanted)
    if shape[0] < 1:
        what = "has no rows" if shape[0] == 0 else "is negative"
        raise bad(tensor, f"its shape {_shape(shape)} {what}", "at least one row")
    return shape[0]


def _shape(shape: Sequence[int]) -> str:
    """Dimensions as text: of a hostile length and of any number of digits."""
    told = [str(each) if abs(each) < 1 << 64 else "(beyond 64 bits)" for each in shape[:_WRITTEN_DIMENSIONS]]
    return f"[{', '.join(told)}{', ...' if len(shape) > _WRITTEN_DIMENSIONS else ''}]"


def flat(tensor: Tensor) -> list[Any]:
    """Return the values of JSON data, nested or flat, row-major; as many as the shape says.

    Raises:
        Failure: 400 `tensor-malformed`.
    """
    data = tensor.data
    if type(data) is not list:
        raise bad(tensor, "it has no `data`" if data is msgspec.UNSET else f"its `data` is {came(data)}", "an array")
    count = math.prod(tensor.shape)
    if len(data) == count and type(data[0]) is not list:
        return data
    for depth, size in enumerate(tensor.shape):
        if type(data) is not list or len(data) != size:
            raise _mismatch(tensor, count)
        if depth + 1 == len(tensor.shape):
            return data
        inner = tensor.shape[depth + 1]
        if set(map(type, data)) != {list} or set(map(len, data)) != {inner}:
            raise _mismatch(tensor, count)
        data = list(chain.from_iterable(data))
        if depth + 2 == len(tensor.shape):
            return data
    raise _mismatch(tensor, count)


def _mismatch(tensor: Tensor, count: int) -> Failure:
    wants = f"{count} values" if abs(count) < 1 << 64 else "more values than there are"
    message = f"its `data` has not the form of its shape {_shape(tensor.shape)}"
    return bad(tensor, message, wants, "flat in row-major order, or nested exactly as the shape says")


def take_json(tensor: Tensor, column: Column) -> Cells:
    """Return the cells of a tensor with JSON data.

    A number of a floating-point datatype is decimal text. FP32 means the nearest FP32, whatever the model takes; FP64
    means the nearest number the model's own datatype has. Of an integer datatype every number is exact.

    Raises:
        Failure: 400 or 422, naming input and row.
    """
    kind, values = kind_of(tensor), flat(tensor)
    if kind.name == "FP16":
        raise bad(tensor, "FP16 does not travel as JSON", "a binary tensor, or FP32")
    _check_family(tensor, kind, column)
    if tensor.datatype == column.datatype or kind.name == "FP64":
        return column.take(values, kind.family == "float")
    return column.take(_as_declared(tensor, kind, values), False)


def take_raw(tensor: Tensor, column: Column, raw: memoryview) -> Cells:
    """Return the cells of a tensor whose bytes came behind the JSON; every bit counts.

    Raises:
        Failure: 400 or 422, naming input and row.
    """
    kind, count = kind_of(tensor), math.prod(tensor.shape)
    if kind.family != "text" and len(raw) != count * kind.size:
        message = f"{len(raw)} bytes came for the shape {_shape(tensor.shape)} of {kind.name}"
        raise bad(tensor, message, f"{count * kind.size} bytes" if count < 1 << 60 else "fewer rows")
    same = kind.name == column.datatype and kind.size == 8
    if same and column.cell == ("float" if kind.family == "float" else "integer"):
        return bytes(raw)
    _check_family(tensor, kind, column)
    return column.take(_from_bytes(tensor, kind, raw, count), False)


def _check_family(tensor: Tensor, kind: Kind, column: Column) -> None:
    """Numbers for numbers, booleans for booleans, text for text."""
    if kind.family == column.kind.family or {kind.family, column.kind.family} == {"float", "integer"}:
        return
    message = f"input {shown(tensor.name, 100)!r}: expected {column.wants}, got the datatype {tensor.datatype}"
    hint = "another datatype is taken where no value changes: numbers for numbers, BOOL for BOOL, BYTES for BYTES"
    raise Failure(422, "value-kind", message, column=tensor.name, expected=column.wants, hint=hint)


def _as_declared(tensor: Tensor, kind: Kind, values: list[Any]) -> list[Any]:
    """Values of another datatype than the model's: first as the client declares them."""
    described = _declared(tensor, kind)
    taken = described.take(values, kind.family == "float")
    if isinstance(taken, list):
        return taken
    cells = unpacker("d" if kind.family == "float" else "Q" if kind.low == 0 else "q", len(values))(taken)
    return [value if there is not None else None for value, there in zip(cells, values, strict=True)]


def _declared(tensor: Tensor, kind: Kind) -> Column:
    cell: Any = "float" if kind.family == "float" else "object"
    return Column(Input(name=tensor.name, datatype=kind.name, dtype="", cell=cell, missing=True))


def _from_bytes(tensor: Tensor, kind: Kind, raw: memoryview, count: int) -> Sequence[Any]:
    if kind.family == "text":
        return _texts(tensor, raw, count)
    if kind.family == "boolean":
        if bytes(raw).translate(None, b"\x00\x01"):
            raise bad(tensor, "a byte of BOOL is neither 0 nor 1", "0 or 1")
        return list(map(bool, raw))
    return unpacker(kind.char, count)(raw)


def _texts(tensor: Tensor, raw: memoryview, count: int) -> list[str | None]:
    """BYTES: each element a length (u32) and as many bytes of UTF-8."""
    found: list[str | None] = []
    offset, end = 0, len(raw)
    if count * _U32 > end:
        raise bad(tensor, f"{end} bytes cannot hold {_shape(tensor.shape)} elements", "4 bytes and a text each")
    for row in range(count):
        start = offset + _U32
        size = int.from_bytes(raw[offset:start], "little")
        offset = start + size
        if offset > end:
            raise bad(tensor, f"element {row} reaches beyond the tensor's bytes", "a length (u32) and as many bytes")
        found.append(text_of(tensor, raw[start:offset], row))
    if offset != end:
        raise bad(
            tensor, f"{end - offset} bytes are left behind its last element", "as many elements as its shape says"
        )
    for row in _missing(tensor, count):
        found[row] = None
    return found


def text_of(tensor: Tensor, raw: memoryview, row: int) -> str:
    """Return bytes as text.

    Raises:
        Failure: 422 `value-kind`: not UTF-8.
    """
    try:
        return str(raw, "utf-8")
    except UnicodeDecodeError as error:
        message = f"row {row}, input {shown(tensor.name)!r}: expected UTF-8, got other bytes at {error.start}"
        raise Failure(422, "value-kind", message, row=row, column=tensor.name, expected="UTF-8") from error


def _missing(tensor: Tensor, count: int) -> list[int]:
    """Places that `amber.missing` names: base64 of a bitmap, lowest bit first."""
    given = (tensor.parameters or {}).get("amber.missing")
    if given is None:
        return []
    wanted = "base64 of one bit for each element, lowest bit first"
    if not isinstance(given, str):
        raise bad(tensor, "`amber.missing` is no text", wanted)
    try:
        bits = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError) as error:
        raise bad(tensor, "`amber.missing` is not base64", wanted) from error
    if len(bits) != (count + 7) // 8:
        raise bad(tensor, f"`amber.missing` has {len(bits)} bytes for {count} elements", wanted)
    return [place for place in range(count) if bits[place // 8] >> place % 8 & 1]
