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
from tests.unit.archive.samples import artifact, members, tree_of

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
        assert set(report.seconds) == {"container", "manifest", "digests", "tree audit"}


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


def test_a_policy_that_names_signers_refuses_everything() -> None:
    policy = Policy(signers=("release@example.org",))
    with check(artifact(), policy) as checked:
        report = checked.report
        assert (report.verdict, report.reason, report.exit_code) == ("unchecked", "policy-refused", 2)
        assert report.steps[4].status == "failed"
        assert report.steps[4].code == "signers-unsupported"
        assert "release@example.org" in report.refused[0]
        assert report.steps[5].status == "not-asked"
    with pytest.raises(PolicyError) as caught:
        open_checked(artifact(), policy)
    assert caught.value.code == "signers-unsupported"


def test_under_such_a_policy_nothing_is_mapped(tmp_path: Path) -> None:
    write_artifact(tmp_path / "m", members())
    with check(tmp_path / "m", Policy(signers=("a",)), mmap=True) as checked:
        assert checked.opened is not None
        assert not checked.opened.mapped
    with check(tmp_path / "m", mmap=True) as checked:
        assert checked.opened is not None
        assert checked.opened.mapped


def test_what_cannot_be_checked_never_reads_passed() -> None:
    signed = to_bytes({**members(), "signatures/0001-oms.sigstore.json": [b"{}"], "signatures/0001.tlog-proof": [b"x"]})
    code, statuses = outcome(signed)
    assert code == ""
    assert statuses[2] == statuses[10] == "not-supported"
    with open_checked(signed) as proved:
        assert [(step.number, step.status) for step in proved.steps] == [
            (1, "passed"), (2, "not-supported"), (3, "passed"), (4, "passed"), (5, "passed"),
        ]  # fmt: skip
    assert outcome(to_bytes({**members(), "signatures/other.json": [b"{}"]}))[0] == "member-unknown"


def test_signatures_are_outside_the_id() -> None:
    signed = to_bytes({**members(), "signatures/0001-oms.sigstore.json": [b"{}"]})
    with check(signed) as checked:
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
