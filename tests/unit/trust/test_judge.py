"""Who signed, under a policy: what counts, what is shown, and what refuses the artifact whoever asks."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from amber.errors import FormatError
from amber.policy import Certificate, Key, Keyless, Policy, Revoked, RevokedKey, Signer
from amber.trust import bundle, statement
from amber.trust.judge import judge
from amber.trust.keys import CURVES, PrivateKey
from amber.trust.pae import pae
from tests.trust_fixtures.pki import DAY, issue, issue_ca
from tests.unit.trust import signing_material as material
from tests.unit.trust.signing_material import AT, DIGESTS, ID, changed, judged, key, policy, signed
from tests.unit.trust.test_keys import ORDER_P256

HOUR = timedelta(hours=1)
NOBODY = Policy()


def hint(value: str) -> Callable[[Any], None]:
    return lambda made: made["verificationMaterial"]["publicKey"].update(hint=value)


@pytest.mark.parametrize("curve", CURVES)
def test_a_known_key_counts_for_its_label(curve: str) -> None:
    signer = key("alice", curve)
    found = judged(signed(by=signer), policy(alice=signer, bob=key("bob", curve)))
    assert (found.status, found.signer, found.kind, found.method) == ("counted", "alice", "oms", "key")
    assert (found.identity, found.key, found.root) == (signer.public.fingerprint, signer.public.fingerprint, ID)
    assert (found.time, found.member) == (None, "signatures/0001-oms.sigstore.json")


def test_what_amber_writes_counts() -> None:
    payload = statement.oms("churn", DIGESTS)
    signature = key().sign(pae(bundle.PAYLOAD_TYPE, payload))
    assert judged(bundle.encode_key(payload, signature, key().public.hint)).status == "counted"


def test_an_unknown_key_is_shown_and_not_counted() -> None:
    for rules in (NOBODY, policy(bob=key("bob"))):
        found = judged(signed(), rules)
        assert (found.status, found.signer, found.identity, found.key) == ("unknown", "", key().public.hint, "")


@pytest.mark.parametrize(
    ("value", "shown"),
    [("", ""), ("00" * 32, "00" * 32), ("of a CRLF file", "of a CRLF file"), ("\u202eevil", "\\u202eevil")],
    ids=["empty", "digest", "text", "turned"],
)
def test_a_hint_of_no_known_key_is_no_obstacle(value: str, shown: str) -> None:
    data = signed(change=hint(value))
    assert judged(data).status == "counted"
    assert judged(data, NOBODY).identity == shown


def test_the_hint_of_a_file_with_other_line_ends_verifies() -> None:
    crlf = hashlib.sha256(key().public.pem.replace(b"\n", b"\r\n")).hexdigest()
    assert judged(signed(change=hint(crlf))).signer == "alice"


def test_a_hint_proves_nothing() -> None:
    # bob signs under the name of alice, whom the reader knows: wrong, not unknown
    with pytest.raises(FormatError) as refusal:
        judged(signed(by=key("bob"), change=hint(key().public.hint)))
    assert refusal.value.code == "signature-invalid"


def test_a_hint_of_another_known_key_does_not_move_a_signature() -> None:
    data = signed(by=key("bob"), change=hint(key().public.hint))
    assert judged(data, policy(alice=key(), bob=key("bob"))).signer == "bob"


def test_a_keyid_names_a_key_as_a_hint_does() -> None:
    def by_keyid(made: Any) -> None:
        made["verificationMaterial"]["publicKey"] = {"hint": "x"}
        made["dsseEnvelope"]["signatures"][0]["keyid"] = key().public.hint

    with pytest.raises(FormatError) as refusal:
        judged(signed(by=key("bob"), change=by_keyid))
    assert refusal.value.code == "signature-invalid"


WRONG: dict[str, Callable[[], bytes]] = {
    "garbage": lambda: material.bundle(json.dumps(material.statement()).encode(), b"garbage", key().public.hint),
    "wrong-key": lambda: signed(by=key("bob"), change=hint(key().public.hint)),
    "wrong-curve": lambda: signed(by=key("bob", "P-384"), change=hint(key().public.hint)),
    "payload-changed": lambda: changed(
        signed(),
        lambda made: made["dsseEnvelope"].update(
            payload=material.text(
                json.dumps(material.statement(lambda said: said["subject"][0].update(name="x"))).encode()
            )
        ),
    ),
    "payload-type-swapped": lambda: signed(payload_type="application/vnd.other+json"),
    "signature-of-another-bundle": lambda: changed(
        signed(),
        lambda made: made["dsseEnvelope"]["signatures"][0].update(sig=material.text(key().sign(b"another message"))),
    ),
    "without-pae": lambda: material.bundle(
        payload := json.dumps(material.statement()).encode(), key().sign(payload), key().public.hint
    ),
    "pae-of-the-text": lambda: material.bundle(
        payload := json.dumps(material.statement()).encode(),
        key().sign(pae(material.IN_TOTO, material.text(payload).encode())),
        key().public.hint,
    ),
}


@pytest.mark.parametrize("make", WRONG.values(), ids=WRONG)
def test_a_wrong_signature_of_a_known_key_refuses(make: Callable[[], bytes]) -> None:
    with pytest.raises(FormatError) as refusal:
        judged(make())
    assert (refusal.value.code, refusal.value.where) == ("signature-invalid", "signatures/0001-oms.sigstore.json")


@pytest.mark.parametrize("make", WRONG.values(), ids=WRONG)
def test_a_wrong_signature_of_an_unknown_key_is_not_counted(make: Callable[[], bytes]) -> None:
    assert judged(make(), NOBODY).status == "unknown"


def test_a_signature_moved_to_another_artifact_refuses_whoever_signed() -> None:
    digests = {**DIGESTS, "model/tree.json": "00" * 32}
    for rules in (policy(alice=key()), NOBODY):
        with pytest.raises(FormatError) as refusal:
            judge(
                {"signatures/0001-oms.sigstore.json": signed()},
                digests,
                material.root(list(digests.values())),
                rules,
                AT,
            )
        assert refusal.value.code == "signature-coverage"


@pytest.mark.parametrize("extra", ["model/extra", "README.md", ".gitignore", "model/.git/config"])
def test_an_unsigned_extra_member_refuses(extra: str) -> None:
    digests = {**DIGESTS, extra: "00" * 32}
    with pytest.raises(FormatError) as refusal:
        judge({"signatures/0001-oms.sigstore.json": signed()}, digests, ID, policy(alice=key()), AT)
    assert refusal.value.code == "signature-coverage"


def test_another_order_counts_and_shows_its_root() -> None:
    said = material.statement(material.rooted(lambda made: made["predicate"]["resources"].reverse()))
    found = judged(signed(said))
    assert (found.status, found.root == ID) == ("counted", False)


def test_nothing_is_found_where_nothing_is() -> None:
    assert judge({}, DIGESTS, ID, policy(alice=key()), AT) == ()


# One signer is one signer, however many bundles.


def test_a_turned_signature_is_still_the_same_signer() -> None:
    data = signed()
    signature = json.loads(data)["dsseEnvelope"]["signatures"][0]["sig"]
    r, t = decode_dss_signature(base64.b64decode(signature))
    turned = changed(
        data,
        lambda made: made["dsseEnvelope"]["signatures"][0].update(
            sig=material.text(encode_dss_signature(r, ORDER_P256 - t))
        ),
    )
    assert turned != data
    both = {"signatures/0001-oms.sigstore.json": data, "signatures/0002-oms.sigstore.json": turned}
    found = judge(both, DIGESTS, ID, policy(alice=key(), bob=key("bob")), AT)
    assert [each.status for each in found] == ["counted", "counted"]
    assert {each.signer for each in found} == {"alice"}


def test_several_keys_of_a_signer_are_one_signer() -> None:
    alice = Signer("alice", keys=(Key(key().public.der), Key(key("alice", "P-384").public.der)))
    both = {
        "signatures/0001-oms.sigstore.json": signed(),
        "signatures/0002-oms.sigstore.json": signed(by=key("alice", "P-384")),
    }
    assert {each.signer for each in judge(both, DIGESTS, ID, policy(alice=alice), AT)} == {"alice"}


def test_different_signers_are_found_in_the_order_of_their_bundles() -> None:
    members = {f"signatures/000{place}-oms.sigstore.json": signed(by=key(name)) for place, name in enumerate("abc")}
    found = judge(members, DIGESTS, ID, policy(first=key("c"), second=key("a")), AT)
    assert [(each.status, each.signer) for each in found] == [
        ("counted", "second"),
        ("unknown", ""),
        ("counted", "first"),
    ]


# Time and revocation: a key's signature has no time of its own, so all is judged now.


@pytest.mark.parametrize(("until", "status"), [(AT + HOUR, "counted"), (AT, "expired"), (AT - HOUR, "expired")])
@pytest.mark.parametrize("whose", ["key", "signer"])
def test_until_voids_old_signatures_too(until: datetime, status: str, whose: str) -> None:
    public = key().public.der
    known = (
        Signer("alice", keys=(Key(public, until),))
        if whose == "key"
        else Signer("alice", keys=(Key(public),), until=until)
    )
    found = judged(signed(), policy(alice=known))
    assert (found.status, found.signer) == (status, "alice")


def test_the_earlier_of_two_ends_is_the_end() -> None:
    known = Signer("alice", keys=(Key(key().public.der, AT + HOUR),), until=AT - HOUR)
    found = judged(signed(), policy(alice=known))
    assert (found.status, (AT - HOUR).isoformat() in found.detail) == ("expired", True)


def test_times_of_other_zones_are_the_same_times() -> None:
    known = Signer("alice", keys=(Key(key().public.der),), until=AT.astimezone(timezone(timedelta(hours=9))) + HOUR)
    assert judged(signed(), policy(alice=known)).status == "counted"


@pytest.mark.parametrize(
    "since", [None, AT - HOUR, AT, AT + HOUR], ids=["for-good", "an-hour-ago", "now", "in-an-hour"]
)
def test_a_revoked_key_does_not_count_without_a_verified_time(since: datetime | None) -> None:
    revoked = Revoked(keys=(RevokedKey(key().public.fingerprint, since),))
    found = judged(signed(), replace(policy(alice=key()), revoked=revoked))
    assert (found.status, found.signer) == ("revoked", "alice")


def test_revoked_says_more_than_expired() -> None:
    known = Signer("alice", keys=(Key(key().public.der),), until=AT - HOUR)
    rules = replace(policy(alice=known), revoked=Revoked(keys=(RevokedKey(key().public.fingerprint),)))
    assert judged(signed(), rules).status == "revoked"


def test_another_key_that_is_revoked_changes_nothing() -> None:
    rules = replace(policy(alice=key()), revoked=Revoked(keys=(RevokedKey(key("bob").public.fingerprint),)))
    assert judged(signed(), rules).status == "counted"


def test_tokens_are_not_asked_where_the_policy_names_no_authority() -> None:
    def with_token(made: Any) -> None:
        tokens = [{"signedTimestamp": material.text(b"no token at all")}]
        made["verificationMaterial"]["timestampVerificationData"] = {"rfc3161Timestamps": tokens}

    assert judged(signed(change=with_token)).status == "counted"


# Attestations.


def attestation(subject: str = ID, kind: str = "test-result") -> bytes:
    return signed(statement.attestation(subject, "churn", statement.KINDS[kind][0], {"result": "PASSED"}))


def test_an_attestation_counts_and_is_passed_on() -> None:
    found = judged(attestation(), kind="test-result")
    assert (found.kind, found.status, found.signer, found.predicate) == (
        "test-result",
        "counted",
        "alice",
        {"result": "PASSED"},
    )


@pytest.mark.parametrize("rules", [NOBODY, policy(alice=key())], ids=["unknown", "known"])
def test_an_attestation_about_another_artifact_refuses(rules: Policy) -> None:
    with pytest.raises(FormatError) as refusal:
        judged(attestation("00" * 32), rules, kind="test-result")
    assert refusal.value.code == "attestation-subject"


@pytest.mark.parametrize(("inside", "outside"), [("test-result", "oms"), ("test-result", "sbom"), ("sbom", "vsa")])
def test_the_name_of_a_member_tells_its_kind(inside: str, outside: str) -> None:
    with pytest.raises(FormatError) as refusal:
        judged(attestation(kind=inside), kind=outside)
    assert refusal.value.code == "statement-invalid"


def test_a_signature_does_not_pass_for_an_attestation() -> None:
    with pytest.raises(FormatError) as refusal:
        judged(signed(), kind="test-result")
    assert refusal.value.code == "statement-invalid"


@pytest.mark.parametrize("member", ["bundle.json", "dir/churn.amber.0001-oms.sigstore.json", "model.sig"])
def test_a_bundle_beside_the_file_may_have_any_name(member: str) -> None:
    (found,) = judge({member: signed()}, DIGESTS, ID, policy(alice=key()), AT)
    assert (found.member, found.kind, found.status) == (member, "oms", "counted")


def test_the_name_of_a_bundle_beside_the_file_tells_its_kind_too() -> None:
    with pytest.raises(FormatError):
        judge({"churn.amber.0001-vsa.sigstore.json": signed()}, DIGESTS, ID, NOBODY, AT)


# What this reader does not know.


def test_a_way_to_sign_of_a_later_time_is_shown() -> None:
    later = signed(change=lambda made: made.update(verificationMaterial={"latticeKey": {"hint": "x"}}))
    found = judged(later)
    assert (found.status, found.method, found.signer) == ("unsupported", "unknown", "")


def test_a_way_to_sign_of_a_later_time_must_still_cover_everything() -> None:
    said = material.statement(material.rooted(lambda made: made["predicate"]["resources"].pop()))
    later = signed(said, change=lambda made: made.update(verificationMaterial={"latticeKey": {"hint": "x"}}))
    with pytest.raises(FormatError) as refusal:
        judged(later)
    assert refusal.value.code == "signature-coverage"


@pytest.mark.parametrize(
    "kind",
    [
        {"certificate": {"rawBytes": "AAAA"}, "tlogEntries": [{}]},
        {"x509CertificateChain": {"certificates": [{"rawBytes": "AAAA"}]}},
    ],
    ids=["keyless", "certificate"],
)
def test_ways_that_the_policy_does_not_name_need_no_library(
    kind: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.x509", None)
    monkeypatch.setitem(sys.modules, "sigstore", None)
    found = judged(signed(change=lambda made: made.update(verificationMaterial=kind)))
    assert (found.status, found.signer) == ("unknown", "")


def test_the_floor_counts_in_its_own_judgement_only() -> None:
    rules = replace(policy(bob=key("bob")), floor=policy(alice=key()))
    assert judged(signed(), rules).status == "unknown"
    assert rules.floor is not None
    assert judged(signed(), rules.floor).status == "counted"


def test_judging_reads_no_clock() -> None:
    known = Signer("alice", keys=(Key(key().public.der),), until=datetime(1980, 1, 1, tzinfo=UTC))
    assert judged(signed(), policy(alice=known), at=datetime(1979, 1, 1, tzinfo=UTC)).status == "counted"


# Which of several answers is shown.


def test_of_several_reasons_the_nearest_is_shown() -> None:
    """A leaf that a later signer of the policy does not know is still the expired leaf of the first."""
    near, far = issue_ca("near", start=AT - 900 * DAY, end=AT + 900 * DAY), issue_ca("far")
    node = issue("ci", near, names=[x509.RFC822Name("ci@example.org")], start=AT - 20 * DAY, end=AT - DAY)
    payload = statement.oms("churn", DIGESTS)
    private = PrivateKey(node.key)
    data = bundle.encode_certificate(payload, private.sign(pae(bundle.PAYLOAD_TYPE, payload)), [node.der])
    roots = {"near": near, "far": far}
    for order in (("near", "far"), ("far", "near")):
        known = {
            label: Signer(label, certificates=(Certificate(roots[label].der, san="ci@example.org"),)) for label in order
        }
        found = judged(data, policy(**known))
        assert (found.status, found.signer) == ("expired", "near")


def test_a_verifier_that_read_another_payload_counts_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    from amber.trust import keyless

    monkeypatch.setattr(keyless, "verify", lambda data, wanted, revoked: (material.IN_TOTO, b"another", AT))
    keyless_material = {"certificate": {"rawBytes": "AAAA"}, "tlogEntries": [{}]}
    data = signed(change=lambda made: made.update(verificationMaterial=keyless_material))
    person = Signer("ci", keyless=(Keyless("ci@example.org", "https://issuer.invalid", b"{}"),))
    found = judged(data, policy(ci=person))
    assert (found.status, found.detail) == ("unknown", "the verifier read another payload")
