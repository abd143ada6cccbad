"""One worker as the queue sees it: a lane of `wire`, read by the loop, and a sure way to end the process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Sequence

from amber.server.exchange import Asked
from amber.server.front.endpoints.queue import Queue
from amber.server.interface import Route
from amber.server.wire.batch import Probed
from amber.server.wire.ends import FrontLane

UNTOLD_SECONDS = 10.0  # that a loader may take to say that a worker is gone


class WorkerLane:
    """Tells the queue of a version what one worker answered.

    Args:
        lane: The front's end.
        loop: Reads it.
        loader: Process id of the worker's parent, which must be what `/proc` says too; or of a loader that is the
            worker itself, and our own child.
        untold: Called where the worker was ended and the loader has not said so for `UNTOLD_SECONDS`.
    """

    def __init__(
        self, lane: FrontLane, loop: asyncio.AbstractEventLoop, loader: int, untold: Callable[[], None]
    ) -> None:
        self.lane = lane
        self.pid = 0
        self._loop, self._loader, self._untold = loop, loader, untold
        self._timer: asyncio.TimerHandle | None = None
        self._handle = -1  # a pidfd: the number of a dead process may be another's by now
        self._queue: Queue | None = None

    def forked(self, pid: int, queue: Queue) -> None:
        """Take that the worker is ready, and give it to the queue."""
        self.pid, self._queue = pid, queue
        self._handle = _handle(pid, self._loader)
        self._loop.add_reader(self.lane.fd, self._readable)
        queue.add(self)

    def send(self, parts: Sequence[Asked], outputs: tuple[int, ...], route: Route) -> int:
        """Give the worker a batch (see `lanes.Lane`)."""
        count = self.lane.send(parts, outputs, route)
        if self.lane.broken:
            self._give_up()
        return count

    def probe(self) -> None:
        """Have the worker replay a few cases."""
        self.lane.probe()
        if self.lane.broken:
            self._give_up()

    def kill(self) -> None:
        """End the worker at once; the loader tells when it is gone."""
        if self._timer is None:
            self._timer = self._loop.call_later(UNTOLD_SECONDS, self._untold)
        if self._handle >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
        elif self.pid and _is_ours(self.pid, self._loader):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Give descriptors and memory back; what the queue still waits for from here is lost."""
        if self._queue is not None:
            self._readable()  # it may have answered before it died
            self._loop.remove_reader(self.lane.fd)
            self._lost()
        if self._timer is not None:
            self._timer.cancel()
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        self.lane.close()

    def _readable(self) -> None:
        found = self.lane.receive()
        if self._queue is None:
            return
        if self.lane.broken:
            self._give_up()
        elif isinstance(found, Probed):
            self._queue.probed(self, found.failure)
        elif found is not None:
            self._queue.answered(self, found)

    def _give_up(self) -> None:
        """Ask it no more: what it wrote was no answer, or it cannot be reached.

        What it ran is repeated, or to blame, when the loader says that it has ended (`close`): a worker also dies with
        its loader, of which no request is the reason, and may be seen to before the loader is. Where it is the loader
        itself nobody says so. Not at once in either case: the queue may be sending.
        """
        self._loop.remove_reader(self.lane.fd)
        self.kill()
        self._loop.call_soon(self._lost if self.pid == self._loader else self._out_of_reach)

    def _out_of_reach(self) -> None:
        if self._queue is not None:
            self._queue.out_of_reach(self)

    def _lost(self) -> None:
        queue, self._queue = self._queue, None
        if queue is not None:
            queue.lost(self, begun=not self.lane.untouched)


def _handle(pid: int, loader: int) -> int:
    """Return a descriptor of a worker's process; -1 where there is none, or where the process is not the loader's."""
    if not hasattr(os, "pidfd_open"):
        return -1
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return -1
    if _is_ours(pid, loader):
        return handle
    os.close(handle)
    return -1


def _is_ours(pid: int, loader: int) -> bool:
    return pid == loader or _parent(pid) == loader


def _parent(pid: int) -> int:
    """Return the parent of a process; 0 where it is gone or the system does not tell."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0
