"""Which policy is in force: argument, keyring, floor; and that nothing around a process can choose."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from amber.errors import SourceError, UsageError
from amber.limits import DEFAULT
from amber.policy import Policy, Revoked, RevokedKey, decide, files, in_force, places
from tests.unit.policy.material import NOW, facts, pem

KEYRING = f'[signers.alice]\nkeys = ["""\n{pem(1)}"""]\n[[rule]]\nnames = ["churn"]\nrequire = [{{from = ["alice"]}}]\n'


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with `keyring/` and a place for `floor.toml`."""
    (tmp_path / "keyring").mkdir(mode=0o700)
    monkeypatch.setattr(places, "keyring_folder", lambda: str(tmp_path / "keyring"))
    monkeypatch.setattr(places, "floor_file", lambda: str(tmp_path / "floor.toml"))
    monkeypatch.setattr(files, "ROOT", os.geteuid())
    return tmp_path


def keyring(machine: Path, text: str = KEYRING) -> Path:
    path = machine / "keyring" / "keyring.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_without_anything_the_default_is_in_force(machine: Path) -> None:
    assert in_force() == Policy()
    (machine / "keyring").rmdir()
    assert in_force() == Policy()


def test_the_keyring_is_in_force_where_no_policy_is_given(machine: Path) -> None:
    path = keyring(machine)
    found = in_force()
    assert found.names_signers
    assert found.source == str(path)
    assert [each.code for each in decide(found, facts(), NOW)] == ["signature-missing"]


def test_a_given_policy_is_complete_in_itself(machine: Path) -> None:
    keyring(machine)
    given = Policy(verdict="equivalent")
    assert in_force(given) == given


def test_a_keyring_has_no_preset(machine: Path) -> None:
    keyring(machine, 'preset = "open"')
    with pytest.raises(UsageError) as caught:
        in_force()
    assert caught.value.code == "policy-invalid"


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_keyring_that_others_may_write_is_refused(machine: Path, what: str) -> None:
    path = keyring(machine)
    (path if what == "file" else path.parent).chmod(0o777)
    with pytest.raises(UsageError) as caught:
        in_force()
    assert caught.value.code == "policy-permissions"


def test_a_keyring_that_is_no_file_is_not_passed_over(machine: Path) -> None:
    (machine / "keyring" / "keyring.toml").mkdir()
    with pytest.raises(SourceError):
        in_force()


def test_a_floor_is_under_every_policy(machine: Path) -> None:
    (machine / "floor.toml").write_text('verdict = "equivalent"')
    for given in (None, Policy(), Policy(preset="open")):
        found = in_force(given)
        assert found.floor is not None
        assert found.floor.verdict == "equivalent"
        assert in_force(found) == found


def test_nobody_brings_a_floor_of_his_own(machine: Path) -> None:
    brought = Policy().over(Policy(verdict="drifted"))
    assert in_force(brought) == brought
    (machine / "floor.toml").write_text('verdict = "equivalent"')
    assert in_force(brought) == Policy().over(Policy(verdict="equivalent"))


def test_what_a_floor_gives_is_an_upper_bound(machine: Path) -> None:
    (machine / "floor.toml").write_text('allow = ["a.B"]\nsharing = "exact"\n[limits]\nnodes = 10\nmembers = 1000000')
    given = Policy.from_dict({"allow": ["a.B", "c.D"], "limits": {"nodes": 20, "members": 3, "tensors": 4}})
    found = in_force(given)
    assert found.allow == ("a.B",)
    assert (found.limits.nodes, found.limits.members, found.limits.tensors) == (10, 3, 4)
    assert found.sharing == "exact"
    assert found.allowing(("c.D",)).allow == ("a.B",)
    assert in_force(Policy()).limits.members == DEFAULT.members


def test_what_a_floor_does_not_give_bounds_nothing(machine: Path) -> None:
    (machine / "floor.toml").write_text("[limits]\nnodes = 10")
    given = Policy.from_dict({"allow": ["c.D"], "limits": {"members": DEFAULT.members * 2}})
    found = in_force(given)
    assert found.allow == ("c.D",)
    assert found.limits.members == DEFAULT.members * 2


def test_a_production_floor_allows_no_types(machine: Path) -> None:
    (machine / "floor.toml").write_text(f'preset = "production"\n{KEYRING}')
    assert in_force(Policy(allow=("a.B",))).allow == ()


def test_a_floor_that_is_not_roots_refuses_everything(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "floor.toml").write_text("")
    monkeypatch.setattr(files, "ROOT", os.geteuid() + 1)
    with pytest.raises(UsageError) as caught:
        in_force()
    assert caught.value.code == "policy-permissions"


def test_a_floor_in_a_folder_of_everybodys_refuses_everything(machine: Path) -> None:
    (machine / "floor.toml").write_text("")
    assert in_force().floor == Policy()
    machine.chmod(0o777)
    with pytest.raises(UsageError) as caught:
        in_force()
    assert caught.value.code == "policy-permissions"


@pytest.mark.parametrize("text", ['[seen]\nfile = "x"', "verdict = 1"])
def test_a_floor_that_is_not_valid_refuses_everything(machine: Path, text: str) -> None:
    (machine / "floor.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        in_force()
    assert caught.value.code == "policy-invalid"


def test_no_environment_variable_chooses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()  # the folder that every test has in its place
    home = tmp_path / "home"
    monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_dir=str(home)))
    places._home_of.cache_clear()
    before = places.keyring_folder()
    assert before is not None
    assert before.startswith(str(home))
    for name in (
        "HOME",
        "XDG_CONFIG_HOME",
        "XDG_CONFIG_DIRS",
        "APPDATA",
        "USERPROFILE",
        "AMBER_POLICY",
        "AMBER_KEYRING",
    ):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    monkeypatch.chdir(tmp_path)
    places._home_of.cache_clear()
    assert places.keyring_folder() == before
    assert places.floor_file() == places.FLOOR
    places._home_of.cache_clear()


@pytest.mark.parametrize("home", [None, "", "relative"])
def test_a_user_without_a_home_has_no_keyring(monkeypatch: pytest.MonkeyPatch, home: str | None) -> None:
    def record(user: int) -> SimpleNamespace:
        if home is None:
            raise KeyError(user)
        return SimpleNamespace(pw_dir=home)

    monkeypatch.setattr(pwd, "getpwuid", record)
    monkeypatch.setattr(places, "floor_file", lambda: None)
    places._home_of.cache_clear()
    assert places.keyring_folder() is None
    assert in_force() == Policy()
    places._home_of.cache_clear()


def test_a_key_that_the_machine_took_back_is_nobodys_any_more(machine: Path) -> None:
    """A floor without signers of its own says who must not count for those above it."""
    fingerprint, other = "ab" * 32, "cd" * 32
    (machine / "floor.toml").write_text(f'[revoked]\nkeys = ["{fingerprint}"]\ncertificates = ["{other}"]\n')
    given = Policy(revoked=Revoked(keys=(RevokedKey(other),)))
    found = in_force(given)
    assert [each.fingerprint for each in found.revoked.keys] == [other, fingerprint]
    assert found.revoked.certificates == (other,)
    assert in_force(found) == found


@pytest.mark.parametrize(
    "given", ["policy.toml", Path("policy.toml"), {"preset": "open"}], ids=["text", "path", "data"]
)
def test_what_is_no_policy_is_told_how_to_become_one(machine: Path, given: Any) -> None:
    with pytest.raises(UsageError) as caught:
        in_force(given)
    assert caught.value.code == "policy-invalid"
    assert "amber.Policy.from_" in caught.value.hint
