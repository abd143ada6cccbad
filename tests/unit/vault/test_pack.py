from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amber.archive.digests import artifact_id
from amber.errors import AmberError
from amber.vault.pack import pack, unpack
from tests.unit.archive.samples import artifact, members, tree_of


@given(st.lists(st.integers(1, 5000), max_size=6))
@settings(max_examples=25, deadline=None)
def test_the_round_trip_is_byte_identical(sizes: list[int]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = artifact(tree_of(*sizes))
        expected = artifact_id(members(tree_of(*sizes)))
        assert unpack(data, folder / "m") == expected
        assert pack(folder / "m", folder / "m.amber", id=expected) == expected
        assert (folder / "m.amber").read_bytes() == data


def test_the_members_are_ordinary_files(tmp_path: Path) -> None:
    unpack(artifact(), tmp_path / "m")
    for name, parts in members().items():
        assert (tmp_path / "m" / name).read_bytes() == b"".join(parts)


def refused(action: object, *arguments: object, **keywords: object) -> tuple[str, str]:
    with pytest.raises(AmberError) as caught:
        action(*arguments, **keywords)  # type: ignore[operator]
    return caught.value.code, caught.value.where


def test_unpack_wants_a_fresh_folder(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "x").touch()
    assert refused(unpack, artifact(), tmp_path / "m")[0] == "target-exists"
    (tmp_path / "m" / "x").unlink()
    unpack(artifact(), tmp_path / "m")


def test_unpack_checks_first(tmp_path: Path) -> None:
    bad = bytearray(artifact())
    bad[len(bad) // 2] ^= 1
    assert refused(unpack, bytes(bad), tmp_path / "m")[0] in ("crc-mismatch", "container-not-canonical")
    assert not (tmp_path / "m").exists()


def test_pack_demands_the_id(tmp_path: Path) -> None:
    """The manifest of a folder is covered by the id alone."""
    own = unpack(artifact(), tmp_path / "m")
    manifest = tmp_path / "m" / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"churn"', b'"chump"'))
    assert refused(pack, tmp_path / "m", tmp_path / "out", id=own)[0] == "id-mismatch"
    assert not (tmp_path / "out").exists()
    assert pack(tmp_path / "m", tmp_path / "out") != own


@pytest.mark.parametrize("wrong", ["", "abc", "G" * 64, "A" * 64, "0" * 65])
def test_what_is_no_id(tmp_path: Path, wrong: str) -> None:
    unpack(artifact(), tmp_path / "m")
    assert refused(pack, tmp_path / "m", tmp_path / "out", id=wrong)[0] == "id-invalid"


def test_pack_names_what_does_not_belong(tmp_path: Path) -> None:
    unpack(artifact(), tmp_path / "m")
    (tmp_path / "m" / "notes.txt~").touch()
    assert refused(pack, tmp_path / "m", tmp_path / "out") == ("folder-extra", "notes.txt~")
    (tmp_path / "m" / "notes.txt~").unlink()
    (tmp_path / "m" / "notes.txt").touch()
    assert refused(pack, tmp_path / "m", tmp_path / "out") == ("member-unlisted", "notes.txt")
    (tmp_path / "m" / "notes.txt").unlink()
    os.link(tmp_path / "m" / "README.md", tmp_path / "second")
    assert refused(pack, tmp_path / "m", tmp_path / "out") == ("folder-link", "README.md")
    (tmp_path / "m" / "README.md").unlink()
    (tmp_path / "m" / "README.md").symlink_to(tmp_path / "second")
    assert refused(pack, tmp_path / "m", tmp_path / "out") == ("folder-link", "README.md")
    assert not (tmp_path / "out").exists()


def test_pack_wants_a_folder(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(artifact())
    assert refused(pack, tmp_path / "m", tmp_path / "out")[0] == "source-not-folder"
    assert refused(pack, tmp_path / "absent", tmp_path / "out")[0] == "source-not-folder"
