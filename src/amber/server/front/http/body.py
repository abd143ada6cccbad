"""Where a body ends: counted, or in chunks. Its bytes go on as they come."""

from __future__ import annotations

from collections.abc import Callable

from amber.server.exchange import Failure

Take = Callable[[bytes], None]
_HEX = b"0123456789abcdefABCDEF"
_SIZE_DIGITS = 8  # 4 GiB in one chunk: more than any limit
_LINE_BYTES = 256  # of a chunk's size with its extensions
_EXCESS_BYTES = 16384  # what chunks may cost beyond their data, as in Go's net/http (CVE-2023-39326)
_TRAILER_BYTES = 8192
_TOKEN = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CONTROLS = bytes(each for each in range(32) if each != 9) + b"\x7f"


class Counted:
    """A body of a known length. `done`: it is whole."""

    __slots__ = ("_left", "done")

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = length == 0

    def feed(self, data: bytes, take: Take) -> int:
        """Give what is of the body to `take`; return how many bytes that was."""
        piece = data if len(data) <= self._left else data[: self._left]
        self._left -= len(piece)
        self.done = self._left == 0
        take(piece)
        return len(piece)


class Chunked:
    """A body in chunks (RFC 9112, 7.1). `done`: it is whole.

    Extensions are bounded and ignored; trailers are bounded, checked and dropped: nothing merges them with headers.
    """

    __slots__ = ("_excess", "_left", "_line", "_next", "_trailers", "done")

    def __init__(self) -> None:
        self._line = b""  # the beginning of a line that is not whole
        self._left = 0  # of the chunk's data
        self._excess = 0
        self._trailers = 0
        self._next: Callable[[bytes, int, Take], int] = self._size
        self.done = False

    def feed(self, data: bytes, take: Take) -> int:
        """Give what is of the body to `take`; return how many bytes were read.

        Raises:
            Failure: 400; the connection cannot be used again.
        """
        at = 0
        while at < len(data) and not self.done:
            at = self._next(data, at, take)
        return at

    def _size(self, data: bytes, at: int, take: Take) -> int:
        line, at = self._whole_line(data, at, _LINE_BYTES)
        if line is None:
            return at
        digits, _, extension = line.partition(b";")
        if not 0 < len(digits) <= _SIZE_DIGITS or digits.translate(None, _HEX):
            raise _malformed("the size of a chunk is not a hexadecimal number")
        if len(extension.translate(None, _CONTROLS)) != len(extension):
            raise _malformed("a control character in a chunk's extension")
        self._left = int(digits, 16)
        self._excess = max(0, self._excess + len(line) - 16 - 2 * self._left)
        if self._excess > _EXCESS_BYTES:
            raise _malformed("the chunks are mostly overhead")
        self._next = self._data if self._left else self._trailer
        return at

    def _data(self, data: bytes, at: int, take: Take) -> int:
        piece = data[at : at + self._left]
        self._left -= len(piece)
        if not self._left:
            self._next = self._data_end
        take(piece)
        return at + len(piece)

    def _data_end(self, data: bytes, at: int, take: Take) -> int:
        line, at = self._whole_line(data, at, 2)
        if line is not None:
            if line:
                raise _malformed("a chunk does not end where its size says")
            self._next = self._size
        return at

    def _trailer(self, data: bytes, at: int, take: Take) -> int:
        line, at = self._whole_line(data, at, _TRAILER_BYTES)
        if line is None:
            return at
        if not line:
            self.done = True
            return at
        self._trailers += len(line) + 2
        name, colon, value = line.partition(b":")
        if not name or not colon or name.translate(None, _TOKEN) or len(value.translate(None, _CONTROLS)) != len(value):
            raise _malformed("a trailer is not a header")
        if self._trailers > _TRAILER_BYTES:
            raise Failure(431, "headers-too-large", f"more than {_TRAILER_BYTES} bytes of trailers")
        return at

    def _whole_line(self, data: bytes, at: int, limit: int) -> tuple[bytes | None, int]:
        """Return a line without its end, None where it is not there yet, and where to go on."""
        end = data.find(b"\n", at, at + limit + 2)
        piece = self._line + data[at : end + 1 if end >= 0 else at + limit + 2]
        if len(piece) > limit + 2:
            raise _malformed("a line between the chunks is too long")
        if end < 0:
            if len(data) - at > limit:
                raise _malformed("a line between the chunks is too long")
            self._line = piece
            return None, len(data)
        self._line = b""
        if piece[-2:-1] != b"\r" or b"\r" in piece[:-2]:
            raise _malformed("a line between the chunks does not end with CR LF")
        return piece[:-2], end + 1


def _malformed(message: str) -> Failure:
    return Failure(400, "body-malformed", message, hint="see RFC 9112, 7.1")
