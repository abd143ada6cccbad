"""The head of a request: llhttp parses it, and what llhttp accepts but should not is refused here.

One head, from its first byte to the empty line, goes to one new parser, and bodies never do: so no state is carried
from one request to the next, and where a request ends is decided in one place (`body`).

llhttp 9 in its strict mode (httptools 0.9, looked at request by request) refuses bare CR and LF, obs-fold, NUL and
controls, blanks before the colon, names that are no tokens, lists and signs in Content-Length, and Content-Length
beside Transfer-Encoding. It accepts, and this module refuses: any number of CR and LF before the request line; more
than one space in it; HTTP/0.9 and HTTP/2.0, RTSP and ICE; CONNECT and 29 methods more; a target with a fragment,
quotes, backslashes, `**`, other schemes or a user; `Transfer-Encoding: gzip, chunked`, and any on HTTP/1.0; leading
zeros in Content-Length; no Host, or several. It keeps blanks after a value, and does not count headers or bytes.
"""

from __future__ import annotations

import re

import httptools

from amber.errors import shown
from amber.server.exchange import Failure
from amber.server.front.http.admission import Admission
from amber.server.front.http.request_line import UNRESERVED, read_line, read_target

_KNOWN = 1024  # heads remembered: lengths of one-row bodies times clients; beyond, all are forgotten
_KNOWN_BYTES = 1024  # of one of them
_SINGULAR = frozenset(
    (
        b"b3",
        b"traceparent",
        b"tracestate",
        b"x-amzn-trace-id",
        b"x-b3-spanid",
        b"x-b3-traceid",
        b"x-correlation-id",
        b"x-request-id",
    )
)
# a whole line with one of them that llhttp would take as it is: visible ASCII, single blanks within
_SINGULAR_LINE = re.compile(
    rb"\r\n((?i:%b)):[ \t]*([!-~]+(?: [!-~]+)*)(?=\r\n)" % b"|".join(map(re.escape, sorted(_SINGULAR)))
)
_ID = UNRESERVED + b":/+=@"  # of x-request-id
_ID_BYTES = 128
_LENGTH_DIGITS = 15  # 2**49 bytes: more than any limit
_ONCE = frozenset(
    (
        b"authorization",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"expect",
        b"host",
        b"inference-header-content-length",
        b"origin",
        b"traceparent",
        b"transfer-encoding",
        b"x-api-key",
        b"x-request-id",
        b"x-request-timeout",
    )
)


class Head:
    """What the head of a request says.

    Attributes:
        method: One of those that are known.
        path: Percent-encoded, without query.
        query: After the `?`.
        headers: By lower-case name, values without blanks around.
        modern: HTTP/1.1; else HTTP/1.0.
        keep: Whether the connection may be used again.
        length: Of the body in bytes; None: chunked.
        expects: Whether the client waits for `100 Continue`.
        admission: What followed from it; shared by heads that differ in what names one request alone.
    """

    __slots__ = ("admission", "expects", "headers", "keep", "length", "method", "modern", "path", "query")

    def __init__(self, method: str, path: str, query: str, headers: dict[bytes, bytes], modern: bool) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.modern = modern
        self.keep = modern
        self.length: int | None = 0
        self.expects = False
        self.admission = Admission()

    def named(self, own: dict[bytes, bytes]) -> Head:
        """Return this head with further headers, which name one request."""
        head = Head.__new__(Head)
        head.method, head.path, head.query, head.modern = self.method, self.path, self.query, self.modern
        head.keep, head.length, head.expects, head.admission = self.keep, self.length, self.expects, self.admission
        head.headers = {**self.headers, **own}
        return head


