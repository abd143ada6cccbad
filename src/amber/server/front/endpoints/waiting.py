"""Requests that wait, in lines: one line for each form of the model and set of outputs, because a run has one of each.

Lines take turns, so that many requests of one kind do not keep another kind waiting.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator

import msgspec

from amber.server.exchange import Asked, Failure
from amber.server.front.endpoints.lanes import Done, Outcome
from amber.server.interface import Route

_NEVER = float("inf")
_LOG = logging.getLogger("amber.server")


class Waiting(msgspec.Struct, eq=False):
    """One request on its way through the queue; `done` is called once, or never after `cancel`.

    Attributes:
        deadline: In time of the loop.
        over: Answered, or nobody waits for it any more.
        alone: Repeated by itself, because a worker died of a batch that it was in.
    """

    asked: Asked
    done: Done
    deadline: float
    over: bool = False
    alone: bool = False

    def cancel(self) -> None:
        """Forget the request: its client is gone. It is not sent where it has not been yet."""
        self.over = True

    def finish(self, outcome: Outcome) -> None:
        """Answer, unless that is over."""
        if self.over:
            return
        self.over = True
        try:
            self.done(self.asked, outcome)
        except Exception:  # the others of a batch get their answers whatever happens to one
            _LOG.exception("an answer could not be handed over")


class Line:
    """Requests that may share a run, or that are at least asked alike; in the order they came."""

    __slots__ = ("most_rows", "outputs", "requests", "route", "rows", "shared")

    def __init__(self, route: Route, outputs: tuple[int, ...], shared: bool, most_rows: int) -> None:
        self.route, self.outputs, self.shared, self.most_rows = route, outputs, shared, most_rows
        self.requests: deque[Waiting] = deque()
        self.rows = 0


class Lines:
    """All that waits for one version. `rows` and `requests` count it, with those whose client has gone since."""

    def __init__(self) -> None:
        self.rows = 0
        self.requests = 0
        self._turns: deque[Line] = deque()  # lines in which somebody waits
        self._alone: deque[tuple[Line, Waiting]] = deque()  # go before the others: they have waited once already

    def __bool__(self) -> bool:
        return bool(self._turns or self._alone)

    def __iter__(self) -> Iterator[Waiting]:
        for _, each in self._alone:
            yield each
        for line in self._turns:
            yield from line.requests

    def add(self, line: Line, waiting: Waiting) -> None:
        """Put a request at the end of its line."""
        if not line.requests:
            self._turns.append(line)
        rows = waiting.asked.rows
        line.requests.append(waiting)
        line.rows += rows
        self.rows += rows
        self.requests += 1

    def repeat(self, line: Line, waiting: Waiting) -> None:
        """Have a request sent by itself, before the others."""
        waiting.alone = True
        self._alone.append((line, waiting))
        self.rows += waiting.asked.rows
        self.requests += 1

    def give_back(self, line: Line, batch: list[Waiting]) -> None:
        """Put requests that a batch had no room for at the head of their line."""
        if batch and not line.requests:
            self._turns.appendleft(line)
        for waiting in reversed(batch):
            line.requests.appendleft(waiting)
            line.rows += waiting.asked.rows
            self.rows += waiting.asked.rows
            self.requests += 1

    def take(self, now: float, share: Callable[[Line], int]) -> tuple[Line, list[Waiting]] | None:
        """Take the next batch out; None where nobody waits.

        Args:
            now: Requests with a deadline before are answered 504 and not taken.
            share: Rows that a batch of this line takes at most; a larger request goes by itself.
        """
        while self._alone:
            line, waiting = self._alone.popleft()
            self._leave(waiting)
            if self._wanted(waiting, now):
                return line, [waiting]
        while self._turns:
            line = self._turns.popleft()
            taken = self._fill(line, now, share(line))
            if line.requests:
                self._turns.append(line)
            if taken:
                return line, taken
        return None

    def sweep(self, now: float) -> float:
        """Answer what waits beyond its deadline; return the next deadline of those that wait on."""
        for each in self:
            self._wanted(each, now)
        return min((each.deadline for each in self if not each.over), default=_NEVER)

    def purge(self) -> None:
        """Drop requests that nobody waits for any more."""
        self._alone = deque(pair for pair in self._alone if not pair[1].over)
        for line in self._turns:
            line.requests = deque(each for each in line.requests if not each.over)
            line.rows = sum(each.asked.rows for each in line.requests)
        self._turns = deque(line for line in self._turns if line.requests)
        self.requests = sum(1 for _ in self)
        self.rows = sum(each.asked.rows for each in self)

    def fail(self, failure: Callable[[], Failure]) -> None:
        """Answer everything that waits with a failure."""
        everyone = list(self)
        for line in self._turns:
            line.requests.clear()
            line.rows = 0
        self._turns.clear()
        self._alone.clear()
        self.rows = self.requests = 0
        for each in everyone:
            each.finish(failure())

    def _fill(self, line: Line, now: float, most_rows: int) -> list[Waiting]:
        requests = line.requests
        taken: list[Waiting] = []
        rows = 0
        while requests:
            first = requests[0]
            if taken and (rows + first.asked.rows > most_rows or not line.shared):
                break
            requests.popleft()
            line.rows -= first.asked.rows
            self._leave(first)
            if self._wanted(first, now):
                taken.append(first)
                rows += first.asked.rows
        return taken

    def _leave(self, waiting: Waiting) -> None:
        self.rows -= waiting.asked.rows
        self.requests -= 1

    def _wanted(self, waiting: Waiting, now: float) -> bool:
        if not waiting.over and waiting.deadline <= now:
            waiting.finish(late())
        return not waiting.over


def late() -> Failure:
    """Return what a request gets whose time is over."""
    hint = "ask again later, ask for fewer rows, or allow more time"
    return Failure(504, "deadline-exceeded", "the answer did not come within the time allowed", hint=hint)


def poisoned() -> Failure:
    """Return what the request gets that the process which ran it, and nothing else, did not survive."""
    hint = "do not send the same rows again; tell who runs the server, the log names the request"
    return Failure(500, "worker-died", "the process that ran this request ended without an answer", hint=hint)
