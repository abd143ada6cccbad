"""Processor time per request of every server: one row and 100 rows, JSON; ours also in binary tensors."""

from __future__ import annotations

import json
import os
import socket
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.serving.load import Loaded, wrk
from benchmarks.serving.peers import Case, Peer, binary
from benchmarks.serving.processes import Server, started

MANY = 100


@dataclass
class Served:
    """What was measured of one server, a list entry per round; `error` where it could not be."""

    ready: list[float] = field(default_factory=list)
    pss: list[float] = field(default_factory=list)
    one: list[Loaded] = field(default_factory=list)
    many: list[Loaded] = field(default_factory=list)
    raw: list[Loaded] = field(default_factory=list)
    error: str = ""


def free_port() -> int:
    """Return a port nobody listens on now, and whose two neighbours are free too."""
    while True:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
        try:
            for number in (port, port + 1, port + 2):
                with socket.socket() as each:
                    each.bind(("127.0.0.1", number))
        except OSError:
            continue
        return port


def compared(peers: Sequence[Peer], case: Case, rounds: int, seconds: int, many: bool) -> dict[str, Served]:
    """Measure servers in turns."""
    found = {peer.name: Served() for peer in peers}
    for number in range(rounds):
        for peer in peers:
            served = found[peer.name]
            if served.error:
                continue
            print(f"round {number + 1}: {peer.name} ...", file=sys.stderr, flush=True)
            try:
                _round(peer, case, served, seconds, many)
            except (RuntimeError, OSError) as error:
                served.error = " ".join(str(error).split())[-300:] or repr(error)
    return found


def _round(peer: Peer, case: Case, served: Served, seconds: int, many: bool) -> None:
    port = free_port()
    log = case.folder / f"{peer.name.replace(' ', '-')}.log"
    environment = {"MODEL": str(case.pickled), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
                   "PATH": f"{peer.python.parent}:{os.environ['PATH']}", **peer.environment}  # fmt: skip
    if not peer.python.exists():
        raise RuntimeError("not installed: make bench-serving")
    with started([str(peer.python), *peer.words(case, port)], Path.cwd(), environment, log) as server:
        served.ready.append(server.ready(f"http://127.0.0.1:{port}{peer.ready}"))
        url = f"http://127.0.0.1:{port}{peer.path}"
        given = dict(peer.headers)
        if peer.name == "Amber":
            given["Authorization"] = f"Bearer {case.key}"
        check(peer, case, url, given)
        served.one.append(_loaded(server, url, peer.body(case.rows[:1]), given, seconds))
        served.pss.append(server.pss())
        if many:
            rows = case.rows[:MANY]
            served.many.append(_loaded(server, url, peer.body(rows), given, seconds))
            if peer.name == "Amber":
                body, headers = binary(rows)
                served.raw.append(_loaded(server, url, body, {**given, **headers}, seconds))


def _loaded(server: Server, url: str, body: bytes, headers: dict[str, str], seconds: int) -> Loaded:
    wrk(server, url, body, headers, 1)  # warms, and is not counted
    loaded = wrk(server, url, body, headers, seconds)
    if loaded.failed:
        raise RuntimeError(f"{loaded.failed} of {loaded.requests} requests failed")
    return loaded


def check(peer: Peer, case: Case, url: str, headers: dict[str, str]) -> None:
    """Ask once and compare the probabilities with the original's."""
    request = urllib.request.Request(url, peer.body(case.rows[:5]), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        found = peer.answer(json.loads(answer.read()))
    if found is not None and not np.allclose(found, case.model.predict_proba(case.rows[:5]), rtol=1e-6):
        raise RuntimeError("the answer is not the original's")
