"""Keys, certificates and identities: which are taken, which are refused, and that no secret is ever shown."""

from __future__ import annotations

import base64
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amber.errors import UsageError
from amber.policy import Certificate, Key, Keyless, Policy, Signer, encodings
from tests.unit.policy.material import NOW, der, key, pem, root, signer

CURVES = ["P-256", "P-384", "P-521"]


def refusal(data: bytes | str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        Key.from_pem(data)
    return caught.value


@pytest.mark.parametrize("curve", CURVES)
def test_keys_are_those_of_the_library(curve: str) -> None:
    pytest.importorskip("cryptography")
    import hashlib

    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    library = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}[curve]
    public = ec.generate_private_key(library()).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    text = public.public_bytes(serialization.Encoding.PEM, form)
    binary = public.public_bytes(serialization.Encoding.DER, form)
    found = Key.from_pem(text)
    assert found == Key.from_pem(binary) == Key.from_pem(text.replace(b"\n", b"\r\n"))
    assert (found.der, found.curve) == (binary, curve)
    assert found.fingerprint == hashlib.sha256(binary).hexdigest()
    assert found.hint == hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize("kind", ["RSA", "Ed25519", "secp256k1", "P-224", "compressed", "X25519"])
def test_other_keys_of_the_library_are_not_supported(kind: str) -> None:
    pytest.importorskip("cryptography")
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519

    makers = {
        "RSA": lambda: rsa.generate_private_key(65537, 2048),
        "Ed25519": ed25519.Ed25519PrivateKey.generate,
        "X25519": x25519.X25519PrivateKey.generate,
        "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
        "P-224": lambda: ec.generate_private_key(ec.SECP224R1()),
        "compressed": lambda: ec.generate_private_key(ec.SECP256R1()),
    }
    public = makers[kind]().public_key()
    if kind == "compressed":
        point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
        data = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point
        assert serialization.load_der_public_key(data) == public, "the library would take it for the same key"
    else:
        data = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert refusal(data).code == "key-unsupported"


@pytest.mark.parametrize("form", ["PKCS8", "SEC1", "OpenSSH", "encrypted", "DER"])
def test_a_private_key_is_refused_and_never_shown(form: str) -> None:
    pytest.importorskip("cryptography")
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1())
    formats = {
        "PKCS8": serialization.PrivateFormat.PKCS8,
        "SEC1": serialization.PrivateFormat.TraditionalOpenSSL,
        "OpenSSH": serialization.PrivateFormat.OpenSSH,
        "encrypted": serialization.PrivateFormat.PKCS8,
        "DER": serialization.PrivateFormat.PKCS8,
    }
    encoding = serialization.Encoding.DER if form == "DER" else serialization.Encoding.PEM
    lock = serialization.BestAvailableEncryption(b"x" * 16) if form == "encrypted" else serialization.NoEncryption()
    data = private.private_bytes(encoding, formats[form], lock)
    error = refusal(data)
    assert error.code == "key-private"
    secret = data.hex() if form == "DER" else b"".join(data.split(b"\n")[1:-2]).decode()
    assert secret[40:60] not in str(error) + repr(error.to_dict())


def test_a_private_key_without_its_lines_is_not_shown_as_a_path() -> None:
    text = base64.b64encode(b"\x30\x81\x87\x02\x01\x00" + bytes(range(132))).decode()
    with pytest.raises(UsageError) as caught:
        Policy.from_dict({"signers": {"alice": {"keys": [text]}}}, base="/nowhere")
    assert caught.value.code == "policy-invalid"
    assert text[20:40] not in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        b"-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----\n",
        b"-----BEGIN PUBLIC KEY-----\nMFk=\n-----END PUBLIC KEY-----\n",
        pem(1).encode() + pem(2).encode(),
        pem(1).replace("PUBLIC KEY", "CERTIFICATE").encode(),
        pem(1).replace("END PUBLIC", "END PRIVAT").encode(),
        der(1) + b"\0",
        der(1)[:-1],
        b"\x30\x80" + der(1)[2:],
        b"\x30\x84\xff\xff\xff\xff",
    ],
)
def test_what_is_no_key_is_malformed(data: bytes) -> None:
    assert refusal(data).code in ("key-malformed", "key-unsupported")


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: der(1)[:27] + tail))
def test_any_bytes_are_a_key_or_a_refusal(data: bytes) -> None:
    codes = {"key-malformed", "key-unsupported", "key-private"}
    try:
        found = Key.from_pem(data).der
    except UsageError as error:
        found = error.code.encode()
    assert found == data or found.decode() in codes


