"""`amber freeze`: a certified, framework-free program beside the model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from amber.cli import render
from amber.cli.commands import Command
from amber.cli.options import as_json, bundle_option, policy_of, policy_options

if TYPE_CHECKING:
    from amber.models.freezing import Precision


@click.command(
    "freeze",
    cls=Command,
    arguments=(("FILE", "An artifact."),),
    examples=(
        ("amber freeze churn.amber", "write churn.frozen.amber"),
        ("amber freeze churn.amber --precision float32 -o churn-web.amber", "for browsers and accelerators"),
        ("amber freeze churn.amber --allow mypkg.features.ratios", "trace a function of yours into the program"),
    ),
)
@click.argument("file")
@click.option("-o", "--output", metavar="OUT", help="The artifact to write. Default: NAME.frozen.amber beside FILE.")
@click.option(
    "--target", type=click.Choice(["onnx"]), default="onnx", show_default=True, help="The form of the program."
)
@click.option(
    "--precision", type=click.Choice(["float64", "float32"]), default="float64", show_default=True,
    help="What numbers are computed in.",
)  # fmt: skip
@as_json
@policy_options
@bundle_option()
def command(
    file: str,
    output: str | None,
    target: str,
    precision: str,
    as_json: bool,
    policy_file: str | None,
    allow: tuple[str, ...],
    bundles: dict[str, bytes],
) -> int:
    """Freeze the model into a program that runs without its library, and certify it by the recorded cases.

    Every case of every method runs through the program, in a process of its own; a method that answers otherwise is
    left out with the rows that show why, and where none is left nothing is written. A model that Amber has no graph of
    is given to skl2onnx and held to the same. The result is a new artifact with lineage; its signatures are dropped.
    """
    policy = policy_of(policy_file, allow)
    from amber.models.freeze import freeze

    exact: Precision = "float32" if precision == "float32" else "float64"
    done = freeze(file, output, precision=exact, policy=policy, bundles=bundles)
    render.out(json.dumps(done.to_dict(), ensure_ascii=False, indent=2) if as_json else str(done))
    return 0
