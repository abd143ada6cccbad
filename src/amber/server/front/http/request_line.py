"""The first line of a request: method, target, version; and what cannot become a head at all."""

from __future__ import annotations

from amber.errors import shown
from amber.server.exchange import Failure

TARGET_BYTES = 8000  # RFC 9110, 4.1: at least this long should be taken
_METHODS = {
    name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY")
}
_UPPER = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
UNRESERVED = _UPPER + _UPPER.lower() + b"0123456789-._~"
_PATH = UNRESERVED + b"%!$&'()*+,;=:@/"  # RFC 3986: pchar and the slash
_QUERY = _PATH + b"?[]{}|^`\\"  # the second half is sent by browsers (WHATWG URL, query percent-encode set)


def read_line(raw: bytes) -> tuple[str, bytes, bool]:
    """Return the method, the target and whether this is HTTP/1.1, of a head.

    Raises:
        Failure: 400, 414, 501 or 505.
    """
    line = raw[: raw.find(b"\r\n")]
    if len(line) > TARGET_BYTES + 64:
        raise Failure(414, "target-too-long", f"the target is longer than {TARGET_BYTES} bytes")
    parts = line.split(b" ")
    if len(parts) != 3:
        message = f"the first line is not a request: {shown(parts[0].decode('latin-1'), 40)}"
        raise Failure(400, "request-malformed", message, hint="method, target and HTTP/1.1 with one space between")
    name, target, version = parts
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        if not version.startswith(b"HTTP/"):
            raise Failure(400, "request-malformed", "the first line does not end with an HTTP version")
        raise Failure(505, "http-version-unknown", "this server speaks HTTP/1.1", hint="HTTP/2 is not spoken here")
    method = _METHODS.get(name)
    if method is None:
        if name.translate(None, _UPPER + b"-") or not 0 < len(name) <= 32:
            raise Failure(400, "request-malformed", "the first line does not begin with a method")
        raise Failure(501, "method-unknown", f"the method {name.decode('ascii')} is not known here")
    if len(target) > TARGET_BYTES:
        raise Failure(414, "target-too-long", f"the target is longer than {TARGET_BYTES} bytes")
    return method, target, version == b"HTTP/1.1"


def read_target(target: bytes) -> tuple[str, str, bytes | None]:
    """Return path and query of a target, and the authority of an absolute one.

    Raises:
        Failure: 400.
    """
    authority = None
    if target[:1] != b"/":
        scheme, _, rest = target.partition(b"://")
        authority, _, rest = rest.partition(b"/")
        known = scheme.lower() in (b"http", b"https")
        if not known or not authority or authority.translate(None, UNRESERVED + b":[]"):
            raise Failure(400, "target-invalid", "the target is neither a path nor an http address")
        target = b"/" + rest
    path, _, query = target.partition(b"?")
    if path.translate(None, _PATH) or query.translate(None, _QUERY):
        message = "the target has characters that must be percent-encoded"
        raise Failure(400, "target-invalid", message, hint="see RFC 3986, 3.3")
    return path.decode("ascii"), query.decode("ascii"), authority


def unfinished(data: bytes, limit: int) -> Failure | None:
    """Return why bytes that may not be a whole head yet cannot become one within `limit` bytes, if so."""
    line, end = data.find(b"\r\n"), data.find(b"\r\n\r\n")
    if not b"A" <= data[:1] <= b"Z":
        return Failure(400, "request-malformed", "the first line does not begin with a method")
    if (line if line >= 0 else len(data)) > TARGET_BYTES + 64:
        return Failure(414, "target-too-long", f"the target is longer than {TARGET_BYTES} bytes")
    if end + 4 > limit or len(data) > limit:
        message = f"more than {limit} bytes of headers"
        return Failure(431, "headers-too-large", message, hint="send fewer headers")
    if b"\0" in data or b"\n" in data.replace(b"\r\n", b""):
        return Failure(400, "request-malformed", "a line of the head does not end with CR LF, or holds NUL")
    return None
