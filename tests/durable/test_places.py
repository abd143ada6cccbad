"""Where a file goes: full disks, read-only and missing folders, links, odd names. A refusal changes nothing."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LinearRegression

import amber
from amber.archive.source import open_source
from amber.archive.write import check_target, write_artifact, write_folder
from amber.errors import SourceError, UsageError
from tests.architecture.repository import ROOT
from tests.durable.scenarios import leftovers, new_file, old_file, state
from tests.unit.archive.samples import artifact, members, tree_of

NOBODY = 65534

# Runs in a child: what is changed here - limits, the user - cannot be changed back.
CHILD = """
import os, resource, sys
from pathlib import Path
from amber.archive.write import write_artifact, write_folder
from amber.errors import SourceError
from tests.durable.scenarios import new_file
from tests.unit.archive.samples import members, tree_of
place = Path(sys.argv[1])
def nobody():
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
def refusal(call):
    try:
        call()
    except SourceError as error:
        return f"{error.code}|{error.message}|{error.hint}"
    return "written"
"""


def in_child(body: str, place: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", CHILD + body, str(place)], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.splitlines()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user may enter; those of pytest are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="amber-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


FULL = """
print(refusal(lambda: write_artifact(place / "m.amber", members(tree_of(400_000)))))
print(refusal(lambda: write_folder(place / "m", members(tree_of(400_000)))))
"""
LIMITED = "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n" + FULL


def test_a_file_larger_than_the_system_allows(tmp_path: Path) -> None:
    old_file(tmp_path)
    before = state(tmp_path)
    for line in in_child(LIMITED, tmp_path):
        assert line.startswith("target-unwritable|cannot be written, nothing was changed: File too large|")
        assert "ulimit" in line
    assert state(tmp_path, temporary=True) == before


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    # where no file system may be mounted, the limit on the size of files above is what stands for it
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(tmp_path)]
    mounted = (
        shutil.which("mount") is not None and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    )
    try:
        old_file(tmp_path)
        before = state(tmp_path)
        for line in in_child(FULL if mounted else LIMITED, tmp_path):
            assert line.startswith("target-unwritable|cannot be written, nothing was changed: ")
            assert "ulimit" in line or line.endswith("room for the new file beside the old one")
        assert state(tmp_path, temporary=True) == before
        new_file(tmp_path)
    finally:
        if mounted:
            subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_read_only_folder(open_folder: Path) -> None:
    old_file(open_folder)
    before = state(open_folder)
    open_folder.chmod(0o555)
    both = ("new_file(place)", 'write_folder(place / "m", members())')
    body = "\n".join(["nobody()", *(f"print(refusal(lambda: {call}))" for call in both)])
    for line in in_child(body, open_folder):
        assert line.startswith("target-unwritable|cannot be written, nothing was changed: Permission denied|the folder")
    assert state(open_folder, temporary=True) == before


def test_a_folder_one_may_write_to_and_not_list(open_folder: Path) -> None:
    open_folder.chmod(0o333)
    if os.getuid() == 0:
        os.chown(open_folder, NOBODY, NOBODY)
    assert in_child("nobody()\nprint(refusal(lambda: new_file(place)))", open_folder) == ["written"]
    open_folder.chmod(0o755)
    assert list(state(open_folder, temporary=True)) == ["m.amber"]


def test_owner_and_mode_of_a_replaced_file_stay(tmp_path: Path) -> None:
    old_file(tmp_path)
    file = tmp_path / "m.amber"
    owner = (NOBODY, NOBODY) if os.getuid() == 0 else (os.getuid(), os.getgid())
    os.chown(file, *owner)
    file.chmod(0o640)
    new_file(tmp_path)
    found = file.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (*owner, 0o640)


def refused(target: Any, error: type[Exception] = SourceError) -> Any:
    """Refused alike before any work is done and when it comes to writing."""
    found = []
    for call in (lambda: check_target(target), lambda: write_artifact(target, members())):
        with pytest.raises(error) as caught:
            call()
        found.append((caught.value.code, str(caught.value)))  # type: ignore[attr-defined]
    assert found[0] == found[1]
    return caught.value


def test_a_missing_folder(tmp_path: Path) -> None:
    error = refused(tmp_path / "absent" / "m.amber")
    assert (error.code, error.hint) == ("target-unwritable", "make the folder first")
    assert "amber-tmp" not in str(error)
    with pytest.raises(SourceError, match="make the folder first"):
        write_folder(tmp_path / "absent" / "m", members())
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert refused(tmp_path / "file" / "m.amber").hint == "a part of the path is a file"
    assert refused(tmp_path).code == "target-not-file"


def test_a_save_refuses_its_target_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        amber.save(LinearRegression(), tmp_path / "absent" / "m.amber")  # not fitted: that would be said next
    assert caught.value.code == "target-unwritable"


@pytest.mark.parametrize("target", [b"m.amber", 5, None, object()])
def test_what_is_no_path(target: Any) -> None:
    assert refused(target, UsageError).code == "target-type"
    with pytest.raises(UsageError):
        write_folder(target, members())


ODD = [
    "a" * 255,
    "é" * 127 + "a",
    "日" * 85,
    "m\n.amber",
    "-",
    "m.amber.amber-tmp-0123456789abcdef",
    os.fsdecode(b"\xff\xfe.amber"),
]


@pytest.mark.skipif(sys.platform == "darwin", reason="names are UTF-8 there")
@pytest.mark.parametrize("name", ODD, ids=range(len(ODD)))
def test_odd_names(tmp_path: Path, name: str) -> None:
    for _ in range(2):
        write_artifact(tmp_path / name, members())
        assert os.listdir(tmp_path) == [name]
    with open_source(tmp_path / name) as opened:
        assert len(opened.members) > 1
    write_folder(tmp_path / ("d" + name[1:]), members())
    assert leftovers(tmp_path) == [one for one in os.listdir(tmp_path) if one.startswith(("m.amber.", "d.amber."))]


def test_a_temporary_name_is_cut_between_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.extend(leftovers(tmp_path)))
    for name in ("é" * 100, "x" + "é" * 100, "日" * 70, "x" + "日" * 70, "xx" + "日" * 70):
        write_artifact(tmp_path / name, members())
    assert len(seen) == 5
    assert all(one.encode("utf-8") for one in seen)  # a cut character would be a surrogate


def test_a_name_too_long(tmp_path: Path) -> None:
    assert refused(tmp_path / ("a" * 256)).hint == "choose a shorter name"
    assert os.listdir(tmp_path) == []


def test_names_that_are_not_text_on_the_command_line(tmp_path: Path) -> None:
    write_folder(tmp_path / "m", members())
    name = os.fsencode(tmp_path) + b"/\xff\n.amber"
    command = [sys.executable, "-m", "amber.cli.main"]
    for words in ([b"pack", os.fsencode(tmp_path / "m"), name], [b"inspect", name], [b"pack", name, name + b"/x"]):
        done = subprocess.run([*map(os.fsencode, command), *words], cwd=ROOT, check=False, capture_output=True)
        assert done.returncode == (66 if words[-1] == name + b"/x" else 0), done.stderr
        done.stdout.decode("utf-8")
        assert b"Traceback" not in done.stderr


def test_links(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "there").symlink_to(tmp_path / "data")
    write_artifact(tmp_path / "there" / "m.amber", members())
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert refused(tmp_path / "loop").code == "target-not-file"
    assert refused(tmp_path / "there").code == "target-not-file"
    (tmp_path / "empty").symlink_to(tmp_path / "new")
    write_folder(tmp_path / "empty", members())
    assert (tmp_path / "empty").is_symlink()
    assert (tmp_path / "new" / "manifest.json").exists()
    assert sorted(os.listdir(tmp_path)) == ["data", "empty", "loop", "new", "there"]
    assert os.listdir(tmp_path / "data") == ["m.amber"]


def test_a_mount_point_cannot_be_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: Any, **__: Any) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy")

    old_file(tmp_path)
    monkeypatch.setattr(os, "replace", busy)
    with pytest.raises(SourceError, match="mount the folder that holds it"):
        new_file(tmp_path)
    assert os.listdir(tmp_path) == ["m.amber"]


def test_a_disk_that_does_not_confirm_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old_file(tmp_path)
    real, numbers = os.fsync, iter([0, errno.EIO, 0, errno.EINVAL])

    def fail(descriptor: int) -> None:
        if number := next(numbers):
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(SourceError) as caught:
        write_artifact(tmp_path / "m.amber", members(tree_of(5)))
    assert caught.value.code == "target-unsynced"
    assert (tmp_path / "m.amber").read_bytes() == artifact(tree_of(5))
    write_artifact(tmp_path / "m.amber", members())  # a file system that has no sync of folders
    assert (tmp_path / "m.amber").read_bytes() == artifact()


def test_a_folder_keeps_the_mode_of_the_empty_one_it_replaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m").mkdir(0o700)
    modes: set[int] = set()
    monkeypatch.setattr(
        os, "fsync", lambda _: modes.update(stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir())
    )
    write_folder(tmp_path / "m", members())
    assert modes == {0o700}, "at no moment may others look into it"
    write_folder(tmp_path / "fresh", members())
    (tmp_path / "usual").mkdir()
    assert (tmp_path / "fresh").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_the_current_folder_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (".", str(tmp_path)):
        with pytest.raises(SourceError) as caught:
            write_folder(name, members())
        assert caught.value.code == "target-exists"
    write_artifact("m.amber", members())
    assert os.listdir(tmp_path) == ["m.amber"]


def test_a_folder_made_meanwhile_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.rename

    def late(source: str, target: str, **more: Any) -> None:
        os.mkdir(target)
        Path(target, "theirs").touch()
        real(source, target, **more)

    monkeypatch.setattr(os, "rename", late)
    with pytest.raises(SourceError) as caught:
        write_folder(tmp_path / "m", members())
    assert caught.value.code == "target-exists"
    assert list(state(tmp_path, temporary=True)) == ["m/theirs"]


def test_a_write_that_makes_no_progress_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "writev", lambda *_: 0)
    with pytest.raises(SourceError):
        write_artifact(tmp_path / "m.amber", members())
    assert os.listdir(tmp_path) == []
