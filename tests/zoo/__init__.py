"""A zoo of fitted scikit-learn estimators: each class of the installed version and many named variants."""

from __future__ import annotations

from functools import cache
from typing import Any

from tests.zoo.answers import METHODS, answers, difference
from tests.zoo.boosters import boosters
from tests.zoo.compose import compose
from tests.zoo.encoders import encoders
from tests.zoo.kernels import kernels
from tests.zoo.linear import linear
from tests.zoo.meta import meta
from tests.zoo.neighbours import neighbours
from tests.zoo.oddities import oddities
from tests.zoo.plain import plain
from tests.zoo.specimen import SKLEARN, Specimen
from tests.zoo.text import text
from tests.zoo.trees import trees
from tests.zoo.unsupervised import unsupervised

_GROUPS = (plain, linear, trees, kernels, neighbours, text, encoders, unsupervised, meta, compose, oddities, boosters)


@cache
def _by_name() -> dict[str, Specimen]:
    found: dict[str, Specimen] = {}
    for group in _GROUPS:
        for specimen in group():
            if specimen.name in found:
                raise ValueError(f"two specimens are called {specimen.name}")
            found[specimen.name] = specimen
    return found


def specimens() -> list[Specimen]:
    """Every specimen that the installed scikit-learn can make; nothing is fitted yet."""
    return list(_by_name().values())


def specimen(name: str) -> Specimen:
    """The specimen of that name; KeyError where the installed scikit-learn cannot make it."""
    return _by_name()[name]


@cache
def fitted(name: str) -> tuple[Any, Any]:
    """The fitted estimator of that name and its inputs. It is shared: to change one, take ``make``."""
    found = _by_name()[name]
    return found.make(), found.inputs


__all__ = ["METHODS", "SKLEARN", "Specimen", "answers", "difference", "fitted", "specimen", "specimens"]
