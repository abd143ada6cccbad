"""What all connections of one listener share."""

from __future__ import annotations

import asyncio
import secrets
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from amber.server.front.http import answers
from amber.server.front.http.guards import Guards
from amber.server.front.http.head import HeadReader
from amber.server.front.http.messages import Request
from amber.server.front.http.routes import Routes
from amber.server.settings import Settings

if TYPE_CHECKING:
    from amber.server.front.http.protocol import Connection


class Watch(Protocol):
    """Is told of every answer: metrics and the access log."""

    def answered(self, request: Request, status: int, sent_bytes: int, seconds: float) -> None:
        """A request was answered.

        Args:
            request: With `label` and `code` as the handler left them; method and path are empty where the head was
                not to be read.
            status: As it was sent; 499: the client had gone away before.
            sent_bytes: Of the body.
            seconds: Since the head was there.
        """


class Service:
    """Routes, limits, guards and the clock of one listener; `connections` are those that are open."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, routes: Routes, settings: Settings, watch: Watch, guards: Guards
    ) -> None:
        self.loop = loop
        self.routes = routes
        self.settings = settings
        self.watch = watch
        self.guards = guards
        self.heads = HeadReader(settings.header_count)
        self.connections: set[Connection] = set()
        self.draining = False
        self.date = answers.date()
        self._prefix = secrets.token_hex(6)  # makes ids of this process unlike those of any other
        self._count = count()

    def new_id(self) -> str:
        """Return an id for a request that brought none."""
        return f"{self._prefix}-{next(self._count):x}"

    def sweep(self) -> None:
        """Look after everything that depends on time: once a second, over all connections, and no timer else."""
        self.date = answers.date()
        self.guards.refresh()
        now = monotonic()
        for each in tuple(self.connections):
            each.sweep(now)
