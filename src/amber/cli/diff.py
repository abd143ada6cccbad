"""`amber diff`: what changed between two artifacts."""

from __future__ import annotations

import json

import click

from amber.cli import render
from amber.cli.commands import Command
from amber.cli.options import as_json, bundle_option, policy_of, policy_options
from amber.report import EXIT_DRIFTED, EXIT_OK


@click.command(
    "diff",
    cls=Command,
    arguments=(("A", "The artifact before."), ("B", "The artifact after.")),
    examples=(
        ("amber diff churn-1.3.amber churn-1.4.amber", "parameters, tensors, environment, cases, answers"),
        ("amber diff --no-answers old.amber new.amber", "compare the files without running the models"),
    ),
)
@click.argument("a")
@click.argument("b")
@as_json
@policy_options
@bundle_option("--bundle-a", "A detached signature or attestation of A, which then counts like one inside.")
@bundle_option("--bundle-b", "The same of B.")
@click.option("--no-answers", is_flag=True, help="Do not ask both models the recorded questions.")
def command(
    a: str,
    b: str,
    as_json: bool,
    policy_file: str | None,
    allow: tuple[str, ...],
    bundles_a: dict[str, bytes],
    bundles_b: dict[str, bytes],
    no_answers: bool,
) -> int:
    """Show what changed from A to B. Exit code: 0 the same, 1 different."""
    policy = policy_of(policy_file, allow)
    from amber.models.diff import diff

    difference = diff(a, b, policy=policy, answers=not no_answers, bundles_a=bundles_a, bundles_b=bundles_b)
    if as_json:
        render.out(json.dumps(difference.to_dict(), ensure_ascii=False, indent=2))
    else:
        render.out(render.for_terminal(str(difference)))
    return EXIT_OK if difference.same else EXIT_DRIFTED
