"""Keyless bundles: real ones and our own count offline, under the exact identity, issuer and trusted root only."""

from __future__ import annotations

import base64
import json
import re
import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest

from amber.errors import UsageError
from amber.policy import Keyless, Policy, Signer
from amber.trust import keyless, statement
from amber.trust.bundle import decode
from amber.trust.judge import Found, judge
from amber.trust.reasons import NotTrusted
from amber.trust.revocation import fingerprint
from tests.trust_fixtures.keyless import IDENTITY, ISSUER, LOGGED, PAYLOAD_TYPE, Instance, b64

VECTORS = Path(__file__).parents[2] / "vectors" / "sigstore" / "keyless"
PUBLIC = (VECTORS / "trusted_root.json").read_bytes()
STAGING = (VECTORS / "trusted_root.staging.json").read_bytes()
REAL_IDENTITY = "stefanb@us.ibm.com"
REAL_ISSUER = "https://sigstore.verify.ibm.com/oauth2"
REAL = {
    "v0.3.1": datetime(2025, 5, 3, 1, 10, 2, tzinfo=UTC),
    "v1.0.0": datetime(2025, 5, 3, 1, 34, 46, tzinfo=UTC),
    "v1.0.1": datetime(2025, 10, 7, 15, 33, 47, tzinfo=UTC),
    "v1.1.0": datetime(2025, 10, 10, 2, 12, 19, tzinfo=UTC),
    "spec": datetime(2025, 10, 10, 2, 12, 19, tzinfo=UTC),
}
INSTANCE = Instance()
ANOTHER = Instance()
STATEMENT = statement.oms("churn", {"manifest.json": "ab" * 32, "model/0.safetensors": "cd" * 32})
BUNDLE = INSTANCE.sign(STATEMENT)

pytestmark = pytest.mark.usefixtures("no_network")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise AssertionError("a verifier asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def ours(instance: Instance = INSTANCE, *, identity: str = IDENTITY, issuer: str = ISSUER, **periods: Any) -> Keyless:
    return Keyless(identity=identity, issuer=issuer, trusted_root=instance.trusted_root(**periods))


def real(identity: str = REAL_IDENTITY, issuer: str = REAL_ISSUER, root: bytes = PUBLIC) -> Keyless:
    return Keyless(identity=identity, issuer=issuer, trusted_root=root)


def refused(data: bytes, wanted: Keyless, status: str = "unknown", **how: Any) -> str:
    with pytest.raises(NotTrusted) as caught:
        keyless.verify(data, wanted, **how)
    assert caught.value.status == status
    return caught.value.detail


def changed(data: bytes, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> bytes:
    """Return the bundle after a change of its material and its envelope."""
    bundle = json.loads(data)
    change(bundle["verificationMaterial"], bundle["dsseEnvelope"])
    return json.dumps(bundle).encode()


@pytest.mark.parametrize("name", REAL)
def test_a_real_bundle_counts(name: str) -> None:
    data = (VECTORS / f"{name}.json").read_bytes()
    payload_type, payload, time = keyless.verify(data, real())
    read = decode(data, name)
    assert (payload_type, payload) == (read.payload_type, read.payload)
    assert read.method == "keyless"
    assert 0 <= (time - REAL[name]).total_seconds() < 60  # the leaf is issued, then the entry is logged


@pytest.mark.parametrize("name", REAL)
def test_a_real_bundle_does_not_count_for_anybody_else(name: str) -> None:
    data = (VECTORS / f"{name}.json").read_bytes()
    refused(data, real(identity="stefanb@us.ibm.co"))
    refused(data, real(identity=REAL_IDENTITY.upper()))
    refused(data, real(issuer=REAL_ISSUER + "/"))
    refused(data, real(root=STAGING))
    refused(data, real(root=INSTANCE.trusted_root()))


def test_the_time_may_come_from_an_authority_alone_and_must_come_from_somewhere() -> None:
    data = (VECTORS / "spec.json").read_bytes()

    def no_promise(material: Any, _: Any) -> None:
        del material["tlogEntries"][0]["inclusionPromise"]

    def no_token(material: Any, _: Any) -> None:
        material["timestampVerificationData"] = {}

    stamped, promised = changed(data, no_promise), changed(data, no_token)
    assert keyless.verify(stamped, real())[2] == datetime(2025, 10, 10, 2, 12, 20, tzinfo=UTC)
    assert keyless.verify(promised, real())[2] == keyless.verify(data, real())[2]
    assert refused(changed(promised, no_promise), real())
    assert refused(changed(stamped, no_token), real())
    tsa = json.loads(PUBLIC)["timestampAuthorities"][0]["certChain"]["certificates"][0]["rawBytes"]
    assert refused(stamped, real(), revoked=[fingerprint(base64.b64decode(tsa))])


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(STATEMENT, id="oms"),
        pytest.param(
            statement.attestation(
                "ab" * 32,
                "churn",
                "https://in-toto.io/attestation/test-result/v0.1",
                {"result": "PASSED", "configuration": []},
            ),
            id="test-result",
        ),
    ],
)
def test_a_statement_of_amber_counts(payload: bytes) -> None:
    assert keyless.verify(INSTANCE.sign(payload), ours()) == (PAYLOAD_TYPE, payload, LOGGED)


