"""The bundle of each case of the kind `positive`, `negative` or `historical`, by the id of the case."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.conformance.material import KEYLESS, REFERENCE, Material

Digests = Mapping[str, str]
V1_1_KEYLESS = "v1.1.0.json"


def _cut(digests: Digests, material: Material) -> bytes:
    return material.signed_by_key(digests)[:100]


# Of the digests of the model as it was signed, and the material of the run.
BUNDLES: dict[str, Callable[[Digests, Material], bytes]] = {
    "positive/certificate-simple": lambda digests, m: m.signed_by_certificate(digests),
    "positive/certificate-simple-go": lambda digests, m: m.signed_by_certificate(digests),
    "positive/key-multi-file": lambda digests, m: m.signed_by_key(digests),
    "positive/key-simple": lambda digests, m: m.signed_by_key(digests),
    # the Go implementation leaves out the empty list of log entries
    "positive/key-simple-go": lambda digests, m: m.signed_by_key(
        digests, made=lambda made: made["verificationMaterial"].pop("tlogEntries")
    ),
    "positive/key-simple-ignore-unsigned-files": lambda digests, m: m.signed_by_key(digests),
    "positive/key-single-file": lambda digests, m: m.signed_by_key(digests),
    "negative/certificate-expired_fail": lambda digests, m: m.signed_by_certificate(digests, leaf="expired"),
    "negative/certificate-simple-wrong-ca_fail": lambda digests, m: m.signed_by_certificate(digests),
    "negative/key-simple-corrupted-bundle_fail": lambda digests, m: b'{"not": "valid json',
    "negative/key-simple-extra-file_fail": lambda digests, m: m.signed_by_key(digests),
    "negative/key-simple-missing-file_fail": lambda digests, m: m.signed_by_key(digests),
    "negative/key-simple-no-signature_fail": lambda digests, m: m.signed_by_key(
        digests, made=lambda made: made["dsseEnvelope"].update(signatures=[])
    ),
    "negative/key-simple-tampered-content_fail": lambda digests, m: m.signed_by_key(digests),
    "negative/key-simple-truncated-bundle_fail": _cut,
    "negative/key-simple-wrong-key_fail": lambda digests, m: m.signed_by_key(digests),
    "negative/key-simple-wrong-mediatype_fail": lambda digests, m: m.signed_by_key(
        digests, made=lambda made: made.update(mediaType="application/json")
    ),
    "negative/key-verify-as-certificate_fail": lambda digests, m: m.signed_by_key(digests),
    "negative/malformed-empty-bundle_fail": lambda digests, m: b"",
    "negative/malformed-empty-resources_fail": lambda digests, m: m.signed_by_key(
        digests, said=lambda said: said["predicate"].update(resources=[])
    ),
    "negative/malformed-missing-envelope_fail": lambda digests, m: m.signed_by_key(
        digests, made=lambda made: made.pop("dsseEnvelope")
    ),
    "negative/malformed-no-predicate_fail": lambda digests, m: m.signed_by_key(
        digests, said=lambda said: said.pop("predicate")
    ),
    "negative/malformed-no-subject_fail": lambda digests, m: m.signed_by_key(
        digests, said=lambda said: said.update(subject=[])
    ),
    "negative/malformed-wrong-payload-type_fail": lambda digests, m: m.signed_by_key(
        digests, made=lambda made: made["dsseEnvelope"].update(payloadType="application/json")
    ),
    "negative/malformed-wrong-predicate_fail": lambda digests, m: m.signed_by_key(
        digests, said=lambda said: said.update(predicateType="https://example.com/wrong-predicate/v1.0")
    ),
    "negative/malformed-wrong-statement-type_fail": lambda digests, m: m.signed_by_key(
        digests, said=lambda said: said.update(_type="https://in-toto.io/Statement/v0.1")
    ),
}


def bundle_of(case: str, digests: Digests, material: Material) -> bytes:
    """Return the bundle of a case: made, or one of the reference's own where the case is about those."""
    kind, _, name = case.partition("/")
    if kind == "historical":
        version, _, method = name.removeprefix("historical-").partition("-")
        vendored = KEYLESS / f"{version}.json" if method == "sigstore" else REFERENCE / f"{version}-{method}.json"
        return vendored.read_bytes()
    if name.startswith("sigstore-"):
        return (KEYLESS / V1_1_KEYLESS).read_bytes()
    return BUNDLES[case](digests, material)
