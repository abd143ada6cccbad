from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from amber.adapters.take import take
from amber.errors import SaveError
from amber.testing.same import same
from tests.unit.adapters.hostile import refusal, there_and_back

KINDS = [np.random.MT19937, np.random.PCG64, np.random.PCG64DXSM, np.random.Philox, np.random.SFC64]


@pytest.mark.parametrize("kind", KINDS)
def test_generator_goes_on_with_the_same_numbers(kind: Any) -> None:
    generator = np.random.Generator(kind(7))
    generator.integers(0, 9, 3, dtype=np.uint32)  # leaves half a word in store
    again = there_and_back(generator)
    assert (again.integers(0, 99, 50, dtype=np.uint32) == generator.integers(0, 99, 50, dtype=np.uint32)).all()
    ours, theirs = generator.bit_generator.seed_seq.spawn(2)[1], again.bit_generator.seed_seq.spawn(2)[1]
    assert (ours.generate_state(4) == theirs.generate_state(4)).all()


def test_random_state_keeps_the_stored_deviate() -> None:
    state = np.random.RandomState(3)
    state.standard_normal()
    again = there_and_back(state)
    assert (again.standard_normal(5) == state.standard_normal(5)).all()


def test_global_generator_comes_back_as_the_readers_own() -> None:
    assert there_and_back([np.random.mtrand._rand])[0] is np.random.mtrand._rand


def test_shared_bit_generator_stays_shared() -> None:
    bits = np.random.PCG64(3)
    first, second = there_and_back([np.random.Generator(bits), np.random.Generator(bits)])
    assert first.bit_generator is second.bit_generator


def _key(word: int, index: int) -> Any:
    key = np.zeros(624, np.uint32)
    key[index] = word
    return key


HOSTILE = [
    (np.random.MT19937(1), lambda s: {"pos": 625}, "value-out-of-range"),
    (np.random.MT19937(1), lambda s: {"pos": -1}, "value-out-of-range"),
    (np.random.MT19937(1), lambda s: {"key": s["key"][:-1]}, "shape-mismatch"),
    (np.random.MT19937(1), lambda s: {"key": s["key"].astype("u8")}, "dtype-mismatch"),
    (np.random.MT19937(1), lambda s: {"key": _key(0, 0)}, "value-mismatch"),
    (np.random.MT19937(1), lambda s: {"key": _key(2**31 - 1, 0)}, "value-mismatch"),
    (np.random.PCG64(1), lambda s: {"inc": s["inc"] + 1}, "value-mismatch"),
    (np.random.PCG64(1), lambda s: {"state": 2**128}, "value-out-of-range"),
    (np.random.PCG64(1), lambda s: {"uinteger": 2**32}, "value-out-of-range"),
    (np.random.Philox(1), lambda s: {"buffer_pos": 5}, "value-out-of-range"),
    (np.random.Philox(1), lambda s: {"buffer": s["buffer"][:2]}, "shape-mismatch"),
    (np.random.SFC64(1), lambda s: {"words": np.zeros(3, np.uint64)}, "shape-mismatch"),
    (np.random.SeedSequence(1), lambda s: {"pool_size": 10**9}, "value-out-of-range"),
    (np.random.SeedSequence(1), lambda s: {"entropy": -1}, "value-out-of-range"),
    (np.random.Generator(np.random.PCG64(1)), lambda s: {"bit_generator": np.random.RandomState(1)}, "kind-mismatch"),
    (np.random.RandomState(1), lambda s: {"has_gauss": 2}, "value-out-of-range"),
    (np.ma.array([1, 2], mask=[0, 1]), lambda s: {"mask": np.array([True])}, "shape-mismatch"),
    (np.ma.array([1, 2], mask=[0, 1]), lambda s: {"mask": np.array([[True, False]])}, "shape-mismatch"),
    (np.ma.array([1, 2], mask=[0, 1]), lambda s: {"mask": np.array([1, 0])}, "dtype-mismatch"),
    (np.ma.array([1, 2], fill_value=3), lambda s: {"fill_value": np.array("x")}, "value-mismatch"),
    (np.array([(1,)], [("a", "i4")]).view(np.recarray), lambda s: {"array": np.zeros(3)}, "dtype-mismatch"),
    (np.asmatrix(np.eye(2)), lambda s: {"array": np.zeros(3)}, "shape-mismatch"),
]


@pytest.mark.parametrize(("obj", "change", "code"), HOSTILE)
def test_tampered_state_is_refused(obj: Any, change: Any, code: str) -> None:
    assert refusal(obj, change) == code


def test_bit_generator_with_a_foreign_seed_is_refused_at_save() -> None:
    class Seed(np.random.bit_generator.ISeedSequence):
        def generate_state(self, n_words: int, dtype: Any = np.uint32) -> Any:
            return np.ones(n_words, dtype)

    with pytest.raises(SaveError, match="Seed"):
        take(np.random.PCG64(Seed()))


def test_masked_values_survive() -> None:
    array = np.ma.array([1.5, 2.5], mask=[True, False])
    assert there_and_back(array).data.tolist() == [1.5, 2.5]
    assert same(array, there_and_back(array)) is None


def test_record_keeps_its_class() -> None:
    record = np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]).view(np.recarray)[0]
    again = there_and_back(record)
    assert type(again) is np.record
    assert again.b == 2.0


@pytest.mark.parametrize("scalar", [np.bytes_(b""), np.str_(""), np.bytes_(b"a\0"), np.str_("a\0"), np.str_("\ufeffx")])
def test_strings_keep_their_length(scalar: Any) -> None:
    again = there_and_back([scalar])[0]
    assert type(again) is type(scalar)
    assert len(again) == len(scalar)
    assert again == scalar
