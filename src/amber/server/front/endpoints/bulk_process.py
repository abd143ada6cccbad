"""One process for large bodies: it has one job, or none. Its answer goes to the client as it comes.

A job gets on while the process says something; where the client does not read, the process is not read either, and
it is the client who has to get on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from amber.server.exchange import Failure
from amber.server.front.endpoints.bodies import Body
from amber.server.front.endpoints.waiting import late, poisoned
from amber.server.front.http.messages import Request, Stream
from amber.server.wire.bulk import Begun, Ended, Failed, FromBulk, Going, Job, Piece
from amber.server.wire.control import Closed, Control

READ_RATE = 1 << 16  # bytes a second at which an answer must be taken in the long run, beyond the patience
_LOOKS = 8  # at a job, in the time it may go without getting on

Connect = Callable[[int, Sequence[int]], Control]
"""Starts a process of a number, and returns the front's end of the connection to it; the other numbers have ended."""


@dataclass(slots=True, eq=False)
class Given:
    """A job whose body is whole."""

    job: Job
    body: Body
    request: Request
    stream: Stream | None = None
    sent: int = 0  # bytes of the answer


class BulkProcess:
    """The front's view of it.

    Attributes:
        number: By which the loader knows it.
        alive: Whether it can be asked.
        given: Its job; None: it is idle.
        size: Bytes of the largest body it has had.

    Args:
        loop: Of the front.
        control: The front's end; the process ends when it is closed.
        number: See above.
        patience: Seconds a job may go without getting on.
        over: Called when a job is over, and when the process has ended.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, control: Control, number: int, patience: float,
        over: Callable[[BulkProcess], None],
    ) -> None:  # fmt: skip
        self._loop, self._control, self._patience, self._tell = loop, control, patience, over
        self.number, self.alive, self.size = number, True, 0
        self.given: Given | None = None
        self._moved = 0.0  # when it last said something
        self._paused = False  # the client does not read, since `_moved`
        self._waited = 0.0  # seconds that the client did not read, before that
        self._look_timer: asyncio.TimerHandle | None = None
        self._late_timer: asyncio.TimerHandle | None = None
        loop.add_reader(control.fd, self._readable)

    def start(self, given: Given) -> None:
        """Give it a job; what becomes of it is told to the request."""
        self.given, self.size = given, max(self.size, given.body.size)
        self._moved, self._waited = self._loop.time(), 0.0
        self._look_later()
        if given.request.deadline is not None:
            self._late_timer = self._loop.call_at(given.request.deadline, self.end, late())
        try:
            self._control.send(given.job, [given.body.fd])
        except Closed:
            self.end(poisoned())

    def end(self, failure: Failure | None = None) -> None:
        """End the process, whatever it does; a job it has gets this failure, None: its client is gone."""
        if not self.alive:
            return
        self.alive = False
        if not self._paused:
            self._loop.remove_reader(self._control.fd)
        self._control.close()
        self._settle(failure)

    # What it says

    def _readable(self) -> None:
        try:
            frames = self._control.receive()
        except Closed:
            self.end(poisoned())
            return
        for frame, _ in frames:
            if not self.alive:
                return
            try:
                self._take(frame)
            except ValueError:  # no header; or what is said at the wrong time
                self.end(Failure(500, "worker-answer", "the process for large bodies said what is no answer"))

    def _take(self, frame: FromBulk) -> None:
        given = self.given
        if given is None:
            raise ValueError("nothing was asked")
        self._moved = self._loop.time()
        request, stream = given.request, given.stream
        if isinstance(frame, Begun) and stream is None:
            given.stream = request.stream(200, frame.content_type, frame.headers)
            given.stream.on_drained = self._drained
        elif isinstance(frame, Piece) and stream is not None:
            given.sent += len(frame.data)
            if not stream.write(frame.data) and not request.gone:
                self._pause()
        elif isinstance(frame, Going):
            request.rows = frame.rows
        elif isinstance(frame, Ended) and stream is not None:
            request.rows = frame.rows
            stream.end(frame.trailers)
            self._settle()
        elif isinstance(frame, Failed):
            request.rows = frame.rows
            self._settle(frame.failure())
        else:
            raise ValueError("not now")

    def _settle(self, failure: Failure | None = None) -> None:
        """The job is over, with its answer or with a failure."""
        given, self.given = self.given, None
        for timer in (self._look_timer, self._late_timer):
            if timer is not None:
                timer.cancel()
        self._look_timer = self._late_timer = None
        if given is not None:
            given.body.close()
            if failure is not None:
                _fail(given, failure)
        if self.alive:
            self._drained()
        self._tell(self)

    # Time

    def _look_later(self) -> None:
        self._look_timer = self._loop.call_later(self._patience / _LOOKS, self._look)

    def _look(self) -> None:
        """Give up a job that does not get on, or whose client does not."""
        given, since = self.given, self._loop.time() - self._moved
        if given is None:
            return
        if self._paused and self._waited + since > self._patience + given.sent / READ_RATE:
            hint = f"read at least {READ_RATE >> 10} KiB a second"
            self.end(Failure(408, "answer-timeout", "the answer was read too slowly", hint=hint))
        elif not self._paused and since > self._patience:
            self.end(late())
        else:
            self._look_later()

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._loop.remove_reader(self._control.fd)

    def _drained(self) -> None:
        if self._paused and self.alive:
            self._paused = False
            now = self._loop.time()
            self._waited += now - self._moved
            self._moved = now
            self._loop.add_reader(self._control.fd, self._readable)


def _fail(given: Given, failure: Failure) -> None:
    if given.stream is not None:
        given.request.code = failure.code
        given.stream.abort(failure)
    elif not given.request.answered:
        given.request.fail(failure)
