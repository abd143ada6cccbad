"""The loader: verifies and builds in a thread that stands back, then has workers forked and watches over them.

In: a control connection to the front. Out: on it `Ready` or `Refused`, then `Forked` and `Died`. The thread loads at
the lowest priority while this one waits at its own; forks are made from here, so that workers run as they should.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import msgspec

from amber.errors import AmberError, SourceError, UsageError, shown
from amber.server.wire import control
from amber.server.wire.control import Closed, Control, Judged, Order, Ready, Refused
from amber.server.worker import process
from amber.server.worker.process import kept_waiting
from amber.server.worker.recording import Recording
from amber.server.worker.refusing import refusal_of

if TYPE_CHECKING:
    from amber.server.worker.loading import Loaded
    from amber.vault.check import Mapped


class Loader:
    """One loader: its order, and what became of it."""

    def __init__(self, connection: Control) -> None:
        self._control = connection
        self._frames: list[tuple[Any, list[int]]] = []
        self._loaded: Loaded | None = None
        self._done = False  # with loading, however it went
        self._answer: Refused | Judged = Refused(code="load-failed", message="the loader ended without a word")
        self._recording = Recording()
        self._selector = selectors.DefaultSelector()
        self._woken, self._bell = socket.socketpair()
        for end in (self._woken, self._bell):
            end.setblocking(False)
        self._selector.register(connection.fd, selectors.EVENT_READ, self._hear)
        self._selector.register(self._woken, selectors.EVENT_READ, self._wake)

    def run(self) -> int:
        """Do all of it; return the exit status."""
        with contextlib.suppress(Closed):
            while not self._frames:
                self._hear()
            order, fds = self._frames.pop(0)
            if not isinstance(order, Order):
                return 0
            if order.beside:
                order = _whole(fds.pop())
            process.die_with(order.front)
            known = set(sys.path)
            sys.path.extend(entry for entry in order.modules if entry not in known)
            self._load(order, fds)
            if self._loaded is not None:
                self._serve(order, self._loaded)
        return 0

    # -- loading ---------------------------------------------------------------------------------------------------

    def _load(self, order: Order, fds: list[int]) -> None:
        """Load in a thread, and tell the front how it went."""
        thread = threading.Thread(target=self._loading, args=(order, fds), name="loading", daemon=True)
        thread.start()
        begun = time.monotonic()
        while not self._done:  # it stands back: what it waits for a processor that others keep busy does not count
            left = begun + order.seconds + kept_waiting(thread.native_id) - time.monotonic()
            if left <= 0:
                break
            self._turn(left)
        if not self._done:
            said = f"not verified and built within {order.seconds:g} seconds"
            self._control.send(
                Refused(
                    code="load-timeout", message=said, verdict="unchecked", hint="raise load_seconds",
                    name=order.name, version=order.version,
                )
            )  # fmt: skip
            os._exit(0)  # the thread cannot be stopped
        thread.join()
        found = self._loaded
        if found is None:
            self._control.send(self._answer)
            return
        seconds = {name: round(value, 6) for name, value in found.seconds.items()}
        self._control.send(
            Ready(
                interface=found.interface, cases=found.cases, seconds=seconds, notes=found.notes, moved=found.moved,
                decision=self._recording.of(refused=False),
            )
        )  # fmt: skip

    def _loading(self, order: Order, fds: list[int]) -> None:
        if not order.judge:  # a judgement is short, and whoever revokes a key waits for it
            process.step_back()
        try:
            if order.judge:
                self._answer = self._judged(order, fds)
            else:
                self._loaded = self._built(order, fds)
        except BaseException as error:  # a library of our own is missing, or the process is to end
            said = f"the loader cannot run: {type(error).__name__}: {shown(error, 500)}"
            self._answer = Refused(code="library-missing", message=said, hint="pip install 'amber[serve]'")
        finally:
            for each in fds:
                os.close(each)
            self._done = True
            self._bell.send(b"1")

    def _built(self, order: Order, fds: list[int]) -> Loaded | None:
        from amber.server.worker import loading

        source, mmap = _source(order, fds)
        try:
            return loading.load(order, source, mmap=mmap)
        except Exception as error:  # whatever a library raises on a stranger's model
            self._answer = self._refusal(error, order, source)
            return None

    def _judged(self, order: Order, fds: list[int]) -> Judged | Refused:
        """Return what the policy says of the artifact, or why it could not be asked."""
        from amber.server.worker import judging

        source, mmap = _source(order, fds)
        try:
            judging.judge(order, source, mmap)
        except (SourceError, UsageError) as error:  # of a file of the reader's own, say: nothing is decided
            return self._refusal(error, order, source)
        except AmberError as error:
            refused = self._refusal(error, order, source)
            return Judged(refused=msgspec.structs.replace(refused, decision=None), decision=refused.decision)
        except Exception as error:
            return self._refusal(error, order, source)
        return Judged(decision=self._recording.of(refused=False))

    def _refusal(self, error: Exception, order: Order, source: str | bytes) -> Refused:
        code, message, hint, verdict = refusal_of(error)
        name, version = _called(order, source)
        return Refused(
            code=code, message=message, hint=hint, verdict=verdict, name=name, version=version,
            decision=self._recording.of(refused=True),
        )  # fmt: skip

    # -- serving ---------------------------------------------------------------------------------------------------

    def _serve(self, order: Order, loaded: Loaded) -> None:
        from amber.server.worker.workers import Workers  # and with it all that workers need, before there are any

        gc.collect()
        gc.freeze()  # no collection writes to what forked processes share
        workers = Workers(self._control, loaded, self._selector)
        if order.spawn:
            self._become(workers)
        signal.signal(signal.SIGCHLD, _heed)
        signal.set_wakeup_fd(self._bell.fileno(), warn_on_full_buffer=False)
        try:
            while True:
                for frame, fds in self._frames:
                    workers.fork(frame, fds)
                self._frames = []
                self._turn(None)
                workers.reap()
        finally:
            signal.set_wakeup_fd(-1)
            workers.end()

    def _become(self, workers: Any) -> None:
        """Be the one worker, and end with it."""
        while not self._frames:
            self._turn(None)
        frame, fds = self._frames.pop(0)
        threading.Thread(target=self._watch, args=(workers,), daemon=True).start()
        os._exit(workers.become(frame, fds))

    def _watch(self, workers: Any) -> None:
        """End with the front; large bodies get a thread, as there is no process for them here."""
        with contextlib.suppress(Closed):
            while True:
                for frame, fds in self._frames:
                    workers.beside(frame, fds)
                self._frames = []
                self._hear()
        os._exit(0)

    def _turn(self, seconds: float | None) -> None:
        """Wait for whatever comes first, and take it."""
        for key, _ in self._selector.select(seconds):
            key.data()

    def _hear(self) -> None:
        self._frames += self._control.receive()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._woken.recv(1024):
                pass


def _heed(signum: int, frame: object) -> None:
    """A signal that only has to be noticed."""


def _called(order: Order, source: str | bytes) -> tuple[str, str]:
    """Name and version of what is refused, as far as its manifest can be read: whoever asks for it is told why."""
    with contextlib.suppress(Exception):
        from amber.vault.inspect import inspect

        info = inspect(source, id=False)
        return order.name or info.name, order.version or info.version
    return order.name, order.version


def _whole(descriptor: int) -> Order:
    """Return an order that was too large for a frame."""
    with os.fdopen(descriptor, "rb") as file:
        file.seek(0)  # the front wrote it through the same position
        return msgspec.msgpack.decode(file.read(), type=Order)


def _source(order: Order, fds: list[int]) -> tuple[str | bytes, Mapped]:
    """Return where the artifact is, or its bytes, and how it is read: whether nobody can change it any more."""
    if not fds:
        return order.artifact, "auto"
    if sys.platform != "linux":  # a descriptor opened by its path would share its position
        return os.pread(fds[0], os.fstat(fds[0]).st_size, 0), "auto"
    import fcntl

    seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
    try:
        sealed = fcntl.fcntl(fds[0], fcntl.F_GET_SEALS) & seals == seals
    except OSError:  # a file, not a memfd
        sealed = False
    return f"/proc/self/fd/{fds[0]}", "sealed" if sealed else "auto"


def main(descriptor: int) -> int:
    """Run a loader on a control connection; return the exit status."""
    end = socket.socket(fileno=descriptor)
    end.setblocking(True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return Loader(control.loader_end(end)).run()
