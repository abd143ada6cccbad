"""The world of a queue and of versions, simulated: a clock that tests move, workers and loaders that do as told."""

from __future__ import annotations

import asyncio
import heapq
import os
import selectors
import tempfile
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

import msgspec

from amber.server.exchange import Answered, Asked, Failure
from amber.server.front.endpoints.lanes import Outcome
from amber.server.front.endpoints.process import LoadError
from amber.server.front.endpoints.queue import Queue
from amber.server.interface import Batching, Input, Interface, Output, Route
from amber.server.wire.control import Order, Ready, Refused


class Timer:
    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.callback, self.args, self.cancelled = callback, args, False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """Time stands still unless `advance` moves it; `turn` ends a turn of the loop."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, int, Timer]] = []
        self.soon: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
        self._count = 0

    def time(self) -> float:
        return self.now

    def call_soon(self, callback: Callable[..., object], *args: Any) -> None:
        self.soon.append((callback, args))

    def call_at(self, when: float, callback: Callable[..., object], *args: Any) -> Timer:
        self._count += 1
        timer = Timer(callback, args)
        heapq.heappush(self.timers, (when, self._count, timer))
        return timer

    def turn(self) -> None:
        """One turn of the loop, and the next: the queue looks once more where several requests came."""
        self.single_turn()
        self.single_turn()

    def single_turn(self) -> None:
        soon, self.soon = self.soon, []
        for callback, args in soon:
            callback(*args)

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while self.timers and self.timers[0][0] <= end:
            when, _, timer = heapq.heappop(self.timers)
            self.now = max(self.now, when)
            if not timer.cancelled:
                timer.callback(*timer.args)
            self.turn()
        self.now = end


class SimulatedLane:
    """A worker that notes what it is sent and answers when a test says so."""

    def __init__(self, queue: Queue, fits: int = 1 << 30) -> None:
        self.queue, self.fits = queue, fits
        self.sent: list[tuple[list[Asked], tuple[int, ...], Route]] = []
        self.probes = self.kills = 0

    def send(self, parts: Sequence[Asked], outputs: tuple[int, ...], route: Route) -> int:
        count = min(len(parts), self.fits)
        if count:
            self.sent.append((list(parts[:count]), outputs, route))
        return count

    def probe(self) -> None:
        self.probes += 1

    def kill(self) -> None:
        self.kills += 1

    def answer(self, failed: dict[int, Failure] | None = None) -> None:
        parts, outputs, _ = self.sent[-1]
        self.queue.answered(
            self,
            [
                (failed or {}).get(place) or Answered(part.rows, [bytes(part.numbers) for _ in outputs])
                for place, part in enumerate(parts)
            ],
        )


class Caller:
    """Asks a queue and notes what comes back."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.outcomes: dict[str, Outcome] = {}

    def ask(self, name: str, rows: int = 1, deadline: float | None = None, **changed: Any) -> Any:
        asked = Asked(rows, bytes(range(8)) * rows, outputs=(0,), id=name)
        for key, value in changed.items():
            setattr(asked, key, value)
        return self.queue.submit(asked, self._done, deadline)

    def _done(self, asked: Asked, outcome: Outcome) -> None:
        assert asked.id is not None
        assert asked.id not in self.outcomes, "answered twice"
        self.outcomes[asked.id] = outcome

    def status(self, name: str) -> int | None:
        """The HTTP status that a request got; 200: answered; None: nothing yet."""
        outcome = self.outcomes.get(name)
        return None if outcome is None else 200 if isinstance(outcome, Answered) else outcome.status


def interface(
    name: str = "m",
    version: str = "1",
    batching: Batching = "tolerant",
    verdicts: dict[Route, str] | None = None,
) -> Interface:
    shared: dict[Route, Batching] = {"program": batching, "original": batching}
    outputs = [
        Output(method="predict", name=each, datatype="FP64", dtype="float64", cell="float", batching=shared)
        for each in ("a", "b")
    ]
    return Interface(
        name=name,
        version=version,
        id="0" * 64,
        route="program",
        form="matrix",
        inputs=[Input(name="x", datatype="FP64", dtype="float64", cell="float")],
        outputs=outputs,
        default=[0],
        verdicts=verdicts or {"program": "equivalent"},
    )


class _Jumping(selectors.SelectSelector):
    """Does not wait: the loop's time jumps to its next timer."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if not found and timeout:
            self.now += timeout
        return found


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """At once: threads know nothing of simulated time."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except BaseException as error:
            future.set_exception(error)
        return future


def simulated(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run a coroutine in a loop whose hours pass at once."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(work())


class SimulatedRunner:
    """A loader with one worker, as `host.Runner`."""

    def __init__(self, world: World, order: Order, artifact: int) -> None:
        self.world, self.order = world, order
        self.script = world.scripts.get(_first_line(artifact), {})
        self.on_end: Callable[[str], None] = lambda reason: None
        self.deaths = 0
        self.stopped = False
        self.lanes: list[SimulatedLane] = []
        self.pids = [world.next_pid()]

    async def load(self) -> Ready:
        for _ in range(round(10 * self.script.get("seconds", 1.0))):
            await asyncio.sleep(0.1)
            if self.stopped:
                raise LoadError(Refused(code="load-stopped", message="it was ended"))
        if self.world.refused_routes & set(self.order.routes):
            raise LoadError(Refused(code="program-missing", message="there is no such form"))
        if "refused" in self.script:
            raise LoadError(Refused(code=self.script["refused"], message="not good enough"))
        version = self.order.version or self.script.get("version", "1")
        made = interface(self.order.name or self.script.get("name", "m"), version, verdicts=self.script.get("verdicts"))
        return Ready(interface=msgspec.structs.replace(made, **self.script.get("interface", {})), cases=7)

    async def serve(self, queue: Queue) -> None:
        lane = SimulatedLane(queue)
        self.lanes.append(lane)
        queue.add(lane)

    def bulk(self, number: int, ended: Any) -> Any:
        raise AssertionError("no large body is sent to simulated loaders")

    async def stop(self) -> None:
        self.stopped = True

    def answer(self, failed: Failure | None = None) -> None:
        """Have the worker answer what it runs: with values, or all with one failure."""
        lane = self.lanes[-1]
        parts = lane.sent[-1][0]
        lane.answer(None if failed is None else dict.fromkeys(range(len(parts)), failed))


class World:
    """Artifacts are files whose first line names a script: what a loader of them does."""

    def __init__(self) -> None:
        self.scripts: dict[str, dict[str, Any]] = {}
        self.runners: list[SimulatedRunner] = []
        self.events: list[Any] = []
        self.refused_routes: set[str] = set()
        self._pid = 1_000_000_000

    def launch(self, order: Order, artifact: int) -> SimulatedRunner:
        self.runners.append(SimulatedRunner(self, order, artifact))
        return self.runners[-1]

    def next_pid(self) -> int:
        self._pid += 1
        return self._pid

    def measure(self, pids: Iterable[int]) -> int:
        """Each process takes what its artifact's script says."""
        by_pid = {runner.pids[0]: runner.script.get("pss", 0) for runner in self.runners if not runner.stopped}
        return sum(by_pid.get(pid, 0) for pid in pids)

    @staticmethod
    def copy(path: str, most: int | None, follow: bool) -> int:
        with tempfile.TemporaryFile() as file, open(path, "rb") as source:
            file.write(source.read())
            return os.dup(file.fileno())


def _first_line(artifact: int) -> str:
    return os.pread(artifact, 100, 0).decode().partition("\n")[0]
