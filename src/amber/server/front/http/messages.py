"""One request as a handler sees it, and the ways to answer it: once, as a failure, or as a stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from amber.server.exchange import Failure
from amber.server.formats import errors

Header = tuple[bytes, bytes]
Headers = Sequence[Header]
JSON = b"application/json"


class Line(Protocol):
    """What a request needs of the connection it came through."""

    def reply(self, request: Request, status: int, body: bytes, content_type: bytes, headers: Headers) -> None:
        """Send the one answer."""

    def begin(self, request: Request, status: int, content_type: bytes, headers: Headers) -> Stream:
        """Send the head of an answer that comes in pieces."""

    def push(self, chunk: bytes) -> bool:
        """Send a piece; False: more is waiting than should."""

    def finish(self, request: Request, trailers: Headers = ()) -> None:
        """Send the end of an answer that came in pieces."""

    def cut(self, request: Request, failure: Failure | None = None) -> None:
        """Close without an end, with a failure as the last words: the client must see that the answer is not whole."""

    def resume(self) -> None:
        """Go on reading the body."""


class Stream:
    """An answer that comes in pieces.

    Attributes:
        on_drained: Called, once for each `write` that said False, when there is room again.
    """

    __slots__ = ("_line", "_request", "on_drained")

    def __init__(self, line: Line, request: Request) -> None:
        self._line = line
        self._request = request
        self.on_drained: Callable[[], None] | None = None

    def write(self, chunk: bytes) -> bool:
        """Send a piece. False: wait for `on_drained` (pieces are kept all the same), or the client has gone away."""
        return not self._request.gone and self._line.push(chunk)

    def end(self, trailers: Headers = ()) -> None:
        """The answer is whole. `trailers`: headers that were not known when it began.

        Raises:
            ValueError: A trailer has a line end in it.
        """
        if not self._request.gone:
            self._line.finish(self._request, trailers)

    def abort(self, failure: Failure) -> None:
        """The answer cannot be finished: its last line says why, and the connection is closed without its end."""
        if not self._request.gone:
            self._line.cut(self._request, failure)


class Request(msgspec.Struct, eq=False):
    """One request.

    Attributes:
        method: One of GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS.
        path: As it was sent, percent-encoded; `parameters` are decoded.
        query: After the `?`, as it was sent.
        headers: By lower-case name; a header sent twice is joined with commas, where that is allowed at all.
        body: All of it, without transfer and content codings; empty where a `Sink` takes it.
        id: The client's `x-request-id` if it is sane, else a new one; sent back.
        scopes: What the key may do.
        key: Which key was shown; empty: none.
        received: When the head was there; seconds of the loop's clock.
        deadline: Until when to answer, on the same clock; the client may ask less by `x-request-timeout` (seconds).
            None: the handler takes care of time itself.
        parameters: Of the route's pattern, decoded. Shared between requests: not to be changed.
        on_gone: Called once, when the client has gone away before the answer was whole.
        label: The model and version, for log and metrics; set by handlers.
        code: Of the failure, for log and metrics.
        rows: Asked for, for log and metrics; set by handlers.
        taken: Bytes of a body that a `Sink` took, for the log; set by the sink.
        gone: Whether the client has gone away; answers then go nowhere.
    """

    line: Line
    method: str
    path: str
    query: str
    headers: dict[bytes, bytes]
    id: str
    received: float
    body: bytes = b""
    scopes: frozenset[str] = frozenset()
    key: str = ""
    deadline: float | None = None
    parameters: dict[str, str] = {}
    on_gone: Callable[[], None] | None = None
    label: str = ""
    code: str = ""
    rows: int = 0
    taken: int = 0
    answered: bool = False
    gone: bool = False

    @property
    def traceparent(self) -> bytes:
        """As it was sent (W3C trace context), or empty."""
        return self.headers.get(b"traceparent", b"")

    def answer(self, status: int, body: bytes = b"", content_type: bytes = JSON, headers: Headers = ()) -> None:
        """Send the one answer.

        Args:
            status: 200 to 599.
            body: All of it.
            content_type: Of the body.
            headers: More of them: lower-case names, no line ends.

        Raises:
            RuntimeError: It was answered before.
        """
        if not self.gone:
            if self.answered:
                self._once()
            self.line.reply(self, status, body, content_type, headers)
            self.answered = True

    def fail(self, failure: Failure, headers: Headers = ()) -> None:
        """Answer why there is no answer."""
        self.code = failure.code
        if failure.retry_after is not None:
            headers = (*headers, (b"retry-after", b"%d" % max(1, round(failure.retry_after + 0.499))))
        self.answer(failure.status, errors.body(failure, self.id), JSON, headers)

    def stream(self, status: int, content_type: bytes, headers: Headers = ()) -> Stream:
        """Begin an answer that comes in pieces.

        Raises:
            RuntimeError: It was answered before.
        """
        if self.gone:
            return Stream(self.line, self)
        self._once()
        stream = self.line.begin(self, status, content_type, headers)
        self.answered = True
        return stream

    def resume(self) -> None:
        """Go on reading the body after a `Sink.write` that said False."""
        if not self.gone:
            self.line.resume()

    def _once(self) -> None:
        if self.answered:
            raise RuntimeError(f"request {self.id} was answered twice")
