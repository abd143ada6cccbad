"""What one version has answered so far: plain counters that the loop's thread alone writes, and anybody may read.

Latencies are counted in steps fine enough for a p99 (at most 13 % apart) whose ends include the bounds that metrics
show, so that one list serves both.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

# upper bounds of the buckets that metrics show, seconds
SHOWN = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
)  # fmt: skip
_FINE = 8  # steps between two of them
_BOUNDS = [low * (high / low) ** (step / _FINE) for low, high in pairwise(SHOWN) for step in range(_FINE)] + [SHOWN[-1]]


class Tally:
    """Requests of one version by status, their latencies, rows and reasons of refusal."""

    __slots__ = ("codes", "latencies", "requests", "rows", "seconds", "statuses")

    def __init__(self) -> None:
        self.requests = 0
        self.rows = 0
        self.seconds = 0.0
        self.statuses: dict[int, int] = {}
        self.codes: dict[str, int] = {}
        self.latencies = [0] * (len(_BOUNDS) + 1)

    def answered(self, status: int, code: str, rows: int, seconds: float) -> None:
        """Count one answer; `code` of a failure, else empty."""
        self.requests += 1
        self.rows += rows
        self.seconds += seconds
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if code:
            self.codes[code] = self.codes.get(code, 0) + 1
        self.latencies[bisect_left(_BOUNDS, seconds)] += 1

    def sample(self) -> Sample:
        """Return what stands there now."""
        errors = sum(count for status, count in self.statuses.items() if status >= 500)
        return Sample(self.requests, errors, tuple(self.latencies))

    def buckets(self) -> list[tuple[str, float]]:
        """Return the latencies as metrics show them: upper bounds with what is at most that, the last one +Inf."""
        shown: list[tuple[str, float]] = []
        total, begin = 0, 0
        for place, bound in enumerate(SHOWN):
            end = place * _FINE + 1
            total += sum(self.latencies[begin:end])
            shown.append((repr(bound), float(total)))
            begin = end
        shown.append(("+Inf", float(total + sum(self.latencies[begin:]))))
        return shown


class Sample:
    """Counters at one moment; the difference of two is what happened between them."""

    __slots__ = ("errors", "latencies", "requests")

    def __init__(self, requests: int = 0, errors: int = 0, latencies: Sequence[int] = ()) -> None:
        self.requests, self.errors, self.latencies = requests, errors, latencies

    def since(self, before: Sample) -> Sample:
        """Return what happened after `before`."""
        if not before.latencies:
            return self
        latencies = [now - then for now, then in zip(self.latencies, before.latencies, strict=True)]
        return Sample(self.requests - before.requests, self.errors - before.errors, latencies)

    @property
    def error_share(self) -> float:
        """Answers of 500 and above, of all."""
        return self.errors / self.requests if self.requests else 0.0

    def quantile(self, share: float) -> float:
        """Return the seconds that this share of the answers took at most, up to the width of a step."""
        needed = share * sum(self.latencies)
        total = 0
        for place, count in enumerate(self.latencies):
            total += count
            if total >= needed and total:
                return float(_BOUNDS[min(place, len(_BOUNDS) - 1)])
        return 0.0
