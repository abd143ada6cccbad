"""As an ordinary user, who gets no priority back: a newcomer loads at nice 19, its workers run as the server."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("httptools")

from sklearn.linear_model import LinearRegression

import amber
from tests.e2e.server.small_models import line
from tests.e2e.server.test_cli_serve import AMBER, Serving

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a thread has a priority on Linux alone")
SECONDS = 60
CAP_SYS_NICE = 23
PR_CAPBSET_DROP = 24


def become_ordinary() -> None:
    """Give up for good what lets root raise a priority; an ordinary user has not got it (EPERM)."""
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_SYS_NICE, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_NICE, (0, 0))


@contextlib.contextmanager
def serving(path: Path) -> Iterator[tuple[Serving, str]]:
    command = [*AMBER, "serve", str(path), "--reload", "--port", "0", "--access-log", "off", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, preexec_fn=become_ordinary
    ) as process:
        running = Serving(process)
        try:
            url = running.until("listening")["http"][0]
            running.until("ready")
            yield running, url
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def children(pid: int) -> list[int]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def niceness(thread: int) -> int:
    return os.getpriority(os.PRIO_PROCESS, thread)


def of_threads(pid: int) -> set[int]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return {niceness(int(each)) for each in os.listdir(f"/proc/{pid}/task")}
    return set()


def predict(url: str, body: bytes, content_type: str) -> Any:
    with contextlib.closing(http.client.HTTPConnection(url.removeprefix("http://"), timeout=SECONDS)) as connection:
        connection.request("POST", "/v1/models/line:predict", body, {"content-type": content_type})
        return connection.getresponse().status


def test_who_loads_steps_back_and_who_answers_does_not(tmp_path: Path) -> None:
    X = np.random.default_rng(2).normal(size=(60, 3))
    newer, path = tmp_path / "newer.amber", tmp_path / "line.amber"
    amber.save(LinearRegression().fit(X, X[:, 0]), newer, sample=X, name="line", version="2.0.0", freeze=True)
    shutil.copy(line(), path)
    own = niceness(0)
    with serving(path) as (running, url):
        front = running.process.pid
        allowed = next(each for each in Path(f"/proc/{front}/status").read_text().splitlines() if "CapEff" in each)
        assert not int(allowed.split()[1], 16) >> CAP_SYS_NICE & 1
        (old,) = children(front)
        assert [niceness(front), *map(niceness, children(old))] == [own, own]
        assert os.getsid(old) == old  # Ctrl-C does not reach it

        os.replace(newer, path)
        until, seen, loader = time.monotonic() + SECONDS, set(), 0
        while not (loader and children(loader)):  # the loader has forked: what it loaded is there
            assert time.monotonic() < until
            loader = next((each for each in children(front) if each != old), 0)
            seen |= of_threads(loader) if loader else set()
            time.sleep(0.002)
        while running.until("loaded")["version"] != "2.0.0":
            pass
        assert seen == {own, 19}
        assert [niceness(each) for each in children(loader)] == [own]

        assert predict(url, b"1,2,3\n", "text/csv;header=absent") == 200
        assert sorted(map(niceness, children(loader))) == [own, 19]
        assert predict(url, b'{"instances":[[1,2,3]]}', "application/json") == 200

        known, judges = {old, loader}, set()
        os.kill(front, signal.SIGHUP)
        until = time.monotonic() + SECONDS
        while not judges:  # whoever revokes a key waits for it
            assert time.monotonic() < until
            for judge in set(children(front)) - known:
                while there := of_threads(judge):
                    judges |= there
        assert judges == {own}
