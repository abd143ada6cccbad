"""What front and bulk process tell each other: a job is a body in memory of its own, its answer comes in pieces.

Frames as in `control`, over a socket pair for each process. A process has one job at a time, and writes no faster than
the front reads, which reads no faster than the client does. A job nobody waits for is ended by closing the connection.
"""

from __future__ import annotations

import socket
from typing import Literal

import msgspec

from amber.server.exchange import Failure
from amber.server.wire.control import Control

PIECE = 1 << 16  # bytes of a piece at most
ORIGINAL_ROWS = b"amber-original-rows"  # header or trailer: which rows the original has answered (`route_fallback`)


class _Frame(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=str.lower):
    """Base: closed, tagged with its class's name."""

    def descriptors(self) -> int:
        """How many come with this frame."""
        return 0


class Job(_Frame, frozen=True, kw_only=True):
    """A body to be answered; its descriptor is the memory that holds it.

    `form`: which API it came by. `header_length`: of a body with binary tensors, as its header said. `fallback`:
    slices outside the program's domain go to the original. `sharing`: the least the cases must have shown
    (`slices.separable`) for its rows to be run in slices; else they are run together.
    """

    form: Literal["v2", "simple"]
    content_type: str
    accept: str
    query: str = ""
    header_length: int | None = None
    fallback: bool = False
    sharing: str = "tolerant"

    def descriptors(self) -> int:
        """The body."""
        return 1


class Begun(_Frame, frozen=True, kw_only=True):
    """The answer begins: nothing was wrong so far."""

    content_type: bytes
    headers: list[tuple[bytes, bytes]] = []


class Piece(_Frame, frozen=True, kw_only=True):
    """A part of the answer."""

    data: bytes


class Going(_Frame, frozen=True, kw_only=True):
    """The job gets on, though there is nothing to send. `rows`: read so far."""

    rows: int


class Ended(_Frame, frozen=True, kw_only=True):
    """The answer is whole. `trailers`: what was not known when it began."""

    rows: int
    trailers: list[tuple[bytes, bytes]] = []


class Failed(_Frame, frozen=True, kw_only=True):
    """There is no answer, or after `Begun`: it cannot be finished. `rows`: read so far."""

    status: int
    code: str
    message: str
    row: int | None = None
    column: str | None = None
    hint: str = ""
    expected: str = ""
    rows: int = 0

    @classmethod
    def of(cls, failure: Failure, rows: int = 0) -> Failed:
        """Return the frame of a failure."""
        return cls(
            status=failure.status, code=failure.code, message=failure.message, row=failure.row,
            column=failure.column, hint=failure.hint, expected=failure.expected, rows=rows,
        )  # fmt: skip

    def failure(self) -> Failure:
        """Return it as the front answers it: an HTTP status that says a failure, whatever was written."""
        status = self.status if 400 <= self.status <= 599 else 500
        return Failure(
            status, self.code, self.message, row=self.row, column=self.column, hint=self.hint, expected=self.expected
        )


FromBulk = Begun | Piece | Going | Ended | Failed


def front_end(end: socket.socket) -> Control:
    """Return the front's end."""
    return Control(end, msgspec.msgpack.Decoder(FromBulk), 0)


def worker_end(end: socket.socket) -> Control:
    """Return the bulk process's end."""
    return Control(end, msgspec.msgpack.Decoder(Job), 1)
