"""A revoked certificate stays revoked whatever can be done to its bytes without the authority's key."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from amber.policy import Certificate
from amber.trust import certificates, revocation
from amber.trust.reasons import NotTrusted
from tests.trust_fixtures.pki import NOW, issue, issue_ca, new_key

CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}


def length(size: int) -> bytes:
    return bytes([size]) if size < 128 else bytes([0x81, size]) if size < 256 else b"\x82" + size.to_bytes(2, "big")


def other_half(der: bytes, order: int) -> bytes:
    """Return the certificate with (r, n - s) in place of (r, s), put together by hand."""
    certificate = x509.load_der_x509_certificate(der)
    r, s = decode_dss_signature(certificate.signature)
    end = der.rindex(certificate.signature)
    start = der.index(certificate.tbs_certificate_bytes)
    end -= len(length(len(certificate.signature) + 1)) + 2  # tag, length and the number of unused bits
    signature = encode_dss_signature(r, order - s)
    body = der[start:end] + b"\x03" + length(len(signature) + 1) + b"\0" + signature
    return b"\x30" + length(len(body)) + body


@pytest.mark.parametrize("curve", CURVES)
def test_the_other_half_of_a_signature_is_the_same_certificate(curve: str) -> None:
    root = issue_ca("root", key=new_key(curve))
    leaf = issue("ci", root, names=[x509.DNSName("ci.example.org")])
    wanted = Certificate(root=root.der, san="ci.example.org")
    turned = other_half(leaf.der, CURVES[curve].group_order)
    assert turned != leaf.der
    assert certificates.leaf_signer([turned], wanted, NOW)  # as valid as the original
    for listed, sent in ((leaf.der, turned), (turned, leaf.der), (leaf.der, leaf.der)):
        with pytest.raises(NotTrusted) as caught:
            certificates.leaf_signer([sent], wanted, NOW, [revocation.fingerprint(listed)])
        assert caught.value.status == "revoked"


def test_orders_are_those_of_the_library() -> None:
    assert tuple(curve.group_order for curve in CURVES.values()) == revocation.ORDERS


def test_a_certificate_of_rsa_has_the_one_spelling() -> None:
    root = issue_ca("root", key=new_key("RSA"))
    assert set(revocation.spellings(root.der)) == {root.der}
    assert revocation.is_revoked(root.der, [revocation.fingerprint(root.der)])


def test_nothing_is_read_where_nothing_is_revoked() -> None:
    assert not revocation.is_revoked(b"no certificate", ())
