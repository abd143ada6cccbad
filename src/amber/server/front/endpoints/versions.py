"""One version of one model: its sealed copy, its processes, its queue, and what it can be asked.

It begins LOADING, is READY once its loader has verified it and its workers answer, UNAVAILABLE with a reason whenever
it cannot be asked, UNLOADING while it finishes what has begun. A loader that dies is started anew from the same copy.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Any, Literal

import msgspec

from amber.errors import AmberError
from amber.server.events import Noted
from amber.server.exchange import Failure
from amber.server.front.endpoints.backoff import Backoff
from amber.server.front.endpoints.bounds import Bounds
from amber.server.front.endpoints.bulk import Bulk
from amber.server.front.endpoints.host import Host, Runner
from amber.server.front.endpoints.lanes import Lane
from amber.server.front.endpoints.policies import Reading
from amber.server.front.endpoints.process import LoadError
from amber.server.front.endpoints.queue import Queue
from amber.server.front.endpoints.rollback import Recent
from amber.server.front.endpoints.tally import Tally
from amber.server.interface import Interface, Route
from amber.server.settings import ModelSettings
from amber.server.wire.control import Order, Ready, Refused

State = Literal["LOADING", "READY", "UNAVAILABLE", "UNLOADING"]
_GOOD = ("identical", "equivalent")
UNUSABLE = ("policy-invalid", "policy-permissions", "policy-unreadable")  # the policy itself
# of a loader or of the reader's own files: it says nothing about the artifact, so that it is tried again
PASSING = ("loader-died", "load-timeout", "replay-unavailable", "judge-failed", *UNUSABLE)


class Version:
    """One version.

    Args:
        host: What all versions share.
        model: What the settings say of it.
        name: Served under until the loader knows better.
        follow: Whether its path may be a symbolic link.

    Attributes:
        state, reason, code: Whether it can be asked; where not, why, in words and as a stable code.
        label: `name/version`, of metrics and logs.
        asked_of, judged_by: Digests of the policy that was asked last, and of the one that took it last.
        ready: What the loader found; None before.
        tally, recent: Counters of its answers, and those of the last minutes.
        exact: Whether the policy it was loaded under lets requests share a run only where no bit can change.
        restarting: Whether a loader that died is being started anew.
        restarts: Loaders that were started anew. `probes`: found by each verdict of a probe.
    """

    def __init__(self, host: Host, model: ModelSettings, name: str, follow: bool = True) -> None:
        self.state: State = "LOADING"
        self.reason = self.code = self.hint = ""
        self.name, self.number = name, model.version or ""
        self.ready: Ready | None = None
        self.asked_of = self.judged_by = ""
        self.exact = self.restarting = False
        self.tally, self.recent = Tally(), Recent()
        self.restarts = 0
        self.deaths_before = 0  # workers of loaders that are gone
        self.probes = {"passed": 0, "failed": 0}
        self.pss = 0
        self._host, self._model, self._follow = host, model, follow
        self._artifact = -1
        self._bundles: dict[str, bytes] = {}
        self._order: Order | None = None  # that it was loaded by
        self._runner: Runner | None = None
        self._queue: Queue | None = None
        self._bulk: Bulk | None = None
        self._backoff = Backoff()
        self._began = host.loop.time()
        self._over = False

    # What it can be asked

    @property
    def label(self) -> str:
        """Name and version, as metrics and logs have them."""
        return f"{self.name}/{self.number}"

    @property
    def loaded(self) -> bool:
        """Whether it has, or had, workers: `queue` and `bulk` are there."""
        return self._queue is not None and self._bulk is not None

    @property
    def interface(self) -> Interface:
        """What it takes and gives.

        Raises:
            Failure: It has not been loaded.
        """
        if self.ready is None:
            raise self.failure()
        return self.ready.interface

    @property
    def queue(self) -> Queue:
        """Where requests go.

        Raises:
            Failure: It has not been loaded.
        """
        if self._queue is None:
            raise self.failure()
        return self._queue

    @property
    def bulk(self) -> Bulk:
        """Where large bodies and tables go.

        Raises:
            Failure: It has not been loaded.
        """
        if self._bulk is None:
            raise self.failure()
        return self._bulk

    @property
    def coming(self) -> bool:
        """Whether it is on its way to be served, verified under a policy that may have changed since."""
        return self.state == "LOADING" or self.restarting

    @property
    def routes(self) -> list[Route]:
        """Forms of the model that may be asked: the served one, and the other where its cases replayed as well."""
        if self.ready is None:
            return []
        found = self.ready.interface
        return [found.route, *(each for each, word in found.verdicts.items() if each != found.route and word in _GOOD)]

    @property
    def pids(self) -> list[int]:
        """Its processes."""
        return [] if self._runner is None else self._runner.pids

    @property
    def deaths(self) -> int:
        """Workers of it that died."""
        return self.deaths_before + (0 if self._runner is None else self._runner.deaths)

    @property
    def artifact_bytes(self) -> int:
        """Size of the sealed copy."""
        return os.fstat(self._artifact).st_size if self._artifact >= 0 else 0

    def failure(self) -> Failure:
        """Return what a request gets while the version is not ready."""
        if self.state == "LOADING":
            return Failure(503, "model-loading", f"{self.name} is being verified and built", retry_after=1.0)
        reason = self.reason or f"{self.name} is not served any more"
        after = 1.0 if self.code in PASSING else None  # nothing else passes by itself
        return Failure(503, self.code or "model-unavailable", reason, hint=self.hint, retry_after=after)

    def status(self) -> dict[str, Any]:
        """Return its state for the admin's pages and the model's metadata."""
        found: dict[str, Any] = {"name": self.name, "version": self.number, "state": self.state, "reason": self.reason}
        if self.code:
            found["code"] = self.code
        if self.ready is not None:
            interface = self.ready.interface
            found |= {"id": interface.id, "route": interface.route, "routes": self.routes}
            found |= {"verdicts": dict(interface.verdicts), "cases": self.ready.cases, "notes": list(self.ready.notes)}
        if self._queue is not None:
            found |= {"workers": self._queue.lanes, "waiting": self._queue.depth}
        return found | {"worker_deaths": self.deaths, "restarts": self.restarts, "probes": dict(self.probes)}

    # From file to ready

    async def copy(self) -> None:
        """Take the private copy that is verified and served, and the detached bundles that speak of it.

        Raises:
            LoadError: The artifact, or a bundle, cannot be read.
        """
        try:
            self._artifact = await self._host.copied(self._model.path, self._follow)
        except AmberError as error:
            raise LoadError(Refused(code=error.code, message=error.message, hint=error.hint)) from error
        try:
            self._bundles = await self._host.bundled(self._model.bundles)
        except AmberError as error:
            message = f"{os.path.basename(error.where)}, a detached bundle: {error.message}"
            raise LoadError(Refused(code=error.code, message=message, hint=error.hint)) from error

    async def start(self) -> None:
        """Have the copy verified and built, and its workers forked; READY at the end.

        Raises:
            LoadError: It cannot be served.
        """
        policy = await self._host.policy()
        self.asked_of = policy.digest
        *others, last = self._orders(policy)
        for order in others:
            with contextlib.suppress(LoadError):
                return await self._start(order, policy)
        try:
            return await self._start(last, policy)
        except LoadError as error:
            self._host.decided(error.refused.decision)  # of several loaders that of the last one is the answer
            raise

    async def _start(self, order: Order, policy: Reading) -> None:
        if self._over:
            raise LoadError(Refused(code="model-unavailable", message="it was unloaded before it was ready"))
        runner = self._runner = self._host.start(order, self._artifact)
        runner.on_end = self._ended
        try:
            ready = await runner.load()
            self._host.decided(ready.decision)
            interface = ready.interface
            self.ready, self.name, self.number, self._order = ready, interface.name, interface.version, order
            await self._still(policy)
            self.exact = policy.exact
            sharing = "exact" if policy.exact and self._model.sharing != "none" else self._model.sharing
            bounds = Bounds.of(self._host.settings, sharing)
            queue = Queue(interface, bounds, self._host.loop, self.routes, self._refusals(interface))
            queue.on_probe = self._probed
            await runner.serve(queue)
        except BaseException:
            await self._stop()
            raise
        self._queue, self._began = queue, self._host.loop.time()
        self._bulk = Bulk(self._host.loop, runner.bulk, self._host.settings.bulk_seconds)
        self.tally = self._host.watch.tally(self.label)
        self._become("READY")

    async def _still(self, policy: Reading) -> None:
        """Look whether the policy is the one it was verified under, which takes its time, and judge it by the new one.

        Raises:
            LoadError: That one refuses it, or cannot be used.
        """
        self.judged_by = policy.digest
        while (now := await self._host.policy()).digest != self.judged_by:
            refused = await self.judged(now)
            if refused is not None:
                raise LoadError(refused)

    # Under a policy that has changed

    async def judged(self, policy: Reading) -> Refused | None:
        """Have what is served judged anew; return why the policy takes it no more, None where it does.

        Raises:
            LoadError: It could not be judged.
        """
        if self._order is None or self.ready is None or self._artifact < 0:
            raise LoadError(Refused(code="judge-failed", message=f"{self.name} has not been loaded"))
        self.asked_of = policy.digest
        interface = self.ready.interface
        served = self._order.routes or [interface.route]
        verdicts = {route: interface.verdicts[route] for route in served if route in interface.verdicts}
        order = msgspec.structs.replace(self._order, judge=True, verdicts=verdicts, **policy.fields)
        found = await self._host.judge(order, self._artifact)
        self._host.decided(found.decision)
        if found.refused is None:
            self.judged_by = policy.digest
        return found.refused

    @property
    def may_do_with_less(self) -> bool:
        """Whether it serves more forms than it has to: with fewer the policy may take it."""
        return self._order is not None and len(self._order.routes) > 1

    def refuse(self, refused: Refused) -> None:
        """Be UNAVAILABLE with what a loader, or the server itself, said."""
        self.hint = refused.hint
        if self.ready is None and refused.name:
            self.name, self.number = refused.name, refused.version
        self._become("UNAVAILABLE", refused.message, refused.code)

    def withdraw(self, refused: Refused) -> None:
        """Be found no more, with what the policy says; `end` then finishes what has begun."""
        self._over = True
        self.hint = refused.hint
        self._become("UNLOADING", refused.message, refused.code)

    async def end(self, reason: str = "", seconds: float | None = None, code: str = "") -> None:
        """Take no more requests, finish what has begun, end the processes, and give the memory back.

        Args:
            reason: Why, for whoever asks for it later.
            seconds: To finish; None: as long as a request may take, and a large one as long as it gets on.
            code: Of the reason.
        """
        self._over = True
        queue = self._queue
        self._become("UNLOADING", reason, code)
        if queue is not None:
            queue.refusal = self.failure()
            until = self._host.settings.request_seconds if seconds is None else seconds
            await asyncio.gather(self._drained(queue, until), self._bulk_drained(seconds))
            queue.fail(self.failure())
        await self._stop()
        self._close()
        self._become("UNAVAILABLE", reason, self.code)

    async def _bulk_drained(self, seconds: float | None) -> None:
        if self._bulk is not None:
            await self._bulk.drained(self.failure(), seconds)

    async def _drained(self, queue: Queue, seconds: float) -> None:
        done = asyncio.Event()
        queue.on_empty = done.set
        if not queue.empty:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), seconds)

    def _orders(self, policy: Reading) -> list[Order]:
        """Return what to ask of a loader: with the original beside the program first, where that is wished at all."""
        model, settings = self._model, self._host.settings
        routes: list[list[Route]] = [[] if model.route == "auto" else [model.route]]
        if settings.route_fallback and model.route != "original":
            routes.insert(0, ["program", "original"])
        return [
            Order(
                name=model.name or "",
                version=model.version or "",
                routes=each,
                expect=model.expect or "",
                memory=settings.memory,
                seconds=settings.load_seconds,
                spawn=settings.spawn,
                bundles=self._bundles,
                **policy.fields,
            )
            for each in routes
        ]

    def _refusals(self, interface: Interface) -> dict[Route, Failure]:
        """For each form that is not served although it is there: what its verdict was."""
        return {
            route: Failure(503, f"verdict-{word}", f"the {route} of {interface.name} is not served: it is {word}")
            for route, word in interface.verdicts.items()
            if route not in self.routes
        }

    # What goes wrong later

    def _ended(self, reason: str) -> None:
        """Take that the loader is gone: answer everybody, and start another."""
        if self._over:  # it was finishing what had begun
            self._fail(self.failure())
            return
        self.restarting = True
        wait = self._backoff.wait(self._host.loop.time() - self._began)
        self.hint = ""
        self._become("UNAVAILABLE", f"{reason}; it is started anew", "loader-died")
        failure = self.failure()
        failure.retry_after = max(1.0, wait)
        self._fail(failure)
        self._tell(f"{self.label}: {reason}; started anew in {wait:g} s", "loader-died")
        self._host.spawn(self._restart(wait))

    async def _restart(self, wait: float) -> None:
        try:
            await self._started_anew(wait)
        finally:
            self.restarting = False

    async def _started_anew(self, wait: float) -> None:
        await self._stop()
        while True:
            await asyncio.sleep(wait)
            if self._over:
                return
            self.restarts += 1
            try:
                await self.start()
                return
            except LoadError as error:
                refused = error.refused
            except Exception as error:  # whatever it was, it is not served
                refused = self._host.unforeseen(error)
            self.refuse(refused)
            self._tell(f"{self.label}: {refused.message}", refused.code)
            if refused.code not in PASSING:
                return
            wait = self._backoff.wait(0.0)

    def _probed(self, lane: Lane, failure: Failure | None) -> None:
        if failure is None:
            self.probes["passed"] += 1
            return
        self.probes["failed"] += 1
        reason = f"a known answer has changed while the model was served: {failure.message}"
        self.hint = "load it again: it is then verified from the beginning"
        self._become("UNAVAILABLE", reason, "verdict-drifted")
        self._tell(f"{self.label}: {reason}", "verdict-drifted")
        self._fail(self.failure())
        self._host.spawn(self._stop())

    def _fail(self, failure: Failure) -> None:
        """Answer everybody who waits, or whose request runs."""
        if self._queue is not None:
            self._queue.fail(failure)
        if self._bulk is not None:
            self._bulk.close(failure)

    async def _stop(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.stop()
            self.deaths_before += runner.deaths
            self.pss = 0

    def _close(self) -> None:
        if self._artifact >= 0:
            os.close(self._artifact)
            self._artifact = -1

    def _become(self, state: State, reason: str = "", code: str = "") -> None:
        self.state, self.reason, self.code = state, reason, code
        self._host.changed()

    def _tell(self, message: str, code: str) -> None:
        self._host.announce(Noted(message=message, code=code, name=self.name, version=self.number))
