"""How much may wait and run at once, and which requests may share a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amber.server.interface import Interface, Output, Route
from amber.server.settings import Settings
from amber.server.slices import separable

_HEAD = 64  # bytes of a batch beside its rows


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of one queue.

    Attributes:
        rows: Rows that wait at most.
        requests: Requests that wait at most.
        batch_rows: Rows of one run at most.
        batch_bytes: Bytes of one run at most, each way.
        sharing: The least that the cases must have shown of an output for requests to share a run; `none`: all do.
        fallback: Whether rows outside the program's domain go to the original.
        request_seconds: How long a run may take that nobody set a deadline for.
    """

    rows: int = 16384
    requests: int = 4096
    batch_rows: int = 4096
    batch_bytes: int = 4 << 20
    sharing: str = "tolerant"
    fallback: bool = False
    request_seconds: float = 30.0

    @classmethod
    def of(cls, settings: Settings, sharing: str | None = None) -> Bounds:
        """Return the limits that a server's settings give; `sharing` is the model's own wish.

        A model's wish narrows: `exact` shares only where no bit can change, `none` shares nothing at all.
        """
        least = "exact" if settings.exact or sharing == "exact" else "tolerant"
        return cls(
            rows=settings.queue_rows,
            requests=settings.queue_requests,
            batch_rows=settings.batch_rows,
            batch_bytes=settings.batch_bytes,
            sharing="never" if sharing == "none" else least,
            fallback=settings.route_fallback,
            request_seconds=settings.request_seconds,
        )

    def shares(self, outputs: Sequence[Output], route: Route) -> bool:
        """Whether requests for these outputs may share a run: the cases showed that rows do not see each other."""
        return separable(outputs, route, self.sharing)

    def rows_that_fit(self, interface: Interface, outputs: Sequence[int]) -> int:
        """Return how many rows of one run fit the worker's region for numbers, both ways; at least 1."""
        asked = interface.cells + 1  # one for the table of parts
        given = sum(interface.outputs[place].width for place in outputs)
        room = self.batch_bytes - _HEAD
        return max(1, min(self.batch_rows, room // (8 * asked), room // (8 * max(given, 1))))
