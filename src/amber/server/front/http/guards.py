"""Who may ask: the Host and Origin of every request, whatever its verb, and API keys with their scopes.

Host and Origin keep the pages that a browser has open away from a server on the same machine: a page of another site
sends its own Origin, and one whose name was bound anew to 127.0.0.1 sends its own Host. Health is exempt from both, as
probes come by address. Keys keep everybody else away.
"""

from __future__ import annotations

from amber.errors import shown
from amber.server.exchange import Failure
from amber.server.front.http.messages import Header, Request
from amber.server.front.http.routes import Route
from amber.server.front.keys import Keys
from amber.server.settings import Settings

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_ANYWHERE = {"0.0.0.0", "[::]"}  # noqa: S104 - bound to, but no name to be called by
_WITHOUT_KEYS = frozenset(("read", "predict"))  # what changes the server needs a key, also on loopback
_HEALTH = "/v2/health/"
_KEPT = 256  # values of Host that are known to be good
CHALLENGE: Header = (b"www-authenticate", b'Bearer realm="amber"')
_DEFAULT_PORTS = {b"http": b":80", b"https": b":443"}


class Guards:
    """The checks between a head and its handler.

    Args:
        settings: `host`, `allowed_hosts`.
        keys: None: without keys anybody may read and predict, and nobody else's scopes are to be had.

    Attributes:
        age: How often the keys have changed: what was let in before is looked at anew.
    """

    def __init__(self, settings: Settings, keys: Keys | None) -> None:
        bound = settings.host.strip("[]").lower()
        allowed = {each.lower() for each in settings.allowed_hosts} - {"*"}
        names = {*_LOOPBACK, f"[{bound}]" if ":" in bound else bound, *allowed} - _ANYWHERE
        self._names = frozenset(name.encode() for name in names)
        self._pages = frozenset(name.encode() for name in allowed)  # not loopback: another port is another's page
        self._any_host = "*" in settings.allowed_hosts
        self._keys = keys
        self._good: set[bytes] = set()
        self.age = 0

    def refresh(self) -> None:
        """Look whether the file of keys has changed."""
        if self._keys is not None and self._keys.refresh():
            self.age += 1

    def place(self, request: Request) -> Failure | None:
        """Return why a request may not come from where it says it comes, or to whom it says it goes."""
        headers = request.headers
        host = headers.get(b"host", b"")
        if host not in self._good and not request.path.startswith(_HEALTH):
            if not (self._any_host or _is_named(host.lower(), self._names)):
                message = f"this server does not answer for the host {shown(host.decode('latin-1'))}"
                return Failure(403, "host-refused", message, hint="start it with --allowed-host")
            if len(self._good) < _KEPT:
                self._good.add(host)
        if b"origin" in headers and not request.path.startswith(_HEALTH):
            return self._origin(headers[b"origin"].lower(), host.lower())
        return None

    def key(self, request: Request, route: Route) -> Failure | None:
        """Return why a request may not have what it asks for, and note its scopes."""
        if self._keys is None:
            request.scopes = _WITHOUT_KEYS
            if route.scope in _WITHOUT_KEYS or route.scope == "open":
                return None
            message = f"this needs a key with the scope {route.scope}"
            return Failure(403, "scope-missing", message, hint="start the server with --api-keys")
        token = _token(request.headers)
        known = self._keys.check(token) if token else None
        if known is None:
            if route.scope == "open":
                return None
            message = "the API key is not known" if token else "an API key is needed"
            return Failure(401, "key-unknown", message, hint="Authorization: Bearer KEY, or X-API-Key: KEY")
        request.key, request.scopes = known
        if route.scope == "open" or route.scope in request.scopes:
            return None
        return Failure(403, "scope-missing", f"this key has not the scope {route.scope}")

    def _origin(self, origin: bytes, host: bytes) -> Failure | None:
        scheme, _, authority = origin.partition(b"://")
        default = _DEFAULT_PORTS.get(scheme)
        if default is not None and authority:
            if authority.removesuffix(default) == host.removesuffix(default):
                return None
            if _is_named(authority, self._pages):
                return None
        message = f"pages of {shown(origin.decode('latin-1'))} may not ask this server"
        return Failure(403, "origin-refused", message, hint="start it with --allowed-host")


def _is_named(host: bytes, names: frozenset[bytes]) -> bool:
    """Whether a lower-case host, with or without a port, is one of the names; a name without a port stands for any."""
    name, port = _split(host)
    return name in names or (bool(port) and host in names)


def _split(host: bytes) -> tuple[bytes, bytes]:
    """Return name and port of `name`, `name:port` or `[v6]:port`; an empty name where it is none of them."""
    name, colon, port = host.rpartition(b":")
    if not colon or (host.endswith(b"]") and host.startswith(b"[")):
        return host, b""
    if not port.isdigit() or len(port) > 5 or (b":" in name and not name.endswith(b"]")):
        return b"", b""
    return name, port


def _token(headers: dict[bytes, bytes]) -> bytes:
    """Return the key a request shows, or nothing."""
    value = headers.get(b"authorization")
    if value is not None:
        scheme, _, token = value.partition(b" ")
        return token.strip() if scheme.lower() == b"bearer" else b""
    return headers.get(b"x-api-key", b"")
