"""The admin's part of the Open Inference Protocol: load and unload, by name alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from amber.server.exchange import Failure
from amber.server.front.endpoints.repository import Repository
from amber.server.front.http.messages import Request


class Parameters(msgspec.Struct):
    """Body of a load or unload request; keys of other servers (`config`, `file:...`) are refused, not ignored."""

    parameters: dict[str, object] = {}


class Admin:
    """Handlers that change what is served."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._tasks: set[asyncio.Task[None]] = set()

    def load(self, request: Request) -> None:
        """`POST /v2/repository/models/{name}/load`: verified before it takes traffic; answered when it has."""
        self._begin(request, self._repository.load)

    def unload(self, request: Request) -> None:
        """`POST /v2/repository/models/{name}/unload`."""
        self._begin(request, self._repository.unload)

    def _begin(self, request: Request, change: Callable[[str], Awaitable[None]]) -> None:
        try:
            given = msgspec.json.decode(request.body or b"{}", type=Parameters).parameters
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            request.fail(Failure(400, "body-malformed", f"not a request of the repository API: {error}"))
            return
        if set(given) - {"unload_dependents"}:
            message = "a model is loaded by its name alone: no configuration, file or address is taken"
            request.fail(Failure(400, "parameter-unknown", message))
            return
        task = asyncio.ensure_future(self._change(request, change))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _change(self, request: Request, change: Callable[[str], Awaitable[None]]) -> None:
        try:
            await change(request.parameters["name"])
        except Failure as failure:
            request.fail(failure)
        else:
            request.answer(200, b"{}")
