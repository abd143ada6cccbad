"""A lane through shared memory of a fixed size, with an eventfd each way: Linux."""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence

from amber.server.wire import batch
from amber.server.wire.batch import Layout
from amber.server.wire.ends import FrontLane, WorkerLane

AVAILABLE = hasattr(os, "memfd_create") and hasattr(os, "eventfd")


class SharedLane(FrontLane):
    """Shared memory of a fixed, sealed size, and two eventfds."""

    def __init__(self, request_bytes: int, answer_bytes: int, layout: Layout) -> None:
        self._memory = os.memfd_create("amber-lane", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self._memory, request_bytes + answer_bytes)
        _seal_size(self._memory)
        self._map = mmap.mmap(self._memory, request_bytes + answer_bytes)
        view = memoryview(self._map)
        self._bell = os.eventfd(0, os.EFD_CLOEXEC)
        answered = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        super().__init__(answered, view[:request_bytes], view[request_bytes:], layout)
        view.release()

    def fds(self) -> list[int]:
        """See `FrontLane`."""
        return [self._memory, self._bell, self.fd]

    @property
    def untouched(self) -> bool:
        """See `FrontLane`."""
        return not batch.begun(self._answer, self._sequence)

    def handed_over(self) -> None:
        """See `FrontLane`: memory and bells are the same for both ends."""

    def close(self) -> None:
        """See `FrontLane`."""
        if self._memory < 0:
            return
        self._request.release()
        self._answer.release()
        self._map.close()
        for descriptor in self.fds():
            os.close(descriptor)
        self._memory = self._bell = self.fd = -1
        self.broken = True

    def _ring(self) -> None:
        os.eventfd_write(self._bell, 1)

    def _arrived(self) -> bool:
        try:
            os.eventfd_read(self.fd)
        except BlockingIOError:
            return False
        return True


def _seal_size(descriptor: int) -> None:
    """Nobody can cut the memory any more: who reads beyond its end would die of it."""
    import fcntl

    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)


class SharedWorkerLane(WorkerLane):
    """Shared memory and two eventfds."""

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
        os.eventfd_read(self._bell)
        return True

    def _ring(self, size: int) -> None:
        os.eventfd_write(self._answered, 1)
