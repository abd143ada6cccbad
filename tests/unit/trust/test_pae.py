"""The pre-authentication encoding: the vector of the DSSE protocol, and a second implementation."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from amber.trust.keys import PrivateKey
from amber.trust.pae import pae


def test_the_vector_of_the_protocol() -> None:
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_the_signature_of_the_protocol_is_made_again() -> None:
    # DSSE protocol.md: P-256, SHA-256, RFC 6979; the signature stands there as r and s in 32 bytes each
    number = 97358161215184420915383655311931858321456579547487070936769975997791359926199
    raw = base64.b64decode("A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==")
    message = pae("http://example.com/HelloWorld", b"hello world")
    signature = PrivateKey(ec.derive_private_key(number, ec.SECP256R1())).sign(message)
    assert signature == encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))


@pytest.mark.parametrize(
    ("kind", "payload"), [("", b""), ("é", b"\x00\xff"), ("a b", b" 1 2 "), ("x" * 300, b"y" * 1000)]
)
def test_it_is_that_of_securesystemslib(kind: str, payload: bytes) -> None:
    dsse = pytest.importorskip("securesystemslib.dsse")
    assert pae(kind, payload) == dsse.Envelope(payload, kind, {}).pae()


def test_lengths_keep_type_and_payload_apart() -> None:
    assert pae("a", b"1 b") != pae("a 3 1", b"b")
