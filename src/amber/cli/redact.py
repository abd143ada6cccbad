"""`amber redact`: the same model without a single row of anybody's data among its cases."""

from __future__ import annotations

import json

import click

from amber.cli import render
from amber.cli.commands import Command
from amber.cli.options import as_json, bundle_option, policy_of, policy_options


@click.command(
    "redact",
    cls=Command,
    arguments=(("FILE", "An artifact."),),
    examples=(("amber redact churn.amber -o churn-public.amber", "record the cases again with synthetic rows"),),
)
@click.argument("file")
@click.option("-o", "--output", metavar="OUT", required=True, help="The artifact to write.")
@as_json
@policy_options
@bundle_option()
def command(
    file: str,
    output: str,
    as_json: bool,
    policy_file: str | None,
    allow: tuple[str, ...],
    bundles: dict[str, bytes],
) -> int:
    """Write the same model with synthetic rows in place of the recorded ones: a new artifact with a new id."""
    policy = policy_of(policy_file, allow)
    from amber.models.redact import redact

    saved = redact(file, output, policy=policy, bundles=bundles)
    render.out(json.dumps(saved.to_dict(), ensure_ascii=False, indent=2) if as_json else str(saved))
    return 0
