"""A real `amber serve` whose events and log can be looked at while it runs, and callers that never stop asking."""

from __future__ import annotations

import collections
import contextlib
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SECONDS = 60
PREDICT = "/v1/models/line:predict"
ROW = b"[[1.0]]"


class Serving:
    """A running server: its events so far, and what it wrote to its standard error."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process, self.log = process, log
        self.events: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for text in self.process.stdout:
            self.events.append(json.loads(text))

    def told(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """Return the events of a kind that have these fields."""
        return [
            each
            for each in list(self.events)
            if each["event"] == kind and all(each.get(name) == value for name, value in fields.items())
        ]

    def until(self, true: Callable[[], Any]) -> Any:
        """Wait for what another process does; return what it came to."""
        end = time.monotonic() + SECONDS
        while not (found := true()):
            assert self.process.poll() is None, self.words()
            assert time.monotonic() < end, (self.events, self.words())
            time.sleep(0.02)
        return found

    def words(self) -> str:
        """Return what it wrote to its standard error, but for the log of requests."""
        with self.log.open() as lines:
            return "".join(line for line in lines if not line.startswith('{"time"'))

    @property
    def address(self) -> str:
        url: str = self.told("listening")[0]["http"][0]
        return url.removeprefix("http://")

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Return status and body of one request; a body that is no bytes goes as JSON."""
        with contextlib.closing(http.client.HTTPConnection(self.address, timeout=SECONDS)) as connection:
            data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, data, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def processes(self) -> tuple[int, list[int]]:
        """Return the process id of the one loader, and those of its workers."""
        (loader,) = children(self.process.pid)
        return loader, children(loader)


def children(pid: int) -> list[int]:
    """Return what the main thread of a process has started."""
    with contextlib.suppress(FileNotFoundError):
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


@contextlib.contextmanager
def serving(folder: Path, *words: str) -> Iterator[Serving]:
    """Serve from a folder until the block ends; ready at its beginning."""
    log = folder / "stderr.txt"
    command = [sys.executable, "-m", "amber.cli.main", "serve", *words, "--port", "0", "--json"]
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        running = Serving(process, log)
        try:
            running.until(lambda: running.told("ready"))
            yield running
        finally:
            process.terminate()
            try:
                process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


class Load:
    """Callers on connections of their own that ask one request again and again.

    Attributes:
        statuses: How many answers had which status; 0: there was none, or it was torn.
        bodies: The different bodies of answers with status 200, in the order they came.
    """

    def __init__(self, server: Serving, path: str, body: bytes, callers: int = 8, key: str = "") -> None:
        self.statuses: collections.Counter[int] = collections.Counter()
        self.bodies: dict[bytes, None] = {}
        self.codes: collections.Counter[str] = collections.Counter()
        self._server, self._path, self._body = server, path, body
        self._headers = {"x-api-key": key} if key else {}
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._call) for _ in range(callers)]

    def __enter__(self) -> Load:
        for each in self._threads:
            each.start()
        self.more()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for each in self._threads:
            each.join(SECONDS)

    @property
    def count(self) -> int:
        return sum(self.statuses.values())

    def more(self, answers: int = 100) -> None:
        """Wait until so many more answers have come."""
        wanted = self.count + answers
        self._server.until(lambda: self.count >= wanted)

    def _call(self) -> None:
        connection = http.client.HTTPConnection(self._server.address, timeout=SECONDS)
        while not self._over.is_set():
            try:
                connection.request("POST", self._path, self._body, self._headers)
                answer = connection.getresponse()
                status, body = answer.status, answer.read()
            except (http.client.HTTPException, OSError):
                connection.close()
                status, body = 0, b""
            with self._lock:
                self.statuses[status] += 1
                if status == 200:
                    self.bodies[body] = None
                elif body:
                    self.codes[json.loads(body)["code"]] += 1
            time.sleep(0.002)
        connection.close()


def replace(path: Path, source: Path) -> None:
    """Put a copy of a file in the place of another, at once."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(source.read_bytes())
    os.replace(fresh, path)


def slope(server: Serving) -> float:
    """The answer to `ROW`: the slope of the line that is served."""
    status, body = server.ask("POST", PREDICT, ROW)
    assert status == 200, body
    return round(float(body.partition(b"[")[2].partition(b"]")[0]), 6)
