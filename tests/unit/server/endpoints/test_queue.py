"""The queue against simulated workers: who shares a run, who waits, who is refused, who is answered what."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amber.server.exchange import Answered, Asked, Failure
from amber.server.front.endpoints.bounds import Bounds
from amber.server.front.endpoints.queue import Queue
from amber.server.interface import Route
from tests.unit.server.endpoints.world import Caller, Clock, SimulatedLane, interface


def _queue(lanes: int = 1, bounds: Bounds | None = None, **changed: object) -> tuple[Clock, Queue, Caller, list]:
    clock = Clock()
    queue = Queue(interface(**changed), bounds or Bounds(), clock)
    workers = [SimulatedLane(queue) for _ in range(lanes)]
    for lane in workers:
        queue.add(lane)
    return clock, queue, Caller(queue), workers


def _ids(lane: SimulatedLane) -> list[list[str]]:
    return [[part.id for part in parts] for parts, _, _ in lane.sent]


def test_a_lone_request_goes_at_the_end_of_its_turn() -> None:
    clock, _, caller, (lane,) = _queue()
    caller.ask("a")
    assert lane.sent == []
    clock.single_turn()
    assert _ids(lane) == [["a"]]
    lane.answer()
    assert caller.status("a") == 200


def test_where_several_came_in_one_turn_those_of_the_next_go_with_them() -> None:
    clock, _, caller, (lane,) = _queue()
    for name in "ab":
        caller.ask(name)
    clock.single_turn()
    assert lane.sent == []
    caller.ask("c")
    clock.single_turn()
    assert _ids(lane) == [["a", "b", "c"]]


def test_requests_of_one_turn_share_a_batch_and_later_ones_gather_while_it_runs() -> None:
    clock, _, caller, (lane,) = _queue()
    for name in "abc":
        caller.ask(name)
    clock.turn()
    for name in "de":
        caller.ask(name)
        clock.turn()
    assert _ids(lane) == [["a", "b", "c"]]
    lane.answer()
    assert _ids(lane) == [["a", "b", "c"], ["d", "e"]]


def test_the_next_batch_is_sent_before_the_answers_of_the_last_are_handed_over() -> None:
    clock, queue, _, (lane,) = _queue()
    sent_when_answered: list[int] = []
    for _ in range(2):
        queue.submit(Asked(1, bytes(8), outputs=(0,)), lambda asked, outcome: sent_when_answered.append(len(lane.sent)))
        clock.turn()
    lane.answer()
    assert sent_when_answered == [2]


def test_different_outputs_do_not_share_a_run_and_take_turns() -> None:
    clock, _, caller, (lane,) = _queue(bounds=Bounds(batch_rows=2))
    caller.ask("first")
    clock.turn()
    for place in range(4):
        caller.ask(f"a{place}")
    caller.ask("b", outputs=(1,))
    for _ in range(4):
        lane.answer()
    assert _ids(lane) == [["first"], ["a0", "a1"], ["b"], ["a2", "a3"]]
    assert [outputs for _, outputs, _ in lane.sent] == [(0,), (0,), (1,), (0,)]


@pytest.mark.parametrize(
    ("batching", "sharing", "together"),
    [
        ("exact", "tolerant", True),
        ("tolerant", "tolerant", True),
        ("none", "tolerant", False),
        ("exact", "exact", True),
        ("tolerant", "exact", False),
        ("exact", "never", False),
    ],
)
def test_only_rows_that_were_shown_to_be_independent_share_a_run(batching: str, sharing: str, together: bool) -> None:
    clock, _, caller, (lane,) = _queue(bounds=Bounds(sharing=sharing), batching=batching)
    caller.ask("a")
    caller.ask("b")
    clock.turn()
    assert _ids(lane) == ([["a", "b"]] if together else [["a"]])


def test_an_output_without_a_record_of_its_batching_is_never_shared() -> None:
    made = interface()
    bare = [type(made.outputs[0])(method="p", name="a", datatype="FP64", dtype="float64", cell="float")]
    assert not Bounds().shares(bare, "program")


def test_too_many_requests_or_rows_get_429_with_a_time_to_wait() -> None:
    clock, queue, caller, (lane,) = _queue(bounds=Bounds(requests=2, rows=100))
    caller.ask("running")
    clock.turn()
    caller.ask("a")
    with pytest.raises(Failure) as rows:
        caller.ask("many", rows=100)
    caller.ask("b")
    with pytest.raises(Failure) as requests:
        caller.ask("c")
    assert (rows.value.status, requests.value.status) == (429, 429)
    assert requests.value.retry_after == 1.0
    lane.answer()
    clock.advance(0)
    assert queue.depth == 0
    caller.ask("c")
    assert queue.depth == 1


def test_requests_of_clients_that_have_gone_take_no_room() -> None:
    clock, queue, caller, (lane,) = _queue(bounds=Bounds(requests=3))
    caller.ask("running")
    clock.turn()
    tickets = [caller.ask(name) for name in "abc"]
    tickets[0].cancel()
    tickets[2].cancel()
    caller.ask("d")
    assert (queue.depth, queue.depth_rows) == (2, 2)
    lane.answer()
    assert _ids(lane)[-1] == ["b", "d"]


def test_a_request_larger_than_the_whole_queue_is_taken_where_nobody_waits() -> None:
    clock, _, caller, (lane,) = _queue(bounds=Bounds(rows=10))
    caller.ask("large", rows=11)
    clock.turn()
    assert _ids(lane) == [["large"]]


def test_a_request_without_rows_is_answered() -> None:
    clock, _, caller, (lane,) = _queue()
    caller.ask("none", rows=0)
    clock.turn()
    clock.advance(2)
    lane.answer()
    assert caller.outcomes["none"] == Answered(0, [b""])


def test_retry_after_follows_the_recent_rate() -> None:
    clock, queue, caller, (lane,) = _queue(bounds=Bounds(rows=50, batch_rows=10))
    for place in range(5):
        caller.ask(f"warm{place}", rows=10)
        clock.turn()
        clock.advance(1.0)
        lane.answer()
    caller.ask("running", rows=10)
    clock.turn()
    for place in range(5):
        caller.ask(f"w{place}", rows=10)
    with pytest.raises(Failure) as refused:
        caller.ask("late")
    assert refused.value.retry_after == 5.0  # 50 rows wait, 10 are answered each second
    assert queue.depth_rows == 50


def test_a_request_past_its_deadline_gets_504_and_is_never_sent() -> None:
    clock, _, caller, (lane,) = _queue()
    caller.ask("running", deadline=clock.now + 30)
    clock.turn()
    caller.ask("short", deadline=clock.now + 1)
    caller.ask("long", deadline=clock.now + 20)
    clock.advance(2)
    assert caller.status("short") == 504
    assert caller.status("long") is None
    lane.answer()
    assert _ids(lane) == [["running"], ["long"]]


def test_a_run_beyond_the_latest_deadline_of_its_requests_kills_the_worker() -> None:
    clock, queue, caller, (lane,) = _queue()
    caller.ask("a", deadline=clock.now + 1)
    caller.ask("b", deadline=clock.now + 3)
    clock.turn()
    clock.advance(2)
    assert (caller.status("a"), caller.status("b"), lane.kills) == (504, None, 0)
    clock.advance(2)
    assert (caller.status("b"), lane.kills) == (504, 1)
    queue.lost(lane)
    assert queue.empty


def test_a_run_that_nobody_set_a_deadline_for_ends_too() -> None:
    clock, _, caller, (lane,) = _queue(bounds=Bounds(request_seconds=5))
    caller.ask("a")
    clock.turn()
    clock.advance(4.9)
    assert lane.kills == 0
    clock.advance(0.2)
    assert (lane.kills, caller.status("a")) == (1, 504)


def test_a_client_that_has_gone_is_dropped_before_it_is_sent() -> None:
    clock, queue, caller, (lane,) = _queue()
    caller.ask("running")
    clock.turn()
    ticket = caller.ask("gone")
    caller.ask("here")
    ticket.cancel()
    lane.answer()
    assert _ids(lane) == [["running"], ["here"]]
    lane.answer()
    assert caller.status("gone") is None
    assert queue.empty


def test_a_worker_that_dies_has_its_batch_repeated_one_by_one_and_the_guilty_one_gets_500() -> None:
    clock, queue, caller, (lane,) = _queue()
    for name in ("good", "guilty", "fine"):
        caller.ask(name)
    clock.turn()
    queue.lost(lane)
    assert caller.outcomes == {}
    second = SimulatedLane(queue)
    queue.add(second)
    assert _ids(second) == [["good"]]
    second.answer()
    assert _ids(second)[-1] == ["guilty"]
    queue.lost(second)
    assert caller.status("guilty") == 500
    third = SimulatedLane(queue)
    queue.add(third)
    third.answer()
    assert {name: caller.status(name) for name in caller.outcomes} == {"good": 200, "guilty": 500, "fine": 200}
    assert queue.repeats == 3


def test_a_lone_request_that_a_dead_worker_never_began_is_repeated() -> None:
    clock, queue, caller, (lane,) = _queue()
    caller.ask("a")
    clock.turn()
    queue.lost(lane, begun=False)
    second = SimulatedLane(queue)
    queue.add(second)
    second.answer()
    assert caller.status("a") == 200
    caller.ask("b")
    clock.turn()
    for _ in range(2):
        (slot,) = queue._slots.values()
        queue.lost(slot.lane, begun=False)
        queue.add(SimulatedLane(queue))
    assert caller.status("b") == 500  # once is enough


def test_a_request_that_cannot_be_written_fails_alone(caplog: pytest.LogCaptureFixture) -> None:
    clock, queue, caller, (lane,) = _queue()
    send = lane.send

    def picky(parts: Sequence[Asked], outputs: tuple[int, ...], route: Route) -> int:
        if any(part.id == "odd" for part in parts):
            raise ValueError("numbers that are no rows")
        return send(parts, outputs, route)

    lane.send = picky
    for name in ("a", "odd", "b"):
        caller.ask(name)
    clock.turn()
    while lane.sent and not queue.empty:
        lane.answer()
    assert {name: caller.status(name) for name in ["a", "odd", "b"]} == {"a": 200, "odd": 500, "b": 200}
    assert "could not be written" in caplog.text


def test_slices_go_on_while_no_new_request_is_taken_and_end_when_all_does() -> None:
    clock, queue, caller, (lane,) = _queue(bounds=Bounds(batch_rows=4))
    caller.ask("first", rows=8)
    clock.turn()
    queue.refusal = Failure(503, "model-unavailable", "it is unloaded")
    lane.answer()
    clock.turn()
    lane.answer()
    assert caller.status("first") == 200
    queue.refusal = None
    caller.ask("second", rows=8)
    clock.turn()
    queue.fail(Failure(503, "loader-died", "gone"))
    assert caller.status("second") == 503


def test_repeated_requests_go_before_those_that_came_later() -> None:
    clock, queue, caller, (lane,) = _queue()
    caller.ask("a")
    caller.ask("b")
    clock.turn()
    caller.ask("later")
    queue.lost(lane)
    second = SimulatedLane(queue)
    queue.add(second)
    second.answer()
    second.answer()
    assert _ids(second) == [["a"], ["b"], ["later"]]


def test_a_request_that_does_not_fit_a_run_is_asked_in_slices_and_answered_as_one() -> None:
    clock, _, caller, (lane,) = _queue(bounds=Bounds(batch_rows=4))
    numbers = bytes(range(80))
    caller.ask("large", rows=10, numbers=numbers)
    clock.turn()
    caller.ask("small")
    for _ in range(4):
        lane.answer()
        clock.turn()
    assert [sum(part.rows for part in parts) for parts, _, _ in lane.sent] == [4, 1, 4, 2]
    found = caller.outcomes["large"]
    assert isinstance(found, Answered)
    assert (found.rows, found.values) == (10, [numbers])


def test_a_failing_slice_names_the_row_of_the_whole_request() -> None:
    clock, _, caller, (lane,) = _queue(bounds=Bounds(batch_rows=4))
    caller.ask("large", rows=10)
    clock.turn()
    lane.answer()
    clock.turn()
    lane.answer({0: Failure(422, "input-refused", "no", row=1)})
    found = caller.outcomes["large"]
    assert isinstance(found, Failure)
    assert (found.status, found.row) == (422, 5)
    assert len(lane.sent) == 2


def test_rows_that_see_each_other_are_not_sliced() -> None:
    _, _, caller, _ = _queue(bounds=Bounds(batch_rows=4), batching="none")
    with pytest.raises(Failure) as refused:
        caller.ask("large", rows=5)
    assert refused.value.status == 413


def test_a_client_that_has_gone_stops_the_slices() -> None:
    clock, queue, caller, (lane,) = _queue(bounds=Bounds(batch_rows=4))
    ticket = caller.ask("large", rows=10)
    clock.turn()
    ticket.cancel()
    lane.answer()
    assert len(lane.sent) == 1
    assert queue.empty


def test_what_a_batch_has_no_room_for_goes_with_the_next_one_in_its_order() -> None:
    clock, queue, caller, (lane,) = _queue()
    lane.fits = 2
    for name in "abcde":
        caller.ask(name)
    clock.turn()
    lane.answer()
    lane.answer()
    lane.answer()
    assert _ids(lane) == [["a", "b"], ["c", "d"], ["e"]]
    assert queue.empty


def test_a_request_that_does_not_fit_alone_gets_413_and_the_others_go() -> None:
    clock, _, caller, (lane,) = _queue()
    lane.fits = 0
    caller.ask("a")
    clock.turn()
    assert caller.status("a") == 413
    lane.fits = 1
    caller.ask("b")
    clock.turn()
    assert _ids(lane) == [["b"]]


def test_rows_outside_the_domain_go_to_the_original_where_that_is_wished() -> None:
    clock = Clock()
    queue = Queue(interface(), Bounds(fallback=True), clock, ("program", "original"))
    lane, caller = SimulatedLane(queue), Caller(queue)
    queue.add(lane)
    caller.ask("a")
    caller.ask("b")
    clock.turn()
    lane.answer({0: Failure(422, "outside-domain", "no", row=0)})
    clock.turn()
    assert caller.status("b") == 200
    assert lane.sent[-1][2] == "original"
    lane.answer()
    assert caller.status("a") == 200
    assert lane.sent[-1][0][0].route == "original"


def test_a_form_that_is_not_served_is_503_with_its_reason() -> None:
    refusals = {"original": Failure(503, "verdict-drifted", "the original is drifted")}
    queue = Queue(interface(), Bounds(), Clock(), ("program",), refusals)
    with pytest.raises(Failure) as refused:
        Caller(queue).ask("a", route="original")
    assert (refused.value.status, refused.value.code) == (503, "verdict-drifted")


def test_failing_the_queue_answers_all_that_wait_or_run_and_takes_no_more() -> None:
    clock, queue, caller, (lane,) = _queue()
    caller.ask("running")
    clock.turn()
    caller.ask("waiting")
    queue.fail(Failure(503, "loader-died", "gone", retry_after=2.0))
    assert (caller.status("running"), caller.status("waiting")) == (503, 503)
    with pytest.raises(Failure):
        caller.ask("new")
    lane.answer()  # too late: nothing happens
    queue.lost(lane)
    assert queue.empty


def test_idle_workers_are_probed_at_once_and_busy_ones_before_their_next_batch() -> None:
    clock, queue, caller, (lane,) = _queue()
    found: list[Failure | None] = []
    queue.on_probe = lambda lane, failure: found.append(failure)
    queue.probe(60)
    assert lane.probes == 0
    clock.advance(61)
    queue.probe(60)
    assert lane.probes == 1
    queue.probed(lane, None)
    caller.ask("a")
    clock.turn()
    clock.advance(10)
    caller.ask("b")
    clock.now += 55
    queue.probe(60)
    lane.answer()
    assert _ids(lane)[-1] == ["b"]  # not forced yet
    clock.now += 60
    queue.probe(60)
    lane.answer()
    assert lane.probes == 2
    queue.probed(lane, Failure(503, "verdict-drifted", "changed"))
    assert [each and each.code for each in found] == [None, "verdict-drifted"]


def test_a_probe_that_does_not_end_kills_the_worker() -> None:
    clock, queue, _, (lane,) = _queue(bounds=Bounds(request_seconds=5))
    clock.advance(61)
    queue.probe(60)
    clock.advance(6)
    assert lane.kills == 1


def test_a_long_run_is_shared_between_workers_that_have_nothing_to_do() -> None:
    clock, _, caller, lanes = _queue(lanes=4)
    caller.ask("slow", rows=10)
    clock.turn()
    clock.advance(1.0)
    next(lane for lane in lanes if lane.sent).answer()
    for place in range(40):
        caller.ask(str(place))
    clock.turn()
    assert sorted(len(lane.sent[-1][0]) for lane in lanes) == [10, 10, 10, 10]


def test_an_answer_that_cannot_be_handed_over_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    clock, queue, caller, (lane,) = _queue()

    def fails(asked: object, outcome: object) -> None:
        raise RuntimeError("the connection is gone")

    queue.submit(Asked(1, bytes(8), outputs=(0,)), fails)
    caller.ask("b")
    clock.turn()
    lane.answer()
    assert caller.status("b") == 200
    assert "could not be handed over" in caplog.text


@given(st.lists(st.tuples(st.sampled_from(["ask", "answer", "die", "cancel", "time", "turn"]), st.integers(1, 12))))
def test_whatever_happens_every_request_is_answered_once_unless_it_was_cancelled(plan: list[tuple[str, int]]) -> None:
    clock, queue, caller, _ = _queue(lanes=2, bounds=Bounds(batch_rows=5, requests=8))
    tickets: dict[str, object] = {}
    cancelled: set[str] = set()
    for step, (what, size) in enumerate(plan):
        busy = [slot.lane for slot in queue._slots.values() if slot.batch]
        if what == "ask":
            with contextlib.suppress(Failure):  # the queue is full
                tickets[str(step)] = caller.ask(str(step), size, clock.now + size, outputs=(size % 2,))
        elif what == "answer" and busy:
            busy[0].answer()
        elif what == "die" and busy:
            queue.lost(busy[0])
            queue.add(SimulatedLane(queue))
        elif what == "cancel" and tickets:
            name = sorted(tickets)[size % len(tickets)]
            tickets[name].cancel()
            cancelled.add(name)
        elif what == "time":
            clock.advance(size / 4)
        clock.turn()
    for _ in range(200):
        for slot in list(queue._slots.values()):
            if slot.batch:
                slot.lane.answer()
        clock.turn()
    assert queue.empty
    assert (queue.depth, queue.depth_rows) == (0, 0)
    assert set(tickets) - cancelled <= set(caller.outcomes)
