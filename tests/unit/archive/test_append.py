"""Another set of signatures: the bytes the writer would write, no payload copied where blocks can be shared."""

from __future__ import annotations

import errno
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from amber.archive import append, folder_signatures
from amber.archive.append import Draft, rewrite, with_signatures
from amber.archive.container import Entry, frame, read_container
from amber.archive.source import OpenFile, open_source
from amber.archive.write import to_bytes, write_artifact, write_folder
from amber.errors import AmberError, FormatError, LimitError, SourceError
from amber.limits import DEFAULT, Limits
from tests.unit.archive.samples import members, tree_of

MIB = 1024 * 1024
ONE = {"signatures/0001-oms.sigstore.json": b'{"a":1}'}
TWO = {**ONE, "signatures/0002-oms.sigstore.json": b"{}", "signatures/0002.tlog-proof": b"proof"}
SETS: dict[str, dict[str, bytes]] = {
    "none": {},
    "one": ONE,
    "two and a proof": TWO,
    "an empty one": {"signatures/0007-vsa.sigstore.json": b""},
    "large": {"signatures/0001-oms.sigstore.json": b"x" * 200_000},
}


def container(signatures: dict[str, bytes], *sizes: int) -> bytes:
    return to_bytes({**members(tree_of(*sizes or (10, 300))), **{name: [data] for name, data in signatures.items()}})


def written(tmp_path: Path, signatures: dict[str, bytes], *sizes: int) -> str:
    path = tmp_path / "m.amber"
    path.write_bytes(container(signatures, *sizes))
    return str(path)


def refused(action: Callable[..., Any], *arguments: Any) -> str:
    with pytest.raises(AmberError) as caught:
        action(*arguments)
    return caught.value.code


@pytest.mark.parametrize("after", SETS)
@pytest.mark.parametrize("before", SETS)
def test_a_file_is_the_one_the_writer_would_write(tmp_path: Path, before: str, after: str) -> None:
    path = written(tmp_path, SETS[before], 10, 2 * MIB)
    with_signatures(path, str(tmp_path / "new"), SETS[after])
    assert (tmp_path / "new").read_bytes() == container(SETS[after], 10, 2 * MIB)
    with_signatures(path, path, SETS[after])
    assert Path(path).read_bytes() == container(SETS[after], 10, 2 * MIB)
    assert sorted(os.listdir(tmp_path)) == ["m.amber", "new"]


@pytest.mark.parametrize("after", SETS)
@pytest.mark.parametrize("before", SETS)
def test_a_folder_holds_exactly_these(tmp_path: Path, before: str, after: str) -> None:
    folder = tmp_path / "m"
    write_folder(folder, {**members(), **{name: [data] for name, data in SETS[before].items()}})
    with_signatures(str(folder), str(tmp_path / "new"), SETS[after])
    with_signatures(str(folder), str(folder), SETS[after])
    for each in (folder, tmp_path / "new"):
        with open_source(each) as opened:
            assert to_bytes({name: [view] for name, view in opened.members.items()}) == container(SETS[after])
    assert sorted(os.listdir(tmp_path)) == ["m", "new"]


def test_an_existing_file_is_never_written_in_place(tmp_path: Path) -> None:
    path = written(tmp_path, {})
    os.link(path, tmp_path / "second")
    with open(path, "rb") as reader:
        with_signatures(path, path, ONE)
        assert reader.read() == (tmp_path / "second").read_bytes() == container({})
    assert Path(path).read_bytes() == container(ONE)


def test_a_link_is_written_through_and_the_mode_is_kept(tmp_path: Path) -> None:
    path = written(tmp_path, {})
    os.chmod(path, 0o640)
    (tmp_path / "link").symlink_to("m.amber")
    with_signatures(str(tmp_path / "link"), str(tmp_path / "link"), ONE)
    assert (tmp_path / "link").is_symlink()
    assert Path(path).read_bytes() == container(ONE)
    assert os.stat(path).st_mode & 0o777 == 0o640


