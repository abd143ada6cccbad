"""Under a policy that names signers: what load, verify, program and predict accept, and how each attack ends."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load
from sklearn.linear_model import LogisticRegression

import amber
from amber.archive.digests import blake3_hex
from amber.archive.write import write_artifact
from amber.errors import AmberError, FormatError, PolicyError, UsageError
from amber.policy import Policy
from tests.unit.signing import ALICE, BOB, attested, pem, signed

RNG = np.random.default_rng(11)
X = RNG.normal(size=(60, 3))
FIRST = "signatures/0001-oms.sigstore.json"
Members = dict[str, bytes]


def saved(folder: Path, name: str = "churn", version: str = "1.2.0", flip: bool = False) -> Members:
    """The members of a small model."""
    path = folder / f"{name}-{version}-{flip}.amber"
    model = LogisticRegression().fit(X, (X[:, 0] < 0) if flip else (X[:, 0] > 0))
    amber.save(model, path, sample=X[:20], name=name, version=version)
    amber.unpack(path, folder / f"{path.stem}-members")
    root = folder / f"{path.stem}-members"
    return {each.relative_to(root).as_posix(): each.read_bytes() for each in root.rglob("*") if each.is_file()}


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Members:
    return saved(tmp_path_factory.mktemp("members"))


@pytest.fixture
def put(tmp_path: Path) -> Callable[[Members], Path]:
    def write(found: Members) -> Path:
        write_artifact(tmp_path / "m.amber", {name: [data] for name, data in found.items()})
        return tmp_path / "m.amber"

    return write


def by(members: Members, *keys: Any) -> Members:
    """The members signed by keys."""
    more = {f"signatures/{number:04d}-oms.sigstore.json": signed(members, key) for number, key in enumerate(keys, 1)}
    return {**members, **more}


def wants(*labels: str, **rule: Any) -> Policy:
    """A policy that knows alice and bob, and wants signatures of some of them of everything called churn."""
    return Policy.from_dict({
        "signers": {"alice": {"keys": [pem(ALICE)]}, "bob": {"keys": [pem(BOB)]}},
        "rule": [{"names": ["churn"], "require": [{"from": [label]} for label in labels], **rule}],
    })  # fmt: skip


def refused(path: Path, policy: Policy | None, **asked: Any) -> str:
    """The code with which `load` refuses; `verify` says the same."""
    with pytest.raises(AmberError) as caught:
        amber.load(path, policy=policy, **asked)
    report = amber.verify(path, policy=policy, cases=False, **asked)
    assert report.exit_code == 2 or report.refused
    said = report.reason if report.verdict == "broken" else report.refused[0].partition(":")[0]
    assert said == caught.value.code
    return caught.value.code


def test_what_its_signers_signed_is_loaded(members: Members, put: Any) -> None:
    path = put(by(members, ALICE, BOB))
    model, report = amber.load(path, policy=wants("alice", "bob"), expect="churn", report=True)
    assert model.predict(X[:3]).shape == (3,)
    assert [each.signer for each in report.signatures] == ["alice", "bob"]
    assert report.policy == wants("alice", "bob").digest
    assert report.id == amber.inspect(path).id
    assert amber.verify(path, policy=wants("alice", "bob")).exit_code == 0


def test_a_stripped_signature(members: Members, put: Any) -> None:
    assert refused(put(members), wants("alice")) == "signature-missing"


def test_a_stripped_signature_and_a_changed_name(tmp_path: Path, put: Any) -> None:
    renamed = saved(tmp_path, "other")
    assert amber.load(put(renamed), policy=wants("alice")) is not None, "no rule is about this name"
    assert refused(put(renamed), wants("alice"), expect="churn") == "name-unexpected"
    production = Policy.from_dict({**wants("alice").to_dict(), "preset": "production"})
    assert refused(put(renamed), production) == "name-without-rule"


def test_another_validly_signed_artifact_in_its_place(tmp_path: Path, put: Any) -> None:
    other = by(saved(tmp_path, "other"), ALICE)
    assert amber.load(put(other), policy=wants("alice")) is not None
    assert refused(put(other), wants("alice"), expect="churn") == "name-unexpected"


def test_swapped_tensors_and_a_signature_moved_to_another_artifact(tmp_path: Path, members: Members, put: Any) -> None:
    flipped = saved(tmp_path, flip=True)
    moved = {**flipped, FIRST: signed(members, ALICE)}
    for policy in (wants("alice"), None, Policy(preset="open")):
        assert refused(put(moved), policy) == "signature-coverage"


def test_an_unsigned_extra_member(members: Members, put: Any) -> None:
    covered = {name: data for name, data in members.items() if not name.startswith("cases/")}
    assert refused(put({**members, FIRST: signed(covered, ALICE)}), wants("alice")) == "signature-coverage"


def test_a_key_nobody_named(members: Members, put: Any) -> None:
    assert refused(put(by(members, BOB)), wants("alice")) == "signers-missing"


def test_one_signer_does_not_fill_two_places(members: Members, put: Any) -> None:
    both = {**by(members, ALICE), "signatures/0002-oms.sigstore.json": signed(members, ALICE)}
    assert refused(put(both), wants("alice", "bob")) == "signers-missing"


def test_an_old_version_replayed(members: Members, put: Any) -> None:
    path = put(by(members, ALICE))
    assert amber.load(path, policy=wants("alice", minimum="1.2.0")) is not None
    assert refused(path, wants("alice", minimum="1.10.0")) == "version-too-low"


def test_a_verdict_a_rule_wants_is_replayed(members: Members, put: Any) -> None:
    path = put(by(members, ALICE))
    _, report = amber.load(path, policy=wants("alice"), report=True)
    assert report.verdict == "unchecked"
    _, report = amber.load(path, policy=wants("alice", verdict="equivalent"), report=True)
    assert report.verdict == "identical"


def test_recorded_rows_kinds_sizes_and_programs(members: Members, put: Any) -> None:
    path = put(by(members, ALICE))
    assert refused(path, wants("alice", rows="synthetic")) == "rows-not-synthetic"
    assert refused(path, wants("alice", kinds=["regressor"])) == "kind-refused"
    assert refused(path, wants("alice", max_bytes=100)) == "artifact-too-large"
    assert refused(path, wants("alice", programs="only")) == "programs-only"
    with pytest.raises(PolicyError):
        amber.program(path, policy=wants("bob"))


def test_where_only_programs_may_run(members: Members, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    write_artifact(tmp_path / "m.amber", {name: [data] for name, data in members.items()})
    amber.freeze(tmp_path / "m.amber", tmp_path / "frozen.amber")
    only = Policy.from_dict({"rule": [{"names": ["churn"], "programs": "only"}]})
    assert amber.program(tmp_path / "frozen.amber", policy=only, expect="churn").predict(X[:2]).shape == (2,)
    with pytest.raises(PolicyError) as caught:
        amber.load(tmp_path / "frozen.amber", policy=only)
    assert caught.value.code == "programs-only"
    assert amber.verify(tmp_path / "frozen.amber", policy=only).exit_code == 0


def test_an_attestation_that_a_rule_demands(members: Members, put: Any) -> None:
    demand = wants("alice", attestations=[{"type": "test-result", "from": ["bob"]}])
    assert refused(put(by(members, ALICE)), demand) == "attestation-missing"
    told = "signatures/0002-test-result.sigstore.json"
    assert refused(put({**by(members, ALICE), told: attested(members, ALICE)}), demand) == "attestation-missing"
    assert amber.load(put({**by(members, ALICE), told: attested(members, BOB)}), policy=demand) is not None


def test_seen_rises_only_after_every_step_and_under_named_signers(tmp_path: Path, put: Any) -> None:
    rule = {"names": ["churn"], "require": [{"from": ["alice"]}]}
    known = {"alice": {"keys": [pem(ALICE)]}}
    policy = Policy.from_dict(
        {"signers": known, "rule": [rule], "seen": {"file": str(tmp_path / "state" / "seen.json")}}
    )
    open_to_all = Policy.from_dict({"signers": known, "seen": {"file": str(tmp_path / "state" / "seen.json")}})
    old, new = by(saved(tmp_path), ALICE), by(saved(tmp_path, version="1.3.0"), ALICE)
    stranger = by(saved(tmp_path, version="999.0.0"), BOB)
    assert amber.verify(put(stranger), policy=policy).refused
    assert amber.verify(put(stranger), policy=open_to_all).exit_code == 0, "unsigned artifacts pass, and raise nothing"
    assert amber.verify(put(new), policy=policy, cases=False).exit_code == 3, "not every step: nothing is remembered"
    assert amber.verify(put(old), policy=policy).exit_code == 0
    assert amber.verify(put(new), policy=policy).exit_code == 0
    assert amber.verify(put(old), policy=policy).refused[0].startswith("version-rollback: ")
    assert amber.load(put(old), policy=policy) is not None, "of load's memory there is none: a rule's minimum decides"
    other = by(saved(tmp_path, version="1.3.0", flip=True), ALICE)
    assert amber.verify(put(other), policy=policy).refused[0].startswith("version-reused: ")


def test_every_decision_is_one_line(members: Members, put: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "amber.trust")
    path = put(by(members, ALICE))
    policy = wants("alice")
    amber.load(path, policy=policy)
    amber.verify(path, policy=policy)
    with pytest.raises(PolicyError):
        amber.load(put(members), policy=policy)
    lines = [json.loads(record.message) for record in caplog.records if record.name == "amber.trust"]
    assert [(line["verb"], line["decision"], line["code"]) for line in lines] == [
        ("load", "accepted", ""), ("verify", "accepted", ""), ("load", "refused", "signature-missing"),
    ]  # fmt: skip
    assert lines[0]["signers"] == ["alice"]
    assert lines[0]["policy"] == policy.digest
    assert lines[0]["id"] == amber.inspect(path).id


def test_the_time_of_judgement_is_the_callers_and_is_shown(members: Members, put: Any) -> None:
    ends = datetime(2030, 1, 1, tzinfo=UTC)
    policy = Policy.from_dict({
        "signers": {"alice": {"keys": [pem(ALICE)], "until": ends}},
        "rule": [{"names": ["churn"], "require": [{"from": ["alice"]}]}],
    })  # fmt: skip
    path = put(by(members, ALICE))
    assert amber.verify(path, policy=policy, cases=False, at=datetime(2029, 12, 31, tzinfo=UTC)).refused == ()
    late = amber.verify(path, policy=policy, cases=False, at=datetime(2030, 1, 2, tzinfo=UTC))
    assert late.refused[0].startswith("signature-missing: ")
    assert late.signatures[0].status == "expired"
    assert late.at == "2030-01-02T00:00:00+00:00"
    assert late.at in str(late)
    for wrong in (datetime(2030, 1, 1), datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-10)))):
        with pytest.raises(UsageError) as caught:
            amber.verify(path, at=wrong)
        assert caught.value.code == "time-invalid"


def test_a_file_that_is_not_whole_is_refused_before_anybody_is_asked(members: Members, put: Any) -> None:
    path = put(by(members, ALICE))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(FormatError):
        amber.load(path, policy=wants("alice"))


@pytest.mark.parametrize("wanted", ["drifted", "broken", "unchecked"])
def test_a_drifted_artifact_passes_no_production_policy(
    tmp_path: Path, members: Members, put: Any, wanted: str
) -> None:
    """Whatever verdict the policy and its rule write beside the preset: weaker ones loosen nothing."""
    path = put(by(changed_coefficients(members), ALICE))
    known = wants("alice", verdict=wanted).to_dict()
    policy = Policy.from_dict({**known, "preset": "production", "verdict": wanted})
    report = amber.verify(path, policy=policy)
    assert report.refused == ("verdict-too-low: drifted, where the policy wants equivalent",)
    assert report.exit_code == 2
    for replay in ("auto", "never"):
        with pytest.raises(AmberError) as caught:
            amber.load(path, policy=policy, replay=replay)
        assert caught.value.code == "verdict-drifted"
    assert amber.verify(put(by(members, ALICE)), policy=policy).exit_code == 0


def changed_coefficients(members: Members) -> Members:
    """The members with other numbers in the tensors, and every digest made right again."""
    shard = next(name for name in members if name.endswith(".safetensors") and name.startswith("model/"))
    tensors = {name: -found if found.dtype == np.float64 else found for name, found in load(members[shard]).items()}
    head = 8 + int.from_bytes(members[shard][:8], "little")
    listed = json.loads(members[shard][8:head])
    data = bytearray(members[shard])
    for name, array in tensors.items():
        begin, end = listed[name]["data_offsets"]
        data[head + begin : head + end] = array.tobytes()
    manifest = json.loads(members["manifest.json"])
    manifest["members"][shard]["blake3"] = blake3_hex([bytes(data)])
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return {**members, shard: bytes(data), "manifest.json": text.encode()}


def test_the_path_of_a_policy_is_no_policy(members: Members, put: Any, tmp_path: Path) -> None:
    path = put(members)
    for use in (amber.verify, amber.load):
        for given in ("policy.toml", tmp_path / "policy.toml"):
            with pytest.raises(UsageError) as caught:
                use(path, policy=given)
            assert caught.value.code == "policy-invalid"
            assert caught.value.hint == f'amber.Policy.from_file("{given}")'
    with pytest.raises(UsageError) as caught:
        amber.verify(path, at="2026-01-01")  # type: ignore[arg-type]
    assert caught.value.code == "time-invalid"
