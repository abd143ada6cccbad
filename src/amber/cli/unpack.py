"""`amber unpack`: an artifact as a folder of ordinary files."""

from __future__ import annotations

import json

import click

from amber.cli import render
from amber.cli.commands import Command
from amber.cli.options import as_json


@click.command(
    "unpack",
    cls=Command,
    arguments=(("FILE", "An artifact."), ("DIR", "The folder to make; it must not exist or be empty.")),
    examples=(("amber unpack churn.amber churn/", "manifest, tree, tensors, cases: each member a file"),),
)
@click.argument("file")
@click.argument("directory", metavar="DIR")
@as_json
def command(file: str, directory: str, as_json: bool) -> int:
    """Write the members of an artifact as a folder, and print its id.

    `amber pack` makes the same file of it again, byte for byte.
    """
    from amber.vault.pack import unpack

    identity = unpack(file, directory)
    render.out(json.dumps({"id": identity, "directory": directory}, indent=2) if as_json else identity)
    return 0
