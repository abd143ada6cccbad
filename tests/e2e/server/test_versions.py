"""Versions with real loaders: swaps under load, rollback, files written over, known answers, memory."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

import amber
from amber.server.exchange import Answered, Failure
from tests.e2e.server.served_versions import Server, play, value_of, write_lines

pytest.importorskip("onnxruntime")
pytest.importorskip("sklearn")
pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="several workers need Linux")


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lines(tmp_path_factory.mktemp("artifacts"))


def test_a_swap_under_load_fails_no_request(artifacts: Path, tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        answers: list[Answered | Failure] = []
        going = True

        async def caller() -> None:
            while going:
                answers.append(await server.ask())
                await asyncio.sleep(0.001)

        callers = [asyncio.ensure_future(caller()) for _ in range(16)]
        await asyncio.sleep(0.3)
        old = server.version
        server.replace(artifacts / "2.amber")
        await server.until(lambda: server.version is not old)
        await asyncio.sleep(0.3)
        going = False
        await asyncio.gather(*callers)
        slopes = [round(value_of(each), 6) for each in answers]
        assert set(slopes) == {1.0, 2.0}
        assert slopes[0] == 1.0
        assert slopes[-1] == 2.0
        assert old.state == "READY"
        assert server.repository.endpoints[0].swaps == 1

    play(artifacts, tmp_path, scene, reload=True)


def test_writing_over_a_served_file_changes_no_answer(artifacts: Path, tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        with open(server.path, "r+b") as file:  # in place, as cp does
            file.truncate(0)
            file.write(b"not an artifact")
        with pytest.raises(Failure) as refused:
            await server.repository.load("line")
        assert refused.value.status == 422
        server.path.write_bytes((artifacts / "2.amber").read_bytes())
        os.kill(server.workers[0], signal.SIGKILL)
        await server.until(lambda: server.version.deaths == 1 and server.version.queue.lanes == 1)
        assert round(await server.slope(), 6) == 1.0  # a worker forked now has the old bytes too
        os.kill(server.version.pids[0], signal.SIGKILL)
        await server.until(lambda: server.restarts == 1 and server.repository.ready)
        assert round(await server.slope(), 6) == 1.0  # and so has a loader

    play(artifacts, tmp_path, scene)


def test_a_version_that_answers_5xx_is_rolled_back_by_itself(artifacts: Path, tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        old = server.version
        server.replace(artifacts / "2.amber")
        await server.repository.load("line")
        bad = server.version
        assert round(await server.slope(), 6) == 2.0
        os.kill(server.workers[0], signal.SIGSTOP)
        outcomes = await asyncio.gather(*(server.ask(seconds=0.1) for _ in range(30)))
        assert all(isinstance(each, Failure) for each in outcomes)
        await server.until(lambda: server.version is old)
        assert round(await server.slope(), 6) == 1.0
        await server.until(lambda: bad.state == "UNAVAILABLE")
        assert bad.pids == []
        assert "rolled-back" in [getattr(each, "code", "") for each in server.events]

    play(artifacts, tmp_path, scene)


def test_known_answers_are_asked_again_while_it_is_served(artifacts: Path, tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        version = server.version
        version.queue.probe(0.0)
        await server.until(lambda: version.probes["passed"] == 1)
        assert round(await server.slope(), 6) == 1.0

    play(artifacts, tmp_path, scene)


def test_a_model_that_does_not_fit_the_memory_is_unavailable(artifacts: Path, tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        current = server.repository.endpoints[0].current
        assert (current.state, current.code) == ("UNAVAILABLE", "memory-budget")
        assert current.pids == []

    play(artifacts, tmp_path, scene, memory=64 << 20)


def test_the_memory_of_processes_is_measured(artifacts: Path, tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        await server.repository.tick()
        assert 5 << 20 < server.version.pss < 1 << 30

    play(artifacts, tmp_path, scene)


def test_a_swap_that_does_not_fit_the_memory_is_refused(artifacts: Path, tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        old = server.version
        server.replace(artifacts / "2.amber")
        with pytest.raises(Failure) as refused:
            await server.repository.load("line")
        assert refused.value.code == "memory-budget"
        assert server.version is old
        assert round(await server.slope(), 6) == 1.0

    # one model is expected to take 96 MiB and takes less: there is room for it, and none for another beside it
    play(artifacts, tmp_path, scene, memory=110 << 20)


def test_a_changed_file_with_other_columns_is_refused_until_somebody_asks_for_it(
    artifacts: Path, tmp_path: Path
) -> None:
    import numpy as np
    from sklearn.linear_model import LinearRegression

    X = np.random.default_rng(0).normal(size=(40, 2))
    wide = tmp_path / "wide.amber"
    amber.save(LinearRegression().fit(X, X[:, 0]), wide, sample=X, name="line", version="3.0.0", freeze=True)

    async def scene(server: Server) -> None:
        old = server.version
        server.replace(wide)
        await server.until(lambda: "interface-incompatible" in [getattr(each, "code", "") for each in server.events])
        assert server.version is old
        assert round(await server.slope(), 6) == 1.0
        (said,) = (each.reason for each in server.events if getattr(each, "code", "") == "interface-incompatible")
        assert "has 2 values a row now, it had 1" in said
        await server.repository.load("line")
        assert server.version.number == "3.0.0"

    play(artifacts, tmp_path, scene, reload=True)
