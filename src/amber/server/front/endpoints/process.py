"""One loader and its workers, from start to end: what `versions` asks a model of.

In: an `Order`, a sealed artifact. Out: what the loader found, workers in a queue, and word of every end. A worker that
dies is forked anew, sooner where it lived long; a loader that dies takes its workers along and is the version's matter.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import Callable, Sequence

from amber.server.exchange import Failure
from amber.server.front.endpoints.backoff import Backoff
from amber.server.front.endpoints.queue import Queue
from amber.server.front.endpoints.worker_lane import WorkerLane
from amber.server.interface import Interface
from amber.server.wire import bulk, control
from amber.server.wire.control import Closed, Control, Died, Forked, FromLoader, Order, Ready, Refused, Serve
from amber.server.wire.ends import Kind
from amber.server.wire.lane import create
from amber.server.wire.starting import start

# times the seconds of an order: a loader keeps them itself, and does not count what others keep the processor from it
_PATIENCE = 10
_STOP_SECONDS = 5.0  # for a loader to end by itself
_STILLBORN = 5  # workers in a row that died before they were ready: no more are tried


class LoadError(Exception):
    """A version cannot be served: what the loader, or what is missing of one, says."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.message)
        self.refused = refused


class Process:
    """A loader process.

    Args:
        order: What it is to serve.
        artifact: Descriptor of the sealed copy; stays the caller's.
        workers: How many workers to have.
        region_bytes: Of a batch, and of an answer.
        kind: How lanes carry their bytes; None: the best this system has.

    Attributes:
        on_end: Called once with a sentence when the loader ends unasked after it was ready, or no worker comes up.
        deaths: Workers that died.
    """

    def __init__(self, order: Order, artifact: int, workers: int, region_bytes: int, kind: Kind | None = None) -> None:
        self.on_end: Callable[[str], None] = lambda reason: None
        self.deaths = 0
        self._order, self._artifact, self._count = order, artifact, workers
        self._bytes, self._kind = region_bytes, kind
        self._loop = asyncio.get_running_loop()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: Control | None = None
        self._ready: asyncio.Future[Ready] = self._loop.create_future()
        self._up: asyncio.Future[None] = self._loop.create_future()
        self._interface: Interface | None = None
        self._queue: Queue | None = None
        self._lanes: dict[int, WorkerLane] = {}
        self._numbers = 0
        self._stillborn = 0
        self._backoff = Backoff(first=0.05, longest=1.0, healthy=10.0)  # a fork is cheap
        self._born: dict[int, float] = {}
        self._serving = self._stopping = False

    @property
    def pids(self) -> list[int]:
        """Process ids of the loader and its workers; a spawned worker is the loader itself."""
        loader = [self._process.pid] if self._process is not None else []
        return loader + [lane.pid for lane in self._lanes.values() if lane.pid and lane.pid not in loader]

    async def load(self) -> Ready:
        """Start the loader and return what it found.

        Raises:
            LoadError: It refuses the artifact, died, or took longer than the order allows.
        """
        try:
            self._process, self._control = start(self._order, self._artifact)
        except OSError as error:
            message = f"no process could be started: {error}"
            raise LoadError(Refused(code="replay-unavailable", message=message)) from error
        except Closed as error:
            message = f"the process that was to hold the model ended at once ({error})"
            raise LoadError(Refused(code="loader-died", message=message)) from error
        self._loop.add_reader(self._control.fd, self._heard)
        try:
            most = _PATIENCE * self._order.seconds
            ready = await asyncio.wait_for(self._ready, most)
        except TimeoutError as error:
            message = f"the model was not ready within {most:g} seconds"
            hint = "raise load_seconds, or serve a smaller model"
            raise LoadError(Refused(code="load-timeout", message=message, hint=hint)) from error
        self._interface = ready.interface
        return ready

    async def serve(self, queue: Queue) -> None:
        """Have the workers forked and given to the queue; returns when each has come up or died.

        Raises:
            LoadError: None came up.
        """
        self._queue = queue
        try:
            for _ in range(self._count):
                self._fork()
        except (OSError, ValueError) as error:
            raise LoadError(Refused(code="lane-impossible", message=f"no worker can be reached: {error}")) from error
        try:
            await asyncio.wait_for(asyncio.shield(self._up), self._order.seconds)
        except TimeoutError as error:
            if not queue.lanes:
                message = f"no worker was ready within {self._order.seconds:g} seconds"
                raise LoadError(Refused(code="load-timeout", message=message)) from error
        self._serving = True

    def bulk(self, number: int, ended: Sequence[int]) -> Control:
        """Have a process for large bodies forked, and return the connection to it; it ends when that is closed.

        Args:
            number: Of the process.
            ended: Numbers of those that were given up, which may not have noticed.

        Raises:
            Failure: The loader is gone.
        """
        ours, theirs = socket.socketpair()
        try:
            if self._control is None:
                raise Closed("no loader")
            self._control.send(control.Bulk(number=number, ended=list(ended)), [theirs.fileno()])
        except Closed as error:
            ours.close()
            message = "the process that holds the model is gone"
            raise Failure(503, "loader-died", message, retry_after=1.0) from error
        finally:
            theirs.close()
        ours.setblocking(False)
        return bulk.front_end(ours)

    async def stop(self) -> None:
        """End the loader and its workers, whatever they are doing."""
        self._stopping = True
        self._give_up(LoadError(Refused(code="load-stopped", message="it was ended before it was ready")))
        self._forget()
        process, self._process = self._process, None
        if process is None:
            return
        try:
            await self._loop.run_in_executor(None, process.wait, _STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()  # our own child, not yet waited for: its number is still its own
            await self._loop.run_in_executor(None, process.wait)

    def _fork(self) -> None:
        """Ask the loader for a worker on a fresh lane."""
        if self._stopping or self._control is None or self._interface is None or self._process is None:
            return
        number = self._numbers = self._numbers + 1
        lane = create(self._bytes, self._bytes, self._interface, kind=self._kind)
        self._lanes[number] = WorkerLane(lane, self._loop, self._process.pid, self._untold)
        self._born[number] = self._loop.time()
        frame = Serve(lane=number, kind=lane.kind, request_bytes=lane.request_bytes, answer_bytes=lane.answer_bytes)
        try:
            self._control.send(frame, lane.fds())
        except Closed as error:  # it is gone, or hears nothing
            self._loop.call_soon(self._ended, f"the process that holds the model cannot be reached ({error})")
        lane.handed_over()

    def _fork_again(self) -> None:
        try:
            self._fork()
        except OSError:  # no memory or descriptors now
            self._loop.call_later(self._backoff.wait(0.0), self._fork_again)

    def _heard(self) -> None:
        if self._control is None:
            return
        try:
            frames = self._control.receive()
        except Closed as error:
            self._ended(f"the process that holds the model ended ({error})")
            return
        for frame, _ in frames:
            self._take(frame)

    def _take(self, frame: FromLoader) -> None:
        match frame:
            case Ready() if not self._ready.done():
                self._ready.set_result(frame)
            case Refused() if not self._ready.done():
                self._ready.set_exception(LoadError(frame))
            case Forked(lane=number, pid=pid) if self._is_awaited(number) and self._queue is not None and pid > 0:
                self._stillborn = 0
                self._lanes[number].forked(pid, self._queue)
                self._settled()
            case Died(lane=number) if number in self._lanes:
                self._died(number, frame)
            case _:
                self._ended("the process that holds the model said what it may not say")

    def _is_awaited(self, number: int) -> bool:
        """Whether a worker was asked for on this lane, and has not come up: said twice it is no word of a loader's."""
        lane = self._lanes.get(number)
        return lane is not None and not lane.pid

    def _died(self, number: int, frame: Died) -> None:
        lane = self._lanes.pop(number)
        if not lane.pid:
            self._stillborn += 1
        self.deaths += 1
        lived = self._loop.time() - self._born.pop(number)
        lane.close()
        if self._stillborn >= _STILLBORN:
            self._ended(
                f"{self._stillborn} workers in a row ended before they were ready, the last with {frame.status}"
            )
        elif not self._stopping:
            self._loop.call_later(self._backoff.wait(lived), self._fork_again)

    def _untold(self) -> None:
        self._ended("the process that holds the model did not say that a worker had ended")

    def _settled(self) -> None:
        if not self._up.done() and all(lane.pid for lane in self._lanes.values()):
            self._up.set_result(None)

    def _ended(self, reason: str) -> None:
        """Take that the loader is gone, or that it is of no use any more."""
        if self._stopping:
            return
        hint = "its last words are in the server's log"
        self._give_up(LoadError(Refused(code="loader-died", message=reason, hint=hint)))
        if self._serving:
            self._serving = False
            self.on_end(reason)  # before the lanes are closed: no request is to blame for this
        self._forget()

    def _give_up(self, refused: LoadError) -> None:
        """Have those who wait for the loader or its workers wait no more."""
        for future in (self._ready, self._up):
            if not future.done():
                future.set_exception(refused)
                future.exception()  # nobody may be waiting for it

    def _forget(self) -> None:
        """Close everything that leads to the loader: it ends by itself when its connection does."""
        if self._control is not None:
            self._loop.remove_reader(self._control.fd)
            self._control.close()
            self._control = None
        for lane in self._lanes.values():
            lane.close()
        self._lanes.clear()
        self._born.clear()
