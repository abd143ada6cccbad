"""`amber redact`: the same model without a single row of anybody's data among its cases."""

from __future__ import annotations

import click

from amber.cli import render
from amber.cli.commands import Command
from amber.cli.options import policy_of, policy_options


@click.command(
    "redact",
    cls=Command,
    arguments=(("FILE", "An artifact."),),
    examples=(("amber redact churn.amber -o churn-public.amber", "record the cases again with synthetic rows"),),
)
@click.argument("file")
@click.option("-o", "--output", metavar="OUT", required=True, help="The artifact to write.")
@policy_options
def command(file: str, output: str, policy_file: str | None, allow: tuple[str, ...]) -> int:
    """Write the same model with synthetic rows in place of the recorded ones: a new artifact with a new id."""
    policy = policy_of(policy_file, allow)
    from amber.models.redact import redact

    render.out(str(redact(file, output, policy=policy)))
    return 0
