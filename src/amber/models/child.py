"""A fresh process of our own, for what runs a stranger's model or graph: its time and its memory are bounded.

In: a module of ours and an order for it. Out: what it answered, or how it ended. Verify and diff replay cases in one
(`replay_worker`), freezing asks a graph in one (`freeze_worker`). Answers come over a pipe of their own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
from blake3 import blake3

from amber.archive.names import MANIFEST
from amber.errors import BuildError
from amber.limits import MIB
from amber.policy import Policy
from amber.report import Finding
from amber.trust.passphrase import kept_back

_ANSWER_BYTES = 64 * MIB
_SAID_BYTES = 64 * 1024  # of what a child wrote to its standard error, the last
_DRAIN_SECONDS = 5.0  # for what is left in a pipe when its writer has ended
_KILLED = (-signal.SIGKILL, -signal.SIGXCPU)


@dataclass(frozen=True)
class Ended:
    """How a child ended: the bytes it answered, whether time or memory ran out, and for a person what happened."""

    answer: bytes
    late: bool = False
    killed: bool = False
    said: str = ""


class Child:
    """A process that runs one of our modules: one order in, one answer out. To be used as a context.

    It starts at once, so that its imports and what the caller does meanwhile go side by side. The module is given the
    descriptor to answer on, one word for itself, and the caller's `sys.path`, so that a library is found where the
    caller finds it.

    Raises:
        BuildError: `replay-unavailable`: no process can be started.
    """

    def __init__(self, module: str, word: str = "") -> None:
        self._over = False
        answers, errors = os.pipe(), os.pipe()
        environment = {key: value for key, value in kept_back().items() if key != "PYTHONSTARTUP"}
        # Arrow's own allocator reserves a GiB of address space at once, which a limit on it does not allow
        environment["ARROW_DEFAULT_MEMORY_POOL"] = "system"
        try:
            # -P: the current folder never comes onto sys.path
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
                [sys.executable, "-P", "-m", module, str(answers[1]), word, *filter(None, sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors[1],
                pass_fds=(answers[1],),
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            os.close(answers[0])
            os.close(errors[0])
            raise BuildError("replay-unavailable", f"no child process could be started: {error}") from error
        finally:
            os.close(answers[1])
            os.close(errors[1])
        # both are read while the child runs: a pipe that nobody reads is full after 64 KiB
        self._answer, self._errors = _Drain(answers[0], _ANSWER_BYTES), _Drain(errors[0], -_SAID_BYTES)

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def ask(self, order: bytes, seconds: float) -> Ended:
        """Give the child its order and return how it ended; once only.

        Args:
            order: All it gets on its standard input.
            seconds: Wall clock, from now.
        """
        try:
            self._process.communicate(order, timeout=seconds)
        except subprocess.TimeoutExpired:
            return Ended(b"", late=True, said=f"more than {seconds:g} seconds")
        finally:
            self.end()
        code = self._process.returncode
        last = self._errors.data.decode(errors="replace").strip().splitlines()[-1:] or [""]
        return Ended(self._answer.data, False, code in _KILLED, f"the process ended with {code}: {last[0]}")

    def end(self) -> None:
        """End the child and whatever it started (its own session)."""
        if self._over:
            return
        self._over = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with self._process:  # closes its standard input and waits
            pass
        for each in (self._answer, self._errors):
            each.join(_DRAIN_SECONDS)


class _Drain(threading.Thread):
    """Reads a pipe to its end. Of all it reads it keeps the first bytes, or the last where `most` is negative."""

    def __init__(self, descriptor: int, most: int) -> None:
        super().__init__(daemon=True)
        self.data = b""
        self._descriptor, self._most = descriptor, most
        self.start()

    def run(self) -> None:
        kept = bytearray()
        with os.fdopen(self._descriptor, "rb", buffering=0) as pipe:
            while part := pipe.read(MIB):
                if self._most < 0:
                    kept = (kept + part)[self._most :]
                elif len(kept) < self._most:
                    kept += part
        self.data = bytes(kept)


def begun(arguments: list[str]) -> tuple[int, str]:
    """Take over the caller's `sys.path`, in the child; return the descriptor to answer on and the word."""
    known = set(sys.path)
    sys.path.extend(entry for entry in arguments[2:] if entry not in known)
    return int(arguments[0]), arguments[1]


