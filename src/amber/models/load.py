"""`amber.load`: from bytes to the same model, or a refusal. The steps are numbered as in `spec/` and every report.

1 container, 3 manifest, 4 digests, 5 policy, 6 names and values of the tree; only then is a class touched;
7 environment, 9 cases where the environment differs (or the caller or the policy asks).
"""

from __future__ import annotations

import dataclasses
import logging
import time
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

from amber.errors import AmberWarning, CaseError, PolicyError, UsageError
from amber.models import environment
from amber.models.audit import audit
from amber.models.clock import Clock
from amber.models.libraries import needed
from amber.models.replayed import cases_step
from amber.policy import Policy, demanded_verdicts, judge_verdict
from amber.report import Report, Step, lines_of

if TYPE_CHECKING:
    from amber.vault.check import Proved
    from amber.vault.trusting import Asked

Replay = Literal["auto", "always", "never"]
_log = logging.getLogger("amber")


@overload
def load(
    source: Any,
    *,
    policy: Policy | None = ...,
    expect: str = ...,
    replay: Replay = ...,
    report: Literal[False] = ...,
    mmap: bool | Literal["auto"] = ...,
    tolerance: tuple[float, float] | None = ...,
    bundles: Mapping[str, bytes] | None = ...,
) -> Any: ...


@overload
def load(
    source: Any,
    *,
    policy: Policy | None = ...,
    expect: str = ...,
    replay: Replay = ...,
    report: Literal[True],
    mmap: bool | Literal["auto"] = ...,
    tolerance: tuple[float, float] | None = ...,
    bundles: Mapping[str, bytes] | None = ...,
) -> tuple[Any, Report]: ...


@needed()
def load(
    source: Any,
    *,
    policy: Policy | None = None,
    expect: str = "",
    replay: Replay = "auto",
    report: bool = False,
    mmap: bool | Literal["auto"] = "auto",
    tolerance: tuple[float, float] | None = None,
    bundles: Mapping[str, bytes] | None = None,
) -> Any:
    """Return the model of an artifact. No code from the file runs, and no value in it is trusted before it is checked.

    Args:
        source: Path of a file or unpacked folder, bytes, or a seekable binary file.
        policy: What the reader accepts; None: the closed vocabulary, and what the keyring of this machine says of
            signers, if there is one.
        expect: The name the artifact must have; the name in a file is its author's word.
        replay: `auto` replays the recorded cases when the environment differs from the recorded one, `always`, `never`.
        report: Return (model, report) instead of the model alone.
        mmap: `auto` maps a local file of 256 MiB or more; True and False decide.
        tolerance: (relative, absolute share of the largest value) in place of the recorded rule; may only tighten.
        bundles: Detached signatures by the path they were read from; they count like those inside.

    Returns:
        The model, or (model, report).

    Raises:
        FormatError, LimitError: The bytes are not a valid artifact within the limits.
        AuditError: The tree names or holds what may not be built.
        BuildError: The installed libraries cannot build it (verdict `broken`).
        CaseError: The answers are not as recorded (verdict `drifted`).
        PolicyError: The policy refuses it.
        SourceError: It cannot be read.
        UsageError: An argument is wrong.
    """
    from amber.vault.trusting import Asked

    if replay not in ("auto", "always", "never"):
        raise UsageError("replay-unknown", f"replay={replay!r}", hint="'auto', 'always' or 'never'")
    asked = Asked(expect=expect, route="original", bundles=bundles or {}, verb="load", replays=True)
    model, outcome = loaded(source, policy, asked, replay=replay, mmap=mmap, tolerance=tolerance)
    tell(outcome, report)
    return (model, outcome) if report else model


def loaded(
    source: Any,
    policy: Policy | None,
    asked: Asked,
    *,
    replay: Replay = "auto",
    mmap: bool | Literal["auto", "sealed"] = "auto",
    tolerance: tuple[float, float] | None = None,
) -> tuple[Any, Report]:
    """Do all that `load` does, and say nothing; `asked` is what is asked beside the policy.

    Raises:
        AmberError: As `load` does.
    """
    from amber.vault.check import open_checked

    clock = Clock()
    with open_checked(source, policy, mmap, asked) as checked:
        return of_opened(checked, clock, replay=replay, tolerance=tolerance, given=policy is not None)


