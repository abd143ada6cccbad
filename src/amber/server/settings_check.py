"""Settings that contradict each other, or name what is not there, are refused before anything starts."""

from __future__ import annotations

import ipaddress
import os
import re
from typing import TYPE_CHECKING

from amber.errors import SourceError, UsageError

if TYPE_CHECKING:
    from amber.server.settings import Settings

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:[0-9]{1,5})?|\*")
_BATCH = 4096  # bytes: room for the head of a batch and a few rows
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def is_loopback(host: str) -> bool:
    """Whether an address to listen at can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_together(settings: Settings) -> None:
    """Refuse settings that do not go together.

    Raises:
        SourceError: A file or folder is not there.
        UsageError: Two settings contradict each other, or one needs another.
    """
    _files(settings)
    _doors(settings)
    _sizes(settings)
    _models(settings)


def _files(settings: Settings) -> None:
    files = [("policy", settings.policy), ("api_keys", settings.api_keys)]
    files += [("tls_cert", settings.tls_cert), ("tls_key", settings.tls_key)]
    for key, path in files:
        if path is not None and not os.path.isfile(path):
            code = "policy-unreadable" if key == "policy" else "source-missing"
            said = "is no regular file" if os.path.exists(path) else "there is no such file"
            raise SourceError(code, said, where=f"{key}: {path}")
    if settings.folder is not None and not os.path.isdir(settings.folder):
        raise SourceError("source-missing", "there is no such folder", where=f"folder: {settings.folder}")
    for model in settings.models:
        if not os.path.exists(model.path):
            raise SourceError("source-missing", "there is no such file", where=model.path)


def _doors(settings: Settings) -> None:
    """Who may reach the server, and how."""
    if settings.api_keys is not None and settings.no_auth:
        raise _conflict("api_keys and no_auth exclude each other", "api_keys", "leave one of them out")
    if (settings.tls_cert is None) != (settings.tls_key is None):
        missing = "tls_key" if settings.tls_key is None else "tls_cert"
        raise _conflict(f"TLS needs both halves; {missing} is not set", missing, "give --tls-cert and --tls-key")
    for host in settings.allowed_hosts:
        if not _HOST.fullmatch(host):
            hint = "a name or address with or without a port, as clients write it: models.example.com:8080"
            raise _conflict(f"{host!r} is not a value of a Host header", "allowed_hosts", hint)
    if settings.grpc_port and settings.grpc_port == settings.port:
        raise _conflict("HTTP and gRPC need a port each", "grpc_port", "choose another --grpc-port")
    if is_loopback(settings.host):
        return
    if settings.api_keys is None and not settings.no_auth:
        hint = "--api-keys FILE (amber keys FILE --new NAME makes one), or --no-auth where something else checks"
        raise _conflict(
            f"{settings.host} can be reached from other machines, and nothing says who may ask", "host", hint
        )
    if not settings.allowed_hosts:
        hint = "--allowed-host NAME, as clients write it in the address; repeat it"
        raise _conflict(f"{settings.host} can be reached by names, and none is allowed", "host", hint)


def _sizes(settings: Settings) -> None:
    if settings.body_inline > settings.body_limit:
        raise _conflict("body_inline is larger than body_limit", "body_inline", "make body_limit larger")
    if settings.batch_bytes < _BATCH:
        raise _conflict(f"batch_bytes is less than {_BATCH}", "batch_bytes", "4 MiB is what was measured")
    if settings.spawn and settings.workers > 1:
        hint = "--workers 1: several workers are forked from one, which needs Linux and spawn = false"
        raise _conflict(f"{settings.workers} workers cannot be spawned", "workers", hint)
    if settings.otlp_endpoint is not None and not re.match(r"https?://[^/]", settings.otlp_endpoint):
        raise _conflict("not an http or https address", "otlp_endpoint", "for example http://127.0.0.1:4318/v1/traces")


def _models(settings: Settings) -> None:
    if not settings.models and settings.folder is None:
        hint = "amber serve churn.amber, [[models]] in the configuration, or --folder to load models later"
        raise _conflict("there is nothing to serve", "models", hint)
    seen: set[tuple[str, str | None]] = set()
    for model in settings.models:
        if model.expect == "":  # it would expect nothing, where somebody meant a name
            raise _conflict("expect is empty", model.path, "leave it out where any name is served")
        for key, text in (("name", model.name), ("version", model.version)):
            if text is not None and not _NAME.fullmatch(text):
                raise _conflict(f"{text!r} cannot be a {key}", model.path, "letters, digits, dots, dashes, underscores")
        if model.name is not None:
            if (model.name, model.version) in seen:
                raise _conflict(
                    f"{model.name!r} is there twice", model.path, "give each a version or a name of its own"
                )
            seen.add((model.name, model.version))


def _conflict(message: str, where: str, hint: str) -> UsageError:
    return UsageError("settings-conflict", message, where=where, hint=hint)
