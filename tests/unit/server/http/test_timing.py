"""How long anything may take, in numbers."""

from __future__ import annotations

from amber.server.front.http.timing import RATE, Timing
from amber.server.settings import Settings

SETTINGS = Settings(header_seconds=10, body_seconds=30, keepalive_seconds=75)


def test_heads_and_idle_connections() -> None:
    timing = Timing(100.0)
    assert not timing.is_idle(175.0, SETTINGS)
    assert timing.is_idle(175.1, SETTINGS)
    assert not timing.head_is_late(999.0, SETTINGS), "none has begun"
    timing.started = 200.0
    assert not timing.head_is_late(210.0, SETTINGS)
    assert timing.head_is_late(210.1, SETTINGS)
    assert not timing.is_idle(999.0, SETTINGS)


def test_a_body_may_not_pause() -> None:
    timing = Timing(0.0)
    timing.begin(100.0)
    timing.moved = 1 << 30
    assert not timing.body_is_slow(130.0, SETTINGS)
    assert timing.body_is_slow(130.1, SETTINGS)


def test_a_body_may_not_trickle() -> None:
    timing = Timing(0.0)
    timing.begin(100.0)
    for second in range(1, 61):
        timing.since = 100.0 + second
        timing.moved += int(RATE * 0.4)
    assert timing.body_is_slow(160.0, SETTINGS), "60 s at 0.4 of the rate, with 30 s of grace"
    timing.moved = int(RATE * 31)
    assert not timing.body_is_slow(160.0, SETTINGS)


def test_a_reader_must_read_on() -> None:
    timing = Timing(0.0)
    assert not any(timing.reader_is_slow(float(at), 100_000, SETTINGS) for at in range(1, 32))
    assert timing.reader_is_slow(32.0, 100_000, SETTINGS)


def test_a_reader_that_trickles_is_slow_and_one_that_reads_is_not() -> None:
    trickling, reading = Timing(0.0), Timing(0.0)
    slow = [trickling.reader_is_slow(float(at), 100_000 - at * 100, SETTINGS) for at in range(1, 60)]
    fast = [reading.reader_is_slow(float(at), 1_000_000 - at * 1000, SETTINGS) for at in range(1, 600)]
    assert any(slow)
    assert not any(fast)


def test_a_reader_that_is_done_begins_anew() -> None:
    timing = Timing(0.0)
    assert not timing.reader_is_slow(1.0, 1000, SETTINGS)
    assert not timing.reader_is_slow(2.0, 0, SETTINGS)
    assert not timing.reader_is_slow(100.0, 1000, SETTINGS)
