"""A server as a tree of processes: started on one core, its processor time and memory summed, ended whole."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil

TICK = os.sysconf("SC_CLK_TCK")
SERVER_CORE, LOAD_CORE = "0", "1"


class Server:
    """A started server."""

    def __init__(self, words: list[str], folder: Path, environment: dict[str, str], log: Path) -> None:
        self.log = log
        self.begun = time.perf_counter()
        self.child = subprocess.Popen(
            ["taskset", "-c", SERVER_CORE, *words], cwd=folder, env={**os.environ, **environment},
            stdout=log.open("wb"), stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def ready(self, url: str, seconds: float = 180) -> float:
        """Wait until a URL answers 200; return the seconds since the start."""
        while time.perf_counter() - self.begun < seconds:
            if self.child.poll() is not None:
                break
            with contextlib.suppress(OSError, urllib.error.URLError), urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return time.perf_counter() - self.begun
            time.sleep(0.02)
        raise RuntimeError(f"not ready: {self.log.read_text(errors='replace')[-2000:]}")

    def tree(self) -> list[psutil.Process]:
        """The processes that live now."""
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.child.pid)
            return [root, *root.children(recursive=True)]
        return []

    def cpu(self) -> float:
        """Seconds of user and system time of all of them, and of their dead children."""
        total = 0.0
        for each in self.tree():
            with contextlib.suppress(OSError, ValueError):
                words = Path(f"/proc/{each.pid}/stat").read_text().rpartition(")")[2].split()
                total += sum(int(word) for word in words[11:13]) / TICK
        return total

    def pss(self) -> float:
        """MB of memory of all of them, what is shared divided among those that share it."""
        total = 0.0
        for each in self.tree():
            with contextlib.suppress(OSError, ValueError):
                for line in Path(f"/proc/{each.pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1]) / 1000
        return total

    def stop(self) -> None:
        """End all of them: politely, then not."""
        tree = self.tree()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.child.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.child.wait(10)
        _, alive = psutil.wait_procs(tree, timeout=5)
        for each in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()


@contextlib.contextmanager
def started(words: list[str], folder: Path, environment: dict[str, str], log: Path) -> Iterator[Server]:
    """Start a server and always stop it."""
    server = Server(words, folder, environment, log)
    try:
        yield server
    finally:
        server.stop()
