"""Work on several buffers at once; where no thread is to be had, one after the other with the same result.

Threads cannot be started once the interpreter ends (a model saved by an `atexit` function), nor where the number of
processes is capped.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(work: Callable[[Item], Result], items: Collection[Item], most: int = 1024) -> list[Result]:
    """Return `work(item)` for each of `items`, in order, with at most `most` threads.

    `work` may be called twice for an item.
    """
    try:
        with ThreadPoolExecutor(min(len(items), most, os.cpu_count() or 1)) as pool:
            return list(pool.map(work, items))
    except RuntimeError:
        return [work(item) for item in items]


@contextmanager
def aside() -> Iterator[Callable[..., Future[object]]]:
    """Yield a function that starts a call beside this thread, one at a time; leaving waits for the last."""
    with ThreadPoolExecutor(1) as pool:

        def start(work: Callable[[Item], object], item: Item) -> Future[object]:
            try:
                return pool.submit(work, item)
            except RuntimeError:
                done: Future[object] = Future()
                done.set_result(work(item))
                return done

        yield start
