"""The pre-authentication encoding: the vector of the DSSE protocol, and a second implementation."""

from __future__ import annotations

import pytest

from amber.trust.pae import pae


def test_the_vector_of_the_protocol() -> None:
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@pytest.mark.parametrize(
    ("kind", "payload"), [("", b""), ("é", b"\x00\xff"), ("a b", b" 1 2 "), ("x" * 300, b"y" * 1000)]
)
def test_it_is_that_of_securesystemslib(kind: str, payload: bytes) -> None:
    dsse = pytest.importorskip("securesystemslib.dsse")
    assert pae(kind, payload) == dsse.Envelope(payload, kind, {}).pae()


def test_lengths_keep_type_and_payload_apart() -> None:
    assert pae("a", b"1 b") != pae("a 3 1", b"b")