def test_nothing_is_written_where_nothing_changes(tmp_path: Path) -> None:
    path = written(tmp_path, ONE)
    before = os.stat(path)
    assert not rewrite(path, path, lambda draft: draft.put(ONE))
    assert not rewrite(path, path, lambda _: None)
    assert os.stat(path).st_ino == before.st_ino
    assert os.listdir(tmp_path) == ["m.amber"]
    assert rewrite(path, str(tmp_path / "copy"), lambda _: None)
    assert (tmp_path / "copy").read_bytes() == container(ONE)


class Shared:
    """A file system that shares blocks: its clone costs nothing, and everything else that moves bytes is counted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moved = 0
        self.clones = 0
        real = append.write_all
        monkeypatch.setattr(append, "cloned", self.clone)
        monkeypatch.setattr(append, "write_all", lambda fd, pieces: (self.count(pieces), real(fd, pieces)))
        monkeypatch.setattr(os, "copy_file_range", self.no_copy, raising=False)

    def clone(self, origin: int, descriptor: int) -> bool:
        self.clones += 1
        os.pwrite(descriptor, os.pread(origin, os.fstat(origin).st_size, 0), 0)
        return True

    def count(self, pieces: list[bytes]) -> None:
        self.moved += sum(map(len, pieces))

    def no_copy(self, *_: Any) -> int:
        raise AssertionError("the payload was copied")


def test_where_blocks_can_be_shared_no_payload_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, ONE, 3 * MIB, 3 * MIB)
    shared = Shared(monkeypatch)
    with_signatures(path, path, TWO)
    assert Path(path).read_bytes() == container(TWO, 3 * MIB, 3 * MIB)
    assert shared.clones == 1
    assert 0 < shared.moved < 4096


def no_clone(*_: Any) -> bool:
    return False


@pytest.mark.parametrize("kind", ["whole", "absent", "another file system", "half, then refused", "short"])
def test_every_way_to_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    calls: list[int] = []

    def by_kernel(origin: int, descriptor: int, count: int, begin: int, to: int) -> int:
        calls.append(begin)
        if kind == "another file system" or (kind == "half, then refused" and begin):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        if kind == "short" and begin:
            return 0
        count = count if kind == "whole" else min(count, 5000)
        return os.pwrite(descriptor, os.pread(origin, count, begin), to)

    monkeypatch.setattr(append, "cloned", no_clone)
    if kind == "absent":
        monkeypatch.delattr(os, "copy_file_range", raising=False)
    else:
        monkeypatch.setattr(os, "copy_file_range", by_kernel, raising=False)
    path = written(tmp_path, {}, 3 * MIB, 100)
    with_signatures(path, path, ONE)
    assert Path(path).read_bytes() == container(ONE, 3 * MIB, 100)
    assert bool(calls) == (kind != "absent")


def test_a_full_disk_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(append, "cloned", no_clone)
    monkeypatch.setattr(os, "copy_file_range", full, raising=False)
    path = written(tmp_path, {})
    assert refused(with_signatures, path, path, ONE) == "target-unwritable"
    assert Path(path).read_bytes() == container({})
    assert os.listdir(tmp_path) == ["m.amber"]


def test_a_file_that_shrinks_while_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, {}, 3 * MIB)
    monkeypatch.setattr(append, "cloned", lambda *_: os.truncate(path, 1000))
    assert refused(with_signatures, path, str(tmp_path / "new"), ONE) == "source-changed"
    assert os.listdir(tmp_path) == ["m.amber"]


def test_what_is_checked_is_what_is_written(tmp_path: Path) -> None:
    """Whatever happens to the source after the copy: the checked bytes are the written ones."""
    path, other = written(tmp_path, {}, 5000), container({}, 6000)

    def work(draft: Draft) -> None:
        Path(path).write_bytes(other)  # in place, in the middle
        with open_source(draft.source, all_crcs=True) as opened:
            assert to_bytes({name: [view] for name, view in opened.members.items()}) == container({}, 5000)
        draft.put(ONE)

    rewrite(path, str(tmp_path / "new"), work)
    assert (tmp_path / "new").read_bytes() == container(ONE, 5000)
    assert Path(path).read_bytes() == other


@pytest.mark.parametrize("how", ["replaced", "written", "removed"])
def test_what_somebody_else_wrote_meanwhile_is_not_lost(tmp_path: Path, how: str) -> None:
    path = written(tmp_path, {})

    def work(draft: Draft) -> None:
        draft.put(ONE)
        if how == "replaced":
            (tmp_path / "theirs").write_bytes(container(TWO))
            os.replace(tmp_path / "theirs", path)
        elif how == "written":
            Path(path).write_bytes(container(TWO))
        else:
            os.unlink(path)

    assert refused(rewrite, path, path, work) == "source-changed"
    assert sorted(os.listdir(tmp_path)) == ([] if how == "removed" else ["m.amber"])
    if how != "removed":
        assert Path(path).read_bytes() == container(TWO)


def test_what_the_work_raises_leaves_everything_as_it_was(tmp_path: Path) -> None:
    def work(draft: Draft) -> None:
        draft.put(ONE)
        raise FormatError("digest-mismatch", "the member is damaged")

    path = written(tmp_path, {})
    assert refused(rewrite, path, path, work) == "digest-mismatch"
    assert Path(path).read_bytes() == container({})
    assert os.listdir(tmp_path) == ["m.amber"]


@pytest.mark.parametrize("error", [ConnectionError("the key service is away"), ValueError("odd")])
@pytest.mark.parametrize("target", ["m.amber", "new", "m", "new folder"])
def test_what_the_work_raises_is_not_taken_for_a_failure_to_write(
    tmp_path: Path, error: Exception, target: str
) -> None:
    path = written(tmp_path, {})
    write_folder(tmp_path / "m", members())
    before = sorted(os.listdir(tmp_path))

    def work(draft: Draft) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        rewrite(path if target in ("m.amber", "new") else str(tmp_path / "m"), str(tmp_path / target), work)
    assert caught.value is error
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize("form", ["file", "folder"])
def test_what_is_no_signature_is_refused(tmp_path: Path, form: str) -> None:
    path = written(tmp_path, {})
    if form == "folder":
        path = str(tmp_path / "m")
        write_folder(path, members())
    many = {f"signatures/{number:04d}.tlog-proof": b"" for number in range(65)}
    for signatures, code in (
        ({"signatures/one.json": b""}, "member-unknown"),
        ({"signatures/../x": b""}, "member-unknown"),
        ({"signatures/0001-oms.sigstore.json": b"x" * 300_000}, "member-too-large"),
        (many, "limit-signatures"),
    ):
        assert refused(with_signatures, path, path, signatures) == code
    assert sorted(os.listdir(tmp_path)) == sorted({"m.amber", os.path.basename(path)})
    with open_source(path) as opened:
        assert list(opened.members) == list(members())


def test_a_member_that_is_no_signature_cannot_be_put(tmp_path: Path) -> None:
    path = written(tmp_path, {})
    for name in ("README.md", "manifest.json", "model/tree.json"):
        assert refused(with_signatures, path, path, {name: b"evil"}) == "member-unknown"
    assert Path(path).read_bytes() == container({})


def test_what_is_no_artifact(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"PK\3\4" + bytes(100))
    assert refused(with_signatures, str(path), str(path), ONE) == "container-not-canonical"
    assert refused(with_signatures, str(tmp_path / "absent"), str(path), ONE) == "source-missing"
    with pytest.raises(LimitError):
        with_signatures(written(tmp_path, {}), str(path), ONE, Limits(file_bytes=100))
    assert path.read_bytes() == b"PK\3\4" + bytes(100)


def test_offsets_beyond_four_gigabytes(tmp_path: Path) -> None:
    """A sparse file stands for one with large tensors: nothing reads the payload here."""
    entries = [Entry("manifest.json", 5, zlib.crc32(b"12345")), Entry("model/tensors-00001.safetensors", 5 << 30, 7)]
    form = frame(entries)
    with open(tmp_path / "huge", "w+b") as file:
        for head, offset in zip(form.heads, form.offsets, strict=True):
            os.pwrite(file.fileno(), head, offset - len(head))
        os.pwrite(file.fileno(), b"12345", form.offsets[0])
        os.pwrite(file.fileno(), form.tail, form.size - len(form.tail))
        draft = append._FileDraft(file.fileno(), "huge", DEFAULT)
        draft.put(ONE)
        draft.write()
        size = os.fstat(file.fileno()).st_size
        found = read_container(append.file_fetch(file.fileno(), "huge"), size, DEFAULT)
        assert [member.name for member in found] == [*(entry.name for entry in entries), *ONE]
        assert found[-1].offset > 5 << 30
        assert struct.pack("<Q", 5 << 30) in os.pread(file.fileno(), 4096, size - 4096)
        assert draft.signatures == ONE
        assert OpenFile(file.fileno(), "huge") == draft.source


@pytest.mark.parametrize("kind", ["the folder of signatures", "a bundle", "a link to elsewhere meanwhile"])
def test_no_link_is_followed_in_a_folder(tmp_path: Path, kind: str) -> None:
    folder, outside = tmp_path / "m", tmp_path / "outside"
    outside.mkdir()
    write_folder(folder, {**members(), **{name: [data] for name, data in ONE.items()}})
    (outside / "0001-oms.sigstore.json").write_bytes(ONE["signatures/0001-oms.sigstore.json"])
    before = sorted(os.listdir(outside))
    if kind == "a bundle":
        (folder / "signatures" / "0001-oms.sigstore.json").unlink()
        (folder / "signatures" / "0001-oms.sigstore.json").symlink_to(outside / "0001-oms.sigstore.json")
        assert refused(with_signatures, str(folder), str(folder), TWO) == "folder-link"
        return
    draft = folder_signatures.FolderDraft(str(folder), DEFAULT)
    read = draft._read() if kind == "a link to elsewhere meanwhile" else None
    os.rename(folder / "signatures", tmp_path / "away")
    (folder / "signatures").symlink_to(outside)
    if read is None:
        assert refused(draft.put, TWO) == "folder-link"
    else:
        draft._read = lambda: read  # type: ignore[method-assign] # what was read before the swap
        assert refused(draft.put, TWO) == "target-unwritable"
    assert sorted(os.listdir(outside)) == before


def test_where_nothing_can_be_made_beside_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is a mount point, or its parent is somebody else's."""
    folder = tmp_path / "m"
    write_folder(folder, members())
    tried: list[str] = []

    def elsewhere(real: Callable[..., None]) -> Callable[..., None]:
        def put(*arguments: Any, beside: str = "", **keywords: Any) -> None:
            tried.append(beside)
            if beside == str(folder):
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
            real(*arguments, beside=beside, **keywords)

        return put

    for name in ("put_file", "put_folder"):
        monkeypatch.setattr(folder_signatures, name, elsewhere(getattr(folder_signatures, name)))
    with_signatures(str(folder), str(folder), ONE)
    with_signatures(str(folder), str(folder), TWO)
    with open_source(folder) as opened:
        assert to_bytes({name: [view] for name, view in opened.members.items()}) == container(TWO)
    assert tried[:2] == [str(folder), str(folder / "signatures")]
    assert os.listdir(tmp_path) == ["m"]


