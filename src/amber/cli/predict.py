"""`amber predict`: rows in, predictions out, of any size."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any

import click

from amber.cli import render
from amber.cli.commands import Command
from amber.cli.options import as_json, bundle_option, expect_option, policy_of, policy_options

_CELL_CHARS = 64 * 1024 * 1024  # the csv module's own cap of 128 KiB is too small for documents
_FORMS = ("csv", "tsv", "jsonl", "parquet", "npy")


@click.command(
    "predict",
    cls=Command,
    arguments=(
        ("FILE", "An artifact."),
        ("INPUT", "Rows: CSV, TSV, JSON lines, Parquet, .npy, or text with one document a line; - for stdin."),
    ),
    examples=(
        ("amber predict churn.amber customers.csv -o answers.csv", "one prediction a row"),
        ("amber predict churn.amber customers.parquet -m predict_proba -o scores.parquet", "one column a class"),
        ("amber predict churn.frozen.amber rows.csv --program", "without the model's library (amber freeze)"),
        ("zcat rows.csv.gz | amber predict churn.amber - --keep > answers.csv", "from a pipe, ids copied along"),
    ),
)
@click.argument("file")
@click.argument("input", metavar="INPUT")
@click.option("-o", "--output", metavar="OUT", help="Where to write; the ending says the form. Default: CSV to stdout.")
@click.option("-m", "--method", default="predict", show_default=True, metavar="NAME", help="Which method to ask.")
@click.option("--program", is_flag=True, help="Ask the frozen program; the model's library is not needed.")
@click.option("--keep", is_flag=True, help="Copy the columns that are not the model's (an id) before the answers.")
@click.option("--column", metavar="NAME", help="The column to take, for a model that takes texts.")
@click.option("--missing", multiple=True, metavar="TEXT", help="A cell with this text is missing. Repeat it.")
@click.option("--header/--no-header", "header", default=None, help="Whether the first row of a CSV holds names.")
@click.option("--delimiter", metavar="CHAR", help="What separates the cells of a CSV. Default: see its first line.")
@click.option("--to", "form", type=click.Choice(_FORMS), help="Form of the output, in place of the ending's.")
@click.option("--chunk-rows", type=click.IntRange(min=1), metavar="N", help="Rows answered at once.")
@as_json
@policy_options
@expect_option
@bundle_option()
def command(
    file: str,
    input: str,
    output: str | None,
    method: str,
    as_json: bool,
    policy_file: str | None,
    allow: tuple[str, ...],
    expect: str,
    bundles: dict[str, bytes],
    chunk_rows: int | None,
    **wishes: Any,
) -> int:
    """Answer every row of a file, block by block, so that any size fits in memory.

    Columns are found by the names the model was saved with; others are ignored, missing ones are an error. Each cell
    is read as the recorded dtype says: text stays text (007), and a cell that does not fit is named by line and
    column. An empty cell is a missing value; in number columns so are NA, NaN and null. OUT appears whole or not at
    all.
    """
    policy = policy_of(policy_file, allow)
    if as_json and output in (None, "-"):
        raise click.UsageError("--json needs -o: the predictions would stand in the same stream.")
    delimiter = wishes.pop("delimiter")
    if delimiter is not None and len(delimiter) != 1:
        raise click.BadParameter("expected one character; $'\\t' is a tab.", param_hint="'--delimiter'")
    import csv

    from amber.models.predict import Options, predict_file

    csv.field_size_limit(_CELL_CHARS)
    missing = frozenset(wishes.pop("missing"))
    to_stdout = output in (None, "-")
    apart = not to_stdout or not sys.stdout.isatty()  # a bar between the lines of the predictions would help nobody
    writing = render.writing() if to_stdout else contextlib.nullcontext()
    with writing, render.progress("predict", wanted=apart) as progress:
        done = predict_file(
            file,
            sys.stdin.buffer if input == "-" else input,
            sys.stdout.buffer if output is None or to_stdout else output,
            method=method,
            policy=policy,
            expect=expect,
            bundles=bundles,
            chunk_rows=chunk_rows,
            progress=progress,
            options=Options(missing=missing, delimiter=delimiter, **wishes),
        )
    for line in done.notes:
        render.note(line)
    if as_json:
        render.out(json.dumps({**done.to_dict(), "output": output}, ensure_ascii=False, indent=2))
    elif output not in (None, "-"):
        more = ", ..." if len(done.columns) > 5 else ""
        names = ", ".join(map(render.shown, done.columns[:5]))
        render.err(f"{output}: {done.rows:,} rows ({names}{more})")
    return 0
