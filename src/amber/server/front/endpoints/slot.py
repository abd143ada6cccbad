"""One worker as the queue keeps it: free, running a batch, or replaying a few cases."""

from __future__ import annotations

from amber.server.front.endpoints.lanes import Lane
from amber.server.front.endpoints.waiting import Line, Waiting

NEVER = float("inf")


class Slot:
    """One worker and what it is doing."""

    __slots__ = ("batch", "forced", "lane", "limit", "line", "probed", "probing", "sent")

    def __init__(self, lane: Lane, now: float) -> None:
        self.lane = lane
        self.line: Line | None = None
        self.batch: list[Waiting] = []
        self.sent = now
        self.limit = NEVER  # when the worker is ended, because nobody waits any longer for what it runs
        self.probing = False
        self.probed = now  # when the last probe was answered
        self.forced = False  # a probe goes before the next batch
