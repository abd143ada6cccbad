"""The nine calls of the protocol: each asks the front over HTTP and turns its answer, or its refusal, into gRPC's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import grpc
import msgspec

from amber.errors import shown
from amber.server.exchange import Failure
from amber.server.grpc import messages, tensors
from amber.server.grpc.backend import Answer, Backend, Calling

_C = messages.CLASSES
_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    405: grpc.StatusCode.UNIMPLEMENTED,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    409: grpc.StatusCode.FAILED_PRECONDITION,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    415: grpc.StatusCode.INVALID_ARGUMENT,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    431: grpc.StatusCode.RESOURCE_EXHAUSTED,
    499: grpc.StatusCode.CANCELLED,
    501: grpc.StatusCode.UNIMPLEMENTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
_PASSED = ("authorization", "x-api-key", "x-request-id", "traceparent", "tracestate")  # metadata the front reads
_VALUE_CHARS = 4096


class Service:
    """Handlers of the service; each takes (request, context) and returns the answer's message.

    Args:
        backend: The front.
        seconds: How long a call without a deadline may take.
    """

    def __init__(self, backend: Backend, seconds: float) -> None:
        self._backend = backend
        self._seconds = seconds

    def handler(self) -> Any:
        """Return what a gRPC server registers."""
        found = {
            name: grpc.unary_unary_rpc_method_handler(
                self._guarded(getattr(self, _snake(name))),
                request_deserializer=_C[f"{name}Request"].FromString,
                response_serializer=_C[f"{name}Response"].SerializeToString,
            )
            for name in messages.METHODS
        }
        return grpc.method_handlers_generic_handler(messages.SERVICE, found)

    def _guarded(self, call: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def answer(request: Any, context: Any) -> Any:
            try:
                return call(request, context)
            except Failure as failure:
                context.set_trailing_metadata(_trailing(failure))
                context.abort(_CODES.get(failure.status, grpc.StatusCode.INTERNAL), _details(failure))

        return answer

    def server_live(self, request: Any, context: Any) -> Any:
        """Whether the front answers at all."""
        return _C["ServerLiveResponse"](live=self._ask(context, "GET", "/v2/health/live").status == 200)

    def server_ready(self, request: Any, context: Any) -> Any:
        """Whether every model is ready."""
        return _C["ServerReadyResponse"](ready=_ready(self._ask(context, "GET", "/v2/health/ready")))

    def model_ready(self, request: Any, context: Any) -> Any:
        """Whether one model is ready."""
        answer = self._ask(context, "GET", f"{_model(request.name, request.version)}/ready")
        return _C["ModelReadyResponse"](ready=_ready(answer))

    def server_metadata(self, request: Any, context: Any) -> Any:
        """Name, version and extensions of the server."""
        head = _good(self._ask(context, "GET", "/v2")).head
        return _C["ServerMetadataResponse"](
            name=head.get("name", ""), version=head.get("version", ""), extensions=head.get("extensions", [])
        )

    def model_metadata(self, request: Any, context: Any) -> Any:
        """Inputs and outputs of a model."""
        head = _good(self._ask(context, "GET", _model(request.name, request.version))).head
        answer = _C["ModelMetadataResponse"](
            name=head["name"], versions=head.get("versions", []), platform=head.get("platform", "")
        )
        for side in ("inputs", "outputs"):
            for each in head.get(side, []):
                getattr(answer, side).add(name=each["name"], datatype=each["datatype"], shape=each["shape"])
        return answer

    def model_infer(self, request: Any, context: Any) -> Any:
        """Answer rows."""
        body, blobs = tensors.body_of(request)
        target = f"{_model(request.model_name, request.model_version)}/infer"
        found = _good(self._ask(context, "POST", target, body, blobs))
        answer = _C["ModelInferResponse"]()
        tensors.fill(answer, found.head, found.blobs, typed=not request.raw_input_contents)
        return answer

    def repository_index(self, request: Any, context: Any) -> Any:
        """All models and their states."""
        body = b'{"ready":true}' if request.ready else b"{}"
        answer = _C["RepositoryIndexResponse"]()
        for each in _good(self._ask(context, "POST", "/v2/repository/index", body)).head:
            answer.models.add(**{key: each[key] for key in ("name", "version", "state", "reason") if each.get(key)})
        return answer

    def repository_model_load(self, request: Any, context: Any) -> Any:
        """Load a model of the server's folder."""
        self._repository(request, context, "load")
        return _C["RepositoryModelLoadResponse"]()

    def repository_model_unload(self, request: Any, context: Any) -> Any:
        """Serve a model no longer."""
        self._repository(request, context, "unload")
        return _C["RepositoryModelUnloadResponse"]()

    def _repository(self, request: Any, context: Any, verb: str) -> None:
        plain = tensors.plain(request.parameters)
        if any(isinstance(value, bytes) for value in plain.values()):
            message = "a model is loaded from the server's folder, never from the request"
            raise Failure(400, "parameter-refused", message, hint="leave out parameters of bytes")
        body = msgspec.json.encode({"parameters": plain} if plain else {})
        target = f"/v2/repository/models/{quote(request.model_name, safe='')}/{verb}"
        _good(self._ask(context, "POST", target, body))

    def _ask(
        self, context: Any, method: str, target: str, body: bytes = b"", blobs: list[bytes] | None = None
    ) -> Answer:
        left = context.time_remaining()
        # gRPC says a deadline of centuries where the client set none
        seconds = self._seconds if left is None else min(self._seconds, left)
        if seconds <= 0:
            raise Failure(504, "deadline-exceeded", "the deadline had passed before the request was read")
        calling = Calling()
        if not context.add_callback(calling.end):
            raise Failure(499, "client-gone", "the client has gone away")
        headers = {**_headers(context), "x-request-timeout": f"{seconds:.3f}"}
        return self._backend.ask(
            method, target, headers, body=body, blobs=blobs, seconds=seconds + 0.05, calling=calling
        )


