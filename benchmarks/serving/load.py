"""The load: wrk for throughput, h2load for a fixed rate with the latency of every request; both on their own core."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.processes import LOAD_CORE, Server

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
_LUA = """
wrk.method = "POST"
wrk.body = io.open({body!r}, "rb"):read("*a")
{headers}
"""


@dataclass
class Loaded:
    """One run: CPU seconds of the server per request, requests per second, latencies in seconds, failures."""

    cpu: float
    rate: float
    p50: float
    p99: float
    requests: int
    failed: int


def wrk(server: Server, url: str, body: bytes, headers: dict[str, str], seconds: int, connections: int = 64) -> Loaded:
    """Load a server as hard as it goes."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "body").write_bytes(body)
        lines = "\n".join(f"wrk.headers[{name!r}] = {value!r}" for name, value in headers.items())
        script = Path(folder) / "post.lua"
        script.write_text(_LUA.format(body=str(Path(folder) / "body"), headers=lines))
        words = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency",
                 "--timeout", "60s", "-s", str(script), url]  # fmt: skip
        before = server.cpu()
        said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
        spent = server.cpu() - before
    requests = int(_found(r"(\d+) requests in", said))
    failed = int(_found(r"Non-2xx or 3xx responses: (\d+)", said, "0"))
    errors = re.search(r"connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    failed += sum(map(int, errors.groups())) if errors else 0
    return Loaded(
        cpu=spent / max(requests, 1), rate=float(_found(r"Requests/sec:\s+([\d.]+)", said)),
        p50=_seconds(_found(r"(?m)^ +50% +(\S+) *$", said)), p99=_seconds(_found(r"(?m)^ +99% +(\S+) *$", said)),
        requests=requests, failed=failed,
    )  # fmt: skip


def _found(pattern: str, text: str, default: str | None = None) -> str:
    match = re.search(pattern, text)
    if match is None and default is None:
        raise RuntimeError(f"wrk did not say {pattern}: {text}")
    return match.group(1) if match else str(default)


def _seconds(text: str) -> float:
    match = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text)
    if match is None:
        raise RuntimeError(f"not a time: {text}")
    return float(match.group(1)) * _UNITS[match.group(2)]


@dataclass
class Paced:
    """One run at a fixed rate: latencies in seconds, failures."""

    p50: float
    p99: float
    requests: int
    failed: int


def paced(url: str, body: bytes, headers: dict[str, str], rate: float, seconds: int, connections: int = 16) -> Paced:
    """Ask at a fixed rate. h2load logs start, status and duration (microseconds) of every request."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "body").write_bytes(body)
        log = Path(folder) / "log"
        words = ["taskset", "-c", LOAD_CORE, "h2load", "--h1", "-t", "1", "-c", str(connections), "-D", str(seconds),
                 "--rps", f"{max(rate / connections, 0.1):.1f}", "-d", str(Path(folder) / "body"),
                 "--log-file", str(log)]  # fmt: skip
        for name, value in headers.items():
            words += ["-H", f"{name}: {value}"]
        subprocess.run([*words, url], check=True, capture_output=True)
        rows = [line.split("\t") for line in log.read_text().splitlines()]
    taken = sorted(int(row[2]) / 1e6 for row in rows)
    failed = sum(not row[1].startswith("2") for row in rows)
    return Paced(quantile(taken, 0.5), quantile(taken, 0.99), len(taken), failed)


def quantile(values: list[float], share: float) -> float:
    """Return a quantile of sorted values."""
    return values[min(int(share * len(values)), len(values) - 1)] if values else float("nan")
