"""The keyring on the disk: private, whole, changed by one at a time, and never rewritten over another's hand."""

from __future__ import annotations

import os
import stat
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from amber.cli import keyring
from amber.errors import AmberError, SourceError, UsageError
from amber.policy import Certificate, Key, Keyless, Policy, decide, files, in_force, places
from tests.unit.policy.material import NOW, der, facts, key, pem, root, signed

LATER = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(places, "keyring_folder", lambda: str(tmp_path / "config" / "amber"))
    monkeypatch.setattr(places, "floor_file", lambda: None)
    return tmp_path / "config" / "amber"


def file(folder: Path) -> Path:
    return folder / "keyring.toml"


def codes(**more: object) -> list[str]:
    return [each.code for each in decide(in_force(), facts(**more), NOW)]


def test_a_new_keyring_is_private_and_a_policy(folder: Path) -> None:
    change = keyring.add("alice", keys=(key(1),), names=("churn*",))
    assert change.fingerprints == (key(1).fingerprint,)
    assert change.path == str(file(folder))
    assert Policy.from_file(file(folder)) == in_force()
    if sys.platform != "win32":
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_from_now_on_these_names_are_signed() -> None:
    assert codes() == []
    keyring.add("alice", keys=(key(1),), names=("churn*",))
    keyring.add("bob", keys=(key(2),), names=("fraud",))
    assert codes() == ["signature-missing"]
    assert codes(name="other") == []
    assert codes(signers=frozenset(["alice"])) == []
    assert codes(signers=frozenset(["bob"])) == ["signers-missing"]
    assert codes(name="fraud", signers=frozenset(["bob"])) == []


def test_there_is_one_rule(folder: Path) -> None:
    keyring.add("alice", keys=(key(1),), names=("churn*", "a"))
    keyring.add("bob", keys=(key(2),))
    (rule,) = in_force().rules
    assert rule.names == ("*", "a", "churn*")
    assert [(line.from_, line.k) for line in rule.require] == [(("alice", "bob"), 1)]


def test_another_key_of_a_signer_stays_one_signer() -> None:
    keyring.add("alice", keys=(key(1),), names=("churn*",))
    keyring.add("bob", keys=(key(2),))
    keyring.add("alice", keys=(Key(der(3), LATER),))
    found = in_force().signer("alice")
    assert found is not None
    assert [each.fingerprint for each in found.keys] == [key(1).fingerprint, key(3).fingerprint]
    assert found.keys[1].until == LATER
    assert found.names == ("churn*",)


def test_certificates_and_identities_are_kept() -> None:
    ci = Certificate(root(1), san="ci@example.org")
    build = Keyless("me@example.org", "https://issuer.example", b'{"a": "\\u00e4 \\"x\\""}\n')
    keyring.add("ci", certificates=(ci,), until=LATER)
    keyring.add("build", keyless=(build,))
    found = in_force()
    assert [(each.certificates, each.keyless, each.until) for each in found.signers] == [
        ((ci,), (), LATER),
        ((), (build,), None),
    ]


def test_the_end_of_a_signer_that_is_there_stays() -> None:
    keyring.add("ci", certificates=(Certificate(root(1), san="ci@example.org"),))
    with pytest.raises(UsageError, match="its end stays"):
        keyring.add("ci", certificates=(Certificate(root(2), san="ci@example.org"),), until=LATER)


def test_a_key_that_somebody_has_is_refused_and_nothing_changes(folder: Path) -> None:
    keyring.add("alice", keys=(key(1),))
    before = file(folder).read_bytes()
    for label in ("bob", "alice"):
        with pytest.raises(UsageError, match="key"):
            keyring.add(label, keys=(key(1),))
    assert file(folder).read_bytes() == before


def test_removing_says_which_names_nobody_signs_any_more() -> None:
    keyring.add("alice", keys=(key(1),), names=("churn*", "fraud"))
    keyring.add("bob", keys=(key(2),), names=("churn-eu", "fraud*"))
    assert keyring.remove("alice").uncovered == ("churn*",)
    assert codes() == []
    assert keyring.remove("bob").uncovered == ("churn-eu", "fraud*")
    assert in_force() == Policy()


def test_new_names_can_leave_old_ones_uncovered() -> None:
    keyring.add("alice", keys=(key(1),), names=("churn*",))
    assert keyring.add("alice", keys=(key(2),), names=("fraud",)).uncovered == ("churn*",)


def test_revoking_keeps_the_need_for_a_signature() -> None:
    keyring.add("alice", keys=(key(1), key(2)))
    change = keyring.revoke("alice", since=NOW)
    assert change.fingerprints == (key(1).fingerprint, key(2).fingerprint)
    found = in_force()
    assert [(each.fingerprint, each.since) for each in found.revoked.keys] == [
        (key(1).fingerprint, NOW),
        (key(2).fingerprint, NOW),
    ]
    assert codes() == ["signature-missing"]
    keyring.revoke("alice")
    assert [each.since for each in in_force().revoked.keys] == [None, None]


