"""`python -m tests.unit.server.endpoints.misbehaving FD`: a loader whose first worker does what no worker may do.

What it does is the name in the order; every later worker behaves. It stands where `amber.server.worker` stands.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from amber.server.wire import control, lane
from amber.server.wire.batch import ANSWER
from amber.server.wire.control import Closed, Died, Forked, Ready, Serve
from amber.server.wire.ends import WorkerLane
from amber.server.worker.process import die_with
from tests.unit.server.endpoints.world import interface

_ANSWER_AT = 4096  # where the test's regions have the answer


def behave(end: WorkerLane) -> None:
    """Answer what was asked with itself."""
    while (batch := end.wait()) is not None:
        end.answer(batch, [bytes(batch.numbers)])


def wait_blocking(memory: int, bell: int, answered: int, end: WorkerLane) -> None:
    """Have nothing that is shared return at once, as far as a worker can, and never answer."""
    for each in (memory, bell, answered):
        flags = fcntl.fcntl(each, fcntl.F_GETFL)
        fcntl.fcntl(each, fcntl.F_SETFL, flags & ~os.O_NONBLOCK)
    time.sleep(60)


def fill(memory: int, bell: int, answered: int, end: WorkerLane) -> None:
    """Fill both bells, from both of their ends."""
    for each in (bell, answered):
        with contextlib.suppress(OSError):
            more = os.open(f"/proc/self/fd/{each}", os.O_WRONLY | os.O_NONBLOCK)
            while os.write(more, bytes(65536)):
                pass
    wait_blocking(memory, bell, answered, end)


def flood(memory: int, bell: int, answered: int, end: WorkerLane) -> None:
    """Ring without end."""
    while True:
        os.write(answered, b"!")


def ring_twice(memory: int, bell: int, answered: int, end: WorkerLane) -> None:
    """Answer, and say so once more."""
    while (batch := end.wait()) is not None:
        end.answer(batch, [bytes(batch.numbers)])
        os.write(answered, b"!")


def close_all(memory: int, bell: int, answered: int, end: WorkerLane) -> None:
    """Close what it was given, and live on."""
    os.close(bell)
    os.close(answered)
    time.sleep(60)


def close_bell(memory: int, bell: int, answered: int, end: WorkerLane) -> None:
    """Hear nothing any more, and live on."""
    os.close(bell)
    time.sleep(60)


def count_wrongly(memory: int, bell: int, answered: int, end: WorkerLane) -> None:
    """Answer another batch than the one that was sent."""
    while (batch := end.wait()) is not None:
        batch.sequence += 7
        end.answer(batch, [bytes(batch.numbers)])


def boast(memory: int, bell: int, answered: int, end: WorkerLane) -> None:
    """Say that the answer is longer than the memory."""
    batch = end.wait()
    assert batch is not None
    os.pwrite(memory, ANSWER.pack(batch.sequence, 1, 0, 1 << 60), _ANSWER_AT)
    os.write(answered, b"!")
    time.sleep(60)


def sleep(memory: int, bell: int, answered: int, end: WorkerLane) -> None:
    """Take a batch and never answer."""
    end.wait()
    time.sleep(60)


def punch(memory: int, bell: int, answered: int, end: WorkerLane) -> None:
    """Take the memory away, as far as it lets one, and say that the answer is there."""
    end.wait()
    with contextlib.suppress(OSError):
        os.ftruncate(memory, 0)
    with contextlib.suppress(OSError):
        os.ftruncate(memory, 1 << 40)
    os.pwrite(memory, bytes(ANSWER.size), _ANSWER_AT)
    os.write(answered, b"!")
    time.sleep(60)


_ALL = (wait_blocking, fill, flood, ring_twice, close_all, close_bell, count_wrongly, boast, sleep, punch)
BEHAVIOURS: dict[str, Callable[[int, int, int, WorkerLane], None]] = {each.__name__: each for each in _ALL}


class Loader:
    """Forks workers as it is told, and tells of their ends, unless it is its name not to."""

    def __init__(self, descriptor: int) -> None:
        end = socket.socket(fileno=descriptor)
        end.setblocking(True)
        self.control = control.loader_end(end)
        self.name = ""
        self.lanes: dict[int, int] = {}

    def run(self) -> None:
        frames: list[Any] = []
        while not frames:
            frames = self.control.receive()
        ((order, _),) = frames
        self.name = order.name
        self.control.send(Ready(interface=interface()))
        self.control.block(False)
        while True:
            for frame, given in self.control.receive():
                self.fork(frame, given)
            pid, status = os.waitpid(-1, os.WNOHANG) if self.lanes else (0, 0)
            if pid:
                number = self.lanes.pop(pid)
                if self.name != "be_silent":
                    self.control.send(Died(lane=number, pid=pid, status=os.waitstatus_to_exitcode(status)))
            time.sleep(0.01)

    def fork(self, frame: Serve, fds: list[int]) -> None:
        first = frame.lane == 1
        pid = os.fork()
        if pid == 0:
            self.work(frame, fds, first)
        for each in fds:
            os.close(each)
        self.lanes[pid] = frame.lane
        told = os.getppid() if first and self.name == "name_another" else pid
        self.control.send(Forked(lane=frame.lane, pid=told))

    def work(self, frame: Serve, fds: list[int], first: bool) -> None:
        die_with(os.getppid())
        bell, answered = fds[1:]
        memory = os.dup(fds[0])
        end = lane.opened(frame.kind, fds, frame.request_bytes, frame.answer_bytes, interface())
        misbehave: Any = BEHAVIOURS.get(self.name) or BEHAVIOURS["sleep"]
        with contextlib.suppress(Closed, OSError):
            if first:
                misbehave(memory, bell, answered, end)
            else:
                behave(end)
        os._exit(0)


if __name__ == "__main__":
    with contextlib.suppress(Closed):
        Loader(int(sys.argv[1])).run()
    os._exit(0)
