"""Replay recorded cases on a model and say how it answers now: the verdict and its findings (`spec/cases.md`)."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from amber.cases import tables
from amber.cases.ask import INVERSE, Asked, ask
from amber.cases.compare import Comparison, Line, Scales, compare, ordinary_scales, scales_of
from amber.cases.explain import drifted, raised, refused_differently, whole_difference
from amber.cases.quiet import single_thread, undisturbed
from amber.cases.trace import FirstStep
from amber.errors import CaseError
from amber.report import Finding, Verdict
from amber.tree.evidence import CLEAN_KINDS, Answer, Evidence, Group

MAX_FINDINGS = 100
_ORDER: tuple[Verdict, ...] = ("identical", "equivalent", "drifted", "broken")


@dataclass(frozen=True)
class Replayed:
    """What a replay showed. `rows` counts rows replayed, `knife_edge` those of them that differ and may."""

    verdict: Verdict
    reason: str = ""
    findings: tuple[Finding, ...] = ()
    rows: int = 0
    knife_edge: int = 0
    groups: int = 0
    notes: tuple[str, ...] = ()


def replay(
    model: Any,
    evidence: Evidence,
    *,
    tolerance: tuple[float, float] | Line | None = None,
    deadline: float | None = None,
    moved: str = "",
    one_thread: bool = False,
) -> Replayed:
    """Ask a model again for everything that was recorded, and compare.

    Args:
        model: The model.
        evidence: The recorded cases.
        tolerance: (relative, absolute share of s); it can only make the recorded rule stricter.
        deadline: Value of `time.monotonic()` after which no further group is begun.
        moved: Which libraries differ from the recorded ones, for the findings.
        one_thread: Give the model's libraries one thread each, as when the cases were recorded.

    Returns:
        The verdict: the worst of all answers; `unchecked` with a reason where nothing was compared.
    """
    with single_thread() if one_thread else nullcontext(), undisturbed():
        return _Replayer(model, evidence, None if tolerance is None else Line(*tolerance), moved).run(deadline)


class _Replayer:
    """One replay: the model, the scales of the recorded outputs, and what has been found so far."""

    def __init__(self, model: Any, evidence: Evidence, tightened: Line | None, moved: str) -> None:
        self.model = model
        self.groups = evidence.groups
        self.tightened = tightened
        self.moved = moved
        self.trace = FirstStep(model, evidence.groups)
        self.level = 0
        self.findings: list[Finding] = []
        self.rows = self.knife_edge = self.replayed = self.compared = 0
        self.notes: list[str] = []
        self.clean: Scales = {}

    def run(self, deadline: float | None) -> Replayed:
        reason = ""
        try:
            self.clean = ordinary_scales(self.groups)
        except CaseError as error:
            self._found(3, Finding(error.code, "", "", None, "a recorded case", error.message))
        for group in self.groups:
            if deadline is not None and time.monotonic() >= deadline:
                reason = "budget"
                self.notes.append(f"{self.replayed} of {len(self.groups)} groups were replayed in the time allowed")
                break
            try:
                self._group(group)
            except CaseError as error:
                if error.code != "cases-library":
                    self._found(3, Finding(error.code, "", group.id, None, "a recorded case", error.message))
                    continue
                reason = reason or "library-missing"
                self.notes.append(error.message)
            except Exception as error:  # a recorded table that a library will not build
                said = f"{type(error).__name__}: {error}"
                self._found(3, Finding("cases-invalid", "", group.id, None, "a recorded case", said))
        if self.level == 1 or (self.level == 0 and self.compared):
            self._steps()
        verdict: Verdict = _ORDER[self.level]
        if self.level < 2 and (reason or not self.compared):
            verdict, reason = "unchecked", reason or "no-cases"
        elif self.level >= 2:
            reason = self.findings[0].code if self.findings else reason
        return Replayed(
            verdict, reason, tuple(self.findings[:MAX_FINDINGS]), self.rows, self.knife_edge, self.replayed,
            tuple(self.notes),
        )  # fmt: skip

    def _steps(self) -> None:
        """Where every answer is as recorded, the recorded outputs of the inner steps still have to be."""
        step = self.trace.drifted()
        if step is not None:
            group, path, expected, got = step
            self._found(
                2, Finding("step-drifted", "transform", group, None, expected, got, step=path, moved=self.moved)
            )

    def _found(self, level: int, finding: Finding | None) -> None:
        self.level = max(self.level, level)
        if finding is not None:
            self.findings.append(finding)

    def _group(self, group: Group) -> None:
        X = tables.decode(group.layout, group.inputs)
        scales = scales_of(group.answers, self.clean)
        recorded = {answer.method: answer for answer in group.answers}
        differing: set[int] = set()
        for answer in group.answers:
            if answer.repeatable:
                self._answer(group, answer, X, recorded, scales, differing)
        self.knife_edge += len(differing)
        self.rows += group.rows
        self.replayed += 1

    def _answer(
        self, group: Group, answer: Answer, X: Any, recorded: dict[str, Answer], scales: Scales, differing: set[int]
    ) -> None:
        if answer.method == INVERSE:
            source = recorded.get("transform")
            if source is None or not source.layout:
                raise CaseError("cases-answer", "inverse_transform is recorded without what it inverts")
            X = tables.decode(source.layout, source.columns)
        got = ask(self.model, answer.method, X)
        self.compared += 1
        if answer.refusal or got.table is None:
            self._refusals(group, answer, got)
            return
        try:
            found = compare(answer, got.table, group.rows, scales, self.tightened, answer.knife_edge)
        except CaseError:
            raise
        except Exception as error:
            raise CaseError("cases-answer", f"a recorded answer cannot be compared: {type(error).__name__}") from error
        self._compared(group, answer, found, differing)

    def _refusals(self, group: Group, answer: Answer, got: Asked) -> None:
        """Refused or not is all that counts; ordinary rows that now raise mean that the model does not work."""
        if answer.refusal and got.refusal:
            return
        if answer.refusal:
            if not got.unsupported:
                self._found(2, refused_differently("answered", answer, group, "an answer", self.moved))
        elif got.refusal and group.kind in CLEAN_KINDS:
            self._found(3, raised(answer, group, got, self.moved))
        else:
            said = f"{got.refusal}: {got.message}" if got.refusal else f"an answer that is no data ({got.unsupported})"
            self._found(2, refused_differently("refused", answer, group, said, self.moved))

    def _compared(self, group: Group, answer: Answer, found: Comparison, differing: set[int]) -> None:
        if found.identical:
            return
        if found.whole:
            self._found(2, whole_difference(answer, group, found, self.moved, self.trace.of(group)))
            return
        beyond = set(np.flatnonzero(found.ratio > 1).tolist())
        excused = beyond & set(answer.knife_edge)
        differing |= excused
        self._found(1, None)
        if beyond - excused:
            self._found(2, drifted(answer, group, found, beyond - excused, self.moved, self.trace.of(group)))
