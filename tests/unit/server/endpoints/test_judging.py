"""What is served, judged anew: with simulated loaders and judges, and a clock whose hours pass at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from amber.errors import UsageError
from amber.server.events import Decided, Noted, Refused
from amber.server.exchange import Answered, Asked, Failure
from amber.server.front.endpoints import policies
from amber.server.front.endpoints.policies import Reading
from amber.server.front.endpoints.process import LoadError
from amber.server.front.endpoints.queue import Queue
from amber.server.settings import ModelSettings
from amber.server.wire import control
from amber.server.wire.control import Judged, Order
from tests.unit.server.endpoints.test_versions import Server
from tests.unit.server.endpoints.world import SimulatedRunner, simulated
from tests.unit.server.wire.test_decisions import ACCEPTED, REFUSED

OUT = control.Refused(code="policy-refused", message="id-revoked: it was taken back", hint="load another")


class Reader:
    """The policy of a simulated server: which one is in force, which one refuses, and what judges were asked."""

    def __init__(self, server: Server) -> None:
        self.digest, self.timed, self.exact = "first", False, False
        self.refusing: set[str] = set()
        self.unusable = ""
        self.dying = 0
        self.slow: dict[str, float] = {}
        self.on_read: Callable[[], None] = lambda: None
        self.asked: list[tuple[str, str]] = []
        self.server = server
        server.repository._host.read = self.read
        server.repository._host.judge = self.judge

    def read(self, path: str | None) -> Reading:
        self.on_read()
        if self.unusable:
            raise UsageError("policy-invalid", self.unusable, where="policy.toml")
        return Reading({"policy_source": self.digest}, self.digest, self.exact, self.timed)

    async def judge(self, order: Order, artifact: int) -> Judged:
        assert order.judge
        label = next(each.label for each in self.server.repository.versions if each._artifact == artifact)
        await asyncio.sleep(self.slow.get(label, 0.3))
        if self.dying:
            self.dying -= 1
            raise LoadError(control.Refused(code="judge-failed", message="it ended"))
        self.asked.append((order.policy_source, label))
        refused = f"{order.policy_source} {label}" in self.refusing
        return Judged(refused=OUT if refused else None, decision=REFUSED if refused else ACCEPTED)

    @property
    def recorded(self) -> list[str]:
        """The decisions on record."""
        return [each.decision for each in self.server.world.events if isinstance(each, Decided)]

    async def change(self, digest: str) -> None:
        """Another policy, and somebody says so."""
        self.digest = digest
        self.server.repository.judge()
        await asyncio.sleep(5)


def scene_of(tmp_path: Path, scene: Callable[[Server, Reader], Awaitable[None]], **settings: Any) -> None:
    """Play a scene whose server was started under the policy `first`."""

    async def whole() -> None:
        server = Server(tmp_path, **settings)
        reader = Reader(server)
        await server.repository.start()
        await scene(server, reader)
        await server.repository.close()

    simulated(whole)


def come_up_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have workers take 20 seconds until they are there."""
    serve = SimulatedRunner.serve

    async def slowly(runner: SimulatedRunner, queue: Queue) -> None:
        await asyncio.sleep(20)
        await serve(runner, queue)

    monkeypatch.setattr(SimulatedRunner, "serve", slowly)


