"""The processes forked from a loader: born, seen to answer, reaped.

In: what was loaded, frames of the front with descriptors. Out: `Forked` and `Died` to the front. Called by `loader`, in
its main thread: a forked process has the priority of the thread that forks.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

from amber.errors import shown
from amber.server.wire import lane
from amber.server.wire.control import Bulk, Control, Died, Forked, Serve
from amber.server.worker import process
from amber.server.worker.loading import Loaded
from amber.server.worker.probing import WRONG, probed
from amber.server.worker.serving import serve
from amber.server.worker.telling import kind_and_place

ILL = 3  # exit status of a process that did not answer its first case
_READY = b"1"
_NO_LANE = -1


class Workers:
    """All processes of one loader.

    Args:
        control: Where births and deaths are told.
        loaded: What they serve.
        selector: Watches the pipes on which they say that they are ready; the data of a key is called.
    """

    def __init__(self, control: Control, loaded: Loaded, selector: selectors.BaseSelector) -> None:
        self._control, self._loaded, self._selector = control, loaded, selector
        self._lanes: dict[int, int] = {}  # process id: lane, or below zero the number of one for large bodies

    def fork(self, frame: Serve | Bulk, fds: list[int]) -> None:
        """Fork a process onto a lane, or for large bodies; the descriptors are its own from now on."""
        if isinstance(frame, Bulk):  # those that the front has given up may not have noticed
            for pid, number in self._lanes.items():
                if -number in frame.ended:
                    os.kill(pid, signal.SIGKILL)  # not yet waited for
        said, saying = os.pipe()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._child(frame, fds, parent, saying)
        for each in (saying, *fds):
            os.close(each)
        number = frame.lane if isinstance(frame, Serve) else -frame.number
        self._lanes[pid] = number
        self._selector.register(said, selectors.EVENT_READ, lambda: self._spoke(said, number, pid))

    def become(self, frame: Serve, fds: list[int]) -> int:
        """Be the worker of a lane: where nothing is forked. Returns its exit status."""
        return self._work(frame, fds, lambda: self._control.send(Forked(lane=frame.lane, pid=os.getpid())))

    def beside(self, frame: Bulk, fds: list[int]) -> None:
        """Answer large bodies in a thread of the one worker: where nothing is forked."""
        from amber.server.worker import bulk

        given = (socket.socket(fileno=fds[0]), self._loaded.answering)
        threading.Thread(target=bulk.beside, args=given, name="bulk", daemon=True).start()

    def reap(self) -> None:
        """Tell the front which of them have ended."""
        while self._lanes:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            number = self._lanes.pop(pid, _NO_LANE)
            if number >= 0:
                self._control.send(Died(lane=number, pid=pid, status=os.waitstatus_to_exitcode(status)))

    def end(self) -> None:
        """End all of them at once; not yet waited for, their numbers are still their own."""
        for pid in self._lanes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in self._lanes:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        self._lanes.clear()

    def _spoke(self, descriptor: int, number: int, pid: int) -> None:
        """A process has answered its first case, or has ended before."""
        data = os.read(descriptor, 1)
        self._selector.unregister(descriptor)
        os.close(descriptor)
        if data == _READY and number >= 0:
            self._control.send(Forked(lane=number, pid=pid))

    def _child(self, frame: Serve | Bulk, fds: list[int], parent: int, saying: int) -> NoReturn:
        status = ILL
        try:
            process.default_signals()
            process.die_with(parent)
            process.close_others({saying, *fds})
            process.reseed()
            status = self._work(frame, fds, lambda: _say(saying))
        except BaseException as error:
            sys.stderr.write(f"amber worker: {kind_and_place(error)}\n")  # its message may quote rows
        finally:
            os._exit(status)

    def _work(self, frame: Serve | Bulk, fds: list[int], ready: Callable[[], object]) -> int:
        """Answer a few cases, then whatever comes; return the exit status."""
        word, said = probed(self._loaded.probers)
        if word in WRONG:
            sys.stderr.write(f"amber worker: {word} before the first request: {shown(said, 500)}\n")
            return ILL
        if isinstance(frame, Bulk):
            from amber.server.worker import bulk

            ready()
            bulk.serve(socket.socket(fileno=fds[0]), self._loaded.answering)
            return 0
        end = lane.opened(frame.kind, fds, frame.request_bytes, frame.answer_bytes, self._loaded.interface)
        ready()
        serve(end, self._loaded)
        return 0


def _say(to: int) -> None:
    """Say once that this process is ready."""
    os.write(to, _READY)
    os.close(to)
