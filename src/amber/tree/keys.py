"""Which keys of a dict, or elements of a set, Python holds for equal: found in the table, before any is built."""

from __future__ import annotations

import base64
import struct
from collections.abc import Hashable, Iterable
from typing import Literal

from amber.tree import nodes
from amber.tree.nodes import AnyNode

MAX_ALIKE = 64  # keys of one dict, or elements of one set, with one hash
_WHOLE: dict[int, Literal["Q", "I", "H", "B"]] = {8: "Q", 4: "I", 2: "H", 1: "B"}
_FORMS = {
    "|b1": "?", "|i1": "b", "|u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q", "u8": "Q",
    "f2": "e", "f4": "f", "f8": "d", "c8": "2f", "c16": "2d",
}  # fmt: skip


def first_duplicate(table: list[AnyNode], indices: Iterable[int]) -> int | None:
    """Return the index of the first key that equals an earlier one, None where all differ.

    The nodes must be scalars or tuples of scalars in valid spelling.
    """
    seen: set[Hashable] = set()
    for index in indices:
        value = key_value(table, index)
        if value in seen:
            return index
        seen.add(value)
    return None


def first_crowded(table: list[AnyNode], indices: Iterable[int]) -> int | None:
    """Return the index of a key that has the hash of 64 others, None where there is none.

    Strings hash by a secret; numbers of 64 bits have few with one hash; but tuples and complex numbers with one hash
    can be had in any number, and a dict of 100 000 of them takes minutes to build.
    """
    counts: dict[int, int] = {}
    for index in indices:
        node = table[index]
        if isinstance(node, nodes.Tuple):
            code = hash(tuple(_plain(table[item]) for item in node.items))
        elif isinstance(node, nodes.Complex | nodes.Scalar):
            code = hash(_plain(node))
        else:
            continue
        counts[code] = counts.get(code, 0) + 1
        if counts[code] > MAX_ALIKE:
            return index
    return None


def _plain(node: AnyNode) -> Hashable:
    """Return a value that hashes like the Python object where that hash can be foreseen."""
    found = _scalar(node)
    return found[1] if isinstance(found, tuple) and found[0] == "number" else found


def first_duplicate_number(data: memoryview, dtype: str, width: int) -> bool:
    """Whether a column of numbers (`width` bytes each) holds two that are equal."""
    if not data.nbytes:
        return False  # an empty view cannot be cast
    if dtype[1] in "biu":
        found: list[int] | list[float] = data.cast("B").cast(_WHOLE[width]).tolist()
    else:
        form = struct.Struct("<" + _FORMS[dtype[1:]])
        found = [value for (value,) in form.iter_unpack(data) if value == value]  # NaN equals nothing
    return len(set(found)) != len(found)


def key_value(table: list[AnyNode], index: int) -> Hashable:
    """Return a value that equals another node's exactly where Python's keys would be equal.

    Numbers of all kinds are compared by value, strings by text, bytes by bytes, tuples part by part; NaN and what is
    left equal only a node of the same content.
    """
    node = table[index]
    if isinstance(node, nodes.Tuple):
        return ("tuple", tuple(_scalar(table[item]) for item in node.items))
    return _scalar(node)


def _scalar(node: AnyNode) -> Hashable:
    if isinstance(node, nodes.Bool):
        return ("number", node.value)
    if isinstance(node, nodes.Int):
        return ("number", int(node.value))
    if isinstance(node, nodes.Float):
        return _number(node, float(node.value.partition(":")[0]))
    if isinstance(node, nodes.Complex):
        return _number(node, complex(*(float(part.partition(":")[0]) for part in (node.real, node.imag))))
    if isinstance(node, nodes.Str):
        return ("text", node.value.encode("utf-16-le"))
    if isinstance(node, nodes.Utf16):
        return ("text", base64.b64decode(node.value))
    if isinstance(node, nodes.Bytes):
        return ("bytes", base64.b64decode(node.value))
    if isinstance(node, nodes.Scalar) and isinstance(node.dtype, str):
        return _numpy(node, node.dtype)
    return (type(node).__name__,)


def _number(node: AnyNode, value: float | complex) -> Hashable:
    # NaN equals nothing, not even itself: only the same content again is the same key
    return ("number", value) if value == value else ("nan", repr(node))


def _numpy(node: nodes.Scalar, dtype: str) -> Hashable:
    raw = bytes.fromhex(node.value)
    form = _FORMS.get(dtype if dtype[0] == "|" else dtype[1:])
    if form is not None:
        parts = struct.unpack((">" if dtype[0] == ">" else "<") + form, raw)
        return _number(node, parts[0] if len(parts) == 1 else complex(*parts))
    if dtype[1] == "U":
        codec = "utf-32-be" if dtype[0] == ">" else "utf-32-le"
        try:
            text = raw.decode(codec, "surrogatepass").rstrip("\0")
        except UnicodeDecodeError:
            return (dtype, raw)
        return ("text", text.encode("utf-16-le", "surrogatepass"))
    if dtype[1] == "S":
        return ("bytes", raw.rstrip(b"\0"))
    return (dtype, raw)
