from __future__ import annotations

import gc
import io
import os
import pathlib
import tempfile
import threading
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amber.archive import memory, source
from amber.archive.source import open_source
from amber.archive.write import to_bytes
from amber.errors import AmberError, FormatError, SourceError
from amber.limits import DEFAULT, Limits
from tests.unit.archive.samples import artifact, members, tree_of

BIG = tree_of(10, 3 * 1024 * 1024)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "m.amber"
    file.write_bytes(artifact(BIG))
    return file


def code_of(*arguments: Any, **keywords: Any) -> str:
    with pytest.raises(AmberError) as caught:
        open_source(*arguments, **keywords).close()
    return caught.value.code


def joined(parts: Any) -> bytes:
    return b"".join(parts)


@pytest.mark.parametrize("mmap", [True, False, "auto"])
def test_every_kind_of_source_gives_the_same_members(path: Path, mmap: Any) -> None:
    data = path.read_bytes()
    expected = {name: joined(parts) for name, parts in members(BIG).items()}
    for given_source in (path, str(path), data, bytearray(data), memoryview(data), io.BytesIO(data)):
        with open_source(given_source, mmap=mmap) as opened:
            assert {name: bytes(view) for name, view in opened.members.items()} == expected
            assert list(opened.members) == list(expected)
            assert opened.size == len(data)
            assert opened.form == ("file" if isinstance(given_source, str | Path) else "bytes")
            assert opened.path == (str(path) if isinstance(given_source, str | Path) else "")
            assert opened.mapped == (mmap is True and isinstance(given_source, str | Path))


@pytest.mark.parametrize("mmap", [True, False])
def test_members_are_writeable_and_private(path: Path, mmap: bool) -> None:
    before = path.read_bytes()
    with open_source(path, mmap=mmap) as opened:
        for view in opened.members.values():
            assert not view.readonly
            view[:1] = b"X"
    assert path.read_bytes() == before


def test_the_callers_bytes_are_not_touched() -> None:
    data = bytearray(artifact())
    copy = bytes(data)
    with open_source(data) as opened:
        opened.members["README.md"][:1] = b"X"
    assert data == copy


@pytest.mark.parametrize("mmap", [True, False])
def test_views_outlive_the_source(path: Path, mmap: bool) -> None:
    with open_source(path, mmap=mmap) as opened:
        view = opened.members["model/tensors-00001.safetensors"]
        crc = zlib.crc32(view)
    del opened
    path.unlink()
    assert zlib.crc32(view) == crc


def test_a_binary_file_is_read_from_its_beginning(path: Path) -> None:
    with path.open("rb") as file:
        file.seek(100)
        with open_source(file) as opened:
            assert opened.where == str(path)
            assert "manifest.json" in opened.members


@pytest.mark.parametrize("address", ["https://example.org/m.amber", "s3://bucket/m.amber", "file:///tmp/m.amber"])
def test_addresses_are_refused_with_a_way_out(address: str) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(address)
    assert caught.value.code == "source-url"
    assert "amber pull" in caught.value.hint


@pytest.mark.parametrize("wrong", [None, 3, ["a"], b"x".hex, io.StringIO("PK"), object()])
def test_other_types_are_refused(wrong: Any) -> None:
    assert code_of(wrong) == "source-type"


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    assert code_of(tmp_path / "absent") == "source-missing"
    assert code_of("a\0b") == "source-unreadable"
    assert code_of(b"/tmp/a") == "container-not-canonical"
    os.mkfifo(tmp_path / "pipe")
    assert code_of(tmp_path / "pipe") == "source-not-file"
    assert code_of("/dev/zero") == "source-not-file"


class Unseekable(io.BytesIO):
    def seek(self, *_: Any) -> int:
        raise io.UnsupportedOperation("seek")


