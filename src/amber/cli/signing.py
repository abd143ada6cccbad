"""Options of every command that signs: whose key, how it is opened, with which certificates."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from amber.cli import render

if TYPE_CHECKING:
    from amber.trust.keys import PrivateKey, Signing

OUTPUT_HELP = "Write here; by default FILE is replaced in one step. Nothing but the same artifact is ever replaced."

F = TypeVar("F", bound=Callable[..., Any])

_passphrase_fd = click.option(
    "--passphrase-fd", type=int, metavar="N", help="Read the passphrase from this open descriptor."
)
_passphrase_file = click.option("--passphrase-file", metavar="FILE", help="Read the passphrase from a file.")


def passphrase_options(function: F) -> F:
    """Add `--passphrase-fd` and `--passphrase-file`."""
    return _passphrase_fd(_passphrase_file(function))


def signing_options(function: F) -> F:
    """Add `--key`, `--signer` and what belongs to them."""
    options = (
        click.option("--key", metavar="FILE", help="Private key: P-256, P-384 or P-521, PEM or DER, encrypted or not."),
        _passphrase_fd,
        _passphrase_file,
        click.option("--signer", metavar="CMD", help="Command that signs: message on stdin, DER signature on stdout."),
        click.option("--public-key", metavar="FILE", help="The key of --signer; its answer is verified with it."),
        click.option("--certificate", metavar="FILE", help="Certificate of the key, for readers who name its root."),
        click.option("--chain", metavar="FILE", multiple=True, help="Who issued it, and so on. Repeat it."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def signing_of(
    *,
    key: str | None,
    passphrase_fd: int | None,
    passphrase_file: str | None,
    signer: str | None,
    public_key: str | None,
    certificate: str | None,
    chain: Sequence[str],
) -> tuple[Signing, tuple[bytes, ...]]:
    """Return who signs, and the certificates in DER, the leaf first.

    The variable with a passphrase is taken out of the environment in any case, so no process started later has it.

    Raises:
        click.UsageError: Not exactly one of a key and a command, or something without what it belongs to.
        SourceError, UsageError: A file cannot be read, or is not what it should be.
    """
    if (key is None) == (signer is None):
        raise click.UsageError("give either --key or --signer")
    if (signer is None) != (public_key is None):
        raise click.UsageError("--signer and --public-key belong together")
    if chain and certificate is None:
        raise click.UsageError("--chain is what stands above --certificate")
    from amber.trust import external, passphrase
    from amber.vault import key_files

    signing: Signing
    if key is not None:
        signing = private_key(key, passphrase_fd, passphrase_file)
    else:
        os.environ.pop(passphrase.VARIABLE, None)
        signing = external.Command(str(signer), key_files.public_key(str(public_key)))
    if key is not None and certificate is None:
        _note_certificate(key)
    paths = () if certificate is None else (certificate, *chain)
    return signing, key_files.certificate_chain(paths) if paths else ()


def _note_certificate(key: str) -> None:
    """Say that a certificate stands beside the key and is not used: readers who name its root will not know who signed.

    A key that is named itself in a policy needs none, so this is a note only.
    """
    beside = f"{key.removesuffix('.pem')}.crt"
    if os.path.isfile(beside):
        render.note(render.for_terminal(f"{beside} is not used: --certificate {beside} signs with it"))


def private_key(path: str, passphrase_fd: int | None, passphrase_file: str | None) -> PrivateKey:
    """Return the key of a file; at a terminal the passphrase is asked for where it is needed and was not given.

    Raises:
        SourceError, UsageError: It cannot be read or decrypted.
    """
    from amber.errors import UsageError
    from amber.trust import keys, passphrase
    from amber.vault import key_files

    secret = passphrase.read(descriptor=passphrase_fd, file=passphrase_file)
    os.environ.pop(passphrase.VARIABLE, None)
    data = key_files.read_private(path)
    try:
        return keys.private(data, secret, path)
    except UsageError as error:
        asked = passphrase.ask(path) if error.code == "passphrase-missing" else None
        if asked is None:
            raise
        return keys.private(data, asked, path)
