"""Steps 2 and 5: who signed these very bytes, and whether the reader's policy takes them.

In: the members of an artifact, their SHA-256 digests, and a policy. Out: what each bundle says (step 2), then the
policy's answer (step 5). `check` calls, for every verb. The floor of the machine is judged by its own signers.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from amber.archive import names
from amber.archive.digests import root_of
from amber.archive.manifest import Manifest
from amber.archive.member_rules import check_signature_sizes
from amber.errors import UsageError, shown
from amber.report import Signature, Step

if TYPE_CHECKING:
    from amber.policy import Facts, Policy, Refusal
    from amber.trust.judge import Found

COUNTED = "counted"
REMEMBERING = ("verify", "serve")  # the verbs that compare with what was seen, and raise it


@dataclass(frozen=True)
class Asked:
    """What a caller asks beside the policy.

    Args:
        expect: The name the artifact must have; empty: any.
        route: What is to run, `original` or `program`; empty: nothing but the replay.
        bundles: Detached bundles by the path they were read from.
        at: The time of judgement; None: now.
        purpose: `use`, or `move`: it is only copied, shown or signed, so that a policy has nothing to decide; `replay`:
            the caller has judged these bytes, and asks a process of its own for their answers.
        verb: What asks, for the record.
        replays: The verdict is judged too, by the caller, who then calls `settled`.
    """

    expect: str = ""
    route: str = ""
    bundles: Mapping[str, bytes] = field(default_factory=dict)
    at: datetime | None = None
    purpose: Literal["use", "move", "replay"] = "use"
    verb: str = ""
    replays: bool = False

    def __post_init__(self) -> None:
        """Check what comes from a caller as it is.

        Raises:
            UsageError: `bundles-type`.
        """
        given = self.bundles
        if not isinstance(given, Mapping):
            raise _no_bundles(f"a {type(given).__name__}")
        for path, data in given.items():
            if not isinstance(path, str) or not isinstance(data, bytes):
                raise _no_bundles(f"a {type(data).__name__} under a {type(path).__name__}")


def _no_bundles(found: str) -> UsageError:
    hint = "bundles={PATH: open(PATH, 'rb').read()}"
    return UsageError("bundles-type", f"{found} is no bytes by their path", where="bundles", hint=hint)


NOTHING = Asked()


@dataclass(frozen=True)
class Trusted:
    """Step 2: what the bundles say, by the signers of the policy and by those of its floor."""

    policy: Policy
    asked: Asked
    at: datetime
    step: Step
    found: tuple[Found, ...] = ()
    floor: tuple[Found, ...] = ()
    root: str = ""

    @property
    def signatures(self) -> tuple[Signature, ...]:
        """The bundles as a report shows them."""
        return tuple(_signature(each, self.root) for each in self.found)

    def facts(self, manifest: Manifest, id: str, size: int, found: tuple[Found, ...]) -> Facts:
        """Return what the policy decides about."""
        from amber.policy import Attested, Facts

        counted = [each for each in found if each.status == COUNTED]
        return Facts(
            id=id,
            name=manifest.name,
            version=manifest.version,
            kind=manifest.kind,
            size=size,
            parent="" if manifest.lineage is None else manifest.lineage.parent,
            rows="" if manifest.cases is None else manifest.cases.source,
            has_programs=bool(manifest.programs),
            route=self.asked.route,
            signers=frozenset(each.signer for each in counted if each.kind == "oms"),
            attested=tuple(Attested(each.kind, each.signer, each.result) for each in counted if each.kind != "oms"),
            expect=self.asked.expect,
        )


def asks_for_root(policy: Policy, members: Mapping[str, object], asked: Asked) -> bool:
    """Whether SHA-256 digests are needed: for signatures that are there or asked for, and for ids taken back."""
    if asked.purpose == "replay":
        return False
    there = bool(asked.bundles) or any(map(names.is_signature, members))
    return there or policy.names_signers or policy.needs_id


def bundles_of(members: Mapping[str, memoryview], asked: Asked) -> dict[str, bytes]:
    """Return the bytes of every bundle, inside and detached, by the name it has in the report."""
    bundles = {name: bytes(view) for name, view in members.items() if names.is_bundle(name)}
    for path, data in asked.bundles.items():
        while path in bundles:  # spelt like a member, which is judged all the same
            path = f"./{path}"
        bundles[path] = data
    return bundles


def judged(
    members: Mapping[str, memoryview], sha256: Mapping[str, bytes], policy: Policy, asked: Asked = NOTHING
) -> Trusted:
    """Do step 2.

    Args:
        members: All members.
        sha256: The raw digest of each member outside `signatures/`; may be empty where `asks_for_root` is false.
        policy: The policy in force.
        asked: What the caller asks.

    Raises:
        FormatError: A bundle is not well made, or does not speak of exactly these members.
        UsageError: A library is missing that a signer of the policy needs, or a root of it cannot be read.
    """
    at = asked.at or datetime.now(UTC)
    check_signature_sizes({name: len(view) for name, view in members.items()})
    bundles = bundles_of(members, asked)
    if not bundles or asked.purpose == "replay":
        return Trusted(policy, asked, at, Step(2, "not-present"))
    from amber.trust.judge import judge

    digests = {name: digest.hex() for name, digest in sha256.items() if not names.is_signature(name)}
    root = root_of(sha256)
    found = judge(bundles, digests, root, policy, at)
    floor: tuple[Found, ...] = ()
    if policy.floor is not None and policy.floor.signers:
        floor = judge(bundles, digests, root, policy.floor, at)
    return Trusted(policy, asked, at, _step(found), found, floor, root)


def decided(trusted: Trusted, manifest: Manifest, id: str, size: int) -> tuple[Refusal, ...]:
    """Do step 5: the policy by its signers, then the floor by its own; what was seen before, where it remembers."""
    policy = trusted.policy
    if trusted.asked.purpose != "use":
        return ()
    refused = _by(policy, trusted, manifest, id, size, trusted.found)
    if policy.floor is not None:
        below = _by(policy.floor, trusted, manifest, id, size, trusted.floor)
        refused += tuple(each for each in below if each not in refused)
    if trusted.asked.verb in REMEMBERING:
        refused += _seen(policy, manifest, id)
    if refused or not trusted.asked.replays:
        settled(trusted, manifest, id, size, refused)
    return refused


def _by(
    policy: Policy, trusted: Trusted, manifest: Manifest, id: str, size: int, found: tuple[Found, ...]
) -> tuple[Refusal, ...]:
    """Return what one policy refuses; one that can refuse nothing is not asked, and nothing is imported for it."""
    if not (policy.decides or trusted.asked.expect):
        return ()
    from amber.policy import decide

    return decide(policy, trusted.facts(manifest, id, size, found), trusted.at)


def _seen(policy: Policy, manifest: Manifest, id: str) -> tuple[Refusal, ...]:
    files = [(each.seen, each.source) for each in (policy, policy.floor) if each is not None and each.seen]
    if not files:
        return ()
    from amber.policy.seen import Seen

    found = [Seen(path, source).check(manifest.name, manifest.version, id) for path, source in files]
    return tuple(each for each in found if each is not None)


def remembered(trusted: Trusted, manifest: Manifest, id: str) -> tuple[Refusal, ...]:
    """Remember an artifact that passed every step under a named signer, where the policy has a file for it.

    Returns:
        Why it could not be: a higher version, or another artifact of this version, was seen meanwhile.
    """
    refused = []
    for policy, found in ((trusted.policy, trusted.found), (trusted.policy.floor, trusted.floor)):
        if policy is not None and policy.seen and _vouched(policy, found, manifest.name):
            from amber.policy.seen import Seen

            refused.append(Seen(policy.seen, policy.source).raise_to(manifest.name, manifest.version, id))
    return tuple(each for each in refused if each is not None)


def _vouched(policy: Policy, found: tuple[Found, ...], name: str) -> bool:
    labels = {each.signer for each in found if each.status == COUNTED and each.kind == "oms"}
    return any(signer.label in labels and signer.counts_for(name) for signer in policy.signers)


def settled(trusted: Trusted, manifest: Manifest, id: str, size: int, refused: tuple[Refusal, ...] = ()) -> None:
    """Write the record of a decision, once all of it is known and where anybody listens."""
    if trusted.asked.purpose != "use" or "logging" not in sys.modules:  # without it there is nobody to listen
        return
    from amber.policy import record

    if record.heard(refused):
        facts = trusted.facts(manifest, id, size, trusted.found)
        record.record(trusted.policy, facts, refused, verb=trusted.asked.verb)


def _step(found: tuple[Found, ...]) -> Step:
    counted = [each for each in found if each.status == COUNTED]
    if counted:
        return Step(2, "passed", detail="; ".join(f"{each.kind} by {each.signer}" for each in counted))
    said = "1 bundle" if len(found) == 1 else f"{len(found)} bundles"
    return Step(2, "not-asked", "signer-unknown", f"{said}, none counts: see the signatures below")


def _signature(found: Found, root: str) -> Signature:
    # of a key that nobody knows there is only the bundle's own word, in another spelling than a fingerprint
    hinted = found.method == "key" and found.status == "unknown" and found.identity
    return Signature(
        member=found.member,
        kind=found.kind,
        method=found.method,
        status=found.status,
        signer=found.signer,
        identity=shown(f"hint {found.identity}" if hinted else found.identity),
        time="" if found.time is None else found.time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        root="" if found.root == root else found.root,
        detail=found.detail,
    )
