"""Whether two inputs or answers are the same in every bit, dtype, label and kind of missing value."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd


def same(left: Any, right: Any) -> bool:
    """Whether two values are of the same type and hold the same."""
    if isinstance(right, np.generic) and not isinstance(left, np.generic):
        return False
    if type(left) is not type(right):
        return False
    if isinstance(right, pd.DataFrame):
        return (
            left.shape == right.shape
            and _labels(left.columns, right.columns)
            and _labels(left.index, right.index)
            and all(_series(left.iloc[:, n], right.iloc[:, n]) for n in range(right.shape[1]))
        )
    if isinstance(right, pd.Series):
        return _series(left, right) and left.name == right.name and _labels(left.index, right.index)
    if isinstance(right, np.ndarray):
        return _array(left, right)
    if hasattr(right, "tocsr"):
        return _sparse(left, right)
    if isinstance(right, list | tuple):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(right, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in right)
    return _scalar(left, right)


def _scalar(left: Any, right: Any) -> bool:
    if isinstance(right, float):
        return math.copysign(1, left) == math.copysign(1, right) and (
            left == right or (left != left and right != right)
        )
    if right is pd.NA or right is pd.NaT:
        return left is right
    return bool(left == right)


def _labels(left: Any, right: Any) -> bool:
    return list(left.names) == list(right.names) and same(left.tolist(), right.tolist())


def _series(left: Any, right: Any) -> bool:
    if str(left.dtype) != str(right.dtype):
        return False
    if str(right.dtype) == "category":
        kinds = left.cat.categories.dtype == right.cat.categories.dtype and left.cat.ordered == right.cat.ordered
        whole = list(left.cat.categories) == list(right.cat.categories)
        return kinds and whole and left.cat.codes.tolist() == right.cat.codes.tolist()
    return same(left.astype(object).tolist(), right.astype(object).tolist())


def _array(left: Any, right: Any) -> bool:
    if left.shape != right.shape or left.dtype.str != right.dtype.str or not left.flags.writeable:
        return False
    if right.dtype == object:
        return same(left.ravel().tolist(), right.ravel().tolist())
    return left.tobytes() == right.tobytes()


def _sparse(left: Any, right: Any) -> bool:
    a, b = left.tocsr(), right.tocsr()
    parts = [(a.data, b.data), (a.indices, b.indices), (a.indptr, b.indptr)]
    return left.shape == right.shape and all(
        np.array_equal(x, y, equal_nan=True) and x.dtype == y.dtype for x, y in parts
    )
