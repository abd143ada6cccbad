"""Sigstore bundles: a DSSE envelope and what is needed to check its one signature.

Read: media type 0.3 in both spellings, material by key, by certificate chain or keyless; the schema is closed, as that
of the OpenSSF specification is. Written: by key and by certificate chain, in canonical JSON, so that the same
signature gives the same bytes. A bundle proves nothing by being well formed; `judge` says who signed.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from amber.errors import FormatError
from amber.trust import strict

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
MEDIA_TYPES = (MEDIA_TYPE, "application/vnd.dev.sigstore.bundle+json;version=0.3")
PAYLOAD_TYPE = "application/vnd.in-toto+json"
MOST_BYTES = 16 * 1024 * 1024
# The spellings of the algorithms that are checked, where a bundle of before 1.1.0 names one.
_KEY_DETAILS = ("PKIX_ECDSA_P256_SHA_256", "PKIX_ECDSA_P384_SHA_384", "PKIX_ECDSA_P521_SHA_512")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")

Method = Literal["key", "certificate", "keyless", "unknown"]


@dataclass(frozen=True)
class Bundle:
    """One bundle, taken apart.

    Args:
        method: How it says it was signed; `unknown` where the material is of no kind this reader knows.
        hint: What it calls its key (method `key`); chooses a key and proves nothing.
        keyid: The same, as the envelope has it.
        certificates: DER, the leaf first (methods `certificate` and `keyless`).
        payload_type: Type of the payload.
        payload: The statement.
        signature: What is to be verified over `pae(payload_type, payload)`.
        timestamps: RFC 3161 tokens, DER, not checked.
        raw: The bytes of the bundle.
    """

    method: Method
    hint: str
    keyid: str
    certificates: tuple[bytes, ...]
    payload_type: str
    payload: bytes
    signature: bytes
    timestamps: tuple[bytes, ...]
    raw: bytes


_Text = Annotated[str, msgspec.Meta(min_length=1)]


class _Signature(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    sig: _Text
    keyid: str | None = None


class _Envelope(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    payload: _Text
    payload_type: str
    signatures: list[_Signature]


class _PublicKey(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    hint: str | None = None
    raw_bytes: _Text | None = None
    key_details: str | None = None
    valid_for: dict[str, str] | None = None


class _Certificate(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    raw_bytes: _Text


class _Chain(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    certificates: Annotated[list[_Certificate], msgspec.Meta(min_length=1, max_length=10)]


class _Token(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    signed_timestamp: _Text


class _Tokens(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    rfc3161_timestamps: Annotated[list[_Token], msgspec.Meta(max_length=16)] = []


class _Material(msgspec.Struct, rename="camel"):
    public_key: _PublicKey | None = None
    x509_certificate_chain: _Chain | None = None
    certificate: _Certificate | None = None
    tlog_entries: Annotated[list[dict[str, Any]], msgspec.Meta(max_length=16)] = []
    timestamp_verification_data: _Tokens | None = None


class _Bundle(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    media_type: str
    verification_material: dict[str, Any]
    dsse_envelope: _Envelope


_KINDS = ("publicKey", "x509CertificateChain", "certificate")
_ATTACHED = ("tlogEntries", "timestampVerificationData")


def decode(data: bytes | memoryview, where: str, most_bytes: int = MOST_BYTES) -> Bundle:
    """Take a bundle apart; nothing is verified.

    Args:
        data: The bytes of the bundle.
        where: Name of the member or file.
        most_bytes: The longest bundle that is read.

    Raises:
        FormatError: `bundle-invalid`: not strict JSON of the schema, not exactly one signature, material of two
            kinds, or a text that is not base64.
    """
    data = bytes(data)
    try:
        read = msgspec.convert(strict.loads(data, where, "bundle-invalid", most_bytes), _Bundle)
        material = msgspec.convert(read.verification_material, _Material)
        method = _method(read.verification_material, material)
        envelope = read.dsse_envelope
        if read.media_type not in MEDIA_TYPES:
            raise ValueError(f"the media type {read.media_type!r} is not {MEDIA_TYPE}")
        if envelope.payload_type != PAYLOAD_TYPE:
            raise ValueError(f"the payload type {envelope.payload_type!r} is not {PAYLOAD_TYPE}")
        if len(envelope.signatures) != 1:
            raise ValueError(f"{len(envelope.signatures)} signatures; exactly one is read")
        tokens = material.timestamp_verification_data
        return Bundle(
            method=method,
            hint=material.public_key.hint or "" if material.public_key else "",
            keyid=envelope.signatures[0].keyid or "",
            certificates=_certificates(material),
            payload_type=envelope.payload_type,
            payload=_base64(envelope.payload),
            signature=_base64(envelope.signatures[0].sig),
            timestamps=tuple(_base64(token.signed_timestamp) for token in tokens.rfc3161_timestamps) if tokens else (),
            raw=data,
        )
    except (msgspec.ValidationError, ValueError) as error:
        raise FormatError("bundle-invalid", f"not a bundle that can be read: {error}", where=where) from error


def encode_key(payload: bytes, signature: bytes, hint: str) -> bytes:
    """Return the bundle of a signature by a key: `hint` is that of the public key, `signature` DER."""
    return _encode(payload, {"keyid": hint, "sig": _text(signature)}, {"publicKey": {"hint": hint}})


def encode_certificate(payload: bytes, signature: bytes, chain: Sequence[bytes]) -> bytes:
    """Return the bundle of a signature by a certificate: `chain` in DER, the leaf first."""
    certificates = [{"rawBytes": _text(der)} for der in chain]
    return _encode(
        payload, {"keyid": "", "sig": _text(signature)}, {"x509CertificateChain": {"certificates": certificates}}
    )


def _encode(payload: bytes, signature: dict[str, str], material: dict[str, Any]) -> bytes:
    envelope = {"payload": _text(payload), "payloadType": PAYLOAD_TYPE, "signatures": [signature]}
    return strict.dumps(
        {"dsseEnvelope": envelope, "mediaType": MEDIA_TYPE, "verificationMaterial": {**material, "tlogEntries": []}}
    )


def _method(keys: dict[str, Any], material: _Material) -> Method:
    """Return the kind of material; what comes after this reader's time is `unknown`, not an error."""
    kinds = [key for key in keys if key not in _ATTACHED]
    if len(kinds) != 1:
        raise ValueError(f"verificationMaterial: one kind of material is needed, not {', '.join(kinds) or 'none'}")
    if kinds[0] not in _KINDS:
        return "unknown"
    if material.certificate is not None:
        if not material.tlog_entries:
            raise ValueError("verificationMaterial: a keyless bundle has at least one entry of a log")
        return "keyless"
    if material.x509_certificate_chain is not None:
        return "certificate"
    return _key_method(material.public_key)


