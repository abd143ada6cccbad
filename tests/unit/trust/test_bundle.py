"""Bundles: what is written, what is read, and each way to be no bundle."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
import rfc8785

from amber.errors import FormatError
from amber.trust import bundle
from tests.unit.trust import signing_material as material

PAYLOAD, SIGNATURE = b'{"a":"\xff\xfe\xfb"}', b"\x30\x06\x02\x01\x01\x02\x01\xff"


def made(change: Callable[[Any], None] | None = None) -> bytes:
    return material.bundle(PAYLOAD, SIGNATURE, "ab" * 32, change)


def at(*path: str | int) -> Callable[[Any], Any]:
    def walk(value: Any) -> Any:
        for key in path:
            value = value[key]
        return value

    return walk


def put(value: Any, *path: str | int) -> Callable[[Any], None]:
    return lambda made: at(*path[:-1])(made).__setitem__(path[-1], value)


def drop(*path: str | int) -> Callable[[Any], None]:
    return lambda made: at(*path[:-1])(made).__delitem__(path[-1])


MATERIAL, ENVELOPE, SIGNED = "verificationMaterial", "dsseEnvelope", ("dsseEnvelope", "signatures", 0)
CERTIFICATE = {"rawBytes": material.text(b"der")}
REFUSED: dict[str, Callable[[Any], None]] = {
    "media-type-other": put("application/json", "mediaType"),
    "media-type-0.2": put("application/vnd.dev.sigstore.bundle+json;version=0.2", "mediaType"),
    "media-type-prefix-only": put("application/vnd.dev.sigstore.bundle.v0.3+json.evil", "mediaType"),
    "media-type-absent": drop("mediaType"),
    "media-type-number": put(3, "mediaType"),
    "key-unknown": put(1, "note"),
    "key-unknown-envelope": put(1, ENVELOPE, "note"),
    "key-unknown-signature": put(1, *SIGNED, "note"),
    "key-unknown-public-key": put(1, MATERIAL, "publicKey", "note"),
    "message-signature": put({"signature": ""}, "messageSignature"),
    "envelope-absent": drop(ENVELOPE),
    "envelope-list": put([], ENVELOPE),
    "material-absent": drop(MATERIAL),
    "material-empty": put({}, MATERIAL),
    "material-only-log": drop(MATERIAL, "publicKey"),
    "material-null": put(None, MATERIAL, "publicKey"),
    "material-key-and-certificate": put(CERTIFICATE, MATERIAL, "certificate"),
    "material-key-and-chain": put({"certificates": [CERTIFICATE]}, MATERIAL, "x509CertificateChain"),
    "material-key-and-unknown": put({}, MATERIAL, "latticeKey"),
    "public-key-empty": put({}, MATERIAL, "publicKey"),
    "hint-number": put(7, MATERIAL, "publicKey", "hint"),
    "chain-empty": put({"x509CertificateChain": {"certificates": []}}, MATERIAL),
    "chain-of-eleven": put({"x509CertificateChain": {"certificates": [CERTIFICATE] * 11}}, MATERIAL),
    "certificate-not-base64": put({"x509CertificateChain": {"certificates": [{"rawBytes": "?"}]}}, MATERIAL),
    "keyless-without-log": put({"certificate": CERTIFICATE}, MATERIAL),
    "keyless-empty-log": put({"certificate": CERTIFICATE, "tlogEntries": []}, MATERIAL),
    "log-of-seventeen": put([{}] * 17, MATERIAL, "tlogEntries"),
    "log-not-objects": put(["entry"], MATERIAL, "tlogEntries"),
    "tokens-unknown-key": put({"rfc3161Timestamps": [], "other": []}, MATERIAL, "timestampVerificationData"),
    "tokens-not-base64": put(
        {"rfc3161Timestamps": [{"signedTimestamp": "a b"}]}, MATERIAL, "timestampVerificationData"
    ),
    "no-signature": put([], ENVELOPE, "signatures"),
    "two-signatures": lambda made: made[ENVELOPE]["signatures"].append({"sig": material.text(b"garbage")}),
    "same-signature-twice": lambda made: made[ENVELOPE]["signatures"].append(made[ENVELOPE]["signatures"][0]),
    "signature-empty": put("", *SIGNED, "sig"),
    "signature-absent": drop(*SIGNED, "sig"),
    "signature-number": put(1, *SIGNED, "sig"),
    "keyid-number": put(1, *SIGNED, "keyid"),
    "payload-empty": put("", ENVELOPE, "payload"),
    "payload-type-other": put("application/json", ENVELOPE, "payloadType"),
    "payload-type-parameters": put(material.IN_TOTO + "; charset=utf-8", ENVELOPE, "payloadType"),
    "payload-type-absent": drop(ENVELOPE, "payloadType"),
    "base64-mixed-alphabets": put("-_8/", ENVELOPE, "payload"),
    "base64-space": put("YWJj ZGVm", ENVELOPE, "payload"),
    "base64-line": put("YWJj\n", ENVELOPE, "payload"),
    "base64-padding-inside": put("YQ==YQ==", ENVELOPE, "payload"),
    "base64-too-much-padding": put("YWJj====", ENVELOPE, "payload"),
    "base64-bits-that-say-nothing": put("YR==", ENVELOPE, "payload"),
    "base64-one-character-left": put("YWJjZ", ENVELOPE, "payload"),
    "base64-not-ascii": put("YWJé", ENVELOPE, "payload"),
}


def test_what_is_written_by_key_is_read_back_and_canonical() -> None:
    data = bundle.encode_key(PAYLOAD, SIGNATURE, "ab" * 32)
    read = bundle.decode(data, "x")
    assert (read.method, read.hint, read.keyid, read.payload, read.signature, read.certificates, read.timestamps) == (
        "key", "ab" * 32, "ab" * 32, PAYLOAD, SIGNATURE, (), (),
    )  # fmt: skip
    assert data == rfc8785.dumps(json.loads(data))
    assert json.loads(data)[MATERIAL]["tlogEntries"] == []


def test_a_view_of_memory_is_read_too() -> None:
    assert bundle.decode(memoryview(made()), "x").raw == made()


def test_what_is_written_by_certificate_is_read_back_and_canonical() -> None:
    data = bundle.encode_certificate(PAYLOAD, SIGNATURE, [b"leaf", b"intermediate"])
    read = bundle.decode(data, "x")
    assert (read.method, read.certificates) == ("certificate", (b"leaf", b"intermediate"))
    assert (read.payload, read.signature, read.raw) == (PAYLOAD, SIGNATURE, data)
    assert data == rfc8785.dumps(json.loads(data))


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED)
def test_what_is_no_bundle_is_refused(change: Callable[[Any], None]) -> None:
    assert bundle.decode(made(), "x").payload == PAYLOAD
    with pytest.raises(FormatError) as refusal:
        bundle.decode(made(change), "signatures/0001-oms.sigstore.json")
    assert (refusal.value.code, refusal.value.where) == ("bundle-invalid", "signatures/0001-oms.sigstore.json")


@pytest.mark.parametrize("length", [0, 1, 10, 200, -1])
def test_a_cut_bundle_is_refused(length: int) -> None:
    with pytest.raises(FormatError) as refusal:
        bundle.decode(made()[:length], "x")
    assert refusal.value.code == "bundle-invalid"


def test_duplicate_keys_are_refused_at_every_level() -> None:
    data = made().decode()
    for key in ("mediaType", "payload", "sig", "hint", "dsseEnvelope"):
        twice = data.replace(f'"{key}": ', f'"{key}": "x", "{key}": ', 1)
        with pytest.raises(FormatError, match="more than once"):
            bundle.decode(twice.encode(), "x")


def test_a_long_bundle_is_not_read() -> None:
    with pytest.raises(FormatError, match="at most 100"):
        bundle.decode(made(), "x", most_bytes=100)


@pytest.mark.parametrize("encode", [base64.standard_b64encode, base64.urlsafe_b64encode], ids=["standard", "url"])
@pytest.mark.parametrize("padded", [True, False], ids=["padded", "bare"])
def test_both_alphabets_are_read(encode: Callable[[bytes], bytes], padded: bool) -> None:
    for payload in (b"\xfb\xff\xbe", b"\xfb\xff", b"\xfb"):
        text = encode(payload).decode()
        read = bundle.decode(made(put(text if padded else text.rstrip("="), ENVELOPE, "payload")), "x")
        assert read.payload == payload


def test_the_older_spelling_of_the_media_type_is_read() -> None:
    older = put("application/vnd.dev.sigstore.bundle+json;version=0.3", "mediaType")
    assert bundle.decode(made(older), "x").method == "key"


@pytest.mark.parametrize("keyid", ["", None, "something"])
def test_a_keyid_may_be_anything(keyid: str | None) -> None:
    assert bundle.decode(made(put(keyid, *SIGNED, "keyid")), "x").keyid == (keyid or "")


def test_a_keyid_may_be_absent() -> None:
    assert bundle.decode(made(drop(*SIGNED, "keyid")), "x").keyid == ""


def test_bundles_of_before_1_1_carry_the_key_itself() -> None:
    older = {"rawBytes": material.text(b"PEM"), "keyDetails": "PKIX_ECDSA_P384_SHA_384"}
    read = bundle.decode(made(put({"publicKey": older}, MATERIAL)), "x")
    assert (read.method, read.hint) == ("key", "")


UNKNOWN: dict[str, Callable[[Any], None]] = {
    "material-of-a-later-time": put({"latticeKey": {"hint": "x"}, "tlogEntries": []}, MATERIAL),
    "key-of-a-later-time": put({"publicKey": {"rawBytes": material.text(b"key"), "keyDetails": "ML_DSA_65"}}, MATERIAL),
    "key-of-another-kind": put(
        {"publicKey": {"rawBytes": material.text(b"key"), "keyDetails": "PKIX_ED25519"}}, MATERIAL
    ),
}


@pytest.mark.parametrize("change", UNKNOWN.values(), ids=UNKNOWN)
def test_what_this_reader_does_not_know_is_not_wrong(change: Callable[[Any], None]) -> None:
    assert bundle.decode(made(change), "x").method == "unknown"


def test_tokens_are_taken_out() -> None:
    tokens = {"rfc3161Timestamps": [{"signedTimestamp": material.text(b"token")}]}
    assert bundle.decode(made(put(tokens, MATERIAL, "timestampVerificationData")), "x").timestamps == (b"token",)
    assert bundle.decode(made(put({}, MATERIAL, "timestampVerificationData")), "x").timestamps == ()


def test_a_keyless_bundle_has_one_certificate() -> None:
    keyless = {"certificate": CERTIFICATE, "tlogEntries": [{"logIndex": "0"}]}
    read = bundle.decode(made(put(keyless, MATERIAL)), "x")
    assert (read.method, read.certificates) == ("keyless", (b"der",))
