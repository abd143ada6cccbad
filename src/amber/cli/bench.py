"""`amber bench`: the original against its program."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from amber.cli import render
from amber.cli.commands import Command
from amber.cli.options import as_json, bundle_option, policy_of, policy_options
from amber.report import EXIT_UNCHECKED

if TYPE_CHECKING:
    from amber.models.bench import Compared, Measured, Times


@click.command(
    "bench",
    cls=Command,
    arguments=(("FILE", "An artifact with a program (amber freeze)."),),
    examples=(
        ("amber bench churn.frozen.amber", "cold start, one row, 1000 rows, memory; answers compared"),
        ("amber bench churn.frozen.amber --rows 10000 -m predict_proba --json", "a larger batch, as JSON"),
    ),
)
@click.argument("file")
@click.option(
    "--rows", metavar="N", type=click.IntRange(1, 10_000_000), default=1000, show_default=True,
    help="Rows of the batch.",
)  # fmt: skip
@click.option("-m", "--method", metavar="NAME", help="Which method to ask. Default: predict.")
@click.option("--program", metavar="NAME", help="Which program, where there are several. Default: the one in float64.")
@as_json
@policy_options
@bundle_option()
def command(
    file: str,
    rows: int,
    method: str | None,
    program: str | None,
    as_json: bool,
    policy_file: str | None,
    allow: tuple[str, ...],
    bundles: dict[str, bytes],
) -> int:
    """Measure the original beside its program on this machine, and compare their answers.

    Each measurement is a process of its own with one thread; the two take turns, and medians of three are shown. The
    rows are the recorded ordinary ones. Where the model's library is not installed the program is measured alone.
    Exit code: 0 measured, 3 the program could not be.
    """
    policy = policy_of(policy_file, allow)
    from amber.models.bench import bench

    with render.progress("bench") as progress:
        done = bench(file, rows=rows, method=method, program=program, policy=policy, progress=progress, bundles=bundles)
    if as_json:
        render.out(json.dumps(done.to_dict(), ensure_ascii=False, indent=2))
    else:
        render.out(text(done))
        for line in done.notes:
            render.note(line)
    return 0 if done.frozen is not None else EXIT_UNCHECKED


def text(done: Measured) -> str:
    """Return what was measured as a table for people."""
    columns = f"{done.columns} column{'' if done.columns == 1 else 's'}"
    head = f"{render.shown(done.name)} {done.version}: {done.method}, {columns}, one thread"
    lines = [render.paint(head, bold=True), f"  {'':<14}{'original':>12}{'program':>12}"]
    for label, name, said in (
        ("cold start", "cold", seconds),
        ("one row", "one", seconds),
        (f"{done.rows} rows", "many", seconds),
        ("peak memory", "peak_bytes", render.size),
        ("stored", "stored_bytes", render.size),
    ):
        cells = "".join(f"{_cell(side, name, said):>12}" for side in (done.original, done.frozen))
        lines.append(f"  {render.paint(f'{label:<14}', 'cyan')}{cells}{_ratio(done.ratios.get(name), name)}")
    if done.answers:
        lines.append(f"  {render.paint('answers', 'cyan')} to {done.rows} rows")
        width = max(len(each.method) for each in done.answers)
        lines += [f"    {each.method:<{width}}  {_agreement(each)}" for each in done.answers]
    return "\n".join(lines)


def _cell(side: Times | None, name: str, said: Any) -> str:
    return "-" if side is None else str(said(getattr(side, name)))


def seconds(value: float) -> str:
    """Return a time with three digits: `1.92 s`, `41.3 ms`, `18.2 us`."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if value * factor >= 1 or unit == "us":
            break
    number = value * factor
    return f"{number:.{2 if number < 10 else 1 if number < 100 else 0}f} {unit}"


def _ratio(ratio: float | None, name: str) -> str:
    """Return how the program stands to the original, the better side in words."""
    if not ratio:
        return ""
    better, worse = ("faster", "slower") if name in ("cold", "one", "many") else ("less", "more")
    factor = max(ratio, 1 / ratio)
    if factor < 1.05:
        return "   about the same"
    said = f"{factor:.{1 if factor < 100 else 0}f}x {better if ratio > 1 else worse}"
    return "   " + render.paint(said, "green" if ratio > 1 else "yellow")


def _agreement(each: Compared) -> str:
    if each.said:
        return f"not compared: {render.shown(each.said, 300)}"
    if not (each.flips or each.difference or each.odd):
        return render.paint("the same", "green")
    said = []
    if each.flips:
        said.append(render.paint(f"{each.flips} of {each.rows} rows differ", "red"))
    if each.odd:
        said.append(render.paint(f"missing or infinite on one side in {each.odd}", "red"))
    if each.difference:
        said.append(f"largest difference {each.difference:.1e}")
    return ", ".join(said)
