"""How fast rows have been answered lately: for Retry-After, and for sharing work between idle workers."""

from __future__ import annotations

import math

_WINDOW = 1.0  # seconds that are averaged
_NEWEST = 0.5  # weight of the newest window
_LONGEST = 60  # seconds that a client is told to wait at most


class Rate:
    """Rows a second and seconds a row, each a mean that forgets."""

    __slots__ = ("_begin", "_rows", "per_row", "per_second")

    def __init__(self, now: float) -> None:
        self.per_second = 0.0
        self.per_row = 0.0
        self._begin, self._rows = now, 0

    def ran(self, rows: int, seconds: float, now: float) -> None:
        """Count a run of so many rows that took so long."""
        self._rows += rows
        each = seconds / max(rows, 1)  # a request may have no rows
        # a batch costs something by itself: the quicker of both keeps one small slow run from splitting every batch
        self.per_row = each if self.per_row == 0.0 else min(each, self.per_row) * 0.9 + each * 0.1
        elapsed = now - self._begin
        if elapsed >= _WINDOW:
            newest = self._rows / elapsed
            self.per_second = newest if self.per_second == 0.0 else (1 - _NEWEST) * self.per_second + _NEWEST * newest
            self._begin, self._rows = now, 0

    def wait(self, rows: int) -> int:
        """Return the whole seconds after which so many waiting rows are likely answered: 1 to 60."""
        if self.per_second <= 0.0:
            return 1
        return min(_LONGEST, max(1, math.ceil(rows / self.per_second)))
