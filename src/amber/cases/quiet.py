"""Run a model without leaving traces: one thread, the caller's random streams put back, no floating-point noise.

Random streams, thread pools and warning filters belong to the whole process: two threads that changed and put back the
same one would leave it as neither found it. So these surroundings are for one thread at a time.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

_one_at_a_time = threading.RLock()


def _forked() -> None:
    """Take a new lock: who held the old one does not live on in a forked child."""
    global _one_at_a_time
    _one_at_a_time = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put the process-wide generators of NumPy and Python back afterwards, and silence floating-point errors."""
    with _one_at_a_time:
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

    with _one_at_a_time, ExitStack() as stack:
        stack.enter_context(threadpool_limits(limits=1))
        # joblib is not imported by Amber; where the model's library has loaded it, it is asked to run in sequence.
        joblib: Any = sys.modules.get("joblib")
        if joblib is not None and hasattr(joblib, "parallel_config"):
            stack.enter_context(joblib.parallel_config(backend="sequential"))
        yield


@contextmanager
def recording() -> Iterator[None]:
    """The surroundings in which answers are recorded: one thread, undisturbed, the model's warnings caught."""
    with _one_at_a_time, single_thread(), undisturbed(), warnings.catch_warnings(action="ignore"):
        yield
