"""What one specimen of the zoo is, and the two ways to make one."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import sklearn

SKLEARN: tuple[int, int] = tuple(int(part) for part in sklearn.__version__.split(".")[:2])  # type: ignore[assignment]
"""The installed scikit-learn as (major, minor), for variants that only newer versions have."""


@dataclass(frozen=True)
class Specimen:
    """One fitted estimator and what its methods are called with.

    ``make`` fits anew at each call and always with the same result. ``inputs`` is what the methods take
    (array, frame, sparse matrix, list of str or of dicts), ``target`` the matching y, or None. ``allow``
    names the classes and functions of its own that the specimen holds, in the form that a policy takes.
    """

    name: str
    make: Callable[[], Any]
    inputs: Any
    target: Any = None
    allow: tuple[str, ...] = ()


@contextmanager
def seeded() -> Iterator[None]:
    """Set the process-wide NumPy generator to seed 0 and put its state back afterwards."""
    state = np.random.get_state()
    np.random.seed(0)
    try:
        yield
    finally:
        np.random.set_state(state)


def grown(make: Callable[[], Any]) -> Any:
    """Run ``make`` quietly and with the process-wide generator at a fixed state."""
    with warnings.catch_warnings(), np.errstate(all="ignore"), seeded():
        warnings.simplefilter("ignore")
        return make()


def defined(model: Any) -> Any:
    """Put a number where scikit-learn leaves memory that nobody wrote, so that two fits are the same.

    `_n_support` of a support vector regression or one-class machine that was fitted on sparse rows; saving puts the
    number of support vectors there, too.
    """
    if type(model).__name__ in ("SVR", "NuSVR", "OneClassSVM") and getattr(model, "_sparse", False):
        model._n_support = np.full_like(model._n_support, len(model.support_))
    return model


def fit(
    name: str,
    build: Callable[[], Any],
    x: Any,
    y: Any = None,
    *,
    inputs: Any = None,
    target: Any = None,
    allow: tuple[str, ...] = (),
    **fit_params: Any,
) -> Specimen:
    """Describe the specimen that ``build()`` fitted on ``x`` (and ``y``) is.

    The methods are called with ``inputs`` where that is given, otherwise with ``x``.
    """

    def make() -> Any:
        estimator = build()
        return defined(estimator.fit(x, **fit_params) if y is None else estimator.fit(x, y, **fit_params))

    shown = x if inputs is None else inputs
    answer = target if inputs is not None else y
    return Specimen(name, lambda: grown(make), shown, answer, allow)