class Shrinking(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        return b""


def test_file_objects_that_cannot_be_read() -> None:
    closed = io.BytesIO(artifact())
    closed.close()
    assert code_of(closed) == "source-unreadable"
    assert code_of(Unseekable(artifact())) == "source-unreadable"
    assert code_of(Shrinking(artifact())) == "source-changed"


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for mmap in (True, False):
        assert code_of(tmp_path / "empty", mmap=mmap) == "container-not-canonical"


def test_limits(path: Path) -> None:
    size = path.stat().st_size
    for given_source in (path, path.read_bytes(), io.BytesIO(path.read_bytes())):
        assert code_of(given_source, limits=Limits(file_bytes=size - 1)) == "limit-file-bytes"
        open_source(given_source, limits=Limits(file_bytes=size)).close()


def damaged(data: bytes, payload: bytes) -> bytes:
    changed = bytearray(data)
    changed[data.index(payload) + len(payload) // 2] ^= 1
    return bytes(changed)


def test_crcs_of_small_members_are_always_checked(path: Path) -> None:
    data = path.read_bytes()
    small = damaged(data, joined(members(BIG)["model/tree.json"]))
    large = damaged(data, joined(members(BIG)["model/tensors-00001.safetensors"]))
    for all_crcs in (True, False):
        with pytest.raises(FormatError) as caught:
            open_source(small, all_crcs=all_crcs)
        assert (caught.value.code, caught.value.where) == ("crc-mismatch", "model/tree.json")
    open_source(large).close()
    assert code_of(large, all_crcs=True) == "crc-mismatch"


def test_a_mapped_file_that_changes_is_noticed(path: Path) -> None:
    with open_source(path, mmap=True) as opened:
        opened.confirm()
        with path.open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"\0")
        os.utime(path, ns=(0, 1))
        with pytest.raises(SourceError) as caught:
            opened.confirm()
        assert caught.value.code == "source-changed"


def test_replacing_a_mapped_file_by_a_new_one_is_no_change(path: Path) -> None:
    with open_source(path, mmap=True) as opened:
        other = path.with_name("other")
        other.write_bytes(artifact())
        other.replace(path)
        opened.confirm()
        assert bytes(opened.members["README.md"]) == b"# Churn\n"


def test_a_file_that_grows_or_shrinks_while_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"12345")
    for size in (4, 6):
        descriptor = os.open(file, os.O_RDONLY)
        try:
            with pytest.raises(SourceError) as caught:
                memory.read_exactly(descriptor, size, "f")
        finally:
            os.close(descriptor)
        assert caught.value.code == "source-changed"


@pytest.mark.parametrize("size", [1, 999, 1000, 1001, 5500])
def test_a_large_file_is_read_in_pieces_by_several_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    for name, value in {"LARGE": 0, "_SHARED": 0, "_PIECE": 1000}.items():
        monkeypatch.setattr(memory, name, value)
    data = bytes(number * 7 % 251 for number in range(size))
    file = tmp_path / "f"
    file.write_bytes(data)
    for wanted in (size, size + 1, size - 1):
        descriptor = os.open(file, os.O_RDONLY)
        try:
            if wanted == size:
                assert bytes(memory.read_exactly(descriptor, size, "f")) == data
            elif wanted >= 0:
                with pytest.raises(SourceError):
                    memory.read_exactly(descriptor, wanted, "f")
        finally:
            os.close(descriptor)


@pytest.mark.skipif(not Path("/proc/self/mountinfo").exists(), reason="Linux only")
def test_which_files_are_mapped_by_themselves(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAP_BYTES", 1000)
    monkeypatch.setattr(memory, "is_local", lambda _: True)
    with open_source(path) as opened:
        assert opened.mapped
    monkeypatch.setattr(memory, "is_local", lambda _: False)
    with open_source(path) as opened:
        assert not opened.mapped


@pytest.mark.parametrize(
    ("lines", "local"),
    [
        ("1 0 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n", True),
        ("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:5 / {} rw - nfs4 server:/x rw\n", False),
        ("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:5 / {}x rw - nfs4 server:/x rw\n", True),
        ("1 0 8:1 / / rw - fuse.sshfs x rw\n", False),
        ("nonsense\n", False),
        ("", False),
    ],
)
def test_local_file_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, local: bool) -> None:
    table = tmp_path / "mounts"
    table.write_text(lines.format(tmp_path))
    monkeypatch.setattr(memory, "_MOUNTS", str(table))
    monkeypatch.setattr(memory.sys, "platform", "linux")
    assert memory.is_local(str(tmp_path / "f")) == local


def test_memory_that_is_not_to_be_had() -> None:
    with pytest.raises(SourceError) as caught:
        memory.allocate(2**62)
    assert caught.value.code == "memory-short"


def test_no_descriptors_are_left(path: Path) -> None:
    def count() -> int:
        gc.collect()  # pytest's record of an exception and the frame that holds it refer to each other
        return len(os.listdir("/proc/self/fd"))

    if not Path("/proc/self/fd").exists():
        pytest.skip("Linux only")
    bad = path.with_name("bad")
    bad.write_bytes(path.read_bytes()[:-5])
    before = count()
    for _ in range(3):
        for mmap in (True, False):
            open_source(path, mmap=mmap).close()
            code_of(bad, mmap=mmap)
    assert count() == before


def test_reading_in_threads(path: Path) -> None:
    found: list[bytes] = []

    def read() -> None:
        with open_source(path, all_crcs=True) as opened:
            found.append(bytes(opened.members["model/tensors-00001.safetensors"]))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_file_gives_an_amber_error(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "f"
        file.write_bytes(data)
        for mmap in (True, False):
            with pytest.raises(AmberError):
                open_source(file, mmap=mmap, limits=DEFAULT)


def test_bytes_of_a_container_are_stable() -> None:
    assert to_bytes(members()) == to_bytes(members())