def test_a_bundle_without_the_field_for_tokens_counts() -> None:
    def no_field(material: Any, _: Any) -> None:
        del material["timestampVerificationData"]

    assert keyless.verify(changed(BUNDLE, no_field), ours())[2] == LOGGED


def test_another_identity_issuer_or_instance() -> None:
    refused(BUNDLE, ours(identity="eve@amber.test"))
    refused(BUNDLE, ours(issuer="https://issuer.amber.test.evil"))
    refused(BUNDLE, ours(ANOTHER))
    refused(BUNDLE, real(IDENTITY, ISSUER))
    refused(ANOTHER.sign(STATEMENT), ours())
    refused(INSTANCE.sign(STATEMENT, identity="eve@amber.test"), ours())
    refused(INSTANCE.sign(STATEMENT, issuer="https://evil.test"), ours())


def _swap_payload(_: Any, envelope: Any) -> None:
    envelope["payload"] = b64(STATEMENT.replace(b"churn", b"chorn"))


def _swap_type(_: Any, envelope: Any) -> None:
    envelope["payloadType"] = "application/json"


def _swap_signature(_: Any, envelope: Any) -> None:
    envelope["signatures"] = json.loads(INSTANCE.sign(STATEMENT))["dsseEnvelope"]["signatures"]


def _second_signature(_: Any, envelope: Any) -> None:
    envelope["signatures"] = envelope["signatures"] * 2


def _no_entry(material: Any, _: Any) -> None:
    material["tlogEntries"] = []


def _entry_of_another(material: Any, _: Any) -> None:
    material["tlogEntries"] = json.loads(INSTANCE.sign(b"{}"))["verificationMaterial"]["tlogEntries"]


def _no_promise(material: Any, _: Any) -> None:
    """Without the promise nobody has signed the entry's time, and there is no token."""
    del material["tlogEntries"][0]["inclusionPromise"]


def _no_time(material: Any, _: Any) -> None:
    del material["tlogEntries"][0]["integratedTime"]


def _later(material: Any, _: Any) -> None:
    material["tlogEntries"][0]["integratedTime"] = str(int(LOGGED.timestamp()) + 1)


def _no_proof(material: Any, _: Any) -> None:
    del material["tlogEntries"][0]["inclusionProof"]


def _no_checkpoint(material: Any, _: Any) -> None:
    del material["tlogEntries"][0]["inclusionProof"]["checkpoint"]


def _certificate_of_another(material: Any, _: Any) -> None:
    material["certificate"] = json.loads(INSTANCE.sign(STATEMENT))["verificationMaterial"]["certificate"]


def _authority_as_leaf(material: Any, _: Any) -> None:
    material["certificate"]["rawBytes"] = b64(INSTANCE.authority.der)


def _garbage_leaf(material: Any, _: Any) -> None:
    material["certificate"]["rawBytes"] = b64(b"\x30\x03\x02\x01\x00")


def _garbage_token(material: Any, _: Any) -> None:
    material["timestampVerificationData"] = {"rfc3161Timestamps": [{"signedTimestamp": b64(b"\x30\x00")}]}


def _wrong_types(material: Any, _: Any) -> None:
    material["tlogEntries"] = [{"logIndex": -1, "kindVersion": None}]


@pytest.mark.parametrize(
    "change",
    [
        _swap_payload, _swap_type, _swap_signature, _second_signature, _no_entry, _entry_of_another, _no_promise,
        _no_time, _later, _no_proof, _no_checkpoint, _certificate_of_another, _authority_as_leaf, _garbage_leaf,
        _garbage_token, _wrong_types,
    ],
)  # fmt: skip
def test_a_changed_bundle_is_refused_with_a_reason(change: Any) -> None:
    assert keyless.verify(changed(BUNDLE, lambda *_: None), ours())
    assert refused(changed(BUNDLE, change), ours())


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{}", id="nothing in it"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"\xff", id="no text"),
        pytest.param(b'{"mediaType":1}', id="a wrong type"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(BUNDLE[:-9], id="cut off"),
    ],
)
def test_bytes_that_are_no_bundle_are_refused_with_a_reason(data: bytes) -> None:
    assert refused(data, ours())


