"""A chain of certificates goes in; the public key of its leaf comes out, if it leads to a root the reader named.

Called by `judge` for bundles that carry a chain (leaf first):

    key = certificates.leaf_signer(bundle.certificates, wanted, at, revoked=policy.revoked.certificates)
    key.verify(pae(bundle.payload_type, bundle.payload), bundle.signature)

`at` is the time of judgement, or the verified time of `timestamps.time_of` where the policy names time stamping roots.
The answer is about the chain only: the caller verifies the signature with the key, and asks its list of revoked keys
about the leaf's.

Paths are built and checked by `cryptography.x509.verification`, with extension policies of our own, as its own ones
are made for TLS and refuse code signing. The store holds the one root of the signer who is asked about: nothing of the
bundle and nothing of the system is ever a root. A CA never signs itself; a certificate that may sign and not issue may
be its own root, if the reader names it. There is no CRL and no OCSP: revocation is the reader's list.
X.509 is imported inside the functions: it costs 130 to 240 ms, which signatures by plain keys must not pay.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from amber.errors import AmberError, UsageError
from amber.trust import keys, revocation
from amber.trust.libraries import missing
from amber.trust.reasons import NotTrusted

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.x509 import verification

    from amber.policy import Certificate
    from amber.trust.keys import PublicKey

MOST_CERTIFICATES = 10  # of one chain, the leaf and a root that is sent along included; the longest path has five
MOST_CERTIFICATE_BYTES = 64 * 1024  # of one certificate; those of the public web have 1 to 3 KiB
MOST_INTERMEDIATES = 3  # between leaf and root


def leaf_signer(
    chain: Sequence[bytes],
    wanted: Certificate,
    at: datetime,
    revoked: Collection[str] = (),
    revoked_keys: Collection[str] = (),
) -> PublicKey:
    """Return the key of the chain's leaf, if the leaf is the signer that the policy describes.

    Args:
        chain: DER, the leaf first; what follows may stand in any order, may hold the root or certificates of no use.
        wanted: A root, and the exact name that a leaf below it must have.
        at: When every certificate of the path, the root too, must be valid.
        revoked: SHA-256 of the DER of certificates, in hex, that no path may use.
        revoked_keys: SHA-256 of the DER of keys, in hex, that no issuer of a path may have: one key may have many
            certificates, and all of them issue. The leaf's own is the caller's to look up.

    Raises:
        NotTrusted: `unknown`, `expired`, `revoked`, or `unsupported` (the key is on no curve that Amber takes).
        UsageError: `policy-invalid`: the root of the policy is no certificate.
    """
    require_library()
    root = read_root(wanted.root)
    try:
        leaf, *others = _read(chain)
        _check_name(leaf, wanted)
        path = _path(leaf, others, root, at)
        _check_revoked(path, revoked)
        _check_issuers(path[1:], revoked_keys)
        return _key(leaf)
    except (NotTrusted, AmberError):
        raise
    except Exception as error:  # the bytes are a stranger's, and parts of them are parsed only when they are asked for
        raise NotTrusted("unknown", f"the chain has bytes that are no certificate: {error}") from error


def read_root(der: bytes) -> x509.Certificate:
    """Return a root that a policy names.

    Raises:
        UsageError: `policy-invalid`: it is no certificate.
        UsageError: `library-missing`.
    """
    require_library()
    from cryptography import x509

    try:
        return x509.load_der_x509_certificate(der)
    except (ValueError, TypeError, x509.InvalidVersion) as error:
        hint = "name a file with one X.509 certificate in PEM or DER"
        raise UsageError("policy-invalid", f"a root is no certificate: {error}", hint=hint) from error


def can_issue(der: bytes) -> bool:
    """Whether a root has the one extension that every issuer of a chain must show: without it no chain ends there.

    Raises:
        UsageError: `policy-invalid`: it is no certificate; `library-missing`.
    """
    root = read_root(der)
    from cryptography import x509

    try:
        return root.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False


def _read(chain: Sequence[bytes]) -> list[x509.Certificate]:
    from cryptography import x509

    if not 1 <= len(chain) <= MOST_CERTIFICATES:
        raise NotTrusted("unknown", f"a chain of {len(chain)} certificates; 1 to {MOST_CERTIFICATES} are read")
    if any(len(der) > MOST_CERTIFICATE_BYTES for der in chain):
        raise NotTrusted("unknown", f"a certificate is longer than {MOST_CERTIFICATE_BYTES} bytes")
    return [x509.load_der_x509_certificate(der) for der in chain]


def _check_name(leaf: x509.Certificate, wanted: Certificate) -> None:
    """Refuse a leaf of another name; a subject counts only where there is no subject alternative name at all."""
    from cryptography import x509

    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        if wanted.subject and leaf.subject.rfc4514_string() == wanted.subject:
            return
        raise NotTrusted("unknown", "the leaf has no subject alternative name and not the subject asked for") from None
    if not wanted.san:
        raise NotTrusted("unknown", "the leaf has a subject alternative name, which is then the one that counts")
    if wanted.san not in names.get_values_for_type(name_type(wanted.san)):
        raise NotTrusted("unknown", "the leaf does not have the subject alternative name asked for")


def name_type(name: str) -> type[x509.UniformResourceIdentifier | x509.RFC822Name | x509.DNSName]:
    """Return the type of a name, which follows from its form, so that no name of one type passes for another's."""
    from cryptography import x509

    if "://" in name:
        return x509.UniformResourceIdentifier
    return x509.RFC822Name if "@" in name else x509.DNSName


