"""One request to the program, and to the original where a row is outside the program's domain: where that is wished."""

from __future__ import annotations

from collections.abc import Callable

from amber.server.exchange import Answered, Asked, Failure
from amber.server.front.endpoints.lanes import Done, Outcome, Ticket

_OUTSIDE = "outside-domain"


class Fallback:
    """Asks twice at most. All rows of a request are answered by one form of the model.

    Args:
        submit: Queues a request, with who takes its outcome and its deadline.
        done: Takes the outcome.
        deadline: Of both.
    """

    def __init__(self, submit: Callable[[Asked, Done, float], Ticket], done: Done, deadline: float) -> None:
        self._submit, self._done, self._deadline = submit, done, deadline
        self._over = False
        self._ticket: Ticket | None = None

    def ask(self, asked: Asked) -> Fallback:
        """Ask the program.

        Raises:
            Failure: It cannot be queued.
        """
        self._ticket = self._submit(asked, self._answered, self._deadline)
        return self

    def cancel(self) -> None:
        """Forget the request: its client is gone."""
        self._over = True
        if self._ticket is not None:
            self._ticket.cancel()

    def _answered(self, asked: Asked, outcome: Outcome) -> None:
        if self._over:
            return
        if isinstance(outcome, Answered) or outcome.code != _OUTSIDE:
            self._done(asked, outcome)
            return
        asked.route = "original"
        try:
            self._ticket = self._submit(asked, self._done, self._deadline)
        except Failure as failure:
            self._done(asked, failure)