def answer(descriptor: int, data: bytes) -> None:
    """Give the answer, in the child."""
    with os.fdopen(descriptor, "wb") as pipe:
        pipe.write(data)


def limit_memory(extra_bytes: int) -> None:
    """Allow `extra_bytes` of address space on top of what the interpreter and the libraries hold now, in the child."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        with open("/proc/self/statm", "rb") as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (now + extra_bytes, hard))


# -- replays -------------------------------------------------------------------------------------------------------

_MODULE = "amber.models.replay_worker"


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """What the child is asked to do; JSON on its standard input."""

    source: bytes  # a path as the system has it, which need not be text
    manifest: str  # BLAKE3 of manifest.json as checked by the parent
    allow: list[str]
    limits: dict[str, int | float]
    moved: list[str]
    tolerance: tuple[float, float] | None
    model_bytes: int
    cases_from: bytes = b""  # diff: replay the cases of another artifact
    cases_manifest: str = ""  # BLAKE3 of that one's manifest.json, as checked by the parent
    program: str = ""  # ask this program instead of the model
    may_map: bool = True  # what named signers vouch for is never mapped, here no more than by the caller


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
    cases_of: Any = None,
    program: str = "",
) -> dict[str, Any]:
    """Replay the cases of a checked artifact in a fresh process and return its verdict as plain data.

    The child reads the same source again and proves that its manifest has the bytes that were checked here; so it does
    with another artifact whose cases are to be replayed (`cases_of`, checked too). One that crashes is `broken`; one
    that runs out of time or memory is `unchecked`, reason `budget`.
    """
    with contextlib.ExitStack() as paths:
        order = Order(
            source=paths.enter_context(as_path(checked)),
            manifest=_manifest_digest(checked),
            allow=list(rules.allow),
            limits=asdict(rules.limits),
            moved=moved,
            tolerance=tolerance,
            model_bytes=_size(checked, program),
            cases_from=b"" if cases_of is None else paths.enter_context(as_path(cases_of)),
            cases_manifest="" if cases_of is None else _manifest_digest(cases_of),
            program=program,
            may_map=not rules.names_signers,
        )
        with Child(_MODULE) as child:
            outcome = _outcome(child.ask(msgspec.json.encode(order), rules.limits.replay_seconds))
    return {
        "verdict": outcome.verdict,
        "reason": outcome.reason,
        "detail": outcome.detail,
        "rows": outcome.rows,
        "knife_edge": outcome.knife_edge,
        "findings": tuple(Finding(**finding) for finding in outcome.findings),
    }


def _manifest_digest(checked: Any) -> str:
    return str(blake3(checked.opened.members[MANIFEST]).hexdigest())


def _size(checked: Any, program: str) -> int:
    """Bytes of the model; of a program eight times its graph, which is what a session makes of an ensemble."""
    if program:
        return 8 * len(checked.opened.members[f"programs/{program}.onnx"])
    return sum(tensor.data.nbytes for tensor in checked.tree.tensors)


@contextlib.contextmanager
def as_path(checked: Any) -> Iterator[bytes]:
    """Yield a path the child can open: the artifact's own, or a private copy of bytes that have none."""
    own = checked.opened.path
    if own:
        yield os.fsencode(os.path.abspath(own))
        return
    from amber.archive.write import write_artifact

    with tempfile.TemporaryDirectory(prefix="amber-") as folder:
        copy = str(Path(folder) / "artifact.amber")
        write_artifact(copy, {name: [view] for name, view in checked.opened.members.items()})
        yield os.fsencode(copy)


def _outcome(ended: Ended) -> Outcome:
    if ended.late:
        return Outcome("unchecked", "budget", ended.said)
    try:
        return msgspec.json.decode(ended.answer, type=Outcome)
    except msgspec.MsgspecError:
        pass
    if ended.killed:
        return Outcome("unchecked", "budget", "the replay was killed")
    return Outcome("broken", "replay-crashed", ended.said)
