"""Where a body goes: into one piece of memory, or past `body_inline` into the route's sink; never past its limit."""

from __future__ import annotations

from collections import deque

from amber.server.exchange import Failure
from amber.server.front.http.inflate import PIECE, Inflate
from amber.server.front.http.messages import Request
from amber.server.front.http.routes import Route, Sink
from amber.server.settings import Settings

_TURN = 8 * PIECE  # bytes that are inflated in one turn of the loop
TABLES = frozenset(
    (
        b"text/csv",
        b"application/csv",
        b"application/vnd.apache.arrow.stream",
        b"application/vnd.apache.arrow.file",
        b"application/vnd.apache.parquet",
        b"application/x-parquet",
    )
)


def is_table(content_type: bytes) -> bool:
    """Whether a media type goes to a sink whatever its size."""
    return content_type.partition(b";")[0].strip().lower() in TABLES


class Intake:
    """The body of one request.

    Attributes:
        paused: The sink takes no more; `flow` goes on when it does.
        waiting: Pieces as they were sent, not yet taken.

    Args:
        request: Whose it is.
        route: Whose sink may take it.
        settings: The limits.
        length: As the head tells it, with content coding; None: not known.

    Raises:
        Failure: 413 or 415, before any of it is read, or what the sink's maker refuses.
    """

    __slots__ = (
        "_inflate",
        "_kept",
        "_limit",
        "_request",
        "_resumed",
        "_route",
        "_settings",
        "_size",
        "paused",
        "sink",
        "waiting",
    )

    def __init__(self, request: Request, route: Route, settings: Settings, length: int | None) -> None:
        headers = request.headers
        table = is_table(headers.get(b"content-type", b""))
        coding = headers.get(b"content-encoding", b"identity")
        self._request = request
        self._route = route
        self._settings = settings
        self._inflate = None if coding.lower() == b"identity" else Inflate(coding, settings.gzip_ratio)
        self._size = 0
        self._kept: list[bytes] = []
        self.paused = False
        self._resumed = False
        self.waiting: deque[bytes] = deque()
        self.sink: Sink | None = None
        if route.sink is None:
            self._limit = settings.body_inline
        else:
            self._limit = settings.bulk_limit if table else settings.body_limit
        if length is not None and length > self._limit:
            raise self._too_large()
        if route.sink is not None and (table or (length or 0) > settings.body_inline):
            self.sink = route.sink(request)

    def add(self, piece: bytes) -> None:
        """Take a piece as it was sent.

        Raises:
            Failure: 400 or 413.
        """
        if self._inflate is None and not self.waiting and not self.paused:
            self._take(piece)
        elif piece:
            self.waiting.append(piece)
            self.flow()

    def flow(self) -> None:
        """Take what is waiting, as far as the sink and this turn of the loop allow.

        Raises:
            Failure: 400 or 413.
        """
        made = 0
        while self.waiting and not self.paused and made < _TURN:
            piece = self.waiting.popleft()
            if self._inflate is not None:
                piece, rest = self._inflate.step(piece)
                if rest:
                    self.waiting.appendleft(rest)
                made += len(piece)
            self._take(piece)

    def resume(self) -> None:
        """The sink takes more; it may say so before its `write` has returned."""
        self.paused = False
        self._resumed = True

    def end(self) -> bytes | None:
        """The body is whole: return it, or None where a sink has it.

        Raises:
            Failure: 400.
        """
        if self._inflate is not None:
            self._inflate.end()
        if self.sink is None:
            return b"".join(self._kept)
        self.sink.end()
        return None

    def abort(self, why: str) -> None:
        """The body will not become whole."""
        self._kept.clear()
        self.waiting.clear()
        if self.sink is not None:
            sink, self.sink = self.sink, None
            sink.abort(why)

    def _take(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._limit:
            raise self._too_large()
        if self.sink is None:
            self._kept.append(piece)
            if self._size <= self._settings.body_inline or self._route.sink is None:
                return
            self.sink = self._route.sink(self._request)
            piece = b"".join(self._kept)
            self._kept.clear()
        self._resumed = False
        if piece and not self.sink.write(piece) and not self._resumed:
            self.paused = True

    def _too_large(self) -> Failure:
        message = f"the body is larger than {self._limit} bytes, the limit here"
        return Failure(413, "body-too-large", message, hint="send fewer rows in one request")
