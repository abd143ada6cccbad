"""Whom a reader knows: keys, certificates and keyless identities under labels of the reader's own choice.

Only plain bytes and text: nothing here can check a signature. The keys of a label all speak for one signer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from amber.policy import encodings
from amber.policy.invalid import at, check_time, invalid
from amber.policy.patterns import any_matches, check_patterns

LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")


@dataclass(frozen=True)
class Key:
    """A public key.

    Args:
        der: SubjectPublicKeyInfo in DER: P-256, P-384 or P-521, the point not compressed.
        until: Its signatures count before this time; None: no end.

    Raises:
        UsageError: `key-unsupported`, `key-private` or `key-malformed`.
    """

    der: bytes
    until: datetime | None = None

    def __post_init__(self) -> None:
        encodings.check_public(self.der, "key")
        check_time(self.until, "key.until")

    @classmethod
    def from_pem(cls, data: str | bytes, until: datetime | None = None) -> Key:
        """Return the key that stands in PEM or DER.

        Raises:
            UsageError: `key-unsupported`, `key-private` or `key-malformed`.
        """
        return cls(encodings.public_der(data.encode() if isinstance(data, str) else data, "key"), until)

    @property
    def curve(self) -> str:
        """`P-256`, `P-384` or `P-521`."""
        return encodings.check_public(self.der, "key")

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the DER, hex: what `amber trust` shows and what is revoked."""
        return encodings.sha256(self.der)

    @property
    def hint(self) -> str:
        """SHA-256 of the PEM text, hex: what bundles of OpenSSF Model Signing carry to find the key."""
        return encodings.sha256(encodings.pem(self.der, "PUBLIC KEY").encode("ascii"))


@dataclass(frozen=True)
class Certificate:
    """A root and the one name that counts below it: a root alone is nobody.

    Args:
        root: The root certificate in DER.
        san: The leaf's subject alternative name, exact: a URI where it holds `://`, an address where it holds `@`,
            else a DNS name.
        subject: The leaf's subject (RFC 4514), exact; counts only for a leaf without such names.

    Raises:
        UsageError: Not exactly one of `san` and `subject`, or the root is no certificate.
    """

    root: bytes
    san: str = ""
    subject: str = ""

    def __post_init__(self) -> None:
        if bool(self.san) == bool(self.subject):
            raise invalid(
                "certificate",
                "a certificate needs exactly one of san and subject",
                'a root alone is nobody: say san = "ci@example.org", or subject where the leaf has no such name',
            )
        check_text(self.san or self.subject, "certificate.san" if self.san else "certificate.subject")
        encodings.check_certificate(self.root, "certificate.root")

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the root's DER, hex."""
        return encodings.sha256(self.root)


@dataclass(frozen=True)
class Keyless:
    """An identity that an instance of Sigstore vouches for.

    Args:
        identity: The identity in the certificate, exact.
        issuer: The issuer in the certificate, exact.
        trusted_root: The instance's trusted root, JSON; never fetched.

    Raises:
        UsageError: One of them is empty or not of its form.
    """

    identity: str
    issuer: str
    trusted_root: bytes

    def __post_init__(self) -> None:
        check_text(self.identity, "keyless.identity")
        check_text(self.issuer, "keyless.issuer")
        encodings.check_json_object(self.trusted_root, "keyless.trusted_root")


@dataclass(frozen=True)
class Signer:
    """One signer, whatever it signs with.

    Args:
        label: The reader's own name for it.
        keys: Its keys.
        certificates: Roots and names below them.
        keyless: Identities.
        until: Signatures count before this time; None: no end.
        names: Patterns of the artifact names it counts for.

    Raises:
        UsageError: It has no key, certificate or identity, or a value is not of its form.
    """

    label: str
    keys: tuple[Key, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    keyless: tuple[Keyless, ...] = ()
    until: datetime | None = None
    names: tuple[str, ...] = ("*",)

    def __post_init__(self) -> None:
        where = f"signers.{self.label}"
        if not isinstance(self.label, str) or not LABEL.fullmatch(self.label):
            hint = "1 to 64 of A-Z a-z 0-9 . _ @ + -, the first a letter or digit"
            raise invalid(where, f"{self.label!r} is not a label", hint)
        for field, kind in (("keys", Key), ("certificates", Certificate), ("keyless", Keyless)):
            object.__setattr__(self, field, tuple(getattr(self, field)))
            if not all(isinstance(each, kind) for each in getattr(self, field)):
                raise invalid(at(where, field), f"must hold objects of the class {kind.__name__}")
        if not (self.keys or self.certificates or self.keyless):
            raise invalid(where, "a signer needs a key, a certificate or a keyless identity", f"{where} keys = [...]")
        check_time(self.until, at(where, "until"))
        object.__setattr__(self, "names", check_patterns(self.names, at(where, "names"), empty=False))

    def counts_for(self, name: str) -> bool:
        """Whether its signature counts for an artifact of this name."""
        return any_matches(self.names, name)

    @property
    def identities(self) -> tuple[tuple[str, ...], ...]:
        """What makes it this signer; no two signers of a policy share one."""
        keys = [("key", key.fingerprint) for key in self.keys]
        roots = [("certificate", each.fingerprint, each.san, each.subject) for each in self.certificates]
        return (*keys, *roots, *(("keyless", each.identity, each.issuer) for each in self.keyless))


def check_text(text: object, where: str) -> None:
    """Raise where `text` is empty, longer than 2048 characters or not printable.

    Raises:
        UsageError: As said.
    """
    if not isinstance(text, str) or not 0 < len(text) <= 2048 or not text.isprintable():
        raise invalid(where, "must be 1 to 2048 printable characters")
