"""Keys: three curves, deterministic signatures, and what is said of files that are no such key."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from amber.errors import UsageError
from amber.policy import Key
from amber.trust import keys
from tests.unit.trust.signing_material import key

CURVES = tuple(keys.CURVES)
PASSPHRASE = b"a passphrase of a test"
# NIST P-256: generator order, to turn a signature into its other form
ORDER_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
FOREIGN = {
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
    "x25519": x25519.X25519PrivateKey.generate,
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "brainpool": lambda: ec.generate_private_key(ec.BrainpoolP256R1()),
}


@pytest.mark.parametrize("curve", CURVES)
def test_signing_twice_gives_the_same_signature_and_it_verifies(curve: str) -> None:
    signer = key(curve=curve)
    signature = signer.sign(b"message")
    assert signature == signer.sign(b"message")
    assert signer.public.verify(b"message", signature)
    assert not signer.public.verify(b"messagf", signature)
    assert not key("bob", curve).public.verify(b"message", signature)
    assert signer.public.curve == curve


@pytest.mark.parametrize(("curve", "digest"), [("P-256", "sha256"), ("P-384", "sha384"), ("P-521", "sha512")])
def test_the_digest_follows_from_the_curve(curve: str, digest: str) -> None:
    signer = key(curve=curve)
    for name, algorithm in (("sha256", hashes.SHA256()), ("sha384", hashes.SHA384()), ("sha512", hashes.SHA512())):
        assert signer.public.verify(b"m", signer.of_library.sign(b"m", ec.ECDSA(algorithm))) == (name == digest)


def test_the_vector_of_rfc_6979() -> None:
    # RFC 6979, A.2.5: P-256, SHA-256, message "sample"
    number = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
    r, t = decode_dss_signature(keys.PrivateKey(ec.derive_private_key(number, ec.SECP256R1())).sign(b"sample"))
    assert r == 0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
    assert t == 0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8


def test_the_other_form_of_a_signature_is_as_good() -> None:
    r, t = decode_dss_signature(key().sign(b"m"))
    assert key().public.verify(b"m", encode_dss_signature(r, ORDER_P256 - t))


@pytest.mark.parametrize(
    "signature",
    [b"", b"garbage", b"\x30", b"\x30\x06\x02\x01\x00\x02\x01\x00", b"\x00" * 64, b"\x30" * 100_000],
    ids=["empty", "text", "cut", "zeros", "raw", "long"],
)
def test_what_is_no_signature_does_not_verify(signature: bytes) -> None:
    for curve in CURVES:
        assert not key(curve=curve).public.verify(b"m", signature)
    assert not key().public.verify(b"m", key().sign(b"m") + b"\x00")


@pytest.mark.parametrize("curve", CURVES)
def test_hint_and_fingerprint_are_those_of_the_policy(curve: str) -> None:
    public = key(curve=curve).public
    assert (public.hint, public.fingerprint) == (Key(public.der).hint, Key(public.der).fingerprint)
    assert public.hint == hashlib.sha256(public.pem).hexdigest()


@pytest.mark.parametrize("curve", CURVES)
def test_a_public_key_is_read_in_every_form(curve: str) -> None:
    public = key(curve=curve).public
    pem = public.pem.decode()
    for form in (public.der, pem, pem.encode(), pem.replace("\n", "\r\n"), "a comment\n" + pem):
        assert keys.public(form) == public


@pytest.mark.parametrize("curve", CURVES)
def test_a_private_key_is_read_in_every_form(curve: str) -> None:
    private = key(curve=curve)
    library = private.of_library
    plain = s.NoEncryption()
    forms = [
        private.encrypted(PASSPHRASE),
        library.private_bytes(s.Encoding.PEM, s.PrivateFormat.TraditionalOpenSSL, plain),
        library.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, plain),
        library.private_bytes(s.Encoding.DER, s.PrivateFormat.PKCS8, plain),
        library.private_bytes(s.Encoding.DER, s.PrivateFormat.TraditionalOpenSSL, plain),
        library.private_bytes(s.Encoding.DER, s.PrivateFormat.PKCS8, s.BestAvailableEncryption(PASSPHRASE)),
        library.private_bytes(
            s.Encoding.PEM, s.PrivateFormat.TraditionalOpenSSL, s.BestAvailableEncryption(PASSPHRASE)
        ),
    ]
    for form in forms:
        assert keys.private(form, PASSPHRASE).public == private.public


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize("derivation", [["-scrypt"], ["-iter", "100000"], []], ids=["scrypt", "rounds", "default"])
def test_keys_that_openssl_encrypted_are_read(derivation: list[str]) -> None:
    plain = key().of_library.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
    words = ["openssl", "pkcs8", "-topk8", *derivation, "-passout", f"pass:{PASSPHRASE.decode()}"]
    written = subprocess.run(words, input=plain, capture_output=True, check=True).stdout
    assert written.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert keys.private(written, PASSPHRASE).public == key().public
    with pytest.raises(UsageError) as refusal:
        keys.private(written, b"another")
    assert refusal.value.code == "passphrase-wrong"


def test_a_written_key_is_encrypted() -> None:
    written = key().encrypted(PASSPHRASE)
    assert written.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    plain = key().of_library.private_bytes(s.Encoding.DER, s.PrivateFormat.PKCS8, s.NoEncryption())
    assert plain not in base64.b64decode(b"".join(written.splitlines()[1:-1]))


@pytest.mark.parametrize("form", [s.Encoding.PEM, s.Encoding.DER], ids=["pem", "der"])
def test_an_encrypted_key_needs_its_passphrase(form: s.Encoding) -> None:
    data = key().of_library.private_bytes(form, s.PrivateFormat.PKCS8, s.BestAvailableEncryption(PASSPHRASE))
    for nothing in (None, b""):
        with pytest.raises(UsageError) as refusal:
            keys.private(data, nothing, "key.pem")
        assert (refusal.value.code, refusal.value.where) == ("passphrase-missing", "key.pem")
        assert "--passphrase-file" in refusal.value.hint
    with pytest.raises(UsageError) as refusal:
        keys.private(data, b"not the passphrase", "key.pem")
    assert refusal.value.code == "passphrase-wrong"
    assert "not the passphrase" not in str(refusal.value)
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN)
def test_other_kinds_of_keys_are_unsupported(make: object) -> None:
    foreign = make()  # type: ignore[operator]
    private = foreign.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
    public = foreign.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)
    for read in (lambda: keys.private(private), lambda: keys.public(public)):
        with pytest.raises(UsageError) as refusal:
            read()
        assert refusal.value.code == "key-unsupported"
        assert "P-256" in refusal.value.hint


def test_a_curve_that_is_not_one_of_three_is_not_made() -> None:
    with pytest.raises(UsageError) as refusal:
        keys.generate("Ed25519")
    assert refusal.value.code == "key-unsupported"


def test_a_compressed_point_is_no_second_spelling() -> None:
    # a second spelling would have a second fingerprint, and could stand under a second label
    point = key().public.of_library.public_bytes(s.Encoding.X962, s.PublicFormat.CompressedPoint)
    compressed = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point
    text = f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(compressed).decode()}\n-----END PUBLIC KEY-----\n"
    for form in (compressed, text):
        with pytest.raises(UsageError) as refusal:
            keys.public(form)
        assert refusal.value.code == "key-unsupported"


def test_two_keys_in_one_file_are_none() -> None:
    with pytest.raises(UsageError) as refusal:
        keys.public(key().public.pem + key("bob").public.pem)
    assert refusal.value.code == "key-malformed"


def test_reading_and_verifying_imports_neither_x509_nor_the_librarys_serialization() -> None:
    source = (
        "import sys; from amber.trust import keys; "
        f"public = keys.public(bytes.fromhex('{key().public.der.hex()}')); "
        f"assert public.verify(b'm', bytes.fromhex('{key().sign(b'm').hex()}')); assert public.hint; "
        "print([name for name in sys.modules if 'x509' in name or name.endswith('.serialization')])"
    )
    ran = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    assert (ran.stdout.strip(), ran.stderr) == ("[]", "")


NO_KEYS = {
    "empty": b"",
    "text": b"hello",
    "cut": b"-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n",
    "trailing": b"\x30\x03\x02\x01\x00junk",
    "certificate": b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    "long": b"\x30" * 100_000,
    "point-off-the-curve": bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004") + b"\x01" * 64,
}


@pytest.mark.parametrize("data", NO_KEYS.values(), ids=NO_KEYS)
def test_what_is_no_key_is_malformed(data: bytes) -> None:
    for read in (keys.public, keys.private):
        with pytest.raises(UsageError) as refusal:
            read(data)
        assert refusal.value.code == "key-malformed"


def test_a_key_of_a_kind_nobody_knows_is_no_key() -> None:
    # PKCS8 of the algorithm 1.2.3.4; before cryptography 46 that is a malformed key
    with pytest.raises(UsageError) as refusal:
        keys.private(bytes.fromhex("300e020100300506032a030404023000"))
    assert refusal.value.code in ("key-unsupported", "key-malformed")


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    der = key().public.der
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", None)
    for read in (lambda: keys.public(der), lambda: keys.private(b""), keys.generate):
        with pytest.raises(UsageError) as refusal:
            read()
        assert (refusal.value.code, refusal.value.hint) == ("library-missing", "pip install 'amber[sign]'")


def test_an_old_openssl_does_not_sign_with_chance_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **how: object) -> None:
        raise UnsupportedAlgorithm("deterministic_signing")

    monkeypatch.setattr(ec, "ECDSA", refuse)
    with pytest.raises(UsageError) as refusal:
        key().sign(b"m")
    assert (refusal.value.code, "OpenSSL 3.2" in refusal.value.hint) == ("library-missing", True)


def test_one_half_in_the_place_of_the_other_says_so() -> None:
    written = key().of_library.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
    with pytest.raises(UsageError) as refusal:
        keys.public(written)
    assert (refusal.value.code, "MII" in str(refusal.value)) == ("key-private", False)
    with pytest.raises(UsageError, match="the private one is wanted"):
        keys.private(key().public.pem)


def test_a_private_key_is_not_shown() -> None:
    shown = repr(key())
    assert hex(key().of_library.private_numbers().private_value)[2:10] not in shown
    assert shown == "PrivateKey()"
