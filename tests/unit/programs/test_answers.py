"""Answers in the original's containers and dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from amber.programs import plan as plans
from amber.programs.answers import PLAIN, Answerer, classes_of, labels_of
from amber.programs.plan import Output
from amber.programs.requests import Rows

TABLE = np.array([[1.0, 0.0], [0.0, 2.0]])


def rows(**facts: Any) -> Rows:
    return Rows(2, lambda column: [], **facts)


def test_each_column_of_a_frame_has_its_own_dtype() -> None:
    output = Output(method="transform", outputs=["t"], layout="frame", dtypes=["<f8", "<i8"], columns=["a", "b"])
    got = Answerer(output)([TABLE], rows(index=pd.Index([7, 7])))
    assert got.dtypes.tolist() == [np.dtype("<f8"), np.dtype("<i8")]
    assert got.index.tolist() == [7, 7]
    assert got["b"].tolist() == [0, 2]


@pytest.mark.parametrize("name", ["csr_matrix", "csr_array", "csc_matrix", "csc_array"])
def test_a_sparse_answer_follows_the_request(name: str) -> None:
    output = Output(method="transform", outputs=["t"], layout="csr", dtypes=["<f8"], sparse=name, follows=True)
    assert type(Answerer(output)([TABLE], rows(sparse=True))) is getattr(sparse, name)
    assert isinstance(Answerer(output)([TABLE], rows()), np.ndarray)
    entries = Output(method="transform", outputs=["d", "c", "r"], layout="csr", dtypes=["<f8"], sparse=name, entries=3)
    parts = [np.ones(2), np.array([0, 2]), np.array([0, 1])]
    got = Answerer(entries)(parts, rows())
    assert (type(got), got.shape) == (getattr(sparse, name), (2, 3))


@pytest.mark.parametrize(
    "classes",
    [
        np.array([2**40, 2**63 - 1]), np.array([2**64 - 1, 1], np.uint64), np.array([1.5, np.inf]),
        np.array([False, True]), np.array(["a", "bcd"]), np.array([3, -7], np.int8),
        np.array(["a", 1, None, True, 2**70, 0.5], dtype=object),
    ],
)  # fmt: skip
def test_classes_survive_a_plan(classes: Any) -> None:
    kept = classes_of(labels_of(classes))
    assert kept.dtype == classes.dtype
    assert [(type(each), each) for each in kept.tolist()] == [(type(each), each) for each in classes.tolist()]


@pytest.mark.parametrize("index", [[-1], [0, -1], [2], [0, 2]])
def test_an_index_that_is_no_class_is_an_error(index: list[int]) -> None:
    labels = plans.Labels(dtype="<i8", values=[10, 20])
    answerer = Answerer(Output(method="predict", outputs=["p"], layout="array", dtypes=["<i8"], labels=[labels]))
    assert answerer([np.array([1, 0])], PLAIN).tolist() == [20, 10]
    with pytest.raises(IndexError):
        answerer([np.array(index)], PLAIN)
