"""Large bodies in the front: jobs wait, are given up and answered; bodies take no more memory than there is."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from amber.server.exchange import Failure
from amber.server.front.endpoints.bulk import Body, Bulk, Held, Upload
from amber.server.front.http.messages import Request, Stream
from amber.server.wire import bulk
from amber.server.wire.bulk import Begun, Cancel, Ended, Failed, Job, Piece
from amber.server.wire.control import Closed, Control

JOB = Job(id=0, form="simple", content_type="text/csv", accept="")
LIMIT = 1 << 20


class Line:
    """A connection that keeps what it is told; `room` False: its client does not read."""

    def __init__(self) -> None:
        self.status, self.body, self.ends, self.cuts, self.room = 0, b"", 0, 0, True

    def reply(self, request: Request, status: int, body: bytes, *_: Any) -> None:
        self.status, self.body = status, body

    def begin(self, request: Request, status: int, *_: Any) -> Stream:
        self.status = status
        return Stream(self, request)

    def push(self, chunk: bytes) -> bool:
        self.body += chunk
        return self.room

    def finish(self, request: Request) -> None:
        self.ends += 1

    def cut(self, request: Request) -> None:
        self.cuts += 1

    def resume(self) -> None:
        pass


class World:
    """The jobs of one version, and the other ends of its connections."""

    def __init__(self, most: int = 16) -> None:
        self.ends: list[Control] = []
        self.held = Held(LIMIT)
        self.bulk = Bulk(asyncio.get_running_loop(), self._connect, most)
        WORLDS.append(self)

    def _connect(self) -> Control:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.settimeout(5)
        self.ends.append(bulk.worker_end(theirs))
        return bulk.front_end(ours)

    def close(self) -> None:
        self.bulk.close(Failure(503, "model-unavailable", "the test is over"))
        for each in self.ends:
            each.close()

    def ask(self, text: bytes = b"1,2\n", deadline: float | None = None) -> tuple[Request, Line]:
        line = Line()
        request = Request(line, "POST", "/", "", {}, "id", 0.0)
        request.deadline = deadline
        upload = Upload(request, lambda body: self.bulk.submit(request, body, JOB), self.held)
        upload.write(text)
        upload.end()
        return request, line

    def job(self) -> tuple[Job, bytes]:
        """The job that the process has been given, and its body."""
        while not (found := self.ends[-1].receive()):
            pass
        ((frame, (descriptor,)),) = found
        with os.fdopen(descriptor, "rb") as body:
            return frame, os.pread(body.fileno(), 100, 0)


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


def test_an_answer_comes_in_pieces() -> None:
    async def scene() -> None:
        world = World()
        request, line = world.ask(b"body")
        job, body = world.job()
        assert body == b"body"
        assert world.held.now == 0  # the process has it
        for frame in (
            Begun(id=job.id, content_type=b"text/csv"),
            Piece(id=job.id, data=b"a"),
            Ended(id=job.id, rows=3),
        ):
            world.ends[0].send(frame)
        await turns()
        assert (line.status, line.body, line.ends, request.rows, world.bulk.depth) == (200, b"a", 1, 3, 0)

    play(scene)


def test_a_client_that_leaves_does_not_hold_up_the_next() -> None:
    async def scene() -> None:
        world = World()
        first, _ = world.ask()
        _, second = world.ask()
        job, _ = world.job()
        gone(first)
        ((told, _),) = world.ends[0].receive()
        assert told == Cancel(id=job.id)
        world.ends[0].send(Failed(id=job.id, status=499, code="client-gone", message="nobody waits"))
        await turns()
        job, _ = world.job()
        world.ends[0].send(Failed(id=job.id, status=422, code="rows-missing", message="no rows"))
        await turns()
        assert second.status == 422
        assert len(world.ends) == 1

    play(scene)


def test_a_client_that_leaves_while_it_waits_is_forgotten() -> None:
    async def scene() -> None:
        world = World()
        world.ask()
        waiting, _ = world.ask(b"x" * 1000)
        assert (world.bulk.depth, world.held.now) == (2, 1000)
        gone(waiting)
        assert (world.bulk.depth, world.held.now) == (1, 0)

    play(scene)


@pytest.mark.parametrize("begun", [False, True])
def test_a_process_that_dies_ends_its_request_alone(begun: bool) -> None:
    async def scene() -> None:
        world = World()
        _, first = world.ask()
        _, second = world.ask()
        job, _ = world.job()
        if begun:
            world.ends[0].send(Begun(id=job.id, content_type=b"text/csv"))
            await turns()
        world.ends[0].close()
        await turns()
        assert (first.status, first.cuts, first.ends) == ((200, 1, 0) if begun else (500, 0, 0))
        assert second.status == 0
        job, _ = world.job()
        assert len(world.ends) == 2
        world.ends[1].send(Failed(id=job.id, status=400, code="body-malformed", message="no"))
        await turns()
        assert second.status == 400

    play(scene)


def test_a_job_beyond_its_deadline_loses_its_process() -> None:
    async def scene() -> None:
        world = World()
        _, line = world.ask(deadline=asyncio.get_running_loop().time() + 0.05)
        world.job()
        while not line.status:
            await turns()
        with pytest.raises(Closed):
            world.ends[0].receive()
        assert line.status == 504

    play(scene)


def test_a_slow_reader_stops_the_process() -> None:
    async def scene() -> None:
        world = World()
        request, line = world.ask()
        job, _ = world.job()
        line.room = False
        world.ends[0].send(Begun(id=job.id, content_type=b"text/csv"))
        world.ends[0].send(Piece(id=job.id, data=b"a" * bulk.PIECE))
        await turns()
        read = len(line.body)
        for _ in range(2):
            world.ends[0].send(Piece(id=job.id, data=b"a" * 1000))
        await turns()
        assert len(line.body) == read
        gone(request)
        world.ends[0].send(Ended(id=job.id, rows=0))
        await turns()
        assert world.bulk.depth == 0

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
        jobs = Bulk(asyncio.get_running_loop(), lambda: bulk.front_end(ours))
        line = Line()
        request = Request(line, "POST", "/", "", {}, "id", 0.0)
        body = Body(Held(LIMIT))
        body.write(b"1")
        jobs.submit(request, body, JOB)
        theirs.sendall(written)
        await turns()
        assert (line.status, request.code, jobs.depth) == (500, "worker-died", 0)
        jobs.close(Failure(503, "model-unavailable", "the test is over"))
        theirs.close()

    play(scene)


def test_too_many_wait() -> None:
    async def scene() -> None:
        world = World(most=2)
        world.ask()
        world.ask(b"x" * 10)
        request, line = world.ask(b"x" * 10)
        assert (line.status, request.code, world.held.now) == (429, "bulk-queue-full", 10)
        world.bulk.close(Failure(503, "model-unavailable", "it ends"))
        assert world.held.now == 0

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
