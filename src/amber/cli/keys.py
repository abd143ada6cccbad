"""`amber keys`: API keys of a server, kept as hashes in one file."""

from __future__ import annotations

import json

import click

from amber.cli import render
from amber.cli.commands import Command
from amber.cli.options import as_json


@click.command(
    "keys",
    cls=Command,
    arguments=(("FILE", "The file of keys (TOML); --new makes it where there is none."),),
    examples=(
        ("amber keys keys.toml --new web --scopes read,predict", "a key for a client, printed once"),
        ("amber keys keys.toml", "who has which scopes"),
        ("amber serve churn.amber --api-keys keys.toml", "a server that asks for them"),
    ),
)
@click.argument("file")
@click.option("--new", "name", metavar="NAME", help="Make a key of this name and print it; it is kept nowhere.")
@click.option(
    "--scopes", default="read,predict", show_default=True, metavar="LIST",
    help="What the new key may do: read, predict, admin, learn.",
)  # fmt: skip
@as_json
def command(file: str, name: str | None, scopes: str, as_json: bool) -> int:
    """Make an API key, or list those of a file.

    The file holds hashes alone, so that a key is seen once, when it is made. To take one back, delete its lines: a
    server that runs reads the file again.
    """
    from amber.server.front import keys

    if name is not None:
        wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
        token = keys.add(file, name, wanted)  # type: ignore[arg-type] # which scopes there are, `add` checks
        if as_json:
            render.out(json.dumps({"id": name, "scopes": wanted, "key": token, "file": file}, indent=2))
        else:
            render.out(token)
            render.note(f"this is the only time it is shown; {file} holds its hash. Clients send it as")
            render.note(f"authorization: Bearer {token[:12]}...")
        return 0
    listed = keys.listed(file)
    if as_json:
        render.out(json.dumps([{"id": each.id, "scopes": each.scopes} for each in listed], indent=2))
    for each in () if as_json else listed:
        render.out(f"{each.id:<24} {', '.join(each.scopes)}")
    return 0