def test_what_has_begun_is_answered_and_nothing_more_is_taken(tmp_path: Path) -> None:
    async def scene(server: Server, reader: Reader) -> None:
        version, outcomes = server.current(), []
        version.queue.submit(Asked(1, bytes(8), outputs=(0,)), lambda asked, outcome: outcomes.append(outcome))
        runner = server.runner(version)
        reader.refusing.add("second m/1")
        await reader.change("second")
        assert (server.refusal().status, server.refusal().code) == (503, "policy-refused")
        assert (server.refusal().message, server.refusal().hint) == (OUT.message, OUT.hint)
        assert server.refusal().retry_after is None
        with pytest.raises(Failure, match="taken back"):
            version.queue.submit(Asked(1, bytes(8), outputs=(0,)), lambda asked, outcome: None)
        assert (outcomes, version.state, runner.stopped) == ([], "UNLOADING", False)
        runner.answer()
        await asyncio.sleep(0.1)
        assert isinstance(outcomes[0], Answered)
        assert (version.state, version.code, runner.stopped) == ("UNAVAILABLE", "policy-refused", True)
        assert not server.repository.ready
        (said,) = (each for each in server.world.events if isinstance(each, Refused))
        assert (said.code, said.name, said.reason) == ("policy-refused", "m", OUT.message)
        await asyncio.sleep(1000)
        assert server.endpoint.current is version  # refused by this policy, it is not tried again

    scene_of(tmp_path, scene)


def test_a_loader_that_dies_while_it_finishes_is_not_started_anew(tmp_path: Path) -> None:
    async def scene(server: Server, reader: Reader) -> None:
        version, outcomes = server.current(), []
        version.queue.submit(Asked(1, bytes(8), outputs=(0,)), lambda asked, outcome: outcomes.append(outcome))
        reader.refusing.add("second m/1")
        await reader.change("second")
        started = len(server.world.runners)
        server.runner(version).on_end("it was killed")
        await asyncio.sleep(100)
        assert [each.code for each in outcomes] == ["policy-refused"]
        assert (server.refusal().code, len(server.world.runners)) == ("policy-refused", started)

    scene_of(tmp_path, scene)


def test_another_policy_that_takes_it_loads_nothing(tmp_path: Path) -> None:
    async def scene(server: Server, reader: Reader) -> None:
        version, started = server.current(), len(server.world.runners)
        await reader.change("second")
        await reader.change("second")  # somebody asks again: everything is judged
        assert reader.asked == [("second", "m/1")] * 2
        assert reader.recorded == ["accepted"] * 2
        assert (server.current(), len(server.world.runners)) == (version, started)

    scene_of(tmp_path, scene)


def test_what_comes_to_be_taken_again_is_loaded(tmp_path: Path) -> None:
    async def scene(server: Server, reader: Reader) -> None:
        reader.refusing.add("second m/1")
        await reader.change("second")
        assert server.refusal().code == "policy-refused"
        await reader.change("third")
        assert server.current().state == "READY"
        assert server.repository.ready

    scene_of(tmp_path, scene)


def test_a_version_is_judged_by_the_policy_at_its_end_not_at_its_beginning(tmp_path: Path) -> None:
    async def scene(server: Server, reader: Reader) -> None:
        old = server.current()
        server.world.scripts["v2"] = {"version": "2", "seconds": 20}
        server.write("v2")
        loading = asyncio.ensure_future(server.repository.load("m"))
        await asyncio.sleep(5)
        reader.digest = "second"
        reader.refusing |= {"second m/2"}
        with pytest.raises(Failure, match="taken back"):
            await loading
        assert server.current() is old
        assert reader.asked == [("second", "m/2")]
        assert reader.recorded == ["refused"]  # once

    scene_of(tmp_path, scene)


def test_a_version_whose_workers_came_up_during_a_round_is_judged_in_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(server: Server, reader: Reader) -> None:
        come_up_slowly(monkeypatch)
        server.write("v2")
        loading = asyncio.ensure_future(server.repository.load("m"))
        await asyncio.sleep(5)
        reader.refusing = {"second m/2"}
        await reader.change("second")
        assert reader.asked == [("second", "m/1")]
        await loading
        assert server.current().number == "2"  # for as long as a second or two
        await asyncio.sleep(60)
        assert reader.asked[-1] == ("second", "m/2")
        assert server.current().number == "1"

    scene_of(tmp_path, scene)


