"""How long each part of a long verb took, for reports and for people who want to know where the time went."""

from __future__ import annotations

import time


class Clock:
    """Laps by name, in seconds, in `seconds`."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """End the part that began with the last lap, and call it `name`."""
        now = time.perf_counter()
        self.seconds[name], self._last = round(now - self._last, 6), now
