"""Work on several buffers at once; where no thread is to be had, one after the other with the same result.

Threads cannot be started once the interpreter ends (a model saved by an `atexit` function), nor where the number of
processes is capped.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(work: Callable[[Item], Result], items: Collection[Item], most: int = 1024) -> list[Result]:
    """Return `work(item)` for each of `items`, in order, with at most `most` threads.

    `work` may be called twice for an item.
    """
    from concurrent.futures import ThreadPoolExecutor  # here, since small artifacts need no thread

    try:
        with ThreadPoolExecutor(min(len(items), most, os.cpu_count() or 1)) as pool:
            return list(pool.map(work, items))
    except RuntimeError:
        return [work(item) for item in items]
