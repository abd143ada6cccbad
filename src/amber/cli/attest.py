"""`amber attest`: a signed statement about an artifact, in it or beside it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from amber.cli import render
from amber.cli.commands import Command
from amber.cli.options import as_json, bundle_option, filled, policy_of, policy_options, said
from amber.cli.signing import OUTPUT_HELP, signing_of, signing_options
from amber.report import EXIT_DRIFTED, EXIT_OK, EXIT_REFUSED

if TYPE_CHECKING:
    from amber.models.attest import Attested

_KINDS = ("test-result", "provenance", "sbom", "vsa")
_CODES = {"": EXIT_OK, "PASSED": EXIT_OK, "WARNED": EXIT_DRIFTED, "FAILED": EXIT_REFUSED}
_BUILD = "https://ci.example.org/builder --build-type https://ci.example.org/train/v1"


@click.command(
    "attest",
    cls=Command,
    arguments=(("FILE", "An artifact, or the folder it was unpacked to."),),
    examples=(
        (
            "amber attest churn.amber --type test-result --key key",
            "replay its cases now, and sign the outcome",
        ),
        ("amber attest churn.amber --type sbom --key key", "its bill of materials, signed"),
        (f"amber attest churn.amber --type provenance --key key --builder-id {_BUILD}", "who built it, in your words"),
        (
            "amber attest churn.amber --type vsa --key gate --policy policy.toml --verifier-id URI --resource-uri URI",
            "the answer of a gate, signed by it",
        ),
        (
            "amber attest churn.amber --type test-result --key key --detached",
            "beside the file, which stays as it is",
        ),
    ),
)
@click.argument("file")
@click.option("--type", "kind", type=click.Choice(_KINDS), required=True, help="What is stated.")
@signing_options
@click.option("--detached", is_flag=True, help="Write the bundle beside the file, and leave the file alone.")
@click.option("--output", "target", metavar="FILE", callback=filled, help=OUTPUT_HELP)
@click.option("--at", metavar="TIME", help="test-result: a time to state. vsa: the time of judgement; default: now.")
@click.option("--format", type=click.Choice(["cyclonedx", "spdx"]), help="sbom: CycloneDX 1.7 (default) or SPDX 3.0.1.")
@click.option("--builder-id", metavar="URI", default="", help="provenance: who built it.")
@click.option("--build-type", metavar="URI", default="", help="provenance: what kind of build that was.")
@click.option(
    "--material",
    "materials",
    metavar="URI=sha256:HEX",
    multiple=True,
    help="provenance: what it was built from, with its digest (or URI=gitCommit:HEX). Repeat it.",
)
@click.option("--parameter", "parameters", metavar="NAME=VALUE", multiple=True, help="provenance. Repeat it.")
@click.option("--verifier-id", metavar="URI", default="", help="vsa: who judges.")
@click.option("--resource-uri", metavar="URI", default="", help="vsa: the artifact, as its users name it.")
@click.option("--policy-uri", metavar="URI", default="", help="vsa: where the policy is to be had.")
@click.option("--expect", metavar="NAME", callback=said, help="vsa: the name the artifact must have.")
@bundle_option(help="vsa: a detached bundle to count.")
@as_json
@policy_options
def command(
    file: str,
    kind: str,
    detached: bool,
    target: str | None,
    at: str | None,
    format: str | None,
    parameters: tuple[str, ...],
    bundles: dict[str, bytes],
    as_json: bool,
    policy_file: str | None,
    allow: tuple[str, ...],
    **others: Any,
) -> int:
    """Sign a statement about an artifact. It is about the artifact's id, and says only what was seen or given.

    test-result replays the recorded cases now: PASSED (identical, equivalent), WARNED (drifted) or FAILED (broken);
    without a replay nothing is signed. vsa verifies under --policy now: PASSED where amber verify ends with 0, else
    FAILED. sbom signs what amber sbom writes. provenance says what its options say, claims no level, and reads no
    variable of a build service. An attestation decides nothing, unless a reader's policy demands it of a signer.

    --policy decides for vsa only; for the others its limits and allowed names hold, and what it revokes.

    FAILED is written with --detached only: whoever refuses a file does not write it. Exit code: 0 done or PASSED,
    1 WARNED, 2 FAILED or refused. The passphrase of the key comes from --passphrase-fd, --passphrase-file,
    AMBER_PASSPHRASE or the terminal.
    """
    if detached and target is not None:
        raise click.UsageError("--detached writes a bundle beside the file: no --output")
    who = {name: others.pop(name) for name in _SIGNER}
    words = {**others, "at": _time(at), "format": format or "", "parameters": _parameters(parameters)}
    from amber.models.attest import attest, check_words
    from amber.vault import replacing

    check_words(kind, {**words, "bundles": bundles}, _option)
    if target is not None:
        replacing.check_artifact(file, target)
    signing, chain = signing_of(**who)
    policy = policy_of(policy_file, allow)
    done = attest(
        file,
        kind,  # type: ignore[arg-type]  # click has checked it
        signing=signing,
        chain=chain,
        target=target,
        detached=detached,
        policy=policy,
        bundles=bundles,
        **words,
    )
    render.out(json.dumps(done.to_dict(), indent=2) if as_json else _text(done))
    return _CODES[done.result]


_SIGNER = ("key", "passphrase_fd", "passphrase_file", "signer", "public_key", "certificate", "chain")


def _option(name: str) -> str:
    """Return an option as it is typed, by the name of its argument."""
    return "--" + {"materials": "material", "parameters": "parameter", "bundles": "bundle"}.get(name, name).replace(
        "_", "-"
    )


def _time(text: str | None) -> datetime | None:
    from amber.policy.node import Node

    return None if text is None else Node(text, "--at", None).time()


def _parameters(texts: tuple[str, ...]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    if not all(equals for _, equals, _ in pairs):
        raise click.UsageError("--parameter is NAME=VALUE")
    found = {name: value for name, _, value in pairs}
    if len(found) != len(pairs):
        raise click.UsageError("--parameter: a name stands twice")
    return found


def _text(done: Attested) -> str:
    lines = [done.id]
    lines += [f"{done.kind:<12} {done.result}".rstrip()]
    lines += [f"because      {reason}" for reason in done.reasons]
    lines += [f"written      {name}" for name in done.written]
    lines += [f"there        {name} says the same: nothing was written for it" for name in done.there]
    return "\n".join(lines)
