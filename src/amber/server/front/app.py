"""The front's process: what is bound to which path, and how it starts, drains and ends.

    settings -> repository (models, versions, processes) + routes -> listener -> until a signal -> drained -> stopped

The listener is there first: a probe sees a server that lives and is not ready. A successor of another front loads its
models first, because the sockets it was given are answered all the time.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence

import msgspec

from amber.errors import AmberError
from amber.server.events import Announce, Draining, Listening, Noted, Ready, Stopped
from amber.server.front.admin import Admin
from amber.server.front.answering import Answering
from amber.server.front.endpoints.repository import Repository
from amber.server.front.endpoints.watch import Watch
from amber.server.front.http.listener import Listener, listen
from amber.server.front.http.routes import Route, Routes
from amber.server.front.notify import notify, passed_sockets
from amber.server.front.pages import Pages
from amber.server.front.succession import succeeded
from amber.server.grpc import child as grpc
from amber.server.settings import Settings

_GARBAGE = 20_000  # objects made and not freed between two collections; a request under way has about ten
_MODEL = ("/v2/models/{name}", "/v2/models/{name}/versions/{version}")
_GRACE = 1.0  # seconds in which open connections are closed with an answer alone
_SIMPLE = ("/v1/models/{name}", "/v1/models/{name}/versions/{version}")


def run(settings: Settings, announce: Announce, *, check: bool = False, sockets: Sequence[socket.socket] = ()) -> int:
    """Serve until a signal ends it; return the exit code.

    Args:
        settings: What is served, and how.
        announce: Is told what happens.
        check: End as soon as every model has been loaded or refused.
        sockets: Listening sockets to take over, in place of host and port.

    Raises:
        AmberError: It cannot listen, or a file of the settings cannot be read.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_Front(settings, announce, check, sockets).run())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _settle() -> None:
    """Look for garbage rarely: what lives by now stays, and no request leaves a cycle behind."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE)


def _look_again(watch: Watch, repository: Repository) -> None:
    """What SIGHUP asks for: a log of another file, and judgement by the policy as it is now."""
    watch.reopen()
    repository.judge()


def bind(routes: Routes, repository: Repository, settings: Settings) -> None:
    """Say who answers what."""
    pages, answering, admin = Pages(repository, settings), Answering(repository, settings), Admin(repository)
    routes.add("GET", "/v2/health/live", Route(pages.live, "open"))
    routes.add("GET", "/v2/health/ready", Route(pages.ready, "open"))
    routes.add("GET", "/v2", Route(pages.server, "read"))
    routes.add("GET", "/v2/models", Route(pages.models, "read"))
    for path in _MODEL:
        routes.add("GET", path, Route(pages.metadata, "read"))
        routes.add("GET", f"{path}/ready", Route(pages.model_ready, "read"))
        routes.add("POST", f"{path}/infer", Route(answering.infer, "predict", answering.infer_bulk))
    for path in _SIMPLE:
        routes.add("POST", f"{path}:predict", Route(answering.predict, "predict", answering.predict_bulk))
        routes.add("GET", path, Route(pages.status, "read"))
    routes.add("POST", "/v2/repository/index", Route(pages.index, "admin"))
    routes.add("POST", "/v2/repository/models/{name}/load", Route(admin.load, "admin"))
    routes.add("POST", "/v2/repository/models/{name}/unload", Route(admin.unload, "admin"))
    routes.add("GET", "/metrics", Route(pages.metrics, "read"))
    if settings.docs:
        routes.add("GET", "/openapi.json", Route(pages.openapi, "read"))
        routes.add("GET", "/docs", Route(pages.docs, "read"))


class _Front:
    """One server, from start to end."""

    def __init__(self, settings: Settings, announce: Announce, check: bool, sockets: Sequence[socket.socket]) -> None:
        self._settings, self._announce, self._check = settings, announce, check
        self._sockets, self._successor = [*sockets, *passed_sockets()], bool(sockets)
        self._end = asyncio.Event()
        self._why = ""
        self._succeeding = False
        self._succession: asyncio.Task[None] | None = None
        self._listener: Listener | None = None
        self._grpc: grpc.Child | None = None

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        with _private(self._settings) as settings:
            self._settings = settings
            watch = Watch.of(settings)
            repository = Repository(settings, watch, self._announce)
            routes = Routes()
            bind(routes, repository, settings)
            try:
                with self._signals(loop, watch, repository):
                    await self._serve(repository, routes, watch, begun)
                    await self._drain(repository)
            finally:
                await repository.close(0)
                if self._grpc is not None:
                    await self._grpc.stop(0)
                if self._listener is not None:
                    self._listener.close()
                watch.close()
        self._announce(Stopped(reason=self._why))
        return 0

    async def _serve(self, repository: Repository, routes: Routes, watch: Watch, begun: float) -> None:
        loading = asyncio.ensure_future(repository.start())
        ending = asyncio.ensure_future(self._end.wait())
        try:
            if self._sockets:
                await asyncio.wait((loading, ending), return_when=asyncio.FIRST_COMPLETED)
            if self._successor and not repository.ready:  # the one before has them answered all the time
                self._announce(Ready(ready=False, seconds=asyncio.get_running_loop().time() - begun))
                return self._stop("not ready")
            await self._listen(routes, watch)
            await asyncio.wait((loading, ending), return_when=asyncio.FIRST_COMPLETED)
            if loading.done():
                loading.result()
                seconds = asyncio.get_running_loop().time() - begun
                self._announce(Ready(ready=repository.ready, seconds=seconds))
                _settle()
                notify(f"READY=1\nMAINPID={os.getpid()}\nSTATUS=serving")
                if self._check:
                    self._stop("checked")
            await ending
        finally:
            for task in (loading, ending):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _listen(self, routes: Routes, watch: Watch) -> None:
        settings = self._settings
        listener = self._listener = await listen(routes, settings, watch, sockets=self._sockets)
        if settings.grpc_port is not None and settings.unix_socket is not None:
            self._grpc = await grpc.start(
                settings, settings.unix_socket, lambda said: self._announce(Noted(message=said, code="grpc-ended"))
            )
        scheme = "https" if settings.tls_cert else "http"
        urls = [f"{scheme}://{_named(each[0])}:{each[1]}" for each in listener.addresses if not isinstance(each, str)]
        self._announce(
            Listening(
                http=urls, grpc=self._grpc.address if self._grpc else "", docs="/docs" if settings.docs else "",
                pid=os.getpid(),
            )
        )  # fmt: skip

    async def _drain(self, repository: Repository) -> None:
        """Not ready, then no new connections, then finish what has begun."""
        if self._succession is not None and not self._succeeding:
            self._succession.cancel()  # who is told to end is not to be followed by one who goes on
            with contextlib.suppress(asyncio.CancelledError):
                await self._succession
        repository.draining = True
        self._announce(Draining(reason=self._why))
        notify("STOPPING=1")
        settings, listener = self._settings, self._listener
        if not self._succeeding and not self._check:
            await asyncio.sleep(settings.drain_delay)
        if self._grpc is not None:
            await self._grpc.stop(settings.drain_seconds)
        if listener is not None:
            # a client may be asking on a connection that looks idle: it first gets time to hear that this is the end
            listener.drain(idle=False)
            grace = settings.drain_seconds if self._succeeding else min(_GRACE, settings.drain_seconds)
            if not await listener.drained(grace) and not self._succeeding:
                listener.drain()
                await listener.drained(settings.drain_seconds - grace)
        await repository.close()

    def _stop(self, why: str) -> None:
        self._why = self._why or why
        self._end.set()

    @contextlib.contextmanager
    def _signals(self, loop: asyncio.AbstractEventLoop, watch: Watch, repository: Repository) -> Iterator[None]:
        handled: dict[int, Callable[[], object]] = {
            each: functools.partial(self._stop, each.name) for each in (signal.SIGTERM, signal.SIGINT)
        }
        if hasattr(signal, "SIGHUP"):
            handled[signal.SIGHUP] = functools.partial(_look_again, watch, repository)
        if hasattr(signal, "SIGUSR2"):
            handled[signal.SIGUSR2] = self._begin_succession
        if sys.platform == "win32":  # no signal handlers in its loops
            yield
            return
        for number, call in handled.items():
            loop.add_signal_handler(number, call)
        try:
            yield
        finally:
            for number in handled:
                loop.remove_signal_handler(number)

    def _begin_succession(self) -> None:
        if self._succession is None and self._listener is not None and not self._end.is_set():
            self._succession = asyncio.ensure_future(self._succeed(self._listener))

    async def _succeed(self, listener: Listener) -> None:
        """Hand the listening sockets to a new front, and end when it is ready."""
        settings = self._settings
        try:
            seconds = settings.load_seconds * max(len(settings.models), 1)
            pid = await succeeded(settings, listener.filenos(), seconds)
        except (AmberError, OSError) as error:
            self._succession = None
            self._announce(Noted(message=str(error), code=getattr(error, "code", "successor-failed")))
            return
        self._succeeding = True
        notify(f"MAINPID={pid}")
        self._stop(f"process {pid} has taken over")


@contextlib.contextmanager
def _private(settings: Settings) -> Iterator[Settings]:
    """Give gRPC a Unix socket to the front, in a folder that nobody else can look into."""
    if settings.grpc_port is None or settings.unix_socket is not None:
        yield settings
        return
    with tempfile.TemporaryDirectory(prefix="amber-") as folder:
        yield msgspec.structs.replace(settings, unix_socket=os.path.join(folder, "front"))


def _named(host: str) -> str:
    """Return an address as a URL has it: one that means every interface is asked by the loopback's."""
    named = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 - read, not bound
    return f"[{named}]" if ":" in named and not named.startswith("[") else named
