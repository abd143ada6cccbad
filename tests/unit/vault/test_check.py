from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amber.archive.digests import artifact_id
from amber.archive.manifest import Manifest, MemberInfo, decode_manifest, encode_manifest
from amber.archive.write import to_bytes, write_artifact, write_folder
from amber.errors import AmberError, FormatError, LimitError, PolicyError, SourceError
from amber.limits import DEFAULT, Limits
from amber.policy import Policy
from amber.tree import nodes
from amber.tree.nodes import Tree
from amber.vault.check import check, open_checked
from amber.vault.trusting import Asked
from tests.unit.archive.samples import artifact, members, tree_of
from tests.unit.signing import ALICE, BOB, pem, signed

Pieces = dict[str, list[Any]]


def sealed(pieces: Pieces, manifest: bytes | None = None, **changes: Any) -> bytes:
    """An artifact of these pieces whose manifest lists them truly, or the given one."""
    from blake3 import blake3

    found = decode_manifest(b"".join(members()["manifest.json"]), DEFAULT)
    listed = {
        name: MemberInfo(size=sum(map(len, parts)), blake3=blake3(b"".join(parts)).hexdigest())
        for name, parts in pieces.items()
        if name != "manifest.json" and not name.startswith("signatures/")
    }
    own: Manifest = msgspec.structs.replace(found, **{"members": listed, **changes})
    return to_bytes({**pieces, "manifest.json": [manifest or encode_manifest(own)]})


def outcome(source: Any, policy: Policy | None = None) -> tuple[str, dict[int, str]]:
    with check(source, policy) as checked:
        assert [step.number for step in checked.steps] == list(range(1, 11))
        return checked.code, {step.number: step.status for step in checked.steps}


def test_a_good_artifact() -> None:
    with check(artifact()) as checked:
        report = checked.report
        assert (report.verdict, report.reason, report.refused) == ("unchecked", "cases-not-asked", ())
        assert [step.status for step in report.steps] == [
            "passed", "not-present", "passed", "passed", "passed", "not-asked", "not-asked", "not-present", "not-asked",
            "not-present",
        ]  # fmt: skip
        assert "values: not-asked" in report.steps[5].detail
        assert (report.name, report.version) == ("churn", "1.4.0")
        assert report.id == checked.id == artifact_id(members())
        assert checked.tree is not None
        assert set(report.seconds) == {"container", "signatures", "manifest", "digests", "tree audit"}


@pytest.mark.parametrize("form", ["file", "folder", "bytes", "mapped"])
def test_every_form_has_the_same_id(tmp_path: Path, form: str) -> None:
    write_artifact(tmp_path / "m.amber", members())
    write_folder(tmp_path / "m", members())
    source: Any = {"folder": tmp_path / "m", "bytes": artifact()}.get(form, tmp_path / "m.amber")
    with check(source, mmap=form == "mapped") as checked:
        assert (checked.code, checked.id) == ("", artifact_id(members()))


def test_any_flipped_byte_is_detected() -> None:
    data = artifact()
    steps: set[int] = set()
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1 << (position % 8)
        code, found = outcome(bytes(changed))
        assert code, position
        steps |= {number for number, status in found.items() if status == "failed"}
        with pytest.raises(AmberError):
            open_checked(bytes(changed))
    assert steps == {1}  # the CRCs find it before anything is parsed


