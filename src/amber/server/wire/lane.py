"""The lane between the front and one worker: two parts of memory, for a batch and for its answer, and a bell each way.

The front makes it with `create` and hands `fds()` to the loader, whose forked worker opens them with `opened`. Through
shared memory where the system has it; elsewhere, and where it is asked for, through a pair of sockets.
"""

from __future__ import annotations

from collections.abc import Sequence

from amber.server.interface import Interface
from amber.server.wire import shared, sockets
from amber.server.wire.batch import Layout
from amber.server.wire.ends import FrontLane, Kind, WorkerLane

_PAGE = 4096


def create(request_bytes: int, answer_bytes: int, interface: Interface, *, kind: Kind | None = None) -> FrontLane:
    """Return the front's end of a new lane.

    Args:
        request_bytes: For a batch; rounded up to whole pages.
        answer_bytes: For an answer; rounded up too.
        interface: Of the version that the worker serves.
        kind: None: shared memory where the system has it.

    Raises:
        ValueError: The interface is not one that batches can be made of.
        OSError: The system gives no memory or descriptors.
    """
    layout = Layout(interface)
    sizes = (_pages(request_bytes), _pages(answer_bytes))
    if kind == "socket" or (kind is None and not shared.AVAILABLE):
        return sockets.SocketLane(*sizes, layout)
    return shared.SharedLane(*sizes, layout)


def opened(kind: Kind, fds: Sequence[int], request_bytes: int, answer_bytes: int, interface: Interface) -> WorkerLane:
    """Return the worker's end of the lane that these descriptors belong to; it owns them from now on.

    Raises:
        ValueError: They are not those of such a lane.
        OSError: The memory cannot be mapped.
    """
    kinds = {"shared": shared.SharedWorkerLane, "socket": sockets.SocketWorkerLane}
    made: WorkerLane = kinds[kind](fds, request_bytes, answer_bytes, Layout(interface))
    return made


def _pages(size: int) -> int:
    return -(-size // _PAGE) * _PAGE
