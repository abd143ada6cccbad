"""`amber.bench`: the original against its program, as a user meets them: start, one row, many rows, memory, answers.

Each measurement is a fresh process with one thread for every library; the two sides take turns, and medians count. The
rows are the recorded ordinary ones, over and over. Where the original's library is not installed the program is
measured alone, and that is said.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from amber.errors import AmberError, BuildError, CaseError, UsageError, shown
from amber.models.bench_worker import Order, Outcome, Part, Said, part_of, table_of
from amber.models.child import as_path
from amber.models.libraries import needed
from amber.policy import Policy, in_force
from amber.programs.plan import INVERSE
from amber.trust.passphrase import kept_back

if TYPE_CHECKING:
    from amber.tree.evidence import Group

Side = Literal["original", "program"]
Progress = Callable[[float | None, int], None]
_MODULE = "amber.models.bench_worker"
_ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS", "LOKY_MAX_CPU_COUNT",
    ),
    "1",
)  # fmt: skip


@dataclass(frozen=True)
class Times:
    """One side: seconds of a cold start (process to first answer), of one row and of the batch; peak memory, size."""

    cold: float
    one: float
    many: float
    peak_bytes: int
    stored_bytes: int


@dataclass(frozen=True)
class Compared:
    """One method on the batch: rows with another label, or the largest difference; `odd`: missing on one side only."""

    method: str
    rows: int
    flips: int = 0
    difference: float = 0.0
    odd: int = 0
    said: str = ""  # why nothing was compared


@dataclass(frozen=True)
class Measured:
    """What was measured; a side that could not be is None, and the notes say why."""

    name: str
    version: str
    program: str
    precision: str
    method: str
    rows: int
    rounds: int
    columns: int
    original: Times | None
    frozen: Times | None
    answers: tuple[Compared, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ratios(self) -> dict[str, float]:
        """How many times less the program needs than the original, by measure."""
        if self.original is None or self.frozen is None:
            return {}
        left, right = asdict(self.original), asdict(self.frozen)
        return {name: left[name] / right[name] for name in left if right[name]}

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as plain data; times are seconds."""
        facts = asdict(self)
        facts["program"] = {"name": self.program, "precision": self.precision, "times": facts.pop("frozen")}
        facts["original"] = {"times": facts["original"]}
        del facts["precision"]
        return {**facts, "ratios": self.ratios, "answers": list(facts["answers"]), "notes": list(self.notes)}


