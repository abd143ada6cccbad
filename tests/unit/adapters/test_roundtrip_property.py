"""Any nesting of plain values and arrays, shared and cyclic, comes back the same, and gives the same bytes."""

from __future__ import annotations

import math
import struct
from collections import OrderedDict, defaultdict, deque
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from amber.adapters.take import take
from amber.testing.same import same
from amber.tree.codec import encode_strings, encode_tree
from tests.unit.adapters.hostile import opened, there_and_back

RELAXED = settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)  # timing is no property
LIMIT = 2**63
floats = st.one_of(
    st.floats(), st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0])
)
text = st.text(st.characters(), max_size=20)  # lone surrogates included
small = st.integers(-LIMIT, LIMIT - 1)
keys = st.one_of(st.none(), st.booleans(), small, text, st.binary(max_size=5), st.tuples(small, text))
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-(10**300), 10**300), floats, st.complex_numbers(), text,
    st.binary(max_size=20), st.just(...), st.builds(range, st.integers(-(2**20), 2**20), st.integers(-9, 9)),
    st.builds(slice, st.none() | small, st.none() | small, st.none() | small),
)  # fmt: skip
dtypes = st.one_of(
    hnp.boolean_dtypes(), hnp.integer_dtypes(), hnp.unsigned_integer_dtypes(),
    hnp.floating_dtypes(sizes=(16, 32, 64)), hnp.complex_number_dtypes(sizes=(64, 128)),
    hnp.datetime64_dtypes(), hnp.timedelta64_dtypes(), hnp.byte_string_dtypes(max_len=9),
    hnp.unicode_string_dtypes(max_len=9),
)  # fmt: skip
structured = hnp.array_dtypes(dtypes, max_size=4, allow_subarrays=True).filter(
    lambda dtype: all(len(field) == 2 for field in dtype.fields.values())  # no titles: they are refused
)
shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
arrays = st.one_of(dtypes, structured).flatmap(lambda dtype: hnp.arrays(dtype, shapes))


def _strided(array: np.ndarray[Any, Any], how: int) -> np.ndarray[Any, Any]:
    """The same values in another memory order, or with gaps."""
    if how == 1:
        return np.asfortranarray(array)
    if how == 2 and array.ndim:
        return np.repeat(array, 2, axis=0)[::2]
    return array


laid_out = st.builds(_strided, arrays, st.integers(0, 2))
numpy_scalars = dtypes.flatmap(lambda dtype: hnp.arrays(dtype, ())).map(lambda array: array[()])
leaves = st.one_of(scalars, laid_out, numpy_scalars, st.binary(max_size=9).map(bytearray))


def _containers(inner: Any) -> Any:
    lists = st.lists(inner, max_size=5)
    maps = st.dictionaries(keys, inner, max_size=5)
    return st.one_of(
        lists, lists.map(tuple), maps, maps.map(OrderedDict), maps.map(lambda items: defaultdict(list, items)),
        st.sets(keys, max_size=5), st.frozensets(keys, max_size=5),
        st.builds(lambda items, size: deque(items, size), lists, st.none() | st.integers(5, 9)),
        st.lists(inner, min_size=1, max_size=4).map(_objects),
        st.builds(_long, st.integers(60, 70), small, floats, text),
    )  # fmt: skip


def _long(count: int, number: int, fraction: float, word: str) -> list[Any]:
    """Homogeneous containers on both sides of the length from which they become columns."""
    numbers = [number] * count
    words = [f"{word}{position}" for position in range(count)]
    return [numbers, [fraction] * count, tuple(words), dict(zip(words, numbers, strict=True)), [np.float32(1)] * count]


def _objects(items: list[Any]) -> np.ndarray[Any, Any]:
    array = np.empty(len(items), dtype=object)
    for position, item in enumerate(items):
        array[position] = item
    return array


values = st.recursive(leaves, _containers, max_leaves=12)


@RELAXED
@given(values)
def test_nested_values_come_back_the_same(value: Any) -> None:
    again = there_and_back(value)
    assert same(value, again) is None
    first, second = take(value).tree, take(again).tree
    assert encode_tree(first) == encode_tree(second)
    assert encode_strings(first) == encode_strings(second)


@RELAXED
@given(st.lists(values, min_size=1, max_size=5), st.data())
def test_shared_and_cyclic_values_come_back_the_same(parts: list[Any], data: st.DataObject) -> None:
    mutable: list[Any] = [[], {}, OrderedDict(), deque(), np.empty(3, dtype=object)]
    for number in range(data.draw(st.integers(1, 12))):
        target = data.draw(st.sampled_from(mutable))
        # deques and object arrays on a cycle are refused: NumPy and CPython free and compare them by recursion
        closed = isinstance(target, np.ndarray | deque)
        value = data.draw(st.sampled_from(parts if closed else [*parts, *mutable]))
        if data.draw(st.booleans()):
            value = (value, number)
        if isinstance(target, np.ndarray):
            target[number % 3] = value
        elif isinstance(target, dict):
            target[number] = value
        else:
            target.append(value)
    again = opened(take(mutable).tree)
    assert same(mutable, again) is None
    assert encode_tree(take(again).tree) == encode_tree(take(mutable).tree)


@RELAXED
@given(laid_out)
def test_arrays_come_back_writeable_and_independent(array: np.ndarray[Any, Any]) -> None:
    first, second = there_and_back([array, array.copy(order="K")])
    assert same(array, first) is None
    assert first.flags.writeable
    assert not np.shares_memory(first, second) or not math.prod(first.shape)