def of_opened(
    checked: Proved,
    clock: Clock,
    *,
    replay: Replay = "auto",
    tolerance: tuple[float, float] | None = None,
    given: bool = True,
) -> tuple[Any, Report]:
    """Return model and report of an artifact that is open; the policy it was opened under decides, verdict and all.

    Args:
        checked: Opened for use, with `replays` asked.
        clock: Started before it was opened.
        replay: As for `load`.
        tolerance: As for `load`.
        given: Whether the caller named a policy, which the report then names by its digest.

    Raises:
        AmberError: As `load` does.
    """
    from amber.adapters.build import build
    from amber.archive.assemble import read_evidence, read_tree

    rules, manifest, opened = checked.policy, checked.manifest, checked.opened
    steps = list(checked.steps)
    clock.lap("open")
    tree = read_tree(opened.members, rules.limits)
    audit(tree, rules)
    steps.append(Step(6, "passed"))
    clock.lap("audit")
    then = environment.recorded(opened.members["env/pylock.toml"])
    model = build(tree, manifest.libraries)
    clock.lap("build")
    moved = environment.differences(then, manifest.libraries, manifest.libraries)
    steps.append(Step(7, "passed", "environment-changed" if moved else "", "; ".join(moved)))
    steps += checked.later
    demanded = bool(demanded_verdicts(rules, manifest.name))
    wanted = replay == "always" or demanded or (replay == "auto" and bool(moved))
    evidence = read_evidence(manifest, opened.members, rules.limits) if wanted else None
    outcome = _replayed(model, manifest, evidence, steps, moved, rules, tolerance, replay)
    clock.lap("replay")
    outcome = dataclasses.replace(
        outcome,
        seconds=clock.seconds,
        steps=tuple(sorted(outcome.steps, key=lambda step: step.number)),
        id=checked.id,
        signatures=checked.trusted.signatures,
        policy=rules.digest if checked.trusted.found or given else "",
    )
    _judge(outcome, checked)
    return model, outcome


def _replayed(
    model: Any,
    manifest: Any,
    evidence: Any,
    steps: list[Step],
    moved: list[str],
    rules: Policy,
    tolerance: tuple[float, float] | None,
    replay: Replay,
) -> Report:
    base = {"name": manifest.name, "version": manifest.version, "environment": tuple(moved)}
    if evidence is None:
        reason = "environment-unchanged" if not moved else "replay-not-asked"
        if manifest.cases is None:
            reason = "no-cases"
        return Report("unchecked", reason, steps=(*steps, Step(9, "not-asked")), **base)
    from amber.cases.replay import replay as replay_cases

    deadline = None if replay == "always" else time.monotonic() + rules.limits.load_replay_seconds
    result = replay_cases(model, evidence, tolerance=tolerance, deadline=deadline, moved="; ".join(moved))
    step = cases_step(result.verdict, result.reason, result.rows, result.knife_edge)
    return Report(
        result.verdict,
        result.reason,
        steps=(*steps, step),
        findings=tuple(result.findings),
        cases=result.rows,
        knife_edge=result.knife_edge,
        **base,
    )


def _judge(outcome: Report, checked: Proved) -> None:
    """Raise on `broken`, on `drifted` unless the policy is open, and on anything worse than the policy's verdict."""
    from amber.vault.trusting import settled

    refused = judge_verdict(checked.policy, outcome.name, outcome.verdict, used=True)
    settled(checked.trusted, checked.manifest, checked.id, checked.opened.size, refused)
    if outcome.verdict == "broken" or (outcome.verdict == "drifted" and refused):
        damaged = outcome.reason.startswith("cases-")  # the file's fault, not the model's
        raise CaseError(
            outcome.reason if damaged else f"verdict-{outcome.verdict}",
            "; ".join(["the model does not answer as recorded", *lines_of(outcome.findings)[:10]]),
            where=outcome.name,
            hint="load with replay='never' to look at it, or use the recorded versions: "
            + ("; ".join(outcome.environment) or "environment unchanged"),
        )
    if refused:
        said = f"{refused[0].message} ({outcome.reason})" if outcome.reason else refused[0].message
        raise PolicyError(refused[0].code, said, where=outcome.name)


def tell(outcome: Report, returned: bool = False) -> None:
    """Log what a load found; warn of what its caller should know, unless the report goes to the caller."""
    _log.info("%s %s: %s %s", outcome.name, outcome.version, outcome.verdict, outcome.reason)
    quiet = outcome.verdict == "identical" or outcome.reason in ("environment-unchanged", "replay-not-asked")
    if not returned and not quiet:
        reason = f" ({outcome.reason})" if outcome.reason else ""
        moved = f"; changed since it was saved: {'; '.join(outcome.environment)}" if outcome.environment else ""
        warnings.warn(f"{outcome.name}: {outcome.verdict}{reason}{moved}", AmberWarning, stacklevel=4)
