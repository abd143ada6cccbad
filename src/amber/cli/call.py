"""`amber call`: rows of a file to a server, its answers to a file or a table."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from amber.cli import render
from amber.cli.commands import Command
from amber.cli.options import as_json
from amber.errors import SourceError

if TYPE_CHECKING:
    from amber.models.rows.writers import Writer
    from amber.server.client import Client

_FORMS = ("csv", "tsv", "jsonl", "parquet", "npy")
_TABLE_ROWS = 20  # shown to a person; a file gets all


@click.command(
    "call",
    cls=Command,
    arguments=(
        ("NAME", "The model, as the server names it; NAME@VERSION for one version."),
        ("INPUT", "Rows: CSV, TSV, JSON lines, Parquet, .npy, or text with one document a line; - for stdin."),
    ),
    examples=(
        ("amber call churn rows.csv", "a table on a terminal, CSV in a pipe"),
        ("amber call churn rows.parquet -m predict -m predict_proba -o answers.parquet", "several methods, to a file"),
        (
            "amber call churn rows.csv --url https://models.example.com --api-key-file key.txt --concurrency 8",
            "another machine, eight requests at once",
        ),
    ),
)
@click.argument("name")
@click.argument("input", metavar="INPUT")
@click.option("--url", default="http://127.0.0.1:8080", show_default=True, metavar="URL", help="Where the server is.")
@click.option("--api-key-file", metavar="FILE", help="File with the key in its first line. Default: $AMBER_API_KEY.")
@click.option(
    "-m", "--method", "methods", metavar="NAME", multiple=True, help="Which method to ask. Repeat it. Default: predict."
)
@click.option("-o", "--output", metavar="OUT", help="Where to write; the ending says the form.")
@click.option("--format", "form", type=click.Choice(_FORMS), help="Form of the output, in place of the ending's.")
@click.option("--missing", multiple=True, metavar="TEXT", help="A cell with this text is missing. Repeat it.")
@click.option("--header/--no-header", "header", default=None, help="Whether the first row of a CSV holds names.")
@click.option("--batch-rows", type=click.IntRange(1, 1_000_000), default=1000, show_default=True, metavar="N",
              help="Rows of one request.")  # fmt: skip
@click.option("--concurrency", type=click.IntRange(1, 256), default=4, show_default=True, metavar="N",
              help="Requests on their way at once.")  # fmt: skip
@click.option("--timeout", type=click.FloatRange(0, min_open=True), default=30.0, show_default=True, metavar="S",
              help="Seconds for one answer.")  # fmt: skip
@click.option("--ca-file", metavar="FILE", help="Certificates to trust in place of the system's, PEM.")
@as_json
def command(
    name: str, input: str, url: str, api_key_file: str | None, methods: tuple[str, ...], output: str | None,
    form: str | None, as_json: bool, batch_rows: int, concurrency: int, timeout: float, ca_file: str | None,
    **reading: Any,
) -> int:  # fmt: skip
    """Ask a server for every row of a file, in batches, and write the answers in the order of the rows.

    A request that the server was too busy for (429), that it was not ready for (503) or that lost its connection is
    sent again after a growing pause. A row that the server refuses is named by its line and column, and ends the
    command. OUT appears whole or not at all.
    """
    if as_json and output in (None, "-"):
        raise click.UsageError("--json needs -o: the answers would stand in the same stream.")
    from amber.server.client import Client

    model, _, version = name.partition("@")
    wanted = methods or ("predict",)
    client = Client(url, api_key=_key(api_key_file), timeout=timeout, ca_file=ca_file)
    with client, _target(output, form) as (writer, apart), render.progress("call", wanted=apart) as progress:
        rows = 0
        named: list[str] = []
        for found, share in _answered(client, model, version, input, wanted, batch_rows, concurrency, reading):
            writer.write(found)
            named = list(found)
            rows += len(next(iter(found.values())))
            progress(share, rows)
        writer.close()
    if as_json:
        said = {"rows": rows, "columns": named, "output": output, "url": client.url, "model": model}
        render.out(json.dumps(said, ensure_ascii=False, indent=2))
    elif output not in (None, "-"):
        render.err(f"{output}: {rows:,} rows ({', '.join(map(render.shown, named[:5]))})")
    return 0


def _answered(
    client: Client, model: str, version: str, input: str, methods: tuple[str, ...], rows: int, concurrency: int,
    reading: dict[str, Any],
) -> Iterator[tuple[dict[str, Any], float | None]]:  # fmt: skip
    """Yield columns of answers, and how much of the file has been read."""
    from amber.models.rows.inputs import open_reader
    from amber.server.calling import files, run

    # a file is looked at before the server is asked; a pipe may take long until it says something
    described = client.described(model, version=version) if input == "-" else None
    source: Any = sys.stdin.buffer if input == "-" else input
    with open_reader(source, rows=min(rows, 1024), header=reading["header"]) as (reader, where):
        if described is None:
            described = client.described(model, version=version)
        parts = files.parts(reader, where, described, rows=rows, missing=frozenset(reading["missing"]))

        def ask(part: files.Part) -> dict[str, Any]:
            return client.answer(model, part.table, methods, version=version)

        for _, found in run.answers(parts, ask, concurrency):
            yield run.columns(found, described), reader.share()


def _key(path: str | None) -> str:
    """Return the API key: of a file, which no list of processes shows, or of the environment."""
    if path is None:
        return os.environ.get("AMBER_API_KEY", "")
    try:
        with open(path, encoding="ascii") as file:
            return file.readline().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError("keys-unreadable", f"the API key cannot be read: {error}", where=path) from error


@contextlib.contextmanager
def _target(output: str | None, form: str | None) -> Iterator[tuple[Writer, bool]]:
    """Yield where answers go, and whether that is apart from the progress bar."""
    from amber.models.rows import writers

    if output not in (None, "-"):
        with writers.whole_file(str(output)) as stream:
            yield writers.writer(form or writers.form_of(str(output)), stream, str(output)), True
    elif form is None and output is None and sys.stdout.isatty():
        yield TableWriter(), False
    else:
        yield writers.writer(form or "csv", sys.stdout.buffer, "standard output"), not sys.stdout.isatty()


class TableWriter:
    """The first rows as a table for a person, and how many more there are."""

    def __init__(self) -> None:
        self._rows: list[tuple[Any, ...]] = []
        self._names: list[str] = []
        self._count = 0

    def write(self, columns: dict[str, Any]) -> None:
        """Take some rows."""
        self._names = list(columns)
        self._count += len(next(iter(columns.values())))
        left = _TABLE_ROWS - len(self._rows)
        if left > 0:
            self._rows += zip(*(_cells(column[:left]) for column in columns.values()), strict=True)

    def close(self) -> None:
        """Print the table."""
        first = 1
        lines = [["row", *map(render.shown, self._names)]]
        lines += [[str(first + place), *cells] for place, cells in enumerate(self._rows)]
        try:
            _rich(lines)
        except ImportError:
            widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
            for line in lines:
                render.out("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))
        more = self._count - len(self._rows)
        if more > 0:
            render.err(f"and {more:,} more rows; -o answers.csv writes all")


def _rich(lines: list[list[str]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="cyan")
    for name in lines[0]:
        table.add_column(escape(name), justify="right")
    for line in lines[1:]:
        table.add_row(*map(escape, line))
    Console().print(table)


def _cells(column: Any) -> list[str]:
    return ["" if value is None else f"{value:.6g}" if isinstance(value, float) else render.shown(value, 40)
            for value in column.tolist()]  # fmt: skip
