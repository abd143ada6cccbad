"""Bodies under `Content-Encoding`: inflated piece by piece, with a cap on what one byte may become."""

from __future__ import annotations

import zlib

from amber.errors import shown
from amber.server.exchange import Failure

PIECE = 1 << 18  # bytes that one step makes at most
_FREE = 1 << 16  # bytes that are never too many for their source: small bodies may shrink well
_WINDOWS = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}  # zlib's names of the formats


class Inflate:
    """One coded body.

    Args:
        coding: The value of Content-Encoding.
        ratio: Bytes that one byte may become.

    Raises:
        Failure: 415: the coding is not known.
    """

    __slots__ = ("_made", "_ratio", "_read", "_stream")

    def __init__(self, coding: bytes, ratio: int) -> None:
        window = _WINDOWS.get(coding.lower())
        if window is None:
            message = f"the content coding {shown(coding.decode('latin-1'), 40)} is not known here"
            raise Failure(415, "coding-unknown", message, hint="gzip, deflate or none")
        self._stream = zlib.decompressobj(window)
        self._ratio = ratio
        self._read = 0
        self._made = 0

    def step(self, data: bytes) -> tuple[bytes, bytes]:
        """Return a piece of at most `PIECE` bytes, and what of `data` was not read yet.

        Raises:
            Failure: 400: it is not so coded; 413: it grows too much.
        """
        if self._stream.eof:
            raise Failure(400, "coding-malformed", "there are bytes after the end of the coded body")
        try:
            made = self._stream.decompress(data, PIECE)
        except zlib.error as error:
            message = f"the body is not in its content coding: {str(error)[:100]}"
            raise Failure(400, "coding-malformed", message) from error
        rest = self._stream.unconsumed_tail or self._stream.unused_data
        self._read += len(data) - len(rest)
        self._made += len(made)
        if self._made > _FREE + self._ratio * self._read:
            message = f"the body grows to more than {self._ratio} times its size"
            raise Failure(413, "body-ratio", message, hint="send it without content coding")
        return made, rest

    def end(self) -> None:
        """The coded body is whole.

        Raises:
            Failure: 400: it is not.
        """
        if not self._stream.eof:
            raise Failure(400, "coding-malformed", "the coded body ends too early")
