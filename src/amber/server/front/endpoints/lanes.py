"""What a queue needs of a worker, a clock and a caller: written down once, so that tests can simulate them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from amber.server.exchange import Answered, Asked, Failure
from amber.server.interface import Route

Outcome: TypeAlias = "Answered | Failure"
Done: TypeAlias = Callable[[Asked, Outcome], None]


class Ticket(Protocol):
    """What a caller holds of a request that it asked."""

    def cancel(self) -> None:
        """Forget the request: its client is gone. `done` is not called any more."""


class Lane(Protocol):
    """One worker: it takes one batch at a time and answers, or it is lost.

    What it answers goes to `Queue.answered` or `Queue.probed`, that it is gone to `Queue.lost`, never from inside
    `send` or `probe`.
    """

    def send(self, parts: Sequence[Asked], outputs: tuple[int, ...], route: Route) -> int:
        """Give the worker a batch of the first parts, as many as fit; return how many.

        The outputs are the same for every part. 0: the first part alone is too large, and nothing was sent.
        """

    def probe(self) -> None:
        """Have the worker replay a few cases of every form that it serves."""

    def kill(self) -> None:
        """End the worker at once; `lost` follows."""


class Timer(Protocol):
    """What `call_at` gives back."""

    def cancel(self) -> None:
        """Have it not happen."""


class Clock(Protocol):
    """The part of an event loop that a queue uses."""

    def time(self) -> float:
        """Seconds, never going back."""

    def call_soon(self, callback: Callable[..., object], *args: Any) -> object:
        """Call when everything of this turn of the loop is done."""

    def call_at(self, when: float, callback: Callable[..., object], *args: Any) -> Timer:
        """Call at a time."""
