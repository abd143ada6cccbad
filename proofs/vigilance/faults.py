"""Faults that must always be seen: what a wrong library, a wrong merge or a careless edit does to a model's state."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from amber.cases.anatomy import fields, trees_in, walk


class Fault(NamedTuple):
    """A changed copy of a model, and what was changed."""

    name: str
    model: Any


def faults(model: Any) -> Iterator[Fault]:
    """Yield one copy of the model for each fault that it can have."""
    for position, part in enumerate(walk(model)):
        for name, change in CHANGES.items():
            inner = position > 0 and name == "classes_" and trees_in(part) is not None
            if not inner and _applies(name, part):  # an ensemble never asks its trees for their classes
                changed = copy.deepcopy(model)
                change(list(walk(changed))[position])
                yield Fault(f"{name} of {type(part).__name__}", changed)


def _applies(name: str, part: Any) -> bool:
    known = fields(part).get(name)
    if name == "categories_":
        return isinstance(known, list) and any(len(values) > 1 for values in known)
    if name == "mean_":  # of a scaler: other means are not all in use
        return type(part).__name__ == "StandardScaler" and isinstance(known, np.ndarray)
    if name == "classes_":  # of a classifier itself; its parts may hold the same array
        return isinstance(known, np.ndarray) and known.ndim == 1 and len(known) > 1 and hasattr(part, "predict_proba")
    if name == "vocabulary_":
        return isinstance(known, dict) and len(known) > 1
    return callable(known)


def _categories(part: Any) -> None:
    values = next(values for values in part.categories_ if len(values) > 1)
    values[[0, -1]] = values[[-1, 0]]


def _mean(part: Any) -> None:
    part.mean_ = np.zeros_like(part.mean_)


def _classes(part: Any) -> None:
    part.classes_ = part.classes_[::-1].copy()


def _vocabulary(part: Any) -> None:
    words = sorted(part.vocabulary_)
    first, last = words[len(words) // 3], words[-1]
    part.vocabulary_[first], part.vocabulary_[last] = part.vocabulary_[last], part.vocabulary_[first]


def _function(part: Any) -> None:
    part.func = {np.log1p: np.log, np.log: np.log1p}.get(part.func, np.abs)


CHANGES: dict[str, Callable[[Any], None]] = {
    "categories_": _categories,
    "mean_": _mean,
    "classes_": _classes,
    "vocabulary_": _vocabulary,
    "func": _function,
}
