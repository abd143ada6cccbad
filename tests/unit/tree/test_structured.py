"""Every structured dtype that the table accepts is one that NumPy makes, with the alignment the table found."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amber.adapters.arrays import numpy_dtype
from amber.errors import FormatError, LimitError
from amber.limits import DEFAULT
from amber.tree import dtypes
from amber.tree import nodes as n
from amber.tree.nodes import Tree
from amber.tree.structured import MAX_DEPTH, Measure, measure_all

SIMPLE = ["|b1", "|u1", "<i2", "<f4", "<f8", ">f8", "<c8", "<c16", "<U2", "<U0", "|S3", "|V5", "|V0", "<M8[ns]", ">i2"]


def fields(offsets: st.SearchStrategy[int], inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    shapes = st.lists(st.sampled_from([0, 1, 2, 3, 2**31]), max_size=2)
    return st.tuples(st.sampled_from(["a", "b", "c", ""]), inner, offsets, shapes)


@given(
    st.lists(fields(st.integers(-1, 40), st.sampled_from([*SIMPLE, 1])), max_size=3),
    st.integers(0, 64),
    st.booleans(),
    st.lists(fields(st.integers(0, 24), st.sampled_from(SIMPLE)), max_size=2),
    st.integers(0, 32),
    st.booleans(),
)
def test_what_is_accepted_numpy_makes(
    outer: Any, size: int, aligned: bool, inner: Any, inner_size: int, inner_aligned: bool
) -> None:
    table: list[Any] = [n.Structured(outer, size, aligned), n.Structured(inner, inner_size, inner_aligned)]
    try:
        measures = measure_all(table, DEFAULT)
    except FormatError:
        return  # refused; any other exception fails the test
    tree = Tree(table, 0, [], [])
    for position, measure in measures.items():
        made = numpy_dtype(tree, position)
        assert made.itemsize == table[position].itemsize
        assert np.ndarray((1,), made).nbytes == made.itemsize
        if table[position].aligned and table[position].fields:
            assert made.alignment == measure.alignment
            assert made.isalignedstruct


@pytest.mark.parametrize("dtype", [text for text in SIMPLE if text != "|V0"])
def test_alignments_are_numpys(dtype: str) -> None:
    assert dtypes.alignment(dtype) == np.dtype(dtype).alignment


def nested(depth: int) -> list[Any]:
    return [n.Structured([("a", index + 1, 0, [])], 8, False) for index in range(depth - 1)] + [
        n.Structured([("a", "<f8", 0, [])], 8, False)
    ]


def test_nesting_is_bounded() -> None:
    assert measure_all(nested(MAX_DEPTH), DEFAULT)[0] == Measure(MAX_DEPTH, 1, 0)
    with pytest.raises(FormatError):
        measure_all(nested(MAX_DEPTH + 1), DEFAULT)


def test_dimensions_add_up() -> None:
    table: list[Any] = [
        n.Structured([("a", 1, 0, [1, 1])], 8, False), n.Structured([("b", "<f8", 0, [1])], 8, False),
    ]  # fmt: skip
    assert measure_all(table, DEFAULT)[0].rank == 3
    with pytest.raises(FormatError):
        measure_all(table, dataclasses.replace(DEFAULT, tensor_rank=2))


def test_fields_are_bounded() -> None:
    wide: list[Any] = [n.Structured([("a", "|u1", 0, []), ("b", "|u1", 1, [])], 2, False)]
    with pytest.raises(LimitError):
        measure_all(wide, dataclasses.replace(DEFAULT, dtype_fields=1))
