"""A keyless Sigstore bundle goes in; its payload and the time of the log come out, checked without any network.

Called by `judge` for bundles of the method `keyless`, once for each keyless signer that the policy names:

    payload_type, payload, time = keyless.verify(data, wanted, revoked=policy.revoked.certificates)

`data` is the bundle's bytes as they passed `bundle.decode` (so: no duplicate keys, nothing but the schema's fields).
What counts as signed is the payload that comes back; the caller compares it with the one it decoded, as two readers of
base64 may differ. The signature, the certificate, its identity and issuer, the log entry and the times have all been
checked when the function returns; `NotTrusted` says why where they were not. `time` (UTC) is what the log or a time
stamping authority of the trusted root vouches for: the caller judges `until`, and keys revoked since, against it.

The verifier is sigstore-python (extra `keyless`), imported here and only here: 1.65 s. Two rules are stricter than its
own: a key or authority of the trusted root counts only while the trusted root says that it was in use, and the policy's
list of revoked certificates applies.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from amber.errors import FormatError, UsageError
from amber.trust import revocation, strict, timestamps
from amber.trust.libraries import missing
from amber.trust.reasons import NotTrusted

if TYPE_CHECKING:
    from sigstore.models import TrustedRoot
    from sigstore_models.bundle.v1 import Bundle
    from sigstore_models.common.v1 import TimeRange
    from sigstore_models.trustroot.v1 import CertificateAuthority
    from sigstore_models.trustroot.v1 import TrustedRoot as Root

    from amber.policy import Keyless

MOST_ROOT_BYTES = 1024 * 1024  # of a trusted root; that of the public instance has 7 KiB
_TRUST = '{"mediaType":"%s","trustedRoot":%s,"signingConfig":{"mediaType":"%s"}}'
_TRUST_TYPE = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
_SIGNING_TYPE = "application/vnd.dev.sigstore.signingconfig.v0.2+json"


def verify(data: bytes, wanted: Keyless, *, revoked: Collection[str] = ()) -> tuple[str, bytes, datetime]:
    """Check a keyless bundle against one signer of a policy.

    Args:
        data: The bytes of the bundle.
        wanted: The exact identity and issuer, and the trusted root that vouches for them.
        revoked: SHA-256 of the DER of certificates, in hex: of leaves and of any authority.

    Returns:
        Type of the payload, the payload, and the time at which the signature is known to have existed (UTC).

    Raises:
        NotTrusted: `unknown`, `revoked`, or `unsupported` (a bundle older than media type 0.3).
        UsageError: `policy-invalid`: the trusted root cannot be read, or identity or issuer is empty.
        UsageError: `library-missing`.
    """
    _require_library()
    if not (wanted.identity and wanted.issuer):
        raise UsageError("policy-invalid", "a keyless signer has an identity and an issuer", where="keyless")
    root = _read_root(wanted.trusted_root)
    payload_type, payload = _verify(data, wanted, root)
    bundle = _read_bundle(data)
    _check_revoked(bundle, root, revoked)
    time = _time(bundle, root, revoked)
    _verify(data, wanted, _root_at(root, time))
    return payload_type, payload, time


def _read_root(data: bytes) -> Root:
    """Return the trusted root of a policy; what is wrong with it is the reader's own fault, so it is an error."""
    from sigstore.verify import Verifier
    from sigstore_models.trustroot.v1 import TrustedRoot as Root

    try:
        strict.loads(data, "trusted_root", "policy-invalid", MOST_ROOT_BYTES)
        root = Root.from_json(data)
        if any(time.tzinfo is None for period in _periods(root) for time in (period.start, period.end) if time):
            raise ValueError("a time has no offset from UTC")
        trusted = _for_sigstore(root)
        trusted.get_timestamp_authorities()
        Verifier(trusted_root=trusted)  # reads the certificates, as the line above those of the time stamps
    except FormatError as error:
        raise _bad_root(error.message) from error
    except Exception as error:  # whatever it is, it is about bytes that the policy brought
        raise _bad_root(str(error)) from error
    return root


def _periods(root: Root) -> Iterator[TimeRange]:
    """Yield when the logs and authorities of the root were in use, as far as it says so."""
    for log in (*root.tlogs, *root.ctlogs):
        if log.public_key.valid_for is not None:
            yield log.public_key.valid_for
    for authority in (*root.certificate_authorities, *root.timestamp_authorities):
        yield authority.valid_for


def _bad_root(said: str) -> UsageError:
    hint = "name a trusted_root.json of the Sigstore instance, media type version 0.1"
    return UsageError("policy-invalid", f"the trusted root cannot be read: {said}", where="trusted_root", hint=hint)


