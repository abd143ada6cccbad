"""Claims that need the model to run: a replay of the cases now, and the answer of a gate.

In: an artifact, and for a gate the policy it judges by. Out: a `Claim` for `vault.attest` to sign. Both say only what
this process saw: the cases are replayed here, in a child process as `amber.verify` does, and nothing is taken from an
earlier report.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Container, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from amber import __version__
from amber.archive import canonical, names
from amber.archive.digests import root_of
from amber.archive.manifest import Manifest
from amber.archive.source import Source, hashes_of
from amber.errors import CaseError, FormatError, SourceError, UsageError, shown
from amber.models import environment
from amber.models.verify import verify
from amber.policy import Policy, in_force
from amber.report import Report, Verdict
from amber.trust import predicates
from amber.vault.attest import Claim
from amber.vault.check import open_checked
from amber.vault.trusting import Asked, bundles_of

PROGRAMS = "programs"  # name of the test of all programs
_WORDS: dict[Verdict, predicates.TestOutcome] = {
    "identical": "PASSED",
    "equivalent": "PASSED",
    "drifted": "WARNED",
    "broken": "FAILED",
}


def replay_claim(source: Source, *, policy: Policy | None = None, at: datetime | None = None) -> Claim:
    """Replay the recorded cases now and return what that showed.

    The reader's policy takes part with what may be built and how much (`allow`, `limits`) and what is taken back:
    whether a signature is there does not matter to a replay, and the artifact may yet have none. The tests are the
    groups of cases, by their ids, and `programs` where there are programs.

    Args:
        source: Path of a file or folder, bytes, or a seekable binary file.
        policy: What may be built.
        at: A time to state; without one the claim has none.

    Raises:
        CaseError: `attest-unchecked`: nothing was replayed, so nothing was seen.
        FormatError: The artifact is not whole: it has no id that could be spoken of.
        SourceError: It cannot be read, or changed meanwhile.
    """
    time = {} if at is None else {"replayedOn": in_utc(at)}
    given = in_force(policy)
    rules = Policy(preset="open", allow=given.allow, limits=given.limits, revoked=given.revoked, floor=given.floor)
    report = verify(source, policy=rules)
    _must_say_something(report)
    _must_not_be_ours(report)
    with open_checked(source, rules, asked=Asked(purpose="move")) as proved:
        digests = hashes_of(proved.opened).sha256
        _must_be(root_of(digests), report)
        manifest = proved.manifest
    cases = {name: digest for name, digest in digests.items() if name.startswith(names.CASES)}
    about = {"verdict": report.verdict, "rows": report.cases, "knifeEdge": report.knife_edge}
    said = {"reason": report.reason} if report.reason else {}
    configuration = [
        predicates.descriptor(name="cases", digest={"sha256": root_of(cases)}, annotations={**about, **said, **time}),
        _environment(manifest),
    ]
    word = _WORDS[report.verdict]
    tests = _tests(report, manifest, cases)
    predicate = predicates.of_replay(word, configuration, **tests)
    return Claim(
        "test-result", report.id, report.name, predicates.TEST_RESULT, predicate, word, beside=word == "FAILED"
    )


def gate_claim(
    source: Source,
    *,
    policy: Policy | None,
    verifier_id: str,
    resource_uri: str,
    policy_uri: str = "",
    at: datetime | None = None,
    expect: str = "",
    bundles: Mapping[str, bytes] | None = None,
) -> Claim:
    """Verify an artifact under a policy now and return the answer: PASSED exactly where `amber verify` ends with 0.

    A drifted or broken model, or a refusal by the policy, is FAILED; without a replayed case there is no answer.
    `inputAttestations` are the bundles that counted under the policy, by the SHA-256 of their bytes.

    Args:
        source: Path of a file or folder, bytes, or a seekable binary file.
        policy: What the gate accepts; None: the keyring of this machine.
        verifier_id: URI of who judges.
        resource_uri: URI under which users know the artifact.
        policy_uri: Where the policy is to be had; its digest stands there in any case.
        at: The time of judgement; None: now.
        expect: The name the artifact must have.
        bundles: Detached signatures, by path.

    Raises:
        CaseError: `attest-unchecked`: nothing was replayed and nothing refused.
        SourceError: It cannot be read, or changed meanwhile.
        UsageError: `attest-invalid`: not a URI.
    """
    for text, where in ((verifier_id, "verifier-id"), (resource_uri, "resource-uri"), (policy_uri, "policy-uri")):
        if text or where != "policy-uri":
            predicates.uri(text, where)  # before a model runs for it
    moment = at or datetime.now(UTC)
    time = in_utc(moment)
    beside = dict(bundles or {})
    report = verify(source, policy=policy, at=moment, expect=expect, bundles=beside)
    if not report.refused:
        _must_say_something(report)
    _must_have_id(report)
    word: predicates.GateOutcome = "PASSED" if report.exit_code == 0 else "FAILED"
    predicate = predicates.of_gate(
        word,
        verifier=verifier_id,
        verifier_version=__version__,
        time=time,
        resource=resource_uri,
        policy=predicates.descriptor(uri=policy_uri, digest={"sha256": report.policy}),
        inputs=_counted(source, in_force(policy), report, Asked(purpose="move", bundles=beside, at=moment)),
    )
    reasons = _reasons(report) if word == "FAILED" else ()
    return Claim("vsa", report.id, report.name, predicates.VSA, predicate, word, bool(reasons), reasons)


def _reasons(report: Report) -> tuple[str, ...]:
    """Return why `amber verify` would not end with 0."""
    if report.refused:
        return report.refused
    return (f"the verdict is {report.verdict}" + (f" ({report.reason})" if report.reason else ""),)


def in_utc(time: datetime) -> str:
    """Return a time as statements have it.

    Raises:
        UsageError: `attest-invalid`: it has no time zone.
    """
    if time.tzinfo is None:
        raise UsageError("attest-invalid", "the time has no time zone", where="at", hint="for example ...T12:00:00Z")
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _tests(report: Report, manifest: Manifest, cases: Iterable[str]) -> dict[str, list[str]]:
    """Return names of tests by what they showed; where that is not known of a test, it is in no list."""
    from amber.cases.replay import MAX_FINDINGS  # here: it brings NumPy

    groups = sorted({name.removeprefix(names.CASES).rpartition(".")[0] for name in cases})
    differing = {finding.group for finding in report.findings}
    all_found = len(report.findings) < MAX_FINDINGS  # beyond it is not known which groups passed
    passed = [group for group in groups if group not in differing] if all_found and report.verdict != "broken" else []
    worse = [group for group in groups if group in differing]
    programs = next((step.status for step in report.steps if step.number == 8), "not-present")
    if programs == "passed":
        passed.append(PROGRAMS)
    elif programs == "failed":
        worse.append(PROGRAMS)
    return {"passed": passed, "failed" if report.verdict == "broken" else "warned": worse}


def _environment(manifest: Manifest) -> dict[str, Any]:
    """Return what the replay ran on; the digest is of the canonical JSON of the annotations."""
    facts = environment.describe(manifest.libraries)
    digest = hashlib.sha256(canonical.encode(facts)).hexdigest()
    return predicates.descriptor(name="environment", digest={"sha256": digest}, annotations=facts)


def _counted(source: Source, policy: Policy, report: Report, asked: Asked) -> list[dict[str, Any]]:
    """Return the bundles that counted, by the bytes that are judged here once more."""
    with open_checked(source, policy, asked=asked) as proved:
        bundles = bundles_of(proved.opened.members, asked)
        if (proved.root(), proved.trusted.signatures) != (report.id, report.signatures):
            raise _changed(report)
        return [
            predicates.descriptor(
                name=_name_of(each.member, proved.opened.members),
                digest={"sha256": hashlib.sha256(bundles[each.member]).hexdigest()},
            )
            for each in report.signatures
            if each.status == "counted"
        ]


def _name_of(bundle: str, members: Container[str]) -> str:
    """Return what a statement calls a bundle: of a detached one the file's name, not where it lay on this machine."""
    return bundle if bundle in members else shown(os.path.basename(bundle))


def _must_say_something(report: Report) -> None:
    if report.verdict == "unchecked":
        said = f"nothing was replayed ({report.reason}), so there is nothing to attest"
        raise CaseError("attest-unchecked", said, where=report.name, hint="amber verify FILE says why")
    _must_have_id(report)


def _must_not_be_ours(report: Report) -> None:
    """Refuse where our own rules ended the replay: that says nothing about the artifact."""
    if report.reason == "name-not-allowed" or report.reason.startswith("limit-"):
        said = f"nothing was replayed, because your own rules end it ({report.reason})"
        hint = "name the class with --allow, or raise the limit in a policy"
        raise CaseError("attest-unchecked", said, where=report.name, hint=hint)


def _must_have_id(report: Report) -> None:
    if not report.id:
        said = f"the artifact is not whole ({report.reason}), so it has no id that could be spoken of"
        raise FormatError("attest-unchecked", said, hint="amber verify FILE says what is wrong")


def _must_be(id: str, report: Report) -> None:
    if id != report.id:
        raise _changed(report)


def _changed(report: Report) -> SourceError:
    return SourceError("source-changed", "the artifact changed while it was verified", where=report.name)
