"""The values of scalar nodes as Python numbers and strings, without NumPy."""

from __future__ import annotations

import base64
import struct

from amber.tree import nodes
from amber.tree.nodes import AnyNode

_FLOATS = {"<f2": "<e", ">f2": ">e", "<f4": "<f", ">f4": ">f", "<f8": "<d", ">f8": ">d"}


def integer(node: AnyNode) -> int | None:
    """Return the value of a Python or NumPy integer (bools are none), else None."""
    if isinstance(node, nodes.Int):
        return int(node.value)
    if isinstance(node, nodes.Scalar) and isinstance(node.dtype, str) and node.dtype[1:2] in ("i", "u"):
        order = "big" if node.dtype[0] == ">" else "little"
        return int.from_bytes(_raw(node), order, signed=node.dtype[1] == "i")  # type: ignore[arg-type]
    return None


def number(node: AnyNode) -> int | float | None:
    """Return the value of an integer or a float, else None."""
    if isinstance(node, nodes.Float):
        return float(node.value.partition(":")[0])
    if isinstance(node, nodes.Scalar) and isinstance(node.dtype, str) and node.dtype in _FLOATS:
        raw = _raw(node)
        form = _FLOATS[node.dtype]
        value: float = struct.unpack(form, raw)[0] if len(raw) == struct.calcsize(form) else float("nan")
        return value
    return integer(node)


def boolean(node: AnyNode) -> bool | None:
    """Return the value of a Python or NumPy bool, else None."""
    if isinstance(node, nodes.Bool):
        return node.value
    if isinstance(node, nodes.Scalar) and node.dtype == "|b1":
        return node.value != "00"
    return None


def text(node: AnyNode) -> str | None:
    """Return the value of a Python or NumPy string, else None; lone surrogates stay what they are."""
    if isinstance(node, nodes.Str):
        return node.value
    if isinstance(node, nodes.Scalar) and isinstance(node.dtype, str) and node.dtype[1:2] == "U":
        codec = "utf-32-be" if node.dtype[0] == ">" else "utf-32-le"
        return _raw(node).decode(codec, "replace").rstrip("\0")
    if isinstance(node, nodes.Utf16):
        return base64.b64decode(node.value).decode("utf-16-le", "surrogatepass")
    return None


def is_text(node: AnyNode) -> bool:
    """Whether the node is a string of any kind."""
    return isinstance(node, nodes.Str | nodes.Utf16) or (
        isinstance(node, nodes.Scalar) and isinstance(node.dtype, str) and node.dtype[1:2] == "U"
    )


def _raw(node: nodes.Scalar) -> bytes:
    try:
        return bytes.fromhex(node.value)
    except ValueError:
        return b""
