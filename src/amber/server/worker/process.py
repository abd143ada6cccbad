"""What a process of ours does to itself: dies with its parent, keeps only what it was given, draws its own numbers."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Collection

_PDEATHSIG = 1
NICE = 19  # of the thread that loads


def die_with(parent: int) -> None:
    """End with the parent, or now if it is gone; elsewhere than on Linux only now."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent and os.getppid() != parent:
        os._exit(0)


def step_back() -> None:
    """Give this thread the lowest priority; on Linux that is a thread's own, and nobody unprivileged gets it back."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


def kept_waiting(thread: int | None) -> float:
    """Return the seconds in which a thread of ours could have run and others did; 0 where the system does not tell."""
    try:
        with open(f"/proc/self/task/{thread}/schedstat", "rb") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def close_others(kept: Collection[int]) -> None:
    """Close every descriptor but standard ones and those kept."""
    last = 2
    for each in sorted({descriptor for descriptor in kept if descriptor > 2}):
        os.closerange(last + 1, each)
        last = each
    os.closerange(last + 1, _most_descriptors())


def _most_descriptors() -> int:
    with contextlib.suppress(OSError):
        return max(map(int, os.listdir("/dev/fd"))) + 1
    return os.sysconf("SC_OPEN_MAX")


def reseed() -> None:
    """Draw random numbers that no sibling draws."""
    import random

    random.seed()
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()


def default_signals() -> None:
    """Forget what the loader does on signals; the terminal's interrupt is the front's."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
