"""How long a connection may take for what: numbers only, looked at by a sweep once a second."""

from __future__ import annotations

from amber.server.settings import Settings

RATE = 240.0  # bytes a second that a body, or the reader of an answer, must keep up; as Kestrel's minimum data rates
LINGER_SECONDS = 5.0  # as nginx's lingering_timeout


class Timing:
    """The clock of one connection; times are of `time.monotonic`, which the loop's clock follows.

    Attributes:
        since: When it became idle, or began to linger, or when the last bytes of a body came.
        started: When the first byte of a head or body came; 0: none is arriving.
        moved: Bytes of the body so far, or of what is thrown away while lingering.
    """

    __slots__ = ("_unsent", "_unsent_since", "moved", "since", "started")

    def __init__(self, now: float) -> None:
        self.since = now
        self.started = 0.0
        self.moved = 0
        self._unsent = 0
        self._unsent_since = 0.0

    def begin(self, now: float) -> None:
        """A body begins, or lingering."""
        self.since = self.started = now
        self.moved = 0

    def head_is_late(self, now: float, settings: Settings) -> bool:
        """Whether a head that has begun should have ended."""
        return self.started > 0 and now - self.started > settings.header_seconds

    def is_idle(self, now: float, settings: Settings) -> bool:
        """Whether nothing has been asked for too long."""
        return not self.started and now - self.since > settings.keepalive_seconds

    def body_is_slow(self, now: float, settings: Settings) -> bool:
        """Whether a body has paused for too long, or trickles."""
        allowed = settings.body_seconds
        return now - self.since > allowed or now - self.started > allowed + self.moved / RATE

    def has_lingered(self, now: float) -> bool:
        """Whether the last answer should have been read."""
        return now - self.since > LINGER_SECONDS

    def reader_is_slow(self, now: float, unsent: int, settings: Settings) -> bool:
        """Whether what is unsent (bytes) has not become less, at `RATE`, for `body_seconds`; called at each sweep."""
        if not unsent or not self._unsent_since:
            self._unsent, self._unsent_since = unsent, now if unsent else 0.0
            return False
        if unsent < self._unsent - RATE * (now - self._unsent_since):
            self._unsent, self._unsent_since = unsent, now
            return False
        return now - self._unsent_since > settings.body_seconds
