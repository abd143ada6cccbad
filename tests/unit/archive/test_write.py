from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from amber.archive import temporary, write
from amber.archive.source import open_source
from amber.archive.write import to_bytes, write_artifact, write_folder
from amber.errors import SourceError
from tests.unit.archive.samples import artifact, members, tree_of

MIB = 1024 * 1024


def names_in(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_the_file_has_the_bytes_of_the_container(tmp_path: Path) -> None:
    size = write_artifact(tmp_path / "m.amber", members())
    assert (tmp_path / "m.amber").read_bytes() == to_bytes(members())
    assert size == len(to_bytes(members()))
    assert names_in(tmp_path) == ["m.amber"]


def test_many_and_large_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "_MAX_WRITE", 1000)
    monkeypatch.setattr(write, "_MAX_VECTOR", 3)
    tree = tree_of(*[7] * 40, 70_001, 5, 70_002)
    write_artifact(tmp_path / "m.amber", members(tree))
    assert (tmp_path / "m.amber").read_bytes() == artifact(tree)


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.writev
    monkeypatch.setattr(os, "writev", lambda fd, views: real(fd, [views[0][:13]]))
    write_artifact(tmp_path / "m.amber", members())
    assert (tmp_path / "m.amber").read_bytes() == artifact()


def test_without_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "writev")
    write_artifact(tmp_path / "m.amber", members())
    assert (tmp_path / "m.amber").read_bytes() == artifact()


def test_modes(tmp_path: Path) -> None:
    file = tmp_path / "m.amber"
    write_artifact(file, members())
    fresh = tmp_path / "fresh"
    fresh.touch()
    assert stat.S_IMODE(file.stat().st_mode) == stat.S_IMODE(fresh.stat().st_mode)
    for mode in (0o600, 0o640, 0o664):
        file.chmod(mode)
        write_artifact(file, members())
        assert stat.S_IMODE(file.stat().st_mode) == mode


def test_saving_over_the_file_one_was_loaded_from(tmp_path: Path) -> None:
    file = tmp_path / "m.amber"
    write_artifact(file, members(tree_of(3 * MIB)))
    for mmap in (True, False):
        with open_source(file, mmap=mmap) as opened:
            before = {name: bytes(view) for name, view in opened.members.items()}
            write_artifact(file, {name: [view] for name, view in opened.members.items()})
            assert {name: bytes(view) for name, view in opened.members.items()} == before
    assert file.read_bytes() == artifact(tree_of(3 * MIB))


def test_a_symbolic_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "real.amber").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "data" / "real.amber")
    write_artifact(tmp_path / "link", members())
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "data" / "real.amber").read_bytes() == artifact()
    assert names_in(tmp_path / "data") == ["real.amber"]
    (tmp_path / "dangling").symlink_to(tmp_path / "data" / "new.amber")
    write_artifact(tmp_path / "dangling", members())
    assert (tmp_path / "data" / "new.amber").read_bytes() == artifact()


def refused(target: Path) -> str:
    with pytest.raises(SourceError) as caught:
        write_artifact(target, members())
    return caught.value.code


def test_targets_that_are_no_files(tmp_path: Path) -> None:
    assert refused(tmp_path) == "target-not-file"
    os.mkfifo(tmp_path / "pipe")
    assert refused(tmp_path / "pipe") == "target-not-file"
    assert refused(Path("/dev/null")) == "target-not-file"
    assert refused(tmp_path / "absent" / "m.amber") == "target-unwritable"
    assert refused(tmp_path / "pipe" / "m.amber") == "target-unwritable"
    assert refused(Path("a\0b")) == "target-unwritable"


