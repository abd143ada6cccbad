"""`amber keygen`: a key pair to sign with, and a certificate for it where one is wanted."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from amber.cli import render
from amber.cli.commands import Command
from amber.cli.options import as_json, filled
from amber.cli.signing import passphrase_options
from amber.errors import UsageError

if TYPE_CHECKING:
    from amber.vault.keygen import Made


@click.command(
    "keygen",
    cls=Command,
    examples=(
        ("amber keygen --out key", "key (private, encrypted) and key.pub; the passphrase is asked for"),
        ("amber keygen --out key --generate-passphrase", "with a passphrase of 128 random bits, shown once"),
        (
            "amber keygen --out key --certificate --name 'Example CA' --san release@example.org",
            "and key.crt, key.ca.pem, key.ca.key",
        ),
        (
            "amber keygen --out new --certificate --ca key.ca.pem --ca-key key.ca.key --san release@example.org",
            "another leaf of the same CA",
        ),
    ),
)
@click.option(
    "--out",
    required=True,
    metavar="FILE",
    callback=filled,
    help="The private key to write (not *.pub); FILE.pub is the public one.",
)
@click.option(
    "--curve", type=click.Choice(("P-256", "P-384", "P-521")), default="P-256", show_default=True, help="Kind of key."
)
@passphrase_options
@click.option("--generate-passphrase", is_flag=True, help="Make a passphrase of 128 bits and show it once, here.")
@click.option("--certificate", is_flag=True, help="Also a certificate (365 days), of a CA of its own or of --ca.")
@click.option("--name", metavar="TEXT", default="", help="Name of the new CA, for people.")
@click.option("--san", metavar="TEXT", default="", help="Name of the signer: an email address, URI or DNS name.")
@click.option("--ca", metavar="FILE", default="", help="Certificate of a CA that is there.")
@click.option("--ca-key", metavar="FILE", default="", help="Its private key, with the same passphrase.")
@as_json
def command(
    out: str,
    curve: str,
    passphrase_fd: int | None,
    passphrase_file: str | None,
    generate_passphrase: bool,
    certificate: bool,
    name: str,
    san: str,
    ca: str,
    ca_key: str,
    as_json: bool,
) -> int:
    """Make a key pair. No file is overwritten; the private key is encrypted and for its owner alone to read.

    Private keys are PKCS #8 as the library writes it, with 2048 rounds of PBKDF2. That does not slow down who guesses,
    so the passphrase must have at least 16 characters, better random ones (--generate-passphrase). It comes from
    --passphrase-fd, --passphrase-file, AMBER_PASSPHRASE or the terminal. A key encrypted with scrypt (openssl pkcs8
    -topk8 -scrypt) is read as well. The key of a CA (FILE.ca.key) has the same passphrase and belongs on another
    machine: whoever has it can sign as everybody below it.
    """
    _check(certificate, name, san, ca, ca_key)
    from amber.vault.keygen import Wish, check_name, keygen

    check_name(out)  # before a passphrase is asked for
    wish = Wish(san, name, ca, ca_key) if certificate else None
    made = keygen(out, _passphrase(out, passphrase_fd, passphrase_file, generate_passphrase), curve=curve, wish=wish)
    render.out(json.dumps(asdict(made), indent=2) if as_json else _text(made))
    return 0


def _check(certificate: bool, name: str, san: str, ca: str, ca_key: str) -> None:
    if not certificate:
        if name or san or ca or ca_key:
            raise click.UsageError("--name, --san, --ca and --ca-key belong to --certificate")
        return
    if not san:
        raise click.UsageError("--certificate needs --san: an email address, URI or DNS name of the signer")
    if bool(name) == bool(ca):
        raise click.UsageError("--certificate needs either --name of a new CA or --ca with --ca-key")
    if bool(ca) != bool(ca_key):
        raise click.UsageError("--ca and --ca-key belong together")


def _passphrase(out: str, descriptor: int | None, file: str | None, generate: bool) -> bytes:
    from amber.trust import passphrase

    if generate:
        return _generated()
    given = passphrase.read(descriptor=descriptor, file=file)
    if given is None:
        given = passphrase.ask(f"the new key {out} ({passphrase.LEAST_CHARACTERS} characters or more)", twice=True)
    if given is None:
        raise UsageError(
            "passphrase-missing",
            "a new private key is always encrypted, and there is no terminal to ask at",
            where=out,
            hint="give the passphrase with --passphrase-file, --passphrase-fd or AMBER_PASSPHRASE",
        )
    return given


def _generated() -> bytes:
    from amber.trust import passphrase

    if not sys.stderr.isatty():
        raise UsageError(
            "passphrase-missing",
            "a generated passphrase is shown once, and there is no terminal to show it on",
            where="generate-passphrase",
            hint="give one with --passphrase-file, --passphrase-fd or AMBER_PASSPHRASE",
        )
    text = passphrase.generate()
    render.err(f"passphrase: {text}")
    render.note("it is kept nowhere and not shown again: write it down now")
    return text.encode("ascii")


def _text(made: Made) -> str:
    lines = [
        f"private key  {made.private}",
        f"public key   {made.public}",
        f"fingerprint  {made.fingerprint}",
    ]
    if made.certificate:
        lines += [f"certificate  {made.certificate} ({made.san})", f"CA           {made.ca}"]
    if made.ca_key:
        lines.append(f"key of CA    {made.ca_key}: move it to another machine")
    return "\n".join(lines)