def test_one_key_has_one_spelling() -> None:
    assert {refusal(der(1, curve).replace(b"\x00\x04", b"\x00\x02", 1)).code for curve in CURVES} == {"key-unsupported"}


def test_text_round_trips() -> None:
    for curve in CURVES:
        assert encodings.public_der(pem(7, curve).encode(), "key") == der(7, curve)
    assert encodings.certificate_der(encodings.pem(root(1), "CERTIFICATE").encode(), "root") == root(1)


@pytest.mark.parametrize("more", [{}, {"san": "a@b.c", "subject": "CN=x"}])
def test_a_root_alone_is_nobody(more: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="exactly one of san and subject"):
        Certificate(root(1), **more)


@pytest.mark.parametrize("data", [b"", b"\x30\x03\x02\x01\x01", b"root", b"\x30\x00"])
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    with pytest.raises(UsageError) as caught:
        Certificate(data, san="a@b.c")
    assert caught.value.code == "certificate-invalid"


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff{}", b"{", b"{" * 100_000])
def test_a_trusted_root_is_a_json_object(data: bytes) -> None:
    with pytest.raises(UsageError):
        Keyless("a@b.c", "https://issuer.example", data)


@pytest.mark.parametrize("label", ["", "a b", "-a", "a" * 65, "a\n", "ä", "a/b"])
def test_labels_are_plain(label: str) -> None:
    with pytest.raises(UsageError, match="is not a label"):
        signer(label, 1)


def test_a_signer_signs_with_something() -> None:
    with pytest.raises(UsageError, match="needs a key"):
        Signer("alice")


def test_times_have_their_zone() -> None:
    with pytest.raises(UsageError, match="time zone"):
        Key(der(1), until=datetime(2027, 1, 1))


def test_names_restrict_for_what_it_counts() -> None:
    ci = signer("ci", names=("churn-*", "fraud"))
    assert ci.counts_for("churn-eu")
    assert ci.counts_for("fraud")
    assert not ci.counts_for("fraud-eu")


@pytest.mark.parametrize(
    "pair",
    [
        (signer("alice", 1), signer("bob", 1)),
        (
            Signer("alice", certificates=(Certificate(root(1), san="a@b.c"),)),
            Signer("bob", certificates=(Certificate(root(1), san="a@b.c"),)),
        ),
        (
            Signer("alice", keyless=(Keyless("a@b.c", "https://x", b"{}"),)),
            Signer("bob", keyless=(Keyless("a@b.c", "https://x", b'{"other": 1}'),)),
        ),
        (Signer("alice", keys=(key(1), Key(der(1), until=NOW))), signer("bob", 2)),
    ],
    ids=["key", "certificate", "keyless", "one label"],
)
def test_one_identity_has_one_label(pair: tuple[Signer, Signer]) -> None:
    with pytest.raises(UsageError) as caught:
        Policy(signers=pair)
    assert caught.value.code == "policy-invalid"
    assert "one signer fills one place" in caught.value.hint


def test_the_same_root_may_vouch_for_two_names() -> None:
    two = [Signer(label, certificates=(Certificate(root(1), san=f"{label}@b.c"),)) for label in ("alice", "bob")]
    assert len(Policy(signers=tuple(two)).signers) == 2
