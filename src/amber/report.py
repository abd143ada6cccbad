"""One report for everyone: steps, verdict, findings, exit code. Python, command line and server print the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

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
EXIT_CLOSED_PIPE = 141  # what a shell reports for a process that SIGPIPE ended
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
    beyond: int = 0  # rows beyond the tolerance

    @property
    def place(self) -> str:
        """Where it was seen, in words."""
        return f"{self.method}, case {self.group}" + ("" if self.row is None else f" row {self.row}")

    def __str__(self) -> str:
        parts = [f"{self.place}: expected {shown(self.expected)}, got {shown(self.got)}"]
        if self.distance:
            parts.append(self.distance)
        if self.flipped:
            parts.append(f"{self.flipped} of {self.rows} labels flipped")
        elif self.beyond:
            parts.append(f"{self.beyond} of {self.rows} rows")
        if self.step:
            parts.append(f"first step that differs: {shown(self.step)}")
        if self.moved:
            parts.append(f"moved: {shown(self.moved)}")
        return "; ".join(parts) + f" [{self.code}]"


class Signature(NamedTuple):
    """One bundle: who signed it, as far as the reader's policy knows, and whether it counts.

    Args:
        member: Its name below `signatures/`, or the path of a detached one.
        kind: What it states: `oms` (these members) or an attestation (`test-result`, ...).
        method: `key`, `certificate`, `keyless`, or `unknown`.
        status: `counted`, or why not: `unknown` (nobody this policy names), `expired`, `revoked`, `unsupported`.
        signer: The policy's label of the signer; empty where it is not counted.
        identity: A fingerprint of a key, a name in a certificate, an identity; its word alone where not counted.
        time: When it was signed, where a timestamp or a log proves it (RFC 3339); else empty.
        root: The root it names, where that is not the id.
        detail: Why it is not counted, or what it says.
    """

    member: str
    kind: str
    method: str
    status: str
    signer: str = ""
    identity: str = ""
    time: str = ""
    root: str = ""
    detail: str = ""

    def __str__(self) -> str:
        who = f"{self.signer} ({self.identity})" if self.signer and self.identity else self.signer or self.identity
        parts = [f"{self.kind} by {who or 'nobody known'}", f"{self.method}, {self.status}"]
        parts += [f"signed {self.time}"] if self.time else []
        parts += [f"its root is {self.root}, which is not the id"] if self.root else []
        parts += [self.detail] if self.detail else []
        return f"{self.member}: " + "; ".join(parts)


def readable(expected: str, got: str) -> tuple[str, str]:
    """Return two answers with no more digits than tell them apart; what is no number stays as it is."""
    head, bracket, place = expected.partition(" (")
    try:
        numbers = float(head), float(got)
    except ValueError:
        return expected, got
    away = abs(numbers[0] - numbers[1])
    if not (math.isfinite(away) and away) or head.lstrip("-").isdigit():
        return expected, got
    digits = min(17, max(6, 3 + math.ceil(math.log10(max(map(abs, numbers)) / away))))
    return f"{numbers[0]:.{digits}g}{bracket}{place}", f"{numbers[1]:.{digits}g}"


def lines_of(findings: Sequence[Finding]) -> list[str]:
    """Return findings for a person: the first step that differs, what moved, one line for each method, code and step.

    One cause shows in every group and method; a line gives the first of them and how many rows and groups there are.
    """
    alike: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in sorted(findings, key=lambda one: (one.code != "step-drifted", not one.step)):
        alike.setdefault((finding.method, finding.code, finding.step), []).append(finding)
    steps = {step for _, _, step in alike if step}
    head = [f"first step that differs: {shown(next(iter(steps)))}"] if len(steps) == 1 else []
    lines = [_line(group, one_step=bool(head)) for group in alike.values()]
    moved = dict.fromkeys(finding.moved for finding in findings if finding.moved)
    return [*head, *(f"moved: {shown(each)}" for each in moved), *lines]


def _line(findings: Sequence[Finding], *, one_step: bool) -> str:
    first = findings[0]
    expected, got = readable(first.expected, first.got)
    parts = [f"{first.place}: expected {shown(expected)}, got {shown(got)}"]
    if first.distance:
        parts.append(first.distance)
    flipped, beyond, rows = (sum(getattr(one, name) for one in findings) for name in ("flipped", "beyond", "rows"))
    within = f" in {len(findings)} cases" if len(findings) > 1 else ""
    if flipped or beyond:
        parts.append(f"{flipped or beyond} of {rows} {'labels flipped' if flipped else 'rows'}{within}")
    elif within:
        parts.append(f"the same{within}")
    if first.step and not one_step:
        parts.append(f"first step that differs: {shown(first.step)}")
    return "; ".join(parts) + f" [{first.code}]"


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
    signatures: tuple[Signature, ...] = ()
    policy: str = ""  # digest of the policy in force
    at: str = ""  # the time of judgement, where the caller gave one (RFC 3339)
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
            "signatures": [each._asdict() for each in self.signatures],
            "policy": self.policy,
            "at": self.at,
            "seconds": dict(self.seconds),
        }

    def __str__(self) -> str:
        head = f"{shown(self.name) or 'artifact'} {shown(self.version)}".rstrip() + f": {self.verdict}"
        lines = [head + (f" ({self.reason})" if self.reason else "")]
        for step in self.steps:
            tail = f"  [{step.code}]" if step.code else ""
            lines.append(f"  {step.number:>2} {step.name:<12} {step.status:<13} {shown(step.detail)}{tail}".rstrip())
        lines += [f"  signature: {shown(line, 400)}" for line in self.signatures]
        lines += [f"  at: {shown(self.at)}, the time you gave"] if self.at else []
        lines += [f"  refused: {shown(line)}" for line in self.refused]
        lines += [f"  - {line}" for line in lines_of(self.findings)]
        lines += [f"  environment: {shown(line)}" for line in self.environment]
        lines += [f"  note: {shown(line)}" for line in self.notes]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        import html

        return f"<pre>{html.escape(str(self))}</pre>"
