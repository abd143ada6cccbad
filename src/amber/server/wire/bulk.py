"""What front and bulk process tell each other: a job is a body in memory of its own, its answer comes in pieces.

Frames as in `control`, over a socket pair of their own. The bulk process writes no faster than the front reads, and the
front reads no faster than the client does. One job is under way at a time; the front queues the others.
"""

from __future__ import annotations

import socket
from typing import Literal

import msgspec

from amber.server.exchange import Failure
from amber.server.interface import Route
from amber.server.wire.control import Control

PIECE = 1 << 16  # bytes of a piece at most
MOST_HEADERS = 16


class _Frame(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=str.lower):
    """Base: closed, tagged with its class's name."""

    def descriptors(self) -> int:
        """How many come with this frame."""
        return 0


class Job(_Frame, frozen=True, kw_only=True):
    """A body to be answered; its descriptor is the memory that holds it.

    `form`: which API it came by. `header_length`: of a body with binary tensors, as its header said. `sharing`: the
    least the cases must have shown (`slices.separable`) for its rows to be run in slices; else they are run together.
    `seconds`: until when, from now; beyond, the front ends the process.
    """

    id: int
    form: Literal["v2", "simple"]
    content_type: str
    accept: str
    query: str = ""
    header_length: int | None = None
    route: Route | None = None
    fallback: bool = False
    sharing: str = "tolerant"
    limit: int = 0  # bytes of an answer at most

    def descriptors(self) -> int:
        """The body."""
        return 1


class Cancel(_Frame, frozen=True, kw_only=True):
    """Nobody waits for this job any more."""

    id: int


class Begun(_Frame, frozen=True, kw_only=True):
    """The answer begins: nothing was wrong so far. `rows`: as far as they are known, for the log."""

    id: int
    content_type: bytes
    headers: list[tuple[bytes, bytes]] = []


class Piece(_Frame, frozen=True, kw_only=True):
    """A part of the answer."""

    id: int
    data: bytes


class Ended(_Frame, frozen=True, kw_only=True):
    """The answer is whole."""

    id: int
    rows: int


class Failed(_Frame, frozen=True, kw_only=True):
    """There is no answer, or after `Begun`: it cannot be finished."""

    id: int
    status: int
    code: str
    message: str
    row: int | None = None
    column: str | None = None
    hint: str = ""
    expected: str = ""

    @classmethod
    def of(cls, job: int, failure: Failure) -> Failed:
        """Return the frame of a failure."""
        return cls(
            id=job, status=failure.status, code=failure.code, message=failure.message, row=failure.row,
            column=failure.column, hint=failure.hint, expected=failure.expected,
        )  # fmt: skip

    def failure(self) -> Failure:
        """Return it as the front answers it: an HTTP status that says a failure, whatever was written."""
        status = self.status if 400 <= self.status <= 599 else 500
        return Failure(
            status, self.code, self.message, row=self.row, column=self.column, hint=self.hint, expected=self.expected
        )


FromFront = Job | Cancel
FromBulk = Begun | Piece | Ended | Failed


def front_end(end: socket.socket) -> Control:
    """Return the front's end."""
    return Control(end, msgspec.msgpack.Decoder(FromBulk), 0)


def worker_end(end: socket.socket) -> Control:
    """Return the bulk process's end."""
    return Control(end, msgspec.msgpack.Decoder(FromFront), 1)
