"""`amber export`: the certified program as plain ONNX."""

from __future__ import annotations

import json

import click

from amber.cli import render
from amber.cli.commands import Command
from amber.cli.options import as_json, bundle_option, policy_of, policy_options


@click.command(
    "export",
    cls=Command,
    arguments=(("FILE", "An artifact with a program (amber freeze)."), ("MODEL", "The ONNX file to write.")),
    examples=(
        ("amber export churn.frozen.amber model.onnx", "for any ONNX runtime"),
        ("amber export churn.frozen.amber out/model.onnx --cases", "with cases that ONNX's own test runner replays"),
        ("amber export churn.frozen.amber web.onnx --program onnx-float32", "another of its programs"),
    ),
)
@click.argument("file")
@click.argument("model", metavar="MODEL")
@click.option("--cases", is_flag=True, help="Write the recorded cases beside it, in clear: test_data_set_0/input_0.pb.")
@click.option("--program", metavar="NAME", help="Which program, where there are several. Default: the one in float64.")
@as_json
@policy_options
@bundle_option()
def command(
    file: str,
    model: str,
    cases: bool,
    program: str | None,
    as_json: bool,
    policy_file: str | None,
    allow: tuple[str, ...],
    bundles: dict[str, bytes],
) -> int:
    """Write the certified program as plain ONNX, to be run without Amber.

    Columns of texts become inputs of texts, with their look-up in the graph. A plain graph refuses no row and gives
    labels as numbers: what its caller must do is printed, and stands in the file's metadata (amber.outside,
    amber.classes, amber.rules, amber.domain).
    """
    policy = policy_of(policy_file, allow)
    from amber.models.export import export

    done = export(file, model, program=program, cases=cases, policy=policy, bundles=bundles)
    text = json.dumps(done.to_dict(), ensure_ascii=False, indent=2) if as_json else render.for_terminal(str(done))
    render.out(text)
    return 0
