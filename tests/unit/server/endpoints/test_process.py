"""A loader process as the front sees it, with the test at the other end of the connection."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from amber.server.exchange import Answered, Failure
from amber.server.front.endpoints import process as module
from amber.server.front.endpoints.bounds import Bounds
from amber.server.front.endpoints.process import LoadError, Process
from amber.server.front.endpoints.queue import Queue
from amber.server.wire import control
from amber.server.wire.control import Closed, Died, Forked, Order, Ready, Refused, Serve
from amber.server.wire.lane import opened
from tests.unit.server.endpoints.world import Caller, interface

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="shared lanes need Linux")


class Loader:
    """The other end: a test says what it says."""

    pid = 2**30  # of nobody

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ends = socket.socketpair()
        for end in self._ends:
            end.setblocking(False)
        self.control = control.loader_end(self._ends[1])
        self.waited = 0
        monkeypatch.setattr(module, "start", lambda order, artifact: (self, control.front_end(self._ends[0])))
        self.lanes: dict[int, Any] = {}

    def wait(self, timeout: float | None = None) -> int:
        """As `subprocess.Popen` has it: ends when the connection does."""
        self.waited += 1
        try:
            while self.control.receive():
                pass
        except Closed:
            return 0
        raise subprocess.TimeoutExpired("loader", timeout or 0)

    def kill(self) -> None:
        self.control.close()

    async def served(self, count: int = 1) -> list[int]:
        """Take so many orders for workers; return their lanes."""
        numbers: list[int] = []
        while len(numbers) < count:
            await asyncio.sleep(0.01)
            for frame, fds in self.control.receive():
                assert isinstance(frame, Serve)
                self.lanes[frame.lane] = opened(frame.kind, fds, frame.request_bytes, frame.answer_bytes, interface())
                numbers.append(frame.lane)
        return numbers


def play(
    monkeypatch: pytest.MonkeyPatch,
    scene: Callable[[Loader, Process, Queue], Awaitable[None]],
    workers: int = 1,
    seconds: float = 20.0,
) -> None:
    async def whole() -> None:
        loader = Loader(monkeypatch)
        process = Process(Order(seconds=seconds), -1, workers, 4096)
        queue = Queue(interface(), Bounds(batch_bytes=4096), asyncio.get_running_loop())
        try:
            await scene(loader, process, queue)
        finally:
            await process.stop()
            loader.control.close()

    asyncio.run(whole())


async def _up(loader: Loader, process: Process, queue: Queue) -> asyncio.Task[None]:
    """Bring it to where the workers are ordered."""
    loader.control.send(Ready(interface=interface(), cases=3))
    assert (await process.load()).cases == 3
    return asyncio.ensure_future(process.serve(queue))


def test_what_the_loader_refuses_is_said_with_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(loader: Loader, process: Process, queue: Queue) -> None:
        loader.control.send(Refused(code="digest-mismatch", message="damaged", hint="fetch it again"))
        with pytest.raises(LoadError) as refused:
            await process.load()
        assert (refused.value.refused.code, refused.value.refused.hint) == ("digest-mismatch", "fetch it again")

    play(monkeypatch, scene)


def test_a_loader_that_says_nothing_is_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(loader: Loader, process: Process, queue: Queue) -> None:
        with pytest.raises(LoadError) as refused:
            await process.load()
        assert refused.value.refused.code == "load-timeout"

    play(monkeypatch, scene, seconds=0.1)


@pytest.mark.parametrize("how", ["closes", "says nonsense", "says what it may not"])
def test_a_loader_that_ends_before_it_is_ready_is_refused(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    async def scene(loader: Loader, process: Process, queue: Queue) -> None:
        if how == "closes":
            loader.control.close()
        elif how == "says nonsense":
            loader._ends[1].send(b"\x04\x00\x00\x00nope")
        else:
            loader.control.send(Forked(lane=9, pid=1))
        with pytest.raises(LoadError) as refused:
            await process.load()
        assert refused.value.refused.code == "loader-died"

    play(monkeypatch, scene)


def test_workers_serve_when_all_have_come_up_and_one_that_dies_is_ordered_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(loader: Loader, process: Process, queue: Queue) -> None:
        serving = await _up(loader, process, queue)
        first, second = await loader.served(2)
        loader.control.send(Forked(lane=first, pid=11))
        await asyncio.sleep(0.05)
        assert (serving.done(), queue.lanes) == (False, 1)
        loader.control.send(Forked(lane=second, pid=12))
        await serving
        assert (queue.lanes, process.pids) == (2, [loader.pid, 11, 12])
        loader.control.send(Died(lane=first, pid=11, status=-9))
        await asyncio.sleep(0.1)
        (third,) = await loader.served()
        assert third not in (first, second)
        loader.control.send(Forked(lane=third, pid=13))
        await asyncio.sleep(0.05)
        assert (queue.lanes, process.deaths, process.pids) == (2, 1, [loader.pid, 12, 13])

    play(monkeypatch, scene, workers=2)


def test_a_loader_that_has_one_worker_born_twice_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(loader: Loader, process: Process, queue: Queue) -> None:
        ended: list[str] = []
        process.on_end = ended.append
        serving = await _up(loader, process, queue)
        (number,) = await loader.served()
        loader.control.send(Forked(lane=number, pid=11))
        await serving
        loader.control.send(Forked(lane=number, pid=12))
        await asyncio.sleep(0.05)
        assert ["may not say" in each for each in ended] == [True]
        assert queue.lanes == 0

    play(monkeypatch, scene)


def test_workers_that_never_come_up_are_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(loader: Loader, process: Process, queue: Queue) -> None:
        serving = await _up(loader, process, queue)
        for _ in range(5):
            (number,) = await loader.served()
            loader.control.send(Died(lane=number, pid=11, status=3))
        with pytest.raises(LoadError, match="5 workers in a row"):
            await serving

    play(monkeypatch, scene)


def test_answers_travel_through_the_lane_and_a_dead_loader_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(loader: Loader, process: Process, queue: Queue) -> None:
        ended: list[str] = []
        process.on_end = lambda reason: (ended.append(reason), queue.fail(Failure(503, "loader-died", reason)))[0]
        serving = await _up(loader, process, queue)
        (number,) = await loader.served()
        loader.control.send(Forked(lane=number, pid=11))
        await serving
        caller = Caller(queue)
        caller.ask("a", rows=2)
        await asyncio.sleep(0.01)
        batch = loader.lanes[number].wait()
        loader.lanes[number].answer(batch, [bytes(batch.numbers)])
        await asyncio.sleep(0.05)
        assert caller.outcomes["a"] == Answered(2, [bytes(range(8)) * 2])
        caller.ask("b")
        await asyncio.sleep(0.01)
        loader.control.close()
        await asyncio.sleep(0.05)
        assert len(ended) == 1
        assert caller.status("b") == 503  # nobody's fault: not 500
        assert process.pids == [loader.pid]

    play(monkeypatch, scene)


def test_a_worker_that_writes_nonsense_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(loader: Loader, process: Process, queue: Queue) -> None:
        serving = await _up(loader, process, queue)
        (number,) = await loader.served()
        loader.control.send(Forked(lane=number, pid=2**30 + 1))  # nobody's: it cannot be killed by mistake
        await serving
        caller = Caller(queue)
        for name in "ab":
            caller.ask(name)
        await asyncio.sleep(0.01)
        worker = loader.lanes[number]
        batch = worker.wait()
        batch.sequence += 1
        worker.answer(batch, [bytes(batch.numbers)])
        await asyncio.sleep(0.05)
        caller.ask("c")
        await asyncio.sleep(0.01)
        assert (caller.outcomes, queue.depth) == ({}, 1)
        loader.control.send(Died(lane=number, pid=2**30 + 1, status=-9))
        await asyncio.sleep(0.1)
        (number,) = await loader.served()
        loader.control.send(Forked(lane=number, pid=2**30 + 2))
        for _ in "abc":
            await asyncio.sleep(0.05)
            batch = loader.lanes[number].wait()
            loader.lanes[number].answer(batch, [bytes(batch.numbers)])
        await asyncio.sleep(0.05)
        assert [caller.status(each) for each in "abc"] == [200] * 3

    play(monkeypatch, scene)


@pytest.mark.parametrize("begun", [True, False])
def test_a_lone_request_is_blamed_only_where_the_worker_had_begun_it(
    monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    async def scene(loader: Loader, process: Process, queue: Queue) -> None:
        serving = await _up(loader, process, queue)
        (number,) = await loader.served()
        loader.control.send(Forked(lane=number, pid=2**30 + 1))
        await serving
        caller = Caller(queue)
        caller.ask("a")
        await asyncio.sleep(0.01)
        if begun:
            loader.lanes[number].wait()
        loader.control.send(Died(lane=number, pid=2**30 + 1, status=-11))
        await loader.served()
        assert caller.status("a") == (500 if begun else None)

    play(monkeypatch, scene)


def test_what_a_worker_answered_before_it_died_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(loader: Loader, process: Process, queue: Queue) -> None:
        serving = await _up(loader, process, queue)
        (number,) = await loader.served()
        loader.control.send(Forked(lane=number, pid=2**30 + 1))
        await serving
        caller = Caller(queue)
        caller.ask("a")
        await asyncio.sleep(0.01)
        batch = loader.lanes[number].wait()
        process._loop.remove_reader(process._lanes[number].lane.fd)  # its end is heard of first
        loader.lanes[number].answer(batch, [bytes(batch.numbers)])
        loader.control.send(Died(lane=number, pid=2**30 + 1, status=-11))
        await loader.served()
        assert caller.status("a") == 200

    play(monkeypatch, scene)


def test_ending_wakes_who_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(loader: Loader, process: Process, queue: Queue) -> None:
        loading = asyncio.ensure_future(process.load())
        await asyncio.sleep(0.01)
        await process.stop()
        with pytest.raises(LoadError):
            await loading

    play(monkeypatch, scene)
