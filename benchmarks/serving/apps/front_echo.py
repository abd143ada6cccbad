"""The limit of our own front: its connections, guards and counters, and a handler that sends the body back."""

import asyncio
import sys

import uvloop

from amber.server.front.endpoints.watch import Watch
from amber.server.front.http.listener import listen
from amber.server.front.http.routes import Route, Routes
from amber.server.settings import Settings


async def main(port: int) -> None:
    """Serve for ever."""
    routes = Routes()
    routes.add("POST", "/echo", Route(lambda request: request.answer(200, request.body), "predict"))
    routes.add("GET", "/v2/health/live", Route(lambda request: request.answer(200, b"{}"), "open"))
    await listen(routes, Settings(port=port, access_log="off"), Watch())
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