def test_what_is_revoked_outlives_its_signer() -> None:
    keyring.add("alice", keys=(key(1),))
    keyring.revoke("alice")
    keyring.revoke(id="ab" * 32)
    keyring.revoke(id="ab" * 32)
    keyring.revoke(certificate="cd" * 32)
    keyring.revoke(key="ef" * 32)
    keyring.remove("alice")
    revoked = in_force().revoked
    assert revoked.ids == ("ab" * 32,)
    assert revoked.certificates == ("cd" * 32,)
    assert [each.fingerprint for each in revoked.keys] == [key(1).fingerprint, "ef" * 32]
    assert codes(signers=frozenset(["alice"])) == ["id-revoked"]


def test_a_signer_without_keys_is_removed_and_not_revoked() -> None:
    keyring.add("ci", certificates=(Certificate(root(1), san="ci@example.org"),))
    with pytest.raises(UsageError) as caught:
        keyring.revoke("ci")
    assert caught.value.code == "label-unknown"
    assert "amber trust remove ci" in caught.value.hint
    keyring.add("ci", keys=(key(1),))
    assert keyring.revoke("ci").notes


@pytest.mark.parametrize("change", [keyring.remove, keyring.revoke])
def test_nobody_cannot_be_changed(change: object) -> None:
    keyring.add("alice", keys=(key(1),))
    with pytest.raises(UsageError) as caught:
        change("zoe")  # type: ignore[operator]
    assert caught.value.code == "label-unknown"
    assert "alice" in caught.value.hint


@pytest.mark.parametrize("bad", ["abc", "AB" * 32])
def test_a_wrong_fingerprint_is_refused(bad: str) -> None:
    for name in ("id", "key", "certificate"):
        with pytest.raises(UsageError) as caught:
            keyring.revoke(**{name: bad})
        assert caught.value.code == "policy-invalid"


@pytest.mark.parametrize(
    "text",
    ['verdict = "equivalent"\n', '[[rule]]\nnames = ["x"]\nmax_bytes = 3\n', '[seen]\nfile = "seen.json"\n'],
)
def test_what_was_written_by_hand_is_obeyed_and_never_rewritten(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, mode=0o700)
    file(folder).write_text(text)
    in_force()
    with pytest.raises(UsageError) as caught:
        keyring.add("alice", keys=(key(1),))
    assert caught.value.code == "keyring-foreign"
    assert file(folder).read_text() == text


def test_a_keyring_that_cannot_be_read_is_not_replaced(folder: Path) -> None:
    folder.mkdir(parents=True, mode=0o700)
    file(folder).write_text("not toml")
    with pytest.raises(UsageError):
        keyring.add("alice", keys=(key(1),))
    assert file(folder).read_text() == "not toml"


def test_two_at_once_both_count(folder: Path) -> None:
    failed: list[AmberError] = []

    def add(number: int) -> None:
        try:
            keyring.add(f"s{number}", keys=(key(number),))
        except AmberError as error:
            failed.append(error)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(1, 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert {each.label for each in in_force().signers} == {f"s{number}" for number in range(1, 13)}
    assert {path.name for path in folder.iterdir()} == {"keyring.toml", "keyring.toml.lock"}


def test_a_failed_write_leaves_the_old_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring.add("alice", keys=(key(1),))
    before = file(folder).read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SourceError) as caught:
        keyring.add("bob", keys=(key(2),))
    assert caught.value.code == "keyring-unusable"
    assert file(folder).read_bytes() == before
    assert {path.name for path in folder.iterdir()} == {"keyring.toml", "keyring.toml.lock"}


def test_a_keyring_that_could_not_be_read_again_is_not_written(folder: Path) -> None:
    keyring.add("alice", keys=(key(1),))
    before = file(folder).read_bytes()
    big = Keyless("me@example.org", "https://issuer.example", b'{"a": "%s"}' % (b"x" * files.MOST_BYTES))
    with pytest.raises(UsageError, match="larger than"):
        keyring.add("build", keyless=(big,))
    assert file(folder).read_bytes() == before


def test_a_folder_that_cannot_be_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.parent.write_text("a file where a folder should be")
    with pytest.raises(SourceError) as caught:
        keyring.add("alice", keys=(key(1),))
    assert caught.value.code == "keyring-unusable"


def test_without_the_library_it_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tomli_w", None)
    with pytest.raises(UsageError) as caught:
        keyring.add("alice", keys=(key(1),))
    assert caught.value.code == "library-missing"
    assert "amber[sign]" in caught.value.hint
    assert not file(folder).exists()


def test_a_user_without_a_home_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "keyring_folder", lambda: None)
    with pytest.raises(SourceError) as caught:
        keyring.add("alice", keys=(key(1),))
    assert caught.value.code == "keyring-unusable"
    assert "--policy" in caught.value.hint


def test_no_key_is_added_by_deciding() -> None:
    keyring.add("alice", keys=(key(1),))
    before = in_force()
    decide(before, signed("alice", "zoe"), NOW)
    assert in_force() == before
    assert before.to_dict()["signers"]["alice"]["keys"] == [pem(1)]
