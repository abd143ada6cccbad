"""An artifact that is hashed while it is read: the hashes are those of the bytes in memory, and of no others."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from amber.archive import memory, source
from amber.archive.hashing import ALL, hash_members
from amber.archive.source import Opened, OpenFile, hashes_of, open_source
from amber.archive.write import to_bytes, write_folder
from amber.errors import AmberError, FormatError, LimitError, SourceError
from amber.limits import Limits
from tests.unit.archive.samples import members, tree_of

MIB = 1024 * 1024
SIZES = (3 * MIB, 700_000, 2 * MIB + 13)


@pytest.fixture(autouse=True)
def piped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_PIPED_BYTES", 0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "m.amber"
    path.write_bytes(to_bytes(members(tree_of(*SIZES))))
    return path


def assert_true(opened: Opened) -> None:
    """The hashes are of the members as they are in memory."""
    assert opened.hashes is not None
    for name, view in opened.members.items():
        assert opened.hashes.sha256[name] == hashlib.sha256(view).digest()
    assert opened.hashes == hash_members(opened.members)


@pytest.mark.parametrize("form", ["file", "folder", "bytes", "file object", "mapped", "open file", "mapped open file"])
def test_every_form_brings_its_hashes(tmp_path: Path, file: Path, form: str) -> None:
    write_folder(tmp_path / "m", members(tree_of(*SIZES)))
    with open(file, "rb") as opened_file:
        given: Any = {
            "folder": tmp_path / "m",
            "bytes": file.read_bytes(),
            "file object": opened_file,
            "open file": OpenFile(opened_file.fileno(), "shown"),
            "mapped open file": OpenFile(opened_file.fileno(), "shown"),
        }.get(form, file)
        os.lseek(opened_file.fileno(), 0 if form == "file object" else 77, os.SEEK_SET)
        with open_source(given, mmap="mapped" in form, wanted=ALL) as opened:
            assert_true(opened)
            opened.confirm()
            assert opened.mapped == ("mapped" in form)
            assert opened.hashes is hashes_of(opened)
            assert to_bytes({name: [view] for name, view in opened.members.items()}) == file.read_bytes()
            if "open file" in form:
                assert opened.where == "shown"


def test_hashes_that_nobody_wanted_are_made_when_asked_for(file: Path) -> None:
    with open_source(file) as opened:
        assert opened.hashes is None
        hashes_of(opened)
        assert_true(opened)


def test_the_memory_is_the_callers_own_and_writeable(file: Path) -> None:
    before = file.read_bytes()
    with open_source(file, wanted=ALL) as opened:
        opened.members["model/tree.json"][:1] = b"X"
    assert file.read_bytes() == before


@pytest.mark.parametrize("place", ["large", "small"])
@pytest.mark.parametrize("how", ["piped", "mapped", "asked for later"])
def test_every_crc_is_compared(file: Path, place: str, how: str) -> None:
    data = bytearray(file.read_bytes())
    at = len(data) // 3 if place == "large" else data.index(b'"tensors"' if b'"tensors"' in data else b"lock-version")
    data[at] ^= 1
    file.write_bytes(data)
    with pytest.raises(FormatError) as caught:
        hashes_of(open_source(file, mmap=how == "mapped", wanted=() if how == "asked for later" else ALL))
    assert caught.value.code == "crc-mismatch"


def test_limits_come_before_memory(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: int) -> memoryview:
        raise AssertionError("memory was taken for what is refused")

    monkeypatch.setattr(memory, "allocate", refused)
    with pytest.raises(LimitError):
        open_source(file, wanted=ALL, limits=Limits(file_bytes=1000))
    with open(file, "rb") as opened_file, pytest.raises(LimitError):
        open_source(OpenFile(opened_file.fileno(), ""), wanted=ALL, limits=Limits(members=2))
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(FormatError):
        open_source(file, wanted=ALL)


def other_payload(path: Path) -> None:
    """The same names, sizes and CRCs - a shard of other bytes, in place."""
    with open(path, "r+b") as file:
        file.seek(path.stat().st_size // 3)
        file.write(b"evil" * 1000)


def other_artifact(path: Path) -> None:
    """A valid one of the same size, in place: two shards have changed places."""
    data = to_bytes(members(tree_of(SIZES[2], SIZES[1], SIZES[0])))
    with open(path, "r+b") as file:
        file.write(data)
        file.truncate(len(data))


def grown(path: Path) -> None:
    with open(path, "ab") as file:
        file.write(b"more")


CHANGES: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "other payload": (other_payload, ("crc-mismatch",)),
    "other artifact": (other_artifact, ("source-changed", "container-not-canonical", "crc-mismatch")),
    "truncated": (lambda path: os.truncate(path, 5000), ("source-changed",)),
    "emptied": (lambda path: os.truncate(path, 0), ("source-changed",)),
    "grown": (grown, ("source-changed",)),
}


@pytest.mark.parametrize("at", [1, 2, 5, 9])
@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_while_it_is_read(
    file: Path, monkeypatch: pytest.MonkeyPatch, change: str, at: int
) -> None:
    """What comes back is the old one or a refusal, and its hashes are of the bytes that came back."""
    old = file.read_bytes()
    reads = iter(range(1, 1_000_000))
    real = memory.read_range

    def read(*arguments: Any) -> None:
        if next(reads) == at:
            CHANGES[change][0](file)
        real(*arguments)

    monkeypatch.setattr(memory, "read_range", read)
    found = outcome(file)
    assert found == old or found in CHANGES[change][1]


def outcome(file: Path) -> bytes | str:
    """The artifact that was read, or the code of the refusal."""
    try:
        with open_source(file, wanted=ALL) as opened:
            assert_true(opened)
            return to_bytes({name: [view] for name, view in opened.members.items()})
    except AmberError as error:
        return error.code


@pytest.mark.parametrize("replace", [False, True])
def test_a_file_that_gets_another_name_is_still_the_one_that_was_opened(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replace: bool
) -> None:
    old = file.read_bytes()
    real = memory.read_range

    def read(*arguments: Any) -> None:
        if file.exists() and file.read_bytes() == old:
            file.unlink()
            if replace:
                (tmp_path / "new").write_bytes(to_bytes(members(tree_of(*SIZES), version="2.0.0")))
                os.replace(tmp_path / "new", file)
        real(*arguments)

    monkeypatch.setattr(memory, "read_range", read)
    with open_source(file, wanted=ALL) as opened:
        assert_true(opened)
        assert to_bytes({name: [view] for name, view in opened.members.items()}) == old


def test_a_disk_that_fails(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "preadv", failing)
    with pytest.raises(SourceError) as caught:
        open_source(file, wanted=ALL)
    assert caught.value.code == "source-unreadable"
