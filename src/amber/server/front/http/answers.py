"""Answers as bytes: what never changes is made once."""

from __future__ import annotations

import time
from email.utils import formatdate
from http import HTTPStatus

from amber.server.front.http.messages import Headers

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
_CLOSE = b"connection: close\r\n"
_CHUNKED = b"transfer-encoding: chunked\r\n"
_PHRASES = {each.value: each.phrase.encode() for each in HTTPStatus}
_KEPT = 512  # heads; handlers use a dozen
_heads: dict[tuple[int, bytes], bytes] = {}


def date() -> bytes:
    """Return the time of day as the header Date gives it (RFC 9110, 5.6.7)."""
    return formatdate(time.time(), usegmt=True).encode()


def whole(
    status: int,
    body: bytes,
    content_type: bytes,
    headers: Headers,
    date: bytes,
    request_id: str,
    close: bool,
    bare: bool,
) -> bytes:
    """Return an answer.

    Args:
        status: Three digits.
        body: All of it.
        content_type: Of the body.
        headers: More of them.
        date: Of `date`.
        request_id: Sent back.
        close: Whether the connection ends here.
        bare: Leave the body out, though its length is told (HEAD).

    Raises:
        ValueError: A header has a line end in it.
    """
    return b"%bdate: %b\r\nx-request-id: %b\r\ncontent-length: %d\r\n%b%b\r\n%b" % (
        _heads.get((status, content_type)) or _head(status, content_type),
        date,
        request_id.encode(),
        len(body),
        _CLOSE if close else b"",
        _lines(headers) if headers else b"",
        b"" if bare else body,
    )


def begun(
    status: int, content_type: bytes, headers: Headers, date: bytes, request_id: str, close: bool, chunked: bool
) -> bytes:
    """Return the head of an answer that comes in pieces; not `chunked`: the end of the connection ends it.

    Raises:
        ValueError: A header has a line end in it.
    """
    return b"%bdate: %b\r\nx-request-id: %b\r\n%b%b%b\r\n" % (
        _heads.get((status, content_type)) or _head(status, content_type),
        date,
        request_id.encode(),
        _CHUNKED if chunked else b"",
        _CLOSE if close else b"",
        _lines(headers) if headers else b"",
    )


def chunk(piece: bytes) -> tuple[bytes, bytes, bytes]:
    """Return a piece as a chunk; it is not empty."""
    return b"%x\r\n" % len(piece), piece, b"\r\n"


def last_chunk(trailers: Headers) -> bytes:
    """Return the end of an answer in chunks.

    Raises:
        ValueError: A trailer has a line end in it.
    """
    return b"0\r\n%b\r\n" % _lines(trailers) if trailers else LAST_CHUNK


def _head(status: int, content_type: bytes) -> bytes:
    """Return the first line and the headers that never change."""
    _lines(((b"content-type", content_type),))
    phrase = _PHRASES.get(status, b"Status")
    head = b"HTTP/1.1 %d %b\r\nserver: amber\r\nx-content-type-options: nosniff\r\n" % (status, phrase)
    if content_type:
        head += b"content-type: %b\r\n" % content_type
    if len(_heads) < _KEPT:
        _heads[status, content_type] = head
    return head


def _lines(headers: Headers) -> bytes:
    lines = b"".join(b"%b: %b\r\n" % each for each in headers)
    if lines.count(b"\n") != len(headers) or lines.count(b"\r") != len(headers) or b"\0" in lines:
        raise ValueError("a header of the answer has a line end in it")
    return lines
