"""`amber.serve`: a server for the length of a block, a notebook or a test, in a process of its own on this machine."""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterator, Sequence
from typing import IO, Any

import msgspec

from amber.errors import AmberError, BuildError, CaseError, PolicyError, SourceError, shown
from amber.server import decisions, events
from amber.server.client import Client
from amber.server.settings import Settings
from amber.trust.passphrase import kept_back

_EXTRA_SECONDS = 5.0  # beyond its own drain, before it is killed
_TAIL_BYTES = 2000
_running: weakref.WeakSet[Server] = weakref.WeakSet()


def serve(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], **settings: Any) -> Server:
    """Serve artifacts on this machine until the block ends, `stop` is called, or this process ends.

    Args:
        paths: One artifact, or several.
        settings: Of `amber serve` by their names (`workers=2`, `route="original"`). Here the port is a free one and
            there is no access log unless they are named.

    Returns:
        The server, ready: every model is verified. Its `url` is what clients need.

    Raises:
        CaseError: A model does not give its recorded answers on this machine.
        PolicyError: The policy refuses a model.
        BuildError: A model cannot be built, or the server could not start.
        SourceError: There is no such file, or the address cannot be used.
        UsageError: A setting is not valid.

    Example:
        >>> with amber.serve("churn.amber") as server:  # doctest: +SKIP
        ...     amber.Client(server.url).predict("churn", frame)
    """
    several = [paths] if isinstance(paths, str | os.PathLike) else paths
    models = [os.path.abspath(path) for path in several]
    given = {"port": 0, "access_log": "off", **settings, "models": models}
    return Server(Settings.from_sources(given))


class Server:
    """A running server; a context manager.

    Attributes:
        url: Of HTTP: `http://127.0.0.1:54321`.
        grpc: Of gRPC, host:port; "" without `grpc_port`.
        pid: Of the front.
    """

    def __init__(self, settings: Settings) -> None:
        self._owner = os.getpid()
        self._settings = settings
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop
        self._process = subprocess.Popen(
            [sys.executable, "-m", "amber.server.local_process"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
            env=kept_back(),
            start_new_session=True,  # Ctrl-C in a notebook or shell is not meant for it
        )  # fmt: skip
        self.pid = self._process.pid
        self._seen: list[events.AnyEvent] = []
        self._news: queue.SimpleQueue[events.AnyEvent | None] = queue.SimpleQueue()
        _running.add(self)
        try:
            self._pipe(self._process.stdin).write(settings.to_json() + b"\n")
            self._pipe(self._process.stdin).flush()
            self._reader = threading.Thread(target=self._follow, name="amber-serve", daemon=True)
            self._reader.start()
            self.url, self.grpc = self._wait()
        except BaseException:
            self.stop()
            raise

    @property
    def said(self) -> list[events.AnyEvent]:
        """What the server has said until now."""
        return list(self._seen)

    def client(self, **options: Any) -> Client:
        """Return a client of this server; options as `amber.Client` takes them."""
        return Client(self.url, **options)

    def stop(self) -> None:
        """Finish what has begun, then end every process; calling it again does nothing."""
        if os.getpid() != self._owner:  # a fork of the process that started it
            return
        _running.discard(self)
        with contextlib.suppress(OSError):  # the server may have ended before it read anything
            self._pipe(self._process.stdin).close()  # the end of the pipe is its sign to finish
        wait = self._settings.drain_seconds + self._settings.drain_delay + _EXTRA_SECONDS
        try:
            self._process.wait(wait)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if hasattr(self, "_reader"):
            self._reader.join()
        self._pipe(self._process.stdout).close()
        self._log.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = "stopped" if self._process.poll() is not None else self.url
        return f"<amber server {state}>"

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        if pipe is None:
            raise BuildError("server-not-started", "the server has no pipe")
        return pipe

    def _follow(self) -> None:
        """Read what the server says, until it ends."""
        for line in self._pipe(self._process.stdout):
            with contextlib.suppress(msgspec.DecodeError):
                event = events.from_json(line)
                if isinstance(event, events.Decided):  # whoever listens does so in this process
                    decisions.write(msgspec.convert(msgspec.structs.asdict(event), decisions.Decision))
                self._seen.append(event)
                self._news.put(event)
        self._news.put(None)

    def _wait(self) -> tuple[str, str]:
        """Return the addresses once every model is ready.

        Raises:
            AmberError: A model is refused, or the server ended.
        """
        listening: events.Listening | None = None
        for event in self._events():
            if isinstance(event, events.Refused):
                raise _refusal(event)
            if isinstance(event, events.Listening):
                listening = event
            if isinstance(event, events.Ready) and listening is not None:
                return listening.http[0], listening.grpc
        raise self._failure()

    def _events(self) -> Iterator[events.AnyEvent]:
        """Yield what the server says, waiting for it; ends with the server, or when loading takes too long."""
        seconds = self._settings.load_seconds * max(1, len(self._settings.models)) + _EXTRA_SECONDS
        with contextlib.suppress(queue.Empty):
            while (event := self._news.get(timeout=seconds)) is not None:
                yield event

    def _failure(self) -> AmberError:
        """Return why there is no server: what the process said last."""
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - _TAIL_BYTES))
        said = self._log.read().decode("utf-8", "replace").strip()
        failed = _Failed.of(said)
        if failed is not None:
            return failed
        state = "took too long" if self._process.poll() is None else f"ended with {self._process.returncode}"
        return BuildError("server-not-started", f"the server {state}: {shown(said[-500:], 500) or 'nothing said'}")


class _Failed(msgspec.Struct):
    """The refusal that `local_process` wrote as its last line."""

    code: str
    message: str
    where: str = ""
    hint: str = ""
    source: bool = False

    @classmethod
    def of(cls, said: str) -> AmberError | None:
        """Return the last line as an error; None where it is something else."""
        try:
            found = msgspec.json.decode(said.rpartition("\n")[2].encode(), type=cls)
        except (msgspec.DecodeError, UnicodeEncodeError):
            return None
        kind = SourceError if found.source else BuildError
        return kind(found.code, found.message, where=found.where, hint=found.hint)


def _refusal(event: events.Refused) -> AmberError:
    """Return a refused model as the error that `amber.load` would raise."""
    refused = event.code.startswith("policy") or event.code == "verdict-too-low"
    kind = PolicyError if refused else CaseError if event.verdict == "drifted" else BuildError
    return kind(event.code, event.reason, where=event.path, hint=event.hint)


@atexit.register
def _stop_all() -> None:
    for server in list(_running):
        server.stop()
