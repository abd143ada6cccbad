"""Who could have written what decides: owner, mode, group, and one descriptor."""

from __future__ import annotations

import grp
import os
import pwd
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from amber.errors import AmberError, SourceError, UsageError
from amber.policy import Policy, files
from tests.unit.policy.material import pem

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="files have no owner or mode of this form there")
ME = os.geteuid()
STRANGER = 54321


def found(mode: int = 0o644, user: int = ME, group: int = 0, kind: int = stat.S_IFREG) -> os.stat_result:
    return os.stat_result((kind | mode, 1, 1, 1, user, group, 10, 0, 0, 0))


def code(stats: os.stat_result, **more: str) -> str:
    try:
        files.check(stats, "policy.toml", **more)
    except AmberError as error:
        return error.code if error.where == "policy.toml" and error.hint else f"{error.code} without place or hint"
    return ""


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> dict[int, SimpleNamespace]:
    """Group 7 is the user's own."""
    known = {7: SimpleNamespace(gr_name="me", gr_mem=["me"])}
    people = {ME: SimpleNamespace(pw_name="me", pw_gid=7)}
    monkeypatch.setattr(grp, "getgrgid", known.__getitem__)
    monkeypatch.setattr(pwd, "getpwuid", people.__getitem__)
    return known


def test_the_users_and_roots_files_are_taken() -> None:
    assert code(found()) == ""
    assert code(found(user=0)) == ""
    assert code(found(0o600)) == ""


def test_a_strangers_file_is_refused() -> None:
    assert code(found(user=STRANGER)) == "policy-permissions"
    assert code(found(0o400, user=STRANGER)) == "policy-permissions"


def test_the_floor_is_roots_alone() -> None:
    assert code(found(user=0), owner="root") == ""
    assert code(found(user=STRANGER), owner="root") == "policy-permissions"


@pytest.mark.parametrize("mode", [0o646, 0o602, 0o666, 0o777])
def test_a_file_that_everybody_may_write_is_refused(mode: int) -> None:
    assert code(found(mode)) == "policy-permissions"


def test_a_group_may_write_only_if_it_is_the_users_own(groups: dict[int, SimpleNamespace]) -> None:
    assert code(found(0o664, group=7)) == ""
    groups[7].gr_mem = []
    assert code(found(0o664, group=7)) == ""
    groups[7].gr_mem = ["me", "somebody"]
    assert code(found(0o664, group=7)) == "policy-permissions"
    groups[7] = SimpleNamespace(gr_name="staff", gr_mem=[])
    assert code(found(0o664, group=7)) == "policy-permissions"
    groups[8] = SimpleNamespace(gr_name="me", gr_mem=[])
    assert code(found(0o664, group=8)) == "policy-permissions"
    assert code(found(0o664, group=9)) == "policy-permissions", "a group that nobody knows"
    assert code(found(0o644, group=9)) == ""


def test_a_folder_a_pipe_and_a_device_are_no_policy(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(SourceError) as caught:
            files.read(str(path))
        assert caught.value.code == "policy-unreadable"


def test_a_missing_file_is_no_empty_policy(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        Policy.from_file(tmp_path / "absent.toml")
    assert caught.value.code == "policy-unreadable"
    assert files.read_if_there(str(tmp_path / "absent.toml")) is None
    assert files.read_if_there(str(tmp_path / "absent" / "policy.toml")) is None


def test_a_folder_that_cannot_be_entered_is_not_an_absent_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", forbidden)
    with pytest.raises(SourceError) as caught:
        files.read_if_there(str(tmp_path / "policy.toml"))
    assert caught.value.code == "policy-unreadable"


def test_a_file_that_cannot_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> os.stat_result:
        raise OSError(5, "Input/output error")

    (tmp_path / "policy.toml").write_text("")
    with monkeypatch.context() as patched:
        patched.setattr(os, "fstat", broken)
        with pytest.raises(SourceError, match="Input/output error"):
            files.read(str(tmp_path / "policy.toml"))
    with pytest.raises(SourceError) as caught:
        files.check_folder(str(tmp_path / "absent"))
    assert caught.value.code == "policy-unreadable"
    with pytest.raises(SourceError):
        files.read("nul\0byte")


def test_a_file_above_a_mebibyte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text("#" * files.MOST_BYTES)
    assert Policy.from_file(path) == Policy()
    path.write_text("#" * (files.MOST_BYTES + 1))
    with pytest.raises(UsageError, match="larger than"):
        Policy.from_file(path)


def test_the_key_files_of_a_policy_are_looked_at_too(tmp_path: Path) -> None:
    (tmp_path / "alice.pub").write_text(pem(1))
    (tmp_path / "alice.pub").chmod(0o666)
    (tmp_path / "policy.toml").write_text('[signers.alice]\nkeys = ["alice.pub"]')
    with pytest.raises(UsageError) as caught:
        Policy.from_file(tmp_path / "policy.toml")
    assert caught.value.code == "policy-permissions"
    assert caught.value.where.endswith("alice.pub")


def test_what_is_looked_at_is_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file put in its place between the two changes nothing: one descriptor serves both."""
    path = tmp_path / "policy.toml"
    path.write_text('verdict = "identical"')
    path.chmod(0o644)
    looked = os.fstat

    def swapped(descriptor: int) -> os.stat_result:
        (tmp_path / "evil.toml").write_text('verdict = "drifted"')
        os.replace(tmp_path / "evil.toml", path)
        return looked(descriptor)

    monkeypatch.setattr(os, "fstat", swapped)
    assert Policy.from_file(path).verdict == "identical"
    monkeypatch.undo()
    assert Policy.from_file(path).verdict == "drifted"


def test_importing_the_policy_is_cheap() -> None:
    text = "import sys, amber.policy; print(*sorted(sys.modules))"
    modules = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout.split()
    heavy = {
        "tomllib",
        "tomli_w",
        "hashlib",
        "json",
        "pwd",
        "grp",
        "logging",
        "difflib",
        "fcntl",
        "cryptography",
        "click",
    }
    assert not heavy & set(modules)
    assert not {name for name in modules if name.startswith(("amber.archive", "amber.trust", "amber.vault"))}
