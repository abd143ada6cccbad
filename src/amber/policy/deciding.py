"""The decision: facts and a policy in, reasons to refuse out. Pure: no clock, no file, no order of rules matters.

Every rule that matches the name must be satisfied and nothing a rule says can make up for another, so adding a rule
only tightens. The floor is a policy like any other and is decided by a call of its own, with the facts that its own
signers gave: labels of two policies have nothing to do with each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from amber.errors import shown
from amber.policy.facts import Facts, Refusal
from amber.policy.matching import most
from amber.policy.patterns import UNVERSIONED, any_matches, version_numbers

if TYPE_CHECKING:
    from amber.policy.policy import Policy
    from amber.policy.rules import Demand, Line, Rule


def decide(policy: Policy, facts: Facts, now: datetime) -> tuple[Refusal, ...]:
    """Return why this policy refuses an artifact at step 5; its floor is not asked.

    Args:
        policy: One policy.
        facts: What steps 1 to 4 proved, and which signers of this policy signed.
        now: The time of judgement, with its zone.
    """
    place = policy.source or "the policy"
    found = [*_in_time(policy, place, now), *_itself(policy, place, facts)]
    counted = counted_signers(policy, facts)
    matching = [(number, rule) for number, rule in enumerate(policy.rules) if rule.applies_to(facts.name)]
    if policy.preset == "production":
        found += _production(place, facts, [rule for _, rule in matching])
    for number, rule in matching:
        here = f"{place}: rule[{number}]"
        found += _signatures(rule, here, facts, counted)
        found += (each for demand in rule.attestations for each in _attested(demand, here, policy, facts))
        found += _rest(rule, here, facts)
    return tuple(found)


def counted_signers(policy: Policy, facts: Facts) -> frozenset[str]:
    """Return the labels of which a signature counts for an artifact of this name."""
    return frozenset(
        signer.label for signer in policy.signers if signer.label in facts.signers and signer.counts_for(facts.name)
    )


def notes(policy: Policy, facts: Facts) -> tuple[str, ...]:
    """Return what a person should know of an artifact that passed: floor included for what was revoked."""
    said = []
    if not counted_signers(policy, facts):
        asked = any(rule.require for rule in policy.rules if rule.applies_to(facts.name))
        if not asked and any(rule.require for rule in policy.rules):
            said.append(
                f"unsigned: no rule asks for a signature of {shown(facts.name)!r}, and the name is its author's word; "
                "expect the name you want"
            )
        elif not asked:
            said.append("unsigned: nobody that the policy names vouches for it")
    revoked = {*policy.revoked.ids, *(() if policy.floor is None else policy.floor.revoked.ids)}
    if facts.parent and facts.parent in revoked:
        said.append(f"it was made of {facts.parent}, which is revoked")
    return tuple(said)


def _in_time(policy: Policy, place: str, now: datetime) -> Iterator[Refusal]:
    if policy.issued is None and policy.expires is None:
        return
    from amber.policy.written import time as written  # here: few policies have a time

    if policy.issued is not None and now < policy.issued:
        yield Refusal("policy-not-yet", f"{place} is in force from {written(policy.issued)} on")
    if policy.expires is not None and now >= policy.expires:
        said = f"{place} expired at {written(policy.expires)}; get its successor from whoever issued it"
        yield Refusal("policy-expired", said)


def _itself(policy: Policy, place: str, facts: Facts) -> Iterator[Refusal]:
    name = shown(facts.name)
    if policy.revoked.ids and not facts.id:
        yield Refusal("policy-refused", f"{place} revokes artifacts, and the id of this one is not known")
    if facts.id in policy.revoked.ids:
        yield Refusal("id-revoked", f"{place} revokes {facts.id}")
    if facts.expect and facts.name != facts.expect:
        yield Refusal("name-unexpected", f"its name is {name!r}, {shown(facts.expect)!r} was expected")
    if policy.names and not any_matches(policy.names, facts.name):
        yield Refusal("name-refused", f"{place} accepts {_listed(policy.names)}; its name is {name!r}")


def _production(place: str, facts: Facts, matching: list[Rule]) -> Iterator[Refusal]:
    name = shown(facts.name)
    if not matching:
        yield Refusal("name-without-rule", f"{place} has no rule for {name!r}, and production needs one")
    elif not any(rule.require for rule in matching):
        said = f"no rule of {place} for {name!r} says who must sign, and production needs one"
        yield Refusal("rule-without-signers", said)


def _signatures(rule: Rule, here: str, facts: Facts, counted: frozenset[str]) -> Iterator[Refusal]:
    """All lines of a rule, each place by another signer."""
    places = [line.from_ for line in rule.require for _ in range(line.k)]
    if most(places, counted) == len(places):
        return
    lines = " and ".join(map(_said, rule.require))
    wanted = f"{here} wants {lines}" + (", each by another signer" if len(rule.require) > 1 else "")
    idle = sorted(facts.signers - counted)
    if not facts.signers:
        yield Refusal("signature-missing", f"{wanted}; no signature of anybody the policy names counts")
    elif counted:
        yield Refusal("signers-missing", f"{wanted}; signed by {_listed(sorted(counted))}")
    else:
        yield Refusal("signers-missing", f"{wanted}; signed by {_listed(idle)}, who count for other names")


def _said(line: Line) -> str:
    """A line of a rule in words: `a signature of alice`, `2 signatures of alice, bob, ci`."""
    labels = _listed(line.from_)
    if line.k == 1:
        return f"a signature of {labels}" if len(line.from_) == 1 else f"a signature of one of {labels}"
    return f"{line.k} signatures of {labels}"


def _attested(demand: Demand, here: str, policy: Policy, facts: Facts) -> Iterator[Refusal]:
    able = {signer.label for signer in policy.signers if signer.counts_for(facts.name)} & set(demand.from_)
    given = [each for each in facts.attested if each.type == demand.type and each.label in able]
    good = {each.label for each in given if demand.accepts(each.result)}
    if len(good) >= demand.k:
        return
    many = "" if demand.k == 1 and len(demand.from_) == 1 else f"{demand.k} of "
    wanted = f"{here} wants an attestation {demand.type} signed by {many}{_listed(demand.from_)}"
    results = sorted({f"{each.result} by {each.label}" for each in given if each.label not in good})
    yield Refusal("attestation-missing", wanted + (f"; there is {_listed(results)}" if results else ""))


def _rest(rule: Rule, here: str, facts: Facts) -> Iterator[Refusal]:
    if rule.kinds and facts.kind not in rule.kinds:
        yield Refusal("kind-refused", f"{here} accepts {_listed(rule.kinds)}; it is {shown(facts.kind)!r}")
    if rule.programs == "only" and (not facts.has_programs or facts.route == "original"):
        said = "the original is to run" if facts.has_programs else "there is none in it"
        yield Refusal("programs-only", f"{here} lets nothing run but a program, and {said}")
    if rule.rows == "synthetic" and facts.rows not in ("", "synthetic"):
        yield Refusal("rows-not-synthetic", f"{here} wants no recorded rows but synthetic ones")
    if rule.max_bytes is not None and facts.size > rule.max_bytes:
        yield Refusal("artifact-too-large", f"{here} accepts {rule.max_bytes} bytes; it has {facts.size}")
    if rule.minimum:
        numbers = version_numbers(facts.version)
        if numbers is None or numbers == UNVERSIONED or numbers < (version_numbers(rule.minimum) or UNVERSIONED):
            said = f"{here} wants version {rule.minimum} or later; it is {shown(facts.version)}"
            yield Refusal("version-too-low", said)


def _listed(words: object) -> str:
    return ", ".join(map(str, words)) if isinstance(words, tuple | list) else str(words)
