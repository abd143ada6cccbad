from __future__ import annotations

import msgspec
import numpy as np
import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from amber.archive import memory
from amber.archive.assemble import assemble, read_evidence, read_tree
from amber.archive.manifest import decode_manifest
from amber.archive.peek import peek_source
from amber.archive.source import open_source
from amber.archive.write import to_bytes
from amber.errors import AmberError, FormatError, LimitError, UsageError
from amber.limits import DEFAULT, Limits
from amber.tree import nodes
from amber.tree.nodes import Tree
from tests.unit.archive.samples import CARD, LOCK, draft, evidence, members, tensor, tree_of, words


def same(left: Tree, right: Tree) -> bool:
    tensors = [[(t.carrier, t.shape, bytes(t.data)) for t in tree.tensors] for tree in (left, right)]
    return (left.nodes, left.strings, tensors[0]) == (right.nodes, right.strings, tensors[1])


@given(st.lists(st.integers(1, 2000), max_size=12))
@settings(max_examples=50, deadline=None)
def test_trees_round_trip(sizes: list[int]) -> None:
    tree = tree_of(*sizes)
    with open_source(to_bytes(members(tree))) as opened:
        assert same(read_tree(opened.members, DEFAULT), tree)


def test_strings_round_trip() -> None:
    with open_source(to_bytes(members(words()))) as opened:
        assert "model/strings.json" in opened.members
        assert same(read_tree(opened.members, DEFAULT), words())


def test_the_manifest_describes_the_members() -> None:
    found = assemble(draft(), tree_of(5), evidence(), LOCK, CARD)
    manifest = decode_manifest(b"".join(found["manifest.json"]), DEFAULT)
    assert set(manifest.members) == set(found) - {"manifest.json"}
    for name, info in manifest.members.items():
        payload = b"".join(found[name])
        assert (info.size, info.blake3) == (len(payload), blake3(payload).hexdigest())
    assert manifest.cases is not None
    assert (manifest.cases.source, manifest.cases.rows) == ("sample", 2)


def test_members_stand_in_stored_order() -> None:
    found = assemble(draft(), tree_of(5), evidence(), LOCK, CARD)
    assert list(found) == [
        "manifest.json", "README.md", "cases/g000.bin", "cases/g000.json", "env/pylock.toml",
        "model/tensors-00001.safetensors", "model/tree.json",
    ]  # fmt: skip


def test_evidence_round_trips() -> None:
    with open_source(to_bytes(assemble(draft(), tree_of(5), evidence(), LOCK))) as opened:
        manifest = decode_manifest(opened.members["manifest.json"], DEFAULT)
        found = read_evidence(manifest, opened.members, DEFAULT)
    assert found is not None
    assert (found.source, found.rows, [group.id for group in found.groups]) == ("sample", 2, ["g000"])
    assert bytes(found.groups[0].inputs[0].data) == bytes(16)


def test_columns_of_wide_items_are_counted_in_bytes() -> None:
    wide = evidence()
    wide.groups[0].inputs[0].data = memoryview(bytes(16)).cast("d")
    assert to_bytes(assemble(draft(), tree_of(5), wide, LOCK)) == to_bytes(
        assemble(draft(), tree_of(5), evidence(), LOCK)
    )


def test_no_evidence() -> None:
    empty = msgspec.structs.replace(evidence(), groups=[])
    for none in (None, empty):
        found = assemble(draft(), tree_of(5), none, LOCK)
        views = {name: memoryview(b"".join(parts)) for name, parts in found.items()}
        manifest = decode_manifest(views["manifest.json"], DEFAULT)
        assert manifest.cases is None
        assert read_evidence(manifest, views, DEFAULT) is None


def test_cases_that_are_not_there() -> None:
    found = assemble(draft(), tree_of(5), evidence(), LOCK)
    views = {name: memoryview(b"".join(parts)) for name, parts in found.items()}
    manifest = decode_manifest(views.pop("manifest.json"), DEFAULT)
    del views["cases/g000.json"]
    with pytest.raises(FormatError) as caught:
        read_evidence(manifest, views, DEFAULT)
    assert caught.value.code == "member-missing"


def test_large_arrays_are_not_copied() -> None:
    large = tensor(200_000)
    tree = Tree([nodes.Array("|u1", [200_000], "C", 0)], 0, [], [large])
    parts = members(tree)["model/tensors-00001.safetensors"]
    assert any(isinstance(part, memoryview) and part.obj is large.data.obj for part in parts)


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"name": "Churn"}, "name-invalid"), ({"metrics": {"a": "nan"}}, "metric-not-finite"), ({"format": 2},
    "format-unknown"),
     ({"requires": ["x"]}, "requires-unknown"), ({"metadata": {"a": 0.5}}, "manifest-value")],
)  # fmt: skip
def test_a_draft_that_breaks_a_rule_is_the_callers(changes: dict[str, object], code: str) -> None:
    with pytest.raises(UsageError) as caught:
        members(**changes)
    assert caught.value.code == code


@pytest.mark.parametrize("extra", ["other.json", "Model/x", "manifest.json"])
def test_extra_members_have_their_places(extra: str) -> None:
    with pytest.raises(AmberError):
        assemble(draft(), tree_of(5), None, LOCK, extra={extra: [b"x"]})


def test_limits_hold_at_save() -> None:
    with pytest.raises(LimitError) as caught:
        assemble(draft(), tree_of(5), None, LOCK, CARD, limits=Limits(card_bytes=3))
    assert caught.value.code == "limit-card-bytes"


def test_limits_hold_at_load() -> None:
    with open_source(to_bytes(members(tree_of(1, 1)))) as opened, pytest.raises(LimitError) as caught:
        read_tree(opened.members, Limits(tensors=1))
    assert caught.value.code == "limit-tensors"


def test_arrays_over_the_members_are_writeable_and_aligned() -> None:
    for size, alignment in ((1024, 16), (2 * 1024 * 1024, 16), (memory.LARGE, 4096)):
        with open_source(to_bytes(members(tree_of(size)))) as opened:
            tree = read_tree(opened.members, DEFAULT)
        array = np.frombuffer(tree.tensors[0].data, np.uint8)
        assert array.flags.writeable
        assert array.ctypes.data % alignment == 0


@pytest.mark.parametrize("form", ["bytes", "file", "folder"])
def test_a_first_look_sees_names_sizes_and_tensors(form: str, tmp_path: object) -> None:
    from pathlib import Path

    from amber.archive.write import write_artifact, write_folder

    found = members(tree_of(10, 2 * 1024 * 1024))
    target = Path(str(tmp_path)) / "m"
    if form == "folder":
        write_folder(target, found)
    else:
        write_artifact(target, found)
    peeked = peek_source(target.read_bytes() if form == "bytes" else target, DEFAULT)
    assert peeked.sizes == {name: sum(map(len, parts)) for name, parts in found.items()}
    assert peeked.form == form
    assert [(name, t.shape) for shard in peeked.shards for name, t in shard.items()] == [
        ("t0", (10,)),
        ("t1", (2097152,)),
    ]
    assert set(peeked.members) == {"manifest.json", "README.md", "env/pylock.toml", "model/tree.json"}
    assert all(peeked.members[name] == b"".join(found[name]) for name in peeked.members)
