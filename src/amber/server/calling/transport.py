"""HTTP with connections kept open, bounded waits, and retries of what may be asked twice: every prediction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

import amber
from amber.errors import UsageError
from amber.server.calling.errors import of_answer, unreachable

_LENGTH = "inference-header-content-length"
_BACKOFF = 0.2  # seconds before the second retry, doubled with each; as much again at most by chance
_WAIT_MAX = 60  # seconds; a server that says a longer Retry-After is not waited for longer


class Answer(NamedTuple):
    """What came: the JSON part and the binary tensors behind it."""

    document: Any
    blobs: memoryview


class Transport:
    """Connections to one server; threads may share it.

    Args:
        url: `http://host:port` or `https://...`; a path before `/v2` is kept.
        api_key: Sent with each request; "": none.
        timeout: Seconds for one answer; the server is told.
        retries: How often a request is sent again after 429, 502, 503 or a lost connection.
        ca_file: PEM file of certificates to trust in place of the system's.
        connections: Kept open at most.

    Raises:
        UsageError: The address is none, or urllib3 is not installed.
    """

    def __init__(
        self, url: str, *, api_key: str = "", timeout: float = 30.0, retries: int = 4, ca_file: str | None = None,
        connections: int = 8,
    ) -> None:  # fmt: skip
        try:
            import urllib3
        except ImportError as error:
            hint = "pip install 'amber[client]'"
            raise UsageError("library-missing", "the client needs urllib3", where=url, hint=hint) from error
        if not url.startswith(("http://", "https://")):
            raise UsageError("url-invalid", "not an http or https address", where=url, hint="http://127.0.0.1:8080")
        self.url = url.rstrip("/")
        self._headers = {"user-agent": f"amber/{amber.__version__}", "accept": "application/json"}
        if api_key:
            if not (api_key.isascii() and api_key.isprintable()):
                raise UsageError("keys-invalid", "the API key has characters that no key has")
            self._headers["authorization"] = f"Bearer {api_key}"
        self._timeout = timeout
        self._broken: type[Exception] = urllib3.exceptions.HTTPError
        self._retry = _patience(retries)
        more: dict[str, Any] = {"ca_certs": ca_file} if ca_file is not None else {}
        self._pool: Any = urllib3.PoolManager(
            num_pools=1, maxsize=connections, block=True, cert_reqs="CERT_REQUIRED", **more
        )

    def ask(
        self, method: str, path: str, *, body: bytes | None = None, head: int | None = None,
        content_type: str = "application/json", again: bool = True,
    ) -> Answer:  # fmt: skip
        """Ask, and return an answer of 2xx.

        Args:
            method: GET or POST.
            path: From `/v2` on.
            body: Of a POST.
            head: Bytes of JSON at the start of a body with binary tensors; None: there are none.
            content_type: Of the body.
            again: Whether to try again.

        Raises:
            CallError: The server refused; its code, row and column.
            SourceError: There is no server, or it was lost.
        """
        headers = {**self._headers, "x-request-timeout": f"{self._timeout:g}"}
        if body is not None:
            headers["content-type"] = content_type
        if head is not None:
            headers[_LENGTH] = str(head)
        try:
            response = self._pool.request(
                method, self.url + path, body=body, headers=headers, timeout=self._timeout + 1.0,
                retries=self._retry if again else False, redirect=False,
            )  # fmt: skip
        except self._broken as error:
            raise unreachable(self.url, getattr(error, "reason", None) or error) from error
        document, blobs = _parts(response.data, response.headers)
        if not 200 <= response.status < 300:
            raise of_answer(response.status, document)
        return Answer(document, blobs)

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()


def _patience(retries: int) -> Any:
    """Return what is tried again, and after which pause."""
    from urllib3 import Retry

    class Bounded(Retry):
        """Waits for a Retry-After, but not for as long as a server may like."""

        def get_retry_after(self, response: Any) -> float | None:
            wait = super().get_retry_after(response)
            return None if wait is None else min(wait, _WAIT_MAX)

    return Bounded(
        total=retries, status_forcelist=(429, 502, 503), allowed_methods=None, backoff_factor=_BACKOFF,
        backoff_jitter=_BACKOFF, backoff_max=10, raise_on_status=False, raise_on_redirect=False, redirect=0,
    )  # fmt: skip


def _parts(data: bytes, headers: Mapping[str, str]) -> tuple[Any, memoryview]:
    """Return the JSON of an answer, None where it is none, and what stands behind it."""
    length = headers.get(_LENGTH, "")
    cut = int(length) if length.isdecimal() and len(length) < 16 else len(data)
    try:
        document = msgspec.json.decode(data[:cut]) if cut else None
    except msgspec.DecodeError:
        document = None
    return document, memoryview(data)[cut:]