def test_what_a_dead_writer_left_inside_a_folder_goes(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    write_folder(folder, {**members(), **{name: [data] for name, data in ONE.items()}})
    (folder / "signatures" / ".0002-oms.sigstore.json.amber-tmp-0123456789abcdef").write_bytes(b"cut")
    (folder / ".signatures.amber-tmp-0123456789abcdef").mkdir()
    with pytest.raises(FormatError):
        open_source(folder)
    with_signatures(str(folder), str(folder), TWO)
    with open_source(folder) as opened:
        assert [name for name in opened.members if "signatures" in name] == list(TWO)


def test_signatures_leave_a_folder_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after the rename: no signature is left in the folder, no empty folder either."""
    from amber.archive import temporary

    folder = tmp_path / "m"
    write_folder(folder, {**members(), **{name: [data] for name, data in TWO.items()}})
    monkeypatch.setattr(temporary, "_remove_folder", lambda _: None)
    with_signatures(str(folder), str(folder), {})
    with open_source(folder) as opened:
        assert list(opened.members) == list(members())
    left = [name for name in os.listdir(tmp_path) if "amber-tmp" in name]
    assert len(left) == 1
    write_artifact(tmp_path / "next", members())
    assert sorted(os.listdir(tmp_path)) == ["m", "next"]


def test_a_source_error_names_the_source(tmp_path: Path) -> None:
    path = written(tmp_path, {})
    os.unlink(path)
    with pytest.raises(SourceError) as caught:
        with_signatures(path, path, ONE)
    assert caught.value.where == path
