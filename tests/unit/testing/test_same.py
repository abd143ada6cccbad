"""The oracle itself: it must find every kind of difference the round-trip tests rely on it to find."""

from __future__ import annotations

import copy
import struct
from collections import OrderedDict, defaultdict, deque
from datetime import datetime, timedelta, timezone
from functools import partial

import numpy as np
import pytest

from amber.testing.same import same

ODD_NAN = struct.unpack("<d", bytes.fromhex("010000000000f87f"))[0]
SHARED: list[int] = [1]
LOOP: list[object] = []
LOOP.append(LOOP)


class Plain:
    def __init__(self, **attributes: object) -> None:
        self.__dict__.update(attributes)


EQUAL = [
    None, True, 3, 2**80, 0.5, float("nan"), -0.0, 1 + 2j, "text", "\ud800", b"\0", bytearray(b"x"), ..., slice(1, 2),
    range(3), [1, "a"], (1, (2,)), {1, 2}, frozenset({"a"}), deque([1], maxlen=3), {"a": 1, 2: "b"},
    OrderedDict(a=1), defaultdict(list, a=[1]), [SHARED, SHARED], LOOP, np.arange(4), np.array([None, "a"], object),
    np.float32(1.5), np.dtype("<M8[ns]"), np.datetime64("NaT"), np.zeros(2, [("a", "i4"), ("b", "f8")]),
    np.asfortranarray(np.ones((2, 3))), int, len, np.add, partial(np.add, 1), Plain(a=1), timezone(timedelta(hours=1)),
    np.random.RandomState(3), np.random.default_rng(3), np.ma.array([1, 2], mask=[0, 1]),
]  # fmt: skip


@pytest.mark.parametrize("value", EQUAL, ids=lambda value: f"{type(value).__name__}-{str(value)[:20]}")
def test_a_value_is_the_same_as_its_copy(value: object) -> None:
    assert same(value, copy.deepcopy(value)) is None


DIFFERENT = [
    (1, True), (1, 1.0), (1.0, np.float64(1.0)), (0.0, -0.0), (float("nan"), ODD_NAN), ("a", np.str_("a")),
    (b"a", bytearray(b"a")), ([1], (1,)), ({1}, frozenset({1})), ({1}, {1.0}),
    ({1: 2}, {True: 2}), ({1: 2}, OrderedDict({1: 2})),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}), (defaultdict(list), defaultdict(int)), (deque([1]), deque([1], maxlen=2)),
    ([SHARED, SHARED], [[1], [1]]), ([[1], [1]], [SHARED, SHARED]), (LOOP, [[]]), ([LOOP], [[[]]]),
    (np.arange(3), np.arange(3.0)), (np.arange(4), np.arange(4).reshape(2, 2)), (np.array([0.0]), np.array([-0.0])),
    (np.ones((2, 3)), np.asfortranarray(np.ones((2, 3)))), (np.dtype("<f8"), np.dtype(">f8")),
    (np.array([1], object), np.array([1.0], object)), (np.array(1, object), np.array(True, object)),
    (np.array([np.nan]), np.array([ODD_NAN])), (np.float32(1), np.float64(1)),
    (np.datetime64(1, "s"), np.datetime64(1, "ms")),
    (np.dtype([("a", "i4")]), np.dtype([("b", "i4")])), (int, float), (len, max),
    (Plain(a=1), Plain(a=2)), (Plain(a=1), Plain(b=1)),
    (datetime(2020, 1, 1, fold=0), datetime(2020, 1, 1, fold=1)), (partial(np.add, 1), partial(np.add, 2)),
    (np.random.RandomState(3), np.random.RandomState(4)), (np.random.default_rng(3), np.random.default_rng(4)),
    (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[1, 0])), (slice(1), slice(2)), (range(2), range(3)),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b"), DIFFERENT, ids=lambda value: f"{type(value).__name__}-{str(value)[:20]}")
def test_a_difference_is_found_in_both_directions(a: object, b: object) -> None:
    assert same(a, b) is not None
    assert same(b, a) is not None


def test_the_path_names_where_they_differ() -> None:
    assert same({"a": [1, Plain(b=1)]}, {"a": [1, Plain(b=2)]}) == "['a'][1].b: '1' against '2'"


def test_ignored_attributes_are_not_compared() -> None:
    assert same([Plain(a=1, b=1)], [Plain(a=1, b=2)], ignore=["b"]) is None


def test_read_only_array_is_a_difference_only_where_it_was_writeable() -> None:
    frozen = np.arange(3)
    frozen.flags.writeable = False
    assert same(np.arange(3), frozen) == "value: read-only"
    assert same(frozen, np.arange(3)) is None


def test_deep_nesting_does_not_recurse() -> None:
    deep: list[object] = []
    for _ in range(50_000):
        deep = [deep]
    other: list[object] = []
    for _ in range(50_000):
        other = [other]
    assert same(deep, other) is None
    while deep:  # take it apart: freeing it in one go would be deep too
        deep, other = deep[0], other[0]  # type: ignore[assignment]
