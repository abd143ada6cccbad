"""`amber.verify`: the numbered steps and a verdict. Never raises for what is in a file.

The inert part (`vault.check`) does steps 1 to 5 and the names of 6; here come the values, the environment and the
cases, which are replayed in a child process with limits on time and memory, since they run a stranger's model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from amber.errors import FormatError, UsageError
from amber.models.replayed import cases_step
from amber.policy import Policy, Refusal, judge_verdict
from amber.report import Report, Status, Step

if TYPE_CHECKING:
    from amber.archive.manifest import Manifest
    from amber.archive.source import Opened
    from amber.vault.check import Checked
    from amber.vault.trusting import Trusted


def verify(
    source: Any,
    *,
    policy: Policy | None = None,
    cases: bool = True,
    tolerance: tuple[float, float] | None = None,
    expect: str = "",
    bundles: Mapping[str, bytes] | None = None,
    at: datetime | None = None,
) -> Report:
    """Check an artifact whole and say whether it still computes the same thing.

    Args:
        source: Path of a file or unpacked folder, bytes, or a seekable binary file.
        policy: What the reader accepts; None: the keyring of this machine, if there is one.
        cases: Replay the recorded cases (in a child process); False stops before anything is built.
        tolerance: (relative, absolute share of the largest value) in place of the recorded rule; may only tighten.
        expect: The name the artifact must have; the name in a file is its author's word.
        bundles: Detached signatures by the path they were read from; they count like those inside.
        at: The time of judgement, with its zone; None: now. It stands in the report.

    Returns:
        The report; `report.require("equivalent")` raises where it is worse.

    Raises:
        SourceError: The source cannot be read at all.
        UsageError: An argument is wrong, or the policy cannot be used here.
    """
    from amber.vault.check import check
    from amber.vault.trusting import Asked

    _check_time(at)
    asked = Asked(expect=expect, bundles=bundles or {}, at=at, verb="verify", replays=True)
    with check(source, policy, asked=asked) as checked:
        report = _verified(checked, cases, tolerance)
        return _settled(report, checked) if checked.tree is not None else report


def _check_time(at: object) -> None:
    if at is None:
        return
    said = f"is a datetime, not {type(at).__name__}"
    if isinstance(at, datetime):
        said = "needs its zone" if at.utcoffset() is None else ""
        try:
            at.astimezone(UTC)
        except OverflowError:
            said = "is beyond the years 1 to 9999"
    if said:
        hint = "datetime(2027, 1, 1, tzinfo=UTC)"
        raise UsageError("time-invalid", f"a time of judgement {said}", where="at", hint=hint)


def _verified(checked: Checked, cases: bool, tolerance: tuple[float, float] | None) -> Report:
    report, rules = checked.report, checked.policy
    if report.verdict == "broken" or checked.tree is None or checked.manifest is None:
        return report
    report = programs(report, checked, rules, replayed=cases)
    if report.verdict == "broken":
        return report
    try:
        report = _audit_values(report, checked.tree, rules)
        if report.verdict == "broken":
            return report
        if report.refused or not cases:
            return replace(report, verdict="unchecked", reason="cases-not-asked" if not cases else "policy-refused")
        report, moved = _environment(report, checked)
    except FormatError as error:
        return _ending(report, 7, "failed", error.code, str(error))
    except ImportError as error:
        return _ending(report, 6, "not-supported", "library-missing", f"{error}; pip install 'amber[sklearn]'")
    if checked.manifest.cases is None:
        return _with_step(report, Step(9, "not-present"), "unchecked", "no-cases")
    from amber.models.child import replay_in_child  # here: a check without cases starts no process

    return _with_programs(_merged(report, replay_in_child(checked, rules, moved, tolerance)))


def _settled(report: Report, checked: Checked) -> Report:
    """Apply the policy's verdict rules, after step 9; remember what passed, where the policy says so."""
    from amber.vault.trusting import remembered, settled

    trusted, manifest = cast("Trusted", checked.trusted), cast("Manifest", checked.manifest)
    if report.refused:
        return report  # step 5 has recorded it
    # without cases too: a policy that wants a verdict asks for step 9, whatever the caller left out
    refused: tuple[Refusal, ...] = judge_verdict(checked.policy, report.name, report.verdict)
    if not refused and report.verdict in ("identical", "equivalent"):
        refused = remembered(trusted, manifest, checked.id)
    settled(trusted, manifest, checked.id, cast("Opened", checked.opened).size, refused)
    return replace(report, refused=(*report.refused, *map(str, refused)))