@pytest.mark.parametrize("call", ["writev", "fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    file = tmp_path / "m.amber"
    file.write_bytes(b"old")

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    assert refused(file) == "target-unwritable"
    assert file.read_bytes() == b"old"
    assert names_in(tmp_path) == ["m.amber"]


def test_an_interrupt_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "m.amber"
    file.write_bytes(b"old")

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_artifact(file, members())
    assert file.read_bytes() == b"old"
    assert names_in(tmp_path) == ["m.amber"]


KILLED = """
import os, signal, sys
from amber.archive import temporary, write
os.fsync = lambda fd: os.kill(os.getpid(), signal.SIGKILL)
write.write_artifact(sys.argv[1], {"manifest.json": [b"new"]})
"""


def test_what_a_killed_save_left_is_removed_by_the_next(tmp_path: Path) -> None:
    file = tmp_path / "m.amber"
    file.write_bytes(b"old")
    other = tmp_path / ".other.amber.amber-tmp-0011223344556677"
    other.write_bytes(b"of a dead save of another name")
    kept = [tmp_path / ".m.amber.amber-tmp-notes", tmp_path / "m.amber.amber-tmp-0011223344556677"]
    for file_of_others in kept:
        file_of_others.touch()
    done = subprocess.run([sys.executable, "-c", KILLED, str(file)], check=False)
    assert done.returncode == -9
    assert file.read_bytes() == b"old"
    left = [name for name in names_in(tmp_path) if name.startswith(".m.amber.amber-tmp-") and "notes" not in name]
    assert len(left) == 1
    write_artifact(file, members())
    assert file.read_bytes() == artifact()
    assert names_in(tmp_path) == sorted(["m.amber", *(path.name for path in kept)])


def test_a_living_save_keeps_its_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "m.amber"
    inside, go_on = threading.Event(), threading.Event()
    real = os.fsync

    def wait(descriptor: int) -> None:
        if threading.current_thread() is not threading.main_thread() and not inside.is_set():
            inside.set()
            assert go_on.wait(30)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", wait)
    slow = threading.Thread(target=write_artifact, args=(file, members(tree_of(5))))
    slow.start()
    assert inside.wait(30)
    write_artifact(file, members())
    assert len([name for name in names_in(tmp_path) if "amber-tmp" in name]) == 1
    go_on.set()
    slow.join(30)
    assert file.read_bytes() == artifact(tree_of(5))
    assert names_in(tmp_path) == ["m.amber"]


def test_two_savers_of_one_path_leave_one_whole_file(tmp_path: Path) -> None:
    file = tmp_path / "m.amber"
    trees = [tree_of(i + 1, 100_000) for i in range(4)]
    errors: list[BaseException] = []

    def save(number: int) -> None:
        try:
            for _ in range(10):
                write_artifact(file, members(trees[number]))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=save, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert file.read_bytes() in [artifact(tree) for tree in trees]
    assert names_in(tmp_path) == ["m.amber"]


def test_a_leftover_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"x")
    (tmp_path / ".m.amber.amber-tmp-0000000000000000").symlink_to(precious)
    write_artifact(tmp_path / "m.amber", members())
    assert precious.read_bytes() == b"x"


def test_long_names(tmp_path: Path) -> None:
    file = tmp_path / ("é" * 120)
    write_artifact(file, members())
    assert file.read_bytes() == artifact()


def test_file_systems_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError(95, "Operation not supported")

    assert temporary.fcntl is not None
    monkeypatch.setattr(temporary.fcntl, "flock", fail)
    left = tmp_path / ".m.amber.amber-tmp-0000000000000000"
    left.touch()
    write_artifact(tmp_path / "m.amber", members())
    assert (tmp_path / "m.amber").read_bytes() == artifact()
    assert left.exists()  # nobody can say that its writer is dead


def test_systems_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporary, "fcntl", None)
    (tmp_path / ".m.amber.amber-tmp-0000000000000000").touch()
    write_artifact(tmp_path / "m.amber", members())
    assert names_in(tmp_path) == ["m.amber"]


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    write_folder(tmp_path / "m", members())
    for name, parts in members().items():
        assert (tmp_path / "m" / name).read_bytes() == b"".join(parts)
    assert names_in(tmp_path) == ["m"]
    (tmp_path / "empty").mkdir()
    write_folder(tmp_path / "empty", members())
    with open_source(tmp_path / "empty") as opened:
        assert list(opened.members) == list(members())


@pytest.mark.parametrize("kind", ["file", "full"])
def test_a_folder_must_be_fresh(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "m"
    if kind == "file":
        target.write_bytes(b"x")
    else:
        target.mkdir()
        (target / "x").touch()
    with pytest.raises(SourceError) as caught:
        write_folder(target, members())
    assert caught.value.code == "target-exists"
    assert names_in(tmp_path) == ["m"]


def test_a_failed_folder_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(SourceError) as caught:
        write_folder(tmp_path / "m", members())
    assert caught.value.code == "target-unwritable"
    assert names_in(tmp_path) == []


def test_leftover_folders_are_removed(tmp_path: Path) -> None:
    left = tmp_path / ".m.amber-tmp-0000000000000000"
    (left / "model").mkdir(parents=True)
    (left / "model" / "tree.json").touch()
    write_folder(tmp_path / "m", members())
    assert names_in(tmp_path) == ["m"]
