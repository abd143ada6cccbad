"""What a dead writer left is removed, and what a living one holds is not, wherever that one runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from amber.archive import temporary
from tests.architecture.repository import ROOT
from tests.durable.scenarios import ALL, leftovers, new_file, old_file, outcomes, source_file, state

DAY = 24 * 60 * 60
# A writer that says when it is in the middle, and waits there for a line.
SLOW = """
import os, sys
from pathlib import Path
from tests.durable.scenarios import ALL
real = os.fsync
def wait(descriptor):
    os.fsync = real
    print("inside", flush=True)
    sys.stdin.readline()
    real(descriptor)
os.fsync = wait
ALL[sys.argv[1]].act(Path(sys.argv[2]))
"""


def slow(name: str, place: Path, *before: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*before, sys.executable, "-c", SLOW, name, str(place)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "inside\n"
    return process


@pytest.mark.parametrize("name", ["write over a file", "unpack"])
def test_a_living_writer_in_another_process(tmp_path: Path, name: str) -> None:
    _, after = outcomes(name, tmp_path)
    place = tmp_path / "place"
    place.mkdir()
    ALL[name].prepare(place)
    with slow(name, place) as process:
        held = leftovers(place)
        assert len(held) == 1
        old_file(place)
        assert leftovers(place) == held
        process.communicate("\n")
    assert process.returncode == 0
    assert leftovers(place) == []
    target = ALL[name].target
    found = {path: data for path, data in state(place).items() if path.startswith(target) and path in after}
    assert found == {path: data for path, data in after.items() if path.startswith(target)}


def test_a_living_writer_in_a_container_of_its_own(tmp_path: Path) -> None:
    # process numbers mean nothing across containers; where none can be made, it is any other process
    apart = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]
    try:
        possible = subprocess.run([*apart, "true"], check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        possible = False
    old_file(tmp_path)
    with slow("write over a file", tmp_path, *(apart if possible else ())) as process:
        held = leftovers(tmp_path)
        old_file(tmp_path)
        assert leftovers(tmp_path) == held
        process.communicate("\n")
    assert process.returncode == 0
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("name", ["write over a file", "unpack"])
def test_a_dead_writer_with_a_living_child(tmp_path: Path, name: str) -> None:
    # a forked child holds the lock of its parent; once it has gone, so has the lock
    source_file(tmp_path)
    body = SLOW.replace('print("inside"', 'os.fork() or signal.pause()\n    print("inside"').replace(
        "sys\n", "signal, sys\n", 1
    )
    process = subprocess.Popen(
        [sys.executable, "-c", body, name, str(tmp_path)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "inside\n"
        process.kill()
        process.wait()
        old_file(tmp_path)
        os.killpg(process.pid, signal.SIGKILL)
        process.stdout.read()  # the child has ended when nobody holds the pipe any more
    old_file(tmp_path)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("name", ["write a new file", "unpack into an empty folder"])
def test_the_next_write_in_the_folder_cleans_for_every_name(tmp_path: Path, name: str) -> None:
    ALL[name].prepare(tmp_path)
    with slow(name, tmp_path) as process:
        process.kill()
    left = leftovers(tmp_path)
    assert len(left) == 1
    if os.path.isfile(tmp_path / left[0]):
        (tmp_path / left[0]).chmod(0o444)  # as of a read-only file that was to be replaced
    source_file(tmp_path)
    assert leftovers(tmp_path) == []


def test_files_of_others_stay(tmp_path: Path) -> None:
    names = [
        ".m.amber.amber-tmp-notes", "m.amber.amber-tmp-0123456789abcdef", ".m.amber.amber-tmp-0123456789ABCDEF",
        ".m.amber.amber-tmp-0123456789abcdef0", ".m.amber.amber-tmp-0123456789abcdef.bak",
    ]  # fmt: skip
    for name in names:
        (tmp_path / name).touch()
    new_file(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted([*names, "m.amber"])


def test_on_a_shared_file_system_a_fresh_one_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # its writer may live on another machine, where our locks do not reach
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(temporary, "is_local", lambda _: False)
    file = tmp_path / ".m.amber.amber-tmp-0123456789abcdef"
    folder = tmp_path / ".m.amber-tmp-fedcba9876543210"
    file.touch()
    folder.mkdir()
    new_file(tmp_path)
    assert len(leftovers(tmp_path)) == 2
    for path in (file, folder):
        os.utime(path, (time.time() - 2 * DAY,) * 2)
    new_file(tmp_path)
    assert leftovers(tmp_path) == []


def test_where_only_files_open_for_writing_are_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert temporary.fcntl is not None
    fcntl = temporary.fcntl
    real = fcntl.flock

    def like_nfs(descriptor: int, operation: int) -> None:
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(9, "Bad file descriptor")
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", like_nfs)
    (tmp_path / ".m.amber.amber-tmp-0123456789abcdef").touch()
    new_file(tmp_path)
    assert os.listdir(tmp_path) == ["m.amber"]


@pytest.mark.parametrize("name", ["write a new file", "unpack"])
def test_one_taken_for_a_leftover_before_its_lock_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    _, after = outcomes(name, tmp_path)
    place = tmp_path / "place"
    place.mkdir()
    ALL[name].prepare(place)
    real = temporary._lock
    taken: list[str] = []

    def late(descriptor: int, *, wait: bool) -> Any:
        if wait and len(taken) < 3:
            taken.extend(leftovers(place))
            temporary.clean_leftovers(str(place))
        return real(descriptor, wait=wait)

    monkeypatch.setattr(temporary, "_lock", late)
    ALL[name].act(place)
    assert len(set(taken)) == 3
    assert state(place, temporary=True) == after
