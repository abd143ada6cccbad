"""Versions, takeovers and rollbacks, with simulated loaders and a clock whose hours pass at once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from amber.server.events import Loaded, Noted, Refused
from amber.server.exchange import Answered, Asked, Failure
from amber.server.front.endpoints.repository import Repository
from amber.server.front.endpoints.versions import Version
from amber.server.front.endpoints.watch import Watch
from amber.server.interface import Input
from amber.server.settings import ModelSettings, Settings
from tests.unit.server.endpoints.world import SimulatedRunner, World, simulated


class Server:
    """A repository in a simulated world."""

    def __init__(self, tmp_path: Path, **settings: Any) -> None:
        self.world = World()
        self.world.scripts["v1"] = {"version": "1"}
        self.world.scripts["v2"] = {"version": "2"}
        self.path = tmp_path / "m.amber"
        self.path.write_text("v1\n")
        settings.setdefault("models", (ModelSettings(path=str(self.path)),))
        self.watch = Watch()
        self.repository = Repository(
            Settings(**settings), self.watch, self.world.events.append, launch=self.world.launch, copy=self.world.copy
        )
        self.repository._host.pss = self.world.measure

    def write(self, text: str) -> None:
        """Replace the artifact, as a save does."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(text + "\n")
        os.replace(fresh, self.path)

    @property
    def endpoint(self) -> Any:
        return self.repository.endpoints[0]

    def current(self, name: str = "m") -> Version:
        found = self.repository.find(name)
        assert isinstance(found, Version), found
        return found

    def refusal(self, name: str = "m", version: str | None = None) -> Failure:
        found = self.repository.find(name, version)
        assert isinstance(found, Failure)
        return found

    def runner(self, version: Version) -> SimulatedRunner:
        found = version._runner
        assert isinstance(found, SimulatedRunner)
        return found

    async def ask(self, failed: Failure | None = None) -> Answered | Failure:
        """Ask whoever answers now and have the worker answer."""
        version, outcomes = self.current(), []
        version.queue.submit(Asked(1, bytes(8), outputs=(0,)), lambda asked, outcome: outcomes.append(outcome))
        await asyncio.sleep(0)
        self.runner(version).answer(failed)
        version.tally.answered(200 if failed is None else failed.status, "", 1, 0.001)
        return outcomes[0]

    def noted(self) -> list[str]:
        return [each.code for each in self.world.events if isinstance(each, Noted)]


def play(tmp_path: Path, scene: Callable[[Server], Awaitable[None]], **settings: Any) -> None:
    """Run a scene with a started server, and end the server."""

    async def whole() -> None:
        server = Server(tmp_path, **settings)
        await server.repository.start()
        await scene(server)
        await server.repository.close()
        assert all(runner.stopped for runner in server.world.runners)
        assert [version.artifact_bytes for version in server.repository.versions] == [0] * len(
            server.repository.versions
        )

    simulated(whole)


def test_a_model_is_ready_when_its_loader_and_workers_are(tmp_path: Path) -> None:
    async def whole() -> None:
        server = Server(tmp_path)
        start = asyncio.ensure_future(server.repository.start())
        await asyncio.sleep(0.5)
        assert (server.refusal().code, server.repository.ready) == ("model-loading", False)
        await start
        assert server.repository.ready
        assert server.current().status()["verdicts"] == {"program": "equivalent"}
        assert isinstance(await server.ask(), Answered)
        loaded = [each for each in server.world.events if isinstance(each, Loaded)]
        assert [(each.name, each.version, each.cases) for each in loaded] == [("m", "1", 7)]
        await server.repository.close()

    simulated(whole)


OTHER = [Input(name="y", datatype="FP64", dtype="float64", cell="float")]


