"""Bodies too large for the front, and tables: kept in memory of their own, answered by a version's bulk process.

    client -> Upload (a sink: pieces into memory that is then sealed) -> Bulk (one job at a time) -> bulk process
           -> pieces of the answer -> stream to the client, no faster than it reads

The front touches no value of such a body, so that one-row requests do not wait behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from amber.server.exchange import Failure
from amber.server.front.endpoints.waiting import late, poisoned
from amber.server.front.http.messages import Request, Stream
from amber.server.wire import memory
from amber.server.wire.bulk import Begun, Cancel, Ended, Failed, Job, Piece
from amber.server.wire.control import Closed, Control


class Held:
    """Bytes of bodies that have not been given to a bulk process, of all versions together.

    Args:
        most: Of them.
    """

    def __init__(self, most: int) -> None:
        self.most, self.now = most, 0


class Body:
    """A body in memory of its own; `close` gives it back, however often it is called.

    Attributes:
        fd: Of the memory; -1 once it was given back.
    """

    def __init__(self, held: Held) -> None:
        self.fd = memory.fresh("amber-body")
        self._held, self._size = held, 0

    def write(self, piece: bytes) -> None:
        """Keep a piece.

        Raises:
            Failure: 429: the bodies of all requests together take more memory than there is for them.
        """
        held = self._held
        if held.now + len(piece) > held.most:
            raise Failure(
                429, "bulk-memory-full", f"large requests hold {held.now >> 20} MiB already", retry_after=5.0,
                hint="ask again later, or in smaller requests",
            )  # fmt: skip
        held.now += len(piece)
        self._size += len(piece)
        memory.write(self.fd, piece)

    def seal(self) -> None:
        """What the bulk process maps can no longer shrink under it."""
        memory.seal(self.fd)

    def close(self) -> None:
        """Give the memory back."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
            self._held.now -= self._size


@dataclass(slots=True)
class _Waiting:
    """A job whose body is whole."""

    job: Job
    body: Body  # ours until it has been sent
    request: Request
    stream: Stream | None = None


class Bulk:
    """The jobs of one version.

    Args:
        loop: Of the front.
        connect: Starts a bulk process and returns the front's end of the connection to it; called when a job is there
            and no process.
        most: Jobs that wait at most.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, connect: Callable[[], Control], most: int = 16) -> None:
        self._loop, self._connect, self._most = loop, connect, most
        self._control: Control | None = None
        self._queue: deque[_Waiting] = deque()
        self._now: _Waiting | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._number = 0
        self._paused = False
        self.closed: Failure | None = None

    @property
    def depth(self) -> int:
        """Jobs that wait or run."""
        return len(self._queue) + (self._now is not None)

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
        self._number += 1
        waiting = _Waiting(msgspec.structs.replace(job, id=self._number), body, request)
        request.on_gone = lambda: self._gone(waiting)
        self._queue.append(waiting)
        self._next()

    async def drained(self, failure: Failure, seconds: float) -> None:
        """Take no more jobs; give those there are some seconds to end, then this failure."""
        self.closed = failure
        until = self._loop.time() + seconds
        while self.depth and self._loop.time() < until:
            await asyncio.sleep(0.02)
        self.close(failure)

    def close(self, failure: Failure) -> None:
        """Take no more jobs; those that wait or run get this failure."""
        self.closed = failure
        while self._queue:
            waiting = self._queue.popleft()
            waiting.body.close()
            waiting.request.fail(failure)
        self._broken(failure)

    # One job

    def _next(self) -> None:
        if self._now is not None or not self._queue:
            return
        waiting = self._now = self._queue.popleft()
        try:
            if self._control is None:
                self._control = self._connect()
                self._loop.add_reader(self._control.fd, self._readable)
            self._control.send(waiting.job, [waiting.body.fd])
        except (Closed, OSError, Failure) as error:
            waiting.body.close()
            self._broken(error if isinstance(error, Failure) else poisoned())
            return
        waiting.body.close()
        deadline = waiting.request.deadline
        if deadline is not None:
            self._timer = self._loop.call_at(deadline, self._late)

    def _readable(self) -> None:
        control = self._control
        if control is None:
            return
        try:
            frames = control.receive()
        except Closed:
            self._broken(poisoned())
            return
        for frame, _ in frames:
            self._take(frame)

    def _take(self, frame: Begun | Piece | Ended | Failed) -> None:
        waiting = self._now
        if waiting is None or frame.id != waiting.job.id:
            return  # of a job nobody waits for
        request = waiting.request
        if isinstance(frame, Begun):
            if waiting.stream is None and not request.answered:
                waiting.stream = request.stream(200, frame.content_type, frame.headers)
                waiting.stream.on_drained = self._drained
        elif isinstance(frame, Piece):
            if waiting.stream is not None and not waiting.stream.write(frame.data) and not request.gone:
                self._pause()
        elif isinstance(frame, Ended):
            request.rows = frame.rows
            if waiting.stream is not None:
                waiting.stream.end()
            self._over()
        else:
            self._failed(waiting, frame.failure())
            self._over()

    def _failed(self, waiting: _Waiting, failure: Failure) -> None:
        if waiting.stream is not None:
            waiting.request.code = failure.code
            waiting.stream.abort()
        elif not waiting.request.answered:
            waiting.request.fail(failure)

    def _over(self) -> None:
        self._now = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._drained()
        self._next()

    def _gone(self, waiting: _Waiting) -> None:
        """The client is gone: a job that waits is dropped, one that runs is told to stop."""
        if waiting is self._now:
            self._drained()
            with contextlib.suppress(Closed):
                if self._control is not None:
                    self._control.send(Cancel(id=waiting.job.id))
        elif waiting in self._queue:
            self._queue.remove(waiting)
            waiting.body.close()

    def _late(self) -> None:
        """The time of the job is over: its process is ended by closing the connection."""
        self._timer = None
        self._broken(late())

    def _broken(self, failure: Failure) -> None:
        """Give up the process; the next job gets a new one."""
        if self._control is not None:
            self._loop.remove_reader(self._control.fd)
            self._control.close()
            self._control = None
        self._paused = False
        waiting, self._now = self._now, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if waiting is not None:
            self._failed(waiting, failure)
        if self.closed is None:
            self._loop.call_soon(self._next)

    def _pause(self) -> None:
        if self._control is not None and not self._paused:
            self._paused = True
            self._loop.remove_reader(self._control.fd)

    def _drained(self) -> None:
        if self._control is not None and self._paused:
            self._paused = False
            self._loop.add_reader(self._control.fd, self._readable)


class Upload:
    """Takes a body in pieces and gives it away when it is whole: a `Sink`. `ready` None: it is dropped.

    Args:
        request: Whose body it is.
        ready: Takes it over.
        held: What all bodies take.
    """

    def __init__(self, request: Request, ready: Callable[[Body], None] | None, held: Held) -> None:
        self._request, self._ready = request, ready
        self._body = None if ready is None else Body(held)

    def write(self, chunk: bytes) -> bool:
        """Keep a piece.

        Raises:
            Failure: 429: there is no memory for it now.
        """
        if self._body is not None:
            self._body.write(chunk)
        return True

    def end(self) -> None:
        """Hand it over."""
        body, self._body = self._body, None
        if self._ready is None or body is None:
            return
        body.seal()
        try:
            self._ready(body)
        except Failure as failure:
            body.close()
            self._request.fail(failure)

    def abort(self, why: str) -> None:
        """Forget it."""
        if self._body is not None:
            self._body.close()
            self._body = None
