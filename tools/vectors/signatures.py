"""Step 2: signed artifacts, and every way in which a statement about members can be wrong.

The keys are made from fixed numbers and ECDSA is deterministic (RFC 6979), so the bytes are the same on every machine.
They are put together here from plain JSON, not by the code under test.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from amber.archive import names
from tools.vectors.artifact import Members, canonical, plain
from tools.vectors.index import Vector, accept, reject

OMS = "https://model_signing/signature/v1.0"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
IN_TOTO = "application/vnd.in-toto+json"
FIRST, SECOND = "signatures/0001-oms.sigstore.json", "signatures/0002-oms.sigstore.json"
ALICE = ec.derive_private_key(0xA11CE, ec.SECP256R1())
BOB = ec.derive_private_key(0xB0B, ec.SECP384R1())
_HASHES = {"secp256r1": hashes.SHA256, "secp384r1": hashes.SHA384}
Json = dict[str, Any]
Change = Callable[[Json], object]


def vectors() -> Iterator[Vector]:
    yield from _accepted()
    yield from _bundles()
    yield from _statements()
    yield from _coverage()
    yield from _policies()
    draft = plain()
    draft.extra = {FIRST: signed(draft.members(), BOB, hint=hint(ALICE))}
    yield reject(
        "signature-invalid", "other-key", draft, "a bundle that names a key of the policy and is signed by another", 2,
        signers={"alice": {"keys": [pem(ALICE)]}},
    )  # fmt: skip


def _policies() -> Iterator[Vector]:
    """Step 5: what a policy refuses. Plain artifacts, signed by alice where that matters."""
    known = {"alice": {"keys": [pem(ALICE)]}, "bob": {"keys": [pem(BOB)]}}
    signed_once = plain()
    signed_once.extra = {FIRST: signed(signed_once.members(), ALICE)}
    one = {"names": ["*"], "require": [{"from": ["alice"]}]}
    both = {"names": ["*"], "require": [{"from": ["alice"]}, {"from": ["bob"]}]}
    told = {"names": ["*"], "attestations": [{"type": "test-result", "from": ["alice"]}]}
    yield reject("signature-missing", "unsigned", plain(), "unsigned, and a rule wants a signature", 5, signers=known,
                 rule=[one])  # fmt: skip
    yield reject("signers-missing", "one-of-two", signed_once, "one signature, and a rule wants two signers", 5,
                 signers=known, rule=[both])  # fmt: skip
    yield reject("attestation-missing", "none", signed_once, "no test result, and a rule wants one", 5, signers=known,
                 rule=[told])  # fmt: skip
    yield reject("name-without-rule", "production", signed_once, "a policy of production without a rule for it", 5,
                 preset="production", signers=known, rule=[{**one, "names": ["other"]}])  # fmt: skip
    yield reject("rule-without-signers", "production", signed_once, "a policy of production that wants no signature", 5,
                 preset="production", signers=known,
                 rule=[{**one, "names": ["other"]}, {"names": ["model"], "minimum": "0.0.1"}])  # fmt: skip
    named: list[tuple[str, str, str, Json]] = [
        ("artifact-too-large", "small-limit", "larger than a rule accepts", {"max_bytes": 100}),
        ("kind-refused", "classifier", "another kind of model than a rule accepts", {"kinds": ["classifier"]}),
        ("programs-only", "none", "no program in it, and nothing else may run", {"programs": "only"}),
        ("version-too-low", "unset", "without a version, and a rule wants one", {"minimum": "0.0.1"}),
    ]
    for code, what, shows, rule in named:
        yield reject(code, what, plain(), shows, 5, rule=[{"names": ["*"], **rule}])
    yield reject("name-refused", "pattern", plain(), "another name than the policy accepts", 5, names=["churn-*"])
    yield reject("policy-expired", "2026", plain(), "a policy that is over", 5, expires="2026-01-01T00:00:00Z")
    yield reject("policy-not-yet", "9999", plain(), "a policy that has not begun", 5, issued="9999-01-01T00:00:00Z")
    members = plain().members()
    yield reject("id-revoked", "own", plain(), "an artifact that the policy has taken back", 5,
                 revoked={"ids": [_id(members)]})  # fmt: skip


def _accepted() -> Iterator[Vector]:
    draft = plain()
    draft.extra = {names.CARD: "# Card\n\n\u2603\n".encode()}
    members = draft.members()
    draft.extra |= {
        FIRST: signed(members, ALICE), SECOND: signed(members, BOB),
        "signatures/0003-test-result.sigstore.json": attested(members, ALICE),
        "signatures/0003.tlog-proof": b"x",
    }  # fmt: skip
    demand = {"names": ["*"], "require": [{"from": ["alice"]}, {"from": ["bob"]}]}
    demand["attestations"] = [{"type": "test-result", "from": ["alice"]}]
    yield accept("signatures", draft, "a card, and signatures of nobody this reader knows: shown, not counted")
    yield accept(
        "signed", draft, "the same under a policy that wants both signers and a test result",
        signers={"alice": {"keys": [pem(ALICE)]}, "bob": {"keys": [pem(BOB)]}}, rule=[demand],
    )  # fmt: skip
    draft = plain()
    members = draft.members()
    draft.extra = {FIRST: signed(members, ALICE, lambda said: said["predicate"]["resources"].reverse(), root=True)}
    yield accept(
        "signed-other-order", draft, "resources in another order: another root, and as good",
        signers={"alice": {"keys": [pem(ALICE)]}}, rule=[{"names": ["*"], "require": [{"from": ["alice"]}]}],
    )  # fmt: skip


def _bundles() -> Iterator[Vector]:
    members = plain().members()
    good = signed(members, ALICE)
    twice = good.replace(b'{"dsseEnvelope"', b'{"mediaType":"x","dsseEnvelope"', 1)
    changes: list[tuple[str, bytes, str]] = [
        ("empty", b"{}", "a bundle with nothing in it"),
        ("duplicate-key", twice, "a key of the bundle stands twice"),
        ("two-signatures", _bundle(members, lambda made: made["dsseEnvelope"]["signatures"].append({"sig": "AAAA"})),
         "a second signature in the envelope"),
        ("payload-type", _bundle(members, lambda made: made["dsseEnvelope"].update(payloadType="text/plain")),
         "another payload type"),
        ("extra-key", _bundle(members, lambda made: made.update(note="x")), "a key that no bundle has"),
    ]  # fmt: skip
    for what, data, shows in changes:
        draft = plain()
        draft.extra = {FIRST: data}
        yield reject("bundle-invalid", what, draft, shows, 2)


def _statements() -> Iterator[Vector]:
    def how(key: str, value: Any) -> Change:
        return lambda said: said["predicate"]["serialization"].update({key: value})

    changes: list[tuple[str, Change, str]] = [
        ("old-predicate", lambda said: said.update(predicateType="https://model_signing/Digests/v0.1"),
         "the predicate of model signing 0.2"),
        ("symlinks", how("allow_symlinks", True), "a statement that allows links"),
        ("shards", how("method", "shards"), "a statement about shards"),
        ("blake3", how("hash_type", "blake3"), "digests of another algorithm"),
        ("wrong-root", lambda said: said["subject"][0]["digest"].update(sha256="0" * 64),
         "a subject that is not the root of the resources"),
        ("two-subjects", lambda said: said["subject"].append(said["subject"][0]), "two subjects"),
    ]  # fmt: skip
    for what, change, shows in changes:
        draft = plain()
        draft.extra = {FIRST: signed(draft.members(), ALICE, change)}
        yield reject("statement-invalid", what, draft, shows, 2)


def _coverage() -> Iterator[Vector]:
    def resources(change: Callable[[list[Json]], object]) -> Change:
        return lambda said: change(said["predicate"]["resources"])

    def ignoring(said: Json) -> None:
        said["predicate"]["serialization"]["ignore_paths"] = ["signatures", "model"]
        said["predicate"]["resources"] = [
            each for each in said["predicate"]["resources"] if not each["name"].startswith("model")
        ]

    changes: list[tuple[str, Change, str]] = [
        ("ignored", ignoring, "a statement that ignores the model"),
        ("empty", resources(list.clear), "a statement about nothing"),
        ("twice", resources(lambda found: found.append(found[0])), "a member named twice"),
        ("renamed", resources(lambda found: found[0].update(name="env/other.toml")), "a member of another name"),
        ("other-bytes", resources(lambda found: found[0].update(digest="0" * 64)), "a member of other bytes"),
    ]
    for what, change, shows in changes:
        draft = plain()
        draft.extra = {FIRST: signed(draft.members(), ALICE, change, root=True)}
        yield reject("signature-coverage", what, draft, shows, 2)
    draft = plain()
    draft.extra = {FIRST: signed({**draft.members(), "model/tree.json": b"[]"}, ALICE)}
    yield reject("signature-coverage", "moved", draft, "the signature of another artifact", 2)
    draft = plain()
    draft.extra = {FIRST: signed({".": draft.data()}, ALICE)}
    yield reject("signature-over-container", "file", draft, "a signature over the file", 2)
    draft = plain()
    draft.extra = {"signatures/0001-test-result.sigstore.json": attested({"model/tree.json": b"[]"}, ALICE)}
    yield reject("attestation-subject", "moved", draft, "a test result of another artifact", 2)


def signed(
    members: Members, key: ec.EllipticCurvePrivateKey, change: Change | None = None, *, root: bool = False,
    hint: str = "",
) -> bytes:  # fmt: skip
    """A bundle over members; the statement after a `change`, its subject made right again where `root`."""
    listed = {name: data for name, data in members.items() if not name.startswith(names.SIGNATURES)}
    said: Json = {
        "_type": "https://in-toto.io/Statement/v1", "predicateType": OMS,
        "subject": [{"name": "model", "digest": {"sha256": ""}}],
        "predicate": {
            "resources": [
                {"name": name, "digest": hashlib.sha256(listed[name]).hexdigest(), "algorithm": "sha256"}
                for name in sorted(listed)
            ],
            "serialization": {
                "method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": ["signatures"],
            },
        },
    }  # fmt: skip
    said["subject"][0]["digest"]["sha256"] = _root(said)
    if change is not None:
        change(said)
    if root:
        said["subject"][0]["digest"]["sha256"] = _root(said)
    return _enveloped(said, key, hint)


def attested(members: Members, key: ec.EllipticCurvePrivateKey) -> bytes:
    """A test result about members, passed."""
    said = {
        "_type": "https://in-toto.io/Statement/v1", "predicateType": TEST_RESULT,
        "subject": [{"name": "model", "digest": {"sha256": _id(members)}}],
        "predicate": {"result": "PASSED", "configuration": []},
    }  # fmt: skip
    return _enveloped(said, key, "")


def pem(key: ec.EllipticCurvePrivateKey) -> str:
    """The public half."""
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(encoding, form).decode()


def hint(key: ec.EllipticCurvePrivateKey) -> str:
    return hashlib.sha256(pem(key).encode()).hexdigest()


def _id(members: Members) -> str:
    digests = [hashlib.sha256(members[name]).digest() for name in sorted(members) if not name.startswith("signatures/")]
    return hashlib.sha256(b"".join(digests)).hexdigest()


def _root(said: Json) -> str:
    digests = [bytes.fromhex(each["digest"]) for each in said["predicate"]["resources"]]
    return hashlib.sha256(b"".join(digests)).hexdigest()


def _enveloped(said: Json, key: ec.EllipticCurvePrivateKey, named: str) -> bytes:
    payload = canonical(said)
    message = b"DSSEv1 %d %s %d %s" % (len(IN_TOTO), IN_TOTO.encode(), len(payload), payload)
    digest = _HASHES[key.curve.name]()
    signature = key.sign(message, ec.ECDSA(digest, deterministic_signing=True))
    named = named or hint(key)
    return canonical({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": named}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(), "payloadType": IN_TOTO,
            "signatures": [{"keyid": named, "sig": base64.b64encode(signature).decode()}],
        },
    })  # fmt: skip


def _bundle(members: Members, change: Change) -> bytes:
    made = json.loads(signed(members, ALICE))
    change(made)
    return canonical(made)
