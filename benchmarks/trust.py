"""`python -m benchmarks.trust [--quick] [--rounds N] [--folder DIR]`: what signatures cost.

Verifying and signing 1 GiB beside the libraries alone (SHA-256, BLAKE3 and CRC-32 of every byte, read once), adding a
signature beside `cp`, and a cold `amber verify --no-cases` beside `model_signing verify`. Each operation in a fresh
process, in turns. Writes the part about trust of RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import amber
from benchmarks import trust_worker
from benchmarks.measure import ROOT, Times, cold, milliseconds, ratio, stolen
from benchmarks.page import promises, replaced
from benchmarks.targets import Line

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"
GIB = 1024**3
MOST = 1.2  # of the libraries alone
# What is verified is also read into memory of its own, to be used: the row "bytes kept" says what that alone costs.
PEERS = dict.fromkeys((trust_worker.VERIFY, trust_worker.CHECK, trust_worker.BESIDE), trust_worker.LIBRARIES)
SHAPES = {"one tensor": 1, "eight tensors": 8}
BY_KEY = "amber verify --no-cases, key"
BY_CERTIFICATE = "amber verify --no-cases, certificate"
PEER = "model_signing verify key"
COLD_MOST = {BY_KEY: 0.25, BY_CERTIFICATE: 0.45}  # seconds


@dataclass
class Large:
    """One operation on a large artifact."""

    times: Times = field(default_factory=Times)
    written: list[int] = field(default_factory=list)


@dataclass
class Found:
    """All that one run measured."""

    large: dict[str, dict[str, Large]]
    cold: dict[str, Times]
    shares: bool  # whether the file system shares blocks


def main(words: list[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trust", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="64 MiB in place of 1 GiB; prints, and writes nothing")
    parser.add_argument("--rounds", type=int, default=0, help="how often each is measured (5; quick: 2)")
    parser.add_argument(
        "--folder", help="where artifacts are written meanwhile (3 GiB); on XFS or Btrfs blocks are shared"
    )
    wishes = parser.parse_args(words)
    rounds = wishes.rounds or (2 if wishes.quick else 5)
    begin, steal = time.perf_counter(), stolen()
    with tempfile.TemporaryDirectory(prefix="amber-trust-", dir=wishes.folder) as folder:
        found = measured(Path(folder), rounds, GIB // 16 if wishes.quick else GIB)
    text = "\n".join(page(found, rounds, stolen() - steal, time.perf_counter() - begin))
    print(text)
    if not wishes.quick:
        RESULTS.write_text(replaced(RESULTS.read_text(encoding="utf-8"), "trust", text), encoding="utf-8")
    return 0


def measured(folder: Path, rounds: int, size: int) -> Found:
    """Measure everything; round 0 warms up and is not counted."""
    files = _prepared(folder)
    small = files["small"]
    large = {}
    for shape, tensors in SHAPES.items():
        print(f"{shape} ...", file=sys.stderr, flush=True)
        path = folder / "large.amber"
        _saved(path, size, tensors)
        amber.sign(path, key=files["key"])
        large[shape] = _of_large([str(small), str(path), str(files["policy"])], rounds)
        for each in folder.glob("large.*"):
            each.unlink()
    print("starting ...", file=sys.stderr, flush=True)
    return Found(large, _of_processes(files, rounds), _shares(small))


def _prepared(folder: Path) -> dict[str, Path]:
    """A small signed artifact and its folder, keys, and a policy for the key and one for the certificate."""
    from cryptography.hazmat.primitives import serialization as s

    from amber.policy import encodings
    from amber.trust import issue, keys
    from amber.vault.key_files import certificate_chain

    key, ca_key = keys.generate(), keys.generate()
    ca = issue.issue_ca(ca_key, "Benchmark CA")
    leaf = issue.issue_leaf(ca_key, ca, key.public, "release@example.org", now=datetime.now(UTC))
    names = ("key", "key.pub", "ca.pem", "leaf.pem", "policy", "certificate", "small", "folder", "by-certificate")
    files = {name: folder / name for name in names}
    # not encrypted: the time to derive a key is not what is measured
    pem = key.of_library.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
    files["key"].touch(0o600)
    files["key"].write_bytes(pem)
    files["key.pub"].write_bytes(key.public.pem)
    for name, der in (("ca.pem", ca), ("leaf.pem", leaf)):
        files[name].write_text(encodings.pem(der, "CERTIFICATE"))
    rule = '[[rule]]\nnames = ["*"]\nrequire = [{from = ["a"], k = 1}]\n'
    files["policy"].write_text(f'[signers.a]\nkeys = ["key.pub"]\n{rule}')
    root = '{root = "ca.pem", san = "release@example.org"}'
    files["certificate"].write_text(f"[signers.a]\ncertificate = {root}\n{rule}")
    for name in ("policy", "certificate", "key.pub", "ca.pem"):
        files[name].chmod(0o600)
    _saved(files["small"], 8192, 1)
    chain = certificate_chain([str(files["leaf.pem"]), str(files["ca.pem"])])
    amber.sign(files["small"], key=files["key"], chain=chain, target=files["by-certificate"])
    amber.sign(files["small"], key=files["key"])
    amber.unpack(files["small"], files["folder"])
    return files


def _saved(path: Path, size: int, tensors: int) -> None:
    """Save random doubles of so many bytes in all."""
    chance = np.random.default_rng(0)
    arrays = {f"w{number}": chance.random(size // tensors // 8) for number in range(tensors)}
    amber.save(arrays, path, name="weights", version="1.0.0")


def _of_large(arguments: list[str], rounds: int) -> dict[str, Large]:
    found = {what: Large() for what in trust_worker.WHATS}
    for number in range(rounds + 1):
        for what, each in found.items():
            command = [sys.executable, "-W", "ignore", "-m", "benchmarks.trust_worker", what, *arguments]
            done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
            reply: dict[str, Any] = json.loads(done.stdout)
            if number:
                each.times.add(reply)
                each.written.append(reply["written"])
    return found


def _of_processes(files: dict[str, Path], rounds: int) -> dict[str, Times]:
    """Time whole processes, from their start to their end."""
    amber_, peer = (str(Path(sys.executable).with_name(name)) for name in ("amber", "model_signing"))
    bundle = str(files["folder"] / "signatures" / "0001-oms.sigstore.json")
    verify = [amber_, "verify", "--no-cases", "--policy"]
    commands = {
        BY_KEY: [*verify, str(files["policy"]), str(files["small"])],
        BY_CERTIFICATE: [*verify, str(files["certificate"]), str(files["by-certificate"])],
        PEER: [
            peer,
            "verify",
            "key",
            str(files["folder"]),
            "--signature",
            bundle,
            "--public_key",
            str(files["key.pub"]),
        ],
    }
    found = {name: Times() for name, command in commands.items() if Path(command[0]).exists()}
    for number in range(rounds + 1):
        for name, times in found.items():
            spent = cold(commands[name])
            if number:
                times.add(spent)
    return found


def _shares(path: Path) -> bool:
    """Whether the file system shares blocks of copies."""
    from amber.archive import append

    with path.open("rb") as origin, path.with_name("shared").open("wb") as copy:
        return append.cloned(origin.fileno(), copy.fileno())


def targets(found: Found) -> Iterator[Line]:
    """Yield what is promised beside what was measured."""
    for shape, operations in found.large.items():
        for what, peer in PEERS.items():
            times = ratio(operations[what].times.clock, operations[peer].times.clock)
            promise = f"at most {MOST} x {peer}"
            yield Line(f"{shape}: {what}", promise, f"{times:.2f} x", times <= MOST)
        if found.shares:
            written = max(operations[trust_worker.ADD].written)
            yield Line(
                f"{shape}: {trust_worker.ADD}", "no payload is copied", f"{written:,} bytes written", written < 1 << 20
            )
    for name, most in COLD_MOST.items():
        spent = statistics.median(found.cold[name].clock)
        yield Line(name, f"at most {most * 1000:.0f} ms from start to end", f"{milliseconds(spent)} ms", spent <= most)


def page(found: Found, rounds: int, stolen_seconds: float, wall: float) -> Iterator[str]:
    """Yield the lines of the part about trust."""
    shares = (
        "shares blocks of copies" if found.shares else "cannot share blocks: a copy of a file is a copy of its bytes"
    )
    yield "## Trust\n"
    yield (
        "Written by `python -m benchmarks.trust`: a signed artifact of 1 GiB under a policy that names its signer, "
        f"each operation in a fresh process, in turns; medians of {rounds} rounds. *libraries alone* reads the file "
        "once and computes SHA-256, BLAKE3 and CRC-32 of every member on all cores, one pass over pieces of 512 KiB; "
        "*bytes kept*: into memory of its own with large pages, as a reader must who uses what was hashed. "
        f"The file system {shares}. {wall:.0f} s in all, of which the host took {stolen_seconds:.1f} s (steal).\n"
    )
    yield from promises(list(targets(found)), "###")
    yield "### Times\n"
    yield "| operation | " + " | ".join(f"{shape}, ms" for shape in found.large) + " | bytes written |"
    yield "|---|" + "---:|" * (len(found.large) + 1)
    for what in trust_worker.WHATS:
        sides = [operations[what] for operations in found.large.values()]
        written = f"{max(max(side.written) for side in sides) / 2**20:,.1f} MiB"
        yield f"| {what} | " + " | ".join(side.times.text() for side in sides) + f" | {written} |"
    yield ""
    yield "| command, a small file | whole process, ms |"
    yield "|---|---:|"
    for name, times in found.cold.items():
        yield f"| `{name}` | {times.text()} |"


if __name__ == "__main__":
    sys.exit(main())
