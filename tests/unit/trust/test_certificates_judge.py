"""Chains, tokens and keyless bundles as `judge` takes them: one label, one time, one reason."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from amber.errors import FormatError
from amber.policy import Certificate, Key, Keyless, Policy, Revoked, RevokedKey, Signer
from amber.trust import bundle, keys, statement
from amber.trust.judge import Found, judge
from amber.trust.pae import pae
from amber.trust.revocation import fingerprint
from tests.trust_fixtures.keyless import IDENTITY, ISSUER, LOGGED, Instance
from tests.trust_fixtures.pki import DAY, Node, issue, issue_ca, new_key
from tests.trust_fixtures.tsa import new_authority, stamp
from tests.unit.trust.signing_material import DIGESTS, ID

CLOCK = datetime.now(UTC)
LATER = CLOCK + 1000 * DAY
ROOT = issue_ca("root", start=CLOCK - 9 * DAY, end=LATER + DAY)
OTHER_ROOT = issue_ca("root", start=CLOCK - 9 * DAY, end=LATER + DAY)
STATEMENT = statement.oms("churn", DIGESTS)
INSTANCE = Instance()


def leaf(san: str = "ci@example.org", issuer: Node = ROOT, **how: Any) -> Node:
    return issue("ci", issuer, names=[x509.RFC822Name(san)], start=CLOCK - DAY, **{"end": CLOCK + 30 * DAY, **how})


LEAF = leaf()


def sign(*chain: Node, payload: bytes = STATEMENT, by: Any = None) -> bytes:
    private = keys.PrivateKey(by or chain[0].key)
    signature = private.sign(pae(bundle.PAYLOAD_TYPE, payload))
    return bundle.encode_certificate(payload, signature, [node.der for node in chain])


def signer(label: str = "ci", san: str = "ci@example.org", root: Node = ROOT, **how: Any) -> Signer:
    return Signer(label, certificates=(Certificate(root=root.der, san=san),), **how)


def judged(data: bytes, *signers: Signer, at: datetime = CLOCK, **rules: Any) -> Found:
    policy = Policy(signers=signers or (signer(),), **rules)
    (found,) = judge({"signatures/0001-oms.sigstore.json": data}, DIGESTS, ID, policy, at)
    return found


@pytest.fixture(scope="module")
def authority() -> tuple[Node, Node]:
    return new_authority()


def stamped(data: bytes, folder: Path, tsa: Node) -> bytes:
    """Return the bundle with a token over its signature."""
    read = json.loads(data)
    token = stamp(folder / "tsa", base64.b64decode(read["dsseEnvelope"]["signatures"][0]["sig"]), tsa)
    tokens = {"rfc3161Timestamps": [{"signedTimestamp": base64.b64encode(token).decode()}]}
    read["verificationMaterial"]["timestampVerificationData"] = tokens
    return json.dumps(read).encode()


@pytest.mark.parametrize("curve", ["P-256", "P-384", "P-521"])
def test_a_certificate_counts_for_its_label(curve: str) -> None:
    node = leaf(key=new_key(curve))
    found = judged(sign(node, ROOT))
    assert (found.status, found.signer, found.identity, found.method) == (
        "counted", "ci", "ci@example.org", "certificate",
    )  # fmt: skip
    assert (found.time, found.root) == (None, ID)


def test_the_label_is_that_of_the_name_and_the_root() -> None:
    people = [signer("alice", "alice@example.org"), signer("ci"), signer("other", root=OTHER_ROOT)]
    assert judged(sign(LEAF), *people).signer == "ci"
    assert judged(sign(leaf("alice@example.org")), *people).signer == "alice"
    assert judged(sign(leaf(issuer=OTHER_ROOT)), *people).signer == "other"
    assert judged(sign(leaf("eve@example.org")), *people).status == "unknown"


def test_a_root_that_the_bundle_brings_is_no_root() -> None:
    found = judged(sign(leaf(issuer=OTHER_ROOT), OTHER_ROOT))
    assert (found.status, found.signer) == ("unknown", "")


def test_a_chain_of_a_known_signer_under_a_wrong_signature_refuses() -> None:
    with pytest.raises(FormatError) as caught:
        judged(sign(LEAF, by=new_key()))
    assert caught.value.code == "signature-invalid"
    assert judged(sign(leaf(issuer=OTHER_ROOT), by=new_key())).status == "unknown"


def test_a_chain_that_is_none_is_shown_and_not_counted() -> None:
    data = bundle.encode_certificate(STATEMENT, b"\x30\x00", [b"junk"])
    found = judged(data)
    assert found.status == "unknown"
    assert "no certificate" in found.detail


def test_an_expired_leaf_counts_only_with_a_token_of_an_authority_of_the_policy(
    tmp_path: Path, authority: tuple[Node, Node]
) -> None:
    tsa, root = authority
    data = sign(LEAF)
    with_token = stamped(data, tmp_path, tsa)
    assert judged(data, at=LATER).status == "expired"
    assert judged(with_token, at=LATER).status == "expired"
    assert judged(with_token, at=LATER, timestamps=(new_authority()[1].der,)).status == "expired"
    found = judged(with_token, at=LATER, timestamps=(root.der,))
    assert (found.status, found.signer) == ("counted", "ci")
    assert found.time is not None
    assert abs(found.time - CLOCK) < DAY


def test_a_token_moved_to_another_signature_gives_no_time(tmp_path: Path, authority: tuple[Node, Node]) -> None:
    tsa, root = authority
    first, second = json.loads(stamped(sign(LEAF), tmp_path, tsa)), json.loads(sign(leaf()))
    second["verificationMaterial"]["timestampVerificationData"] = first["verificationMaterial"][
        "timestampVerificationData"
    ]
    assert judged(json.dumps(second).encode(), at=LATER, timestamps=(root.der,)).status == "expired"


def test_a_token_lets_a_signature_stand_that_is_older_than_the_end_of_its_key(
    tmp_path: Path, authority: tuple[Node, Node]
) -> None:
    tsa, root = authority
    private = keys.generate()
    data = bundle.encode_key(STATEMENT, private.sign(pae(bundle.PAYLOAD_TYPE, STATEMENT)), private.public.hint)
    data = stamped(data, tmp_path, tsa)
    ended = Signer("alice", keys=(Key(private.public.der, until=CLOCK + DAY),))
    assert judged(data, ended, at=LATER).status == "expired"
    assert judged(data, ended, at=LATER, timestamps=(root.der,)).status == "counted"
    since = Revoked(keys=(RevokedKey(private.public.fingerprint, since=CLOCK + DAY),))
    whole = replace(ended, keys=(Key(private.public.der),))
    assert judged(data, whole, at=LATER, revoked=since).status == "revoked"
    assert judged(data, whole, at=LATER, revoked=since, timestamps=(root.der,)).status == "counted"
    always = Revoked(keys=(RevokedKey(private.public.fingerprint, since=None),))
    assert judged(data, whole, at=LATER, revoked=always, timestamps=(root.der,)).status == "revoked"


@pytest.mark.parametrize("node", [LEAF, ROOT], ids=["leaf", "root"])
def test_a_revoked_certificate(node: Node) -> None:
    found = judged(sign(LEAF), revoked=Revoked(certificates=(fingerprint(node.der),)))
    assert (found.status, found.signer) == ("revoked", "ci")


def test_a_revoked_key_counts_in_no_certificate() -> None:
    mine = keys.PrivateKey(LEAF.key).public.fingerprint
    assert judged(sign(LEAF), revoked=Revoked(keys=(RevokedKey(mine, since=None),))).status == "revoked"


def test_two_leaves_of_a_name_are_one_signer_and_one_key_is_one_label() -> None:
    def labels(bundles: Sequence[bytes], *signers: Signer) -> list[str]:
        named = {f"signatures/{number:04}-oms.sigstore.json": data for number, data in enumerate(bundles, 1)}
        return [one.signer for one in judge(named, DIGESTS, ID, Policy(signers=signers), CLOCK)]

    people = (signer("ci"), signer("alice", "alice@example.org"))
    assert labels([sign(leaf()), sign(leaf())], *people) == ["ci", "ci"]
    both = [sign(LEAF), sign(leaf("alice@example.org", key=LEAF.key))]
    assert labels(both, *people) == ["ci", ""]


def test_a_keyless_bundle_counts_at_the_time_of_its_log() -> None:
    person = Signer("ci", keyless=(Keyless(IDENTITY, ISSUER, INSTANCE.trusted_root()),))
    data = INSTANCE.sign(STATEMENT)
    found = judged(data, person)
    assert (found.status, found.signer, found.method) == ("counted", "ci", "keyless")
    assert (found.identity, found.time) == (IDENTITY, LOGGED)
    assert judged(data, replace(person, until=LOGGED + DAY)).status == "counted"
    assert judged(data, replace(person, until=LOGGED)).status == "expired"
    assert judged(INSTANCE.sign(STATEMENT, "eve@amber.test"), person).status == "unknown"
    assert judged(data, replace(person, keyless=(Keyless(IDENTITY, ISSUER, Instance().trusted_root()),))).signer == ""


def test_a_keyless_bundle_whose_payload_two_readers_understand_differently_does_not_count() -> None:
    """The verifier skips what is no base64 of the standard alphabet; our reader takes the URL-safe one."""
    person = Signer("ci", keyless=(Keyless(IDENTITY, ISSUER, INSTANCE.trusted_root()),))
    made = json.loads(INSTANCE.sign(statement.oms("churn ????>>>>", DIGESTS)))
    assert judged(json.dumps(made).encode(), person).status == "counted"
    payload = made["dsseEnvelope"]["payload"]
    made["dsseEnvelope"]["payload"] = payload.replace("+", "-").replace("/", "_")
    assert made["dsseEnvelope"]["payload"] != payload
    assert judged(json.dumps(made).encode(), person).status == "unknown"


@pytest.mark.parametrize("place", ["intermediate", "root"])
def test_a_revoked_key_of_an_issuer_ends_every_certificate_it_has(place: str) -> None:
    """One key may have two certificates: with one of them revoked, who stole it would issue under the other."""
    middle = issue_ca("middle", issuer=ROOT, start=CLOCK - DAY, end=LATER)
    again = issue_ca("middle", issuer=ROOT, key=middle.key, start=CLOCK - DAY, end=LATER)
    chain = (leaf(issuer=middle), again)
    lost = Revoked(certificates=(fingerprint(middle.der),))
    assert judged(sign(*chain), revoked=lost).status == "counted"
    key = keys.PrivateKey(middle.key if place == "intermediate" else ROOT.key).public
    found = judged(sign(*chain), revoked=Revoked(keys=(RevokedKey(key.fingerprint),)))
    assert (found.status, found.signer) == ("revoked", "ci")
    assert "issuer" in found.detail
