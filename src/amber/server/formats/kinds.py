"""The thirteen datatypes of the Open Inference Protocol: width, range and how `struct` spells them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

Family = Literal["float", "integer", "boolean", "text"]


class Kind(NamedTuple):
    """One datatype.

    `char`: of `struct`, little-endian. `size`: bytes of one element, 0 where each has its own length. `low`, `high`:
    of integers, both inclusive.
    """

    name: str
    family: Family
    char: str
    size: int
    low: int = 0
    high: int = 0


def _integers() -> dict[str, Kind]:
    made = {}
    for size, signed in ((1, "b"), (2, "h"), (4, "i"), (8, "q")):
        bits = 8 * size
        made[f"INT{bits}"] = Kind(f"INT{bits}", "integer", signed, size, -(1 << bits - 1), (1 << bits - 1) - 1)
        made[f"UINT{bits}"] = Kind(f"UINT{bits}", "integer", signed.upper(), size, 0, (1 << bits) - 1)
    return made


KINDS: Final[dict[str, Kind]] = {
    "BOOL": Kind("BOOL", "boolean", "?", 1),
    **_integers(),
    "FP16": Kind("FP16", "float", "e", 2),
    "FP32": Kind("FP32", "float", "f", 4),
    "FP64": Kind("FP64", "float", "d", 8),
    "BYTES": Kind("BYTES", "text", "", 0),
}


@lru_cache(maxsize=512)
def packer(char: str, count: int) -> Callable[..., bytes]:
    """Return the bound `pack` of `count` little-endian elements; made once for each length that is met."""
    return struct.Struct(f"<{count}{char}").pack


@lru_cache(maxsize=512)
def unpacker(char: str, count: int) -> Callable[[Any], tuple[Any, ...]]:
    """Return the bound `unpack` of `count` little-endian elements."""
    return struct.Struct(f"<{count}{char}").unpack
