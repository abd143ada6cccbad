"""`amber sbom`: a bill of materials of an artifact. Imports no framework and builds nothing."""

from __future__ import annotations

import click

from amber.cli import render
from amber.cli.commands import Command
from amber.cli.options import filled


@click.command(
    "sbom",
    cls=Command,
    arguments=(("FILE", "An artifact, or the folder it was unpacked to."),),
    examples=(
        ("amber sbom churn.amber", "CycloneDX 1.7 with a model card"),
        ("amber sbom churn.amber --format spdx --out churn.spdx.json", "SPDX 3.0.1, AI profile, to a file"),
        ("amber attest churn.amber --type sbom --key key.pem", "signed, into the artifact"),
    ),
)
@click.argument("file")
@click.option(
    "--format",
    "form",
    type=click.Choice(["cyclonedx", "spdx"]),
    default="cyclonedx",
    show_default=True,
    help="CycloneDX 1.7, or SPDX 3.0.1 as JSON-LD.",
)
@click.option(
    "--out",
    metavar="FILE",
    callback=filled,
    help="Write it there instead of to standard output; nothing but a bill of materials is replaced.",
)
def command(file: str, form: str, out: str | None) -> int:
    """Write a bill of materials (ML-BOM): model card, members with digests, packages, licence.

    The same artifact gives the same document: the serial number comes from the id, and there is no clock. Where SPDX
    demands a time and the artifact has none, it reads 1970-01-01T00:00:00Z and says so. Types, columns and packages
    are named; no category, class label or recorded row is. Of the front matter of the card these keys are read:
    pipeline_tag, datasets, users, use_cases, technical_limitations (or limitations), performance_tradeoffs,
    ethical_considerations.
    """
    from amber.vault import replacing
    from amber.vault.sbom.make import as_text, sbom

    if out is not None:
        replacing.check_document(out)
    text = as_text(sbom(file, format=form))  # type: ignore[arg-type]  # click has checked it
    if out is None:
        render.out(text.removesuffix("\n"))
    else:
        from amber.archive.write import write_file

        write_file(out, text.encode("ascii"))
    return 0
