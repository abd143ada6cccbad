"""What every version shares: settings, the loop, how a process is started, who is told what happens.

Tests give their own ways to copy and to start: they simulate the processes, not the versions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from amber.errors import AmberError, shown
from amber.server import decisions
from amber.server.decisions import Decision
from amber.server.events import Announce, Decided, Noted
from amber.server.front.endpoints import memory, policies
from amber.server.front.endpoints.copies import private_copy
from amber.server.front.endpoints.judge import judged
from amber.server.front.endpoints.policies import Reading
from amber.server.front.endpoints.process import LoadError, Process
from amber.server.front.endpoints.queue import Queue
from amber.server.front.endpoints.watch import Watch
from amber.server.settings import Settings
from amber.server.wire.control import Control, Judged, Order, Ready, Refused
from amber.server.wire.ends import Kind


class Runner(Protocol):
    """A loader with its workers, as a version sees it: `process.Process`."""

    on_end: Callable[[str], None]
    deaths: int

    @property
    def pids(self) -> list[int]:
        """Of the loader and its workers."""

    async def load(self) -> Ready:
        """Return what the loader found."""

    async def serve(self, queue: Queue) -> None:
        """Have workers forked and given to the queue."""

    def bulk(self, number: int, ended: Sequence[int]) -> Control:
        """Return a connection to a fresh process for large bodies; those of other numbers have ended."""

    async def stop(self) -> None:
        """End all of it."""


Launch = Callable[[Order, int], Runner]
Copy = Callable[[str, "int | None", bool], int]


def _nobody(event: object) -> None:
    """Tell nobody."""


@dataclass
class Host:
    """See the module.

    Attributes:
        launch: Makes a process of an order and an artifact's descriptor.
        copy: Returns the descriptor of a sealed copy: path, bytes at most, whether a link is followed.
        pss: Returns the bytes of processes, as the kernel counts them.
        changed: Called after every change of a state.
        pids: Returns the processes of all versions.
        labels: Returns name and version of each model that answers.
        read: Returns the policy in force, by the path that the settings name.
        judge: Judges an artifact anew, as `judge.judged`.
    """

    settings: Settings
    watch: Watch
    loop: asyncio.AbstractEventLoop
    announce: Announce = _nobody
    launch: Launch | None = None
    copy: Copy = lambda path, most, follow: private_copy(path, most_bytes=most, follow=follow)
    pss: Callable[[Iterable[int]], int] = memory.total
    changed: Callable[[], None] = lambda: None
    pids: Callable[[], list[int]] = list
    labels: Callable[[], list[str]] = list
    read: Callable[[str | None], Reading] = policies.read
    judge: Callable[[Order, int], Awaitable[Judged]] = judged
    _unusable: str = ""
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.read(self.settings.policy)  # a server does not start under a policy that is none

    async def policy(self) -> Reading:
        """Return the policy in force now, read beside the loop; what is wrong with it is said once.

        Raises:
            LoadError: A file of it cannot be read, is not valid, or could have been written by somebody else.
        """
        try:
            found = await self.loop.run_in_executor(None, self.read, self.settings.policy)
        except AmberError as error:
            said = f"the policy cannot be used: {error.where}: {error.message}; {error.hint}".rstrip("; ")
            if said != self._unusable:
                self._unusable = said
                self.announce(Noted(message=said, code=error.code))
            message = f"the policy of this server cannot be used: {error.message}"
            raise LoadError(Refused(code=error.code, message=message, hint="see the server's log")) from error
        self._unusable = ""
        return found

    def decided(self, decision: Decision | None) -> None:
        """Have a decision on record: an event, and a line to the logger `amber.trust`."""
        if decision is not None:
            decisions.write(decision)
            self.announce(Decided(**msgspec.structs.asdict(decision)))

    def start(self, order: Order, artifact: int) -> Runner:
        """Return a process for an order; it is not running yet."""
        if self.launch is not None:
            return self.launch(order, artifact)
        settings = self.settings
        kind: Kind | None = "socket" if settings.spawn else None
        return Process(order, artifact, settings.workers, settings.batch_bytes, kind)

    async def copied(self, path: str, follow: bool) -> int:
        """Return the descriptor of a sealed copy, made beside the loop.

        Raises:
            AmberError: The artifact cannot be read, or is larger than the memory there is for models.
        """
        return await self.loop.run_in_executor(None, self.copy, path, self.settings.memory, follow)

    async def bundled(self, paths: Sequence[str]) -> dict[str, bytes]:
        """Return detached bundles by their paths, read beside the loop.

        Raises:
            AmberError: One is missing, cannot be read, is too large, or is no bundle.
        """
        if not paths:
            return {}
        from amber.vault.beside import named  # most models have none

        return await self.loop.run_in_executor(None, named, paths)

    async def measured(self, pids: list[int]) -> int:
        """Return the bytes of processes, counted beside the loop."""
        return await self.loop.run_in_executor(None, self.pss, pids)

    def spawn(self, work: Awaitable[Any]) -> asyncio.Task[Any]:
        """Have something done meanwhile; what it raises is told to the loop's handler."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def unforeseen(self, error: Exception, what: str = "loading", code: str = "load-failed") -> Refused:
        """Return what is told of an error that nobody expected; it ends the work on one model, and on no other."""
        self.loop.call_exception_handler({"message": f"{what} a model failed", "exception": error})
        return Refused(code=code, message=f"{what} ended with {type(error).__name__}: {shown(error)}")

    def forget(self, label: str) -> None:
        """Drop the counters of a version that has ended, unless one of its name and version answers again."""
        if label not in self.labels():
            self.watch.tallies.pop(label, None)

    async def close(self) -> None:
        """Give up all that `spawn` began."""
        for task in list(self._tasks):
            task.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.loop.call_exception_handler({"message": "work of the server failed", "exception": error})
