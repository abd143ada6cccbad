"""A lane carries batches and answers both ways, through shared memory and through sockets."""

from __future__ import annotations

import contextlib
import os
import select
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from amber.server.exchange import Answered, Asked, Failure
from amber.server.interface import Input, Interface, Output
from amber.server.wire import lane, shared
from amber.server.wire.batch import Batch, Probed
from amber.server.wire.ends import FrontLane, Kind, WorkerLane

INTERFACE = Interface(
    name="m", version="1.0.0", id="0" * 64, route="program", form="matrix", default=[0],
    inputs=[Input(name="X", datatype="FP64", dtype="float64", cell="float")],
    outputs=[Output(method="predict", name="predict", datatype="FP64", dtype="float64", cell="float")],
)  # fmt: skip
KINDS: list[Kind] = ["shared", "socket"] if shared.AVAILABLE else ["socket"]
ROOM = 1 << 22


def doubled(end: WorkerLane, batch: Batch) -> None:
    """Answer as a model that doubles its one number."""
    if not batch.rows:
        end.answer(batch, (), verdict="identical")
        return
    values = struct.unpack(f"<{sum(batch.rows)}d", batch.numbers)
    end.answer(batch, [struct.pack(f"<{len(values)}d", *[2 * value for value in values])])


class Pair:
    """Both ends of a lane, the worker's in a thread."""

    def __init__(self, kind: Kind, work: Callable[[WorkerLane, Batch], None]) -> None:
        self.front: FrontLane = lane.create(ROOM, ROOM, INTERFACE, kind=kind)
        fds = [os.dup(each) for each in self.front.fds()]
        self.front.handed_over()
        self.end = lane.opened(kind, fds, ROOM, ROOM, INTERFACE)
        self.work = work
        self.thread = threading.Thread(target=self._loop)
        self.thread.start()

    def _loop(self) -> None:
        with contextlib.suppress(ValueError, OSError):
            while (batch := self.end.wait()) is not None:
                if batch.sequence == STOP:
                    break
                self.work(self.end, batch)
        batch = None  # a view of the memory
        self.end.close()

    def received(self) -> Any:
        while True:
            select.select([self.front.fd], [], [], 10)
            found = self.front.receive()
            if found is not None:
                return found

    def close(self) -> None:
        self.front._sequence = STOP - 1
        with contextlib.suppress(ValueError):
            self.front.probe()
        self.thread.join(10)
        assert not self.thread.is_alive()
        self.front.close()


STOP = 1 << 40


@pytest.fixture(params=KINDS)
def made(request: pytest.FixtureRequest) -> Iterator[Callable[..., Pair]]:
    pairs: list[Pair] = []

    def make(work: Callable[[WorkerLane, Batch], None] = doubled) -> Pair:
        pairs.append(Pair(request.param, work))
        return pairs[-1]

    yield make
    for pair in pairs:
        pair.close()


def number(*values: float) -> Asked:
    return Asked(len(values), struct.pack(f"<{len(values)}d", *values), (), (0,))


def test_parts_are_answered_each_with_its_own(made: Callable[..., Pair]) -> None:
    pair = made()
    assert not pair.front.busy
    for start in (1.0, 5.0):
        assert pair.front.send([number(start, start + 1), number(start + 2)], (0,), "program") == 2
        assert pair.front.busy
        assert pair.received() == [
            Answered(2, [struct.pack("<2d", 2 * start, 2 * start + 2)]),
            Answered(1, [struct.pack("<d", 2 * start + 4)]),
        ]
        assert not pair.front.busy


def test_a_full_region_goes_through(made: Callable[..., Pair]) -> None:
    pair = made()
    rows = ROOM // 8 - 64
    assert pair.front.send([Asked(rows, struct.pack("<d", 1.5) * rows, (), (0,))], (0,), "program") == 1
    (answer,) = pair.received()
    assert answer.values[0] == struct.pack("<d", 3.0) * rows


