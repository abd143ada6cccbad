"""Large bodies in the front: jobs side by side, given up and answered; bodies take no more memory than there is."""

from __future__ import annotations

import asyncio
import json
import os
import select
import socket
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Any, cast

import pytest

from amber.server.exchange import Failure
from amber.server.front.endpoints.bodies import Body, Held, Upload
from amber.server.front.endpoints.bulk import SMALL, Bulk
from amber.server.front.http.messages import Request, Stream
from amber.server.wire import bulk
from amber.server.wire.bulk import Begun, Ended, Failed, Going, Job, Piece
from amber.server.wire.control import Closed, Control

JOB = Job(form="simple", content_type="text/csv", accept="")
LIMIT = 64 << 20
REFUSED = Failed(status=422, code="rows-missing", message="no rows", rows=7)
OVER = Failure(503, "model-unavailable", "the test is over")


class Line:
    """A connection that keeps what it is told; `room` False: its client does not read."""

    def __init__(self) -> None:
        self.status, self.body, self.ends, self.room = 0, b"", 0, True
        self.cuts: list[str] = []  # why
        self.trailers: list[Any] = []

    def reply(self, request: Request, status: int, body: bytes, *_: Any) -> None:
        self.status, self.body = status, body

    def begin(self, request: Request, status: int, content_type: bytes, *_: Any) -> Stream:
        if b"\n" in content_type:
            raise ValueError("no header")
        self.status = status
        return Stream(self, request)

    def push(self, chunk: bytes) -> bool:
        self.body += chunk
        return self.room

    def finish(self, request: Request, trailers: Any = ()) -> None:
        self.ends += 1
        self.trailers += trailers

    def cut(self, request: Request, failure: Failure | None = None) -> None:
        self.cuts.append("" if failure is None else failure.code)

    def resume(self) -> None:
        pass


class Other:
    """A process for large bodies, as the test plays it."""

    def __init__(self, number: int, ended: Sequence[int], end: socket.socket) -> None:
        self.number, self.ended, self.control = number, list(ended), bulk.worker_end(end)

    def job(self) -> tuple[Job, bytes]:
        """What it has been given, and the body's first bytes."""
        while not (found := self.control.receive()):
            pass
        ((frame, (descriptor,)),) = found
        with os.fdopen(descriptor, "rb") as body:
            return frame, os.pread(body.fileno(), 100, 0)

    def say(self, *frames: Any) -> None:
        for each in frames:
            self.control.send(each)

    def over(self) -> bool:
        """Whether the front has closed the connection."""
        try:
            while select.select([self.control.fd], [], [], 0)[0]:
                for _, (descriptor,) in self.control.receive():
                    os.close(descriptor)
        except Closed:
            return True
        return False


