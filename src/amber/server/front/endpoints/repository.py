"""All models of a server by name and version: who answers, what may be loaded by name, what is looked at each second.

Names that the admin's API gives are names of artifacts right below one folder, and nothing else: no path, no address,
no link.
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
from typing import Any

from amber.errors import shown
from amber.server.events import Announce
from amber.server.exchange import Failure
from amber.server.front.endpoints.changes import Changes, Stamp, stamp
from amber.server.front.endpoints.endpoint import Endpoint
from amber.server.front.endpoints.host import Copy, Host, Launch
from amber.server.front.endpoints.judging import Judging
from amber.server.front.endpoints.versions import Version
from amber.server.front.endpoints.watch import Watch
from amber.server.settings import ModelSettings, Settings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SUFFIX = ".amber"
_TICK = 1.0  # seconds
_MEASURE_TICKS = 10  # between two looks at the memory of all processes


class Repository:
    """Every model of a server.

    Args:
        settings: Of the server.
        watch: Has the counters of each version.
        announce: Is told what happens.
        launch, copy: How processes are started and artifacts copied, where tests simulate them.

    Attributes:
        draining: Set when the server ends: it is not ready any more.
        endpoints: All there are, in the order of the settings.
    """

    def __init__(
        self,
        settings: Settings,
        watch: Watch,
        announce: Announce | None = None,
        *,
        launch: Launch | None = None,
        copy: Copy | None = None,
    ) -> None:
        self.draining = False
        self.started = self._looking = False
        self.endpoints: list[Endpoint] = []
        self._settings = settings
        self._host = Host(settings, watch, asyncio.get_running_loop(), launch=launch)
        if announce is not None:
            self._host.announce = announce
        if copy is not None:
            self._host.copy = copy
        self._host.changed = self._index
        self._host.pids = self._pids
        self._host.labels = lambda: [each.current.label for each in self.endpoints if each.current.state == "READY"]
        self._found: dict[tuple[str, str | None], Version] = {}
        self._changes: dict[Endpoint, Changes] = {}
        self._ticks = 0
        for model in settings.models:
            self._add(model)
        self._judging = Judging(self._host, lambda: list(self.endpoints))

    @property
    def watch(self) -> Watch:
        """Counters of each version."""
        return self._host.watch

    @property
    def ready(self) -> bool:
        """Whether every model that is wanted answers, and the server does not end."""
        wanted = [each.current.state for each in self.endpoints if each.wanted]
        return self.started and not self.draining and all(state == "READY" for state in wanted)

    @property
    def versions(self) -> list[Version]:
        """All versions, of all models."""
        return [version for each in self.endpoints for version in each.versions]

    def find(self, name: str, version: str | None = None) -> Version | Failure:
        """Return the version that answers, READY; without a version the highest one of the name.

        What is not READY gives its failure: 503 with the reason. 404: there is no such model or version.
        """
        found = self._found.get((name, version))
        if found is None:
            return self._unknown(name, version)
        return found if found.state == "READY" else found.failure()

    def known(self, name: str, version: str | None = None) -> Version | Failure:
        """Return a version in whatever state, or 404."""
        return self._found.get((name, version)) or self._unknown(name, version)

    def endpoint(self, name: str) -> Endpoint | None:
        """Return the model of a name: of several versions the highest one's."""
        current = self._found.get((name, None))
        return next((each for each in self.endpoints if each.current is current), None)

    def numbers(self, name: str) -> list[str]:
        """Return the versions of a model that can be asked, ascending."""
        found = [number for (each, number), version in self._found.items() if each == name and version.state == "READY"]
        return sorted((number for number in found if number is not None), key=_order)

    def index(self) -> list[dict[str, Any]]:
        """Return name, version, state and reason of every version that answers, or should."""
        currents = sorted((each.current for each in self.endpoints), key=lambda each: (each.name, _order(each.number)))
        found = [
            {"name": each.name, "version": each.number, "state": each.state, "reason": each.reason} for each in currents
        ]
        known = {each.name for each in currents}
        return found + [
            {"name": name, "version": "", "state": "UNAVAILABLE", "reason": "not loaded"}
            for name in self._names()
            if name not in known
        ]

    async def start(self) -> None:
        """Load every model of the settings; returns when each is READY or has been refused."""
        self._host.spawn(self._every_second())
        for endpoint in list(self.endpoints):  # one after the other: each uses all it can get of the machine
            await self._load(endpoint)
        self.started = True

    async def load(self, name: str) -> None:
        """Load a model, or what is now where it was loaded from, also where its callers must ask otherwise then.

        Raises:
            Failure: 404: there is none of that name. 403: there is no folder to load from. 422: it was refused; what
            was served before still is.
        """
        known = self.endpoint(name)
        endpoint = known or self._add(ModelSettings(path=self._path(name), name=name), follow=False)
        if not await self._load(endpoint, asked=True):
            said = endpoint.refused
            if known is None and not self.draining:  # nothing is served under this name, and nothing is missing
                self._remove(endpoint)
            raise Failure(422, said.get("code", "model-refused"), said.get("reason", "the model was refused"))

    def judge(self) -> None:
        """Have everything judged by the policy as it is now, within a second or two."""
        self._judging.ask()

    async def unload(self, name: str) -> None:
        """Finish what a model has begun, and end its processes.

        Raises:
            Failure: 404: there is no model of that name.
        """
        endpoints = [each for each in self.endpoints if each.name == name]
        if not endpoints:
            raise Failure(404, "model-unknown", f"there is no model {shown(name)}")
        await asyncio.gather(*(each.unload() for each in endpoints))

    async def close(self, seconds: float | None = None) -> None:
        """Finish what has begun within some seconds, then end every process."""
        self.draining = True
        await self._host.close()
        most = self._settings.drain_seconds if seconds is None else seconds
        await asyncio.gather(*(each.close(most) for each in self.endpoints))
        await self._host.close()

    # Names

    def _add(self, model: ModelSettings, follow: bool = True) -> Endpoint:
        name = model.name or os.path.basename(model.path.rstrip("/")).removesuffix(_SUFFIX)
        endpoint = Endpoint(self._host, model, name, follow)
        self.endpoints.append(endpoint)
        self._changes[endpoint] = Changes(stamp(model.path, model.bundles))
        self._index()
        return endpoint

    def _remove(self, endpoint: Endpoint) -> None:
        endpoint.wanted = False
        self.endpoints.remove(endpoint)
        del self._changes[endpoint]
        self._index()

    def _path(self, name: str) -> str:
        """Return where the artifact of a name lies, a file or a folder right below the one folder there is."""
        folder = self._settings.folder
        if folder is None:
            hint = "serve with --folder, which holds what may be loaded"
            raise Failure(403, "folder-missing", "this server loads nothing by name", hint=hint)
        if _NAME.fullmatch(name):
            for path in (os.path.join(folder, name + _SUFFIX), os.path.join(folder, name)):
                if _is_artifact(path):
                    return path
        raise Failure(404, "model-unknown", f"the folder of this server holds no artifact {shown(name)}")

    def _names(self) -> list[str]:
        """Return the names that can be loaded."""
        folder = self._settings.folder
        if folder is None:
            return []
        try:
            entries = sorted(os.listdir(folder))
        except OSError:
            return []
        artifacts = [each for each in entries if each.endswith(_SUFFIX) and _is_artifact(os.path.join(folder, each))]
        return [name for name in (each.removesuffix(_SUFFIX) for each in artifacts) if _NAME.fullmatch(name)]

    def _index(self) -> None:
        """Look up anew who is found under which name and version."""
        found: dict[tuple[str, str | None], Version] = {}
        for version in sorted(self.versions, key=lambda each: _order(each.number)):
            better = version.state == "READY"
            for key in ((version.name, version.number), (version.name, None)):
                if key not in found or better or found[key].state != "READY":
                    found[key] = version
        for endpoint in reversed(self.endpoints):  # the one that took over, before the one it took over from
            current = endpoint.current
            if current.state == "READY":
                found[current.name, current.number] = current
                top = found[current.name, None]
                if top.state != "READY" or top in endpoint.versions or _order(top.number) < _order(current.number):
                    found[current.name, None] = current
        self._found = found

    def _unknown(self, name: str, version: str | None) -> Failure:
        if version is not None and (name, None) in self._found:
            hint = f"there is {', '.join(self.numbers(name)) or 'none that can be asked'}"
            return Failure(404, "version-unknown", f"{shown(name)} has no version {shown(version)}", hint=hint)
        names = sorted({each for each, _ in self._found})
        hint = f"there is {', '.join(names[:20])}" if names else "no model is served"
        return Failure(404, "model-unknown", f"there is no model {shown(name)}", hint=hint)

    # What is looked at each second

    async def _every_second(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            try:
                await self.tick()
            except Exception as error:  # what is looked at next second must not depend on it
                self._host.loop.call_exception_handler({"message": "a look at the models failed", "exception": error})

    async def tick(self) -> None:
        """Look at takeovers, probes, files, policy and memory once."""
        now = self._host.loop.time()
        for endpoint in self.endpoints:
            endpoint.tick(now)
        if self.started:
            self._judging.tick(now)
        if self._settings.reload and self.started and not self._looking:
            self._looking = True
            self._host.spawn(self._look())  # meanwhile: a disk may hang, and other things are due too
        self._ticks += 1
        for version in self.versions:
            if version.pids and (version.pss == 0 or self._ticks % _MEASURE_TICKS == 0):
                version.pss = await self._host.measured(version.pids)

    async def _look(self) -> None:
        try:
            for endpoint in list(self.endpoints):
                now = await self._stamp(endpoint)
                changes = self._changes.get(endpoint)  # none: it has been removed meanwhile
                if changes is not None and changes.look(now) and endpoint.wanted:
                    self._host.spawn(self._load(endpoint))
        finally:
            self._looking = False

    async def _load(self, endpoint: Endpoint, asked: bool = False) -> bool:
        self._changes[endpoint] = Changes(await self._stamp(endpoint))
        return await endpoint.load(asked)

    async def _stamp(self, endpoint: Endpoint) -> Stamp:
        model = endpoint.model
        return await self._host.loop.run_in_executor(None, stamp, model.path, model.bundles)

    def _pids(self) -> list[int]:
        return [pid for version in self.versions for pid in version.pids]


def _is_artifact(path: str) -> bool:
    try:
        mode = os.lstat(path).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def _order(number: str) -> tuple[tuple[int, str], ...]:
    """Return what versions are sorted by: numbers as numbers, words before them."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in number.split("."))