def test_what_does_not_fit_is_not_sent(made: Callable[..., Pair]) -> None:
    pair = made()
    assert pair.front.send([Asked(ROOM, bytes(8 * ROOM), (), (0,))], (0,), "program") == 0
    assert not pair.front.busy
    assert pair.front.receive() is None


def test_a_probe_is_answered(made: Callable[..., Pair]) -> None:
    pair = made()
    pair.front.probe()
    assert pair.received() == Probed("identical")


def test_nothing_is_there_before_the_answer(made: Callable[..., Pair]) -> None:
    gate = threading.Event()

    def slow(end: WorkerLane, batch: Batch) -> None:
        assert gate.wait(10)
        doubled(end, batch)

    pair = made(slow)
    pair.front.send([number(1.0)], (0,), "program")
    assert pair.front.receive() is None
    gate.set()
    assert pair.received() == [Answered(1, [struct.pack("<d", 2.0)])]


def test_an_answer_to_another_batch_breaks_the_lane(made: Callable[..., Pair]) -> None:
    def old(end: WorkerLane, batch: Batch) -> None:
        batch.sequence -= 1
        doubled(end, batch)

    pair = made(old)
    pair.front.send([number(1.0), number(2.0)], (0,), "program")
    found = pair.received()
    assert [type(each) for each in found] == [Failure, Failure]
    assert {each.code for each in found} == {"worker-lost"}
    assert pair.front.broken


def test_a_socket_whose_worker_is_gone_is_broken() -> None:
    front = lane.create(ROOM, ROOM, INTERFACE, kind="socket")
    front.handed_over()
    front.send([number(1.0)], (0,), "program")
    found = front.receive()
    assert isinstance(found, list)
    assert isinstance(found[0], Failure)
    assert front.broken
    front.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("says", [True, False], ids=["speaks", "closes"])
def test_a_worker_that_was_asked_nothing_has_nothing_to_say(kind: Kind, says: bool) -> None:
    front = lane.create(4096, 4096, INTERFACE, kind=kind)
    fds = [os.dup(each) for each in front.fds()]
    front.handed_over()
    if says:
        os.write(fds[-1], struct.pack("<I", 0))
    for each in fds:
        os.close(each)
    assert front.receive() is None
    assert front.broken
    front.close()


def test_more_bytes_than_fit_break_a_socket() -> None:
    front = lane.create(4096, 4096, INTERFACE, kind="socket")
    (end,) = (os.dup(each) for each in front.fds())
    front.send([number(1.0)], (0,), "program")
    os.write(end, struct.pack("<I", 1 << 31))
    found = front.receive()
    assert isinstance(found, list)
    assert front.broken
    os.close(end)
    front.close()


@pytest.mark.skipif(not shared.AVAILABLE, reason="needs memfd")
def test_the_size_of_shared_memory_cannot_be_changed() -> None:
    front = lane.create(ROOM, ROOM, INTERFACE, kind="shared")
    with pytest.raises(PermissionError):
        os.ftruncate(front.fds()[0], 10)
    front.close()
    front.close()


@pytest.mark.parametrize("kind", KINDS)
def test_other_descriptors_are_no_lane(kind: Kind) -> None:
    with pytest.raises(ValueError, match="no lane"):
        lane.opened(kind, [], ROOM, ROOM, INTERFACE)


@pytest.mark.skipif(not shared.AVAILABLE, reason="needs memfd")
def test_a_batch_is_untouched_until_the_worker_has_taken_it() -> None:
    front = lane.create(ROOM, ROOM, INTERFACE, kind="shared")
    end = lane.opened("shared", [os.dup(each) for each in front.fds()], ROOM, ROOM, INTERFACE)
    for value in (1.0, 2.0):
        front.send([number(value)], (0,), "program")
        assert front.untouched
        taken = end.wait()
        assert taken is not None
        assert not front.untouched
        doubled(end, taken)
        assert not front.untouched
        assert front.receive() == [Answered(1, [struct.pack("<d", 2 * value)])]
    taken = None  # a view of the memory
    end.close()
    front.close()
