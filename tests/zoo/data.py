"""The small fixed data sets that the specimens are fitted on; the same values at every call."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

ROWS = 120
CITIES = ("Oslo", "Lima", "Kyoto", "Ærø", "")
BANDS = ("18-30", "31-50", "51+")
WORDS = (
    "the model keeps its answers and the file keeps the model",
    "a forest of trees votes, each tree alone is weak",
    "Über die Brücke ging ein Mädchen, naïve façade 2024",
    "numbers 12 and 3.5 and -7 stand in text; e-mail me@example.org",
    "kernel methods compare rows with rows",
    "the the the of of and",
    "short",
    "neighbours near the border flip their label easily",
    "日本語 の テキスト です",
    "UPPER lower MiXeD case CASE",
)


def _rng() -> np.random.RandomState:
    return np.random.RandomState(7)


@cache
def numbers() -> Any:
    """Float64 array of shape (120, 5): three blobs, columns of different scale."""
    rng = _rng()
    centres = np.array([[0, 0, 1, 0, 3], [3, 1, -1, 2, 0], [-2, 3, 0, -2, 1]], dtype=float)
    return centres[classes()] + rng.normal(size=(ROWS, 5)) * np.array([1.0, 0.7, 2.0, 0.5, 1.3])


@cache
def classes() -> Any:
    """Int64 labels 0, 1, 2, one per row."""
    return _rng().randint(0, 3, size=ROWS).astype(np.int64)


@cache
def binary() -> Any:
    """Int64 labels 0 and 1."""
    return (classes() == 1).astype(np.int64)


@cache
def labels() -> Any:
    """String labels (dtype U)."""
    return np.array(["apple", "Birne", "çerise"])[classes()]


@cache
def object_labels() -> Any:
    """String labels in an object array."""
    return labels().astype(object)


@cache
def outliers() -> Any:
    """Labels +1 and -1."""
    return np.where(binary() == 1, 1, -1)


@cache
def unlabelled() -> Any:
    """The classes with two thirds of the rows unlabelled (-1)."""
    y = classes().copy()
    y[_rng().rand(ROWS) < 0.66] = -1
    return y


@cache
def multilabel() -> Any:
    """Indicator matrix of shape (120, 3)."""
    return (numbers()[:, :3] + _rng().normal(size=(ROWS, 3)) > 0.5).astype(np.int64)


@cache
def multiclass_outputs() -> Any:
    """Two columns of labels: three classes and two classes."""
    return np.column_stack([classes(), binary()])


@cache
def target() -> Any:
    """Float64 target, depending on the columns and noise."""
    x = numbers()
    return 2 * x[:, 0] - x[:, 1] + np.sin(x[:, 2]) + 0.3 * _rng().normal(size=ROWS)


@cache
def positive_target() -> Any:
    """Strictly positive target."""
    return np.exp(0.3 * target()) + 0.1


@cache
def targets() -> Any:
    """Float64 targets of shape (120, 2)."""
    return np.column_stack([target(), numbers()[:, 3] - numbers()[:, 0]])


@cache
def weights() -> Any:
    """Sample weights between 0.5 and 2."""
    return 0.5 + 1.5 * _rng().rand(ROWS)


@cache
def positive() -> Any:
    """The absolute values of `numbers`."""
    return np.abs(numbers())


@cache
def single() -> Any:
    """`numbers` in float32."""
    return numbers().astype(np.float32)


@cache
def gaps() -> Any:
    """`numbers` with a tenth of the values missing (NaN), and one row wholly missing."""
    x = numbers().copy()
    x[_rng().rand(*x.shape) < 0.1] = np.nan
    x[5] = np.nan
    return x


@cache
def counts() -> Any:
    """Small non-negative integers of shape (120, 6)."""
    rate = np.array([1.0, 3.0, 0.5, 2.0, 1.5, 4.0])
    return _rng().poisson(rate + classes()[:, None], size=(ROWS, 6)).astype(np.int64)


@cache
def sparse() -> Any:
    """CSR matrix, non-negative, about half of the entries zero."""
    x = positive().copy()
    x[x < 1.0] = 0.0
    return sp.csr_matrix(x)


@cache
def sparse_array() -> Any:
    """The same entries as a CSR *array*."""
    return sp.csr_array(sparse())


@cache
def codes() -> Any:
    """Integer category codes of shape (120, 3)."""
    return np.column_stack([classes(), _rng().randint(0, 5, ROWS), binary()])


@cache
def words() -> Any:
    """Object array of categories (120, 2): plain strings."""
    rng = _rng()
    return np.column_stack(
        [np.array(CITIES, dtype=object)[rng.randint(0, 5, ROWS)], np.array(BANDS, dtype=object)[classes()]]
    )


@cache
def words_with_gaps() -> Any:
    """The categories with None and NaN among them."""
    x = words().copy()
    x[3, 0] = None
    x[11, 0] = None
    x[4, 1] = np.nan
    return x


@cache
def words_unseen() -> Any:
    """Rows with categories that `words` does not have."""
    return np.array([["Oslo", "18-30"], ["Mars", "51+"], ["Lima", "0-17"], ["", "31-50"]], dtype=object)


@cache
def frame() -> Any:
    """Frame of numbers (with gaps), strings, categories, booleans and integers."""
    x, rng = gaps(), _rng()
    return pd.DataFrame(
        {
            "age": x[:, 0],
            "income": positive()[:, 1] * 1000,
            "city": words()[:, 0],
            "band": pd.Categorical(words()[:, 1], categories=list(BANDS), ordered=True),
            "member": rng.rand(ROWS) < 0.4,
            "visits": counts()[:, 1],
        }
    )


@cache
def number_frame() -> Any:
    """`numbers` as a frame with string column names."""
    return pd.DataFrame(numbers(), columns=["a", "b", "c", "d", "e"])


@cache
def category_frame() -> Any:
    """Frame of two categorical columns (with missing values) and one number, for histogram boosting."""
    city = pd.Series(words()[:, 0]).mask(_rng().rand(ROWS) < 0.1)
    return pd.DataFrame(
        {
            "city": pd.Categorical(city, categories=list(CITIES)),
            "x": gaps()[:, 0],
            "band": pd.Categorical(words()[:, 1], categories=list(BANDS)),
        }
    )


@cache
def documents() -> Any:
    """Sixty short texts: several scripts, digits, punctuation."""
    rng = _rng()
    return [f"{WORDS[i % len(WORDS)]} {WORDS[rng.randint(len(WORDS))]}" for i in range(60)]


@cache
def topics() -> Any:
    """Binary labels for `documents`."""
    return np.array([i % 2 for i in range(60)])


@cache
def records() -> Any:
    """List of dicts with numbers and strings."""
    return [{"city": CITIES[i % 5], "temp": float(i % 7), **({"wind": i / 3} if i % 3 else {})} for i in range(40)]


@cache
def tag_sets() -> Any:
    """Label sets, for MultiLabelBinarizer."""
    return [("a", "b"), ("c",), (), ("a", "c", "zz"), ("b",)] * 6


@cache
def images() -> Any:
    """Four small grey images."""
    return _rng().rand(4, 22, 22)


@cache
def gram() -> Any:
    """Linear kernel matrix of `numbers`."""
    return numbers() @ numbers().T


@cache
def distances() -> Any:
    """Euclidean distance matrix of `numbers`."""
    x = numbers()
    return np.sqrt(((x[:, None] - x[None]) ** 2).sum(-1))


@cache
def line() -> Any:
    """One sorted-free column, one dimension."""
    return numbers()[:, 0].copy()


@cache
def column() -> Any:
    """One column as (120, 1)."""
    return numbers()[:, :1].copy()
