"""The rules by which a version that took over gives the traffic back, with counters made up and a clock of numbers."""

from __future__ import annotations

import math

import pytest

from amber.server.front.endpoints.rollback import Recent, Takeover
from amber.server.front.endpoints.tally import SHOWN, Sample, Tally


def _tally(good: int = 0, bad: int = 0, seconds: float = 0.001, slow: int = 0, slow_seconds: float = 1.0) -> Tally:
    tally = Tally()
    for _ in range(good):
        tally.answered(200, "", 1, seconds)
    for _ in range(slow):
        tally.answered(200, "", 1, slow_seconds)
    for _ in range(bad):
        tally.answered(500, "predict-failed", 1, seconds)
    return tally


@pytest.mark.parametrize(
    ("old", "new", "elapsed", "ruling"),
    [
        ((1000, 0), (100, 0), 10, "watch"),
        ((1000, 0), (499, 0), 61, "watch"),  # 60 s are over, 500 requests are not
        ((1000, 0), (500, 0), 59, "watch"),  # and the other way round
        ((1000, 0), (500, 0), 60, "keep"),
        ((1000, 0), (0, 0), 599, "watch"),
        ((1000, 0), (0, 0), 600, "keep"),  # nobody asks: it is not watched for ever
        ((1000, 0), (980, 20), 10, "back"),
        ((1000, 0), (990, 10), 10, "watch"),  # 1 % is not more than 1 %
        ((1000, 0), (989, 11), 10, "back"),
        ((960, 40), (930, 70), 10, "watch"),  # 7 % is not twice the old 4 %
        ((960, 40), (910, 90), 10, "back"),
        ((1000, 0), (18, 2), 10, "watch"),  # two errors may be chance
        ((1000, 0), (17, 3), 10, "back"),
        ((1000, 0), (10, 9), 10, "watch"),  # so may nineteen answers
        ((0, 0), (400, 600), 10, "back"),
    ],
)
def test_errors(old: tuple[int, int], new: tuple[int, int], elapsed: float, ruling: str) -> None:
    takeover = Takeover(_tally(*old).sample(), Sample(), 100.0)
    assert takeover.rule(_tally(*new).sample(), 100.0 + elapsed)[0] == ruling


@pytest.mark.parametrize(
    ("old_seconds", "new_seconds", "ruling"),
    [
        (0.010, 0.015, "watch"),
        (0.010, 0.030, "back"),
        (0.001, 0.004, "watch"),  # four times, and still prompt
        (0.001, 0.008, "back"),
    ],
)
def test_p99(old_seconds: float, new_seconds: float, ruling: str) -> None:
    old = _tally(950, slow=50, slow_seconds=old_seconds).sample()
    new = _tally(950, slow=50, slow_seconds=new_seconds).sample()
    found, reason = Takeover(old, Sample(), 0.0).rule(new, 10.0)
    assert found == ruling
    assert ("p99" in reason) == (ruling == "back")


def test_few_answers_say_nothing_about_a_p99() -> None:
    old, new = _tally(1000).sample(), _tally(190, slow=5).sample()
    assert Takeover(old, Sample(), 0.0).rule(new, 10.0)[0] == "watch"
    assert Takeover(_tally(50).sample(), Sample(), 0.0).rule(_tally(900, slow=50).sample(), 10.0)[0] == "watch"


def test_what_came_before_the_takeover_does_not_count() -> None:
    before = _tally(0, 400).sample()
    takeover = Takeover(Sample(), before, 0.0)
    assert takeover.rule(_tally(100, 400).sample(), 10.0)[0] == "watch"


def test_a_ruling_stands() -> None:
    takeover = Takeover(_tally(1000).sample(), Sample(), 0.0)
    assert takeover.rule(_tally(0, 100).sample(), 1.0)[0] == "back"
    assert takeover.rule(_tally(100_000, 100).sample(), 2.0)[0] == "back"


def test_the_old_version_is_judged_by_its_last_minutes() -> None:
    tally, recent = _tally(0, 500), Recent(60.0)
    recent.mark(tally.sample(), 0.0)
    recent.mark(tally.sample(), 61.0)
    for _ in range(100):
        tally.answered(200, "", 1, 0.001)
    recent.mark(tally.sample(), 90.0)  # too soon: not noted
    found = recent.sample(tally.sample())
    assert (found.requests, found.errors) == (100, 0)


def test_a_fresh_version_is_judged_by_all_it_answered() -> None:
    tally = _tally(10, 5)
    assert Recent().sample(tally.sample()).error_share == pytest.approx(1 / 3)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9, 0.99, 1.0])
def test_quantiles_are_at_most_a_step_too_high(share: float) -> None:
    seconds = sorted(0.0002 * 1.07**place for place in range(150))
    tally = Tally()
    for each in seconds:
        tally.answered(200, "", 1, each)
    exact = seconds[max(0, math.ceil(share * 150) - 1)]
    assert exact <= tally.sample().quantile(share) * 1.0001
    assert tally.sample().quantile(share) <= exact * 1.3


def test_buckets_are_those_that_prometheus_counts() -> None:
    tally = Tally()
    values = [0.0, 0.0001, 0.00011, 0.001, 0.0010001, 0.5, 60.0, 61.0]
    for value in values:
        tally.answered(200, "", 1, value)
    counted = [float(sum(value <= bound for value in values)) for bound in SHOWN]
    assert [count for _, count in tally.buckets()] == [*counted, 8.0]
    assert tally.buckets()[-1][0] == "+Inf"
