"""RFC 3161 tokens and a signature go in; the time at which the signature is known to have existed comes out.

Called by `judge` only when the policy names time stamping roots and the bundle has tokens (`rfc3161-client`, the extra
`timestamp`, is imported then and no earlier):

    time = timestamps.time_of(bundle.timestamps, bundle.signature, policy.timestamps, at=at,
                              revoked=policy.revoked.certificates)      # datetime (UTC) or None

None means that no token counts: the chain is then judged at `at`. A token that cannot be read, is over other bytes,
ends at another root or claims a time after `at` is left out and proves nothing; of several that count the earliest is
the answer, as each alone proves that the signature existed then. Never raises `NotTrusted`. The library reads a token
only if the certificates it carries are in the order of DER, which not every authority keeps to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from amber.trust import certificates, revocation
from amber.trust.libraries import missing

if TYPE_CHECKING:
    from cryptography import x509

MOST_TOKENS = 16  # of one bundle: what the schema of a bundle allows
MOST_TOKEN_BYTES = 32 * 1024  # of one token; those with their chain have 1 to 6 KiB


def time_of(
    tokens: Sequence[bytes],
    signature: bytes,
    roots: Sequence[bytes],
    *,
    at: datetime,
    revoked: Collection[str] = (),
) -> datetime | None:
    """Return the earliest time, not after `at`, that a token of a trusted authority vouches for.

    Args:
        tokens: Responses of RFC 3161 in DER, as the bundle has them.
        signature: The bytes of the DSSE signature, which the token must be over.
        roots: DER of the roots of time stamping authorities that the policy names.
        at: The time of judgement.
        revoked: SHA-256 of the DER of certificates, in hex; a token that carries one, or ends at one, does not count.

    Raises:
        UsageError: `policy-invalid` (a root is no certificate) or `library-missing`.
    """
    _require_library()
    trusted = [certificates.read_root(der) for der in roots if not revocation.is_revoked(der, revoked)]
    times = (_time(token, signature, root, revoked) for token in tokens[:MOST_TOKENS] for root in trusted)
    return earliest(time for time in times if time is not None and time <= at)


def time_by(
    token: bytes, signature: bytes, authority: Sequence[bytes], revoked: Collection[str] = ()
) -> datetime | None:
    """Return the time of one token, if it is of this authority: its certificates in DER, the signer's first, root last.

    Raises:
        UsageError: `policy-invalid` or `library-missing`.
    """
    _require_library()
    if any(revocation.is_revoked(der, revoked) for der in authority):
        return None
    *issuers, root = [certificates.read_root(der) for der in authority]
    return _time(token, signature, root, revoked, issuers)


def earliest(times: Iterable[datetime]) -> datetime | None:
    """Return the first of the times, None where there is none."""
    return min(times, default=None)


def _time(
    token: bytes,
    signature: bytes,
    root: x509.Certificate,
    revoked: Collection[str],
    issuers: Sequence[x509.Certificate] = (),
) -> datetime | None:
    """Return the time of a token that leads to this root, in UTC; `issuers` are the signer and what is between.

    Every exception means that the token does not count: the bytes are a stranger's, and the library is known to let
    errors of its parsers through.
    """
    import rfc3161_client

    if len(token) > MOST_TOKEN_BYTES:
        return None
    verifier = rfc3161_client.VerifierBuilder().add_root_certificate(root)
    if issuers:
        verifier = verifier.tsa_certificate(issuers[0])
    for issuer in issuers[1:]:
        verifier = verifier.add_intermediate_certificate(issuer)
    try:
        response = rfc3161_client.decode_timestamp_response(token)
        if any(revocation.is_revoked(der, revoked) for der in response.signed_data.certificates):
            return None
        verifier.build().verify_message(response, signature)
        time: datetime = response.tst_info.gen_time
    except Exception:
        return None
    return time.astimezone(UTC)


def _require_library() -> None:
    try:
        import rfc3161_client  # noqa: F401
    except ImportError as error:
        raise missing("timestamp", error) from error