def test_the_version_before_comes_back_where_the_policy_takes_it_alone(tmp_path: Path) -> None:
    async def scene(server: Server, reader: Reader) -> None:
        old = server.current()
        server.write("v2")
        await server.repository.load("m")
        assert server.endpoint.previous is old
        reader.refusing = {"second m/2"}
        await reader.change("second")
        assert server.current() is old
        assert reader.asked == [("second", "m/1"), ("second", "m/2")]

    scene_of(tmp_path, scene)


def test_neither_version_is_served_where_both_are_refused(tmp_path: Path) -> None:
    async def scene(server: Server, reader: Reader) -> None:
        server.write("v2")
        await server.repository.load("m")
        reader.refusing = {"second m/1", "second m/2"}
        await reader.change("second")
        assert server.refusal().code == "policy-refused"
        assert server.endpoint.previous is None

    scene_of(tmp_path, scene)


def test_a_policy_that_cannot_be_used_is_said_once_and_looked_at_again(tmp_path: Path) -> None:
    async def scene(server: Server, reader: Reader) -> None:
        version = server.current()
        reader.unusable = "not TOML"
        await reader.change("second")
        await asyncio.sleep(200)
        assert server.current() is version
        assert server.noted() == ["policy-invalid"]
        (said,) = (each.message for each in server.world.events if isinstance(each, Noted))
        assert said == "the policy cannot be used: policy.toml: not TOML"
        reader.unusable = ""
        reader.refusing = {"second m/1"}
        await asyncio.sleep(60)
        assert server.refusal().code == "policy-refused"

    scene_of(tmp_path, scene)


def test_a_restart_waits_for_a_policy_that_can_be_used(tmp_path: Path) -> None:
    async def scene(server: Server, reader: Reader) -> None:
        reader.unusable = "not TOML"
        server.runner(server.current()).on_end("it was killed")
        await asyncio.sleep(100)
        assert server.refusal().code == "policy-invalid"
        assert "the policy of this server cannot be used" in server.refusal().message
        reader.unusable = ""
        await asyncio.sleep(60)
        assert server.current().state == "READY"

    scene_of(tmp_path, scene)


def test_a_judge_that_dies_takes_nothing_out_of_service(tmp_path: Path) -> None:
    async def scene(server: Server, reader: Reader) -> None:
        reader.dying = 3
        await reader.change("second")
        assert "judge-failed" in server.noted()
        assert server.current().state == "READY"
        await asyncio.sleep(60)
        assert (reader.asked, server.current().judged_by) == ([("second", "m/1")], "second")

    scene_of(tmp_path, scene)


def two_models(server: Path) -> tuple[ModelSettings, ...]:
    """A second model, judged after the first."""
    (server / "n.amber").write_text("v1\n")
    return ModelSettings(path=str(server / "m.amber")), ModelSettings(path=str(server / "n.amber"), name="n")


async def never(*_: object) -> Any:
    """What a disk says that hangs."""
    await asyncio.Event().wait()


def test_time_takes_both_versions_although_the_policy_is_the_same(tmp_path: Path) -> None:
    async def scene(server: Server, reader: Reader) -> None:
        server.write("v2")
        await server.repository.load("m")
        reader.refusing = {"first m/1", "first m/2"}
        await reader.change("first")
        assert server.refusal().code == "policy-refused"

    scene_of(tmp_path, scene)


def test_a_version_that_is_started_anew_during_a_round_is_judged_in_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(server: Server, reader: Reader) -> None:
        come_up_slowly(monkeypatch)
        server.runner(server.current()).on_end("it was killed")
        await asyncio.sleep(10)
        assert server.refusal().code == "loader-died"
        reader.refusing = {"second m/1"}
        await reader.change("second")
        assert reader.asked == []
        await asyncio.sleep(60)
        assert server.refusal().code == "policy-refused"

    scene_of(tmp_path, scene, judge_seconds=0.0)


