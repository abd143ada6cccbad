"""Attestations say only what was seen: made here by the real verbs, read by a second implementation of DSSE."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import amber
from amber.cli.tour.tampering import flip_one_byte, shift_means
from amber.errors import AmberError, CaseError, FormatError, SaveError, SourceError, UsageError
from amber.limits import Limits
from amber.models.attest import Attested, attest
from amber.models.claims import gate_claim, replay_claim
from amber.policy import Certificate, Key, Policy, Signer
from amber.trust import issue, keys, predicates
from amber.vault.attest import Claim, bundle_of, identified
from amber.vault.sign import add, sign

GATE = {"verifier_id": "https://example.org/gate", "resource_uri": "urn:example:churn"}
BUILD = {"builder_id": "https://example.org/builder", "build_type": "urn:example:training"}
PATIENT = Limits(replay_seconds=900)
AT = datetime(2030, 1, 31, 12, tzinfo=UTC)
CUSTOM = """
import pathlib
from sklearn.base import BaseEstimator, TransformerMixin

class Doubler(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.seen_ = 1
        return self

    def transform(self, X):
        if pathlib.Path(__file__).with_name("break").exists():
            raise ValueError("broken now")
        return X * 2
"""


@pytest.fixture(scope="module")
def signer() -> keys.PrivateKey:
    return keys.generate()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chance = np.random.default_rng(3)
    X = chance.normal(size=(80, 3))
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, X[:, 0] > 0)
    path = tmp_path_factory.mktemp("attest") / "churn.amber"
    amber.save(model, path, sample=X[:30], name="churn", version="1.4.0", metrics={"auc": 0.9})
    return path


@pytest.fixture
def churn(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(saved, tmp_path / "churn.amber"))


@pytest.fixture
def drifted(churn: Path) -> Path:
    amber.unpack(churn, churn.with_name("changed"))
    shift_means(churn.with_name("changed"), 0.3)
    amber.pack(churn.with_name("changed"), churn)
    return churn


def made(path: Path, kind: Any, signer: keys.PrivateKey, **words: Any) -> Attested:
    return attest(path, kind, signing=signer, policy=words.pop("policy", Policy(limits=PATIENT)), **words)


def bundle(path: Path, member: str) -> dict[str, Any]:
    if member.startswith("signatures/"):
        amber.unpack(path, path.with_name("read"))
        data = (path.with_name("read") / member).read_bytes()
        shutil.rmtree(path.with_name("read"))
    else:
        data = Path(member).read_bytes()
    found: dict[str, Any] = json.loads(data)
    return found


def statement(path: Path, member: str, signer: keys.PrivateKey) -> dict[str, Any]:
    """Verify by securesystemslib, whose key id is the hint, and return what was signed."""
    found = bundle(path, member)
    hint = found["verificationMaterial"]["publicKey"]["hint"]
    public = SSlibKey(hint, "ecdsa", "ecdsa-sha2-nistp256", {"public": signer.public.pem.decode()})
    envelope = Envelope.from_dict(found["dsseEnvelope"])
    assert envelope.verify([public], 1) == {hint: public}
    said: dict[str, Any] = json.loads(envelope.payload)
    return said


def test_a_replay_that_passes(churn: Path, signer: keys.PrivateKey) -> None:
    before = amber.inspect(churn)
    done = made(churn, "test-result", signer)
    assert (done.kind, done.result, done.id) == ("test-result", "PASSED", before.id)
    assert done.written == ("signatures/0001-test-result.sigstore.json",)
    said = statement(churn, done.written[0], signer)
    assert said["subject"] == [{"name": "churn", "digest": {"sha256": before.id}}]
    assert said["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    groups = sorted({Path(name).stem for name in before.members if name.startswith("cases/")})
    assert said["predicate"]["passedTests"] == groups
    assert not {"failedTests", "warnedTests"} & set(said["predicate"])
    cases, environment = said["predicate"]["configuration"]
    assert cases["annotations"] == {"knifeEdge": 0, "rows": before.manifest.cases.rows, "verdict": "identical"}
    facts = json.dumps(environment["annotations"], sort_keys=True, separators=(",", ":")).encode()
    assert environment["digest"] == {"sha256": hashlib.sha256(facts).hexdigest()}
    assert environment["annotations"]["packages"]["numpy"] == np.__version__


def test_the_cases_are_named_by_their_bytes(churn: Path, signer: keys.PrivateKey) -> None:
    done = made(churn, "test-result", signer)
    amber.unpack(churn, churn.with_name("folder"))
    raw = [hashlib.sha256(each.read_bytes()).digest() for each in sorted(churn.with_name("folder").glob("cases/*"))]
    cases = statement(churn, done.written[0], signer)["predicate"]["configuration"][0]
    assert cases["digest"] == {"sha256": hashlib.sha256(b"".join(raw)).hexdigest()}


def test_a_statement_has_a_time_only_where_one_is_given(churn: Path, signer: keys.PrivateKey) -> None:
    first = bundle(churn, made(churn, "test-result", signer).written[0])
    second = made(churn, "test-result", signer)
    assert second.written == ()  # the same replay on the same machine is the same statement
    assert second.there == ("signatures/0001-test-result.sigstore.json",)
    at = AT.astimezone(timezone(timedelta(hours=2)))
    given = made(churn, "test-result", signer, at=at)
    assert bundle(churn, given.written[0]) != first
    cases = statement(churn, given.written[0], signer)["predicate"]["configuration"][0]
    assert cases["annotations"]["replayedOn"] == "2030-01-31T12:00:00Z"


def test_a_replay_that_drifted_warns_and_names_the_groups(drifted: Path, signer: keys.PrivateKey) -> None:
    done = made(drifted, "test-result", signer)
    assert done.result == "WARNED"
    predicate = statement(drifted, done.written[0], signer)["predicate"]
    findings = {each.group for each in amber.verify(drifted, policy=Policy(limits=PATIENT)).findings}
    assert predicate["result"] == "WARNED"
    assert set(predicate["warnedTests"]) == findings
    assert not findings & set(predicate.get("passedTests", ()))
    assert predicate["configuration"][0]["annotations"]["verdict"] == "drifted"


def test_a_program_is_a_test(churn: Path, signer: keys.PrivateKey) -> None:
    policy = Policy(limits=PATIENT)
    amber.freeze(churn, churn, policy=policy)
    done = made(churn, "test-result", signer)
    assert statement(churn, done.written[0], signer)["predicate"]["passedTests"][-1] == "programs"


@pytest.fixture
def custom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "doubling.py").write_text(CUSTOM)
    monkeypatch.syspath_prepend(tmp_path)
    import doubling  # type: ignore[import-not-found]

    X = np.arange(40.0).reshape(20, 2)
    model = make_pipeline(doubling.Doubler(), LogisticRegression()).fit(X, X[:, 0] > 15)
    amber.save(model, tmp_path / "own.amber", sample=X, policy=Policy(allow=("doubling.Doubler",), limits=PATIENT))
    yield tmp_path / "own.amber"
    sys.modules.pop("doubling", None)


def test_a_model_that_breaks_fails_and_says_so_beside_the_file(custom: Path, signer: keys.PrivateKey) -> None:
    policy = Policy(allow=("doubling.Doubler",), limits=PATIENT)
    assert made(custom, "test-result", signer, policy=policy, target=custom.with_name("b.amber")).result == "PASSED"
    custom.with_name("break").touch()
    before = custom.read_bytes()
    with pytest.raises(SaveError) as caught:
        made(custom, "test-result", signer, policy=policy)
    assert caught.value.code == "attest-detached-only"
    assert custom.read_bytes() == before
    done = made(custom, "test-result", signer, policy=policy, detached=True)
    assert (done.result, done.written) == ("FAILED", (f"{custom}.0001-test-result.sigstore.json",))
    predicate = statement(custom, done.written[0], signer)["predicate"]
    assert predicate["result"] == "FAILED"
    assert predicate["failedTests"]
    assert "passedTests" not in predicate
    assert custom.read_bytes() == before


def refused(path: Path, kind: Any, signer: Any, **words: Any) -> AmberError:
    before = path.read_bytes(), sorted(path.parent.glob("*.sigstore.json"))
    with pytest.raises(AmberError) as caught:
        made(path, kind, signer, **words)
    assert (path.read_bytes(), sorted(path.parent.glob("*.sigstore.json"))) == before
    return caught.value


def test_what_our_own_rules_end_says_nothing_about_the_model(custom: Path, signer: keys.PrivateKey) -> None:
    error = refused(custom, "test-result", signer, detached=True)
    assert isinstance(error, CaseError)
    assert error.code == "attest-unchecked"
    assert "--allow" in error.hint


def test_without_a_replay_there_is_nothing_to_attest(churn: Path, signer: keys.PrivateKey) -> None:
    late = Policy(limits=Limits(replay_seconds=0.01))
    error = refused(churn, "test-result", signer, policy=late, detached=True)
    assert error.code == "attest-unchecked"
    assert "budget" in error.message
    assert refused(churn, "vsa", signer, policy=late, detached=True, **GATE).code == "attest-unchecked"


@pytest.mark.parametrize("kind", ["test-result", "vsa", "sbom", "provenance"])
def test_what_is_not_whole_is_not_spoken_of(kind: Any, churn: Path, signer: keys.PrivateKey) -> None:
    flip_one_byte(churn, churn)
    words = {"vsa": GATE, "provenance": BUILD}.get(kind, {})
    error = refused(churn, kind, signer, detached=True, **words)
    assert isinstance(error, FormatError)
    assert error.code in {"attest-unchecked", "crc-mismatch", "digest-mismatch"}


class Replaced(io.BytesIO):
    """A file that another one takes the place of once it was read."""

    def __init__(self, first: Path, second: Path) -> None:
        super().__init__(first.read_bytes())
        self.contents = [second.read_bytes()]

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        # the reader asks for the size first, and is at the end of what it read when it comes again
        if whence == os.SEEK_END and self.tell() and self.contents:
            self.truncate(0)
            super().seek(0)
            self.write(self.contents.pop())
        return super().seek(offset, whence)


@pytest.mark.parametrize(("claim", "words"), [(replay_claim, {}), (gate_claim, GATE)], ids=["replay", "gate"])
def test_a_file_replaced_meanwhile_is_noticed(claim: Any, words: dict[str, str], churn: Path) -> None:
    amber.redact(churn, churn.with_name("other.amber"))
    with pytest.raises(SourceError) as caught:
        claim(Replaced(churn, churn.with_name("other.amber")), policy=Policy(limits=PATIENT), **words)
    assert caught.value.code == "source-changed"


def test_a_build_is_what_was_given(churn: Path, signer: keys.PrivateKey, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_SHA", "GITHUB_REPOSITORY", "CI_COMMIT_SHA", "CI_PROJECT_URL", "BUILD_ID"):
        monkeypatch.setenv(name, "leaked")
    materials = ["https://example.org/rows.parquet=sha256:" + "ab" * 32]
    done = made(churn, "provenance", signer, materials=materials, parameters={"seed": "7"}, **BUILD)
    said = statement(churn, done.written[0], signer)
    assert "leaked" not in json.dumps(said)
    assert said["predicateType"] == "https://slsa.dev/provenance/v1"
    assert said["predicate"] == predicates.of_build(BUILD["builder_id"], BUILD["build_type"], materials, {"seed": "7"})


@pytest.mark.parametrize(
    ("form", "predicate_type"), [("cyclonedx", "https://cyclonedx.org/bom"), ("spdx", "https://spdx.dev/Document/v3")]
)
def test_a_bill_of_materials(form: str, predicate_type: str, churn: Path, signer: keys.PrivateKey) -> None:
    expected = amber.sbom(churn, format=form)  # type: ignore[arg-type]
    done = made(churn, "sbom", signer, format=form)
    said = statement(churn, done.written[0], signer)
    assert (said["predicateType"], said["predicate"]) == (predicate_type, expected)
    assert amber.sbom(churn, format=form) == expected  # type: ignore[arg-type]  # bundles change nothing in it
    assert made(churn, "sbom", signer, format=form).there == done.written


def test_an_unknown_form_is_refused(churn: Path, signer: keys.PrivateKey) -> None:
    assert refused(churn, "sbom", signer, format="swid").code == "sbom-unknown"


def test_a_bill_of_materials_too_large_for_a_bundle_is_refused(tmp_path: Path, signer: keys.PrivateKey) -> None:
    from amber.archive import manifest as m
    from tests.unit.archive.samples import artifact

    inputs = [m.InputInfo(name="x" * 1024 + str(i), dtype="float64", shape=[-1]) for i in range(256)]
    (tmp_path / "wide.amber").write_bytes(artifact(inputs=inputs))
    error = refused(tmp_path / "wide.amber", "sbom", signer)
    assert error.code == "attest-too-large"


def policy_of(signer: keys.PrivateKey, **more: Any) -> Policy:
    return Policy(signers=(Signer("alice", keys=(Key(signer.public.der, None),)),), limits=PATIENT, **more)


def test_a_gate_that_passes_names_its_policy_and_what_counted(churn: Path, signer: keys.PrivateKey) -> None:
    sign(churn, signing=signer)
    made(churn, "test-result", signer)
    sign(churn, signing=keys.generate())  # a stranger's: shown to a reader, and not counted
    policy = policy_of(signer)
    done = made(churn, "vsa", signer, policy=policy, at=AT, policy_uri="https://example.org/policy.toml", **GATE)
    said = statement(churn, done.written[0], signer)["predicate"]
    amber.unpack(churn, churn.with_name("folder"))
    counted = ["signatures/0001-oms.sigstore.json", "signatures/0002-test-result.sigstore.json"]
    assert said == {
        "verifier": {"id": GATE["verifier_id"], "version": {"amber": amber.__version__}},
        "timeVerified": "2030-01-31T12:00:00Z",
        "resourceUri": GATE["resource_uri"],
        "policy": {
            "uri": "https://example.org/policy.toml",
            "digest": {"sha256": amber.verify(churn, policy=policy, cases=False).policy},
        },
        "inputAttestations": [
            {
                "name": name,
                "digest": {"sha256": hashlib.sha256((churn.with_name("folder") / name).read_bytes()).hexdigest()},
            }
            for name in counted
        ],
        "verificationResult": "PASSED",
        "verifiedLevels": [],
    }


def test_a_gate_that_refuses_says_so_beside_the_file(churn: Path, signer: keys.PrivateKey) -> None:
    policy = policy_of(signer, names=("fraud-*",))
    assert refused(churn, "vsa", signer, policy=policy, **GATE).code == "attest-detached-only"
    done = made(churn, "vsa", signer, policy=policy, detached=True, **GATE)
    assert done.result == "FAILED"
    assert done.written == (f"{churn}.0001-vsa.sigstore.json",)
    said = statement(churn, done.written[0], signer)["predicate"]
    assert (said["verificationResult"], said["inputAttestations"]) == ("FAILED", [])


def test_a_gate_counts_detached_bundles(churn: Path, signer: keys.PrivateKey) -> None:
    beside = sign(churn, signing=signer, detached=True).written[0]
    data = Path(beside).read_bytes()
    done = made(churn, "vsa", signer, policy=policy_of(signer), bundles={beside: data}, **GATE)
    said = statement(churn, done.written[0], signer)["predicate"]
    (counted,) = said["inputAttestations"]
    assert counted["digest"]["sha256"] == hashlib.sha256(data).hexdigest()
    assert counted["name"] == os.path.basename(beside), "not the folders of the machine that judged"


def test_a_gate_counts_a_detached_bundle_that_is_spelt_like_a_member(churn: Path, signer: keys.PrivateKey) -> None:
    beside = Path(sign(churn, signing=signer, detached=True).written[0]).read_bytes()
    member = sign(churn, signing=signer).written[0]
    done = made(churn, "vsa", signer, policy=policy_of(signer), bundles={member: beside}, **GATE)
    said = statement(churn, done.written[0], signer)["predicate"]
    assert [each["name"] for each in said["inputAttestations"]] == [member, Path(member).name]
    assert {each["digest"]["sha256"] for each in said["inputAttestations"]} == {hashlib.sha256(beside).hexdigest()}


def test_a_gate_that_expects_another_name_fails(churn: Path, signer: keys.PrivateKey) -> None:
    done = made(churn, "vsa", signer, detached=True, expect="fraud", **GATE)
    assert done.result == "FAILED"


def test_a_drifted_model_does_not_pass_a_gate(drifted: Path, signer: keys.PrivateKey) -> None:
    assert made(drifted, "vsa", signer, detached=True, **GATE).result == "FAILED"


def test_the_id_and_the_reader_do_not_change(churn: Path, signer: keys.PrivateKey) -> None:
    before = amber.inspect(churn).id
    sign(churn, signing=signer)
    for kind, words in (("test-result", {}), ("sbom", {}), ("provenance", BUILD), ("vsa", GATE)):
        made(churn, kind, signer, **words)
    report = amber.verify(churn, policy=policy_of(signer))
    assert (report.id, report.verdict, report.refused) == (before, "identical", ())
    assert [each.kind for each in report.signatures] == ["oms", "test-result", "sbom", "provenance", "vsa"]
    assert {each.status for each in report.signatures} == {"counted"}


def test_an_attestation_of_one_artifact_is_none_of_another(churn: Path, signer: keys.PrivateKey) -> None:
    other = churn.with_name("other.amber")
    amber.redact(churn, other)
    done = made(churn, "test-result", signer, detached=True)
    with pytest.raises(FormatError) as caught:
        add(other, [done.written[0]])
    assert caught.value.code == "attestation-subject"


def test_the_second_implementation_notices_a_changed_statement(churn: Path, signer: keys.PrivateKey) -> None:
    done = made(churn, "provenance", signer, detached=True, **BUILD)
    found = json.loads(Path(done.written[0]).read_bytes())
    payload = base64.b64decode(found["dsseEnvelope"]["payload"]).replace(b"training", b"trainlng")
    found["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    Path(done.written[0]).write_text(json.dumps(found))
    with pytest.raises(VerificationError):
        statement(churn, done.written[0], signer)


def test_a_folder_is_attested_in_place(churn: Path, signer: keys.PrivateKey) -> None:
    folder = churn.with_name("folder")
    amber.unpack(churn, folder)
    done = made(folder, "provenance", signer, **BUILD)
    data = (folder / done.written[0]).read_bytes()
    made(churn, "provenance", signer, **BUILD)
    assert bundle(churn, done.written[0]) == json.loads(data)


def test_a_signer_may_have_a_certificate(churn: Path, signer: keys.PrivateKey) -> None:
    authority = keys.generate()
    root = issue.issue_ca(authority, "Example CA")
    leaf = issue.issue_leaf(authority, root, signer.public, "ci@example.org")
    done = made(churn, "sbom", signer, chain=(leaf, root))
    assert done.written == ("signatures/0001-sbom.sigstore.json",)
    ci = Signer("ci", certificates=(Certificate(root, san="ci@example.org"),))
    (found,) = amber.verify(churn, policy=Policy(signers=(ci,)), cases=False).signatures
    assert (found.kind, found.method, found.status, found.signer) == ("sbom", "certificate", "counted", "ci")
    stranger = refused(churn, "sbom", keys.generate(), chain=(leaf, root))
    assert isinstance(stranger, UsageError)


@pytest.mark.parametrize("predicate", [{"result": "great"}, {}, {"result": ["PASSED"]}], ids=["word", "none", "list"])
def test_a_statement_with_another_word_refuses_the_artifact(
    predicate: dict[str, Any], churn: Path, signer: keys.PrivateKey
) -> None:
    id, name = identified(churn)
    bad = Claim("test-result", id, name, predicates.TEST_RESULT, predicate)
    with pytest.raises(FormatError) as caught:
        add(churn, [bundle_of(bad, signer)])
    assert caught.value.code == "statement-invalid"
    beside = {"x.0001-test-result.sigstore.json": bundle_of(bad, signer)}
    for policy in (policy_of(signer), Policy()):  # of a known signer and of a stranger
        report = amber.verify(churn, policy=policy, bundles=beside, cases=False)
        assert (report.verdict, report.reason) == ("broken", "statement-invalid")


class WrongHand:
    """A signer whose answers are by another key than the one it shows."""

    def __init__(self) -> None:
        self.public = keys.generate().public

    def sign(self, message: bytes) -> bytes:
        return keys.generate().sign(message)


def test_a_wrong_signature_is_never_written(churn: Path) -> None:
    assert refused(churn, "sbom", WrongHand()).code == "signer-failed"


def test_a_key_file_and_its_passphrase(churn: Path, signer: keys.PrivateKey) -> None:
    churn.with_name("key").write_bytes(signer.encrypted(b"sixteen characters"))
    churn.with_name("key").chmod(0o600)
    done = attest(churn, "sbom", key=churn.with_name("key"), passphrase="sixteen characters")
    assert statement(churn, done.written[0], signer)["subject"][0]["digest"] == {"sha256": done.id}
    with pytest.raises(UsageError, match="a key or a signer"):
        attest(churn, "sbom")
    assert json.loads(json.dumps(done.to_dict()))["written"] == list(done.written)


@pytest.mark.parametrize(
    ("kind", "words", "where"),
    [
        ("oms", {}, "kind"),
        ("provenance", {}, "builder_id and build_type"),
        ("provenance", {"builder_id": "urn:a:b"}, "build_type"),
        ("provenance", {**BUILD, "materials": ["rows.csv"]}, "material"),
        ("vsa", {"verifier_id": "urn:a:b"}, "resource_uri"),
        ("vsa", {**GATE, "policy_uri": "here"}, "policy-uri"),
        ("sbom", {"builder_id": "urn:a:b"}, "builder_id"),
        ("vsa", {**GATE, "at": datetime(2030, 1, 1)}, "at"),
        ("test-result", {"at": datetime(2030, 1, 1)}, "at"),
    ],
    ids=["kind", "builder", "type", "material", "resource", "policy", "other-kind", "gate-zone", "zone"],
)
def test_words_that_are_missing_or_misplaced(
    kind: str, words: dict[str, Any], where: str, churn: Path, signer: keys.PrivateKey
) -> None:
    error = refused(churn, kind, signer, **words)
    assert isinstance(error, UsageError)
    assert (error.code, error.where) == ("attest-invalid", where)
