"""`amber trust`: the keyring of this user, and the versions that were seen. Nothing is ever trusted on first use."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

import click

from amber.cli import render, trust_text
from amber.cli.commands import Command, CommandGroup
from amber.cli.options import as_json
from amber.errors import SourceError, UsageError, shown

if TYPE_CHECKING:
    from amber.policy import Certificate, Key, Keyless


@click.group(
    "trust",
    cls=CommandGroup,
    examples=(
        ("amber trust add alice --key alice.pub --names 'churn-*'", "from now on churn-* must be signed, by alice"),
        ("amber trust list", "who may sign what, until when"),
        ("amber trust revoke alice", "her key was lost: nothing it signed counts, what she signed before included"),
        ("amber trust revoke --undo alice", "it was not: take the revocation back"),
        ("amber trust remove alice", "forget her; says which names nobody signs any more"),
        ("amber trust forget churn --policy policy.toml", "let an older version of churn pass again"),
    ),
)
def command() -> None:
    """Say who may sign what on this machine.

    The keyring is one file in your configuration folder, in the form of a policy. It decides wherever no policy is
    given: a name that a pattern matches must then be signed by a signer of that pattern; any other artifact passes
    unsigned, and Amber says so. Verifying never adds anybody.
    """


_LABEL = ("LABEL", "Your own name for the signer, 1 to 64 of A-Z a-z 0-9 . _ @ + -")
_since = click.option(
    "--since",
    metavar="TIME",
    help="Signatures from before that a time stamp or log proves stand. Default: none does.",
)


@command.command(
    "add",
    cls=Command,
    arguments=(_LABEL,),
    examples=(
        ("amber trust add alice --key alice.pub", "every artifact must now be signed, by alice"),
        ("amber trust add alice --key new.pub --until 2028-01-01", "another key of hers, beside the old one"),
        ("amber trust add ci --certificate-root ca.pem --san ci@example.org --names 'fraud-*'", "a name under a root"),
        (
            "amber trust add build --identity ID --issuer URL --trusted-root trusted_root.json",
            "a keyless identity, checked without a network",
        ),
    ),
)
@click.argument("label")
@click.option("--key", "key_files", metavar="FILE", multiple=True, help="A public key, PEM or DER. Repeat it.")
@click.option("--certificate-root", metavar="FILE", help="A root certificate, PEM or DER; counts with --san only.")
@click.option("--san", metavar="NAME", default="", help="The exact name in the signer's certificate: mail, URI or DNS.")
@click.option("--subject", metavar="NAME", default="", help="Its exact subject (RFC 4514), where it has no such name.")
@click.option("--identity", metavar="ID", default="", help="The exact identity of a keyless signer.")
@click.option("--issuer", metavar="URL", default="", help="The exact issuer of that identity.")
@click.option("--trusted-root", metavar="FILE", help="trusted_root.json of the instance that vouches for it.")
@click.option("--names", metavar="PATTERN", multiple=True, help="Artifact names it may sign, with *. Repeat it.")
@click.option("--until", metavar="TIME", help="Signatures count before: 2027-01-01, or with time and zone.")
@as_json
def add(
    label: str,
    key_files: tuple[str, ...],
    certificate_root: str | None,
    san: str,
    subject: str,
    identity: str,
    issuer: str,
    trusted_root: str | None,
    names: tuple[str, ...],
    until: str | None,
    as_json: bool,
) -> int:
    """Let a signer vouch for artifacts, and print the fingerprint.

    Compare the fingerprint with what the signer tells you in another way: nothing here can know whose key a file
    holds. A signer may have several keys; each fills the same one place.
    """
    from amber.cli import keyring

    end = _time(until, "--until")
    change = keyring.add(
        label,
        keys=tuple(_key(file, end) for file in key_files),
        certificates=_certificates(certificate_root, san, subject),
        keyless=_keyless(identity, issuer, trusted_root),
        names=names,
        until=None if key_files else end,
    )
    trust_text.show(change, as_json, trust_text.added(change))
    return 0


@command.command(
    "list", cls=Command, examples=(("amber trust list --json", "one document, for a script"),)
)  # fmt: skip
@as_json
def listed(as_json: bool) -> int:
    """List signers, their fingerprints and names, and what was revoked."""
    from amber.cli import keyring

    path, policy = keyring.path(), keyring.read()
    if as_json:
        render.out(json.dumps(trust_text.document(path, policy), indent=2))
        return 0
    if not policy.signers:
        render.note(f"no signers in {path}: unsigned artifacts pass")
    for line in trust_text.overview(policy):
        render.out(line)
    return 0


@command.command(
    "remove", cls=Command, arguments=(_LABEL,), examples=(("amber trust remove alice", "a stranger from now on"),)
)  # fmt: skip
@click.argument("label")
@as_json
def remove(label: str, as_json: bool) -> int:
    """Take a signer out of the keyring.

    Where a pattern of names has nobody left, unsigned artifacts of these names pass again, and this is said. A lost
    key is revoked, not removed.
    """
    from amber.cli import keyring

    change = keyring.remove(label)
    trust_text.show(change, as_json, [f"removed {label}"])
    return 0


@command.command(
    "revoke",
    cls=Command,
    arguments=(("[LABEL]", "A signer, all of whose keys are revoked."),),
    examples=(
        ("amber trust revoke alice", "all her keys"),
        ("amber trust revoke --key FINGERPRINT --since 2026-11-01", "one key; what a time stamp proves older stands"),
        ("amber trust revoke --id ID", "one artifact, whoever signed it"),
        ("amber trust revoke --undo --id ID", "take a revocation back: of the same, named the same way"),
    ),
)
@click.argument("label", required=False, default="")
@click.option("--id", "id_", metavar="ID", default="", help="An artifact, whoever signed it.")
@click.option("--key", metavar="FINGERPRINT", default="", help="One key, known here or not.")
@click.option("--certificate", metavar="FINGERPRINT", default="", help="A certificate: SHA-256 of its DER, hex.")
@_since
@click.option("--undo", is_flag=True, help="Take the revocation back; refused where there is none such.")
@as_json
def revoke(label: str, id_: str, key: str, certificate: str, since: str | None, undo: bool, as_json: bool) -> int:
    """Take a key, a certificate or an artifact back; with --undo, take such a revocation back.

    The signer stays in the keyring, so artifacts of its names go on needing a signature. Signatures with a key carry
    no time of their own: without --since the old ones are void too.
    """
    given = [each for each in (label, id_, key, certificate) if each]
    if len(given) != 1:
        raise click.UsageError("give exactly one of LABEL, --id, --key and --certificate")
    if since is not None and (id_ or certificate):
        raise click.UsageError("--since is for keys")
    if since is not None and undo:
        raise click.UsageError("--undo takes all of a revocation back: no --since")
    from amber.cli import keyring

    if undo:
        change = keyring.restore(label, id=id_, key=key, certificate=certificate)
    else:
        change = keyring.revoke(label, id=id_, key=key, certificate=certificate, since=_time(since, "--since"))
    did = "no longer revoked" if undo else "revoked"
    trust_text.show(change, as_json, [f"{did} {each}" for each in (*change.fingerprints, *change.ids)])
    return 0


@command.command(
    "forget",
    cls=Command,
    arguments=(("NAME", "The artifact's name."),),
    examples=(("amber trust forget churn --policy policy.toml", "any version of churn passes its [seen] file again"),),
)
@click.argument("name")
@click.option("--policy", "policy_file", metavar="FILE", help="The policy with the [seen] table. Default: the keyring.")
@as_json
def forget(name: str, policy_file: str | None, as_json: bool) -> int:
    """Forget which version of an artifact was seen; nothing else lowers it."""
    from amber.policy import Policy, in_force
    from amber.policy.seen import Seen

    policy = Policy.from_file(policy_file) if policy_file is not None else in_force()
    if policy.seen is None:
        where = policy.source or "the keyring"
        raise UsageError(
            "seen-unusable", "remembers no versions", where=where, hint="--policy FILE with a [seen] table"
        )
    version = Seen(policy.seen).forget(name)
    if as_json:
        render.out(json.dumps({"name": name, "version": version, "file": policy.seen}, indent=2))
    else:
        render.out(f"forgot {name} {version}" if version else f"{shown(name)} was not remembered")
    return 0


def _time(text: str | None, option: str) -> datetime | None:
    from amber.policy.node import Node

    return None if text is None else Node(text, option, None).time()


def _read(path: str, hint: str) -> bytes:
    """Return a file of a key or root that was named on the command line.

    Raises:
        SourceError: `source-missing`, `policy-unreadable`.
        UsageError: `policy-permissions`.
    """
    from amber.policy import files

    data = files.read_if_there(path)
    if data is None:
        raise SourceError("source-missing", "there is no such file", where=path, hint=hint)
    return data


def _key(file: str, until: datetime | None) -> Key:
    from amber.policy import Key, encodings

    data = _read(file, "`amber keygen` writes a public key as NAME.pub")
    return Key(encodings.public_der(data, file), until)


def _certificates(root: str | None, san: str, subject: str) -> tuple[Certificate, ...]:
    if root is None:
        if san or subject:
            raise click.UsageError("--san and --subject go with --certificate-root FILE")
        return ()
    from amber.policy import Certificate, encodings
    from amber.trust.certificates import can_issue

    hint = "the root is the CA's certificate; `amber keygen --certificate` calls it NAME.ca.pem"
    der = encodings.certificate_der(_read(root, hint), root)
    if not can_issue(der):
        said = "this certificate has issued nothing and never can: no chain would ever end at it"
        raise UsageError("certificate-invalid", said, where=root, hint=hint)
    return (Certificate(der, san, subject),)


def _keyless(identity: str, issuer: str, trusted_root: str | None) -> tuple[Keyless, ...]:
    given = [bool(identity), bool(issuer), trusted_root is not None]
    if not any(given):
        return ()
    if not all(given) or trusted_root is None:
        raise click.UsageError("--identity, --issuer and --trusted-root go together")
    from amber.policy import Keyless

    hint = "the file trusted_root.json of the instance"
    data = _read(trusted_root, hint)
    if b"trustedroot+json" not in data:  # its media type: any other JSON would be refused at the first bundle only
        raise UsageError("policy-invalid", "not a trusted root of Sigstore in JSON", where=trusted_root, hint=hint)
    return (Keyless(identity, issuer, data),)
