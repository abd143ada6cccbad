"""A lane over a pair of sockets, for systems without memory that can be sealed: a length, then the same bytes."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
from collections.abc import Sequence

from amber.server.wire import batch
from amber.server.wire.batch import Layout
from amber.server.wire.ends import FrontLane, Kind, WorkerLane
from amber.server.wire.refusing import refuse_descriptors

_LENGTH = struct.Struct("<I")
_CHUNK = 1 << 16


class SocketLane(FrontLane):
    """The front's end. Sends what the socket takes at once; a thread sends the rest of a large batch."""

    kind: Kind = "socket"

    def __init__(self, request_bytes: int, answer_bytes: int, layout: Layout) -> None:
        self._socket, self._other = socket.socketpair()
        self._socket.setblocking(False)
        refuse_descriptors(self._socket)
        self._come = bytearray()
        request, answer = memoryview(bytearray(request_bytes)), memoryview(bytearray(answer_bytes))
        super().__init__(self._socket.fileno(), request, answer, layout)

    def fds(self) -> list[int]:
        """See `FrontLane`."""
        return [self._other.fileno()]

    def handed_over(self) -> None:
        """See `FrontLane`."""
        self._other.close()  # only then the worker's death is seen

    def close(self) -> None:
        """See `FrontLane`."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # whoever still sends does not wait for ever
        self._socket.close()
        self._other.close()
        self.broken = True

    def _ring(self) -> None:
        size = batch.packed_bytes(self._request, self.layout)
        data = memoryview(_LENGTH.pack(size) + bytes(self._request[:size]))
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:  # the worker is gone, which `receive` will find
            return
        if sent < len(data):
            threading.Thread(target=_send, args=(self._socket, data[sent:]), daemon=True).start()

    def _arrived(self) -> bool:
        try:
            while not self._whole():
                data = self._socket.recv(_CHUNK)
                if not data:
                    self.broken = True
                    return True
                self._come += data
        except BlockingIOError:
            return False
        except OSError:
            self.broken = True
            return True
        if not self.broken:
            self._answer[: len(self._come) - _LENGTH.size] = self._come[_LENGTH.size :]
        self._come.clear()
        return True

    def _whole(self) -> bool:
        """Whether all of an answer has come; more than fits, or more than was said, is none."""
        if len(self._come) < _LENGTH.size:
            return False
        (size,) = _LENGTH.unpack_from(self._come)
        self.broken = self.broken or size > self.answer_bytes or len(self._come) > size + _LENGTH.size
        return self.broken or len(self._come) == size + _LENGTH.size


def _send(to: socket.socket, data: memoryview) -> None:
    """Send to a socket that does not wait, waiting."""
    try:
        with selectors.DefaultSelector() as ready:
            ready.register(to, selectors.EVENT_WRITE)
            while data:
                ready.select()
                data = data[to.send(data) :]
    except (OSError, ValueError, KeyError):  # closed, or the worker is gone
        return


class SocketWorkerLane(WorkerLane):
    """The worker's end."""

    def __init__(self, fds: Sequence[int], request_bytes: int, answer_bytes: int, layout: Layout) -> None:
        if len(fds) != 1:
            raise ValueError("descriptors that are no lane")
        self._socket = socket.socket(fileno=fds[0])
        self._socket.setblocking(True)
        super().__init__(memoryview(bytearray(request_bytes)), memoryview(bytearray(answer_bytes)), layout)

    def close(self) -> None:
        """See `WorkerLane`."""
        self._socket.close()

    def _waited(self) -> bool:
        head = self._exactly(memoryview(bytearray(_LENGTH.size)))
        if head is None:
            return False
        (size,) = _LENGTH.unpack(head)
        if size > len(self._request):
            raise ValueError("a batch that does not fit its region")
        return self._exactly(self._request[:size]) is not None

    def _ring(self, size: int) -> None:
        with contextlib.suppress(ConnectionError):  # the front has closed the lane, which the next wait finds
            self._socket.sendall(_LENGTH.pack(size))
            self._socket.sendall(self._answer[:size])

    def _exactly(self, into: memoryview) -> memoryview | None:
        """Fill `into`; None where the front has closed the lane."""
        done = 0
        while done < len(into):
            count = self._socket.recv_into(into[done:])
            if not count:
                return None
            done += count
        return into