@needed("program")
def bench(
    source: Any,
    *,
    rows: int = 1000,
    program: str | None = None,
    method: str | None = None,
    rounds: int = 3,
    policy: Policy | None = None,
    progress: Progress | None = None,
    bundles: Mapping[str, bytes] | None = None,
) -> Measured:
    """Measure a program beside its original.

    Args:
        source: The artifact.
        rows: Rows of the batch: the recorded ordinary ones, over and over.
        program: Name of the program, where there are several.
        method: What is asked; by default `predict`, or what the program has.
        rounds: Processes for each side.
        policy: What the reader accepts; `limits.replay_seconds` is the time of one process.
        progress: Called after each process with the share done and the rows answered.
        bundles: Detached signatures by the path they were read from; they count like those inside.

    Raises:
        UsageError: The artifact has no (such) program, or the program no such method.
        CaseError: It has no ordinary rows that the program answers.
        AmberError: As `program` raises.
    """
    from amber.archive.assemble import read_evidence
    from amber.models import program as programs
    from amber.tree.evidence import CLEAN_KINDS
    from amber.vault.check import open_checked
    from amber.vault.trusting import Asked

    if rows < 1 or rounds < 1:
        raise UsageError("input-empty", f"{rows} rows in {rounds} rounds: both are numbers from 1")
    rules = in_force(policy)
    with open_checked(source, rules, asked=Asked(bundles=bundles or {})) as checked:
        manifest, members = checked.manifest, checked.opened.members
        info = programs.chosen(manifest, program)
        made = programs.opened(manifest, info, members, rules)
        asked = _method(made.methods, method)
        evidence = read_evidence(manifest, members, rules.limits)
        group = next((each for each in evidence.groups if each.kind in CLEAN_KINDS), None) if evidence else None
        if group is None:
            raise CaseError("no-cases", "there are no recorded rows to ask", where=manifest.name)
        parts = [Part(each.name, each.datatype, each.shape, bytes(each.data), each.parameters) for each in group.inputs]
        table = table_of(group.layout, parts, named=True)
        kept = _kept(getattr(made, asked), table, group)
        sizes = {
            "original": sum(len(view) for name, view in members.items() if name.startswith("model/")),
            "program": sum(len(view) for name, view in members.items() if name.startswith(f"programs/{info.name}.")),
        }
        with as_path(checked) as path:
            order = Order(
                side="original", source=path, program=info.name, path=[os.fsencode(each) for each in sys.path if each],
                policy=rules.to_dict(), method=asked, methods=[], layout=group.layout,
                columns=parts, kept=kept, rows=rows, started=0.0,
                bundles=[(os.fsencode(name), data) for name, data in (bundles or {}).items()],
            )  # fmt: skip
            methods = [each for each in made.methods if each != INVERSE]
            found = _rounds(order, methods, rounds, rules.limits.replay_seconds, progress)
    notes = [f"the {side} was not measured: {_why(each[0])}" for side, each in found.items() if each[0].code]
    answers = () if notes else _compared(found)
    if len(kept) < group.rows:
        notes.append(f"{group.rows - len(kept)} of {group.rows} recorded rows are not answered, and not asked")
    return Measured(
        manifest.name, manifest.version, info.name, info.precision, asked, rows, rounds, made.plan.request.width,
        _times(found["original"], sizes["original"]), _times(found["program"], sizes["program"]), answers, tuple(notes),
    )  # fmt: skip


def _method(known: Sequence[str], wanted: str | None) -> str:
    if wanted is not None and wanted not in known:
        raise UsageError(
            "method-unknown", f"the program has no method {shown(wanted)!r}", hint=f"it has {', '.join(known)}"
        )
    able = [each for each in known if each != INVERSE]
    if wanted == INVERSE or not able:
        raise UsageError("method-unknown", "inverse_transform answers no recorded rows")
    return wanted or ("predict" if "predict" in able else able[0])


def _kept(ask: Callable[[Any], Any], table: Any, group: Group) -> list[int]:
    """Return the rows the program answers.

    Raises:
        CaseError: `no-cases`: there are none.
    """

    def answered(rows: Sequence[int]) -> bool:
        try:
            ask(part_of(table, rows))
        except AmberError:
            return False
        return True

    every = list(range(group.rows))
    kept = every if every and answered(every) else [row for row in every if answered([row])]
    if not kept:
        raise CaseError("no-cases", "the program answers none of the recorded ordinary rows", where=group.id)
    return kept


# -- processes -----------------------------------------------------------------------------------------------------


def _rounds(
    order: Order, methods: list[str], rounds: int, seconds: float, progress: Progress | None
) -> dict[Side, list[Outcome]]:
    """Let the two sides take turns; one that fails is not asked again."""
    sides: tuple[Side, ...] = ("original", "program")
    found: dict[Side, list[Outcome]] = {side: [] for side in sides}
    for turn in range(rounds):
        for place, side in enumerate(sides if turn % 2 == 0 else sides[::-1]):
            if not found[side] or not found[side][0].code:
                mine = msgspec.structs.replace(order, side=side, methods=[] if turn else methods)
                outcome = _run(mine, seconds)
                if not outcome.code or not found[side]:
                    found[side].append(outcome)
            if progress is not None:
                progress((2 * turn + place + 1) / (2 * rounds), order.rows * (2 * turn + place + 1))
    return found


