"""Where every answered request is noted: counters of its version, the access log, a span."""

from __future__ import annotations

from typing import Protocol

from amber.server.front.endpoints.access_log import AccessLog
from amber.server.front.endpoints.tally import Tally
from amber.server.front.endpoints.tracing import Tracing
from amber.server.front.http.messages import Request
from amber.server.settings import Settings


class _Note(Protocol):
    def answered(self, request: Request, status: int, sent: int, seconds: float, rows: int) -> None: ...


class Watch:
    """What the listener tells of each answer.

    Attributes:
        tallies: Counters by label (`model/version`); the label "" has what belongs to no version.
    """

    def __init__(self, log: AccessLog | None = None, tracing: Tracing | None = None) -> None:
        self.log, self.tracing = log, tracing
        self.tallies: dict[str, Tally] = {"": Tally()}
        self._notes: list[_Note] = [each for each in (log, tracing) if each is not None]

    @classmethod
    def of(cls, settings: Settings) -> Watch:
        """Return the watch that a server's settings ask for.

        Raises:
            SourceError: The access log cannot be opened.
            UsageError: `library-missing`: spans are asked for and their libraries are not there.
        """
        log = None if settings.access_log == "off" else AccessLog(settings.access_log)
        return cls(log, Tracing(settings.otlp_endpoint) if settings.otlp_endpoint else None)

    def tally(self, label: str) -> Tally:
        """Return the counters of a version, made where they are not there yet."""
        return self.tallies.setdefault(label, Tally())

    def answered(self, request: Request, status: int, sent: int, seconds: float) -> None:
        """Note an answer: its status, bytes of its body, seconds since the request's head was there."""
        tally = self.tallies.get(request.label) or self.tallies[""]
        rows: int = request.rows
        tally.answered(status, request.code, rows, seconds)
        for note in self._notes:
            note.answered(request, status, sent, seconds, rows)

    def reopen(self) -> None:
        """Open the access log anew by its name (SIGHUP)."""
        if self.log is not None:
            self.log.reopen()

    def close(self) -> None:
        """Write and send what is there."""
        for each in (self.log, self.tracing):
            if each is not None:
                each.close()
