"""One request with more rows than a run takes: asked in slices, one after the other, and answered as one.

The next slice is asked when the last is answered, so a large request never stands before more than one run of others.
"""

from __future__ import annotations

from collections.abc import Callable

from amber.server.exchange import Answered, Asked, Failure
from amber.server.front.endpoints.lanes import Done, Outcome, Ticket
from amber.server.slices import cut, joined, placed


class Sliced:
    """Asks the slices of one request and joins what comes back.

    Args:
        asked: The request.
        rows: Of a slice at most.
        done: Gets the request and the whole answer, or the first failure with its row in the whole request.
        ask: Asks one slice: with who takes its outcome.
    """

    def __init__(self, asked: Asked, rows: int, done: Done, ask: Callable[[Asked, Done], Ticket]) -> None:
        self._asked, self._size, self._done, self._ask = asked, rows, done, ask
        self._begin = 0
        self._found: list[Answered] = []
        self._ticket: Ticket | None = None

    def next(self) -> None:
        """Ask the next slice."""
        part = cut(self._asked, self._begin, min(self._begin + self._size, self._asked.rows))
        self._ticket = self._ask(part, self._answered)

    def cancel(self) -> None:
        """Forget the request: its client is gone."""
        if self._ticket is not None:
            self._ticket.cancel()

    def _answered(self, part: Asked, outcome: Outcome) -> None:
        """Take what one slice got: ask for the next one, or answer."""
        if isinstance(outcome, Failure):
            self._done(self._asked, placed(outcome, self._begin))
            return
        self._found.append(outcome)
        self._begin += part.rows
        if self._begin == self._asked.rows:
            self._done(self._asked, Answered(self._asked.rows, joined(self._found)))
            return
        try:
            self.next()
        except Failure as failure:
            self._done(self._asked, failure)
