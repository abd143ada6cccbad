"""Real processes that do what no worker and no loader may do: the front goes on, and puts another in their place."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from amber.server.exchange import Failure
from amber.server.front.endpoints import process as process_module
from amber.server.front.endpoints import worker_lane
from amber.server.front.endpoints.bounds import Bounds
from amber.server.front.endpoints.process import LoadError, Process
from amber.server.front.endpoints.queue import Queue
from amber.server.wire import starting
from amber.server.wire.control import Order
from tests.unit.server.endpoints.misbehaving import BEHAVIOURS
from tests.unit.server.endpoints.world import Caller, interface

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="shared lanes need Linux")
ROOT = Path(__file__).parents[4]
STUCK = 30  # seconds
# what becomes of a request that such a worker was given alone; of the others it is repeated by another worker
BLAMED = {"sleep": {504}, "wait_blocking": {504}, "boast": {500}, "ring_twice": {200, 500}}


@pytest.fixture(autouse=True)
def unstuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have a front that waits where it must not fail its test, and loaders be those that misbehave."""
    monkeypatch.setattr(starting, "MODULE", "tests.unit.server.endpoints.misbehaving")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "src")]))

    def stuck(number: int, frame: FrameType | None) -> None:
        raise AssertionError("the front waits")

    before = signal.signal(signal.SIGALRM, stuck)
    signal.alarm(STUCK)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def play(name: str, scene: Callable[[Process, Queue], Awaitable[None]]) -> None:
    async def whole() -> None:
        process = Process(Order(name=name), os.open(os.devnull, os.O_RDONLY), 1, 4096)
        queue = Queue(interface(), Bounds(batch_bytes=4096), asyncio.get_running_loop())
        try:
            await process.load()
            await process.serve(queue)
            await scene(process, queue)
        finally:
            await process.stop()
            os.close(process._artifact)

    asyncio.run(whole())


async def outcome(queue: Queue, name: str, seconds: float) -> int:
    caller = Caller(queue)
    caller.ask(name, deadline=asyncio.get_running_loop().time() + seconds)
    while caller.status(name) is None:
        await asyncio.sleep(0.01)
    return caller.status(name) or 0


async def until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("name", sorted(BEHAVIOURS))
def test_a_worker_that_misbehaves_is_replaced(name: str) -> None:
    async def scene(process: Process, queue: Queue) -> None:
        await asyncio.sleep(0.1)  # whatever it does before it is asked anything
        assert await outcome(queue, "first", 1.0) in BLAMED.get(name, {200})
        await until(lambda: process.deaths == 1 and queue.lanes == 1)
        assert [await outcome(queue, str(number), 20.0) for number in range(3)] == [200] * 3
        assert process.deaths == 1

    play(name, scene)


@pytest.mark.parametrize("name", ["be_silent", "name_another"])
def test_a_loader_that_does_not_tell_of_a_death_is_given_up(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_lane, "UNTOLD_SECONDS", 0.5)

    async def scene(process: Process, queue: Queue) -> None:
        ended: list[str] = []
        process.on_end = ended.append
        assert await outcome(queue, "first", 0.3) == 504
        await until(lambda: bool(ended))
        assert "did not say" in ended[0]
        assert queue.lanes == 0

    play(name, scene)


def test_a_loader_that_hears_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_lane, "UNTOLD_SECONDS", 0.5)
    monkeypatch.setattr(process_module, "_STOP_SECONDS", 0.2)

    async def scene(process: Process, queue: Queue) -> None:
        ended: list[str] = []
        process.on_end = ended.append
        loader, worker = process.pids
        os.kill(loader, signal.SIGSTOP)
        os.kill(worker, signal.SIGKILL)
        await until(lambda: bool(ended))
        assert queue.lanes == 0

    play("sleep", scene)


def test_a_request_is_not_to_blame_for_a_worker_that_died_with_its_loader() -> None:
    async def scene(process: Process, queue: Queue) -> None:
        process.on_end = lambda reason: queue.fail(Failure(503, "loader-died", reason))
        loader, worker = process.pids
        os.kill(loader, signal.SIGSTOP)  # the worker's end is seen before the loader's
        caller = Caller(queue)
        caller.ask("first")
        await asyncio.sleep(0.2)  # the worker begins
        os.kill(worker, signal.SIGKILL)
        await asyncio.sleep(0.3)
        assert caller.status("first") is None
        os.kill(loader, signal.SIGKILL)
        await until(lambda: caller.status("first") is not None)
        assert caller.status("first") == 503

    play("sleep", scene)


def test_a_loader_that_ends_before_it_has_its_order_has_died(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "MODULE", "keyword")  # reads nothing, says nothing, ends
    begun: list[subprocess.Popen[bytes]] = []

    class Ended(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            begun.append(self)
            self.wait()

    monkeypatch.setattr(starting.subprocess, "Popen", Ended)

    async def scene(process: Process, queue: Queue) -> None:
        raise AssertionError("there is nothing to serve with")

    with pytest.raises(LoadError) as caught:
        play("sleep", scene)
    assert caught.value.refused.code == "loader-died"
    assert begun[0].returncode is not None
