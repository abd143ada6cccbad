"""A repository with real loaders and workers, and who asks it: requests go to the queue as handlers give them."""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import amber
from amber.server.exchange import Answered, Asked, Failure
from amber.server.front.endpoints.repository import Repository
from amber.server.front.endpoints.versions import Version
from amber.server.front.endpoints.watch import Watch
from amber.server.settings import ModelRoute, ModelSettings, Settings


def write_lines(folder: Path) -> Path:
    """Write linear models y = slope * x as `1.amber` and `2.amber`, of version `slope`.0.0."""
    import numpy as np
    from sklearn.linear_model import LinearRegression

    X = np.linspace(-2.0, 2.0, 40).reshape(-1, 1)
    for slope in (1, 2):
        model = LinearRegression().fit(X, slope * X[:, 0])
        amber.save(model, folder / f"{slope}.amber", sample=X, name="line", version=f"{slope}.0.0", freeze=True)
    return folder


class Server:
    """A repository of one model and who asks it."""

    def __init__(self, path: Path, route: ModelRoute = "auto", **settings: Any) -> None:
        self.path = path
        self.watch = Watch()
        self.events: list[Any] = []
        models = (ModelSettings(path=str(path), route=route),)
        self.repository = Repository(
            Settings(models=models, probe_seconds=0.0, **settings), self.watch, self.events.append
        )

    @property
    def version(self) -> Version:
        found = self.repository.find("line")
        assert isinstance(found, Version), found
        return found

    @property
    def workers(self) -> list[int]:
        return self.version.pids[1:]

    @property
    def restarts(self) -> int:
        return self.repository.endpoints[0].current.restarts

    async def ask(self, value: float = 1.0, seconds: float = 20.0) -> Answered | Failure:
        """Ask whoever answers now, as a handler does: what cannot be queued is a failure too."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answered | Failure] = loop.create_future()
        found = self.repository.find("line")
        if isinstance(found, Failure):
            return found
        asked = Asked(1, struct.pack("<d", value), outputs=(0,))
        began = loop.time()
        try:
            found.queue.submit(asked, lambda asked, outcome: future.set_result(outcome), began + seconds)
        except Failure as failure:
            return failure
        outcome = await future
        status = 200 if isinstance(outcome, Answered) else outcome.status
        found.tally.answered(status, "", 1, loop.time() - began)
        return outcome

    async def slope(self) -> float:
        return value_of(await self.ask(1.0))

    async def until(self, true: Callable[[], bool], seconds: float = 30.0) -> None:
        end = asyncio.get_running_loop().time() + seconds
        while not true():
            assert asyncio.get_running_loop().time() < end, "it did not happen in time"
            await asyncio.sleep(0.02)

    def replace(self, source: Path) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_bytes(source.read_bytes())
        os.replace(fresh, self.path)


def value_of(outcome: Answered | Failure) -> float:
    assert isinstance(outcome, Answered), outcome
    (data,) = outcome.values
    assert not isinstance(data, list)
    return float(struct.unpack("<d", data)[0])


def play(artifacts: Path, tmp_path: Path, scene: Callable[[Server], Awaitable[None]], **settings: Any) -> None:
    """Run a scene with a server of the first artifact, and see that no process of it is left."""

    async def whole() -> None:
        path = tmp_path / "line.amber"
        path.write_bytes((artifacts / "1.amber").read_bytes())
        server = Server(path, **settings)
        pids: list[int] = []
        try:
            await server.repository.start()
            pids = [pid for version in server.repository.versions for pid in version.pids]
            await scene(server)
            pids += [pid for version in server.repository.versions for pid in version.pids]
        finally:
            await server.repository.close(1.0)
        await server.until(lambda: not any(map(lives, pids)), 10)

    asyncio.run(whole())


def lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] != b"Z"
    except (OSError, IndexError):
        return False
