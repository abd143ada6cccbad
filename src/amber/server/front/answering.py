"""Requests for answers: found, decoded, queued, and answered when the worker has; plain callbacks all the way.

In: a `Request` whose body is whole. Out: its answer. What a body means is in `formats`, who computes in `endpoints`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal
from urllib.parse import parse_qs

import msgspec

from amber.server.exchange import Answered, Asked, Failure
from amber.server.formats import simple, v2
from amber.server.front.endpoints.bodies import Body, Held, Upload
from amber.server.front.endpoints.repository import Repository
from amber.server.front.endpoints.versions import Version
from amber.server.front.http.messages import Headers, Request
from amber.server.front.http.routes import Sink
from amber.server.settings import Settings
from amber.server.wire.bulk import Job

Written = tuple[bytes, bytes, Headers]  # body, content type, headers
Write = Callable[[Request, Version, Asked, Answered], Written]
_BODIES = 2  # of the largest size, in memory at once
_LENGTH = b"inference-header-content-length"


class Answering:
    """Handlers of the routes that ask a model."""

    def __init__(self, repository: Repository, settings: Settings) -> None:
        self._repository, self._settings = repository, settings
        self._held = Held(_BODIES * settings.bulk_limit)

    def infer(self, request: Request) -> None:
        """`POST /v2/models/{name}[/versions/{version}]/infer`: Open Inference Protocol, JSON and binary tensors."""
        version = self._version(request)
        if version is None:
            return
        try:
            length = request.headers.get(_LENGTH)
            asked = v2.decode(version.interface, request.body, None if length is None else header_length(length))
            _Flight(request, version, _written).go(asked)
        except Failure as failure:
            request.fail(failure)

    def predict(self, request: Request) -> None:
        """`POST /v1/models/{name}:predict`: records, columns or arrays in JSON."""
        version = self._version(request)
        if version is None:
            return
        try:
            if not request.body:
                raise Failure(400, "body-malformed", "the body is empty")
            content_type = request.headers.get(b"content-type", b"")
            query = parse_qs(request.query) if request.query else None
            asked = simple.decode(version.interface, request.body, content_type, query=query)
            _Flight(request, version, _simply).go(asked)
        except Failure as failure:
            request.fail(failure)

    def infer_bulk(self, request: Request) -> Sink:
        """Take a large body of the Open Inference Protocol."""
        return self._upload(request, "v2")

    def predict_bulk(self, request: Request) -> Sink:
        """Take a large body, or a table."""
        return self._upload(request, "simple")

    def _upload(self, request: Request, form: Literal["v2", "simple"]) -> Sink:
        if self._version(request) is None:
            return Upload(request, None, self._held)
        headers = request.headers

        def ready(body: Body) -> None:
            version = self._version(request)  # another one may have taken over while the body came
            if version is None:
                body.close()
                return
            length = headers.get(_LENGTH)
            job = Job(
                form=form, content_type=headers.get(b"content-type", b"").decode("latin-1"),
                accept=headers.get(b"accept", b"").decode("latin-1"), query=request.query,
                header_length=None if length is None else header_length(length),
                fallback=self._settings.route_fallback, sharing=version.queue.bounds.sharing,
            )  # fmt: skip
            version.bulk.submit(request, body, job)

        return Upload(request, ready, self._held)

    def _version(self, request: Request) -> Version | None:
        """Return what is asked; where there is none, the request is answered why."""
        given = request.parameters
        found = self._repository.find(given["name"], given.get("version"))
        if isinstance(found, Failure):
            known = self._repository.known(given["name"], given.get("version"))
            if not isinstance(known, Failure):  # counted for the version that could not answer
                request.label = known.label
            request.fail(found)
            return None
        request.label = found.label
        return found


class _Flight(msgspec.Struct, eq=False):
    """One request while a worker computes; made and dropped for each, so that it holds nothing that holds it."""

    request: Request
    version: Version
    write: Write

    def go(self, asked: Asked) -> None:
        """Queue it; a client that goes away takes it out again."""
        request = self.request
        request.rows = asked.rows
        request.on_gone = self.version.queue.submit(asked, self.done, request.deadline).cancel

    def done(self, asked: Asked, outcome: Answered | Failure) -> None:
        """Answer."""
        request = self.request
        if isinstance(outcome, Failure):
            request.fail(outcome)
            return
        try:
            body, content_type, headers = self.write(request, self.version, asked, outcome)
        except Failure as failure:  # an answer that this form cannot say
            request.fail(failure)
            return
        request.answer(200, body, content_type, headers)


def _written(request: Request, version: Version, asked: Asked, answered: Answered) -> Written:
    return v2.encode(version.interface, asked, answered)


def _simply(request: Request, version: Version, asked: Asked, answered: Answered) -> Written:
    accept = request.headers.get(b"accept", b"")
    return simple.encode(version.interface, asked, answered, accept)


def header_length(text: bytes) -> int:
    """Return the bytes of the JSON head of a body with binary tensors.

    Raises:
        Failure: It is no number.
    """
    if not text.isdigit() or len(text) > 12:
        raise Failure(400, "header-length-invalid", "Inference-Header-Content-Length is not a number of bytes")
    return int(text)
