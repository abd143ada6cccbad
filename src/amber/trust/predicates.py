"""What statements beside a signature say: predicates as plain data, and the one word a policy reads of each.

In: facts somebody saw (verdicts, digests, words of the caller). Out: the `predicate` of an in-toto statement, or the
result of one that came with an artifact. Called by `vault.attest`, `models.claims` and `trust.judge`. The forms are
in-toto's and SLSA's own: test-result v0.1, SLSA provenance v1, verification summary v1. Nothing here has a clock,
reads a file or asks the environment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from amber.errors import FormatError, UsageError, shown

TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
PROVENANCE = "https://slsa.dev/provenance/v1"
VSA = "https://slsa.dev/verification_summary/v1"
CYCLONEDX = "https://cyclonedx.org/bom"
SPDX = "https://spdx.dev/Document/v3"

TestOutcome = Literal["PASSED", "WARNED", "FAILED"]
GateOutcome = Literal["PASSED", "FAILED"]
Plain = dict[str, Any]

TEST_OUTCOMES: tuple[TestOutcome, ...] = ("PASSED", "WARNED", "FAILED")
GATE_OUTCOMES: tuple[GateOutcome, ...] = ("PASSED", "FAILED")
MAX_URI = 2048  # characters
MAX_PARAMETERS = 64
MAX_VALUE = 4096  # characters of an external parameter

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")  # absolute, RFC 3986; anything beyond ASCII is percent-encoded
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
# Names of the in-toto DigestSet that say something about bytes, and the hex characters each has.
_DIGESTS = {"sha256": (64,), "gitCommit": (40, 64)}
# Where the one word of a predicate stands, and which words there are.
_RESULTS: dict[str, tuple[str, tuple[str, ...]]] = {
    TEST_RESULT: ("result", TEST_OUTCOMES),
    VSA: ("verificationResult", GATE_OUTCOMES),
}


def descriptor(
    *,
    name: str = "",
    uri: str = "",
    digest: Mapping[str, str] | None = None,
    annotations: Mapping[str, Any] | None = None,
) -> Plain:
    """Return an in-toto ResourceDescriptor; what is empty is left out.

    Args:
        name: How a reader finds it among others.
        uri: Where it is, or what it is called.
        digest: Algorithm to hex.
        annotations: Plain data about it.
    """
    parts = {"name": name, "uri": uri, "digest": dict(digest or {}), "annotations": dict(annotations or {})}
    return {key: value for key, value in parts.items() if value}


def uri(text: str, where: str) -> str:
    """Return an absolute URI as given.

    Raises:
        UsageError: `attest-invalid`: it is not one.
    """
    if len(text) > MAX_URI or not _URI.fullmatch(text):
        raise UsageError(
            "attest-invalid",
            f"{shown(text)!r} is not an absolute URI",
            where=where,
            hint="for example https://example.org/builder or urn:example:builder",
        )
    return text


def material(text: str) -> Plain:
    """Return what `URI=sha256:HEX` (or `URI=gitCommit:HEX`) names, as a ResourceDescriptor.

    Raises:
        UsageError: `attest-invalid`: another form, digest or length; something without a digest is not taken.
    """
    place, _, tail = text.rpartition("=")
    algorithm, _, value = tail.partition(":")
    lengths = _DIGESTS.get(algorithm, ())
    if not place or len(value) not in lengths or set(value) - set("0123456789abcdef"):
        raise UsageError(
            "attest-invalid",
            f"{shown(text)!r} does not name a material and its digest",
            where="material",
            hint="URI=sha256:64 lower-case hex characters, or URI=gitCommit:HEX",
        )
    return descriptor(uri=uri(place, "material"), digest={algorithm: value})


def parameters(given: Mapping[str, str]) -> Plain:
    """Return external parameters of a build, as given.

    Raises:
        UsageError: `attest-invalid`: too many, a name that is no word, or a value too long or not text.
    """
    if len(given) > MAX_PARAMETERS:
        raise UsageError("attest-invalid", f"more than {MAX_PARAMETERS} parameters", where="parameter")
    for name, value in given.items():
        if not _PARAMETER.fullmatch(name) or len(value) > MAX_VALUE or not value.isprintable():
            raise UsageError(
                "attest-invalid",
                f"{shown(name)!r} is not a parameter with a printable value of at most {MAX_VALUE} characters",
                where="parameter",
                hint="NAME=VALUE; the name is a word of letters, digits, _ . and -",
            )
    return dict(given)


def of_replay(
    result: TestOutcome,
    configuration: Sequence[Plain],
    *,
    passed: Sequence[str] = (),
    warned: Sequence[str] = (),
    failed: Sequence[str] = (),
) -> Plain:
    """Return the predicate of a replay.

    Args:
        result: What the replay showed.
        configuration: What was tested against what: ResourceDescriptors.
        passed: Names of tests; a list that is empty is left out, and so are the next two.
        warned: Names of tests.
        failed: Names of tests.
    """
    lists = {"passedTests": passed, "warnedTests": warned, "failedTests": failed}
    named = {key: list(names) for key, names in lists.items() if names}
    return {"result": result, "configuration": list(configuration), **named}


def of_build(builder: str, build_type: str, materials: Sequence[str], given: Mapping[str, str]) -> Plain:
    """Return the predicate of a build: who ran it, of which type, from what. It claims no level.

    Args:
        builder: URI of the builder; the signer's word, as all of this.
        build_type: URI of the kind of build, which says what the parameters mean.
        materials: `URI=sha256:HEX` each.
        given: External parameters by name.

    Raises:
        UsageError: `attest-invalid`.
    """
    return {
        "buildDefinition": {
            "buildType": uri(build_type, "build-type"),
            "externalParameters": parameters(given),
            "resolvedDependencies": [material(text) for text in materials],
        },
        "runDetails": {"builder": {"id": uri(builder, "builder-id")}},
    }


def of_gate(
    result: GateOutcome,
    *,
    verifier: str,
    verifier_version: str,
    time: str,
    resource: str,
    policy: Plain,
    inputs: Sequence[Plain],
) -> Plain:
    """Return the predicate of a gate's answer; no level is claimed.

    Args:
        result: Whether the gate let it pass.
        verifier: URI of who judged.
        verifier_version: Version of Amber that did.
        time: When, RFC 3339 in UTC.
        resource: URI of what was judged, as its users name it.
        policy: ResourceDescriptor of the policy.
        inputs: ResourceDescriptors of the bundles that counted.

    Raises:
        UsageError: `attest-invalid`.
    """
    return {
        "verifier": {"id": uri(verifier, "verifier-id"), "version": {"amber": verifier_version}},
        "timeVerified": time,
        "resourceUri": uri(resource, "resource-uri"),
        "policy": policy,
        "inputAttestations": list(inputs),
        "verificationResult": result,
        "verifiedLevels": [],
    }


def result_of(predicate_type: str, predicate: Any, where: str) -> str:
    """Return the one word of a predicate that a policy compares: PASSED, WARNED or FAILED; "" of other types.

    Args:
        predicate_type: Of the statement.
        predicate: Decoded JSON of a stranger.
        where: Name of the bundle.

    Raises:
        FormatError: `statement-invalid`: the predicate is not of its type, or its result is no known word.
    """
    if predicate_type not in _RESULTS:
        return ""
    key, words = _RESULTS[predicate_type]
    value = predicate.get(key) if isinstance(predicate, dict) else None
    if not isinstance(value, str) or value not in words:
        raise FormatError("statement-invalid", f"{key} is none of {', '.join(words)}", where=where)
    return value
