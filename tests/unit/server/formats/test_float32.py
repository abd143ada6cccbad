"""The shortest decimal of an FP32, against NumPy's own (Dragon4, unique)."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amber.server.formats.float32 import shortest

_RANDOM = np.random.default_rng(20)
_POWERS = np.ldexp(np.float32(1), np.arange(-149, 128)).astype(np.float32)
SETS = {
    "bits": _RANDOM.integers(0, 2**32, 400_000, dtype=np.uint32).view(np.float32),
    "shares": _RANDOM.random(200_000, dtype=np.float32),
    "subnormal": _RANDOM.integers(0, 2**23, 50_000, dtype=np.uint32).view(np.float32),
    "powers": np.concatenate([_POWERS, -_POWERS]),
    "beside-powers": np.concatenate(
        [np.nextafter(_POWERS, np.float32(0)), np.nextafter(_POWERS, np.float32(np.inf)), [np.finfo(np.float32).max]]
    ).astype(np.float32),
    "short": (_RANDOM.integers(0, 10**6, 50_000) / 10**4).astype(np.float32),
}


@pytest.mark.parametrize("name", SETS)
def test_as_numpy_prints_it(name: str) -> None:
    values = SETS[name][np.isfinite(SETS[name])]
    assert shortest(values.astype(np.float64).tolist()) == [float(str(value)) for value in values]


def test_special_values_stay() -> None:
    found = shortest([math.nan, math.inf, -math.inf, -0.0])
    assert math.isnan(found[0])
    assert found[1:3] == [math.inf, -math.inf]
    assert math.copysign(1, found[3]) == -1


@given(st.lists(st.floats(width=32, allow_nan=False)))
def test_gives_back_the_bits(values: list[float]) -> None:
    packed = struct.pack(f"<{len(values)}f", *values)
    assert struct.pack(f"<{len(values)}f", *shortest(values)) == packed


def test_a_tenth_is_a_tenth() -> None:
    assert shortest([0.10000000149011612]) == [0.1]