def _key_method(key: _PublicKey | None) -> Method:
    if key is None or (key.hint is None and key.raw_bytes is None):
        raise ValueError("verificationMaterial: the key has neither hint nor rawBytes")
    return "key" if key.key_details is None or key.key_details in _KEY_DETAILS else "unknown"


def _certificates(material: _Material) -> tuple[bytes, ...]:
    chain = material.x509_certificate_chain.certificates if material.x509_certificate_chain else []
    single = [material.certificate] if material.certificate else []
    return tuple(_base64(certificate.raw_bytes) for certificate in (*chain, *single))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _base64(text: str) -> bytes:
    """Return the bytes of a base64 text, of the standard or the URL-safe alphabet, with or without padding."""
    data = text.encode("ascii")
    if (b"+" in data or b"/" in data) and (b"-" in data or b"_" in data):
        raise ValueError("base64 of two alphabets in one text")
    data = data.translate(_URL_SAFE)
    if not data.endswith(b"="):
        data += b"=" * (-len(data) % 4)
    try:
        decoded = binascii.a2b_base64(data, strict_mode=True)
    except binascii.Error as error:
        raise ValueError(f"not base64: {error}") from error
    if base64.b64encode(decoded) != data:
        raise ValueError("not base64 in its one spelling: too much padding, or bits that say nothing")
    return decoded
