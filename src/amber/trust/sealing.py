"""A payload and whoever signs it go in; a bundle comes out, its signature checked before anybody sees it."""

from __future__ import annotations

from collections.abc import Sequence

from amber.errors import SourceError
from amber.trust.bundle import PAYLOAD_TYPE, encode_certificate, encode_key
from amber.trust.keys import Signing
from amber.trust.pae import pae


def sealed(payload: bytes, signing: Signing, chain: Sequence[bytes] = ()) -> bytes:
    """Return the bundle of a statement.

    Args:
        payload: The statement.
        signing: Whose signature it carries.
        chain: Certificates in DER, the leaf first; without them the bundle names the key.

    Raises:
        SourceError: `signer-failed`: what signs did not answer with a signature by its own public key.
    """
    message = pae(PAYLOAD_TYPE, payload)
    signature = signing.sign(message)
    if not signing.public.verify(message, signature):
        raise SourceError("signer-failed", "the signature is not one by the public key", where="signer")
    if chain:
        return encode_certificate(payload, signature, chain)
    return encode_key(payload, signature, signing.public.hint)
