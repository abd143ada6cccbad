"""Certificates of one's own: a CA and leaves that sign models, for those who have no authority to ask.

Called by `amber keygen --certificate`. In come keys and names, out come DER certificates that `certificates` accepts
and the reference implementation too. The CA's key is for leaves only and belongs in another file, better on another
machine, than the leaf's: whoever has it can sign as everybody below it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from amber.errors import UsageError
from amber.trust import certificates

if TYPE_CHECKING:
    from cryptography import x509

    from amber.trust.keys import PrivateKey, PublicKey

# Ten years: a root stands in the policies of every reader, and with it end all signatures below it that nobody
# time-stamped. It does not end earlier for safety: a stolen one is taken out of the policies.
CA_DAYS = 3650
# One: what is lost with a leaf that was copied unnoticed, without a list of revoked ones, is bounded.
LEAF_DAYS = 365
_MOST_NAME = 64  # characters of a common name (RFC 5280, ub-common-name)
_MOST_SAN = 1024


def issue_ca(key: PrivateKey, name: str, *, now: datetime | None = None, days: int = CA_DAYS) -> bytes:
    """Return the self-signed certificate of a CA that issues leaves, and no further CAs, in DER.

    Args:
        key: The CA's own key.
        name: Its common name, 1 to 64 printable characters: what people see.
        now: The start; the clock's time by default.
        days: How long it is valid.

    Raises:
        UsageError: `certificate-invalid` (the name) or `library-missing`.
    """
    certificates.require_library()
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    if not (0 < len(name) <= _MOST_NAME and name.isprintable() and name.strip() == name):
        raise _bad(f"the name of a CA has 1 to {_MOST_NAME} printable characters, not {name!r}")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(subject, subject, key.public, _start(now), days)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(issues=True), critical=True)
    return _signed(builder, key)


def issue_leaf(
    ca_key: PrivateKey,
    ca: bytes,
    public: PublicKey,
    san: str,
    *,
    now: datetime | None = None,
    days: int = LEAF_DAYS,
) -> bytes:
    """Return the certificate of a signer, in DER: for signing code, and for nothing else.

    Args:
        ca_key: The key of the CA.
        ca: The certificate of the CA, in DER.
        public: The signer's key.
        san: What a policy names the signer by: an email address, a URI with `://`, or a DNS name.
        now: The start; the clock's time by default.
        days: How long it is valid; never longer than the CA.

    Raises:
        UsageError: `certificate-invalid` (the CA is none, has another key or is not valid at that time; `san` is no
            name of the three forms) or `library-missing`.
    """
    certificates.require_library()
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    authority = _authority(ca, ca_key)
    start = _start(now)
    if not authority.not_valid_before_utc <= start < authority.not_valid_after_utc:
        raise _bad("the certificate of the CA is not valid at that time")
    builder = _builder(x509.Name([]), authority.subject, public, start, days, authority.not_valid_after_utc)
    builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(san)]), critical=True)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(issues=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.of_library.public_key())
    return _signed(builder.add_extension(issuer, critical=False), ca_key)


def _authority(der: bytes, key: PrivateKey) -> x509.Certificate:
    """Return the CA, if it is one and the key is its own."""
    from cryptography import x509

    try:
        authority = x509.load_der_x509_certificate(der)
        constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = authority.extensions.get_extension_for_class(x509.KeyUsage).value
    except (ValueError, x509.InvalidVersion, x509.ExtensionNotFound, x509.DuplicateExtension) as error:
        raise _bad(f"the certificate of the CA cannot be read: {error}") from error
    if not (constraints.ca and usage.key_cert_sign):
        raise _bad("the certificate is not that of a CA")
    if authority.public_key() != key.of_library.public_key():
        raise _bad("the certificate of the CA is of another key")
    return authority


def _general_name(san: str) -> x509.GeneralName:
    """Return the name in the type that its form gives it, as a policy will read it."""
    if not (0 < len(san) <= _MOST_SAN and san.isascii() and san.isprintable() and " " not in san):
        raise _bad("a signer is named by an email address, a URI or a DNS name, in ASCII without spaces")
    try:
        return certificates.name_type(san)(san)
    except ValueError as error:
        raise _bad(f"the name of the signer: {error}") from error


def _builder(
    subject: x509.Name, issuer: x509.Name, public: PublicKey, start: datetime, days: int, last: datetime | None = None
) -> x509.CertificateBuilder:
    """Return what every certificate has: names, a random serial number, its time, and its key with the identifier."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    key = load_der_public_key(public.der)
    assert isinstance(key, ec.EllipticCurvePublicKey)  # noqa: S101 - PublicKey holds no other
    end = start + timedelta(days=days)
    builder = x509.CertificateBuilder(issuer_name=issuer, subject_name=subject, public_key=key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(start).not_valid_after(min(end, last or end))
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _usage(*, issues: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not issues,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issues,
        crl_sign=issues,
        encipher_only=False,
        decipher_only=False,
    )


def _signed(builder: x509.CertificateBuilder, key: PrivateKey) -> bytes:
    """Sign with the digest of the key's curve, as all signatures here."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    digest: hashes.SHA256 | hashes.SHA384 | hashes.SHA512 = hashes.SHA256()
    if key.public.curve == "P-384":
        digest = hashes.SHA384()
    elif key.public.curve == "P-521":
        digest = hashes.SHA512()
    return builder.sign(key.of_library, digest).public_bytes(Encoding.DER)


def _start(now: datetime | None) -> datetime:
    """Return the time in whole seconds, cut off, so that a certificate is valid as soon as it is made."""
    return (now or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)


def _bad(said: str) -> UsageError:
    return UsageError("certificate-invalid", said, where="certificate")