def _snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name)[1:]


def _model(name: str, version: str) -> str:
    if not name:
        raise Failure(400, "model-unnamed", "the request names no model")
    path = f"/v2/models/{quote(name, safe='')}"
    return f"{path}/versions/{quote(version, safe='')}" if version else path


def _headers(context: Any) -> dict[str, str]:
    """Return the metadata that the front reads as headers; what could not be a header's value is left out."""
    return {
        key: value
        for key, value in context.invocation_metadata()
        if key in _PASSED and isinstance(value, str) and len(value) <= _VALUE_CHARS and value.isprintable()
    }


def _ready(answer: Answer) -> bool:
    """Return whether it is ready; what is neither ready nor not ready is refused."""
    return False if answer.status == 503 else _good(answer).status == 200


def _good(answer: Answer) -> Answer:
    """Return an answer of 2xx.

    Raises:
        Failure: The front refused; the same words, row and column.
    """
    if 200 <= answer.status < 300:
        return answer
    head = answer.head if isinstance(answer.head, dict) else {}
    raise Failure(
        answer.status,
        str(head.get("code", "refused")),
        str(head.get("error", f"the server answered {answer.status}")),
        row=head.get("row"),
        column=head.get("column"),
        hint=str(head.get("hint", "")),
        expected=str(head.get("expected", "")),
    )


def _details(failure: Failure) -> str:
    hint = f" ({failure.hint})" if failure.hint else ""
    return shown(f"{failure.message}{hint} [{failure.code}]", 2000)


def _trailing(failure: Failure) -> tuple[tuple[str, str], ...]:
    """Return what a program reads of a refusal: its code, row and column, and what was expected."""
    found = [("amber-code", failure.code)]
    if failure.row is not None:
        found.append(("amber-row", str(failure.row)))
    for key, text in (("amber-column", failure.column), ("amber-expected", failure.expected)):
        if text and text.isascii() and text.isprintable():
            found.append((key, text))
    return tuple(found)