class HeadReader:
    """Reads heads.

    A head is a pure function of its bytes, and clients send the same ones over and over: sound ones are remembered, and
    those that name one request without the lines that do.

    Args:
        header_count: Headers at most.
    """

    def __init__(self, header_count: int) -> None:
        self._count = header_count
        self._known: dict[bytes, Head] = {}
        self._headers: dict[bytes, bytes] = {}
        self._twice = b""
        self._seen = 0

    def read(self, raw: bytes) -> Head:
        """Return what `raw`, which ends with its only empty line, says; the same object for the same bytes.

        Raises:
            Failure: 400, 414, 431, 501 or 505; the connection cannot be used again.
        """
        known = self._known.get(raw)
        if known is not None:
            return known
        pieces = _SINGULAR_LINE.split(raw)
        if len(pieces) > 1 and raw.count(b"\r\n") - 2 <= self._count:
            own = {name.lower(): value for name, value in zip(pieces[1::3], pieces[2::3], strict=True)}
            rest = b"".join(pieces[::3])
            base = self._known.get(rest) or self._remembered(rest)
            if len(own) == len(pieces) // 3 and _SINGULAR.isdisjoint(base.headers):
                return base.named(own)
        return self._remembered(raw)

    def _remembered(self, raw: bytes) -> Head:
        head = self._read(raw)
        if len(raw) <= _KNOWN_BYTES and _SINGULAR.isdisjoint(head.headers):
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known[raw] = head
        return head

    def _read(self, raw: bytes) -> Head:
        method, target, modern = read_line(raw)
        if raw.count(b"\r\n") - 2 > self._count:
            message = f"more than {self._count} headers"
            raise Failure(431, "headers-too-many", message, hint="send fewer headers")
        path, query, authority = read_target(target)
        head = Head(method, path, query, self._parse(raw), modern)
        headers = head.headers
        host = headers.get(b"host")
        if host is None:
            if modern:
                raise Failure(400, "host-missing", "there is no Host header", hint="HTTP/1.1 requires one")
        elif authority is not None and host.lower() != authority.lower():
            raise Failure(400, "host-mismatch", "the target and the Host header name different hosts")
        if b"transfer-encoding" in headers:
            _only_chunked(headers, modern)
            head.length = None
        elif b"content-length" in headers:
            head.length = _length(headers[b"content-length"])
        if b"connection" in headers and modern:
            options = headers[b"connection"].lower()
            head.keep = b"close" not in [each.strip() for each in options.split(b",")]
        if b"expect" in headers and modern:
            head.expects = _expects(headers[b"expect"])
        return head

    def _parse(self, raw: bytes) -> dict[bytes, bytes]:
        headers: dict[bytes, bytes] = {}
        self._headers = headers
        self._twice = b""
        self._seen = 0
        try:
            httptools.HttpRequestParser(self).feed_data(raw)
        except httptools.HttpParserUpgrade:
            pass  # an upgrade is not taken up: RFC 9110, 7.8 lets the request be answered as it is
        except httptools.HttpParserError as error:
            message = f"the head of the request is not HTTP: {str(error)[:100]}"
            raise Failure(400, "request-malformed", message, hint="see RFC 9112") from error
        if self._seen != 1:
            raise Failure(400, "request-malformed", "the head of the request is not HTTP", hint="see RFC 9112")
        if self._twice:
            message = f"the header {shown(self._twice.decode('latin-1'))} is there twice"
            raise Failure(400, "header-twice", message, hint="send it once")
        return headers

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        name = name.lower()
        if value[-1:] in b" \t":
            value = value.rstrip(b" \t")
        if name in self._headers:
            if name in _ONCE:
                self._twice = name
            value = self._headers[name] + b", " + value
        self._headers[name] = value

    def on_headers_complete(self) -> None:
        """Called by the parser, once for what is one head."""
        self._seen += 1

    def on_body(self, body: bytes) -> None:
        """Called by the parser if it takes for a body what is a head to us: never both."""
        self._seen += 2


def _only_chunked(headers: dict[bytes, bytes], modern: bool) -> None:
    if b"content-length" in headers or not modern:
        what = "beside Content-Length" if modern else "in HTTP/1.0"
        raise Failure(400, "length-ambiguous", f"Transfer-Encoding {what} leaves open where the body ends")
    if headers[b"transfer-encoding"].lower() != b"chunked":
        raise Failure(501, "transfer-coding-unknown", "the only transfer coding known here is chunked")


def _length(value: bytes) -> int:
    if not value.isdigit() or len(value) > _LENGTH_DIGITS or (value[:1] == b"0" and value != b"0"):
        raise Failure(400, "length-invalid", "Content-Length is not a number of bytes")
    return int(value)


def _expects(value: bytes) -> bool:
    if value.lower() != b"100-continue":
        raise Failure(417, "expectation-unknown", "the only expectation known here is 100-continue")
    return True


def requested_seconds(headers: dict[bytes, bytes], most: float) -> float:
    """Return how long a request may take: `most`, or less if the client asks for less by `x-request-timeout`."""
    value = headers.get(b"x-request-timeout")
    if value is None:
        return most
    try:
        asked = float(value)
    except ValueError:
        return most
    return min(most, asked) if asked > 0 else most


def sane_id(value: bytes) -> str:
    """Return an id that a client gave its request, or nothing if it could spoil a log."""
    if len(value) > _ID_BYTES or value.translate(None, _ID):
        return ""
    return value.decode("ascii")