def test_what_a_policy_before_refused_during_a_round_is_tried_under_the_new_one(tmp_path: Path) -> None:
    async def scene(server: Server, reader: Reader) -> None:
        script = server.world.scripts["v2"] = {"version": "2", "refused": "policy-refused", "seconds": 6}
        reader.slow["n/1"] = 10
        server.write("v2")
        loading = asyncio.ensure_future(server.repository.load("m"))
        await asyncio.sleep(3)
        await reader.change("second")
        with pytest.raises(Failure):
            await loading
        del script["refused"]
        await asyncio.sleep(60)
        assert server.current().number == "2"

    scene_of(tmp_path, scene, models=two_models(tmp_path), reload=True, judge_seconds=0.0)


@pytest.mark.parametrize("code", ["signature-missing", "replay-unavailable"])
def test_what_is_to_be_run_otherwise_and_is_refused_is_tried_once(tmp_path: Path, code: str) -> None:
    async def scene(server: Server, reader: Reader) -> None:
        server.world.scripts["bad"] = {"refused": code, "seconds": 5}
        server.write("bad")
        reader.exact = True
        reader.slow["n/1"] = 6
        await reader.change("second")
        await asyncio.sleep(100)
        tried = [each for each in server.world.runners if each.script is server.world.scripts["bad"]]
        # what may pass is tried a few times, ever less often, and not at each look
        assert len(tried) == (1 if code == "signature-missing" else 5)

    scene_of(tmp_path, scene, models=two_models(tmp_path), judge_seconds=0.0)


def test_a_newcomer_that_is_refused_leaves_a_version_that_is_started_anew(tmp_path: Path) -> None:
    async def scene(server: Server, reader: Reader) -> None:
        version = server.current()
        server.world.scripts["bad"] = {"refused": "signature-missing", "seconds": 0.1}
        server.write("bad")
        server.runner(version).on_end("it was killed")
        with pytest.raises(Failure):
            await server.repository.load("m")
        assert server.refusal().code == "loader-died"
        await asyncio.sleep(60)
        assert server.current() is version

    scene_of(tmp_path, scene)


def test_a_version_that_is_given_up_gives_its_copy_back(tmp_path: Path) -> None:
    async def scene(server: Server, reader: Reader) -> None:
        version = server.current()
        server.world.scripts["v1"] = server.runner(version).script = {"refused": "policy-refused"}
        server.runner(version).on_end("it was killed")
        await asyncio.sleep(10)
        assert (server.refusal().code, version.artifact_bytes) == ("policy-refused", 3)
        with pytest.raises(Failure):
            await server.repository.load("m")
        await asyncio.sleep(1)
        assert version.artifact_bytes == 0

    scene_of(tmp_path, scene)


def test_what_is_unloaded_meanwhile_is_not_loaded_by_a_judgement(tmp_path: Path) -> None:
    async def scene(server: Server, reader: Reader) -> None:
        unloading = asyncio.ensure_future(server.endpoint.unload())
        loading = asyncio.ensure_future(server.endpoint.load())
        await unloading
        assert await loading is False
        assert server.refusal().message == "unloaded on request"

    scene_of(tmp_path, scene)


def test_a_policy_on_a_disk_that_hangs_stops_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(server: Server, reader: Reader) -> None:
        monkeypatch.setattr(server.repository._judging, "_changed", never)
        await asyncio.sleep(5)
        server.write("v2")
        await asyncio.sleep(10)
        assert server.current().number == "2"

    scene_of(tmp_path, scene, reload=True)


def test_models_on_a_disk_that_hangs_are_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(server: Server, reader: Reader) -> None:
        monkeypatch.setattr(server.repository, "_stamp", never)
        await asyncio.sleep(5)
        reader.refusing = {"second m/1"}
        await reader.change("second")
        assert server.refusal().code == "policy-refused"

    scene_of(tmp_path, scene, reload=True)