@pytest.mark.parametrize(
    "root",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{}", id="nothing in it"),
        pytest.param(b"no JSON", id="no JSON"),
        pytest.param(PUBLIC[:-50], id="cut off"),
        pytest.param(PUBLIC.replace(b"version=0.1", b"version=9.9"), id="another version"),
        pytest.param(PUBLIC.replace(b'"tlogs"', b'"logs"'), id="a field nobody knows"),
        pytest.param(PUBLIC.replace(b"{", b'{"mediaType":"x",', 1), id="a key that stands twice"),
        pytest.param(re.sub(rb'"rawBytes": *"MII', b'"rawBytes":"AAA', PUBLIC), id="garbage for certificates"),
        pytest.param(re.sub(rb'"tlogs": *\[.*?\n  \]', b'"tlogs":[]', PUBLIC, flags=re.S), id="no log"),
        pytest.param(PUBLIC.replace(b":00Z", b":00"), id="a time without an offset"),
        pytest.param(b'{"a":"' + b"x" * (2 << 20) + b'"}', id="huge"),
    ],
)
def test_a_trusted_root_that_cannot_be_read_is_the_policys_fault(root: bytes) -> None:
    assert root != PUBLIC

    class Unchecked:
        identity, issuer, trusted_root = IDENTITY, ISSUER, root

    with pytest.raises(UsageError) as caught:
        keyless.verify(BUNDLE, Unchecked)  # type: ignore[arg-type]
    assert caught.value.code == "policy-invalid"


@pytest.mark.parametrize("field", ["identity", "issuer"])
def test_an_empty_identity_or_issuer_is_no_wildcard(field: str) -> None:
    class Unchecked:
        identity, issuer, trusted_root = IDENTITY, ISSUER, INSTANCE.trusted_root()

    setattr(Unchecked, field, "")
    with pytest.raises(UsageError) as caught:
        keyless.verify(BUNDLE, Unchecked)  # type: ignore[arg-type]
    assert caught.value.code == "policy-invalid"


@pytest.mark.parametrize("kind", ["tlogs", "ctlogs", "certificateAuthorities"])
def test_a_log_or_authority_counts_while_the_trusted_root_says_it_was_in_use(kind: str) -> None:
    within = {"start": "2025-06-01T00:00:00Z", "end": "2025-06-02T00:00:00Z"}
    assert keyless.verify(BUNDLE, ours(**{kind: within}))
    refused(BUNDLE, ours(**{kind: {"start": "2025-01-01T00:00:00Z", "end": "2025-06-01T12:00:00Z"}}))
    refused(BUNDLE, ours(**{kind: {"start": "2025-06-02T00:00:00Z"}}))


def test_a_revoked_leaf_or_authority() -> None:
    leaf = base64.b64decode(json.loads(BUNDLE)["verificationMaterial"]["certificate"]["rawBytes"])
    refused(BUNDLE, ours(), "revoked", revoked=[fingerprint(leaf)])
    refused(BUNDLE, ours(), "revoked", revoked=[fingerprint(INSTANCE.authority.der)])
    assert keyless.verify(BUNDLE, ours(), revoked=[fingerprint(ANOTHER.authority.der)])


@pytest.mark.parametrize("name", ["v1.1.0", "spec"])
def test_a_real_bundle_counts_from_its_log_time_on(name: str) -> None:
    """Judged as of a moment before it was logged it was not there yet; the second in which it was logged counts."""
    data = (VECTORS / f"{name}.json").read_bytes()
    logged = keyless.verify(data, real())[2]
    rules = Policy(signers=(Signer("ci", keyless=(real(),)),))
    said = statement.decode(decode(data, name).payload, name)
    digests = {each["name"]: each["digest"] for each in said.predicate["resources"]}

    def judged(at: datetime) -> Found:
        return judge({name: data}, digests, said.subject, rules, at)[0]

    for at in (logged, logged + timedelta(days=9000)):
        assert (judged(at).status, judged(at).signer, judged(at).time) == ("counted", "ci", logged)
    early = judged(logged - timedelta(seconds=1))
    assert (early.status, early.signer) == ("expired", "ci")
    assert f"{logged:%Y-%m-%dT%H:%M:%SZ}, after the time of judgement" in early.detail


def test_of_an_early_judgement_the_end_of_the_signer_changes_nothing() -> None:
    """A log time from after the judgement neither lets a signature stand nor ends it earlier than its signer."""
    digests = {"manifest.json": "ab" * 32, "model/0.safetensors": "cd" * 32}
    person = Signer("ci", keyless=(ours(),), until=LOGGED + timedelta(days=1))

    def status(at: datetime) -> str:
        return judge({"b": BUNDLE}, digests, "", Policy(signers=(person,)), at)[0].status

    assert status(LOGGED - timedelta(days=1)) == "expired"
    assert status(LOGGED) == "counted"
    assert status(LOGGED + timedelta(days=400)) == "counted", "its time was before the end"


def test_a_bundle_of_before_media_type_0_3_is_not_supported() -> None:
    made = json.loads(BUNDLE)
    made["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2"
    leaf = made["verificationMaterial"].pop("certificate")
    made["verificationMaterial"]["x509CertificateChain"] = {"certificates": [leaf]}
    refused(json.dumps(made).encode(), ours(), "unsupported")


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sigstore.verify", None)
    with pytest.raises(UsageError) as caught:
        keyless.verify(BUNDLE, ours())
    assert caught.value.code == "library-missing"
    assert "amber[keyless]" in caught.value.hint
