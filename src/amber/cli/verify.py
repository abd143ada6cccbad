"""`amber verify`: the numbered steps, then a verdict; the exit code says the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from amber.cli import render
from amber.cli.commands import Command
from amber.cli.options import as_json, bundle_option, expect_option, policy_of, policy_options, time_of
from amber.report import EXIT_OK, EXIT_REFUSED, EXIT_UNCHECKED

if TYPE_CHECKING:
    from amber.report import Report

_WITHOUT_CASES = (1, 2, 3, 4, 5, 6, 8)  # steps that are asked for where no case is


@click.command(
    "verify",
    cls=Command,
    arguments=(("FILE", "An artifact, or the folder it was unpacked to."),),
    examples=(
        ("amber verify churn.amber", "check every byte, rebuild the model, replay its recorded cases"),
        ("amber verify churn.amber --allow mypkg.text.Scaler", "with a class of your own"),
        ("amber verify churn.amber --policy policy.toml --expect churn --json", "in a pipeline: the exit code decides"),
        ("amber verify churn.amber --bundle churn.amber.0001-oms.sigstore.json", "with a detached signature"),
    ),
)
@click.argument("file")
@as_json
@policy_options
@expect_option
@bundle_option()
@click.option(
    "--at",
    metavar="TIME",
    help="Judge certificates, keys and the policy at this time (2027-01-31, 2027-01-31T12:00:00Z).",
)
@click.option("--no-cases", is_flag=True, help="Check the file without running the model.")
def command(
    file: str,
    as_json: bool,
    policy_file: str | None,
    allow: tuple[str, ...],
    expect: str,
    bundles: dict[str, bytes],
    at: str | None,
    no_cases: bool,
) -> int:
    """Check an artifact step by step, who signed it, and whether its model still gives the recorded answers.

    The cases are replayed in a process of their own with limits on time and memory. Exit code: 0 identical or
    equivalent, 1 drifted, 2 broken or refused by the policy, 3 unchecked; with --no-cases 0 if every step that was
    asked for passed, 3 where a library for one is missing. A policy that wants a verdict refuses --no-cases.
    """
    policy = policy_of(policy_file, allow)
    from amber.models.verify import verify

    report = verify(
        file,
        policy=policy,
        cases=not no_cases,
        expect=expect,
        bundles=bundles,
        at=None if at is None else time_of(at, "--at"),
    )
    code = exit_code(report, no_cases=no_cases)
    if as_json:
        render.out(json.dumps({**report.to_dict(), "exit_code": code}, ensure_ascii=False, indent=2))
    else:
        render.out(render.for_terminal(render.report_text(report)))
    return code


def exit_code(report: Report, *, no_cases: bool) -> int:
    """Return the exit code of a report; without cases the steps that were asked for decide."""
    if not no_cases:
        return report.exit_code
    if report.refused or report.verdict == "broken" or any(step.status == "failed" for step in report.steps):
        return EXIT_REFUSED
    asked = [step.status for step in report.steps if step.number in _WITHOUT_CASES]
    return EXIT_UNCHECKED if "not-supported" in asked else EXIT_OK
