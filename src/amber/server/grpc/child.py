"""The gRPC process, as the front starts, keeps and ends it. Inert: this module imports no gRPC."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable

import msgspec

from amber.errors import SourceError
from amber.server.grpc.order import Order, Started
from amber.server.settings import Settings

_START_SECONDS = 30.0
_PAUSE_SECONDS = (0.1, 30.0)  # between attempts to start it anew: doubled from the first to the last
Noted = Callable[[str], None]


def _quiet(message: str) -> None:
    """Tell nobody."""


class Child:
    """A running gRPC process; one that ends by itself is started anew, at the same port.

    Attributes:
        address: host:port it listens at.
    """

    def __init__(self, order: Order, process: asyncio.subprocess.Process, noted: Noted) -> None:
        self._order, self._process, self._noted = order, process, noted
        self.address = f"{order.settings.host}:{order.settings.grpc_port}"
        self._keeper = asyncio.ensure_future(self._keep())

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def stop(self, seconds: float) -> int:
        """Let it finish its calls; after `seconds` it is killed. Return its exit code."""
        self._keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._keeper
        if self._process.stdin is not None:
            self._process.stdin.close()  # the end of the pipe is its sign to finish
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(self._process.wait(), seconds)
        return await _kill(self._process)

    async def _keep(self) -> None:
        pause, longest = _PAUSE_SECONDS
        while True:
            code = await self._process.wait()
            self._noted(f"the gRPC process ended ({code}) and is started anew")
            while True:
                try:
                    self._process, _ = await _begun(self._order)
                except SourceError as error:
                    self._noted(f"gRPC: {error.message}")
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, longest)
                else:
                    break


async def start(settings: Settings, front: str, noted: Noted = _quiet) -> Child:
    """Start the gRPC process.

    Args:
        settings: Of the server; `grpc_port` is set.
        front: The Unix socket the front answers at, without TLS.
        noted: Is told in words when the process ended by itself.

    Raises:
        SourceError: It could not start; the reason is its own.
    """
    process, port = await _begun(Order(settings=settings, front=front))
    kept = Order(settings=msgspec.structs.replace(settings, grpc_port=port), front=front)
    return Child(kept, process, noted)


async def _begun(order: Order) -> tuple[asyncio.subprocess.Process, int]:
    """Return a process that listens, and its port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "amber.server.grpc",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        started = await _started(process, order)
    except BaseException:
        await _kill(process)
        raise
    if started.port:
        return process, started.port
    await _kill(process)
    raise SourceError(started.code, started.error, where="--grpc-port", hint=started.hint)


async def _started(process: asyncio.subprocess.Process, order: Order) -> Started:
    """Give the order, and return what the process says to it."""
    if process.stdin is None or process.stdout is None:
        raise ValueError("pipes were asked for")
    try:
        process.stdin.write(msgspec.json.encode(order) + b"\n")
        line = await asyncio.wait_for(process.stdout.readline(), _START_SECONDS)
        if line:
            return msgspec.json.decode(line, type=Started)
    except TimeoutError:
        return Started(code="grpc-not-started", error=f"gRPC did not listen within {_START_SECONDS:.0f} s")
    except (OSError, msgspec.DecodeError) as error:
        return Started(code="grpc-not-started", error=f"the gRPC process cannot be talked to: {error}")
    return Started(code="grpc-not-started", error="the gRPC process ended before it listened")


async def _kill(process: asyncio.subprocess.Process) -> int:
    with contextlib.suppress(ProcessLookupError):  # it has ended by itself
        process.kill()
    return await process.wait()