@given(st.integers(0, 10**6), st.integers(1, 255))
@settings(max_examples=60, deadline=None)
def test_any_flipped_byte_of_a_folder_member_is_detected(position: int, flip: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "m"
        write_folder(target, members())
        names = sorted(set(members()) - {"manifest.json"})  # the manifest is covered by the id alone
        name = names[position % len(names)]
        data = bytearray((target / name).read_bytes())
        data[position % len(data)] ^= flip
        (target / name).write_bytes(data)
        assert outcome(target)[0] in ("digest-mismatch", "card-invalid")


@given(st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_truncation_is_detected(cut: int) -> None:
    data = artifact()
    assert outcome(data[: cut % len(data)])[0] == "container-not-canonical"


def test_the_first_failed_step_ends_the_run() -> None:
    pieces = members()
    cases: list[tuple[bytes, int, str]] = [
        (artifact()[:-1], 1, "container-not-canonical"),
        (sealed(pieces, b"{}"), 3, "manifest-invalid"),
        (sealed({**pieces, "README.md": [b"\xff"]}), 3, "card-invalid"),
        (sealed(pieces, name="Churn"), 3, "name-invalid"),
        (sealed({**pieces, "extra/a": [b"x"]}), 3, "member-unknown"),
        (to_bytes({**pieces, "README.md": [b"# Other\n"][:1]}), 3, "x"),
        (to_bytes({**pieces, "README.md": [b"# Chump\n"]}), 4, "digest-mismatch"),
        (sealed({**pieces, "model/tree.json": [b"{}"]}), 6, "tree-invalid"),
        (sealed({k: v for k, v in pieces.items() if "tensors" not in k}), 6, "tensor-missing"),
    ]
    cases[5] = (to_bytes({**pieces, "README.md": [b"# Longer than it was\n"]}), 3, "member-size")
    for data, step, code in cases:
        found, statuses = outcome(data)
        assert found == code
        assert statuses[step] == "failed"
        assert all(statuses[n] == "not-asked" for n in range(step + 1, 11) if n not in (8, 10))


def test_names_are_audited() -> None:
    for node, code in (
        (nodes.Object("os.system", {}), "type-unknown"),
        (nodes.FunctionRef("builtins.eval"), "function-unknown"),
        (nodes.Custom("evil.Thing", {}), "name-not-allowed"),
    ):
        data = artifact(Tree([node], 0, [], []))
        with check(data) as checked:
            assert checked.code == code
            assert checked.tree is None
            assert [problem.code for problem in checked.problems] == [code]
            assert checked.steps[5].status == "failed"
    allowed = artifact(Tree([nodes.Custom("evil.Thing", {})], 0, [], []))
    assert outcome(allowed, Policy(allow=("evil.Thing",)))[0] == ""


def test_limits_are_a_failed_step() -> None:
    size = len(artifact())
    assert outcome(artifact(), Policy(limits=Limits(file_bytes=size - 1)))[0] == "limit-file-bytes"
    assert outcome(artifact(), Policy(limits=Limits(tree_bytes=5)))[0] == "limit-tree-bytes"
    assert outcome(artifact(), Policy(limits=Limits(nodes=1)))[0] == "limit-nodes"
    with pytest.raises(LimitError):
        open_checked(artifact(), Policy(limits=Limits(tree_bytes=5)))


def policy_of(*labels: str) -> Policy:
    known = {"alice": ALICE, "bob": BOB}
    return Policy.from_dict({
        "signers": {label: {"keys": [pem(known[label])]} for label in labels},
        "rule": [{"names": ["churn"], "require": [{"from": [label]} for label in labels]}],
    })  # fmt: skip


def signed_by(*keys: Any, extra: dict[str, bytes] | None = None) -> bytes:
    plain = {name: b"".join(parts) for name, parts in members().items()}
    for number, key in enumerate(keys, 1):
        plain[f"signatures/{number:04d}-oms.sigstore.json"] = signed(plain, key)
    return to_bytes({name: [data] for name, data in {**plain, **(extra or {})}.items()})


def test_a_policy_that_wants_signatures_refuses_what_has_none() -> None:
    with check(artifact(), policy_of("alice")) as checked:
        report = checked.report
        assert (report.verdict, report.reason, report.exit_code) == ("unchecked", "policy-refused", 2)
        assert (report.steps[1].status, report.steps[4].status) == ("not-present", "failed")
        assert report.steps[4].code == "signature-missing"
        assert report.refused[0].startswith("signature-missing: ")
    with pytest.raises(PolicyError) as caught:
        open_checked(artifact(), policy_of("alice"))
    assert caught.value.code == "signature-missing"


def test_it_takes_what_its_signers_signed() -> None:
    with check(signed_by(ALICE, BOB), policy_of("alice", "bob")) as checked:
        report = checked.report
        assert (checked.code, report.refused) == ("", ())
        assert [(each.signer, each.status, each.kind) for each in report.signatures] == [
            ("alice", "counted", "oms"), ("bob", "counted", "oms"),
        ]  # fmt: skip
        assert report.policy == policy_of("alice", "bob").digest
    with open_checked(signed_by(ALICE, BOB), policy_of("alice", "bob")) as proved:
        assert {step.status for step in proved.steps} == {"passed"}
        assert proved.id == artifact_id(members())


def test_whom_the_policy_does_not_name_is_shown_and_not_counted() -> None:
    with check(signed_by(BOB), policy_of("alice")) as checked:
        assert [each.status for each in checked.signatures] == ["unknown"]
        assert checked.report.steps[4].code == "signature-missing"
    with check(signed_by(BOB)) as checked:
        assert (checked.code, checked.refused) == ("", ())
        assert (checked.steps[1].status, checked.steps[1].code) == ("not-asked", "signer-unknown")


def test_under_such_a_policy_nothing_is_mapped(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(signed_by(ALICE))
    with check(tmp_path / "m", policy_of("alice"), mmap=True) as checked:
        assert checked.opened is not None
        assert not checked.opened.mapped
    with check(tmp_path / "m", mmap=True) as checked:
        assert checked.opened is not None
        assert checked.opened.mapped


@pytest.mark.parametrize("mapped", [False, True])
def test_a_signature_of_other_members_refuses_under_every_policy(tmp_path: Path, mapped: bool) -> None:
    other = {**{name: b"".join(parts) for name, parts in members().items()}, "model/tree.json": b"[]"}
    (tmp_path / "m").write_bytes(signed_by(extra={"signatures/0001-oms.sigstore.json": signed(other, BOB)}))
    for policy in (None, Policy(preset="open"), policy_of("alice")):
        with check(tmp_path / "m", policy, mmap=mapped) as checked:
            assert (checked.code, checked.report.verdict) == ("signature-coverage", "broken")
        with pytest.raises(FormatError) as caught:
            open_checked(tmp_path / "m", policy, mmap=mapped)
        assert caught.value.code == "signature-coverage"


def test_detached_bundles_count_like_those_inside() -> None:
    bundle = signed({name: b"".join(parts) for name, parts in members().items()}, ALICE)
    asked = Asked(bundles={"churn.amber.0001-oms.sigstore.json": bundle})
    with check(artifact(), policy_of("alice"), asked=asked) as checked:
        assert (checked.refused, checked.steps[1].status) == ((), "passed")


def test_a_detached_bundle_never_hides_one_inside() -> None:
    member = "signatures/0001-oms.sigstore.json"
    good = signed({name: b"".join(parts) for name, parts in members().items()}, ALICE)
    with check(signed_by(extra={member: b"{}"}), asked=Asked(bundles={member: good})) as checked:
        assert checked.code == "bundle-invalid"
    with check(signed_by(BOB), asked=Asked(bundles={member: good})) as checked:
        assert [each.member for each in checked.signatures] == [member, f"./{member}"]


def test_what_is_only_moved_is_not_decided_but_its_signatures_must_fit() -> None:
    with open_checked(artifact(), policy_of("alice"), asked=Asked(purpose="move")) as proved:
        assert proved.steps[4].status == "not-asked"
    with pytest.raises(FormatError):
        open_checked(signed_by(extra={"signatures/0001-oms.sigstore.json": b"{}"}), asked=Asked(purpose="move"))


def test_the_floor_is_decided_by_its_own_signers() -> None:
    both = policy_of("alice").over(policy_of("bob"))
    for keys, refused in (((ALICE,), True), ((BOB,), True), ((ALICE, BOB), False)):
        with check(signed_by(*keys), both) as checked:
            assert bool(checked.refused) == refused


def test_the_name_a_caller_expects() -> None:
    with check(artifact(), asked=Asked(expect="churn")) as checked:
        assert checked.refused == ()
    with check(artifact(), asked=Asked(expect="fraud")) as checked:
        assert checked.refused[0].startswith("name-unexpected: ")


def test_a_revoked_id_is_refused_under_every_preset() -> None:
    revoked = {"revoked": {"ids": [artifact_id(members())]}}
    for preset in ("default", "open"):
        policy = Policy.from_dict({"preset": preset, **revoked})
        with check(artifact(), policy) as checked:
            assert checked.refused[0].startswith("id-revoked: ")
        with pytest.raises(PolicyError):
            open_checked(artifact(), policy)


def test_what_cannot_be_checked_never_reads_passed() -> None:
    proof = signed_by(BOB, extra={"signatures/0001.tlog-proof": b"x"})
    code, statuses = outcome(proof)
    assert code == ""
    assert (statuses[2], statuses[10]) == ("not-asked", "not-supported")
    with open_checked(proof) as proved:
        assert [(step.number, step.status) for step in proved.steps] == [
            (1, "passed"), (2, "not-asked"), (3, "passed"), (4, "passed"), (5, "passed"),
        ]  # fmt: skip
    assert outcome(signed_by(extra={"signatures/other.json": b"{}"}))[0] == "member-unknown"


def test_signatures_are_outside_the_id() -> None:
    with check(signed_by(ALICE)) as checked:
        assert checked.id == artifact_id(members())


def test_sources_that_cannot_be_read_raise(tmp_path: Path) -> None:
    for call in (check, open_checked):
        with pytest.raises(SourceError):
            call(tmp_path / "absent")
        with pytest.raises(SourceError):
            call("https://example.org/m.amber")


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "container-not-canonical"), (artifact()[:-1], "container-not-canonical")],
)
def test_open_checked_raises(data: bytes, code: str) -> None:
    with pytest.raises(FormatError) as caught:
        open_checked(data)
    assert caught.value.code == code


def test_large_members_are_covered_by_the_digest_alone_at_load() -> None:
    tree = tree_of(2 * 1024 * 1024)
    data = bytearray(artifact(tree))
    data[len(data) // 2] ^= 1
    with pytest.raises(FormatError) as caught:
        open_checked(bytes(data))
    assert caught.value.code == "digest-mismatch"
    assert outcome(bytes(data))[0] == "crc-mismatch"


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_manifest_gives_a_report(data: bytes) -> None:
    found, statuses = outcome(to_bytes({**members(), "manifest.json": [data]}))
    assert found
    assert statuses[3] == "failed"


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_tree_gives_a_report(data: bytes) -> None:
    found, statuses = outcome(sealed({**members(), "model/tree.json": [data]}))
    assert found
    assert statuses[6] == "failed"


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_shard_gives_a_report(data: bytes) -> None:
    found, statuses = outcome(sealed({**members(), "model/tensors-00001.safetensors": [data]}))
    assert found
    assert statuses[6] == "failed"
