"""Whether a certificate is on the policy's list, however its bytes have been spelt.

A policy lists SHA-256 of the DER. But anybody can turn the ECDSA signature (r, s) that an authority put on a
certificate into (r, n - s), which is as good, and the last byte's unused bits of a signature may be declared so: the
certificate stays valid under another fingerprint. So the fingerprints of every such spelling are looked up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator

# Orders of the groups of P-256, P-384 and P-521 (SEC 2, version 2.0, sections 2.4.2, 2.5.1 and 2.6.1).
ORDERS = (
    0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    0x01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409,
)
_SEQUENCE, _BIT_STRING = 0x30, 0x03


def is_revoked(der: bytes, revoked: Collection[str]) -> bool:
    """Tell whether the list has a certificate.

    Args:
        der: A certificate that the library has read.
        revoked: SHA-256 of DER, in hex.
    """
    return bool(revoked) and any(fingerprint(spelling) in revoked for spelling in spellings(der))


def fingerprint(der: bytes) -> str:
    """Return what a policy calls a certificate: SHA-256 of its DER, in hex."""
    return hashlib.sha256(der).hexdigest()


def spellings(der: bytes) -> Iterator[bytes]:
    """Yield a certificate's bytes and the bytes of the same certificate with its signature spelt otherwise.

    The authority's curve is not known here: with the order of another one the bytes are those of no certificate,
    and nobody lists them.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

    yield der
    signature = x509.load_der_x509_certificate(der).signature
    signed = _signed_part(der, signature)
    yield _tlv(_SEQUENCE, signed + _tlv(_BIT_STRING, b"\0" + signature))
    try:
        r, s = decode_dss_signature(signature)
    except ValueError:
        return  # not ECDSA: RSA has one signature for one key and padding
    for order in ORDERS:
        if 0 < s < order:
            other = encode_dss_signature(r, order - s)
            yield _tlv(_SEQUENCE, signed + _tlv(_BIT_STRING, b"\0" + other))


def _signed_part(der: bytes, signature: bytes) -> bytes:
    """Return what stands in a certificate before its signature: what was signed, and the name of the algorithm."""
    start = 2 if der[1] < 0x80 else 2 + (der[1] & 0x7F)
    return der[start : len(der) - len(_tlv(_BIT_STRING, b"\0" + signature))]


def _tlv(tag: int, content: bytes) -> bytes:
    """Return tag, length and content in DER."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content
