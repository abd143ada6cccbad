"""Functions and classes of a user's own package, which a policy has to allow by name."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin


def split_words(text: str) -> list[str]:
    """Split at white space."""
    return text.split()


def letters(text: str) -> list[str]:
    """The letters of a text, one by one."""
    return [letter for letter in text.lower() if letter.isalpha()]


def clean(text: str) -> str:
    """Lower-case a text and drop its hyphens."""
    return text.lower().replace("-", " ")


def halve(x: Any) -> Any:
    """Half of every value."""
    return np.asarray(x) / 2


def names_out(transformer: Any, names: Any) -> Any:
    """Feature names with a suffix."""
    return np.asarray([f"{name}_half" for name in names], dtype=object)


class Clip(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Clip each column to the quantiles seen in fitting."""

    def __init__(self, share: float = 0.05) -> None:
        self.share = share

    def fit(self, x: Any, y: Any = None) -> Clip:
        """Learn the bounds of each column."""
        self.low_, self.high_ = np.quantile(x, [self.share, 1 - self.share], axis=0)
        return self

    def transform(self, x: Any) -> Any:
        """Return the values within the bounds."""
        return np.clip(x, self.low_, self.high_)


def combine(feature: str, category: Any) -> str:
    """Feature name of one category."""
    return f"{feature}={category}"


def scaled_difference(y_true: Any, y_pred: Any, scale: float = 1.0) -> float:
    """Negative mean absolute difference, times ``scale``."""
    return float(-scale * np.abs(np.asarray(y_true) - np.asarray(y_pred)).mean())
