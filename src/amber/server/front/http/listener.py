"""The listening side: sockets, TLS, the sweep once a second, and the end."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from typing import Any

from amber.errors import SourceError
from amber.server.front.http.guards import Guards
from amber.server.front.http.protocol import Connection
from amber.server.front.http.routes import Routes
from amber.server.front.http.service import Service, Watch
from amber.server.front.keys import Keys
from amber.server.settings import Settings

_BACKLOG = 1024
_SWEEP = 1.0  # seconds


class Listener:
    """Open sockets and their connections.

    Attributes:
        addresses: Where it listens: (host, port), or the path of a Unix socket.
    """

    def __init__(self, service: Service, servers: Sequence[asyncio.Server]) -> None:
        self._service = service
        self._servers = servers
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(_SWEEP, self._sweep)
        self.addresses: list[tuple[str, int] | str] = [_address(each) for server in servers for each in server.sockets]

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._service.connections)

    @property
    def busy(self) -> int:
        """How many requests are not answered yet."""
        return sum(each.busy for each in self._service.connections)

    def stop_listening(self) -> None:
        """Take no new connections; those that are open go on."""
        for server in self._servers:
            server.close()

    def filenos(self) -> list[int]:
        """Return the descriptors of the listening sockets, for a process that takes them over."""
        return [each.fileno() for server in self._servers for each in server.sockets]

    def drain(self, *, idle: bool = True) -> None:
        """Take no new connections; every next answer says `connection: close`.

        Args:
            idle: Close idle connections now; a client may have sent a request that is still on its way. Else each is
                closed with its next answer.
        """
        self.stop_listening()
        self._service.draining = True
        for each in tuple(self._service.connections):
            each.drain(idle=idle)

    async def drained(self, seconds: float) -> bool:
        """Wait until every connection is closed; False: some were not within `seconds`."""
        until = self._loop.time() + seconds
        while self._service.connections and self._loop.time() < until:
            await asyncio.sleep(0.02)
        return not self._service.connections

    def close(self) -> None:
        """Close everything at once."""
        self.stop_listening()
        self._timer.cancel()
        for each in tuple(self._service.connections):
            each.abort()

    def _sweep(self) -> None:
        self._timer = self._loop.call_later(_SWEEP, self._sweep)
        self._service.sweep()


async def listen(
    routes: Routes,
    settings: Settings,
    watch: Watch,
    *,
    keys: Keys | None = None,
    sockets: Sequence[socket.socket] = (),
) -> Listener:
    """Return a listener that answers.

    Args:
        routes: Who answers what; more may be added later.
        settings: Addresses and limits.
        watch: Is told of every answer.
        keys: The API keys; None: those of `settings.api_keys`, if any.
        sockets: Listening sockets to take over (from the process before, or from systemd) in place of host and port.

    Raises:
        SourceError: An address cannot be listened at, or a certificate or the keys cannot be read.
    """
    loop = asyncio.get_running_loop()
    if keys is None and settings.api_keys is not None:
        keys = Keys(settings.api_keys)
    service = Service(loop, routes, settings, watch, Guards(settings, keys))
    secure: dict[str, Any] = {}
    if settings.tls_cert is not None:
        secure = {"ssl": _tls(settings.tls_cert, settings.tls_key), "ssl_handshake_timeout": settings.header_seconds}
    servers: list[asyncio.Server] = []

    def connection() -> Connection:
        return Connection(service)

    try:
        for each in sockets:
            each.setblocking(False)
            plain = each.family == getattr(socket, "AF_UNIX", None)
            options = {} if plain else secure
            servers.append(await loop.create_server(connection, sock=each, backlog=_BACKLOG, **options))
        if not sockets:
            host, port = settings.host.strip("[]"), settings.port
            servers.append(await loop.create_server(connection, host, port, backlog=_BACKLOG, **secure))
            if settings.unix_socket is not None:
                servers.append(await loop.create_unix_server(connection, settings.unix_socket, backlog=_BACKLOG))
    except OSError as error:
        for server in servers:
            server.close()
        where = f"{settings.host}:{settings.port}"
        message = f"cannot listen: {error.strerror or error}"
        hint = "another process may hold the port: choose one by --port, or 0 for a free one"
        raise SourceError("address-unusable", message, where=where, hint=hint) from error
    return Listener(service, servers)


def _tls(cert: str, key: str | None) -> ssl.SSLContext:
    """Return how TLS is spoken: 1.2 and 1.3, and HTTP/1.1 inside."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        message = f"the certificate or its key cannot be used: {error}"
        hint = "PEM files; the key without a passphrase"
        raise SourceError("tls-unusable", message, where=cert, hint=hint) from error
    return context


def _address(each: socket.socket) -> tuple[str, int] | str:
    name = each.getsockname()
    return name if isinstance(name, str) else (name[0], name[1])