def programs(report: Report, checked: Any, rules: Policy, *, replayed: bool) -> Report:
    """Step 8: the graph and the plan of every program, and in a child process its answers to the recorded cases."""
    from amber.errors import AmberError

    manifest = checked.manifest
    if not manifest.programs:
        return report
    from amber.models.child import replay_in_child
    from amber.models.program import opened

    try:
        for info in manifest.programs:
            opened(manifest, info, checked.opened.members, rules)
    except AmberError as error:
        return _ending(report, 8, "failed", error.code, str(error))
    except ImportError as error:
        said = f"{error}; pip install 'amber[program]'"
        return _with_step(report, Step(8, "not-supported", "library-missing", said))
    if not replayed or report.refused or manifest.cases is None:
        return _with_step(report, Step(8, "not-asked", detail="graph and plan passed; answers: not-asked"))
    for info in manifest.programs:
        outcome = replay_in_child(checked, rules, [], None, program=info.name)
        if outcome["verdict"] != "equivalent":
            status: Status = "not-asked" if outcome["verdict"] == "unchecked" else "failed"
            said = f"{info.name}: {outcome['detail'] or outcome['reason']}"
            return _with_step(report, Step(8, status, outcome["reason"], said))
    answered = ", ".join(f"{info.name} answers as certified" for info in manifest.programs)
    return _with_step(report, Step(8, "passed", detail=answered))


def _with_programs(report: Report) -> Report:
    """A program that no longer answers as certified makes the artifact `drifted`, whatever the original does."""
    failed = next((step for step in report.steps if step.number == 8 and step.status == "failed"), None)
    if failed is None or report.verdict in ("drifted", "broken"):
        return report
    return replace(report, verdict="drifted", reason=failed.code)


def _audit_values(report: Report, tree: Any, rules: Policy) -> Report:
    from amber.models.audit import problems

    found = problems(tree, rules)
    if found:
        return _ending(report, 6, "failed", found[0].code, "; ".join(str(problem) for problem in found[:5]))
    return _with_step(report, Step(6, "passed"))


def _environment(report: Report, checked: Any) -> tuple[Report, list[str]]:
    """Step 7. Imports the model's libraries, so that their versions can be compared."""
    from amber.models import environment  # here: a check without cases does not come so far

    libraries = checked.manifest.libraries
    environment.written_versions(libraries)
    then = environment.recorded(checked.opened.members["env/pylock.toml"])
    moved = environment.differences(then, libraries, libraries)
    step = Step(7, "passed", "environment-changed" if moved else "", "; ".join(moved))
    return replace(_with_step(report, step), environment=tuple(moved)), moved


def _with_step(report: Report, step: Step, verdict: Any = None, reason: str | None = None) -> Report:
    steps = tuple(sorted((*(s for s in report.steps if s.number != step.number), step), key=lambda s: s.number))
    changed = replace(report, steps=steps)
    return changed if verdict is None else replace(changed, verdict=verdict, reason=reason or "")


def _ending(report: Report, number: int, status: Status, code: str, detail: str) -> Report:
    verdict = "broken" if status == "failed" else "unchecked"
    return _with_step(report, Step(number, status, code, detail), verdict, code)


def _merged(report: Report, outcome: dict[str, Any]) -> Report:
    verdict, reason = outcome["verdict"], outcome["reason"]
    step = cases_step(verdict, reason, outcome["rows"], outcome["knife_edge"], outcome["detail"])
    merged = _with_step(report, step, verdict, reason)
    return replace(merged, findings=outcome["findings"], cases=outcome["rows"], knife_edge=outcome["knife_edge"])
