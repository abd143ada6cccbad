"""The large bodies and tables of one version: several are answered at once, by a process each; others wait.

    Body + Job -> Bulk (who is next) -> BulkProcess (one job) -> stream to the client, no faster than it reads

Processes share the CPU as the kernel does it, so that jobs get on side by side. Of the places one is for small bodies
alone: they do not wait until the large ones are through.
"""

from __future__ import annotations

import asyncio
from collections import deque

from amber.server.exchange import Failure
from amber.server.front.endpoints.bodies import Body
from amber.server.front.endpoints.bulk_process import BulkProcess, Connect, Given
from amber.server.front.http.messages import Request
from amber.server.wire.bulk import Job

SMALL = 4 << 20  # bytes of a body that may have the last place
_KEPT = 1 << 20  # bytes of a body after which a process is used again: its memory has hardly grown


class Bulk:
    """The jobs of one version.

    Args:
        loop: Of the front.
        connect: Starts a process.
        patience: Seconds a job may go without getting on.
        most: Jobs that wait or run at most.
        at_once: Jobs that run at most, 2 or more.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, connect: Connect, patience: float = 60.0, most: int = 16,
        at_once: int = 4,
    ) -> None:  # fmt: skip
        self._loop, self._connect, self._patience = loop, connect, patience
        self._most, self._at_once = most, at_once
        self._queue: deque[Given] = deque()
        self._running: set[BulkProcess] = set()
        self._idle: BulkProcess | None = None
        self._number = 0
        self._closed: list[int] = []  # processes whose connection was closed, of which the loader has not heard
        self.closed: Failure | None = None
        self._given_up = False  # nothing that waits is begun any more

    @property
    def depth(self) -> int:
        """Jobs that wait or run."""
        return len(self._queue) + len(self._running)

    def submit(self, request: Request, body: Body, job: Job) -> None:
        """Answer a request whose body is whole, and taken over.

        Raises:
            Failure: 429: too many wait. 503: the version is not served any more.
        """
        if self.closed is not None or self.depth >= self._most:
            body.close()
            raise self.closed or Failure(
                429, "bulk-queue-full", f"{self.depth} large requests wait already", retry_after=5.0,
                hint="ask again later, or in smaller requests",
            )  # fmt: skip
        given = Given(job, body, request)
        request.on_gone = lambda: self._gone(given)
        self._queue.append(given)
        self._next()

    async def drained(self, failure: Failure, seconds: float | None) -> None:
        """Take no more jobs; give those there are some seconds to end, None: as long as they get on."""
        self.closed = failure
        until = self._loop.time() + (float("inf") if seconds is None else seconds)
        while self.depth and self._loop.time() < until:
            await asyncio.sleep(0.02)
        self.close(failure)

    def close(self, failure: Failure) -> None:
        """Take no more jobs; those that wait or run get this failure."""
        self.closed, self._given_up = failure, True
        while self._queue:
            given = self._queue.popleft()
            given.body.close()
            given.request.fail(failure)
        for process in list(self._running):
            process.end(failure)
        if self._idle is not None:
            self._idle.end()

    # Who is next

    def _next(self) -> None:
        """Start what there is a place for."""
        while not self._given_up and (given := self._chosen()) is not None:
            self._queue.remove(given)
            self._start(given)

    def _chosen(self) -> Given | None:
        if len(self._running) >= self._at_once:
            return None
        large = sum(each.size > SMALL for each in self._running)
        room = large < self._at_once - 1
        return next((each for each in self._queue if room or each.body.size <= SMALL), None)

    def _start(self, given: Given) -> None:
        process, self._idle = self._idle, None
        try:
            if process is None:
                self._number += 1
                control = self._connect(self._number, self._closed)
                self._closed = []
                process = BulkProcess(self._loop, control, self._number, self._patience, self._over)
        except (OSError, Failure) as error:
            given.body.close()
            given.request.fail(error if isinstance(error, Failure) else _no_process())
            return
        self._running.add(process)
        process.start(given)

    def _over(self, process: BulkProcess) -> None:
        """A process has no job any more, or has ended."""
        self._running.discard(process)
        if self._idle is process:
            self._idle = None
        if process.alive and self._idle is None and process.size <= _KEPT and self.closed is None:
            self._idle = process
        elif process.alive:
            process.end()
            return
        else:
            self._closed.append(process.number)
        self._loop.call_soon(self._next)

    def _gone(self, given: Given) -> None:
        """The client is gone: a job that waits is dropped, one that runs is ended."""
        if given in self._queue:
            self._queue.remove(given)
            given.body.close()
            return
        for process in list(self._running):
            if process.given is given:
                process.end()


def _no_process() -> Failure:
    hint = "ask again later"
    return Failure(503, "lane-impossible", "no process for large bodies is to be had", retry_after=5.0, hint=hint)
