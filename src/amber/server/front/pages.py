"""Everything that is asked about the server and its models rather than of them: health, metadata, metrics, pages."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from amber import __version__
from amber.server.exchange import Failure
from amber.server.formats import docs, openapi, v2
from amber.server.front.endpoints.repository import Repository
from amber.server.front.endpoints.versions import Version
from amber.server.front.http.messages import Request
from amber.server.settings import Settings

if TYPE_CHECKING:
    from amber.server.front.endpoints.metrics import Metrics

_EXTENSIONS = ["binary_tensor_data", "model_repository", "model_repository_extension"]
_encode = msgspec.json.Encoder().encode


class IndexRequest(msgspec.Struct):
    """Body of `POST /v2/repository/index`. `ready`: only what can be asked."""

    ready: bool = False


class Pages:
    """Handlers of the routes that are read."""

    def __init__(self, repository: Repository, settings: Settings) -> None:
        self._repository, self._settings = repository, settings

    @cached_property
    def _metrics(self) -> Metrics:
        """Made when it is first asked for: its library takes longer to import than the server itself."""
        from amber.server.front.endpoints.metrics import Metrics

        return Metrics(self._repository)

    def live(self, request: Request) -> None:
        """`GET /v2/health/live`: the process answers."""
        request.answer(200, b'{"live":true}')

    def ready(self, request: Request) -> None:
        """`GET /v2/health/ready`: every model that is wanted is verified and answers."""
        ready = self._repository.ready
        request.answer(200 if ready else 503, b'{"ready":true}' if ready else b'{"ready":false}')

    def server(self, request: Request) -> None:
        """`GET /v2`."""
        request.answer(200, _encode({"name": "amber", "version": __version__, "extensions": _EXTENSIONS}))

    def models(self, request: Request) -> None:
        """`GET /v2/models`: the names there are."""
        names = dict.fromkeys(each.current.name for each in self._repository.endpoints)
        request.answer(200, _encode({"models": list(names)}))

    def metadata(self, request: Request) -> None:
        """`GET /v2/models/{name}[/versions/{version}]`: inputs, outputs, and what was vouched for."""
        version = self._known(request)
        if version is None:
            return
        if version.ready is None:
            request.fail(version.failure())
            return
        status = version.status()
        told = {f"amber.{key}": str(status[key]) for key in ("state", "reason", "code") if status.get(key)}
        request.answer(200, _encode(v2.metadata(version.interface, self._repository.numbers(version.name), told)))

    def model_ready(self, request: Request) -> None:
        """`GET /v2/models/{name}[/versions/{version}]/ready`."""
        version = self._known(request)
        if version is None:
            return
        ready = version.state == "READY"
        said: dict[str, Any] = {"name": version.name, "ready": ready}
        if not ready:
            failure = version.failure()
            said |= {"error": failure.message, "code": failure.code}
        request.answer(200 if ready else 503, _encode(said))

    def status(self, request: Request) -> None:
        """`GET /v1/models/{name}`: state, verdict of each form, workers, in full."""
        version = self._known(request)
        if version is not None:
            request.answer(200, _encode(version.status()))

    def index(self, request: Request) -> None:
        """`POST /v2/repository/index`."""
        try:
            asked = msgspec.json.decode(request.body or b"{}", type=IndexRequest)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            request.fail(Failure(400, "body-malformed", f"not an index request: {error}", hint='{"ready": true}'))
            return
        found = self._repository.index()
        request.answer(200, _encode([each for each in found if each["state"] == "READY" or not asked.ready]))

    def metrics(self, request: Request) -> None:
        """`GET /metrics`: Prometheus."""
        body, content_type = self._metrics.render(request.headers.get(b"accept", b"").decode("latin-1"))
        request.answer(200, body, content_type)

    def openapi(self, request: Request) -> None:
        """`GET /openapi.json`: the real columns of every model that answers."""
        request.answer(200, _encode(self._document()))

    def docs(self, request: Request) -> None:
        """`GET /docs`: the same for people."""
        body, content_type, headers = docs.page()
        request.answer(200, body, content_type, headers)

    def _document(self) -> dict[str, Any]:
        found = [self._repository.find(each.current.name) for each in self._repository.endpoints]
        ready = {each.name: each.interface for each in found if not isinstance(each, Failure)}
        secured = self._settings.api_keys is not None
        return openapi.document(list(ready.values()), version=__version__, secured=secured)

    def _known(self, request: Request) -> Version | None:
        found = self._repository.known(request.parameters["name"], request.parameters.get("version"))
        if isinstance(found, Failure):
            request.fail(found)
            return None
        request.label = found.label
        return found
