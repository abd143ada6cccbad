"""What the front hears of an answer: its head late, its pieces, and which rows the original has answered."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from amber.server.wire.bulk import ORIGINAL_ROWS, PIECE, Begun, Ended, Going, Piece, front_end, worker_end
from amber.server.worker import bulk_answer
from amber.server.worker.bulk_answer import HELD, MOST_RANGES, Out


def said(write: Callable[[Out], object], fallback: bool = False) -> list[Any]:
    """Return the frames of an answer."""
    near, far = socket.socketpair()
    control, front = worker_end(far), front_end(near)

    def work() -> None:
        out = Out(control, fallback)
        out.content_type = b"text/csv"
        write(out)
        out.end()

    thread = threading.Thread(target=work)
    thread.start()
    frames: list[Any] = []
    while not frames or not isinstance(frames[-1], Ended):
        frames += [frame for frame, _ in front.receive()]
    thread.join()
    control.close()
    front.close()
    return frames


def test_the_head_waits_for_the_end_of_a_short_answer() -> None:
    def write(out: Out) -> None:
        for first in (0, 10, 20):
            out.going(10)
            out.write(b"x" * 100)
            if first:
                out.by_original(first)

    begun, *pieces, ended = said(write, fallback=True)
    assert begun == Begun(content_type=b"text/csv", headers=[(ORIGINAL_ROWS, b"10-29")])
    assert pieces == [Piece(data=b"x" * 300)]
    assert ended == Ended(rows=30)


@pytest.mark.parametrize("fallback", [False, True])
def test_a_long_answer_says_at_its_end_what_was_not_known(fallback: bool) -> None:
    def write(out: Out) -> None:
        out.going(10)
        out.write(b"x" * HELD)
        out.going(10)
        if fallback:
            out.by_original(10)
        out.write(b"y")

    begun, *pieces, ended = said(write, fallback)
    assert begun.headers == ([(b"trailer", ORIGINAL_ROWS)] if fallback else [])
    assert max(len(each.data) for each in pieces) == PIECE
    assert b"".join(each.data for each in pieces) == b"x" * HELD + b"y"
    assert ended == Ended(rows=20, trailers=[(ORIGINAL_ROWS, b"10-19")] if fallback else [])


def test_very_many_ranges_are_told_in_part() -> None:
    def write(out: Out) -> None:
        for first in range(0, 2 * MOST_RANGES + 2, 2):
            out.going(1)
            out.by_original(first)
            out.rows += 1

    begun, ended = said(write, fallback=True)
    (told,) = begun.headers
    assert told[1].count(b",") == MOST_RANGES
    assert told[1].endswith(b", ...")
    assert ended.trailers == []


def test_a_job_that_writes_nothing_says_that_it_gets_on(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 0.5, 1.5, 2.0, 3.0])
    monkeypatch.setattr(bulk_answer, "monotonic", lambda: next(now))

    def write(out: Out) -> None:
        for _ in range(4):
            out.going(5)

    assert said(write)[:2] == [Going(rows=10), Going(rows=20)]
