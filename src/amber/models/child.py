"""Replaying in a child process: that runs a stranger's model, so time and memory are bounded.

In: a checked artifact and the reader's policy. Out: plain data with a verdict. The child reads the same source again
and proves that its manifest has the bytes that were checked here; results come back over a pipe of their own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
from blake3 import blake3

from amber.archive.names import MANIFEST
from amber.errors import BuildError
from amber.policy import Policy
from amber.report import Finding

_MODULE = "amber.models.replay_worker"


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """What the child is asked to do; JSON on its standard input."""

    source: str
    manifest: str  # BLAKE3 of manifest.json as checked by the parent
    path: list[str]  # the parent's sys.path, so that an allowed module is found where the parent finds it
    allow: list[str]
    limits: dict[str, int | float]
    moved: list[str]
    tolerance: tuple[float, float] | None
    model_bytes: int
    cases_from: str = ""  # diff: replay the cases of another artifact
    program: str = ""  # ask this program instead of the model


class Outcome(msgspec.Struct, forbid_unknown_fields=True):
    """What the child answers."""

    verdict: str
    reason: str = ""
    detail: str = ""
    rows: int = 0
    knife_edge: int = 0
    findings: list[dict[str, Any]] = []


def replay_in_child(
    checked: Any,
    rules: Policy,
    moved: list[str],
    tolerance: tuple[float, float] | None,
    cases_from: str = "",
    program: str = "",
) -> dict[str, Any]:
    """Replay the cases of a checked artifact in a fresh process and return its verdict as plain data.

    A child that crashes is `broken`; one that runs out of time or memory is `unchecked`, reason `budget`.
    """
    with as_path(checked) as path:
        order = Order(
            source=path,
            manifest=blake3(checked.opened.members[MANIFEST]).hexdigest(),
            path=[entry for entry in sys.path if entry],
            allow=list(rules.allow),
            limits=asdict(rules.limits),
            moved=moved,
            tolerance=tolerance,
            model_bytes=_size(checked, program),
            cases_from=cases_from,
            program=program,
        )
        outcome = _run(msgspec.json.encode(order), rules.limits.replay_seconds)
    return {
        "verdict": outcome.verdict,
        "reason": outcome.reason,
        "detail": outcome.detail,
        "rows": outcome.rows,
        "knife_edge": outcome.knife_edge,
        "findings": tuple(Finding(**finding) for finding in outcome.findings),
    }


def _size(checked: Any, program: str) -> int:
    """Bytes of the model; of a program eight times its graph, which is what a session makes of an ensemble."""
    if program:
        return 8 * len(checked.opened.members[f"programs/{program}.onnx"])
    return sum(tensor.data.nbytes for tensor in checked.tree.tensors)


@contextlib.contextmanager
def as_path(checked: Any) -> Iterator[str]:
    """Yield a path the child can open: the artifact's own, or a private copy of bytes that have none."""
    own = checked.opened.path
    if own:
        yield os.path.abspath(own)
        return
    from amber.archive.write import write_artifact

    with tempfile.TemporaryDirectory(prefix="amber-") as folder:
        copy = str(Path(folder) / "artifact.amber")
        write_artifact(copy, {name: [view] for name, view in checked.opened.members.items()})
        yield copy


def _run(order: bytes, seconds: float) -> Outcome:
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONSTARTUP",)}
    reader, writer = os.pipe()
    try:
        # -P: the current folder never comes onto sys.path
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
            [sys.executable, "-P", "-m", _MODULE, str(writer)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(writer,),
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        os.close(reader)
        raise BuildError("replay-unavailable", f"no child process could be started: {error}") from error
    finally:
        os.close(writer)
    return _result(process, reader, order, seconds)


def _result(process: subprocess.Popen[bytes], reader: int, order: bytes, seconds: float) -> Outcome:
    with os.fdopen(reader, "rb") as pipe:
        try:
            _, errors = process.communicate(order, timeout=seconds)
        except subprocess.TimeoutExpired:
            return Outcome("unchecked", "budget", f"more than {seconds:g} seconds")
        finally:
            _end(process)
        data = pipe.read(64 * 1024 * 1024)
    try:
        return msgspec.json.decode(data, type=Outcome)
    except msgspec.MsgspecError:
        pass
    if process.returncode in (-signal.SIGKILL, -signal.SIGXCPU):
        return Outcome("unchecked", "budget", "the replay was killed")
    last = errors.decode(errors="replace").strip().splitlines()[-1:] or [""]
    return Outcome("broken", "replay-crashed", f"the process ended with {process.returncode}: {last[0]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it started (its own session)."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()  # reaps it and closes its pipes
