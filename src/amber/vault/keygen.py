"""A new key pair, and a certificate of one's own for it: the files of `amber keygen`.

Out come `NAME` (the private key, encrypted, for its owner alone to read) and `NAME.pub`; with certificates also
`NAME.crt` (the leaf), `NAME.ca.pem` (the root that readers name) and `NAME.ca.key`, the key of that root, which belongs
on another machine. No file is ever overwritten, and none is left where one of them could not be written.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

from amber.errors import UsageError
from amber.policy import encodings
from amber.vault.key_files import write_new

_PRIVATE, _PUBLIC = 0o600, 0o644
_PEM = ".pem"
_OF_PUBLIC = (".pub", ".crt", ".ca.pem")


@dataclass(frozen=True)
class Made:
    """What was written.

    Args:
        private: Path of the private key.
        public: Path of the public key.
        curve: `P-256`, `P-384` or `P-521`.
        fingerprint: SHA-256 of the public key's DER, in hex: what `amber trust add` shows.
        certificate: Path of the leaf; empty where none was wanted.
        ca: Path of the root's certificate.
        ca_key: Path of the root's private key; empty where it was there before.
        san: The name in the leaf, for a policy.
    """

    private: str
    public: str
    curve: str
    fingerprint: str
    certificate: str = ""
    ca: str = ""
    ca_key: str = ""
    san: str = ""


@dataclass(frozen=True)
class Wish:
    """The certificate that is wanted.

    Args:
        san: The signer's name: an email address, a URI or a DNS name.
        name: Common name of a new CA; or
        ca: path of the certificate of one that is there, and
        ca_key: path of its private key.
    """

    san: str
    name: str = ""
    ca: str = ""
    ca_key: str = ""


def keygen(out: str, passphrase: bytes, *, curve: str = "P-256", wish: Wish | None = None) -> Made:
    """Make a key pair and write it.

    Args:
        out: Path of the private key; the other files have its name with another ending.
        passphrase: Encrypts the private keys; at least 16 characters.
        curve: `P-256`, `P-384` or `P-521`.
        wish: A certificate for it, of a new CA or of one that is there (its key has the same passphrase).

    Raises:
        UsageError: `key-exists`; `key-name`; `passphrase-weak`; `key-unsupported`; `certificate-invalid`;
            `library-missing`.
        SourceError: A file cannot be read or written; none is left.
    """
    from amber.trust import keys
    from amber.trust import passphrase as passphrases

    check_name(out)
    passphrases.check_new(passphrase)
    key = keys.generate(curve)
    stem = out.removesuffix(_PEM)
    made = Made(out, f"{stem}.pub", key.public.curve, key.public.fingerprint)
    files = [(made.private, key.encrypted(passphrase), _PRIVATE), (made.public, key.public.pem, _PUBLIC)]
    if wish is not None:
        made, more = _certified(made, stem, key, passphrase, wish)
        files += more
    _write(files)
    return made


def check_name(out: str) -> None:
    """Refuse a name for a private key that would be taken for a public file.

    Raises:
        UsageError: `key-name`.
    """
    ending = next((each for each in _OF_PUBLIC if out.lower().endswith(each)), "")
    if ending:
        stem = out[: -len(ending)] or "key"
        raise UsageError(
            "key-name",
            f"a private key is not called *{ending}: that is the name of a file to give away",
            where=out,
            hint=f"--out {stem} writes {stem}, the private key, and {stem}.pub",
        )


_File = tuple[str, bytes, int]


def _certified(made: Made, stem: str, key: object, passphrase: bytes, wish: Wish) -> tuple[Made, list[_File]]:
    from dataclasses import replace

    from amber.trust import issue, keys
    from amber.trust.keys import PrivateKey
    from amber.vault.key_files import certificate_chain, private_key

    assert isinstance(key, PrivateKey)  # noqa: S101
    files: list[_File] = []
    if wish.ca:
        ca = certificate_chain([wish.ca])[0]
        ca_key = private_key(wish.ca_key, passphrase)
        made = replace(made, ca=wish.ca)
    else:
        ca_key = keys.generate(made.curve)
        ca = issue.issue_ca(ca_key, wish.name)
        made = replace(made, ca=f"{stem}.ca.pem", ca_key=f"{stem}.ca.key")
        files.append((made.ca_key, ca_key.encrypted(passphrase), _PRIVATE))
        files.append((made.ca, encodings.pem(ca, "CERTIFICATE").encode("ascii"), _PUBLIC))
    leaf = issue.issue_leaf(ca_key, ca, key.public, wish.san)
    made = replace(made, certificate=f"{stem}.crt", san=wish.san)
    files.append((made.certificate, encodings.pem(leaf, "CERTIFICATE").encode("ascii"), _PUBLIC))
    return made, files


def _write(files: Sequence[_File]) -> None:
    """Write all files or none."""
    for path, _, _ in files:
        if os.path.lexists(path):
            hint = "keys are never overwritten: take another name, or move the old one away"
            raise UsageError("key-exists", "is there already", where=path, hint=hint)
    written: list[str] = []
    try:
        for path, data, mode in files:
            write_new(path, data, mode)
            written.append(path)
    except BaseException:
        for path in written:
            with contextlib.suppress(OSError):
                os.unlink(path)
        raise
