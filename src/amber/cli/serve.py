"""`amber serve`: from a file to an endpoint that answers only what was verified."""

from __future__ import annotations

from typing import Any

import click

from amber.cli.commands import Command
from amber.cli.options import as_json
from amber.cli.serving import Shown
from amber.errors import UsageError


@click.command(
    "serve",
    cls=Command,
    arguments=(("FILE...", "Artifacts to serve; more may stand in the configuration."),),
    examples=(
        ("amber serve churn.amber", "verify it, then answer at http://127.0.0.1:8080"),
        ("amber serve churn.amber --check", "start everything, print the verdicts, stop: in a pipeline"),
        ("amber keys keys.toml --new web --scopes predict", "a key for a client, shown once"),
        (
            "amber serve churn.amber --host 0.0.0.0 --allowed-host models.example.com:8080 --api-keys keys.toml",
            "for other machines, with keys",
        ),
        (
            "amber serve churn.amber --policy policy.toml --expect churn --reload",
            "only what the policy takes, while it does",
        ),
        ("amber serve --config serve.toml --workers 4", "everything from a file, one setting over it"),
        ("amber call churn rows.csv", "ask it, in another shell"),
    ),
)
@click.argument("files", metavar="[FILE]...", nargs=-1)
@click.option("--host", metavar="ADDRESS", help="Where to listen. Default: 127.0.0.1, this machine alone.")
@click.option("--port", type=int, metavar="N", help="TCP port of HTTP; 0 takes a free one. Default: 8080.")
@click.option("--grpc-port", type=int, metavar="N", help="TCP port of gRPC. Default: no gRPC.")
@click.option("--workers", type=int, metavar="N", help="Processes that answer, for each model. Default: 1.")
@click.option("--policy", metavar="FILE", help="What you accept, as TOML: allow, limits, verdict, signers.")
@click.option(
    "--expect", metavar="NAME",
    help="The name it must have, of the one FILE; the name in a file is its author's word.",
)  # fmt: skip
@click.option(
    "--bundle", "bundles", metavar="BUNDLE", multiple=True,
    help="A detached signature or attestation of the one FILE, which then counts like one inside. Repeat it.",
)  # fmt: skip
@click.option("--config", metavar="FILE", help="Settings as TOML; options win (docs/serve.toml shows all).")
@click.option("--api-keys", metavar="FILE", help="Hashed API keys (amber keys makes them).")
@click.option("--no-auth", is_flag=True, default=None, help="Whoever reaches the address may ask.")
@click.option(
    "--allowed-host", "allowed_hosts", metavar="HOST", multiple=True,
    help="A name clients may reach it by, with its port. Repeat it.",
)  # fmt: skip
@click.option("--tls-cert", metavar="FILE", help="Certificate chain, PEM.")
@click.option("--tls-key", metavar="FILE", help="Its private key, PEM.")
@click.option("--memory", metavar="SIZE", help="All models together take at most this (8GiB).")
@click.option(
    "--reload", is_flag=True, default=None,
    help="A changed file is verified and takes over; by a changed policy or keyring all are judged anew.",
)  # fmt: skip
@click.option(
    "--allow-interface-change", is_flag=True, default=None,
    help="A changed file takes over even where columns or outputs that callers use are gone or others.",
)  # fmt: skip
@click.option("--folder", metavar="DIR", help="The admin endpoint may load models from here.")
@click.option(
    "--route", type=click.Choice(("program", "original", "auto")),
    help="Which form answers. Default: auto, the program where there is a certified one.",
)  # fmt: skip
@click.option(
    "--access-log", metavar="WHERE", help="stderr, off, or a file: one line of JSON a request. Default: stderr."
)
@click.option("--check", is_flag=True, help="Start everything, print the verdicts, stop.")
@as_json
def command(files: tuple[str, ...], config: str | None, check: bool, as_json: bool, **options: Any) -> int:
    """Verify models, then answer requests: the Open Inference Protocol (/v2) and a simple API (/v1).

    A model that does not give its recorded answers on this machine, or that the policy refuses, is not served; one that
    the policy takes no more goes out of service (--reload, SIGHUP, and every five minutes). Each decision is one line
    of JSON on the standard error. With --json each event of the server, decisions among them, is one line of JSON.
    Exit code: 0 ended as asked; with --check 0 identical or equivalent, 1 drifted, 2 broken or refused, 3 unchecked.
    """
    from amber.server.settings import Settings

    settings = Settings.from_sources({"models": files, **options}, config)
    shown = Shown(as_json=as_json, check=check, keys=settings.api_keys is not None)
    try:
        from amber.server.front.app import run
    except ImportError as error:
        hint = "pip install 'amber[serve]'"
        raise UsageError("library-missing", f"the server needs {error.name}", where="serve", hint=hint) from error
    with shown:
        code = run(settings, shown.announce, check=check)
    return shown.exit_code if check else code
