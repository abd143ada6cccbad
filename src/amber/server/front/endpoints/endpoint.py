"""One model under one name: the version that answers, the one that may take over, the one that may come back.

A new file is verified beside the version that answers, and takes over atomically once it is ready; refused, it never
does. The old version stays warm until `rollback` says keep, and comes back by itself where it says so.
"""

from __future__ import annotations

import asyncio
from typing import Any

from amber.server.events import Loaded, Loading, Noted, Refused
from amber.server.failures import LOADS
from amber.server.formats.examples import example
from amber.server.front.endpoints import memory
from amber.server.front.endpoints.backoff import Backoff
from amber.server.front.endpoints.compatible import alike, breaks
from amber.server.front.endpoints.host import Host
from amber.server.front.endpoints.policies import Reading
from amber.server.front.endpoints.process import LoadError
from amber.server.front.endpoints.rollback import Takeover
from amber.server.front.endpoints.versions import PASSING, UNUSABLE, Version
from amber.server.interface import Interface
from amber.server.settings import ModelSettings
from amber.server.wire import control

_BESIDE_SECONDS = 4.0  # between two tries of a newcomer at most: each takes from the version that answers
_REMEMBERED_SECONDS = 300.0  # counters of a version that has ended


class Endpoint:
    """One artifact's path, and what has been loaded from it.

    Args:
        host: What all versions share.
        model: What the settings say of it.
        name: Served under until the loader knows better.
        follow: Whether its path may be a symbolic link.

    Attributes:
        current: Answers, or says why nobody does.
        previous: Kept warm after a takeover.
        candidate: Being verified.
        refused: What the last refused newcomer got: code, reason, and which version; empty where none was.
        wanted: False once it was unloaded.
    """

    def __init__(self, host: Host, model: ModelSettings, name: str, follow: bool = True) -> None:
        self.model = model
        self.current = Version(host, model, name, follow)
        self.previous: Version | None = None
        self.candidate: Version | None = None
        self.refused: dict[str, str] = {}
        self.wanted = True
        self.swaps = self.rollbacks = self.refusals = 0
        self._host, self._follow = host, follow
        self._takeover: Takeover | None = None
        self._backoff = Backoff()
        self._untried = True
        self._refused_by = ""  # digest of the policy in force when the last one was refused
        self._one = asyncio.Lock()

    @property
    def name(self) -> str:
        """Served under."""
        return self.current.name

    @property
    def versions(self) -> list[Version]:
        """All that have processes or may have some soon; the one that answers first."""
        return [each for each in (self.current, self.previous, self.candidate) if each is not None]

    @property
    def moving(self) -> bool:
        """Whether something is being loaded or started anew, under a policy that may have changed since."""
        return self._one.locked() or any(each.coming for each in self.versions)

    def status(self) -> dict[str, Any]:
        """Return the state of the version that answers, and what became of the others."""
        found = self.current.status() | {"swaps": self.swaps, "rollbacks": self.rollbacks}
        if self.previous is not None:
            found["previous"] = self.previous.status()
        if self.candidate is not None:
            found["candidate"] = self.candidate.status()
        if self.refused:
            found["refused"] = dict(self.refused)
        return found

    async def load(self, asked: bool = False) -> bool:
        """Verify what is at the path now and let it take over; return whether it did.

        One at a time: a second call waits for the first. `asked`: somebody wants this very file, also where callers
        of the version that answers must ask otherwise from then on; else what was unloaded meanwhile stays so.
        """
        async with self._one:
            if not (asked or self.wanted):
                return False
            before, self.wanted = self.wanted, True
            await self._keep()
            new = self.current if self._untried else Version(self._host, self.model, self.name, self._follow)
            if not self._untried:
                self.candidate = new
            self._untried = False
            self._host.announce(Loading(path=self.model.path, name=new.name, version=new.number))
            began = self._host.loop.time()
            refused: control.Refused | None = None
            try:
                await self._made(new, asked)
            except LoadError as error:
                refused = error.refused
            except Exception as error:  # whatever it was, the other models are served
                refused = self._host.unforeseen(error)
            finally:
                self.candidate = None
            if refused is not None:
                await self._refuse(new, refused)
                self.wanted = before
                if refused.code in PASSING and (self.current is new or not asked):
                    self._host.spawn(self._again())
                return False
            self._backoff = Backoff()
            await self._take_over(new)
            self._announce(new, self._host.loop.time() - began)
            return True

    async def judge(self, policy: Reading, again: bool = False) -> bool:
        """Have what is served judged by a policy, and take out of service what it takes no more.

        What is not served, because it was refused under another policy, is loaded; so is what is served under another
        demand on sharing runs. `again`: everything, although the policy is the one it was judged by. Returns False
        where something could not be judged.
        """
        done, anew = True, again
        for version in (self.previous, self.current):  # the one that may come back first
            if version is None or version.state != "READY" or (version.judged_by == policy.digest and not again):
                continue
            try:
                refused = await version.judged(policy)
            except LoadError as error:
                self._unjudged(version, error.refused)
                done = False
                continue
            except Exception as error:  # whatever it was, the other models are judged
                self._unjudged(version, self._host.unforeseen(error, "judging", "judge-failed"))
                done = False
                continue
            if refused is not None:
                self._withdraw(version, refused)
                self._refused_by, anew = "" if version.may_do_with_less else policy.digest, False
        if self._may_load(policy, anew):
            self._refused_by = policy.digest  # once under each policy, whatever comes of it
            self._host.spawn(self.load())
        return done

    def _unjudged(self, version: Version, why: control.Refused) -> None:
        """Have it tried again, and say so."""
        version.judged_by = ""
        message = f"{version.label} is served on, although it could not be judged: {why.message}"
        self._host.announce(Noted(message=message, code=why.code, name=version.name))

    def _withdraw(self, version: Version, refused: control.Refused) -> None:
        """Take a version out of service, with what the policy says; what has begun is finished."""
        if version not in self.versions or version.state != "READY":
            return
        if version is self.previous:
            self.previous = None
        self._tell_refused(version, refused)
        version.withdraw(refused)
        self._host.spawn(version.end(refused.message, code=refused.code))

    def _may_load(self, policy: Reading, again: bool) -> bool:
        """Whether what was refused, and not by the server itself, may be taken now; or has to be run otherwise."""
        served = self.current.state == "READY"
        if not self.wanted or self._one.locked():  # what is being loaded is under the policy as it is now
            return False
        changed = again or self._refused_by != policy.digest
        if served and self.current.exact != policy.exact:
            return changed
        code = self.refused.get("code", "") if served else self.current.code
        # a newcomer that was refused while another answers is the business of those who have changes noticed
        missed = not served or self._host.settings.reload
        return bool(changed and missed and code and code not in LOADS)

    async def _again(self) -> None:
        """Try once more, after a while, what was refused for a reason that may pass; a few times where one answers."""
        refused, wait = self.refused, self._backoff.wait(0.0)
        if self.current.state == "READY" and wait > _BESIDE_SECONDS:
            self._backoff = Backoff()
            return
        await asyncio.sleep(wait)
        if self.wanted and self.refused is refused and self.current.state in ("READY", "UNAVAILABLE"):
            await self.load()

    async def unload(self) -> None:
        """Finish what has begun and end every process; the reason says that it was asked for."""
        async with self._one:
            self.wanted = False
            await self._keep()
            await self.current.end("unloaded on request")

    async def close(self, seconds: float) -> None:
        """End all versions, within some seconds each."""
        self.wanted = False
        self._takeover = None
        await asyncio.gather(*(each.end("the server ends", seconds) for each in self.versions))

    def tick(self, now: float) -> None:
        """Do what is due about every second: probes, and a look at a takeover under watch."""
        every = self._host.settings.probe_seconds
        for each in self.versions:
            if each.state == "READY" and every:
                each.queue.probe(every)
        current = self.current
        if self._takeover is None:
            current.recent.mark(current.tally.sample(), now)
            return
        ruling, reason = self._takeover.rule(current.tally.sample(), now)
        if current.state != "READY":
            ruling, reason = "back", current.reason
        if ruling == "back" and self.previous is not None and self.previous.state == "READY":
            self._roll_back(reason)
        elif ruling != "watch":
            self._host.spawn(self._keep())

    async def _made(self, new: Version, asked: bool) -> None:
        """Have a version verified and started, where there is room for it.

        Raises:
            LoadError: It is refused, does not fit the memory, or its callers could not go on.
        """
        await new.copy()
        limit = self._host.settings.memory
        if limit is not None:
            before = await self._host.measured(self.current.pids)
            expected = memory.estimate(new.artifact_bytes, before)
            await self._fits(limit, expected, "would be")
        name = None if self.current.ready is None else self.current.name
        others = [label for label in self._host.labels() if label != self.current.label]
        await new.start()
        if name is not None and new.name != name:
            message = f"the model at this path is {new.name} now, and {name} is what is served from there"
            hint = "put it at a path of its own, or serve the path under a fixed name"
            raise LoadError(control.Refused(code="name-changed", message=message, hint=hint))
        if new.label in others:
            message = f"{new.label} is served already, from another file"
            hint = "give one of them a name or a version of its own"
            raise LoadError(control.Refused(code="name-taken", message=message, hint=hint))
        if not asked and not self._host.settings.allow_interface_change:
            self._continues(new.interface)
        if limit is not None:
            await self._fits(limit, 0, "are")

    def _continues(self, new: Interface) -> None:
        """Look whether callers of the version that answers can go on with a newcomer.

        Raises:
            LoadError: They cannot.
        """
        old = self.current
        if old.state != "READY":
            return
        broken = breaks(old.interface, new)
        if broken:
            message = f"callers of {old.label} could not go on: {'; '.join(broken)}"
            hint = "serve it under another name, load it by the admin's endpoint, or set allow_interface_change"
            refused = control.Refused(
                code="interface-incompatible", message=message, hint=hint, name=new.name, version=new.version
            )
            raise LoadError(refused)

    async def _fits(self, limit: int, more: int, verb: str) -> None:
        used = await self._host.measured(self._host.pids()) + more
        if used > limit:
            raise LoadError(
                control.Refused(
                    code="memory-budget",
                    message=f"{used >> 20} MiB {verb} in use with it, and all models may take {limit >> 20} MiB",
                    hint="raise memory, or serve fewer models or workers",
                )
            )

    async def _take_over(self, new: Version) -> None:
        old, now = self.current, self._host.loop.time()
        self.refused, self._refused_by = {}, ""
        if old is new:
            return
        before = old.recent.sample(old.tally.sample())
        self.current = new
        if old.ready is not None and new.ready is not None:
            self._compare(old.ready.interface, new.ready.interface)
        if old.state == "READY":
            self.previous, self.swaps = old, self.swaps + 1
            self._takeover = Takeover(before, new.tally.sample(), now)
        else:
            self._host.spawn(self._ended(old, "replaced"))
        self._host.changed()

    def _compare(self, old: Interface, new: Interface) -> None:
        """Tell whoever runs the server that callers may, or must, ask otherwise from now on."""
        broken = breaks(old, new)
        if not broken and alike(old, new):
            return
        said = "; ".join(broken) or "whoever asks as before is answered"
        message = f"{new.name}/{new.version} takes or gives something else than {old.version} did: {said}"
        self._host.announce(Noted(message=message, code="interface-changed", name=new.name, version=new.version))

    async def _refuse(self, new: Version, refused: control.Refused) -> None:
        name = refused.name or new.name
        self._tell_refused(new, refused)
        self._refused_by = "" if refused.code in UNUSABLE else new.asked_of or self._refused_by
        await new.end(refused.message, 0.0)
        old = self.current
        if old.state == "UNAVAILABLE" and not old.restarting:  # nobody answers: the newest reason is the one to tell
            new.name, new.number = name, refused.version or new.number
            new.refuse(refused)
            self.current = new
            if old is not new:
                self._host.spawn(self._ended(old, "replaced"))  # its copy is memory
        self._host.changed()

    def _tell_refused(self, version: Version, refused: control.Refused) -> None:
        self.refusals += 1
        self.refused = {"code": refused.code, "reason": refused.message, "version": refused.version or version.number}
        self._host.announce(
            Refused(
                path=self.model.path,
                code=refused.code,
                reason=refused.message,
                name=refused.name or version.name,
                version=refused.version,
                verdict=refused.verdict,
                hint=refused.hint,
            )
        )

    def _roll_back(self, reason: str) -> None:
        bad, old = self.current, self.previous
        if old is None:
            return
        self.current, self.previous, self._takeover = old, None, None
        self.rollbacks += 1
        self.refused = {"code": "rolled-back", "reason": reason, "version": bad.number}
        message = f"{bad.label} was rolled back to {old.label}: {reason}"
        self._host.announce(Noted(message=message, code="rolled-back", name=old.name, version=old.number))
        self._host.changed()
        self._host.spawn(self._ended(bad, "rolled back"))

    async def _ended(self, version: Version, reason: str) -> None:
        """End a version for good; its counters stay until metrics have surely been read once more."""
        await version.end(reason)
        self._host.loop.call_later(_REMEMBERED_SECONDS, self._host.forget, version.label)

    async def _keep(self) -> None:
        """Believe the version that took over: the old one finishes what has begun, and ends."""
        self._takeover = None
        old, self.previous = self.previous, None
        if old is not None:
            self._host.changed()
            await self._ended(old, "replaced")

    def _announce(self, new: Version, seconds: float) -> None:
        found = new.ready
        if found is None:
            return
        self._host.announce(
            Loaded(
                path=self.model.path,
                name=new.name,
                version=new.number,
                route=found.interface.route,
                verdicts=dict(found.interface.verdicts),
                cases=found.cases,
                seconds=seconds,
                notes=[*found.notes, *found.moved],
                example=example(found.interface),
            )
        )
