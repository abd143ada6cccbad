"""What a DSSE signature signs: the pre-authentication encoding of a payload and its type."""

from __future__ import annotations


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes to sign (DSSE v1.0.2, protocol.md): lengths are in bytes, so no two pairs encode alike."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
