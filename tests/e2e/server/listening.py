"""A listener in a thread of the test's own process, and a client that sends any bytes."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvloop

from amber.server.front.http.listener import Listener, listen
from amber.server.front.http.messages import Request, Stream
from amber.server.front.http.routes import Route, Routes
from amber.server.settings import Settings

PIECE = b"x" * 65536
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.new_event_loop,
}


@dataclass
class Seen:
    """What the watch was told, and what happened to requests that were never answered."""

    answers: list[tuple[str, str, int, str]] = field(default_factory=list)  # method, path, status, code
    gone: list[str] = field(default_factory=list)  # paths
    aborted: list[str] = field(default_factory=list)  # why
    escaped: list[str] = field(default_factory=list)  # exceptions that reached the loop

    def answered(self, request: Request, status: int, sent_bytes: int, seconds: float) -> None:
        assert seconds >= 0
        self.answers.append((request.method, request.path, status, request.code))

    def statuses(self, path: str) -> list[int]:
        return [status for _, at, status, _ in self.answers if at == path]


class Counter:
    """A sink that counts, and can be slow: it takes one piece in a turn of the loop."""

    def __init__(self, request: Request, seen: Seen) -> None:
        self.request = request
        self.seen = seen
        self.size = 0
        self.slow = "slow" in request.query

    def write(self, chunk: bytes) -> bool:
        self.size += len(chunk)
        if "early" in self.request.query:
            self.request.answer(422, b"no")
        if "eager" in self.request.query:
            self.request.resume()
            return False
        if self.slow:
            asyncio.get_running_loop().call_later(0.002, self.request.resume)
        return not self.slow and "stuck" not in self.request.query

    def end(self) -> None:
        self.request.answer(200, b"%d" % self.size, b"text/plain")

    def abort(self, why: str) -> None:
        self.seen.aborted.append(why)


def pour(request: Request) -> None:
    """Answer `?n=` pieces, no faster than the client reads."""
    left = int(request.query.partition("n=")[2])
    stream = request.stream(200, b"application/octet-stream")

    def more() -> None:
        nonlocal left
        while left:
            left -= 1
            if not stream.write(PIECE):
                stream.on_drained = more
                return
        stream.end()

    more()


def half(request: Request) -> None:
    stream: Stream = request.stream(200, b"text/plain")
    stream.write(b"half")
    raise ValueError("the other half is lost")


def routes(seen: Seen) -> Routes:
    def later(request: Request) -> None:
        asyncio.get_running_loop().call_later(0.03, request.answer, 200, request.body)

    def never(request: Request) -> None:
        request.on_gone = lambda: seen.gone.append(request.path)

    def tardy(request: Request) -> None:
        asyncio.get_running_loop().call_later(2.5, request.answer, 200, b"too late")

    def twice(request: Request) -> None:
        request.answer(200, b"once")
        request.answer(200, b"twice")

    def boom(request: Request) -> None:
        raise ValueError("a secret of the inside")

    found = Routes()
    found.add("GET", "/v2/health/live", Route(lambda request: request.answer(200, b"{}"), "open"))
    found.add("GET", "/hello", Route(lambda request: request.answer(200, b"hello", b"text/plain"), "read"))
    found.add("POST", "/echo", Route(lambda request: request.answer(200, request.body), "predict"))
    found.add("POST", "/later", Route(later, "predict"))
    found.add("POST", "/never", Route(never, "predict"))
    found.add("GET", "/boom", Route(boom, "read"))
    found.add("POST", "/tardy", Route(tardy, "predict"))
    found.add("GET", "/twice", Route(twice, "read"))
    found.add("GET", "/split", Route(lambda request: request.answer(200, headers=((b"x", b"a\r\nb: c"),)), "read"))
    found.add("GET", "/half", Route(half, "read"))
    found.add("GET", "/pour", Route(pour, "read"))
    found.add("POST", "/admin", Route(lambda request: request.answer(200), "admin"))
    found.add("POST", "/bulk", Route(lambda request: request.answer(200, b"inline"), "predict", sink_of(seen)))
    name = lambda request: request.answer(200, request.parameters["name"].encode())  # noqa: E731
    found.add("GET", "/models/{name}", Route(name, "read"))
    return found


def sink_of(seen: Seen) -> Callable[[Request], Counter]:
    def sink(request: Request) -> Counter:
        if "broken" in request.query:
            raise ValueError("no sink")
        return Counter(request, seen)

    return sink


class Server:
    """A listener on a free port of 127.0.0.1, in a thread."""

    def __init__(self, loop: str, **settings: Any) -> None:
        self.seen = Seen()
        self.settings = Settings(port=0, **settings)
        self.loop = LOOPS[loop]()
        self.loop.set_exception_handler(lambda _, context: self.seen.escaped.append(str(context)))
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        try:
            self.listener: Listener = self.run(listen(routes(self.seen), self.settings, self.seen))
        except BaseException:
            self._end()
            raise
        self.port = int(self.listener.addresses[0][1])

    def run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    def call(self, function: Callable[[], Any]) -> Any:
        async def called() -> Any:
            return function()

        return self.run(called())

    def stop(self) -> None:
        self.call(self.listener.close)
        self.run(self.listener.drained(2))
        self.run(asyncio.sleep(0.05))  # transports of TLS outlive their protocols by some turns
        self._end()

    def _end(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    def client(self) -> Client:
        return Client(self.port)


@contextmanager
def serving(loop: str, **settings: Any) -> Iterator[Server]:
    server = Server(loop, **settings)
    try:
        yield server
    finally:
        server.stop()
    assert server.seen.escaped == []


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """A raw connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._read = b""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> Client:
        self.socket.sendall(data)
        return self

    def answer(self, *, bare: bool = False) -> Answer:
        """Read one answer; `bare`: one to HEAD."""
        while b"\r\n\r\n" not in self._read:
            self._more()
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        status = int(first.split(" ")[1])
        if bare or status == 100:
            return Answer(status, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            return Answer(status, headers, self._chunks())
        if "content-length" not in headers:
            return Answer(status, headers, self.rest())
        return Answer(status, headers, self._exactly(int(headers["content-length"])))

    def rest(self) -> bytes:
        """Read to the end of the connection."""
        try:
            while True:
                self._more()
        except (EOFError, ConnectionError):
            found, self._read = self._read, b""
            return found

    def closed(self) -> bool:
        """Whether nothing more comes but the end."""
        return self.rest() == b""

    def _chunks(self) -> bytes:
        found = b""
        while True:
            while b"\r\n" not in self._read:
                self._more()
            size, _, self._read = self._read.partition(b"\r\n")
            found += self._exactly(int(size, 16))
            assert self._exactly(2) == b"\r\n"
            if int(size, 16) == 0:
                return found

    def _exactly(self, count: int) -> bytes:
        while len(self._read) < count:
            self._more()
        found, self._read = self._read[:count], self._read[count:]
        return found

    def _more(self) -> None:
        data = self.socket.recv(1 << 16)
        if not data:
            raise EOFError(f"the connection ended after {self._read[:100]!r}")
        self._read += data


def until(condition: Callable[[], bool], seconds: float = 8.0) -> bool:
    """Wait for what another thread does; False: it did not come to be."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
