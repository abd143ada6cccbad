"""Instances of everything the NumPy adapter knows, for the contract suite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

_RECORDS = np.array([(1, 2.5, b"ab"), (3, -0.0, b"")], [("a", "<i4"), ("b", "<f8"), ("c", "S3")])


def _used(kind: Any) -> Any:
    """A generator between two draws, with half of a word and a deviate in store."""
    generator: Any = np.random.Generator(kind(np.random.SeedSequence(5, spawn_key=(1, 2))))
    generator.integers(0, 9, 3, dtype=np.uint32)
    generator.bit_generator.seed_seq.spawn(2)
    return generator


def _state_with_gauss() -> Any:
    state = np.random.RandomState(7)
    state.standard_normal()
    return state


def _shared() -> Any:
    bits = np.random.PCG64(3)
    return [np.random.Generator(bits), np.random.RandomState(bits), bits]


def _masked(values: Any, mask: Any, **more: Any) -> Any:
    return np.ma.MaskedArray(values, mask=mask, **more)


def _masked_2d() -> Any:
    array = _masked(np.asfortranarray(np.arange(6.0).reshape(2, 3)), [[0, 1, 0], [1, 0, 0]])
    array.fill_value = -1.0
    array.harden_mask()
    return array


EXAMPLES: list[tuple[str, Callable[[], Any]]] = [
    ("random-state", lambda: np.random.RandomState(3)),
    ("random-state-gauss", _state_with_gauss),
    ("random-state-pcg64", lambda: np.random.RandomState(np.random.PCG64(3))),
    ("shared-bit-generator", _shared),
    ("mt19937", lambda: _used(np.random.MT19937)),
    ("pcg64", lambda: _used(np.random.PCG64)),
    ("pcg64dxsm", lambda: _used(np.random.PCG64DXSM)),
    ("philox", lambda: _used(np.random.Philox)),
    ("sfc64", lambda: _used(np.random.SFC64)),
    ("bit-generator", lambda: np.random.PCG64(2**127 + 1)),
    ("seed-sequence", lambda: np.random.SeedSequence([1, 2**40, 3], pool_size=8)),
    ("masked", lambda: _masked([1, 2, 3], [0, 1, 0])),
    ("masked-no-mask", lambda: np.ma.array([1.5, 2.5])),
    ("masked-2d-fortran", _masked_2d),
    ("masked-objects", lambda: _masked(["a", None, 3], [0, 1, 0], dtype=object)),
    ("masked-strings", lambda: _masked(["a", "bb"], [1, 0], fill_value="zz")),
    ("masked-records", lambda: _masked(_RECORDS, [(0, 1, 0), (1, 0, 1)])),
    ("masked-dates", lambda: _masked(np.array(["2020", "NaT"], "M8[D]"), [1, 0])),
    ("masked-empty", lambda: np.ma.array(np.zeros((0, 2), np.float32))),
    ("masked-constant", lambda: [np.ma.masked, np.ma.masked]),
    ("recarray", lambda: _RECORDS.copy().view(np.recarray)),
    ("record", lambda: _RECORDS.copy().view(np.recarray)[0]),
    ("matrix", lambda: np.matrix([[1, 2], [3, 4]])),
    ("matrix-fortran", lambda: np.matrix(np.asfortranarray(np.ones((2, 3))))),
    ("functions", lambda: [np.log1p, np.expm1, np.sqrt, np.abs]),
    ("types", lambda: [np.float64, np.int32, np.uint8, np.bool_, np.str_]),
]
