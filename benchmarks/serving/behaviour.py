"""What Amber's server promises beside throughput: latency, memory, start, and a swap that nobody notices."""

from __future__ import annotations

import json
import shutil
import statistics
import threading
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.serving.load import Paced, paced, quantile, wrk
from benchmarks.serving.peers import Case, Peer, amber
from benchmarks.serving.processes import Server, started
from benchmarks.serving.throughput import free_port

JSON = {"Content-Type": "application/json"}
BULK_BYTES = 20 * 1024 * 1024


@dataclass
class Behaviour:
    """What was measured, an entry per round; seconds and MB."""

    half: list[Paced] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)  # p99 of one-row requests while a large body is answered
    bulk: list[float] = field(default_factory=list)  # seconds that body took
    usual: list[float] = field(default_factory=list)  # p99 around no swap
    swapped: list[float] = field(default_factory=list)  # p99 in the seconds of the swap
    lost: int = 0  # requests that failed during swaps


def served(case: Case, peer: Peer, *more: str, port: int = 0) -> tuple[list[str], str]:
    """Return the command of Amber's server, and its address."""
    port = port or free_port()
    return [str(peer.python), *amber(*more)(case, port)], f"http://127.0.0.1:{port}"


def latency(case: Case, peer: Peer, seconds: int, into: Behaviour) -> None:
    """One-row requests at half of what the server can do, then the same while a body of 20 MiB arrives."""
    words, base = served(case, peer)
    body = peer.body(case.rows[:1])
    with started(words, Path.cwd(), {}, case.folder / "latency.log") as server:
        server.ready(base + peer.ready)
        url = base + peer.path
        full = wrk(server, url, body, JSON, 2)
        into.half.append(paced(url, body, JSON, full.rate / 2, seconds))
        large = threading.Thread(target=lambda: into.bulk.append(_post(url, _large(case, peer))))
        large.start()
        into.beside.append(paced(url, body, JSON, full.rate / 4, seconds).p99)
        large.join()


def _large(case: Case, peer: Peer) -> bytes:
    rows = case.rows.repeat(1 + BULK_BYTES // max(len(peer.body(case.rows)), 1), axis=0)
    return peer.body(rows)


def _post(url: str, body: bytes) -> float:
    begun = time.perf_counter()
    with urllib.request.urlopen(urllib.request.Request(url, body, JSON), timeout=120) as answer:
        json.loads(answer.read())
    return time.perf_counter() - begun


def swap(case: Case, other: Case, peer: Peer, seconds: int, into: Behaviour) -> None:
    """Replace the file under full load; compare the p99 of the seconds of the swap with the seconds before."""
    place = case.folder / "swapped.amber"
    shutil.copy(case.artifact, place)
    port = free_port()
    words = [str(peer.python), "-m", "amber.cli.main", "serve", str(place), "--port", str(port), "--reload",
             "--access-log", "off"]  # fmt: skip
    url, body = f"http://127.0.0.1:{port}{peer.path}", peer.body(case.rows[:1])
    with started(words, Path.cwd(), {}, case.folder / "swap.log") as server:
        server.ready(f"http://127.0.0.1:{port}{peer.ready}")
        wrk(server, url, body, JSON, 1)
        into.usual.append(wrk(server, url, body, JSON, seconds).p99)

        def replace() -> None:
            time.sleep(seconds / 4)
            fresh = place.with_suffix(".new")
            shutil.copy(other.artifact, fresh)
            fresh.replace(place)

        change = threading.Thread(target=replace)
        change.start()
        loaded = wrk(server, url, body, JSON, seconds)
        change.join()
        into.swapped.append(loaded.p99)
        into.lost += loaded.failed
        version = _version(f"http://127.0.0.1:{port}/v2/models/model")
        if version != "2.0.0":
            raise RuntimeError(f"the new version did not take over: {version} answers")


def _version(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(json.loads(answer.read())["versions"][-1])


def memory(case: Case, peer: Peer, workers: Sequence[int], *more: str) -> dict[int, float]:
    """MB of PSS, all processes together, after a few requests, by number of workers."""
    found = {}
    for count in workers:
        words, base = served(case, peer, "--workers", str(count), *more)
        with started(words, Path.cwd(), {}, case.folder / "memory.log") as server:
            server.ready(base + peer.ready)
            for _ in range(20 * count):
                _post(base + peer.path, peer.body(case.rows[:1]))
            found[count] = server.pss()
    return found


def start(case: Case, peer: Peer, rounds: int) -> float:
    """Seconds from the start of the process to the first ready, the median of some."""
    taken = []
    for _ in range(rounds):
        words, base = served(case, peer)
        with started(words, Path.cwd(), {}, case.folder / "start.log") as server:
            taken.append(server.ready(base + peer.ready))
    return statistics.median(taken)


__all__ = ["Behaviour", "Server", "latency", "memory", "quantile", "start", "swap"]
