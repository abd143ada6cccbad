"""Keys that Python holds for equal are found in the table, exactly where a dict would merge them."""

from __future__ import annotations

import itertools
import struct
from typing import Any

import numpy as np
import pytest

from amber.tree import nodes as n
from amber.tree.keys import first_crowded, first_duplicate, first_duplicate_number, key_value


def scalar(value: Any) -> n.Scalar:
    array = np.asarray(value)
    return n.Scalar(array.dtype.str, array.tobytes().hex())


# Each with the Python object it stands for.
KEYS: list[tuple[Any, Any]] = [
    (n.NoneNode(), None), (n.EllipsisNode(), ...), (n.Bool(True), True), (n.Bool(False), False), (n.Int(0), 0),
    (n.Int(1), 1), (n.Int(str(2**63)), 2**63), (n.Float("1.0"), 1.0), (n.Float("-0.0"), -0.0), (n.Float("0.5"), 0.5),
    (n.Float("inf"), float("inf")), (n.Complex("1.0", "0.0"), 1 + 0j), (n.Complex("0.0", "1.0"), 1j),
    (n.Str("a"), "a"), (n.Str(""), ""), (n.Utf16("ANg="), "\ud800"), (n.Bytes("YQ=="), b"a"), (n.Bytes(""), b""),
    (scalar(np.int8(1)), np.int8(1)), (scalar(np.uint64(2**63)), np.uint64(2**63)),
    (scalar(np.float32(0.5)), np.float32(0.5)),
    (scalar(np.float16(1)), np.float16(1)), (scalar(np.bool_(True)), np.bool_(True)),
    (scalar(np.complex64(1j)), np.complex64(1j)),
    (n.Scalar("<U2", "6100000000000000"), np.str_("a")), (n.Scalar("|S2", "6100"), np.bytes_(b"a")),
]  # fmt: skip


@pytest.mark.parametrize(("left", "right"), list(itertools.combinations(KEYS, 2)))
def test_equal_exactly_where_a_dict_merges(left: tuple[Any, Any], right: tuple[Any, Any]) -> None:
    table = [left[0], right[0]]
    merged = len({left[1]: 0, right[1]: 0}) == 1
    assert (key_value(table, 0) == key_value(table, 1)) is merged
    assert (first_duplicate(table, [0, 1]) == 1) is merged


def test_big_endian_is_compared_by_value() -> None:
    table: list[Any] = [n.Scalar(">i2", "0001"), n.Int(1), n.Scalar(">f8", struct.pack(">d", 2.0).hex()), n.Int(2)]
    assert first_duplicate(table, [0, 1]) == 1
    assert first_duplicate(table, [2, 3]) == 3
    assert first_duplicate(table, [0, 2]) is None


def test_nan_is_equal_to_the_same_content_only() -> None:
    table: list[Any] = [n.Float("nan"), n.Float("nan"), n.Float("nan:fff8000000000000"), scalar(np.float64("nan"))]
    assert first_duplicate(table, [0, 2, 3]) is None
    assert first_duplicate(table, [0, 1]) == 1


def test_tuples_are_compared_part_by_part() -> None:
    table: list[Any] = [n.Tuple([2, 3]), n.Tuple([4, 3]), n.Int(1), n.Str("a"), n.Bool(True), n.Tuple([3, 2])]
    assert first_duplicate(table, [0, 1]) == 1
    assert first_duplicate(table, [0, 5]) is None


@pytest.mark.parametrize("dtype", ["|b1", "|i1", "<u2", "<i4", "<i8", "<u8", "<f2", "<f4", "<f8"])
def test_columns(dtype: str) -> None:
    kind = np.dtype(dtype)
    same, different = np.array([0, 1, 0]).astype(kind), np.array([0, 1]).astype(kind)
    assert first_duplicate_number(memoryview(same.tobytes()), dtype, kind.itemsize)
    assert not first_duplicate_number(memoryview(different.tobytes()), dtype, kind.itemsize)
    assert not first_duplicate_number(memoryview(b""), dtype, kind.itemsize)


def test_zeros_are_equal_and_nans_are_not() -> None:
    zeros = memoryview(struct.pack("<2d", 0.0, -0.0))
    nans = memoryview(struct.pack("<2d", float("nan"), float("nan")))
    assert first_duplicate_number(zeros, "<f8", 8)
    assert not first_duplicate_number(nans, "<f8", 8)


def colliding(count: int) -> list[Any]:
    """Tuples of two ints that CPython 3.11 to 3.13 hash alike, found by solving its formula for the second."""
    prime1, prime2, prime5, mask = 11400714785074694791, 14029467366897019727, 2870177450012600261, 2**64 - 1

    def mixed(state: int) -> int:
        return ((state << 31 | state >> 33) & mask) * prime1 & mask

    target = (mixed((mixed((prime5 + 1 * prime2) & mask) + 2 * prime2) & mask)) & mask
    wanted = target * pow(prime1, -1, 2**64) & mask
    before = (wanted >> 31 | wanted << 33) & mask
    found = []
    first = 0
    while len(found) < count:
        first += 1
        second = (before - mixed((prime5 + first * prime2) & mask)) * pow(prime2, -1, 2**64) & mask
        if second < 2**61 - 1:
            found.append((first, second))
    return found


def test_keys_of_one_hash_are_found_before_they_cost_anything() -> None:
    pairs = colliding(100)
    assert len({hash(pair) for pair in pairs}) == 1
    table: list[Any] = []
    for first, second in pairs:
        table += [n.Tuple([len(table) + 1, len(table) + 2]), n.Int(first), n.Int(second)]
    assert first_crowded(table, range(0, 300, 3)) == 64 * 3
    assert first_crowded(table, range(0, 64 * 3, 3)) is None
    numbers: list[Any] = [n.Complex(repr(float(10**12 - 1000003 * k)), repr(float(k))) for k in range(1, 101)]
    assert first_crowded(numbers, range(100)) == 64


def test_ordinary_keys_are_not_crowded() -> None:
    table: list[Any] = [n.Int(value) for value in range(1000)] + [n.Str(str(value)) for value in range(1000)]
    table += [n.Tuple([value, 999 - value]) for value in range(1000)]
    assert first_crowded(table, range(3000)) is None
