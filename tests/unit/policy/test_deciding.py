"""Step 5 and the verdict rule, one demand at a time and all of them together."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amber.errors import UsageError
from amber.policy import (
    Attested,
    Demand,
    Facts,
    Line,
    Policy,
    Revoked,
    Rule,
    Signer,
    decide,
    demanded_verdicts,
    judge_verdict,
    notes,
)
from amber.report import VERDICTS, Report
from tests.unit.policy.material import ID, NOW, OTHER_ID, facts, policy, rule, signed, signer

ALICE = (("alice",), 1)


def codes(rules: Policy, found: Facts) -> list[str]:
    return [each.code for each in decide(rules, found, NOW)]


def test_the_default_policy_takes_an_unsigned_artifact_and_says_so() -> None:
    assert codes(Policy(), facts()) == []
    assert notes(Policy(), facts()) == ("unsigned: nobody that the policy names vouches for it",)


def test_lines_want_different_signers() -> None:
    both = policy(rule((("alice", "ci"), 1), (("bob", "alice"), 1)))
    assert codes(both, facts()) == ["signature-missing"]
    assert codes(both, signed("alice")) == ["signers-missing"]
    assert codes(both, signed("ci")) == ["signers-missing"]
    assert codes(both, signed("alice", "bob")) == []
    assert codes(both, signed("alice", "ci")) == []


def test_a_refusal_says_who_is_wanted() -> None:
    rules = policy(rule((("alice", "ci"), 1), (("alice", "bob", "ci"), 2), attestations=(Demand("sbom", ("ci",)),)))
    first, second = decide(rules, signed("alice", "ci"), NOW)
    assert first.message == (
        "the policy: rule[0] wants a signature of one of alice, ci and 2 signatures of alice, bob, ci, "
        "each by another signer; signed by alice, ci"
    )
    assert second.message == "the policy: rule[0] wants an attestation sbom signed by ci"


def test_k_counts_signers() -> None:
    two = policy(rule((("alice", "bob", "ci"), 2)))
    assert codes(two, signed("bob")) == ["signers-missing"]
    assert codes(two, signed("bob", "ci")) == []


def test_labels_of_nobody_count_for_nothing() -> None:
    assert codes(policy(rule(ALICE)), signed("mallory")) == ["signers-missing"]


def test_a_signer_counts_only_for_its_names() -> None:
    signers = (signer("alice", 1, names=("fraud-*",)), signer("bob", 2))
    rules = Policy(signers=signers, rules=(rule((("alice", "bob"), 1)),))
    refused = decide(rules, signed("alice"), NOW)
    assert [each.code for each in refused] == ["signers-missing"]
    assert "count for other names" in refused[0].message
    assert notes(Policy(signers=signers), signed("alice")) == ("unsigned: nobody that the policy names vouches for it",)
    assert notes(Policy(signers=signers), signed("bob")) == ()
    assert codes(rules, signed("bob")) == []


def test_a_stripped_signature_is_refused_whatever_else_is_in_order() -> None:
    assert codes(policy(rule(ALICE)), facts()) == ["signature-missing"]


def test_a_changed_name_leaves_the_rule_and_the_expected_name_catches_it() -> None:
    rules = policy(rule(ALICE))
    assert codes(rules, facts(name="model")) == []
    assert "no rule asks for a signature of 'model'" in notes(rules, facts(name="model"))[0]
    assert codes(rules, facts(name="model", expect="churn")) == ["name-unexpected"]


def test_every_rule_that_matches_holds() -> None:
    rules = policy(rule(ALICE), rule((("bob",), 1), names=("*",)), rule((("ci",), 1), names=("other",)))
    assert codes(rules, signed("alice")) == ["signers-missing"]
    assert codes(rules, signed("alice", "bob")) == []


def test_a_refusal_names_the_place() -> None:
    rules = replace(policy(rule(ALICE)), source="policy.toml")
    assert str(decide(rules, facts(), NOW)[0]).startswith("signature-missing: policy.toml: rule[0]")
    assert decide(rules, facts(), NOW)[0].message.startswith("policy.toml: rule[0] wants a signature of alice;")


@pytest.mark.parametrize(
    ("demand", "given", "code"),
    [
        ({"kinds": ("classifier",)}, {}, ""),
        ({"kinds": ("regressor",)}, {}, "kind-refused"),
        ({"programs": "only"}, {"has_programs": True, "route": "program"}, ""),
        ({"programs": "only"}, {"has_programs": True, "route": ""}, ""),
        ({"programs": "only"}, {"has_programs": True, "route": "original"}, "programs-only"),
        ({"programs": "only"}, {"has_programs": False}, "programs-only"),
        ({"rows": "synthetic"}, {"rows": "synthetic"}, ""),
        ({"rows": "synthetic"}, {"rows": ""}, ""),
        ({"rows": "synthetic"}, {"rows": "sample"}, "rows-not-synthetic"),
        ({"max_bytes": 100}, {}, ""),
        ({"max_bytes": 99}, {}, "artifact-too-large"),
        ({"minimum": "1.2.3"}, {}, ""),
        ({"minimum": "1.10.0"}, {}, "version-too-low"),
        ({"minimum": "1.10.0"}, {"version": "1.9.99"}, "version-too-low"),
        ({"minimum": "1.9.0"}, {"version": "1.10.0"}, ""),
        ({"minimum": "0.0.1"}, {"version": "0.0.0"}, "version-too-low"),
        ({"minimum": "0.0.1"}, {"version": "newest"}, "version-too-low"),
    ],
)
def test_one_demand(demand: dict[str, Any], given: dict[str, Any], code: str) -> None:
    assert codes(policy(rule(**demand)), facts(**given)) == ([code] if code else [])


@pytest.mark.parametrize(
    ("demand", "attested", "passes"),
    [
        (Demand("test-result", ("ci",)), [("test-result", "ci", "PASSED")], True),
        (Demand("test-result", ("ci",)), [("test-result", "ci", "WARNED")], False),
        (Demand("test-result", ("ci",)), [("test-result", "ci", "")], False),
        (Demand("test-result", ("ci",), result="WARNED"), [("test-result", "ci", "WARNED")], True),
        (Demand("test-result", ("ci",), result="WARNED"), [("test-result", "ci", "FAILED")], False),
        (Demand("test-result", ("ci",), result="WARNED"), [("test-result", "ci", "PASSED")], True),
        (Demand("test-result", ("ci",)), [("test-result", "alice", "PASSED")], False),
        (Demand("test-result", ("ci",)), [("vsa", "ci", "PASSED")], False),
        (Demand("vsa", ("ci",)), [("vsa", "ci", "FAILED")], False),
        (Demand("sbom", ("ci",)), [("sbom", "ci", "")], True),
        (Demand("sbom", ("ci", "bob"), 2), [("sbom", "ci", ""), ("sbom", "ci", "")], False),
        (Demand("sbom", ("ci", "bob"), 2), [("sbom", "ci", ""), ("sbom", "bob", "")], True),
        (Demand("provenance", ("ci",)), [], False),
    ],
)
def test_attestations(demand: Demand, attested: list[tuple[str, str, str]], passes: bool) -> None:
    found = facts(attested=tuple(Attested(*each) for each in attested))
    assert codes(policy(rule(attestations=(demand,))), found) == ([] if passes else ["attestation-missing"])


def test_an_attestation_is_no_signature_and_a_signature_no_attestation() -> None:
    rules = policy(rule(ALICE, attestations=(Demand("sbom", ("alice",)),)))
    assert codes(rules, facts(attested=(Attested("sbom", "alice"),))) == ["signature-missing"]
    assert codes(rules, signed("alice")) == ["attestation-missing"]


@pytest.mark.parametrize("preset", ["default", "open", "production"])
def test_a_revoked_id_is_refused_under_every_preset(preset: Any) -> None:
    rules = () if preset == "open" else (rule(ALICE),)
    found = policy(*rules, preset=preset, revoked=Revoked(ids=(ID,)))
    assert codes(found, signed("alice")) == ["id-revoked"]
    assert codes(found, signed("alice", id=OTHER_ID)) == []
    assert codes(found, signed("alice", id="")) == ["policy-refused"], "an id that nobody computed is not innocent"


def test_a_revoked_parent_is_named() -> None:
    rules = Policy(revoked=Revoked(ids=(OTHER_ID,)))
    assert codes(rules, facts(parent=OTHER_ID)) == []
    assert any(OTHER_ID in note and "revoked" in note for note in notes(rules, facts(parent=OTHER_ID)))
    below = Policy().over(rules)
    assert any(OTHER_ID in note for note in notes(below, facts(parent=OTHER_ID)))


def test_a_policy_has_its_time() -> None:
    day = timedelta(days=1)
    assert codes(Policy(issued=NOW, expires=NOW + day), facts()) == []
    assert codes(Policy(issued=NOW + day), facts()) == ["policy-not-yet"]
    assert codes(Policy(expires=NOW), facts()) == ["policy-expired"]


def test_names_are_a_list_of_what_is_accepted() -> None:
    rules = Policy(names=("churn", "fraud-*"))
    assert codes(rules, facts()) == []
    assert codes(rules, facts(name="fraud")) == ["name-refused"]


def test_production_needs_a_rule_for_the_name_and_signatures() -> None:
    rules = policy(rule(ALICE), rule(names=("bare",)), preset="production")
    assert codes(rules, signed("alice")) == []
    assert codes(rules, facts(name="other")) == ["name-without-rule"]
    assert codes(rules, facts(name="bare")) == ["rule-without-signers"]
    assert demanded_verdicts(rules, "churn") == ("equivalent",)


@pytest.mark.parametrize(
    "make",
    [
        lambda: policy(preset="production"),
        lambda: policy(rule(), preset="production"),
        lambda: policy(rule(ALICE), preset="production", allow=("mypkg.Thing",)),
        lambda: policy(rule(ALICE), preset="production").allowing(("mypkg.Thing",)),
        lambda: policy(rule(ALICE), preset="open"),
        lambda: policy(rule((("zoe",), 1))),
        lambda: policy(rule(attestations=(Demand("sbom", ("zoe",)),))),
        lambda: policy(rule(ALICE, ALICE)),
        lambda: policy(rule((("alice", "bob"), 2), (("alice",), 1))),
        lambda: Line(("alice",), 2),
        lambda: Line(("alice", "alice"), 1),
        lambda: Line((), 1),
        lambda: Line(("alice",), 0),
        lambda: Line(("alice",), True),
        lambda: Demand("licence", ("alice",)),
        lambda: Demand("sbom", ("alice",), result="PASSED"),
        lambda: Rule(()),
        lambda: Rule(("Churn",)),
        lambda: Rule(("churn",), minimum="0.0.0"),
        lambda: Rule(("churn",), max_bytes=-1),
        lambda: Rule(("churn",), verdict="fine"),  # type: ignore[arg-type]
        lambda: Revoked(ids=("abc",)),
        lambda: Policy(issued=NOW, expires=NOW),
        lambda: Policy(signers=("alice",)),  # type: ignore[arg-type]
        lambda: Policy(rules=({"names": ["*"]},)),  # type: ignore[arg-type]
        lambda: Policy().over(Policy(seen="/x")),
        lambda: Policy(signers=(signer("alice", 1), signer("alice", 2))),
        lambda: Policy(signers=tuple(signer(f"s{number}", number) for number in range(257))),
        lambda: Policy(revoked={"ids": []}),  # type: ignore[arg-type]
        lambda: Rule(("churn",), require="alice"),  # type: ignore[arg-type]
        lambda: Rule(("churn",), require=("alice",)),  # type: ignore[arg-type]
        lambda: Rule("churn"),  # type: ignore[arg-type]
        lambda: Line("alice"),  # type: ignore[arg-type]
        lambda: Revoked(ids=ID),  # type: ignore[arg-type]
        lambda: Revoked(keys=(ID,)),  # type: ignore[arg-type]
        lambda: Signer("alice", keys=(ID,)),  # type: ignore[arg-type]
    ],
)
def test_a_policy_that_cannot_be_meant_is_invalid(make: Any) -> None:
    with pytest.raises(UsageError) as caught:
        make()
    assert caught.value.code == "policy-invalid"


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize("wanted", VERDICTS)
def test_every_verdict_that_is_demanded_must_be_satisfied(verdict: Any, wanted: Any) -> None:
    rules = policy(rule(verdict=wanted))
    expected = [] if Report(verdict).satisfies(wanted) else ["verdict-too-low"]
    assert [each.code for each in judge_verdict(rules, "churn", verdict)] == expected
    assert not judge_verdict(rules, "other", verdict)
    floor = Policy().over(rules)
    assert [each.code for each in judge_verdict(floor, "churn", verdict)] == expected


def test_drifted_is_refused_where_it_would_be_used_unless_the_preset_is_open() -> None:
    assert not judge_verdict(Policy(), "churn", "drifted")
    assert [each.code for each in judge_verdict(Policy(), "churn", "drifted", used=True)] == ["verdict-drifted"]
    assert not judge_verdict(Policy(), "churn", "unchecked", used=True)
    assert not judge_verdict(Policy(preset="open"), "churn", "drifted", used=True)
    under = Policy(preset="open").over(Policy())
    assert judge_verdict(under, "churn", "drifted", used=True), "the floor is not open"
    assert judge_verdict(Policy(preset="open", verdict="equivalent"), "churn", "drifted", used=True)


@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("wanted", ["drifted", "broken", "unchecked"])
@pytest.mark.parametrize("place", ["policy", "rule"])
def test_nothing_loosens_what_production_demands(place: str, wanted: Any, used: bool) -> None:
    line = (("alice",), 1)
    if place == "policy":
        rules = policy(rule(line), preset="production", verdict=wanted)
    else:
        rules = policy(rule(line, verdict=wanted), preset="production")
    for verdict in ("drifted", "broken", "unchecked"):
        (refusal,) = judge_verdict(rules, "churn", verdict, used=used)
        assert refusal.code == "verdict-too-low"
        assert refusal.message == f"{verdict}, where the policy wants equivalent", "the strictest is said"
    assert not judge_verdict(rules, "churn", "equivalent", used=used)
    tighter = replace(rules, verdict="identical")
    assert judge_verdict(tighter, "churn", "equivalent", used=used)[0].message.endswith("wants identical")


labels = st.sampled_from(["alice", "bob", "ci"])
kinds = st.sampled_from(["test-result", "sbom", "vsa"])
lines = st.builds(
    lambda names, k: Line(tuple(names), min(k, len(names))),
    st.lists(labels, min_size=1, max_size=3, unique=True),
    st.integers(1, 3),
)
demands = st.builds(
    lambda kind, names, k: Demand(kind, tuple(names), min(k, len(names))),
    kinds,
    st.lists(labels, min_size=1, max_size=3, unique=True),
    st.integers(1, 2),
)


def _rule(**values: Any) -> Rule | None:
    try:
        return Rule(**values)
    except UsageError:
        return None  # lines that nobody could satisfy together


rules = st.builds(
    _rule,
    names=st.sampled_from([("churn",), ("*",), ("c*n", "x"), ("other",)]),
    require=st.lists(lines, max_size=2).map(tuple),
    attestations=st.lists(demands, max_size=1).map(tuple),
    verdict=st.sampled_from([None, "equivalent", "unchecked", "drifted"]),
    kinds=st.sampled_from([(), ("classifier",), ("regressor",)]),
    programs=st.sampled_from(["", "only"]),
    rows=st.sampled_from(["", "synthetic"]),
    max_bytes=st.sampled_from([None, 50, 200]),
    minimum=st.sampled_from(["", "1.0.0", "2.0.0"]),
).filter(bool)
artifacts = st.builds(
    facts,
    name=st.sampled_from(["churn", "other"]),
    version=st.sampled_from(["0.0.0", "1.2.3", "2.0.0"]),
    rows=st.sampled_from(["", "sample", "synthetic"]),
    has_programs=st.booleans(),
    route=st.sampled_from(["", "original", "program"]),
    signers=st.frozensets(st.sampled_from(["alice", "bob", "ci", "mallory"])),
    attested=st.lists(
        st.builds(Attested, kinds, labels, st.sampled_from(["PASSED", "FAILED"])),
        max_size=3,
    ).map(tuple),
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(rules, max_size=3), rules, st.integers(0, 3), artifacts, st.sampled_from(VERDICTS))
def test_another_rule_only_tightens(given_: list[Rule], more: Rule, place: int, found: Facts, verdict: Any) -> None:
    before = policy(*given_)
    after = policy(*given_[:place], more, *given_[place:])
    if codes(before, found):
        assert codes(after, found)
    if judge_verdict(before, found.name, verdict, used=True):
        assert judge_verdict(after, found.name, verdict, used=True)


@settings(max_examples=300)
@given(st.lists(rules, max_size=3), rules, artifacts)
def test_another_rule_only_tightens_production_once_the_name_is_open(
    given_: list[Rule], more: Rule, found: Facts
) -> None:
    opened = rule((("alice",), 1), names=("*",))
    before = policy(opened, *given_, preset="production")
    if codes(before, found):
        assert codes(policy(opened, *given_, more, preset="production"), found)


@given(st.lists(rules, max_size=4), artifacts, st.randoms(use_true_random=False))
def test_the_order_of_rules_means_nothing(given_: list[Rule], found: Facts, shuffler: Any) -> None:
    mixed = list(given_)
    shuffler.shuffle(mixed)
    assert sorted(codes(policy(*given_), found)) == sorted(codes(policy(*mixed), found))


@given(st.lists(rules, max_size=3), artifacts)
def test_another_signature_never_hurts(given_: list[Rule], found: Facts) -> None:
    before = codes(policy(*given_), found)
    more = replace(found, signers=found.signers | {"alice"})
    assert set(codes(policy(*given_), more)) - {"signers-missing"} <= set(before)
    if not before:
        assert not codes(policy(*given_), more)
