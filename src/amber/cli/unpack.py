"""`amber unpack`: an artifact as a folder of ordinary files."""

from __future__ import annotations

import click

from amber.cli import render
from amber.cli.commands import Command


@click.command(
    "unpack",
    cls=Command,
    arguments=(("FILE", "An artifact."), ("DIR", "The folder to make; it must not exist or be empty.")),
    examples=(("amber unpack churn.amber churn/", "manifest, tree, tensors, cases: each member a file"),),
)
@click.argument("file")
@click.argument("directory", metavar="DIR")
def command(file: str, directory: str) -> int:
    """Write the members of an artifact as a folder, and print its id.

    `amber pack` makes the same file of it again, byte for byte.
    """
    from amber.vault.pack import unpack

    render.out(unpack(file, directory))
    return 0