def _run(order: Order, seconds: float) -> Outcome:
    """Start one process and return what it measured.

    Raises:
        BuildError: `replay-unavailable`: there is no process to be had.
    """
    environment = {key: value for key, value in kept_back().items() if key != "PYTHONSTARTUP"} | _ONE_THREAD
    # a file and no pipe: answers are larger than a pipe holds, and the child must not wait for a reader
    with tempfile.TemporaryFile() as answers:
        order.started = time.monotonic()
        payload = msgspec.json.encode(order)
        try:
            # -P: the current folder never comes onto sys.path
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
                [sys.executable, "-P", "-m", _MODULE, str(answers.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=(answers.fileno(),),
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise BuildError("replay-unavailable", f"no child process could be started: {error}") from error
        try:
            _, errors = process.communicate(payload, timeout=seconds)
        except subprocess.TimeoutExpired:
            return Outcome("budget", f"more than {seconds:g} seconds")
        finally:
            _end(process)
        answers.seek(0)
        data = answers.read()
    try:
        return msgspec.json.decode(data, type=Outcome)
    except msgspec.MsgspecError:
        last = errors.decode(errors="replace").strip().splitlines()[-1:] or [""]
        return Outcome("replay-crashed", f"the process ended with {process.returncode}: {shown(last[0], 300)}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it started (its own session)."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()  # reaps it and closes its pipes


def _why(outcome: Outcome) -> str:
    return f"{shown(outcome.reason, 300)} ({outcome.code})"


def _times(found: Sequence[Outcome], stored_bytes: int) -> Times | None:
    """Return the medians of one side."""
    if found[0].code:
        return None
    return Times(
        cold=median(each.cold for each in found), one=median(each.one for each in found),
        many=median(each.many for each in found), peak_bytes=int(median(each.peak for each in found)),
        stored_bytes=stored_bytes,
    )  # fmt: skip


# -- answers -------------------------------------------------------------------------------------------------------


def _compared(found: dict[Side, list[Outcome]]) -> tuple[Compared, ...]:
    """Compare what both sides said of the batch."""
    theirs = {each.method: each for each in found["program"][0].answers}
    return tuple(compared(each, theirs[each.method]) for each in found["original"][0].answers)


def compared(original: Said, frozen: Said) -> Compared:
    """Compare one method: numbers by their difference, all else by equality."""
    import numpy as np

    for side, each in (("original", original), ("program", frozen)):
        if each.refusal:
            return Compared(original.method, 0, said=f"{side}: {shown(each.refusal, 300)}")
    left, right = _arrays(original), _arrays(frozen)
    if [each.shape for each in left] != [each.shape for each in right]:
        return Compared(original.method, 0, said="answers of different shapes")
    flips, odd, largest = 0, 0, 0.0
    for mine, their in zip(left, right, strict=True):
        if mine.dtype.kind != "f" or their.dtype.kind not in "fiu":
            other = (mine != their) & ~((mine != mine) & (their != their))
            flips = max(flips, int(np.any(other.reshape(len(mine), -1), axis=1).sum()))
            continue
        same = (mine == their) | (np.isnan(mine) & np.isnan(their))
        finite = np.isfinite(mine) & np.isfinite(their)
        odd = max(odd, int(np.any((~same & ~finite).reshape(len(mine), -1), axis=1).sum()))
        with np.errstate(invalid="ignore"):
            largest = max(largest, float(np.where(finite, np.abs(mine - their), 0.0).max(initial=0.0)))
    return Compared(original.method, len(left[0]) if left else 0, flips, largest, odd)


def _arrays(said: Said) -> list[Any]:
    import numpy as np

    answer = table_of(said.layout, said.columns, named=False)
    if hasattr(answer, "toarray"):
        answer = answer.toarray()
    return [np.asarray(each) for each in answer] if isinstance(answer, list | tuple) else [np.asarray(answer)]