def test_a_changed_file_that_callers_could_not_ask_does_not_take_over(tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        old = server.current()
        server.world.scripts["other"] = {"version": "2", "interface": {"inputs": OTHER}}
        server.write("other")
        await asyncio.sleep(5)
        assert server.current() is old
        assert server.repository.ready
        refused = [each for each in server.world.events if isinstance(each, Refused)]
        assert [(each.code, each.name, each.version) for each in refused] == [("interface-incompatible", "m", "2")]
        assert "column 'x' is gone; column 'y' is new and required" in refused[0].reason
        assert server.endpoint.status()["refused"]["code"] == "interface-incompatible"
        assert len(server.world.runners) == 2
        assert server.world.runners[1].stopped
        await server.repository.load("m")  # the word of whoever runs the server
        assert (server.current().number, server.noted()) == ("2", ["interface-changed"])

    play(tmp_path, scene, reload=True)


def test_a_changed_file_that_takes_more_takes_over_and_so_does_any_where_that_is_allowed(tmp_path: Path) -> None:
    async def wider(server: Server) -> None:
        more = [Input(name="x", datatype="FP64", dtype="float64", cell="float", missing=True)]
        server.world.scripts["wider"] = {"version": "2", "interface": {"inputs": more}}
        server.write("wider")
        await asyncio.sleep(5)
        assert (server.current().number, server.noted()) == ("2", ["interface-changed"])

    async def allowed(server: Server) -> None:
        server.world.scripts["other"] = {"version": "2", "interface": {"inputs": OTHER}}
        server.write("other")
        await asyncio.sleep(5)
        assert (server.current().number, server.noted()) == ("2", ["interface-changed"])

    play(tmp_path, wider, reload=True)
    (tmp_path / "m.amber").unlink()
    play(tmp_path, allowed, reload=True, allow_interface_change=True)


def test_a_refused_model_is_unavailable_with_the_reason(tmp_path: Path) -> None:
    async def whole() -> None:
        server = Server(tmp_path)
        server.world.scripts["v1"] = {"refused": "verdict-drifted"}
        await server.repository.start()
        found = server.refusal()
        assert (found.status, found.code, found.message) == (503, "verdict-drifted", "not good enough")
        assert not server.repository.ready
        assert [each.code for each in server.world.events if isinstance(each, Refused)] == ["verdict-drifted"]
        assert (
            server.repository.index()
            == [{"name": "m", "version": "1", "state": "UNAVAILABLE", "reason": "not good enough"}]
            or server.repository.index()[0]["state"] == "UNAVAILABLE"
        )
        await server.repository.close()

    simulated(whole)


def test_a_changed_file_takes_over_once_it_is_verified(tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        old = server.current()
        server.write("v2")
        await asyncio.sleep(1.5)
        assert server.current() is old  # the change must hold still for one look
        await asyncio.sleep(3)
        assert server.current().number == "2"
        assert old.state == "READY"  # kept warm
        assert server.repository.find("m", "1") is old
        assert (server.endpoint.swaps, server.repository.ready) == (1, True)

    play(tmp_path, scene, reload=True)


def test_a_newcomer_whose_loader_died_is_tried_a_few_times(tmp_path: Path) -> None:
    async def passes(server: Server) -> None:
        server.world.scripts["v2"] = {"refused": "loader-died"}
        server.write("v2")
        await asyncio.sleep(3.5)
        assert server.endpoint.refused["code"] == "loader-died"
        server.world.scripts["v2"] = {"version": "2"}
        await asyncio.sleep(6)
        assert server.current().number == "2"

    async def stays(server: Server) -> None:
        old = server.current()
        server.world.scripts["v2"] = {"refused": "loader-died"}
        server.write("v2")
        await asyncio.sleep(600)
        assert server.current() is old
        assert len(server.world.runners) == 6

    play(tmp_path, passes, reload=True)
    (tmp_path / "m.amber").unlink()
    play(tmp_path, stays, reload=True)


def test_a_refused_newcomer_never_takes_over(tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        old = server.current()
        server.world.scripts["bad"] = {"refused": "verdict-drifted"}
        server.write("bad")
        await asyncio.sleep(10)
        assert server.current() is old
        assert server.endpoint.status()["refused"]["code"] == "verdict-drifted"
        assert server.repository.ready
        assert len(server.world.runners) == 2  # one try for one state of the file

    play(tmp_path, scene, reload=True)


def test_the_old_version_ends_after_the_watch(tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        old = server.current()
        server.write("v2")
        await server.repository.load("m")
        for _ in range(500):
            await server.ask()
        await asyncio.sleep(58)
        assert old.state == "READY"
        await asyncio.sleep(4)
        assert old.state == "UNAVAILABLE"
        assert server.refusal("m", "1").status == 404
        assert server.current().number == "2"

    play(tmp_path, scene)


def test_a_version_that_fails_is_rolled_back_by_itself(tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        old = server.current()
        server.write("v2")
        await server.repository.load("m")
        bad = server.current()
        for place in range(30):
            await server.ask(Failure(500, "predict-failed", "no") if place % 3 == 0 else None)
        await asyncio.sleep(2)
        assert server.current() is old
        assert bad.state == "UNAVAILABLE"
        assert server.noted() == ["rolled-back"]
        assert server.endpoint.status()["refused"]["code"] == "rolled-back"
        assert isinstance(await server.ask(), Answered)

    play(tmp_path, scene)


def test_a_newcomer_whose_loader_dies_under_watch_is_rolled_back(tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        old = server.current()
        server.write("v2")
        await server.repository.load("m")
        server.runner(server.current()).on_end("it was killed")
        await asyncio.sleep(1.1)
        assert server.current() is old

    play(tmp_path, scene)


def test_what_the_old_version_has_begun_is_finished(tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        old, outcomes = server.current(), []
        runner = server.runner(old)
        old.queue.submit(Asked(1, bytes(8), outputs=(0,)), lambda asked, outcome: outcomes.append(outcome))
        await asyncio.sleep(0)
        unloading = asyncio.ensure_future(server.repository.unload("m"))
        await asyncio.sleep(1)
        assert old.state == "UNLOADING"
        assert server.refusal().status == 503
        runner.answer()
        await unloading
        assert isinstance(outcomes[0], Answered)
        assert old.state == "UNAVAILABLE"
        assert server.repository.ready  # nobody wants it any more

    play(tmp_path, scene)


def test_an_unloaded_model_can_be_loaded_again(tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        await server.repository.unload("m")
        assert "unloaded" in server.refusal().message
        await server.repository.load("m")
        assert isinstance(await server.ask(), Answered)

    play(tmp_path, scene)


def test_a_dead_loader_makes_its_version_unavailable_until_another_is_ready(tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        version, outcomes = server.current(), []
        version.queue.submit(Asked(1, bytes(8), outputs=(0,)), lambda asked, outcome: outcomes.append(outcome))
        await asyncio.sleep(0)
        server.runner(version).on_end("it was killed")
        assert (outcomes[0].status, outcomes[0].retry_after) == (503, 1.0)
        assert (server.refusal().code, server.refusal().retry_after) == ("loader-died", 1.0)
        assert not server.repository.ready
        await asyncio.sleep(3)
        assert server.current() is version
        assert version.restarts == 1
        assert isinstance(await server.ask(), Answered)

    play(tmp_path, scene)


def test_a_first_loader_that_dies_is_followed_by_another(tmp_path: Path) -> None:
    async def whole() -> None:
        server = Server(tmp_path)
        server.world.scripts["v1"] = {"refused": "loader-died"}
        await server.repository.start()
        assert server.refusal().code == "loader-died"
        server.world.scripts["v1"] = {"version": "1"}
        await asyncio.sleep(20)
        assert server.repository.ready
        assert isinstance(await server.ask(), Answered)
        await server.repository.close()

    simulated(whole)


def test_a_loader_that_keeps_dying_is_started_at_growing_intervals(tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        server.world.scripts["v1"] = {"refused": "loader-died"}
        server.runner(server.current()).on_end("it was killed")
        await asyncio.sleep(60)
        assert 5 <= server.endpoint.current.restarts <= 7
        server.world.scripts["v1"] = {"version": "1"}
        await asyncio.sleep(60)
        assert server.repository.ready

    play(tmp_path, scene)


def test_a_drifted_probe_takes_the_version_out(tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        version = server.current()
        lane = server.runner(version).lanes[0]
        await asyncio.sleep(61)
        assert lane.probes == 1
        version.queue.probed(lane, None)
        await asyncio.sleep(61)
        version.queue.probed(lane, Failure(503, "verdict-drifted", "output a of row 3"))
        found = server.refusal()
        assert (found.status, found.code) == (503, "verdict-drifted")
        assert "row 3" in found.message
        assert (version.probes, server.noted()) == ({"passed": 1, "failed": 1}, ["verdict-drifted"])
        await asyncio.sleep(100)
        assert server.refusal().code == "verdict-drifted"
        await server.repository.load("m")
        assert isinstance(await server.ask(), Answered)

    play(tmp_path, scene)


def test_a_swap_that_does_not_fit_the_memory_is_refused_before_and_after_it_is_built(tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        old = server.current()
        server.world.scripts["v1"]["pss"] = 300 << 20
        server.write("v2")
        with pytest.raises(Failure) as before:
            await server.repository.load("m")
        assert (before.value.status, before.value.code) == (422, "memory-budget")
        assert len(server.world.runners) == 1  # it was not even started
        server.world.scripts["v1"]["pss"] = 50 << 20
        server.world.scripts["v2"]["pss"] = 500 << 20
        with pytest.raises(Failure, match="all models may take"):
            await server.repository.load("m")
        assert server.world.runners[1].stopped
        assert server.current() is old
        assert server.endpoint.status()["refused"]["code"] == "memory-budget"

    play(tmp_path, scene, memory=512 << 20)


def test_a_model_over_budget_is_unavailable(tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        assert server.refusal().code == "memory-budget"

    play(tmp_path, scene, memory=1 << 20)


def test_of_several_versions_of_a_name_the_highest_answers(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.amber" for number in ("10", "9")]
    for path in paths:
        path.write_text("v1\n")

    async def scene(server: Server) -> None:
        assert server.current().number == "10"
        assert server.repository.numbers("m") == ["9", "10"]
        assert server.repository.find("m", "9").number == "9"
        assert server.refusal("m", "8").code == "version-unknown"
        assert server.refusal("other").code == "model-unknown"

    models = tuple(ModelSettings(path=str(path), name="m", version=path.stem) for path in paths)
    play(tmp_path, scene, models=models)


def test_two_files_cannot_be_one_version(tmp_path: Path) -> None:
    paths = [tmp_path / "a.amber", tmp_path / "b.amber"]
    for path in paths:
        path.write_text("v1\n")

    async def scene(server: Server) -> None:
        first, second = server.repository.endpoints
        assert first.current.state == "READY"
        assert (second.current.state, second.current.code) == ("UNAVAILABLE", "name-taken")
        assert server.current() is first.current

    play(tmp_path, scene, models=tuple(ModelSettings(path=str(path)) for path in paths))


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "a/b", "", ".", "..", ".hidden", "linked", "missing", "a\0b", "http://x/y"]
)
def test_only_artifacts_right_below_the_folder_are_loaded_by_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "secret.amber").write_text("v1\n")
    (folder / "linked.amber").symlink_to(tmp_path / "secret.amber")
    (folder / "good.amber").write_text("v1\n")

    async def scene(server: Server) -> None:
        with pytest.raises(Failure) as refused:
            await server.repository.load(name)
        assert refused.value.status == 404
        assert [each["name"] for each in server.repository.index()] == ["m", "good"]
        await server.repository.load("good")
        assert server.current("good").name == "good"

    play(tmp_path, scene, folder=str(folder))


def test_without_a_folder_nothing_is_loaded_by_name(tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        with pytest.raises(Failure) as refused:
            await server.repository.load("good")
        assert refused.value.status == 403

    play(tmp_path, scene)


def test_the_end_finishes_what_has_begun_within_its_time(tmp_path: Path) -> None:
    async def whole() -> None:
        server = Server(tmp_path, drain_seconds=5)
        await server.repository.start()
        version, outcomes = server.current(), []
        version.queue.submit(Asked(1, bytes(8), outputs=(0,)), lambda asked, outcome: outcomes.append(outcome))
        began = asyncio.get_running_loop().time()
        await server.repository.close()
        assert 4.9 < asyncio.get_running_loop().time() - began < 6
        assert outcomes[0].status == 503
        assert not server.repository.ready

    simulated(whole)


def test_a_file_that_became_another_model_does_not_take_over(tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        old = server.current()
        server.world.scripts["other"] = {"name": "other", "version": "1"}
        server.write("other")
        with pytest.raises(Failure, match="the model at this path is other now") as refused:
            await server.repository.load("m")
        assert refused.value.code == "name-changed"
        assert server.current() is old
        assert server.refusal("other").status == 404

    play(tmp_path, scene)


def test_the_end_does_not_wait_for_what_is_still_loading(tmp_path: Path) -> None:
    async def whole() -> None:
        server = Server(tmp_path, load_seconds=100.0)
        server.world.scripts["v2"]["seconds"] = 50.0
        await server.repository.start()
        server.write("v2")
        loading = asyncio.ensure_future(server.repository.load("m"))
        await asyncio.sleep(1)
        await server.repository.close()
        with pytest.raises(Failure):
            await loading
        assert all(runner.stopped for runner in server.world.runners)
        assert not server.repository.ready

    simulated(whole)


def test_a_second_load_waits_for_the_first(tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        server.write("v2")
        first, second = (asyncio.ensure_future(server.repository.load("m")) for _ in range(2))
        await asyncio.sleep(1.0)
        assert len(server.world.runners) == 2
        await asyncio.gather(first, second)
        assert len(server.world.runners) == 3
        assert sum(not runner.stopped for runner in server.world.runners) == 2  # current and previous

    play(tmp_path, scene)


def test_without_an_original_to_fall_back_to_the_program_answers_alone(tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        assert [runner.order.routes for runner in server.world.runners] == [["program", "original"], []]
        assert isinstance(await server.ask(), Answered)

    async def whole() -> None:
        server = Server(tmp_path, route_fallback=True)
        server.world.refused_routes.add("original")
        await server.repository.start()
        await scene(server)
        await server.repository.close()

    simulated(whole)


def test_a_form_that_did_not_replay_is_not_served_and_says_so(tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        version = server.current()
        assert version.routes == ["program"]
        with pytest.raises(Failure) as refused:
            version.queue.submit(Asked(1, bytes(8), outputs=(0,), route="original"), lambda asked, outcome: None)
        assert (refused.value.status, refused.value.code) == (503, "verdict-unchecked")

    async def whole() -> None:
        server = Server(tmp_path)
        server.world.scripts["v1"]["verdicts"] = {"program": "equivalent", "original": "unchecked"}
        await server.repository.start()
        await scene(server)
        await server.repository.close()

    simulated(whole)


def test_a_load_by_name_that_is_refused_leaves_the_server_ready(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "bad.amber").write_text("bad\n")

    async def scene(server: Server) -> None:
        server.world.scripts["bad"] = {"refused": "verdict-drifted"}
        with pytest.raises(Failure) as refused:
            await server.repository.load("bad")
        assert (refused.value.status, refused.value.code) == (422, "verdict-drifted")
        assert server.repository.ready
        assert server.refusal("bad").status == 404
        await server.repository.unload("m")
        server.write("bad")
        with pytest.raises(Failure):
            await server.repository.load("m")
        assert server.repository.ready  # it was not wanted before either
        assert server.refusal().code == "verdict-drifted"

    play(tmp_path, scene, folder=str(folder))


def test_what_goes_wrong_with_one_model_leaves_the_others_alone(tmp_path: Path) -> None:
    path = tmp_path / "good.amber"
    path.write_text("v1\n")

    async def whole() -> None:
        models = tuple(ModelSettings(path=str(each), name=each.stem) for each in (tmp_path / "m.amber", path))
        server = Server(tmp_path, models=models)
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        server.world.scripts["broken"] = {"seconds": "not a number"}
        server.write("broken")
        await server.repository.start()
        assert server.refusal("m").code == "load-failed"
        assert server.current("good").state == "READY"
        await server.repository.close()

    simulated(whole)


def test_counters_of_a_version_that_ended_are_forgotten_after_a_while(tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        server.write("v2")
        await server.repository.load("m")
        assert set(server.watch.tallies) == {"", "m/1", "m/2"}
        await asyncio.sleep(650)
        assert set(server.watch.tallies) == {"", "m/1", "m/2"}
        await asyncio.sleep(300)
        assert set(server.watch.tallies) == {"", "m/2"}

    play(tmp_path, scene)
