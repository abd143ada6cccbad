"""The certificates one signs with: read from files, and looked at before anything is signed with them.

Called by `amber sign --certificate`. What no reader would accept is found here, while it can still be put right: a leaf
of another key, a chain that is out of order, a leaf that is not for signing code or not valid now. No root is asked;
who signed is for the readers' policies to say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from amber.errors import UsageError
from amber.trust.certificates import MOST_CERTIFICATES, require_library

if TYPE_CHECKING:
    from cryptography import x509

    from amber.trust.keys import PublicKey

_BEGIN = b"-----BEGIN"
_LABEL = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_HINT = "`amber keygen --certificate` writes one, FILE.crt"


def read(data: bytes, where: str) -> tuple[bytes, ...]:
    """Return the certificates of a file in DER: one in DER, or one or more in PEM.

    Raises:
        UsageError: `certificate-invalid`: there is none, or `library-missing`.
    """
    require_library()
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        found = x509.load_pem_x509_certificates(data) if _BEGIN in data else [x509.load_der_x509_certificate(data)]
        return tuple(each.public_bytes(Encoding.DER) for each in found)
    except (ValueError, TypeError, x509.InvalidVersion) as error:
        # not what the library says: it speaks of its own documentation
        raise _invalid(f"holds {_kind(data)}, and no certificate in PEM or DER", where, _HINT) from error


def _kind(data: bytes) -> str:
    """Return what a file holds, by its first line of PEM; nothing of its content, which may be secret."""
    found = _LABEL.search(data)
    if found is None:
        return "something else" if data else "nothing"
    label = found[1].decode("ascii").lower()
    if label == "certificate":
        return "a damaged certificate"
    return f"{'an' if label[0] in 'aeiou' else 'a'} {label}"


def check(chain: Sequence[bytes], public: PublicKey, at: datetime) -> None:
    """Check that a chain is one that `public` can sign with at a time.

    Args:
        chain: DER, the leaf first, then whoever issued it, and so on.
        public: The key that will sign.
        at: The time of signing.

    Raises:
        UsageError: `certificate-invalid`: the leaf is of another key, not for signing code, or not valid at that time;
            the chain is out of order, or too long. `library-missing`.
    """
    require_library()
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if not 0 < len(chain) <= MOST_CERTIFICATES:
        raise _invalid(f"{len(chain)} certificates; 1 to {MOST_CERTIFICATES} are read", "chain")
    try:
        read_chain = [x509.load_der_x509_certificate(der) for der in chain]
        key = read_chain[0].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, TypeError, x509.InvalidVersion) as error:
        raise _invalid(f"cannot be read: {error}", "chain") from error
    leaf = read_chain[0]
    if key != public.der:
        raise _invalid("is of another key than the one that signs", "certificate", "give the leaf of this key")
    _check_purpose(leaf)
    if not leaf.not_valid_before_utc <= at <= leaf.not_valid_after_utc:
        period = f"{_time(leaf.not_valid_before_utc)} to {_time(leaf.not_valid_after_utc)}"
        raise _invalid(f"is valid from {period}, and not now", "certificate", "issue a new leaf: `amber keygen --ca`")
    for place, (issued, issuer) in enumerate(pairwise(read_chain), start=1):
        _check_issued(issued, issuer, place)


def _check_purpose(leaf: x509.Certificate) -> None:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
        purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (ValueError, TypeError, x509.ExtensionNotFound, x509.DuplicateExtension) as error:
        raise _invalid(f"is not one for signing code: {error}", "certificate") from error
    if not usage.digital_signature or usage.key_cert_sign or ExtendedKeyUsageOID.CODE_SIGNING not in purposes:
        needs = "the key usage digitalSignature without keyCertSign, and the extended key usage codeSigning"
        raise _invalid(f"is not one for signing code: it needs {needs}", "certificate")


def _check_issued(issued: x509.Certificate, issuer: x509.Certificate, place: int) -> None:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        issued.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm) as error:
        message = f"certificate {place + 1} has not issued certificate {place}"
        raise _invalid(message, "chain", "the leaf stands first, then who issued it, and so on") from error


def _time(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _invalid(message: str, where: str, hint: str = "") -> UsageError:
    return UsageError("certificate-invalid", message, where=where, hint=hint)
