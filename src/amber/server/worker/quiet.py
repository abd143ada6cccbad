"""A process that answers prints no warning, which could show a row, and adds sums in one order."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import numpy as np

from amber.cases.quiet import single_thread
from amber.server.worker.answering import Answering


@contextmanager
def quiet(answering: Answering) -> Iterator[None]:
    """Be so for the life of a process; libraries of an original have one thread each."""
    np.seterr(all="ignore")
    single = single_thread() if "original" in answering.forms else nullcontext()
    with warnings.catch_warnings(action="ignore"), single:
        yield
