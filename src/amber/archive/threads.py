"""Work on several buffers at once; where no thread is to be had, one after the other with the same result."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from blake3 import blake3

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(work: Callable[[Item], Result], items: Collection[Item], most: int = 1024) -> list[Result]:
    """Return `work(item)` for each of `items`, in order, with at most `most` threads.

    `work` may be called twice for an item. Threads cannot be started once the interpreter ends (a model saved by an
    `atexit` function), nor where the number of processes is capped.
    """
    try:
        with ThreadPoolExecutor(min(len(items), most, os.cpu_count() or 1)) as pool:
            return list(pool.map(work, items))
    except RuntimeError:
        return [work(item) for item in items]


def hashing() -> int:
    """Return the `max_threads` of a large BLAKE3 hash.

    The shared pool of the library does not live on in a forked child, which would wait for it for ever; a number of
    its own makes a fresh pool for each hash.
    """
    return min(_MOST, os.cpu_count() or 1) if _in_forked_child else blake3.AUTO


_MOST = 8  # memory is the narrower road from here on
_in_forked_child = False


def _forked() -> None:
    global _in_forked_child
    _in_forked_child = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
