"""The process that judges what is served: what it may say, and that it is gone afterwards, whatever it does."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from amber.server.front.endpoints import judge as judge_module
from amber.server.front.endpoints.judge import judged
from amber.server.front.endpoints.process import LoadError
from amber.server.wire import starting
from amber.server.wire.control import Control, Judged, Order, front_end, loader_end
from amber.server.worker.loader import _whole
from tests.unit.server.endpoints.misjudging import OUT

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="descriptors are sent on Linux")
Ask = Callable[..., Judged]
ROOT = Path(__file__).parents[4]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Ask:
    """What asks a process that behaves as named, and sees that it has ended."""
    monkeypatch.setattr(starting, "MODULE", "tests.unit.server.endpoints.misjudging")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "src")]))
    monkeypatch.setattr(judge_module, "_STOP_SECONDS", 0.5)
    begun: list[tuple[subprocess.Popen[bytes], Control]] = []
    start = judge_module.start

    def started(order: Order, artifact: int) -> tuple[subprocess.Popen[bytes], Control]:
        begun.append(start(order, artifact))
        return begun[-1]

    monkeypatch.setattr(judge_module, "start", started)

    def asked(name: str, seconds: float = 20.0) -> Judged:
        artifact = os.open(os.devnull, os.O_RDONLY)
        try:
            return asyncio.run(judged(Order(name=name, judge=True, seconds=seconds), artifact))
        finally:
            os.close(artifact)
            assert all(process.returncode is not None and control.fd == -1 for process, control in begun)

    return asked


@pytest.mark.parametrize("name", ["takes", "takes-not", "takes-and-sleeps"])
def test_what_it_says(ask: Ask, name: str) -> None:
    assert ask(name) == Judged(refused=OUT if name == "takes-not" else None)


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("cannot", "seen-unusable", "no space"),
        ("another-frame", "judge-failed", "what it may not say"),
        ("rubbish", "judge-failed", "a frame of"),
        ("half", "judge-failed", "the process ended"),
        ("dies", "judge-failed", "the process ended"),
    ],
)
def test_what_decides_nothing(ask: Ask, name: str, code: str, said: str) -> None:
    with pytest.raises(LoadError, match=said) as caught:
        ask(name)
    assert caught.value.refused.code == code


def test_one_that_says_nothing_is_given_up(ask: Ask) -> None:
    with pytest.raises(LoadError, match="nothing was said within 1 seconds"):
        ask("sleeps", seconds=1.0)


def test_an_order_of_any_size_waits_for_nobody_and_comes_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    ours.settimeout(5.0)  # where nobody reads: start would fail then
    with subprocess.Popen([sys.executable, "-c", ""]) as process, open(os.devnull, "rb") as artifact:
        monkeypatch.setattr(starting, "_started", lambda: (process, front_end(ours)))
        order = Order(name="a", policy={"roots": "r" * 1_000_000}, bundles={"a.json": bytes(300_000), "b.json": b"{}"})
        _, mine = starting.start(order, artifact.fileno())
        other = loader_end(theirs)
        while not (frames := other.receive()):
            pass
        ((frame, (held, large)),) = frames
        found = _whole(large) if frame.beside else frame
        os.close(held)
        mine.close()
        other.close()
    assert msgspec.structs.replace(found, front=0, modules=[]) == order
