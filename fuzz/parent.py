"""Keeping a child alive, noticing its death, and writing down what was found."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import re
import signal
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fuzz import calls, child

PATIENCE = 180  # seconds of wall clock before a child that neither answers nor uses its processor time is ended
LIFETIME = 300  # files one child answers


class Parent:
    """Sends files to a child process and starts another when it dies.

    Args:
        folder: Where findings are kept.
        serve: What runs in the child.
    """

    def __init__(self, folder: Path, serve: Callable[..., None] = child.serve) -> None:
        self.folder = folder
        self.serve = serve
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["fuzz.child", "fuzz.calls", "sklearn.ensemble", "sklearn.svm", "pandas"])
        self.notes = os.path.join(tempfile.mkdtemp(prefix="amber-fuzz-"), "note")
        self.counts: Counter[str] = Counter()
        self.known: set[str] = set()
        self.process: Any = None
        self.connection: Any = None
        self.answered = 0

    def start(self) -> None:
        """Start a child."""
        self.connection, theirs = self.context.Pipe()
        self.process = self.context.Process(target=self.serve, args=(theirs, self.notes), daemon=True)
        self.process.start()
        theirs.close()
        self.answered = 0

    def stop(self) -> None:
        """End the child."""
        if self.process is not None:
            self.connection.close()
            self.process.join(5)
            if self.process.is_alive():
                self.process.kill()
                self.process.join()
        self.process = None

    def ask(self, data: bytes) -> str:
        """Let the child load one file and call its methods; return `built`, `refused` or `finding`."""
        if self.process is None or self.answered >= LIFETIME:
            self.stop()
            self.start()
        self.answered += 1
        try:
            self.connection.send_bytes(data)
            if not self.connection.poll(PATIENCE):
                return self.died(data, "no answer")
            answer = json.loads(self.connection.recv_bytes())
        except (EOFError, OSError):
            return self.died(data, "")
        self.counts["calls"] += answer["calls"]
        for finding in answer["findings"]:
            self.record(finding, data)
        self.counts[answer["status"]] += 1
        return str(answer["status"])

    def died(self, data: bytes, why: str) -> str:
        """Write down the death of a child, unless it only used up the time of a fit."""
        if why:
            self.process.kill()
        self.process.join()
        code = self.process.exitcode
        self.process = None
        doing = Path(self.notes).read_text(encoding="utf-8", errors="replace").strip()
        fault = Path(self.notes + ".fault").read_text(encoding="utf-8", errors="replace")[:1500]
        slow_fit = doing.rpartition(".")[2] in calls.FITTING
        if slow_fit and (why or code == -signal.SIGXCPU):
            self.counts["slow fits"] += 1
            return "built"
        name = why or (signal.Signals(-code).name if code and code < 0 else f"exit {code}")
        self.record(f"{name}: {doing}\n{fault}", data)
        self.counts["finding"] += 1
        return "finding"

    def record(self, what: str, data: bytes) -> None:
        """Keep one file for each different finding."""
        key = re.sub(r"0x[0-9a-f]+|line \d+|\d+", "#", what)
        if key in self.known:
            return
        self.known.add(key)
        self.counts["different findings"] += 1
        self.folder.mkdir(parents=True, exist_ok=True)
        stem = self.folder / hashlib.sha256(key.encode()).hexdigest()[:12]
        stem.with_suffix(".amber").write_bytes(data)
        stem.with_suffix(".txt").write_text(what + "\n")
        print(f"FINDING {stem}.amber\n  {what.strip()[:1200]}", flush=True)
