"""Loader and workers as processes: they answer as `amber.program`, come back when killed, and end with their parent."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import amber
from amber.server.exchange import Answered, Asked, Failure
from amber.server.wire import lane, shared
from amber.server.wire.batch import Probed
from amber.server.wire.control import Died, Forked, Order, Ready, Refused, Serve
from amber.server.wire.ends import FrontLane, Kind
from amber.server.wire.starting import sealed, start
from tests.unit.signing import WANTS_ALICE

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs fork, memfd and /proc")
SECONDS = 60
ROOM = 1 << 20


def rows() -> Any:
    return np.random.default_rng(0).normal(size=(60, 4))


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> str:
    X = rows()
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, np.where(X[:, 0] > 0, "yes", "no"))
    path = str(tmp_path_factory.mktemp("worker") / "model.amber")
    amber.save(model, path, sample=X, name="model", version="1.2.3")
    amber.freeze(path, path)
    return path


class Served:
    """One loader as a front has it, with its lanes."""

    def __init__(self, path: str, order: Order, kind: Kind | None = None) -> None:
        with open(path, "rb") as file:
            descriptor = sealed(file)
        self.kind = kind
        try:
            self.process, self.control = start(order, descriptor)
        finally:
            os.close(descriptor)
        self.lanes: list[FrontLane] = []
        self.pids: list[int] = []
        self._heard: list[Any] = []
        self.first = self.heard()

    def heard(self) -> Any:
        """Return the next frame of the loader."""
        until = time.monotonic() + SECONDS
        while not self._heard:
            assert time.monotonic() < until
            select.select([self.control.fd], [], [], 1)
            self._heard += [frame for frame, _ in self.control.receive()]
        return self._heard.pop(0)

    def fork(self) -> FrontLane:
        """Have a worker forked onto a new lane."""
        assert isinstance(self.first, Ready), self.first
        made = lane.create(ROOM, ROOM, self.first.interface, kind=self.kind)
        number = len(self.lanes)
        frame = Serve(
            lane=number, kind=made.kind, request_bytes=made.request_bytes, answer_bytes=made.answer_bytes
        )  # fmt: skip
        self.control.send(frame, made.fds())
        made.handed_over()
        self.lanes.append(made)
        found = self.heard()
        assert isinstance(found, Forked)
        assert found.lane == number
        self.pids.append(found.pid)
        return made

    def ask(self, end: FrontLane, parts: list[Asked], route: Any = "program") -> Any:
        assert end.send(parts, parts[0].outputs, route) == len(parts)
        return received(end)

    def close(self) -> None:
        self.control.close()
        for each in self.lanes:
            each.close()
        self.process.wait(SECONDS)


def received(end: FrontLane) -> Any:
    until = time.monotonic() + SECONDS
    while True:
        select.select([end.fd], [], [], 1)
        found = end.receive()
        if found is not None:
            return found
        assert time.monotonic() < until


@pytest.fixture
def served() -> Iterator[Any]:
    made: list[Served] = []

    def make(path: str, kind: Kind | None = None, **order: Any) -> Served:
        made.append(Served(path, Order(**order), kind))
        return made[-1]

    yield make
    for each in made:
        each.close()


def part(X: Any, outputs: tuple[int, ...] = (0, 1)) -> Asked:
    return Asked(len(X), np.ascontiguousarray(X).tobytes(), (), outputs)


def proba(answer: Any) -> Any:
    return np.frombuffer(answer.values[1]).reshape(answer.rows, -1)


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] in (b"Z", b"X")
    except FileNotFoundError:
        return True


def wait_until_gone(*pids: int) -> None:
    until = time.monotonic() + SECONDS
    while not all(map(gone, pids)):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_two_workers_answer_as_the_program_and_come_back_when_killed(artifact: str, served: Any) -> None:
    one = served(artifact)
    interface = one.first.interface
    assert (interface.name, interface.version, interface.route) == ("model", "1.2.3", "program")
    lanes = [one.fork(), one.fork()]
    X = rows()
    program = amber.program(artifact)
    for end in lanes:
        first, second = one.ask(end, [part(X[:3]), part(X[3:4])])
        np.testing.assert_allclose(np.concatenate([proba(first), proba(second)]), program.predict_proba(X[:4]))
        labels = np.array(interface.outputs[0].classes[0])[np.frombuffer(first.values[0], np.int64)]
        assert labels.tolist() == program.predict(X[:3]).tolist()
        end.probe()
        assert received(end) == Probed("equivalent")

    os.kill(one.pids[0], signal.SIGKILL)  # a child of the loader that this test started
    died = one.heard()
    assert died == Died(lane=0, pid=one.pids[0], status=-signal.SIGKILL)
    (other,) = one.ask(lanes[1], [part(X[:2])])
    assert isinstance(other, Answered)
    (again,) = one.ask(one.fork(), [part(X[:2])])
    assert again.values == other.values
    assert one.process.poll() is None


def test_a_changed_file_changes_nothing(artifact: str, served: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "copy.amber")
    shutil.copy(artifact, path)
    one = served(path)
    end = one.fork()
    (before,) = one.ask(end, [part(rows()[:5])])
    with open(path, "r+b") as file:  # as `cp` does it: the same file, other bytes
        file.truncate(0)
        file.write(b"\xff" * 100)
    (after,) = one.ask(end, [part(rows()[:5])])
    (anew,) = one.ask(one.fork(), [part(rows()[:5])])
    assert before.values == after.values == anew.values


def test_program_and_original_are_served_side_by_side(artifact: str, served: Any) -> None:
    one = served(artifact, routes=["program", "original"])
    assert one.first.interface.verdicts == {"program": "equivalent", "original": "identical"}
    end = one.fork()
    X = rows()[:6]
    (original,) = one.ask(end, [part(X)], "original")
    (program,) = one.ask(end, [part(X)])
    assert original.values[0] == program.values[0]
    assert proba(original).tobytes() == amber.load(artifact).predict_proba(X).tobytes()
    end.probe()
    assert received(end) == Probed("equivalent")
    bad = X.copy()
    bad[4, 2] = np.nan
    good, failed = one.ask(end, [part(X), part(bad)], "original")
    assert good.values == original.values
    assert isinstance(failed, Failure)
    assert (failed.status, failed.row) == (422, 4)


def test_all_ends_with_the_front(artifact: str, tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[3])\n"
        "from tests.e2e.server.test_worker import Served, Order\n"
        "one = Served(sys.argv[1], Order()); one.fork(); one.fork()\n"
        "print(one.process.pid, *one.pids, flush=True)\n"
        "sys.stdin.read()\n"
    )
    root = str(Path(__file__).parents[3])
    with subprocess.Popen(
        [sys.executable, "-c", code, artifact, str(tmp_path), root],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root,
    ) as front:  # fmt: skip
        assert front.stdout is not None
        pids = [int(each) for each in front.stdout.readline().split()]
        assert len(pids) == 3
        assert not any(map(gone, pids))
        front.kill()
    wait_until_gone(*pids)


def test_workers_end_with_their_loader(artifact: str, served: Any) -> None:
    one = served(artifact)
    one.fork()
    one.process.kill()
    one.process.wait(SECONDS)
    wait_until_gone(*one.pids)


def _others(pid: int) -> list[str]:
    """What a process has open, but its standard error."""
    found = set()
    for each in set(os.listdir(f"/proc/{pid}/fd")) - {"2"}:
        with contextlib.suppress(OSError):
            found.add(os.readlink(f"/proc/{pid}/fd/{each}"))
    return list(found)


def test_workers_keep_only_what_is_theirs(artifact: str, served: Any) -> None:
    ours, theirs = socket.socketpair()
    os.set_inheritable(ours.fileno(), True)
    one = served(artifact)
    one.fork()
    one.fork()
    for pid in one.pids:
        until = time.monotonic() + SECONDS
        while len(_others(pid)) > 4:  # the pipe on which it says that it is ready is closed a moment later
            assert time.monotonic() < until
            time.sleep(0.01)
        assert sorted(each.partition(":")[0] for each in _others(pid)) == ["/dev/null", "/memfd", "pipe", "pipe"]
        assert os.getpriority(os.PRIO_PROCESS, pid) == os.getpriority(os.PRIO_PROCESS, 0)
    ours.close()
    theirs.close()


def test_a_hostile_artifact_is_refused_with_its_code(artifact: str, served: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "hurt.amber")
    data = bytearray(Path(artifact).read_bytes())
    data[len(data) // 2] ^= 1
    Path(path).write_bytes(data)
    one = served(path, name="shop")
    assert isinstance(one.first, Refused)
    assert one.first.code in ("crc-mismatch", "digest-mismatch", "container-not-canonical")
    assert (one.first.verdict, one.first.name) == ("broken", "shop")
    assert one.process.wait(SECONDS) == 0


def test_what_the_policy_does_not_accept_is_refused(artifact: str, served: Any) -> None:
    assert served(artifact, **Order.policy_of(amber.Policy(verdict="identical"))).first.code == "verdict-too-low"
    assert served(artifact, **Order.policy_of(WANTS_ALICE)).first.code == "policy-refused"


def test_memory_has_a_bound(artifact: str, served: Any) -> None:
    refused = served(artifact, memory=1 << 16).first
    assert isinstance(refused, Refused)
    assert isinstance(served(artifact, memory=1 << 30).first, Ready)


def test_loading_has_an_end(artifact: str, served: Any) -> None:
    one = served(artifact, seconds=0.001)
    assert isinstance(one.first, Refused)
    assert (one.first.code, one.first.verdict) == ("load-timeout", "unchecked")
    assert one.process.wait(SECONDS) == 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="a thread has a priority on Linux alone")
def test_what_others_keep_the_processor_from_it_does_not_count(artifact: str, served: Any) -> None:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})  # of this thread, and of what it starts
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        let_go = threading.Timer(8.0, busy.kill)  # at nice 19 beside it there is about a fiftieth of the processor
        let_go.start()
        assert isinstance(served(artifact, seconds=2.0).first, Ready)
        let_go.cancel()
    finally:
        busy.kill()
        busy.wait()
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize("kind", ["shared", "socket"] if shared.AVAILABLE else ["socket"])
def test_a_spawned_worker_answers_the_same(artifact: str, served: Any, kind: Kind) -> None:
    one = served(artifact, kind, spawn=True)
    end = one.fork()
    assert one.pids == [one.process.pid]
    (answer,) = one.ask(end, [part(rows()[:4])])
    np.testing.assert_allclose(proba(answer), amber.program(artifact).predict_proba(rows()[:4]))
    end.probe()
    assert received(end) == Probed("equivalent")
    one.control.close()
    assert one.process.wait(SECONDS) == 0


def test_forked_workers_take_batches_through_sockets_too(artifact: str, served: Any) -> None:
    one = served(artifact, "socket")
    end = one.fork()
    (answer,) = one.ask(end, [part(rows()[:4])])
    assert isinstance(answer, Answered)


def test_a_worker_that_dies_in_a_batch_loses_that_batch_alone(artifact: str, served: Any) -> None:
    one = served(artifact)
    end = one.fork()
    os.kill(one.pids[0], signal.SIGSTOP)
    end.send([part(rows()[:1])], (0, 1), "program")
    os.kill(one.pids[0], signal.SIGKILL)
    assert isinstance(one.heard(), Died)
    assert [each.code for each in end.receive()] == ["worker-lost"]
    assert end.broken
    assert isinstance(one.ask(one.fork(), [part(rows()[:1])])[0], Answered)


def _pss(pid: int) -> int:
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


@pytest.mark.slow
def test_more_workers_share_a_forest(served: Any, tmp_path: Path) -> None:
    X = np.random.default_rng(3).normal(size=(3000, 6))
    model = RandomForestClassifier(60, random_state=0).fit(X, X[:, 0] + X[:, 1] * X[:, 2] > 0)
    path = str(tmp_path / "forest.amber")
    amber.save(model, path, sample=X[:40], name="forest")
    amber.freeze(path, path)
    one = served(path)
    total = []
    for _ in range(4):
        end = one.fork()
        one.ask(end, [part(X[:32])])
        total.append(sum(map(_pss, [one.process.pid, *one.pids])))
    assert total[3] < 1.5 * total[0]  # each by itself would make it four times as much
