"""The answer to a large body on its way to the front: head, pieces, end, and which rows the original has answered."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

from amber.server.wire.bulk import ORIGINAL_ROWS, PIECE, Begun, Ended, Going, Piece
from amber.server.wire.control import Control

HELD = 1 << 20  # bytes of an answer before its status is sent
PULSE = 1.0  # seconds after which the front hears again how far a job is
MOST_RANGES = 200  # in a header: 8 KiB at most


class Out:
    """Where pieces of the answer go. Sending waits until the front has taken them.

    The beginning is held back, so that what is wrong with the rows of most bodies is known before the status is.

    Attributes:
        rows: Read so far.
        headers: Of the answer.
        content_type: Of the answer.
        original: Ranges of rows that went to the original in place of the program.
    """

    def __init__(self, control: Control, fallback: bool) -> None:
        self._control, self._fallback = control, fallback
        self._held: list[bytes] = []
        self._answered = False
        self._size = 0
        self._begun = False
        self._told = monotonic()
        self.rows = 0
        self.content_type = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.original: list[tuple[int, int]] = []
        self._trailers: list[tuple[bytes, bytes]] = []

    def going(self, rows: int) -> None:
        """Some rows are to be answered now."""
        self.rows += rows
        now = monotonic()
        if now - self._told > PULSE:
            self._told = now
            self._control.send(Going(rows=self.rows))

    def by_original(self, first: int) -> None:
        """The rows from `first` on, so far, go to the original."""
        if self.original and self.original[-1][1] == first:
            first, _ = self.original.pop()
        self.original.append((first, self.rows))

    def write(self, data: bytes) -> None:
        """Send a piece of the answer."""
        if self._begun:
            self._send(data)
            return
        self._held.append(data)
        self._size += len(data)
        if self._size >= HELD:
            self._begin()

    def end(self) -> None:
        """The answer is whole."""
        self.answered()
        if not self._begun:
            self._begin()
        self._control.send(Ended(rows=self.rows, trailers=self._trailers))

    def answered(self) -> None:
        """All rows are answered, if not written: it is known which ones went to the original."""
        if self.original and not self._answered:
            told = [(ORIGINAL_ROWS, _ranges(self.original))]
            if self._begun:
                self._trailers = told
            else:
                self.headers += told
        self._answered = True

    def _begin(self) -> None:
        self._begun = True
        more = [(b"trailer", ORIGINAL_ROWS)] if self._fallback and not self._answered else []
        self._control.send(Begun(content_type=self.content_type, headers=[*self.headers, *more]))
        self._send(b"".join(self._held))
        self._held.clear()

    def _send(self, data: bytes) -> None:
        for start in range(0, len(data), PIECE):
            self._control.send(Piece(data=data[start : start + PIECE]))


def _ranges(ranges: Sequence[tuple[int, int]]) -> bytes:
    """Return ranges of rows, first and last, as a header; of very many the first ones."""
    named = [f"{begin}-{end - 1}" for begin, end in ranges[:MOST_RANGES]]
    return ", ".join([*named, "..."] if len(ranges) > MOST_RANGES else named).encode()
