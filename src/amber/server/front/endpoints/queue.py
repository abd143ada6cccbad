"""The queue of one version: whatever has arrived goes together to the first worker that is free.

A lone request goes at the end of the turn of the loop in which it came. Where several came in one turn they share a
batch with those of the next: a run costs the same for a few rows more, and the next turn begins at once. While every
worker runs, what arrives gathers. Plain callbacks: nothing here waits or copies rows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace

from amber.server.exchange import Asked, Failure
from amber.server.front.endpoints.bounds import Bounds
from amber.server.front.endpoints.fallback import Fallback
from amber.server.front.endpoints.lanes import Clock, Done, Lane, Outcome, Ticket, Timer
from amber.server.front.endpoints.rate import Rate
from amber.server.front.endpoints.sliced import Sliced
from amber.server.front.endpoints.slot import NEVER, Slot
from amber.server.front.endpoints.unfit import not_served, too_large, unsendable
from amber.server.front.endpoints.waiting import Line, Lines, Waiting, late, poisoned
from amber.server.interface import Interface, Route

_LOG = logging.getLogger("amber.server")
_LINES = 1024  # remembered; a client chooses the sets of outputs
_SPLIT_SECONDS = 0.002  # a run expected to take longer is shared between workers that have nothing to do
_GRAIN = 0.02  # seconds between two looks at everything that waits
_SIZES = 16  # counters of batch sizes: 1, 2, 4 ... 2^15 requests


class Queue:
    """Takes requests, makes batches of them, gives each request its outcome.

    Args:
        interface: Of the version.
        bounds: Its limits.
        clock: The event loop, or what stands for one.
        routes: Forms of the model that may be asked; for the others `refusals` says why not.

    Attributes:
        refusal: Set while no new request is taken: why. What has begun goes on until `fail`.
        on_probe: Called with what a probe found: None, or the failure.
        on_empty: Called whenever the last request has been answered.
        batches, batched: Runs begun, and requests in them. `sizes`: runs by size, as powers of two.
    """

    def __init__(
        self,
        interface: Interface,
        bounds: Bounds,
        clock: Clock,
        routes: Iterable[Route] = (),
        refusals: dict[Route, Failure] | None = None,
    ) -> None:
        self.interface, self.bounds = interface, bounds
        self.routes = frozenset(routes) or frozenset({interface.route})
        self._route = interface.route
        self._falls_back = bounds.fallback and "original" in self.routes
        self.refusal: Failure | None = None
        self.on_probe: Callable[[Lane, Failure | None], None] = lambda lane, failure: None
        self.on_empty: Callable[[], None] = lambda: None
        self.batches = self.batched = self.rows_answered = self.repeats = 0
        self.sizes = [0] * _SIZES
        self._refusals = refusals or {}
        self._failed: Failure | None = None
        self._clock = clock
        self._slots: dict[Lane, Slot] = {}
        self._idle: list[Slot] = []
        self._lines: dict[tuple[Route, tuple[int, ...]], Line] = {}
        self._waiting = Lines()
        self._planned = False
        self._rate = Rate(clock.time())
        self._soonest = NEVER  # no deadline is before
        self._timer: Timer | None = None
        self._purge_again = clock.time()
        self._running = 0

    @property
    def depth(self) -> int:
        """Requests that wait."""
        return self._waiting.requests

    @property
    def depth_rows(self) -> int:
        """Rows that wait."""
        return self._waiting.rows

    @property
    def empty(self) -> bool:
        """Whether nobody waits for anything."""
        return not self._running and not self._waiting

    @property
    def lanes(self) -> int:
        """Workers there are."""
        return len(self._slots)

    def submit(self, asked: Asked, done: Done, deadline: float | None = None) -> Ticket:
        """Ask; `done` is called once with the request and its outcome, in a later turn of the loop.

        Args:
            asked: The request; at least one row.
            done: Takes the outcome. Not called after `cancel` of what is returned.
            deadline: In time of the loop; beyond it the outcome is 504.

        Raises:
            Failure: 503: not ready, or this form is not served. 429: too much waits. 413: rows that must share a run
            do not fit one. 500: the outputs are not the model's.
        """
        if self.refusal is not None:
            raise replace(self.refusal)
        until = NEVER if deadline is None else deadline
        if self._is_full(asked.rows):
            self._refuse_more(asked.rows)
        if self._falls_back and asked.route is None:
            asked.route = self.interface.route
            if asked.route == "program":
                return Fallback(self._submit, done, until).ask(asked)
        return self._submit(asked, done, until)

    def _submit(self, asked: Asked, done: Done, deadline: float) -> Ticket:
        key = (asked.route or self._route, asked.outputs)
        line = self._lines.get(key) or self._new_line(*key)
        if asked.rows > line.most_rows:
            return self._sliced(asked, done, deadline, line)
        return self._add(line, Waiting(asked, done, deadline))

    def _add(self, line: Line, waiting: Waiting) -> Waiting:
        if self._failed is not None:
            raise replace(self._failed)
        self._waiting.add(line, waiting)
        if waiting.deadline < self._soonest:
            self._watch(waiting.deadline)
        if self._idle and not self._planned:
            self._planned = True
            self._clock.call_soon(self._plan)
        return waiting

    def _new_line(self, route: Route, places: tuple[int, ...]) -> Line:
        if route not in self.routes:
            raise replace(self._refusals.get(route) or not_served(route))
        if len(self._lines) >= _LINES:
            self._lines = {key: line for key, line in self._lines.items() if line.requests}
        outputs = [self.interface.outputs[place] for place in places]
        shared = self.bounds.shares(outputs, route)
        line = Line(route, places, shared, self.bounds.rows_that_fit(self.interface, places))
        self._lines[route, places] = line
        return line

    def _is_full(self, rows: int) -> bool:
        """Whether more rows would be too many; a request larger than the whole queue is taken where nobody waits."""
        lines, bounds = self._waiting, self.bounds
        if lines.requests < bounds.requests and lines.rows + rows <= bounds.rows:
            return False
        return lines.requests > 0

    def _refuse_more(self, rows: int) -> None:
        """Refuse what would make too much wait, once those whose clients have gone are out of the way."""
        lines, now = self._waiting, self._clock.time()
        if now >= self._purge_again:
            self._purge_again = now + _GRAIN
            lines.purge()
            if not self._is_full(rows):
                return
        after = self._rate.wait(lines.rows)
        message = f"{lines.requests} requests with {lines.rows} rows wait already"
        hint = f"ask again in {after} s, with fewer connections, or serve with more --workers"
        raise Failure(429, "queue-full", message, hint=hint, retry_after=float(after))

    def _sliced(self, asked: Asked, done: Done, deadline: float, line: Line) -> Ticket:
        if not line.shared:
            raise too_large(asked, line.most_rows)

        def ask(part: Asked, answered: Done) -> Ticket:
            return self._add(line, Waiting(part, answered, deadline))

        sliced = Sliced(asked, line.most_rows, done, ask)
        sliced.next()
        return sliced

    # Workers

    def add(self, lane: Lane) -> None:
        """Take a worker that is ready."""
        slot = self._slots[lane] = Slot(lane, self._clock.time())
        self._free(slot)

    def answered(self, lane: Lane, outcomes: list[Outcome]) -> None:
        """Take what a worker answered: one outcome for each part, in order."""
        slot = self._slots.get(lane)
        if slot is None or slot.line is None:
            return  # it was given up before
        batch, now = self._ended(slot), self._clock.time()
        rows = sum(each.asked.rows for each in batch)
        self._rate.ran(rows, now - slot.sent, now)
        self.rows_answered += rows
        self._free(slot)  # the next batch goes before these answers are written: the worker need not wait for that
        for waiting, outcome in zip(batch, outcomes, strict=True):
            waiting.finish(outcome)
        self._tell_empty()

    def probed(self, lane: Lane, failure: Failure | None) -> None:
        """Take what a probe found."""
        slot = self._slots.get(lane)
        if slot is None or not slot.probing:
            return
        slot.probed = self._clock.time()
        self._ended(slot)
        if failure is None:
            self._free(slot)
        self.on_probe(lane, failure)

    def out_of_reach(self, lane: Lane) -> None:
        """Give a worker nothing more; `lost` follows when it is known whether it ended alone."""
        slot = self._slots.get(lane)
        if slot in self._idle:
            self._idle.remove(slot)

    def lost(self, lane: Lane, begun: bool = True) -> None:
        """Take that a worker is gone. What it ran is repeated request by request; one that was alone is the reason.

        Args:
            lane: The worker's.
            begun: False: it had surely not begun what it was sent last, so that no request is the reason.
        """
        slot = self._slots.pop(lane, None)
        if slot is None:
            return
        if slot in self._idle:
            self._idle.remove(slot)
        line, batch = slot.line, self._ended(slot)
        if line is None or all(each.over for each in batch):
            self._tell_empty()
            return
        if len(batch) == 1 and not begun and not batch[0].alone:  # once: what a worker noted is not believed for ever
            self.repeats += 1
            self._waiting.repeat(line, batch[0])
        else:
            self._blame(line, batch, poisoned)
        self._turn()
        self._tell_empty()

    def _blame(self, line: Line, batch: list[Waiting], failure: Callable[[], Failure]) -> None:
        """Repeat the requests of a batch one by one; one that was alone has been found out."""
        wanted = [each for each in batch if not each.over]
        if len(batch) == 1:
            for each in wanted:
                each.finish(failure())
            return
        self.repeats += len(wanted)
        for each in wanted:
            self._waiting.repeat(line, each)

    def fail(self, failure: Failure) -> None:
        """Take no more requests, and answer all that wait or run with a failure; workers are forgotten."""
        self.refusal = self._failed = failure
        batches = [self._ended(slot) for slot in self._slots.values()]
        self._slots.clear()
        self._idle.clear()
        self._waiting.fail(lambda: replace(failure))
        for batch in batches:
            for waiting in batch:
                waiting.finish(replace(failure))
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._soonest = None, NEVER
        self._tell_empty()

    def probe(self, every: float) -> None:
        """Have each worker replay a few cases that has not done so for `every` seconds.

        One that has nothing to do does it at once; a busy one before its next batch, when twice the time is over.
        """
        now = self._clock.time()
        for slot in list(self._slots.values()):
            since = now - slot.probed
            if slot.probing or since < every:
                continue
            if slot in self._idle:
                self._idle.remove(slot)
                self._probe(slot)
            elif since >= 2 * every:
                slot.forced = True

    # Batches

    def _plan(self) -> None:
        """Send a lone request; where several came in this turn more may be there already: look once."""
        if self._waiting.requests > 1:
            self._clock.call_soon(self._turn)
        else:
            self._turn()

    def _turn(self) -> None:
        """Give what waits to the workers that are free."""
        self._planned = False
        while self._idle and self._waiting:
            if not self._send(self._idle[-1]):
                return

    def _send(self, slot: Slot) -> bool:
        """Give a free worker the next batch; False where nobody waits."""
        now = self._clock.time()
        taken = self._waiting.take(now, self._share)
        if taken is None:
            self._tell_empty()
            return False
        line, batch = taken
        try:
            count = slot.lane.send([each.asked for each in batch], line.outputs, line.route)
        except Exception:
            _LOG.exception("a batch could not be written")
            self._blame(line, batch, unsendable)
            return True
        if count < len(batch):
            self._waiting.give_back(line, batch[max(count, 1) :])
            if not count:
                batch[0].finish(too_large(batch[0].asked, line.most_rows))
                return True
            del batch[count:]
        self._idle.remove(slot)
        self._started(slot, line, batch, now)
        return True

    def _started(self, slot: Slot, line: Line, batch: list[Waiting], now: float) -> None:
        slot.line, slot.batch, slot.sent = line, batch, now
        slot.limit = max(each.deadline for each in batch)
        if slot.limit == NEVER:
            slot.limit = now + self.bounds.request_seconds
        if slot.limit < self._soonest:
            self._watch(slot.limit)
        self._running += 1
        self.batches += 1
        self.batched += len(batch)
        self.sizes[min(len(batch).bit_length() - 1, _SIZES - 1)] += 1

    def _share(self, line: Line) -> int:
        """Rows of a batch of this line at most: all, unless that takes long and other workers have nothing to do."""
        if len(self._idle) > 1 and line.rows * self._rate.per_row > _SPLIT_SECONDS:
            return min(line.most_rows, -(-line.rows // len(self._idle)))
        return line.most_rows

    def _probe(self, slot: Slot) -> None:
        slot.probing, slot.forced = True, False
        slot.limit = self._clock.time() + self.bounds.request_seconds
        self._watch(min(self._soonest, slot.limit))
        slot.lane.probe()

    def _free(self, slot: Slot) -> None:
        """Have a worker take the next batch."""
        if slot.forced:
            self._probe(slot)
            return
        self._idle.append(slot)
        if self._waiting:
            self._turn()

    def _ended(self, slot: Slot) -> list[Waiting]:
        batch, slot.batch = slot.batch, []
        if slot.line is not None:
            self._running -= 1
        slot.line, slot.limit, slot.probing = None, NEVER, False
        return batch

    def _tell_empty(self) -> None:
        if self.empty:
            self.on_empty()

    # Deadlines

    def _watch(self, when: float) -> None:
        """Look at the deadlines at a time: one timer for all of them, set anew only for an earlier one."""
        if self._timer is not None:
            self._timer.cancel()
        self._soonest = when
        self._timer = self._clock.call_at(when, self._look)

    def _look(self) -> None:
        self._timer, self._soonest = None, NEVER
        now = self._clock.time()
        soonest = self._waiting.sweep(now)
        for slot in list(self._slots.values()):
            for each in slot.batch:
                if each.deadline <= now:
                    each.finish(late())
                elif not each.over:
                    soonest = min(soonest, each.deadline)
            if slot.limit <= now:
                self._give_up(slot)
            else:
                soonest = min(soonest, slot.limit)
        soonest = max(soonest, now + _GRAIN)
        if soonest < self._soonest:  # what was answered above may have asked anew
            self._watch(soonest)

    def _give_up(self, slot: Slot) -> None:
        """End a worker whose run nobody waits for any longer; `lost` will find nothing to repeat."""
        slot.limit = NEVER
        for each in slot.batch:
            each.finish(late())
        slot.lane.kill()
