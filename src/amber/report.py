"""One report for everyone: steps, verdict, findings, exit code. Python, command line and server print the same."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import Any, Literal

from amber.errors import CaseError, PolicyError, UsageError, shown

Verdict = Literal["identical", "equivalent", "drifted", "broken", "unchecked"]
Status = Literal["passed", "failed", "not-present", "not-supported", "not-asked"]

# From best to worst, as `require` compares them. `unchecked` proves nothing, so it satisfies nothing but itself.
VERDICTS: tuple[Verdict, ...] = ("identical", "equivalent", "unchecked", "drifted", "broken")
STEPS: dict[int, str] = {
    1: "container",
    2: "signatures",
    3: "manifest",
    4: "digests",
    5: "policy",
    6: "tree audit",
    7: "environment",
    8: "programs",
    9: "cases",
    10: "log proof",
}
EXIT_OK = 0
EXIT_DRIFTED = 1
EXIT_REFUSED = 2
EXIT_UNCHECKED = 3
EXIT_USAGE = 64
EXIT_NO_INPUT = 66
EXIT_INTERNAL = 70
EXIT_INTERRUPTED = 130
EXIT_BY_VERDICT: dict[Verdict, int] = {
    "identical": EXIT_OK,
    "equivalent": EXIT_OK,
    "drifted": EXIT_DRIFTED,
    "broken": EXIT_REFUSED,
    "unchecked": EXIT_UNCHECKED,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One numbered step of opening an artifact."""

    number: int
    status: Status
    code: str = ""
    detail: str = ""

    @property
    def name(self) -> str:
        """Name of the step in the table of `spec/`."""
        return STEPS[self.number]


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer that is not as recorded. Holds row numbers and answers, never input values."""

    # label-flipped | value-drifted | shape-changed | dtype-changed | refused | answered | raised | step-drifted
    code: str
    method: str
    group: str
    row: int | None
    expected: str
    got: str
    distance: str = ""
    flipped: int = 0
    rows: int = 0
    step: str = ""  # the first inner step whose output differs
    moved: str = ""  # which libraries differ from the recorded environment

    def __str__(self) -> str:
        place = f"{self.method}, case {self.group}" + ("" if self.row is None else f" row {self.row}")
        parts = [f"{place}: expected {shown(self.expected)}, got {shown(self.got)}"]
        if self.distance:
            parts.append(self.distance)
        if self.flipped:
            parts.append(f"{self.flipped} of {self.rows} labels flipped")
        if self.step:
            parts.append(f"first step that differs: {shown(self.step)}")
        if self.moved:
            parts.append(f"moved: {shown(self.moved)}")
        return "; ".join(parts) + f" [{self.code}]"


@dataclass(frozen=True)
class Report:
    """The outcome of verifying or loading one artifact."""

    verdict: Verdict
    reason: str = ""
    refused: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    findings: tuple[Finding, ...] = ()
    id: str = ""
    name: str = ""
    version: str = ""
    cases: int = 0
    knife_edge: int = 0
    environment: tuple[str, ...] = ()  # what differs from the recorded environment, one line each
    notes: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict, compare=False)

    @property
    def exit_code(self) -> int:
        """Exit code of a command that ends with this report (spec: one table)."""
        return EXIT_REFUSED if self.refused else EXIT_BY_VERDICT[self.verdict]

    def satisfies(self, verdict: Verdict) -> bool:
        """Whether this report is at least as good as `verdict`."""
        if verdict not in VERDICTS:
            raise UsageError("verdict-unknown", f"{verdict!r} is not a verdict", hint=f"one of {', '.join(VERDICTS)}")
        if self.verdict == "unchecked" or verdict == "unchecked":
            return self.verdict == verdict or (verdict == "unchecked" and self.verdict in ("identical", "equivalent"))
        return VERDICTS.index(self.verdict) <= VERDICTS.index(verdict)

    def require(self, verdict: Verdict = "equivalent") -> Report:
        """Return the report, or raise when it is worse than `verdict` or the policy refused.

        Raises:
            PolicyError: The policy refused the artifact.
            CaseError: The verdict is worse than required.
        """
        if self.refused:
            raise PolicyError("policy-refused", "; ".join(self.refused), where=self.name)
        if not self.satisfies(verdict):
            first = f": {self.findings[0]}" if self.findings else (f": {self.reason}" if self.reason else "")
            raise CaseError(
                f"verdict-{self.verdict}",
                f"the verdict is {self.verdict}, {verdict} was required{first}",
                where=self.name,
                hint="print the report for every finding",
            )
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data (`--json`)."""
        return {
            "verdict": self.verdict,
            "reason": self.reason,
            "refused": list(self.refused),
            "exit_code": self.exit_code,
            "id": self.id,
            "name": self.name,
            "version": self.version,
            "cases": self.cases,
            "knife_edge": self.knife_edge,
            "steps": [
                {"step": s.number, "name": s.name, "status": s.status, "code": s.code, "detail": s.detail}
                for s in self.steps
            ],
            "findings": [{name: getattr(f, name) for name in f.__slots__} for f in self.findings],
            "environment": list(self.environment),
            "notes": list(self.notes),
            "seconds": dict(self.seconds),
        }

    def __str__(self) -> str:
        head = f"{shown(self.name) or 'artifact'} {shown(self.version)}".rstrip() + f": {self.verdict}"
        lines = [head + (f" ({self.reason})" if self.reason else "")]
        for step in self.steps:
            tail = f"  [{step.code}]" if step.code else ""
            lines.append(f"  {step.number:>2} {step.name:<12} {step.status:<13} {shown(step.detail)}{tail}".rstrip())
        lines += [f"  refused: {shown(line)}" for line in self.refused]
        lines += [f"  - {finding}" for finding in self.findings]
        lines += [f"  environment: {shown(line)}" for line in self.environment]
        lines += [f"  note: {shown(line)}" for line in self.notes]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"
