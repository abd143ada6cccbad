"""Whether a version that has just taken over must give the traffic back: a pure state machine over counters.

The law: within 60 s and 500 requests of the takeover, back when answers of 500 and above exceed 1 % and twice the old
share, or when p99 exceeds twice the old one. The watch ends when both the time and the requests are over, or, where
nobody asks, after ten minutes. Too few answers prove nothing, and neither does a p99 that is promptly small.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from amber.server.front.endpoints.tally import Sample

Ruling = Literal["watch", "keep", "back"]


@dataclass(frozen=True, slots=True)
class Rules:
    """When to look, and what is too much.

    Attributes:
        seconds, requests: The watch lasts until both are over, at most `longest_seconds`.
        error_share, error_times: 5xx of the new version beyond both: this share, and so many times the old share.
        latency_times: p99 of the new version beyond so many times the old one.
        least_requests, least_errors: Fewer say nothing about errors.
        least_timed: Fewer answers, of either version, say nothing about a p99.
        prompt_seconds: A p99 up to here is never too long.
    """

    seconds: float = 60.0
    requests: int = 500
    longest_seconds: float = 600.0
    error_share: float = 0.01
    error_times: float = 2.0
    latency_times: float = 2.0
    least_requests: int = 20
    least_errors: int = 3
    least_timed: int = 200
    prompt_seconds: float = 0.005


class Takeover:
    """One takeover under watch.

    Args:
        before: What the old version answered lately.
        start: Counters of the new version at the takeover.
        now: When it was, in seconds of any clock that does not go back.
        rules: What is too much.
    """

    def __init__(self, before: Sample, start: Sample, now: float, rules: Rules | None = None) -> None:
        self._before, self._start, self._begun = before, start, now
        self._rules = rules or Rules()
        self._ruled: tuple[Ruling, str] | None = None

    def rule(self, counters: Sample, now: float) -> tuple[Ruling, str]:
        """Return what to do and, where that is to go back, why. The first ruling that is not `watch` stands.

        Args:
            counters: Of the new version, now.
            now: On the clock of the takeover.
        """
        if self._ruled is None:
            ruling = self._ruling(counters.since(self._start), now - self._begun)
            if ruling[0] == "watch":
                return ruling
            self._ruled = ruling
        return self._ruled

    def _ruling(self, seen: Sample, elapsed: float) -> tuple[Ruling, str]:
        reason = self._errors(seen) or self._latency(seen)
        if reason:
            return "back", reason
        rules = self._rules
        over = elapsed >= rules.seconds and seen.requests >= rules.requests
        return ("keep" if over or elapsed >= rules.longest_seconds else "watch"), ""

    def _errors(self, seen: Sample) -> str:
        rules, share, old = self._rules, seen.error_share, self._before.error_share
        if seen.requests < rules.least_requests or seen.errors < rules.least_errors:
            return ""
        if share <= rules.error_share or share <= rules.error_times * old:
            return ""
        return f"{share:.1%} of {seen.requests} answers were 5xx, {old:.1%} before the takeover"

    def _latency(self, seen: Sample) -> str:
        rules = self._rules
        if min(seen.requests, self._before.requests) < rules.least_timed:
            return ""
        new, old = seen.quantile(0.99), self._before.quantile(0.99)
        if new <= rules.prompt_seconds or new <= rules.latency_times * old:
            return ""
        return f"p99 was {new * 1000:.3g} ms, {old * 1000:.3g} ms before the takeover"


class Recent:
    """The counters of a version over the last one to two minutes: what a newcomer is compared with."""

    def __init__(self, seconds: float = 60.0) -> None:
        self._seconds = seconds
        self._marks: list[tuple[float, Sample]] = [(float("-inf"), Sample())]

    def mark(self, counters: Sample, now: float) -> None:
        """Note the counters; to be called about every second."""
        if now - self._marks[-1][0] >= self._seconds:
            self._marks = [*self._marks[-1:], (now, counters)]

    def sample(self, counters: Sample) -> Sample:
        """Return what happened lately, up to these counters."""
        return counters.since(self._marks[0][1])
