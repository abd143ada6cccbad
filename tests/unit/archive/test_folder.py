from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from amber.archive import folder as folder_module
from amber.archive.source import open_source
from amber.archive.write import write_folder
from amber.errors import AmberError
from amber.limits import DEFAULT, Limits
from tests.unit.archive.samples import members


@pytest.fixture(params=["descriptors", "paths"])
def directory(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good folder, read with and (as on Windows) without directory descriptors."""
    if request.param == "paths":
        monkeypatch.setattr(folder_module, "_BY_DESCRIPTOR", False)
    write_folder(tmp_path / "m", members())
    return tmp_path / "m"


def refused(directory: Path, limits: Limits = DEFAULT) -> tuple[str, str]:
    with pytest.raises(AmberError) as caught:
        open_source(directory, limits=limits).close()
    return caught.value.code, caught.value.where


def test_a_folder_gives_the_members(directory: Path) -> None:
    with open_source(directory) as opened:
        assert {n: bytes(v) for n, v in opened.members.items()} == {n: b"".join(p) for n, p in members().items()}
        assert list(opened.members) == list(members())
        assert opened.form == "folder"
        assert not any(view.readonly for view in opened.members.values())


@pytest.mark.parametrize(
    "name",
    [".DS_Store", "Thumbs.db", "model/.DS_Store", "notes.txt~", "Readme.md", "a b", "con", ".git/config", "a/b/c/d"],
)
def test_an_extra_file_is_named(directory: Path, name: str) -> None:
    (directory / name).parent.mkdir(parents=True, exist_ok=True)
    (directory / name).write_bytes(b"x")
    code, where = refused(directory)
    assert code == "folder-extra"
    assert name.startswith(where)


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db"])
def test_litter_gets_a_hint(directory: Path, name: str) -> None:
    (directory / name).write_bytes(b"x")
    with pytest.raises(AmberError) as caught:
        open_source(directory)
    assert "left it; remove it" in caught.value.hint


def test_an_empty_folder_is_extra(directory: Path) -> None:
    (directory / "cases").mkdir()
    assert refused(directory) == ("folder-extra", "cases/")


def test_a_symbolic_link_is_refused(directory: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    (directory / "README.md").rename(target)
    (directory / "README.md").symlink_to(target)
    assert refused(directory) == ("folder-link", "README.md")


def test_a_linked_folder_is_refused(directory: Path, tmp_path: Path) -> None:
    (directory / "model").rename(tmp_path / "elsewhere")
    (directory / "model").symlink_to(tmp_path / "elsewhere")
    assert refused(directory) == ("folder-link", "model")


def test_a_hard_link_is_refused(directory: Path, tmp_path: Path) -> None:
    os.link(directory / "README.md", tmp_path / "second")
    assert refused(directory) == ("folder-link", "README.md")


def test_other_kinds_of_files_are_refused(directory: Path) -> None:
    (directory / "README.md").unlink()
    os.mkfifo(directory / "README.md")
    assert refused(directory) == ("folder-link", "README.md")
    (directory / "README.md").unlink()
    here = os.getcwd()
    if len(str(directory)) < 90:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(directory / "README.md"))
            assert refused(directory) == ("folder-link", "README.md")
    assert os.getcwd() == here


def test_the_manifest_must_be_there(directory: Path) -> None:
    (directory / "manifest.json").unlink()
    assert refused(directory)[0] == "manifest-missing"


def test_an_empty_directory(tmp_path: Path) -> None:
    assert refused(tmp_path)[0] == "manifest-missing"


def test_limits(directory: Path) -> None:
    total = sum(sum(map(len, parts)) for parts in members().values())
    open_source(directory, limits=Limits(file_bytes=total, members=5)).close()
    assert refused(directory, Limits(file_bytes=total - 1))[0] == "limit-file-bytes"
    assert refused(directory, Limits(members=4))[0] == "limit-members"
    assert refused(directory, Limits(members=2))[0] == "limit-members"


def test_a_member_that_is_a_folder(directory: Path) -> None:
    (directory / "README.md").unlink()
    (directory / "README.md").mkdir()
    (directory / "README.md" / "a").write_bytes(b"x")
    assert refused(directory)[0] == "folder-extra"


def test_a_member_that_cannot_be_read(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", fail)
    assert refused(directory)[0] == "source-unreadable"
