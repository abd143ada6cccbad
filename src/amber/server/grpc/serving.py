"""The gRPC server: address, TLS, limits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import grpc

from amber.errors import SourceError
from amber.server.grpc.backend import Backend
from amber.server.grpc.order import Order
from amber.server.grpc.service import Service
from amber.server.settings import Settings

_THREADS = 32  # calls that wait for the front at once; they share its batches
_WAITING = 512  # calls beyond that are refused with RESOURCE_EXHAUSTED


class Running(NamedTuple):
    """A started server, its connections to the front, and its port."""

    server: Any
    backend: Backend
    port: int

    def stop(self, seconds: float) -> None:
        """Take no new calls, and end those that have begun after `seconds`."""
        self.server.stop(seconds).wait()
        self.backend.close()


def start(order: Order) -> Running:
    """Return a started server.

    Raises:
        SourceError: The address cannot be listened at, or the certificate cannot be used.
    """
    settings = order.settings
    backend = Backend(order.front)
    server = grpc.server(
        ThreadPoolExecutor(_THREADS, thread_name_prefix="amber-grpc"),
        handlers=(Service(backend, settings.request_seconds).handler(),),
        options=_options(settings),
        maximum_concurrent_rpcs=_WAITING,
    )
    host = settings.host.strip("[]")
    where = f"[{host}]:{settings.grpc_port or 0}" if ":" in host else f"{host}:{settings.grpc_port or 0}"
    try:
        credentials = _credentials(settings)
        port = server.add_secure_port(where, credentials) if credentials else server.add_insecure_port(where)
    except (RuntimeError, ValueError) as error:
        hint = "another process may hold the port: choose one by --grpc-port, or 0 for a free one"
        raise SourceError("address-unusable", f"cannot listen: {error}", where=where, hint=hint) from error
    server.start()
    return Running(server, backend, port)


def _options(settings: Settings) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", settings.body_limit),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_metadata_size", settings.header_bytes),
        ("grpc.so_reuseport", 0),  # a port that another server holds is an error, not a lottery
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ]


def _credentials(settings: Settings) -> Any:
    """Return TLS credentials, or None where there is no certificate."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    try:
        with open(settings.tls_cert, "rb") as cert, open(settings.tls_key, "rb") as key:
            return grpc.ssl_server_credentials([(key.read(), cert.read())])
    except OSError as error:
        raise SourceError("tls-unusable", f"cannot be read: {error.strerror}", where=settings.tls_cert) from error
