"""The table of commands and the group that loads each one when it is called, so that `amber --help` stays fast."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import click


class Entry(NamedTuple):
    """Where a command lives and what it does in one line."""

    module: str
    line: str


# Order of the help: what most people call first stands first.
TABLE: dict[str, Entry] = {
    "inspect": Entry("amber.cli.inspect", "What is in it, without importing a framework."),
    "verify": Entry("amber.cli.verify", "The numbered steps, then a verdict."),
    "diff": Entry("amber.cli.diff", "What changed: parameters, tensors, environment, cases, answers."),
    "predict": Entry("amber.cli.predict", "Rows in (CSV, Parquet, JSON lines, .npy), predictions out."),
    "freeze": Entry("amber.cli.freeze", "A certified program beside the model, that runs without its library."),
    "export": Entry("amber.cli.export", "The program as plain ONNX, with cases any runtime can replay."),
    "bench": Entry("amber.cli.bench", "Original against program: start, one row, many, memory, answers."),
    "serve": Entry("amber.cli.serve", "A verified model as an HTTP and gRPC endpoint."),
    "call": Entry("amber.cli.call", "Rows to a server, answers back: batched, retried, in order."),
    "keys": Entry("amber.cli.keys", "API keys of a server: a new one, or the list."),
    "keygen": Entry("amber.cli.keygen", "A key pair to sign with, and a certificate for it."),
    "sign": Entry("amber.cli.sign", "A signature over all members, in the file or beside it."),
    "trust": Entry("amber.cli.trust", "This machine's keyring: who may sign what, until when."),
    "attest": Entry("amber.cli.attest", "A signed statement: a replay, a build, an SBOM, a gate's answer."),
    "sbom": Entry("amber.cli.sbom", "Bill of materials from what it knows: CycloneDX or SPDX."),
    "unpack": Entry("amber.cli.unpack", "The same members as a folder."),
    "pack": Entry("amber.cli.pack", "The folder as a file again, byte for byte."),
    "redact": Entry("amber.cli.redact", "The same model with synthetic rows in place of recorded ones."),
    "demo": Entry("amber.cli.demo", "The guided tour: train, save, verify, reload, predict, tamper."),
}


class Command(click.Command):
    """A command whose help ends with examples.

    Args:
        examples: Pairs of a command line and what it does.
        arguments: Pairs of an argument's metavar and what it is.
    """

    def __init__(
        self,
        *args: Any,
        examples: tuple[tuple[str, str], ...] = (),
        arguments: tuple[tuple[str, str], ...] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples
        self.arguments = arguments
        if self.name in TABLE:
            self.short_help = TABLE[self.name].line

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write arguments before the options."""
        if self.arguments:
            with formatter.section("Arguments"):
                formatter.write_dl(list(self.arguments), col_max=24)
        super().format_options(ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, each as it is typed, never wrapped."""
        if not self.examples:
            return
        with formatter.section("Examples"):
            for line, meaning in self.examples:
                indent = " " * formatter.current_indent
                formatter.write(f"{indent}# {meaning}\n{indent}{line}\n")


class CommandGroup(Command, click.Group):
    """A command that is a few commands, whose help ends with examples too."""


class LazyGroup(click.Group):
    """A group that knows names and one-line helps from a table and imports a command only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(TABLE)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None when there is none of this name."""
        entry = TABLE.get(cmd_name)
        if entry is None:
            return None
        module = importlib.import_module(entry.module)  # noqa: TID251 - a closed table, and nothing of a file
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve a command, or say which one was probably meant."""
        name = args[0]
        if name not in TABLE and not name.startswith("-"):
            import difflib

            close = difflib.get_close_matches(name, TABLE, n=1)
            meant = f" Did you mean {close[0]!r}?" if close else f" Commands: {', '.join(TABLE)}."
            ctx.fail(f"there is no command {name!r}.{meant}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.line.rstrip(".")) for name, entry in TABLE.items()])
