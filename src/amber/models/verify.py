"""`amber.verify`: the numbered steps and a verdict. Never raises for what is in a file.

The inert part (`vault.check`) does steps 1 to 5 and the names of 6; here come the values, the environment and the
cases, which are replayed in a child process with limits on time and memory, since they run a stranger's model.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from amber.errors import FormatError
from amber.models import environment
from amber.models.child import replay_in_child
from amber.models.replayed import cases_step
from amber.policy import Policy
from amber.report import Report, Status, Step


def verify(
    source: Any, *, policy: Policy | None = None, cases: bool = True, tolerance: tuple[float, float] | None = None
) -> Report:
    """Check an artifact whole and say whether it still computes the same thing.

    Args:
        source: Path of a file or unpacked folder, bytes, or a seekable binary file.
        policy: What the reader accepts.
        cases: Replay the recorded cases (in a child process); False stops before anything is built.
        tolerance: (relative, absolute share of the largest value) in place of the recorded rule; may only tighten.

    Returns:
        The report; `report.require("equivalent")` raises where it is worse.

    Raises:
        SourceError: The source cannot be read at all.
    """
    from amber.vault.check import check

    rules = policy or Policy()
    with check(source, rules) as checked:
        report: Report = checked.report
        if report.verdict == "broken" or checked.tree is None or checked.manifest is None:
            return report
        report = programs(report, checked, rules, replayed=cases)
        if report.verdict == "broken":
            return report
        try:
            report = _audit_values(report, checked.tree, rules)
            if report.verdict == "broken":
                return report
            report, moved = _environment(report, checked)
        except FormatError as error:
            return _ending(report, 7, "failed", error.code, str(error))
        except ImportError as error:
            return _ending(report, 6, "not-supported", "library-missing", f"{error}; pip install 'amber[sklearn]'")
        if report.refused or not cases:
            return replace(report, verdict="unchecked", reason="cases-not-asked" if not cases else "policy-refused")
        if checked.manifest.cases is None:
            return _judged(_with_step(report, Step(9, "not-present"), "unchecked", "no-cases"), rules)
        outcome = replay_in_child(checked, rules, moved, tolerance)
    return _judged(_with_programs(_merged(report, outcome)), rules)


def programs(report: Report, checked: Any, rules: Policy, *, replayed: bool) -> Report:
    """Step 8: the graph and the plan of every program, and in a child process its answers to the recorded cases."""
    from amber.errors import AmberError
    from amber.models.program import opened

    manifest = checked.manifest
    if not manifest.programs:
        return report
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
    return replace(report, steps=(*(s for s in report.steps if s.number != 6), Step(6, "passed")))


def _environment(report: Report, checked: Any) -> tuple[Report, list[str]]:
    """Step 7. Imports the model's libraries, so that their versions can be compared."""
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


def _judged(report: Report, rules: Policy) -> Report:
    """Apply the policy's verdict rule, after step 9."""
    if rules.verdict is None or report.satisfies(rules.verdict):
        return report
    line = f"verdict-too-low: {report.verdict}, the policy wants {rules.verdict}"
    return replace(report, refused=(*report.refused, line))
