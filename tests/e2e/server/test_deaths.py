"""Deaths of real workers and loaders: who is answered what, and that somebody answers afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from amber.server.exchange import Failure
from tests.e2e.server.served_versions import Server, lives, play, value_of, write_lines

pytest.importorskip("onnxruntime")
pytest.importorskip("sklearn")
pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="several workers need Linux")


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lines(tmp_path_factory.mktemp("artifacts"))


def test_what_a_killed_worker_had_not_answered_is_repeated(artifacts: Path, tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        for count in (5, 1):
            (worker,) = server.workers
            os.kill(worker, signal.SIGSTOP)
            asked = [asyncio.ensure_future(server.ask(float(value))) for value in range(count)]
            await asyncio.sleep(0.1)
            os.kill(worker, signal.SIGKILL)
            answers = [round(value_of(each), 6) for each in await asyncio.gather(*asked)]
            assert answers == [float(value) for value in range(count)]
        assert server.version.deaths == 2
        assert server.version.queue.repeats == 6

    play(artifacts, tmp_path, scene)


def test_the_other_workers_go_on_when_one_is_killed(artifacts: Path, tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        first, second = server.workers
        os.kill(first, signal.SIGKILL)
        assert [round(await server.slope(), 6) for _ in range(3)] == [1.0] * 3
        await server.until(lambda: server.version.queue.lanes == 2 and first not in server.workers)
        assert second in server.workers

    play(artifacts, tmp_path, scene, workers=2)


def test_a_killed_loader_is_started_anew(artifacts: Path, tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        loader, worker = server.version.pids
        os.kill(worker, signal.SIGSTOP)
        asked = asyncio.ensure_future(server.ask())
        await asyncio.sleep(0.1)
        os.kill(loader, signal.SIGKILL)
        outcome = await asked
        assert isinstance(outcome, Failure)
        assert (outcome.status, outcome.code) == (503, "loader-died")
        assert not server.repository.ready
        await server.until(lambda: not lives(worker))  # workers die with their loader
        await server.until(lambda: server.repository.ready)
        assert round(await server.slope(), 6) == 1.0

    play(artifacts, tmp_path, scene)


def test_a_run_beyond_its_deadline_ends_by_killing_the_worker(artifacts: Path, tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        (worker,) = server.workers
        os.kill(worker, signal.SIGSTOP)
        first, second = await asyncio.gather(server.ask(seconds=0.3), server.ask(seconds=0.2))
        assert isinstance(first, Failure)
        assert isinstance(second, Failure)
        assert (first.status, second.status) == (504, 504)
        assert round(await server.slope(), 6) == 1.0
        assert not lives(worker)

    play(artifacts, tmp_path, scene)


def test_one_spawned_worker_answers_the_same(artifacts: Path, tmp_path: Path) -> None:
    async def scene(server: Server) -> None:
        assert round(await server.slope(), 6) == 1.0
        (worker,) = server.version.pids  # the loader itself
        os.kill(worker, signal.SIGSTOP)
        outcome = await server.ask(seconds=0.2)
        assert isinstance(outcome, Failure)
        assert outcome.status == 504
        await server.until(lambda: server.restarts == 1 and server.repository.ready)
        assert round(await server.slope(), 6) == 1.0

    play(artifacts, tmp_path, scene, spawn=True)
