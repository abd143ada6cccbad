"""Forked workers draw random numbers of their own, and what has nothing to do with chance is the same from each."""

from __future__ import annotations

import os
import random
import select
import selectors
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amber.server.wire import lane
from amber.server.wire.control import Forked, Serve
from amber.server.worker.workers import Workers

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs fork")


class Heard:
    """The front's side of the control connection: what it was told."""

    def __init__(self) -> None:
        self.frames: list[Any] = []

    def send(self, frame: Any) -> None:
        self.frames.append(frame)


def test_two_workers_draw_other_numbers_and_answer_alike(bench: Callable[..., Any], shelf: Any, tmp_path: Path) -> None:
    _, rows = shelf("matrix")
    served = bench("matrix", "program")
    drawn = tmp_path / "drawn"

    def draw() -> Any:
        with drawn.open("a") as file:
            file.write(f"{random.random()} {np.random.random()}\n")
        return "identical", ""

    heard: Any = Heard()
    selector = selectors.DefaultSelector()
    workers = Workers(heard, replace(served.loaded, probers=[draw]), selector)
    lanes = [lane.create(1 << 16, 1 << 16, served.interface) for _ in range(2)]
    try:
        random.seed(7)
        np.random.seed(7)
        for number, made in enumerate(lanes):
            sizes = {"request_bytes": made.request_bytes, "answer_bytes": made.answer_bytes}
            workers.fork(Serve(lane=number, kind=made.kind, **sizes), [os.dup(each) for each in made.fds()])
            made.handed_over()
        while len(heard.frames) < 2:
            for key, _ in selector.select(60):
                key.data()
        assert sorted(each.lane for each in heard.frames if isinstance(each, Forked)) == [0, 1]
        answers = []
        for made in lanes:
            assert made.send([served.rows(rows[:5])], served.interface.default, "program") == 1
            while (found := made.receive()) is None:
                assert select.select([made.fd], [], [], 60)[0]
            answers.append(found[0].values)
    finally:
        workers.end()
        for made in lanes:
            made.close()
    assert len(set(drawn.read_text().split())) == 4
    assert answers[0] == answers[1]
