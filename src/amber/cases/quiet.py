"""Run a model without leaving traces: one thread, the caller's random streams put back, no floating-point noise."""

from __future__ import annotations

import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put the process-wide generators of NumPy and Python back afterwards, and silence floating-point errors."""
    state, plain = np.random.get_state(), random.getstate()
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        np.random.set_state(state)
        random.setstate(plain)


@contextmanager
def single_thread() -> Iterator[None]:
    """Give BLAS, OpenMP and joblib one thread each, so that sums are always added up in the same order."""
    from threadpoolctl import threadpool_limits

    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(limits=1))
        # joblib is not imported by Amber; where the model's library has loaded it, it is asked to run in sequence.
        joblib: Any = sys.modules.get("joblib")
        if joblib is not None and hasattr(joblib, "parallel_config"):
            stack.enter_context(joblib.parallel_config(backend="sequential"))
        yield


@contextmanager
def recording() -> Iterator[None]:
    """The surroundings in which answers are recorded: one thread, undisturbed, the model's warnings caught."""
    with single_thread(), undisturbed(), warnings.catch_warnings(action="ignore"):
        yield
