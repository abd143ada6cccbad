"""What methods are called with: rows that fit the object, and rows that do not."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

ROWS = 6
TEXTS = ["the model keeps", "a tree votes 12", "", "kernel rows \u00e9 \ud7ff", "x y z", "the the"]


def width(obj: Any) -> int:
    """The number of columns an object says it wants; 5 where it says nothing that can be had."""
    for name in ("n_features_in_", "n_features", "n_features_"):
        found = vars(obj).get(name) if hasattr(obj, "__dict__") else getattr(obj, name, None)
        if isinstance(found, int | np.integer) and not isinstance(found, bool) and 0 <= found <= 300:
            return int(found)
    data = getattr(obj, "data", None)
    if isinstance(data, np.ndarray | memoryview) and data.ndim == 2:
        return int(data.shape[1])
    return 5


def rows(obj: Any, rng: random.Random) -> Iterator[Any]:
    """Two inputs that fit and two that may not, for an estimator."""
    wide = width(obj)
    made = np.random.default_rng(rng.randrange(2**32))
    table = made.normal(size=(ROWS, wide)) * rng.choice((1.0, 3.0))
    yield table
    yield rng.choice(list(_fitting(obj, table, made)))
    odd = list(_odd(table, wide))
    yield rng.choice(odd)
    yield rng.choice(odd)


def _fitting(obj: Any, table: Any, made: Any) -> Iterator[Any]:
    yield np.abs(table).round()
    yield sparse.csr_matrix(np.abs(table).round())
    yield table.astype(np.float32)
    yield TEXTS
    yield [{"a": 1, "b": "x"}, {"c": 2.0}]
    yield np.array([["a", "b", "c", "d", "e"][: table.shape[1]]] * 3, dtype=object)
    yield table[:, 0] if table.shape[1] else np.zeros(3)
    stated = vars(obj).get("feature_names_in_") if hasattr(obj, "__dict__") else None
    if isinstance(stated, np.ndarray) and stated.shape == (table.shape[1],):
        import pandas as pd

        yield pd.DataFrame(table, columns=list(map(str, stated)))
    fitted = vars(obj).get("n_samples_fit_") if hasattr(obj, "__dict__") else None
    if isinstance(fitted, int) and 0 < fitted < 500:
        yield np.abs(made.normal(size=(3, fitted)))


def _odd(table: Any, wide: int) -> Iterator[Any]:
    yield np.zeros((0, wide))
    yield np.zeros((2, wide + 1))
    yield np.zeros((2, max(wide - 1, 0)))
    yield np.full((2, wide), np.nan)
    yield np.full((2, wide), np.inf)
    yield np.full((2, wide), 1e300)
    yield np.full((2, wide), -(2**62))
    yield np.zeros(wide)
    yield np.zeros((2, 2, wide))
    yield np.asfortranarray(table)
    yield table[::-2]
    yield np.zeros((2, wide), dtype=bool)
    yield np.full((2, wide), None)
    yield np.array([["a"] * wide], dtype="U1")
    yield sparse.csc_matrix((2, wide))
    yield sparse.csr_matrix((2, wide + 3))
    yield [[1] * wide, [2]]
    yield None
    yield "text"
    yield [None, "a"]
    yield np.zeros((1, wide), dtype="M8[ns]")