class Clock:
    """A loop whose time passes when the test says so."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._now = 0.0
        self._timers: list[asyncio.TimerHandle] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def time(self) -> float:
        return self._now

    def call_at(self, when: float, call: Callable[..., None], *given: Any) -> asyncio.TimerHandle:
        self._timers.append(asyncio.TimerHandle(when, call, given, self._loop))
        return self._timers[-1]

    def call_later(self, delay: float, call: Callable[..., None], *given: Any) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, call, *given)

    def pass_by(self, seconds: int) -> None:
        """Let seconds pass, one by one."""
        for _ in range(seconds):
            self._now += 1
            due = [each for each in self._timers if each.when() <= self._now]
            self._timers = [each for each in self._timers if each.when() > self._now]
            for each in due:
                if not each.cancelled():
                    each._run()


class World:
    """The jobs of one version, and the other ends of its connections."""

    def __init__(self, most: int = 16, at_once: int = 4) -> None:
        self.processes: list[Other] = []
        self.held = Held(LIMIT)
        self.clock = Clock()
        self.bulk = Bulk(cast(asyncio.AbstractEventLoop, self.clock), self._connect, 60.0, most, at_once)
        WORLDS.append(self)

    def _connect(self, number: int, ended: Sequence[int]) -> Control:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.settimeout(5)
        self.processes.append(Other(number, ended, theirs))
        return bulk.front_end(ours)

    def close(self) -> None:
        self.bulk.close(OVER)
        for each in self.processes:
            each.control.close()

    def ask(self, text: bytes = b"1,2\n", timeout: bytes = b"") -> tuple[Request, Line]:
        line = Line()
        request = Request(line, "POST", "/", "", {b"x-request-timeout": timeout} if timeout else {}, "id", 0.0)
        upload = Upload(request, lambda body: self.bulk.submit(request, body, JOB), self.held)
        upload.write(text)
        upload.end()
        return request, line


def gone(request: Request) -> None:
    request.gone = True
    assert request.on_gone is not None
    request.on_gone()


WORLDS: list[World] = []


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def played() -> None:
        try:
            await asyncio.wait_for(scene(), 20)
        finally:
            while WORLDS:
                WORLDS.pop().close()

    asyncio.run(played())


async def turns() -> None:
    await asyncio.sleep(0.02)


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await turns()


async def answered(line: Line) -> None:
    await until(lambda: line.status)


def test_an_answer_comes_in_pieces() -> None:
    async def scene() -> None:
        world = World()
        request, line = world.ask(b"body")
        (process,) = world.processes
        assert process.job() == (JOB, b"body")
        assert (world.held.now, request.taken, request.deadline) == (4, 4, None)
        process.say(Begun(content_type=b"text/csv"), Piece(data=b"a"), Ended(rows=3, trailers=[(b"x", b"y")]))
        await until(lambda: line.ends)
        assert (line.status, line.body, line.trailers, request.rows) == (200, b"a", [(b"x", b"y")], 3)
        assert (world.bulk.depth, world.held.now) == (0, 0)

    play(scene)


def test_a_process_is_used_again_after_a_small_body() -> None:
    async def scene() -> None:
        world = World()
        for size in (1, 1, (1 << 20) + 1, 1):
            _, line = world.ask(b"x" * size)
            world.processes[-1].job()
            world.processes[-1].say(REFUSED)
            await answered(line)
        assert [(each.number, each.ended) for each in world.processes] == [(1, []), (2, [1])]
        assert world.processes[0].over()

    play(scene)


def test_jobs_run_side_by_side_and_the_last_place_is_for_small_ones() -> None:
    async def scene() -> None:
        world = World(at_once=3)
        large = [world.ask(b"x" * (SMALL + 1)) for _ in range(3)]
        assert (len(world.processes), world.bulk.depth) == (2, 3)
        _, small = world.ask()
        _, next_small = world.ask()
        assert (len(world.processes), world.bulk.depth) == (3, 5)
        world.processes[2].job()
        world.processes[2].say(REFUSED)
        await until(lambda: small.status)
        assert world.processes[2].job()[1] == b"1,2\n"
        world.processes[0].say(REFUSED)
        await until(lambda: len(world.processes) == 4)
        assert (large[0][1].status, large[2][1].status, next_small.status) == (422, 0, 0)

    play(scene)


@pytest.mark.parametrize("waits", [False, True])
def test_a_client_that_leaves_ends_its_job_alone(waits: bool) -> None:
    async def scene() -> None:
        world = World(at_once=2)
        first = world.ask(b"x" * (SMALL + 1))[0]
        second = world.ask(b"y" * (SMALL + 1))[0]
        gone(second if waits else first)
        await turns()
        assert world.processes[0].over() is not waits
        assert (world.bulk.depth, world.held.now) == (1, SMALL + 1)
        assert len(world.processes) == (1 if waits else 2)
        assert world.processes[-1].ended == ([] if waits else [1])

    play(scene)


@pytest.mark.parametrize("begun", [False, True])
def test_a_process_that_dies_ends_its_request_alone(begun: bool) -> None:
    async def scene() -> None:
        world = World()
        (first_request, first), (_, second) = world.ask(), world.ask()
        dying, other = world.processes
        if begun:
            dying.say(Begun(content_type=b"text/csv"))
            await until(lambda: first.status)
        dying.say(Going(rows=5))
        dying.control.close()
        await until(lambda: first_request.code)
        assert (first.status, first.cuts) == ((200, ["worker-died"]) if begun else (500, []))
        assert (first.ends, first_request.rows, second.status) == (0, 5, 0)
        other.job()
        other.say(REFUSED)
        await until(lambda: second.status)
        assert second.status == 422

    play(scene)


def test_a_failure_after_the_answer_has_begun_is_its_last_word() -> None:
    async def scene() -> None:
        world = World()
        request, line = world.ask()
        world.processes[0].say(Begun(content_type=b"text/csv"), Piece(data=b"a"), REFUSED)
        await until(lambda: line.cuts)
        assert (line.cuts, line.ends, request.rows, request.code) == (["rows-missing"], 0, 7, "rows-missing")

    play(scene)


def test_a_job_lasts_as_long_as_it_gets_on() -> None:
    async def scene() -> None:
        world = World()
        request, line = world.ask()
        for row in range(1, 9):
            world.processes[0].say(Going(rows=row))
            while request.rows != row:
                await turns()
            world.clock.pass_by(50)
        assert line.status == 0
        world.clock.pass_by(20)
        assert (line.status, json.loads(line.body)["code"]) == (504, "deadline-exceeded")
        assert world.processes[0].over()

    play(scene)


def test_a_client_may_ask_for_less_time() -> None:
    async def scene() -> None:
        world = World()
        _, line = world.ask(timeout=b"5")
        world.clock.pass_by(int(monotonic()) + 6)
        assert (line.status, world.processes[0].over()) == (504, True)

    play(scene)


def test_a_slow_reader_stops_the_process_and_is_given_up_in_the_end() -> None:
    async def scene() -> None:
        world = World()
        request, line = world.ask()
        process = world.processes[0]
        line.room = False
        process.say(Begun(content_type=b"text/csv"), Piece(data=b"a" * 1000))
        await until(lambda: line.body)
        read = len(line.body)
        process.say(Piece(data=b"a" * 1000))
        await turns()
        assert len(line.body) == read
        world.clock.pass_by(59)
        assert line.cuts == []
        world.clock.pass_by(10)
        assert (line.cuts, request.code, process.over()) == (["answer-timeout"], "answer-timeout", True)

    play(scene)


def test_a_slow_reader_that_goes_on_gets_the_rest() -> None:
    async def scene() -> None:
        world = World()
        request, line = world.ask()
        line.room = False
        streams: list[Stream] = []
        begin = line.begin
        line.begin = lambda *given: streams.append(begin(*given)) or streams[0]  # type: ignore[method-assign,func-returns-value]
        world.processes[0].say(Begun(content_type=b"text/csv"), Piece(data=b"a"))
        await until(lambda: line.body)
        world.processes[0].say(Piece(data=b"b"), Ended(rows=1))
        line.room = True
        assert streams[0].on_drained is not None
        streams[0].on_drained()
        await until(lambda: line.ends)
        assert (line.body, request.rows, world.bulk.depth) == (b"ab", 1, 0)

    play(scene)


@pytest.mark.parametrize(
    "frames",
    [
        [Piece(data=b"early")],
        [Ended(rows=1)],
        [Begun(content_type=b"a\r\nb: c")],
    ],
    ids=["piece", "end", "header"],
)
def test_what_is_said_at_the_wrong_time_ends_the_process(frames: list[Any]) -> None:
    async def scene() -> None:
        world = World()
        request, line = world.ask()
        world.processes[0].say(*frames)
        await answered(line)
        assert (line.status, request.code, world.processes[0].over()) == (500, "worker-answer", True)

    play(scene)


@pytest.mark.parametrize(
    "written",
    [b"\xff\xff\xff\xff", b"\x05\x00\x00\x00hello", b"\x00\x00\x00\x00"],
    ids=["length", "frame", "empty"],
)
def test_what_is_no_frame_ends_the_process(written: bytes) -> None:
    async def scene() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        jobs = Bulk(asyncio.get_running_loop(), lambda number, ended: bulk.front_end(ours))
        line = Line()
        request = Request(line, "POST", "/", "", {}, "id", 0.0)
        body = Body(Held(LIMIT))
        body.write(b"1")
        jobs.submit(request, body, JOB)
        theirs.sendall(written)
        await answered(line)
        assert (line.status, request.code, jobs.depth) == (500, "worker-died", 0)
        jobs.close(OVER)
        theirs.close()

    play(scene)


def test_no_process_is_to_be_had() -> None:
    async def scene() -> None:
        def refuse(number: int, ended: Sequence[int]) -> Control:
            raise OSError("too many open files")

        world = World()
        world.bulk = Bulk(asyncio.get_running_loop(), refuse)
        _, line = world.ask()
        assert (line.status, world.held.now, world.bulk.depth) == (503, 0, 0)

    play(scene)


def test_too_many_wait() -> None:
    async def scene() -> None:
        world = World(most=3, at_once=2)
        for _ in range(3):
            world.ask(b"x" * 10)
        request, line = world.ask(b"x" * 10)
        assert (line.status, request.code, world.held.now) == (429, "bulk-queue-full", 30)
        world.bulk.close(OVER)
        await turns()
        assert (world.held.now, world.bulk.depth) == (0, 0)
        assert all(each.over() for each in world.processes)

    play(scene)


def test_a_version_that_ends_waits_for_its_jobs() -> None:
    async def scene() -> None:
        world = World()
        _, line = world.ask()
        ending = asyncio.ensure_future(world.bulk.drained(OVER, None))
        await turns()
        request, late = world.ask()
        assert (late.status, request.code, ending.done()) == (503, "model-unavailable", False)
        world.processes[0].say(REFUSED)
        await ending
        assert (line.status, world.processes[0].over()) == (422, True)

    play(scene)


def test_what_waits_when_the_version_ends_is_begun_and_answered() -> None:
    async def scene() -> None:
        world = World()
        lines = [world.ask()[1] for _ in range(5)]  # one more than run at once
        ending = asyncio.ensure_future(world.bulk.drained(OVER, 30.0))
        for number in range(5):
            await until(lambda count=number: len(world.processes) > count)
            world.processes[number].say(REFUSED)
            await answered(lines[number])
        await ending
        assert [each.status for each in lines] == [422] * 5

    play(scene)


def test_bodies_take_no_more_memory_than_there_is() -> None:
    held = Held(1000)
    request = Request(Line(), "POST", "/", "", {}, "id", 0.0)
    first = Upload(request, lambda body: None, held)
    first.write(b"x" * 900)
    second = Upload(request, lambda body: None, held)
    with pytest.raises(Failure) as caught:
        second.write(b"x" * 101)
    assert (caught.value.status, caught.value.code) == (429, "bulk-memory-full")
    second.abort("refused")
    second.abort("again")
    first.abort("the client has gone away")
    assert held.now == 0


def test_a_body_for_nobody_is_dropped() -> None:
    held = Held(1)
    upload = Upload(Request(Line(), "POST", "/", "", {}, "id", 0.0), None, held)
    assert upload.write(b"x" * 1000)
    upload.end()
    assert held.now == 0
