"""Public keys and certificates as text and bytes, read strictly and with the standard library alone.

A key is one of three fixed beginnings and a point, so that equal keys have equal bytes: the fingerprint is then an
identity. That the point is on its curve is found by whoever checks a signature with it. What is refused is never shown:
it could be a private key.
"""

from __future__ import annotations

import re

from amber.policy.invalid import invalid

# SubjectPublicKeyInfo up to the point (RFC 5480; X9.62 uncompressed), and the point's bytes after its 04.
CURVES: dict[str, tuple[bytes, int]] = {
    "P-256": (bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"), 64),
    "P-384": (bytes.fromhex("3076301006072a8648ce3d020106052b8104002203620004"), 96),
    "P-521": (bytes.fromhex("30819b301006072a8648ce3d020106052b810400230381860004"), 132),
}
_EC = bytes.fromhex("06072a8648ce3d0201")
_NAMES = {
    bytes.fromhex("06092a864886f70d010101"): "RSA",
    bytes.fromhex("06032b6570"): "Ed25519",
    bytes.fromhex("06032b6571"): "Ed448",
    bytes.fromhex("06052b8104000a"): "the curve secp256k1",
}
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]*)-----END \1-----")
_KEY_HINT = "P-256, P-384 or P-521, as `amber keygen` and `openssl ec -pubout` write it"


def sha256(data: bytes) -> str:
    """Return the SHA-256, hex."""
    import hashlib

    return hashlib.sha256(data).hexdigest()


def pem(der: bytes, label: str) -> str:
    """Return DER as PEM: lines of 64 characters, each with its line end."""
    import base64

    text = base64.b64encode(der).decode("ascii")
    lines = "".join(f"{text[start : start + 64]}\n" for start in range(0, len(text), 64))
    return f"-----BEGIN {label}-----\n{lines}-----END {label}-----\n"


def public_der(data: bytes, where: str) -> bytes:
    """Return the key that PEM or DER holds.

    Raises:
        UsageError: `key-private`, `key-unsupported` or `key-malformed`.
    """
    if b"PRIVATE KEY" in data:
        raise _private(where)
    der = data if data[:1] == b"\x30" else _block(data, "PUBLIC KEY", where, "key-malformed")
    check_public(der, where)
    return der


def check_public(der: bytes, where: str) -> str:
    """Return the curve of a key in DER.

    Raises:
        UsageError: `key-private`, `key-unsupported` or `key-malformed`.
    """
    if not isinstance(der, bytes):
        raise invalid(where, "a key is bytes of DER", "Key.from_pem(text) takes PEM", "key-malformed")
    for curve, (head, size) in CURVES.items():
        if der.startswith(head) and len(der) == len(head) + size:
            return curve
    inner = _inside(der)
    if inner is None:
        raise invalid(where, "not a public key in DER", _KEY_HINT, "key-malformed")
    if inner[:1] == b"\x02":  # a number first: PKCS 8, SEC 1, or a bare RSA key
        raise _private(where)
    name = next((name for oid, name in _NAMES.items() if oid in inner[:40]), "")
    if not name and _EC in inner[:20]:
        name = "this curve or form of the point"
    raise invalid(where, f"{name or 'this kind of key'} is not supported", _KEY_HINT, "key-unsupported")


def certificate_der(data: bytes, where: str) -> bytes:
    """Return the certificate that PEM or DER holds.

    Raises:
        UsageError: `certificate-invalid` or `key-private`.
    """
    if b"PRIVATE KEY" in data:
        raise _private(where)
    der = data if data[:1] == b"\x30" else _block(data, "CERTIFICATE", where, "certificate-invalid")
    check_certificate(der, where)
    return der


def check_certificate(der: bytes, where: str) -> None:
    """Raise where DER is not a sequence of three parts, the first and the second sequences: its frame, no more.

    Raises:
        UsageError: `certificate-invalid`.
    """
    inner = _inside(der) if isinstance(der, bytes) else None
    if inner is None or inner[:1] != b"\x30":
        hint = "the certificate of a certification authority, PEM or DER"
        raise invalid(where, "not a certificate", hint, "certificate-invalid")


def check_json_object(data: bytes, where: str) -> None:
    """Raise where the bytes are not a JSON object in UTF-8.

    Raises:
        UsageError: As said.
    """
    import json

    try:
        value = json.loads(data.decode("utf-8"))
    except (AttributeError, ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise invalid(where, "not a trusted root of Sigstore in JSON", "the file trusted_root.json of the instance")


def _block(data: bytes, label: str, where: str, code: str) -> bytes:
    """Return the bytes of the one PEM block."""
    import base64
    import binascii

    found = _BLOCK.findall(data)
    labels = [name.decode("ascii") for name, _ in found]
    if labels != [label]:
        seen = f"holds {', '.join(labels)}" if labels else "holds no PEM block"
        raise invalid(where, f"{seen}, where one {label} must stand", _advice(label, labels), code)
    try:
        return base64.b64decode(b"".join(found[0][1].split()), validate=True)
    except binascii.Error as error:
        raise invalid(where, f"the {label} is not in base64", "", code) from error


def _advice(label: str, labels: list[str]) -> str:
    if label == "PUBLIC KEY" and "CERTIFICATE" in labels:
        return "a certificate is no key: certificate = {root = ..., san = ...}"
    return _KEY_HINT if label == "PUBLIC KEY" else "one root in each file; intermediate ones come with the bundle"


def _private(where: str) -> Exception:
    message = "this is a private key, where a public one must stand; nothing of it was kept"
    hint = "give the public half, which stands beside it; if others could read this file, make a new key"
    return invalid(where, message, hint, "key-private")


def _inside(der: bytes) -> bytes | None:
    """Return what is in the one DER sequence that the bytes are; None where they are not."""
    if len(der) < 2 or der[0] != 0x30:
        return None
    length, start = der[1], 2
    if length >= 0x80:
        count = length - 0x80
        if not 1 <= count <= 4 or len(der) < 2 + count:
            return None
        length, start = int.from_bytes(der[2 : 2 + count], "big"), 2 + count
    return der[start:] if len(der) == start + length else None
