"""Certificates as an authority would issue them, and as none should: every part can be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
CODE_SIGNING = ExtendedKeyUsageOID.CODE_SIGNING
TLS = ExtendedKeyUsageOID.SERVER_AUTH
TIME_STAMPING = ExtendedKeyUsageOID.TIME_STAMPING
SIGNS = ("digital_signature",)
ISSUES = ("key_cert_sign", "crl_sign")
_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


@dataclass(frozen=True)
class Node:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Any

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def new_key(kind: str = "P-256") -> Any:
    if kind.startswith("RSA"):
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    curves = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1(), "K-256": ec.SECP256K1()}
    return ec.generate_private_key(curves[kind])


def issue(
    name: str,
    issuer: Node | None = None,
    *,
    key: Any = None,
    is_ca: bool | None = False,
    path_length: int | None = None,
    usage: Sequence[str] | None = SIGNS,
    purposes: Sequence[x509.ObjectIdentifier] = (CODE_SIGNING,),
    names: Sequence[x509.GeneralName] = (),
    start: datetime = NOW - DAY,
    end: datetime = NOW + 30 * DAY,
    more: Sequence[tuple[x509.ExtensionType, bool]] = (),
    critical_purposes: bool = False,
    serial: int | None = None,
    identifiers: bool = True,
) -> Node:
    """Return a certificate with this common name; without an issuer it signs itself."""
    key = key or new_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
    by = issuer.key if issuer else key
    builder = x509.CertificateBuilder(
        issuer_name=issuer.certificate.subject if issuer else subject,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=serial or x509.random_serial_number(),
        not_valid_before=start,
        not_valid_after=end,
    )
    if is_ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(is_ca, path_length), critical=True)
    if usage is not None:
        builder = builder.add_extension(x509.KeyUsage(**{one: one in usage for one in _USAGES}), critical=True)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=critical_purposes)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=not name)
    if identifiers:
        own, above = key.public_key(), by.public_key()
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(own), critical=False)
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above), critical=False)
    for extension, critical in more:
        builder = builder.add_extension(extension, critical=critical)
    return Node(builder.sign(by, hashes.SHA256()), key)


def issue_ca(name: str, issuer: Node | None = None, **changes: Any) -> Node:
    """Return a certificate that issues others."""
    return issue(
        name,
        issuer,
        **{
            "is_ca": True,
            "usage": ISSUES,
            "purposes": (),
            "start": NOW - 100 * DAY,
            "end": NOW + 3650 * DAY,
            **changes,
        },
    )
