"""`amber sign`: a signature over all members of an artifact, in it or beside it; bundles in, bundles out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from amber.cli import render
from amber.cli.commands import Command
from amber.cli.options import as_json, filled
from amber.cli.signing import OUTPUT_HELP, signing_of, signing_options

if TYPE_CHECKING:
    from amber.vault.sign import Signed


@click.command(
    "sign",
    cls=Command,
    arguments=(("FILE", "An artifact, or the folder it was unpacked to."),),
    examples=(
        ("amber sign churn.amber --key key", "sign every member; the file keeps its id"),
        ("amber sign churn.amber --key key --certificate key.crt --chain key.ca.pem", "for readers who name the root"),
        ("amber sign churn.amber --signer 'kms-sign my-key' --public-key kms.pub", "with a key that never leaves"),
        ("amber sign churn.amber --key key --detached", "churn.amber.0001-oms.sigstore.json, beside the file"),
        ("amber sign churn.amber --add alice.sigstore.json", "put in a bundle that was made elsewhere"),
        ("amber sign churn.amber --strip", "take all signatures out"),
    ),
)
@click.argument("file")
@signing_options
@click.option("--detached", is_flag=True, help="Write the bundle beside the file, and leave the file alone.")
@click.option("--add", metavar="BUNDLE", multiple=True, help="Put in a bundle, with the next free number. Repeat it.")
@click.option("--strip", is_flag=True, help="Write the file without its signatures.")
@click.option("--output", "target", metavar="FILE", callback=filled, help=OUTPUT_HELP)
@click.option(
    "--allow", metavar="NAME", multiple=True, help="Exact name of a class or function of yours that is in the model."
)
@as_json
def command(
    file: str,
    detached: bool,
    add: tuple[str, ...],
    strip: bool,
    target: str | None,
    allow: tuple[str, ...],
    as_json: bool,
    **who: Any,
) -> int:
    """Sign an artifact, and print its id, the signer's fingerprint and what was written.

    What is signed are the members, never the file: every form (file, folder, detached) has the same id, and
    model_signing of OpenSSF verifies the folder. The artifact is checked first; one that is not whole is never signed.
    The file is replaced in one step, by a copy that shares its payload where the file system can. The passphrase of the
    key comes from --passphrase-fd, --passphrase-file, AMBER_PASSPHRASE or the terminal.
    """
    named = {name for name, value in who.items() if value not in (None, ())}
    if bool(named) + bool(add) + strip != 1:
        raise click.UsageError("give one of --key, --signer, --add and --strip")
    if detached and (strip or target is not None):
        raise click.UsageError("--detached writes a bundle beside the file: no --strip, no --output")
    from amber.vault import replacing
    from amber.vault import sign as verbs

    if target is not None:
        replacing.check_artifact(file, target)  # before a passphrase is asked for
    if strip:
        done = verbs.strip(file, target=target)
    elif add:
        done = verbs.add(file, add, target=target, detached=detached, allow=allow)
    else:
        signing, chain = signing_of(**who)
        done = verbs.sign(file, signing=signing, chain=chain, target=target, detached=detached, allow=allow)
    render.out(json.dumps(_document(done, target), indent=2) if as_json else _text(done))
    return 0


def _document(done: Signed, target: str | None) -> dict[str, object]:
    return {
        "id": done.id,
        "file": target or done.path,
        "signer": done.signer,
        "written": list(done.written),
        "there": list(done.there),
        "dropped": list(done.dropped),
    }


def _text(done: Signed) -> str:
    lines = [done.id]
    lines += [f"signer   {done.signer}"] if done.signer else []
    lines += [f"written  {name}" for name in done.written]
    lines += [f"there    {name} says the same: nothing was written for it" for name in done.there]
    lines += [f"dropped  {name}" for name in done.dropped]
    if not (done.written or done.there or done.dropped):
        lines.append("there was nothing to do")
    return "\n".join(lines)
