"""How long to wait before a process that died is started anew."""

from __future__ import annotations


class Backoff:
    """Nothing after a life of `healthy` seconds; after shorter ones from `first` on twice as long, up to `longest`."""

    def __init__(self, first: float = 0.5, longest: float = 30.0, healthy: float = 60.0) -> None:
        self._first, self._longest, self._healthy = first, longest, healthy
        self._next = first

    def wait(self, lived: float) -> float:
        """Return the seconds to wait after a life of so many seconds."""
        if lived >= self._healthy:
            self._next = self._first
            return 0.0
        now = self._next
        self._next = min(self._longest, now * 2)
        return now
