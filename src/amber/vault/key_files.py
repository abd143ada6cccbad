"""Files of keys, certificates and bundles, read once and not without end; trust itself takes bytes only."""

from __future__ import annotations

import contextlib
import os
import stat
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from amber.archive.container import file_fetch
from amber.archive.source import check_path, open_file
from amber.errors import AmberWarning, LimitError, UsageError
from amber.policy import encodings

if TYPE_CHECKING:
    from amber.trust.keys import PrivateKey, PublicKey, Signing

_KEY_BYTES = 64 * 1024
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def read_small(path: str, most: int) -> bytes:
    """Return the bytes of a file of at most `most` bytes.

    Raises:
        LimitError: `limit-file-bytes`. SourceError: `source-...`: it cannot be read.
    """
    return _read(path, most)[0]


def private_key(key: str | os.PathLike[str] | bytes, passphrase: str | bytes | None = None) -> PrivateKey:
    """Return a private key from its file, or from the bytes of one; warn of a file that others may read.

    Raises:
        SourceError: The file cannot be read.
        UsageError: `key-malformed`, `key-unsupported`, `passphrase-missing`, `passphrase-wrong`, `library-missing`.
    """
    from amber.trust import keys

    secret = passphrase.encode("utf-8") if isinstance(passphrase, str) else passphrase
    if secret is not None:
        secret = secret.removesuffix(b"\n").removesuffix(b"\r")  # the line end of a file, as the commands take it off
    if isinstance(key, bytes):
        return keys.private(key, secret)
    path = check_path(key)
    return keys.private(read_private(path), secret, path)


def signing_by(
    key: str | os.PathLike[str] | bytes | None, passphrase: str | bytes | None, signing: Signing | None
) -> Signing:
    """Return what signs: the one of a private key and another signer that was given.

    Raises:
        SourceError: The key's file cannot be read.
        UsageError: `signer-invalid`: both, or neither; otherwise as `private_key` does.
    """
    if (key is None) == (signing is None):
        raise UsageError("signer-invalid", "give a key or a signer, and not both", where="key")
    if signing is not None:
        return signing
    assert key is not None  # noqa: S101 - one of the two was given
    return private_key(key, passphrase)


def read_private(path: str) -> bytes:
    """Return the bytes of a private key's file; warn where others may read it.

    Raises:
        SourceError: It cannot be read. LimitError: It is too long to be a key.
        UsageError: `key-malformed`: it is a public key or a certificate.
    """
    data, mode = _read(path, _KEY_BYTES)
    _check_secret(data, path)
    if mode & _OTHERS and os.name == "posix":
        message = f"{path}: others than its owner may read this private key (mode {stat.S_IMODE(mode):04o}); chmod 600"
        warnings.warn(message, AmberWarning, stacklevel=2)
    return data


def _check_secret(data: bytes, path: str) -> None:
    """Refuse what is plainly no private key, before anything is said about who may read it."""
    der = any(data.startswith(head) for head, _ in encodings.CURVES.values())
    found = "public key" if der or b"-----BEGIN PUBLIC KEY-----" in data else ""
    found = "certificate" if b"-----BEGIN CERTIFICATE-----" in data and b"PRIVATE KEY-----" not in data else found
    if found:
        stem = path.rpartition(".")[0]
        beside = next((name for name in (stem, f"{stem}.pem") if stem and os.path.isfile(name)), "")
        hint = f"the private one is the other file of the pair{f', perhaps {beside}' if beside else ''}"
        raise UsageError("key-malformed", f"this is a {found}; the private key is wanted", where=path, hint=hint)


def public_key(path: str) -> PublicKey:
    """Return the public key of a file.

    Raises:
        SourceError: The file cannot be read. UsageError: `key-...`, `library-missing`.
    """
    from amber.trust import keys

    return keys.public(read_small(path, _KEY_BYTES), path)


def certificate_chain(paths: Sequence[str]) -> tuple[bytes, ...]:
    """Return the certificates of files in PEM (one or more in each) or DER, in their order.

    Raises:
        SourceError: A file cannot be read. UsageError: `certificate-invalid`: it holds no certificate.
    """
    from amber.trust import own_chain

    return tuple(der for path in paths for der in own_chain.read(read_small(path, 4 * _KEY_BYTES), path))


def _read(path: str, most: int) -> tuple[bytes, int]:
    with open_file(path) as (descriptor, info):
        if info.st_size > most:
            hint = "is it the right file?"
            raise LimitError("limit-file-bytes", f"{info.st_size} bytes, {most} accepted", where=path, hint=hint)
        return bytes(file_fetch(descriptor, path)(0, info.st_size)), info.st_mode


def write_new(path: str, data: bytes, mode: int) -> None:
    """Write and sync a file that must not be there yet.

    Raises:
        UsageError: `key-exists`: it is there; a key is never overwritten. SourceError: `target-unwritable`.
    """
    from amber.archive.write import unwritable, write_all

    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0), mode)
        try:
            write_all(descriptor, [data])
            os.fsync(descriptor)
        except BaseException:  # half a key is of no use, and would be in the way of the next one
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise
        finally:
            os.close(descriptor)
    except FileExistsError as error:
        hint = "keys are never overwritten: take another name, or move the old one away"
        raise UsageError("key-exists", "is there already", where=path, hint=hint) from error
    except (OSError, ValueError) as error:
        raise unwritable(error, path) from error
