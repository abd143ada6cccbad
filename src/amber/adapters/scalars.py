"""Python and NumPy scalars as nodes, and the keys that order and deduplicate them."""

from __future__ import annotations

import base64
import struct
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from amber.adapters.arrays import dtype_string
from amber.errors import SaveError
from amber.tree import nodes
from amber.tree.codec import SAFE_INTEGER, encode_node
from amber.tree.nodes import AnyNode

COLUMN_LENGTH = 64  # longer homogeneous lists, maps and object arrays become columns
SCALARS = frozenset({type(None), bool, int, float, complex, str, bytes, types.EllipsisType, np.dtype})


def column_kind(items: Any) -> type | None:
    """Return the one exact type of a long list of strings or numbers that fit a column, else None."""
    if len(items) <= COLUMN_LENGTH:
        return None
    kind = type(items[0])
    if any(type(item) is not kind for item in items):
        return None
    if kind is str:
        return str if all(item.isascii() or _encodable(item) for item in items) else None
    if kind is int:
        return int if all(-(2**63) <= item < 2**63 for item in items) else None
    if kind is float:
        return float
    if issubclass(kind, np.number | np.bool_) and np.dtype(kind).kind in "biuf" and np.dtype(kind).itemsize <= 8:
        return kind
    return None


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def element_key(item: Any) -> bytes:
    """Return the canonical bytes of a set element or map key: a scalar or a flat tuple of scalars.

    Raises:
        SaveError: `key-invalid`: it is something else.
    """
    if type(item) is tuple:
        return b'["tuple",[' + b",".join(_scalar_key(part) for part in item) + b"]]"
    return _scalar_key(item)


def _scalar_key(item: Any) -> bytes:
    if type(item) not in SCALARS and not isinstance(item, np.generic):
        raise SaveError(
            "key-invalid", f"a {type(item).__qualname__} cannot be a key or a set element", hint="use scalars as keys"
        )
    if type(item) is int and not -(2**63) <= item < 2**64:
        raise SaveError("key-invalid", "integers in keys and set elements must fit 64 bits")
    return encode_node(scalar_node(item, type(item)))


def key_label(key: Any) -> str:
    """Return how a map key shows in a path."""
    return repr(key) if type(key) in (str, int) else type(key).__name__


def float_text(value: float) -> str:
    """Return a float as the tree writes it: Python's repr, a NaN with an unusual payload spelt out."""
    if value == value:
        return repr(value)
    bits = struct.unpack("<Q", struct.pack("<d", value))[0]
    return "nan" if bits == 0x7FF8000000000000 else f"nan:{bits:016x}"


def scalar_node(obj: Any, kind: type) -> AnyNode:
    """Return the node of a Python or NumPy scalar or a dtype without fields, of exact type `kind`."""
    maker = _SCALAR_NODES.get(kind)
    if maker is not None:
        return maker(obj)
    if isinstance(obj, np.dtype):
        return nodes.Dtype("|O" if obj == np.dtype(object) else dtype_string(obj))
    dtype = dtype_string(obj.dtype)
    raw = np.asarray(obj).tobytes()[: obj.dtype.itemsize]  # NumPy makes arrays of empty strings one byte wide
    return nodes.Scalar(dtype, raw.hex())


def _text_node(text: str) -> AnyNode:
    if text.isascii() or _encodable(text):
        return nodes.Str(text)
    return nodes.Utf16(base64.b64encode(text.encode("utf-16-le", "surrogatepass")).decode("ascii"))


def _int_node(value: int) -> AnyNode:
    if abs(value) <= SAFE_INTEGER:
        return nodes.Int(value)
    if value.bit_length() > 13_000:  # about 4000 digits; Python itself refuses to print longer ones
        raise SaveError("limit-integer-digits", "an integer of more than 3900 digits")
    return nodes.Int(str(value))


def range_node(obj: range) -> AnyNode:
    """Return the node of a range."""
    if any(abs(value) > SAFE_INTEGER for value in (obj.start, obj.stop, obj.step)):
        raise SaveError("number-invalid", "a range beyond 2^53-1")
    return nodes.Range(obj.start, obj.stop, obj.step)


_SCALAR_NODES: dict[type, Callable[[Any], AnyNode]] = {
    type(None): lambda obj: nodes.NoneNode(),
    types.EllipsisType: lambda obj: nodes.EllipsisNode(),
    bool: nodes.Bool,
    int: _int_node,
    float: lambda obj: nodes.Float(float_text(obj)),
    complex: lambda obj: nodes.Complex(float_text(obj.real), float_text(obj.imag)),
    str: _text_node,
    bytes: lambda obj: nodes.Bytes(base64.b64encode(obj).decode("ascii")),
}
