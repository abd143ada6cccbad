"""FP32 in its shortest form: 0.1, not 0.10000000149011612, and back the same bits.

A double made of the shortest decimal prints as that decimal (it has at most nine digits), so that any JSON encoder
writes it.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from typing import Final

_pack = struct.Struct("<f").pack
_SMALLEST_NORMAL: Final = 2.0**-126
# The powers of two whose shortest decimal is not the nearest one of its length: below a power of two numbers stand
# twice as dense, so that a decimal farther off, above it, gives it back where the nearer one below does not. All
# powers were tried (tests/unit/server/formats/test_float32.py).
_UNEVEN: Final = {2.0**-96: 1.2621775e-29, 2.0**87: 1.5474251e26, 2.0**90: 1.2379401e27}


def shortest(values: Iterable[float]) -> list[float]:
    """Return, for each value that is exactly an FP32, the double whose digits are the fewest that give it back.

    Args:
        values: FP32 values, widened to doubles; not-a-number and infinities stay.
    """
    return [_one(value) for value in values]


def _one(value: float) -> float:
    """Six digits all survive a normal FP32 and nine tell any two apart; of random ones most need eight."""
    bits = _pack(value)
    eight = float(f"{value:.8g}")
    if _pack(eight) != bits:
        uneven = _UNEVEN.get(abs(value))
        return float(f"{value:.9g}") if uneven is None else math.copysign(uneven, value)
    if -_SMALLEST_NORMAL < value < _SMALLEST_NORMAL:
        return _subnormal(value, bits)
    seven = float(f"{value:.7g}")
    if _pack(seven) != bits:
        return eight
    six = float(f"{value:.6g}")
    return six if _pack(six) == bits else seven


def _subnormal(value: float, bits: bytes) -> float:
    """Subnormal numbers have fewer bits, so that even one digit can be enough."""
    return next(short for digits in range(1, 9) if _pack(short := float(f"{value:.{digits}g}")) == bits)