def _for_sigstore(root: Root) -> TrustedRoot:
    """Return the root as the verifier takes it, by the only public door that reads one from bytes."""
    from sigstore.models import ClientTrustConfig

    return ClientTrustConfig.from_json(_TRUST % (_TRUST_TYPE, root.to_json(), _SIGNING_TYPE)).trusted_root


def _verify(data: bytes, wanted: Keyless, root: Root) -> tuple[str, bytes]:
    """Let sigstore-python verify the bundle; it opens no connection unless it signs.

    Every exception means that the bundle does not count: its bytes are a stranger's, and releases of the library
    have let errors of its parsers through.
    """
    from sigstore.models import Bundle
    from sigstore.verify import Verifier, policy

    try:
        verifier = Verifier(trusted_root=_for_sigstore(root))
        identity = policy.Identity(identity=wanted.identity, issuer=wanted.issuer)
        return verifier.verify_dsse(Bundle.from_json(data), identity)
    except Exception as error:
        raise NotTrusted("unknown", f"sigstore refuses it: {error}") from error


def _read_bundle(data: bytes) -> Bundle:
    """Return the fields of a bundle that has been verified, so that it is well formed."""
    from sigstore_models.bundle.v1 import Bundle

    return Bundle.from_json(data)


def _time(bundle: Bundle, root: Root, revoked: Collection[str]) -> datetime:
    """Return the earliest of the times that were verified: those of the log's promises, and of the tokens."""
    found = timestamps.earliest((*_log_times(bundle), *_token_times(bundle, root, revoked)))
    if found is None:
        raise NotTrusted("unknown", "neither the log nor a time stamping authority vouches for a time")
    return found


def _log_times(bundle: Bundle) -> Iterator[datetime]:
    """Yield the time of an entry, where the log promised it: without the promise nobody has signed that time."""
    for entry in bundle.verification_material.tlog_entries:
        if entry.integrated_time and entry.inclusion_promise:
            yield datetime.fromtimestamp(entry.integrated_time, tz=UTC)


def _token_times(bundle: Bundle, root: Root, revoked: Collection[str]) -> Iterator[datetime]:
    """Yield the times of the tokens that authorities of the root vouch for."""
    material = bundle.verification_material.timestamp_verification_data
    envelope = bundle.dsse_envelope
    if material is None or envelope is None:
        return
    for token in material.rfc3161_timestamps[: timestamps.MOST_TOKENS]:
        for authority in root.timestamp_authorities:
            time = timestamps.time_by(token.signed_timestamp, envelope.signatures[0].sig, _chain(authority), revoked)
            if time is not None and _is_within(time, authority.valid_for):
                yield time


def _root_at(root: Root, time: datetime) -> Root:
    """Return the root with the logs and authorities that it says were in use at that time.

    sigstore-python takes those of the past too, at any time: with the key of a retired authority, which nobody guards
    any more, certificates could be made today.
    """
    return root.model_copy(
        update={
            "tlogs": [log for log in root.tlogs if _is_within(time, log.public_key.valid_for)],
            "ctlogs": [log for log in root.ctlogs if _is_within(time, log.public_key.valid_for)],
            "certificate_authorities": [one for one in root.certificate_authorities if _is_within(time, one.valid_for)],
        }
    )


def _is_within(time: datetime, period: TimeRange | None) -> bool:
    """Tell whether a time is in a closed period; without a period every time is, without an end every later one."""
    return period is None or (period.start <= time and (period.end is None or time <= period.end))


def _check_revoked(bundle: Bundle, root: Root, revoked: Collection[str]) -> None:
    """Refuse a revoked leaf, and a leaf of an issuer that is in a revoked authority's chain under this name."""
    from cryptography import x509

    certificate = bundle.verification_material.certificate
    if certificate is None:
        raise NotTrusted("unsupported", "a keyless bundle with a chain, which is older than media type 0.3")
    leaf = certificate.raw_bytes
    if revocation.is_revoked(leaf, revoked):
        raise NotTrusted("revoked", "the leaf is on the policy's list of revoked certificates")
    issuer = x509.load_der_x509_certificate(leaf).issuer
    for authority in root.certificate_authorities:
        chain = _chain(authority)
        if any(revocation.is_revoked(der, revoked) for der in chain) and any(
            x509.load_der_x509_certificate(der).subject == issuer for der in chain
        ):
            raise NotTrusted("revoked", "the authority is on the policy's list of revoked certificates")


def _chain(authority: CertificateAuthority) -> list[bytes]:
    return [certificate.raw_bytes for certificate in authority.cert_chain.certificates]


def _require_library() -> None:
    try:
        import sigstore.verify  # noqa: F401
    except ImportError as error:
        raise missing("keyless", error) from error
