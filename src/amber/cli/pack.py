"""`amber pack`: a folder as an artifact again."""

from __future__ import annotations

import click

from amber.cli import render
from amber.cli.commands import Command


@click.command(
    "pack",
    cls=Command,
    arguments=(("DIR", "A folder that `amber unpack` wrote."), ("FILE", "The artifact to write.")),
    examples=(
        ("amber pack churn/ churn.amber", "the same bytes that were unpacked"),
        ("amber pack churn/ churn.amber --id 4b1f...", "only if the folder still is that artifact"),
    ),
)
@click.argument("directory", metavar="DIR")
@click.argument("file")
@click.option("--id", "wanted", metavar="ID", help="Write nothing unless the folder has this id.")
def command(directory: str, file: str, wanted: str | None) -> int:
    """Write a folder as an artifact, and print its id. Every member is checked first."""
    from amber.vault.pack import pack

    render.out(pack(directory, file, id=wanted))
    return 0