def test_an_error_that_nobody_expected_keeps_no_other_model_from_its_judgement(tmp_path: Path) -> None:
    async def scene(server: Server, reader: Reader) -> None:
        said: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: said.append(context["exception"]))
        judge = reader.judge

        async def failing(order: Order, artifact: int) -> Judged:
            if artifact == server.endpoint.current._artifact:
                raise RuntimeError("who would have thought")
            return await judge(order, artifact)

        server.repository._host.judge = failing
        reader.refusing = {"second n/1"}
        await reader.change("second")
        assert (server.current().state, server.refusal("n").code) == ("READY", "policy-refused")
        assert "judge-failed" in server.noted()
        assert {type(each) for each in said} == {RuntimeError}

    scene_of(tmp_path, scene, models=two_models(tmp_path))


def test_an_error_that_nobody_expected_is_why_a_model_is_not_started_anew(tmp_path: Path) -> None:
    async def scene(server: Server, reader: Reader) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        runner = server.runner(server.current())

        def failing(order: Order, artifact: int) -> Any:
            raise RuntimeError("who would have thought")

        server.repository._host.launch = failing
        runner.on_end("it was killed")
        await asyncio.sleep(60)
        assert server.refusal().code == "load-failed"

    scene_of(tmp_path, scene)


def test_who_asks_during_a_round_that_fails_is_heard(tmp_path: Path) -> None:
    async def scene(server: Server, reader: Reader) -> None:
        def ask() -> None:
            reader.unusable, reader.on_read = "not TOML", lambda: None
            server.repository.judge()
            server.repository._host.loop.call_later(0.1, mend)

        def mend() -> None:
            reader.unusable = ""

        reader.on_read = ask
        await asyncio.sleep(20)
        assert reader.asked == [("first", "m/1")]

    scene_of(tmp_path, scene, judge_seconds=10.0)


@pytest.mark.parametrize(
    ("timed", "seconds", "count"), [(True, 300.0, 12), (False, 300.0, 0), (True, 0.0, 0)],
    ids=["timed", "timeless", "never"],
)  # fmt: skip
def test_time_alone_has_it_judged_where_time_can_decide(
    tmp_path: Path, timed: bool, seconds: float, count: int
) -> None:
    async def scene(server: Server, reader: Reader) -> None:
        reader.timed = timed
        await asyncio.sleep(3605)
        assert abs(len(reader.asked) - count) <= (1 if count else 0)

    scene_of(tmp_path, scene, judge_seconds=seconds, probe_seconds=0.0)


def test_a_policy_that_wants_equal_bits_lets_no_requests_share_a_run(tmp_path: Path) -> None:
    async def scene(server: Server, reader: Reader) -> None:
        assert server.current().queue.bounds.sharing == "tolerant"
        reader.exact = True
        await reader.change("second")  # judged, and loaded once more
        assert server.current().queue.bounds.sharing == "exact"
        assert len(server.world.runners) == 2
        await reader.change("third")
        assert len(server.world.runners) == 2

    scene_of(tmp_path, scene)


def test_what_is_read_is_what_is_in_force(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text('sharing = "exact"\nexpires = 2100-01-01\n')
    found = policies.read(str(path))
    assert (found.exact, found.timed, found.fields["policy_source"]) == (True, True, str(path))
    path.write_text("[limits]\nmembers = 7\n")
    other = policies.read(str(path))
    assert (other.exact, other.timed) == (False, False)
    assert other.digest != found.digest


def test_what_the_files_are_told_apart_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies.places, "keyring_folder", lambda: str(tmp_path))
    monkeypatch.setattr(policies.places, "floor_file", lambda: str(tmp_path / "floor.toml"))
    seen = [policies.stamps(None)]
    assert seen == [(None, None)]
    for change in (
        lambda: (tmp_path / "keyring.toml").write_text(""),
        lambda: (tmp_path / "floor.toml").write_text(""),
        lambda: (tmp_path / "floor.toml").chmod(0o600),
        lambda: (tmp_path / "keyring.toml").unlink(),
    ):
        change()
        assert policies.stamps(None) not in seen
        seen.append(policies.stamps(None))
    assert policies.stamps(str(tmp_path / "floor.toml"))[0] == seen[-1][1]  # a policy is in place of the keyring
