"""`amber pack`: a folder as an artifact again."""

from __future__ import annotations

import json

import click

from amber.cli import render
from amber.cli.commands import Command
from amber.cli.options import as_json


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
@as_json
def command(directory: str, file: str, wanted: str | None, as_json: bool) -> int:
    """Write a folder as an artifact, and print its id. Every member is checked first."""
    from amber.vault.pack import pack

    identity = pack(directory, file, id=wanted)
    render.out(json.dumps({"id": identity, "file": file}, indent=2) if as_json else identity)
    return 0
