"""The rows that models are fitted on and asked for: the same values at every call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

ROWS, FRESH, COLUMNS = 140, 60, 5
CITIES = np.array(["Oslo", "Lima", "Kyoto", "Ærø", ""], dtype=object)
BANDS = np.array(["18-30", "31-50", "51+"], dtype=object)
WORDS = (
    "the model keeps its answers and the file keeps the model",
    "a forest of trees votes, each tree alone is weak",
    "Über die Brücke ging ein Mädchen, naïve façade 2024",
    "numbers 12 and 3.5 and -7 stand in text; e-mail me@example.org",
    "kernel methods compare rows with rows",
    "the the the of of and",
    "short",
    "UPPER lower MiXeD case CASE",
    "日本語 の テキスト です",
    "two  spaces and a\ttab",
)


def _dice(seed: int) -> np.random.RandomState:
    return np.random.RandomState(seed)


def numbers(count: int = ROWS, seed: int = 0) -> Any:
    """Five columns of different scale, correlated."""
    mixing = np.random.RandomState(99).standard_normal((COLUMNS, COLUMNS)) / 3 + np.eye(COLUMNS)
    return _dice(seed).standard_normal((count, COLUMNS)) @ mixing * np.array([1.0, 0.7, 2.0, 0.5, 1.3])


def large(count: int = ROWS, seed: int = 0) -> Any:
    """The same rows with a timestamp in the first column and an id above 2^24 in the second."""
    found = numbers(count, seed)
    found[:, 0] = 1.7e9 + np.round(found[:, 0] * 1e5)
    found[:, 1] = 16_777_217.0 + np.round(np.abs(found[:, 1]) * 1e6)
    return found


def missing(count: int = ROWS, seed: int = 0) -> Any:
    """The same rows with one value in eight missing."""
    found = numbers(count, seed)
    found[_dice(seed + 1).rand(*found.shape) < 0.125] = np.nan
    return found


def positive(count: int = ROWS, seed: int = 0) -> Any:
    """The absolute values."""
    return np.abs(numbers(count, seed))


def positive_large(count: int = ROWS, seed: int = 0) -> Any:
    """The absolute values with a timestamp and an id."""
    return np.abs(large(count, seed))


def counts(count: int = ROWS, seed: int = 0) -> Any:
    """Small counts, as floats."""
    return _dice(seed).poisson([1.0, 3.0, 0.5, 2.0, 4.0], size=(count, COLUMNS)).astype(float)


def counts_large(count: int = ROWS, seed: int = 0) -> Any:
    """Counts, the first of them of the size of a timestamp."""
    found = counts(count, seed)
    found[:, 0] += 1.7e9
    found[:, 1] += 16_777_217.0
    return found


def codes(count: int = ROWS, seed: int = 0) -> Any:
    """Category codes; every code comes in any hundred rows."""
    dice = _dice(seed)
    return np.column_stack([dice.randint(0, 3, count), dice.randint(0, 5, count), dice.randint(0, 2, count)]).astype(
        float
    )


def codes_large(count: int = ROWS, seed: int = 0) -> Any:
    """Codes of the size of a timestamp, and ids above 2^24."""
    return codes(count, seed) + np.array([1.7e9, 16_777_217.0, 0.0])


def codes_missing(count: int = ROWS, seed: int = 0) -> Any:
    """Codes with one value in eight missing."""
    found = codes(count, seed)
    found[_dice(seed + 1).rand(*found.shape) < 0.125] = np.nan
    return found


def gram(count: int = ROWS, seed: int = 0) -> Any:
    """A linear kernel between rows and the training rows."""
    return numbers(count, seed) @ numbers().T


def gram_large(count: int = ROWS, seed: int = 0) -> Any:
    """The same kernel, its numbers of the size of a timestamp."""
    return gram(count, seed) * 1.7e9


def words(count: int = ROWS, seed: int = 0) -> Any:
    """Two columns of strings, None and NaN among them."""
    dice = _dice(seed)
    found = np.column_stack([CITIES[dice.randint(0, 5, count)], BANDS[dice.randint(0, 3, count)]])
    found[dice.rand(count) < 0.1, 0] = None
    found[dice.rand(count) < 0.1, 1] = np.nan
    return found


def frame(count: int = ROWS, seed: int = 0) -> Any:
    """A frame as people have it: numbers with gaps, a timestamp, an id, strings with gaps."""
    table, text = missing(count, seed), words(count, seed)
    times = large(count, seed)
    return pd.DataFrame(
        {"age": table[:, 2], "income": table[:, 3], "time": times[:, 0], "id": times[:, 1],
         "city": pd.Series(text[:, 0], dtype=object), "band": pd.Series(text[:, 1], dtype=object)}
    )  # fmt: skip


def texts(count: int = ROWS, seed: int = 0) -> list[str]:
    """Short texts: several scripts, digits, punctuation."""
    dice = _dice(seed)
    return [f"{WORDS[(i + seed) % len(WORDS)]} {WORDS[dice.randint(len(WORDS))]}" for i in range(count)]


def records(count: int = ROWS, seed: int = 0) -> list[dict[str, Any]]:
    """Records with numbers and strings."""
    dice = _dice(seed)
    return [
        {"city": str(CITIES[dice.randint(5)]), "temp": float(dice.randint(7)), **({"wind": i / 3} if i % 3 else {})}
        for i in range(count)
    ]


def labels(count: int = ROWS, seed: int = 0) -> Any:
    """Strings to be encoded."""
    return np.array(["apple", "Birne", "çerise"])[_dice(seed).randint(0, 3, count)]


def line(count: int = ROWS, seed: int = 0) -> Any:
    """One column, one dimension."""
    return numbers(count, seed)[:, 0].copy()


# -- targets, of the same rows `numbers(ROWS, 0)` ------------------------------------------------------------------


def classes() -> Any:
    """Three classes."""
    x = numbers()
    noise = _dice(5).standard_normal(ROWS) * 0.4
    return (x[:, 0] + x[:, 1] * x[:, 2] / 2 + noise > 0).astype(int) + (np.abs(x[:, 3] + noise / 3) > 0.5)


def named() -> Any:
    """The three classes as strings."""
    return np.array(["apple", "Birne", "çerise"])[classes()]


def binary() -> Any:
    """Two classes."""
    return (classes() > 0).astype(int)


def target() -> Any:
    """A smooth target with noise."""
    x = numbers()
    return 2 * x[:, 0] - x[:, 1] + np.sin(x[:, 2]) + 0.3 * _dice(6).standard_normal(ROWS)


def positive_target() -> Any:
    """Above zero."""
    return np.exp(0.3 * target()) + 0.1


def targets() -> Any:
    """Two targets."""
    return np.column_stack([target(), numbers()[:, 3] - numbers()[:, 0]])


def multilabel() -> Any:
    """An indicator matrix of three labels."""
    return (numbers()[:, :3] + _dice(7).standard_normal((ROWS, 3)) > 0.5).astype(int)
