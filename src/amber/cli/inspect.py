"""`amber inspect`: what is in an artifact. Imports no framework and builds nothing."""

from __future__ import annotations

import json

import click

from amber.cli import render
from amber.cli.commands import Command
from amber.cli.options import as_json


@click.command(
    "inspect",
    cls=Command,
    arguments=(("FILE", "An artifact, or the folder it was unpacked to."),),
    examples=(
        ("amber inspect churn.amber", "kind, inputs, outputs, types, sizes, where its rows come from"),
        ("amber inspect churn.amber --json | jq -r .name", "for a script"),
        ("amber inspect churn.amber --tree", "the model as it is stored, node by node"),
        ("amber inspect churn.amber --id", "compute the id, however large the file is"),
    ),
)
@click.argument("file")
@as_json
@click.option("--tree", is_flag=True, help="Show the model as the tree it is stored as, instead of the overview.")
@click.option("--id", "with_id", is_flag=True, help="Compute the id of a file above 16 MiB too.")
def command(file: str, as_json: bool, tree: bool, with_id: bool) -> int:
    """Show what is in an artifact, without importing a framework and without building the model."""
    from amber.vault.inspect import inspect

    info = inspect(file, id=True if with_id else None)
    if as_json:
        document = info.to_dict() | ({"tree": info.tree()} if tree else {})
        render.out(json.dumps(document, ensure_ascii=False, indent=2))
    elif tree:
        render.out(info.tree())
    else:
        render.out(render.overview(str(info)))
    return 0
