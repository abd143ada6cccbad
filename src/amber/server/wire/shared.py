"""A lane through shared memory of a fixed size, with a pipe each way as its bell: Linux.

The front never sends away an end of its own, and each end of a pipe has flags of its own: whatever a worker does to
what it was given, the front's reads and writes do not wait. (An eventfd costs the same, but is one description for
both sides: a worker that clears O_NONBLOCK, or fills the counter, stops the front.)
"""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Sequence

from amber.server.wire import batch
from amber.server.wire.batch import Layout
from amber.server.wire.ends import FrontLane, WorkerLane

AVAILABLE = hasattr(os, "memfd_create") and hasattr(os, "pipe2")
_RUNG = b"!"
_SOME = 16  # bytes: one is all that a worker may have sent


class SharedLane(FrontLane):
    """Shared memory of a fixed, sealed size, and the front's ends of two pipes."""

    def __init__(self, request_bytes: int, answer_bytes: int, layout: Layout) -> None:
        memory = os.memfd_create("amber-lane", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self._theirs = [memory]
        self._ours: list[int] = []
        try:
            os.ftruncate(memory, request_bytes + answer_bytes)
            _seal_size(memory)
            asked, self._bell = self._pipe(ours=1)
            answered, said = self._pipe(ours=0)
            self._theirs += [asked, said]
            self._map = mmap.mmap(memory, request_bytes + answer_bytes)
        except BaseException:
            self._close_all()
            raise
        view = memoryview(self._map)
        super().__init__(answered, view[:request_bytes], view[request_bytes:], layout)
        view.release()

    def fds(self) -> list[int]:
        """See `FrontLane`."""
        return list(self._theirs)

    @property
    def untouched(self) -> bool:
        """See `FrontLane`."""
        return not batch.begun(self._answer, self._sequence)

    def handed_over(self) -> None:
        """See `FrontLane`."""
        for descriptor in self._theirs:
            os.close(descriptor)  # only then the worker's death is seen
        self._theirs = []

    def close(self) -> None:
        """See `FrontLane`."""
        if self.fd < 0:
            return
        self._request.release()
        self._answer.release()
        self._map.close()
        self._close_all()
        self._bell = self.fd = -1
        self.broken = True

    def _ring(self) -> None:
        try:
            os.write(self._bell, _RUNG)
        except OSError:  # its end is closed, or it is full, which only the worker can have brought about
            self.broken = True

    def _arrived(self) -> bool:
        try:
            rung = os.read(self.fd, _SOME)
        except BlockingIOError:
            return False
        self.broken = self.broken or rung != _RUNG
        return True

    def _pipe(self, ours: int) -> tuple[int, int]:
        """Return a pipe's end to read from and its end to write to; at ours, 0 or 1, nobody ever waits."""
        ends = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(ends[ours], False)
        self._ours.append(ends[ours])
        return ends

    def _close_all(self) -> None:
        self.handed_over()
        for descriptor in self._ours:
            os.close(descriptor)
        self._ours = []


def _seal_size(descriptor: int) -> None:
    """Nobody can cut the memory any more: who reads beyond its end would die of it."""
    import fcntl

    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)


class SharedWorkerLane(WorkerLane):
    """Shared memory, and the worker's ends of two pipes."""

    def __init__(self, fds: Sequence[int], request_bytes: int, answer_bytes: int, layout: Layout) -> None:
        if len(fds) != 3 or os.fstat(fds[0]).st_size != request_bytes + answer_bytes:
            raise ValueError("descriptors that are no lane")
        self._bell, self._answered = fds[1], fds[2]
        self._map = mmap.mmap(fds[0], request_bytes + answer_bytes)
        view = memoryview(self._map)
        os.close(fds[0])
        super().__init__(view[:request_bytes], view[request_bytes:], layout)
        view.release()

    def close(self) -> None:
        """See `WorkerLane`."""
        self._request.release()
        self._answer.release()
        self._map.close()
        os.close(self._bell)
        os.close(self._answered)

    def _waited(self) -> bool:
        return bool(os.read(self._bell, 1))

    def _ring(self, size: int) -> None:
        with contextlib.suppress(BrokenPipeError):  # the front has closed the lane, which the next wait finds
            os.write(self._answered, _RUNG)
