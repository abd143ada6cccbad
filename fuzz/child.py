"""The process that loads and calls: limited in memory and processor time, watched for effects on the world outside.

It answers each file with one line of JSON. When it dies, the line it was about to answer for stands in the note file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import faulthandler
import hashlib
import json
import os
import random
import resource
import signal
import sys
import traceback
import warnings
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from fuzz.watch import Watch, strange

MEMORY = 2 << 30  # bytes of address space beyond what the libraries take
SECONDS = 5  # of processor time for one call; a loop in native code is ended after twice that


class Late(BaseException):
    """A call took longer than it may."""


def serve(connection: Connection, notes: str, kind: type[Worker] | None = None) -> None:
    """Answer files until the other end closes."""
    quiet = os.open(os.devnull, os.O_RDWR)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    note = os.open(notes, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    faults = open(notes + ".fault", "w")  # noqa: SIM115 - open as long as the process
    faulthandler.enable(faults)
    worker = (kind or Worker)(note)
    while True:
        try:
            data = connection.recv_bytes()
        except EOFError:
            return
        connection.send_bytes(json.dumps(worker.answer(data)).encode())


class Worker:
    """Loads files and calls what they built."""

    def __init__(self, note: int) -> None:
        import gc

        import lightgbm  # noqa: F401 - what importing a library of the vocabulary does is no effect of a file
        import xgboost  # noqa: F401

        import amber.models.load
        import fuzz.calls
        from amber.policy import places

        places.keyring_folder = places.floor_file = lambda: None  # the reader's own files are no doing of an input

        self.calls = fuzz.calls
        self.load = amber.models.load.load
        self.policy = small_limits()
        self.note = note
        self.watch = Watch(str(Path(__file__).resolve().parent.parent))
        signal.signal(signal.SIGPROF, _late)
        used = int(open("/proc/self/statm").read().split()[0]) * os.sysconf("SC_PAGESIZE")  # noqa: SIM115
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        gc.collect()
        gc.freeze()

    def say(self, what: str) -> None:
        """Leave what is about to be done where it is found after a crash."""
        os.pwrite(self.note, f"{what:<200.200}".encode("utf-8", "replace"), 0)

    def answer(self, data: bytes) -> dict[str, Any]:
        """Load one file and make every call; return what was found."""
        rng = random.Random(hashlib.sha256(data).digest())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            status, model, findings = self.loaded(data, rng)
            count = 0
            if status == "built":
                # an odd object may refuse even to be looked at: that ends its calls and is no finding
                with contextlib.suppress(Exception):
                    for name, call in self.calls.calls(model, rng):
                        count += 1
                        findings += self.called(name, call)
                        if findings:
                            break
        return {"status": status, "calls": count, "findings": findings[:3]}

    def loaded(self, data: bytes, rng: random.Random) -> tuple[str, Any, list[str]]:
        """Return whether the file was refused or built, the object, and what was wrong with that."""
        from amber.errors import AmberError

        known = set(sys.modules)
        replay = "always" if rng.random() < 0.3 else "never"
        self.say(f"load replay={replay}")
        self.limit()
        self.watch.start()
        model, status, findings = None, "built", []
        try:
            model = self.load(data, policy=self.policy, replay=replay)
        except AmberError:
            status = "refused"
        except Late:
            findings = ["late: load"]
        except BaseException:
            findings = ["load: " + traceback.format_exc(limit=-6)]
        signal.setitimer(signal.ITIMER_PROF, 0)
        findings += [f"effect while loading: {each}" for each in self.watch.stop()]
        findings += [f"imported while loading: {name}" for name in strange(set(sys.modules) - known)]
        return ("finding" if findings else status), model, findings

    def called(self, name: str, call: Any) -> list[str]:
        """Make one call; return what was wrong."""
        fitting = name.rpartition(".")[2] in self.calls.FITTING
        self.say(name)
        self.limit()
        self.watch.start()
        found: list[str] = []
        try:
            call()
        except Late:
            if not fitting:
                found = [f"{name}: " + traceback.format_exc(limit=-6)]
        except MemoryError:
            if name.rpartition(".")[2] not in self.calls.CHANGING:
                found = [f"{name}: " + traceback.format_exc(limit=-6)]
        except SystemError:
            found = [f"{name}: " + traceback.format_exc(limit=-6)]
        except BaseException:
            pass
        with contextlib.suppress(Late):  # it may come between the answer and here
            signal.setitimer(signal.ITIMER_PROF, 0)
        return found + [f"effect of {name}: {each}" for each in self.watch.stop()]

    def limit(self) -> None:
        """Give the next call its processor time."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        spent = int(usage.ru_utime + usage.ru_stime)
        resource.setrlimit(resource.RLIMIT_CPU, (spent + 2 * SECONDS + 1, resource.RLIM_INFINITY))
        signal.setitimer(signal.ITIMER_PROF, SECONDS)


def small_limits() -> Any:
    """Return a policy whose caps on work are so low that a call within them is quick: what is slow is not capped."""
    from amber.limits import DEFAULT
    from amber.policy import Policy

    return Policy(limits=dataclasses.replace(
        DEFAULT, polynomial_degree=5, hash_features=2**20, jobs=1, ngram=8, components=2**14, iterations=1000,
        unfolded_objects=10_000, load_replay_seconds=1.0,
    ))  # fmt: skip


def _late(_signal: int, _frame: Any) -> None:
    raise Late
