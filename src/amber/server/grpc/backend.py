"""HTTP to the front over its private Unix socket, on connections that are kept open."""

from __future__ import annotations

import collections
import contextlib
import http.client
import socket
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from amber.server.exchange import Failure

_LENGTH = "inference-header-content-length"


class Answer(NamedTuple):
    """What the front answered. `head`: its JSON. `blobs`: the binary tensors behind it."""

    status: int
    head: Any
    blobs: memoryview


class _Connection(http.client.HTTPConnection):
    """A connection through a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Backend:
    """The front, as the gRPC process sees it.

    Args:
        path: The front's Unix socket.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._idle: collections.deque[_Connection] = collections.deque()  # safe between threads at its ends

    def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        *,
        body: bytes = b"",
        blobs: list[bytes] | None = None,
        seconds: float,
        calling: Calling | None = None,
    ) -> Answer:
        """Ask the front.

        Args:
            method: GET or POST.
            target: Path and query.
            headers: More of them.
            body: The JSON part.
            blobs: The binary tensors behind it; None: there is no binary part.
            seconds: How long the client waits.
            calling: Lets the client's end close the connection.

        Raises:
            Failure: 503: the front cannot be reached; 504: it did not answer in time.
        """
        sent = dict(headers)
        if method == "POST":
            sent["content-type"] = "application/json" if blobs is None else "application/octet-stream"
        if blobs is not None:
            sent[_LENGTH] = str(len(body))
            body = b"".join((body, *blobs))
        for last in (False, True):
            connection, fresh = self._connection()
            # an old connection may have been closed by the front just now: one fresh one is tried
            try:
                answer = self._once(connection, method, target, sent, body, seconds, calling)
            except TimeoutError as error:
                connection.close()
                raise Failure(504, "deadline-exceeded", f"no answer within {seconds:.3g} s") from error
            except (OSError, http.client.HTTPException, msgspec.DecodeError) as error:
                connection.close()
                if fresh or last or (calling is not None and calling.gone):
                    message = "the server ended the connection"
                    raise Failure(503, "front-unreachable", message, hint="ask again", retry_after=1.0) from error
            else:
                self._idle.append(connection)
                return answer
        raise AssertionError  # the second round returns or raises

    def close(self) -> None:
        """Close the connections that nobody uses."""
        while self._idle:
            self._idle.pop().close()

    def _connection(self) -> tuple[_Connection, bool]:
        with contextlib.suppress(IndexError):
            kept = self._idle.pop()
            if kept.sock is not None:
                return kept, False
        return _Connection(self._path), True

    def _once(
        self,
        connection: _Connection,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
        seconds: float,
        calling: Calling | None,
    ) -> Answer:
        connection.timeout = seconds
        if connection.sock is None:
            connection.connect()
        connection.sock.settimeout(seconds)
        with calling.through(connection) if calling is not None else contextlib.nullcontext():
            connection.request(method, target, body=body or None, headers=dict(headers))
            with connection.getresponse() as response:
                data = response.read()
                length = response.getheader(_LENGTH)
                status = response.status
        cut = len(data) if length is None else int(length)
        head = msgspec.json.decode(data[:cut]) if cut else {}
        return Answer(status, head, memoryview(data)[cut:])


class Calling:
    """One call of a client: when it goes away, the front sees a closed connection and stops working for it."""

    def __init__(self) -> None:
        self.gone = False
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    @contextlib.contextmanager
    def through(self, connection: http.client.HTTPConnection) -> Any:
        """Remember the connection while the block runs."""
        with self._lock:
            self._socket = connection.sock
        try:
            yield
        finally:
            with self._lock:
                self._socket = None

    def end(self) -> None:
        """The call is over; called by gRPC from another thread, also after an answer."""
        with self._lock:
            self.gone = True
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