def _path(
    leaf: x509.Certificate, others: list[x509.Certificate], root: x509.Certificate, at: datetime
) -> list[x509.Certificate]:
    """Return the certificates from the leaf to the root, all valid at that time."""
    from cryptography.x509.verification import VerificationError

    try:
        return _build(leaf, others, root, at)
    except VerificationError as error:
        reason = error
    try:
        _build(leaf, others, root, leaf.not_valid_before_utc)
    except VerificationError:
        raise NotTrusted("unknown", f"no path to the root that the policy names: {reason}") from reason
    raise NotTrusted(
        "expired",
        f"not valid at {_time(at)}: the leaf is from {_time(leaf.not_valid_before_utc)} to "
        f"{_time(leaf.not_valid_after_utc)}, the root until {_time(root.not_valid_after_utc)}",
    )


def _build(
    leaf: x509.Certificate, others: list[x509.Certificate], root: x509.Certificate, at: datetime
) -> list[x509.Certificate]:
    """Build and check a path; the library bounds how many signatures and name constraints it looks at."""
    from cryptography.x509 import verification

    builder = verification.PolicyBuilder().store(verification.Store([root])).time(at.astimezone(UTC))
    builder = builder.max_chain_depth(MOST_INTERMEDIATES)
    builder = builder.extension_policies(ca_policy=_issuers(), ee_policy=_leaves())
    return builder.build_client_verifier().verify(leaf, others).chain


def _leaves() -> verification.ExtensionPolicy:
    """Return what a leaf must show: it signs code, and no certificates.

    CA:TRUE alone is tolerated: the leaf of the specification's own valid vector has it.
    """
    from cryptography import x509
    from cryptography.x509 import verification
    from cryptography.x509.oid import ExtendedKeyUsageOID

    def usage(_: verification.Policy, __: x509.Certificate, usage: x509.KeyUsage) -> None:
        if not usage.digital_signature or usage.key_cert_sign:
            raise ValueError("the leaf needs the key usage digitalSignature, and not keyCertSign")

    def purpose(_: verification.Policy, __: x509.Certificate, purposes: x509.ExtendedKeyUsage) -> None:
        if ExtendedKeyUsageOID.CODE_SIGNING not in purposes:
            raise ValueError("the leaf needs the extended key usage codeSigning")

    either = verification.Criticality.AGNOSTIC
    policy = verification.ExtensionPolicy.permit_all().require_present(x509.KeyUsage, either, usage)
    return policy.require_present(x509.ExtendedKeyUsage, either, purpose)


def _issuers() -> verification.ExtensionPolicy:
    """Return what intermediates and the root must show: they sign certificates, and not those of other purposes."""
    from cryptography import x509
    from cryptography.x509 import verification
    from cryptography.x509.oid import ExtendedKeyUsageOID

    permitted = {ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}

    def usage(_: verification.Policy, __: x509.Certificate, usage: x509.KeyUsage) -> None:
        if not usage.key_cert_sign:
            raise ValueError("an issuer needs the key usage keyCertSign")

    def purpose(_: verification.Policy, __: x509.Certificate, purposes: x509.ExtendedKeyUsage | None) -> None:
        if purposes is not None and permitted.isdisjoint(purposes):
            raise ValueError("an issuer is limited to purposes of which codeSigning is none")

    either = verification.Criticality.AGNOSTIC
    policy = verification.ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, either, None)
    policy = policy.require_present(x509.KeyUsage, either, usage)
    return policy.may_be_present(x509.ExtendedKeyUsage, either, purpose)


def _check_revoked(path: list[x509.Certificate], revoked: Collection[str]) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding

    for place, certificate in enumerate(path):
        if revocation.is_revoked(certificate.public_bytes(Encoding.DER), revoked):
            which = "the leaf" if place == 0 else "the root" if place == len(path) - 1 else "an intermediate"
            raise NotTrusted("revoked", f"{which} is on the policy's list of revoked certificates")


def _check_issuers(issuers: list[x509.Certificate], revoked_keys: Collection[str]) -> None:
    if revoked_keys and any(revocation.fingerprint(_spki(each)) in revoked_keys for each in issuers):
        raise NotTrusted("revoked", "the policy has revoked the key of an issuer")


def _spki(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _key(leaf: x509.Certificate) -> PublicKey:
    try:
        return keys.public(_spki(leaf))
    except AmberError as error:
        raise NotTrusted("unsupported", f"the key of the leaf: {error.message}") from error


def _time(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def require_library() -> None:
    """Raise `library-missing` (UsageError) where X.509 cannot be checked."""
    try:
        import cryptography.x509.verification  # noqa: F401
    except ImportError as error:
        raise missing("sign", error) from error
