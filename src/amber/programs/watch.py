"""Runs of a graph, bounded in time: onnxruntime ends a run between two nodes once the options of the run say so.

In: the `run` of a session, and how many seconds one run may take. Out: the same function, which raises `LimitError`.
Called by `Program`. One thread looks at the runs of all programs of a process. It is started by the first run and
waits while nothing runs, so that a run costs two notes of the time and no lock.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from amber.errors import LimitError
from amber.programs.session import runtime

Run = Callable[[Sequence[str], "dict[str, Any]"], "list[Any]"]
_PERIOD = 0.1  # seconds between two looks
_QUIET = 50  # looks that see nothing run, until the thread waits to be woken
_clock = time.monotonic


class _Call:
    """One run at a time: when it began (0: none is under way), and what ends it."""

    __slots__ = ("__weakref__", "late", "options", "seconds", "since")

    def __init__(self, seconds: float) -> None:
        self.options: Any = runtime().RunOptions()
        self.seconds, self.since, self.late = seconds, 0.0, False


class _Watch:
    """The thread that ends what takes too long."""

    def __init__(self) -> None:
        self._calls: weakref.WeakSet[_Call] = weakref.WeakSet()
        self.reset()

    def reset(self) -> None:
        """Begin again, with the calls there are: a forked child has the memory of the thread and not the thread."""
        self._lock, self._wanted = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None
        self.asleep = True

    def call(self, seconds: float) -> _Call:
        """Return a call that is looked at."""
        call = _Call(seconds)
        with self._lock:
            self._calls.add(call)
        return call

    def wake(self) -> None:
        """Look at the runs from now on."""
        with self._lock:
            self.asleep = False
            self._wanted.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="amber-watch", daemon=True)
                try:
                    self._thread.start()
                except RuntimeError:  # the interpreter ends, or the number of threads is capped: nothing is bounded
                    return

    def _look(self) -> None:
        quiet = 0
        while True:
            time.sleep(_PERIOD)
            quiet = 0 if self._busy() else quiet + 1
            if quiet < _QUIET:
                continue
            self._wanted.clear()
            self.asleep = True
            if not self._busy():  # a run notes its begin before it asks whether anybody looks
                self._wanted.wait()
            self.asleep, quiet = False, 0

    def _busy(self) -> bool:
        """Whether anything runs; what has run too long is ended."""
        with self._lock:
            calls = list(self._calls)
        now, busy = _clock(), False
        for call in calls:
            since = call.since
            if since:
                busy = True
                if now - since > call.seconds:
                    call.late = True
                    call.options.terminate = True
        return busy


_watch = _Watch()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_watch.reset)


def bounded(run: Run, seconds: float) -> Run:
    """Return a session's `run` that ends after so many seconds: a tenth later, and when its node is done.

    The function returned raises LimitError `limit-program-seconds`.
    """
    free: list[_Call] = []

    def ask(names: Sequence[str], feeds: dict[str, Any]) -> list[Any]:
        try:
            call = free.pop()
        except IndexError:
            call = _watch.call(seconds)
        call.since = since = _clock()
        if _watch.asleep:
            _watch.wake()
        try:
            arrays: list[Any] = run(names, feeds, call.options)  # type: ignore[call-arg]
        except Exception as error:
            call.since = 0.0
            if not call.late:
                raise
            if _clock() - since < seconds:  # meant for the run that had these options before
                return ask(names, feeds)
            raise LimitError(
                "limit-program-seconds", f"a run of the graph took longer than {seconds:g} seconds",
                hint="ask with fewer rows, or allow more program_seconds in the policy's limits",
            ) from error  # fmt: skip
        call.since = 0.0
        if not call.late:
            free.append(call)
        return arrays

    return ask
