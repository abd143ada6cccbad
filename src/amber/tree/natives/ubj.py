"""Universal Binary JSON as XGBoost writes it, and nothing else: sorted keys, counted arrays, big-endian numbers.

In: bytes. Out: dicts, lists, str, int, float, bool, None, and `array.array` for arrays of one number type. Lengths are
checked against the bytes that are left before anything is allocated; depth is bounded.
"""

from __future__ import annotations

import struct
import sys
from array import array
from typing import Any, NoReturn

from amber.errors import AuditError

_DEEPEST = 24
# Marker -> struct format of one value; the same letters are array.array type codes of that width.
_NUMBERS = {"i": "b", "U": "B", "I": "h", "l": "i", "L": "q", "d": "f", "D": "d"}
_SIZES = {marker: struct.calcsize(f">{code}") for marker, code in _NUMBERS.items()}
_WIDE = ord("L")
_CONSTANTS = {"T": True, "F": False, "Z": None}


def read(data: bytes, where: str) -> Any:
    """Return the value that `data` holds.

    Raises:
        AuditError: It is cut, has bytes left over, or is written otherwise than XGBoost writes.
    """
    reader = _Reader(data, where)
    value = reader.value(reader.marker(), 0)
    if reader.at != len(data):
        reader.wrong(f"{len(data) - reader.at} bytes are left over")
    return value


class _Reader:
    def __init__(self, data: bytes, where: str) -> None:
        self.data, self.at, self.where = data, 0, where

    def wrong(self, message: str) -> NoReturn:
        raise AuditError("value-mismatch", f"byte {self.at} of the model: {message}", where=self.where)

    def take(self, size: int) -> bytes:
        if size > len(self.data) - self.at:
            self.wrong("it is cut")
        self.at += size
        return self.data[self.at - size : self.at]

    def marker(self) -> str:
        at = self.at
        if at >= len(self.data):
            self.wrong("it is cut")
        self.at = at + 1
        return chr(self.data[at])

    def length(self) -> int:
        """A count: always a 64-bit integer, never more than the bytes that are left."""
        start = self.at
        raw = self.data[start : start + 9]
        if len(raw) < 9 or raw[0] != _WIDE:
            self.wrong("a length is not 64 bits wide")
        self.at = start + 9
        count = int.from_bytes(raw[1:], "big", signed=True)
        if not 0 <= count <= len(self.data) - self.at:
            self.wrong(f"a length of {count}")
        return count

    def text(self) -> str:
        size = self.length()
        start = self.at
        self.at = start + size
        try:
            return self.data[start : start + size].decode("utf-8")
        except UnicodeDecodeError:
            self.wrong("text is not UTF-8")

    def value(self, marker: str, depth: int) -> Any:
        if depth > _DEEPEST:
            self.wrong(f"values nested more than {_DEEPEST} deep")
        if marker in _NUMBERS:
            return struct.unpack(f">{_NUMBERS[marker]}", self.take(_SIZES[marker]))[0]
        if marker == "S":
            return self.text()
        if marker == "{":
            return self.object(depth)
        if marker == "[":
            return self.items(depth)
        if marker not in _CONSTANTS:
            self.wrong(f"marker {marker!r}")
        return _CONSTANTS[marker]

    def object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        last: str | None = None
        while self.data[self.at : self.at + 1] != b"}":
            key = self.text()
            if last is not None and key <= last:  # code points order as their UTF-8 does
                self.wrong(f"key {key!r} is not after the one before it")
            last = key
            found[key] = self.value(self.marker(), depth + 1)
        self.at += 1
        return found

    def items(self, depth: int) -> Any:
        marker = self.marker()
        if marker == "#":
            count = self.length()
            return [self.value(self.marker(), depth + 1) for _ in range(count)]
        if marker != "$":
            self.wrong("an array without a count")
        kind = self.marker()
        if kind not in _NUMBERS or self.marker() != "#":
            self.wrong(f"an array of {kind!r}")
        found = array(_NUMBERS[kind], self.take(self.length() * _SIZES[kind]))
        if sys.byteorder == "little":
            found.byteswap()
        return found
