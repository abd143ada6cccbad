"""API keys: made, kept as hashes, found, and read again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from amber.errors import SourceError, UsageError
from amber.server.front import keys
from amber.server.front.keys import Keys


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "keys.toml")


def test_a_new_key_is_known_by_its_hash_alone(path: str) -> None:
    token = keys.add(path, "ci.1", ["read", "predict"])
    text = Path(path).read_text()
    assert token not in text
    assert token.split("_", 2)[2] not in text
    assert Keys(path).check(token.encode()) == ("ci.1", frozenset({"read", "predict"}))
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_secrets_have_256_bits_and_never_repeat(path: str) -> None:
    made = {keys.new_key("a")[0].split("_", 2)[2] for _ in range(100)}
    assert len(made) == 100
    assert {len(secret) for secret in made} == {43}


def test_the_same_secret_has_another_hash_for_each_key() -> None:
    assert keys.new_key("a")[1].hash != keys.new_key("a")[1].hash


@pytest.mark.parametrize(
    "wrong", ["", "amber", "amber_", "amber__", "amber_a", "amber_a_", "amber_b_{}", "Amber_a_{}", "amber_a_{}x", "{}"]
)
def test_what_is_no_key_is_not_known(path: str, wrong: str) -> None:
    secret = keys.add(path, "a").split("_", 2)[2]
    assert Keys(path).check(wrong.format(secret).encode()) is None


def test_keys_are_added_to_those_that_are_there(path: str) -> None:
    first, second = keys.add(path, "a"), keys.add(path, "b", ["admin"])
    known = Keys(path)
    assert known.check(first.encode()) == ("a", frozenset({"read", "predict"}))
    assert known.check(second.encode()) == ("b", frozenset({"admin"}))
    with pytest.raises(UsageError, match="already"):
        keys.add(path, "a")


def test_json_says_the_same(tmp_path: Path) -> None:
    token, key = keys.new_key("a", ["learn"])
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [{"id": key.id, "hash": key.hash, "scopes": key.scopes}]}))
    assert Keys(str(file)).check(token.encode()) == ("a", frozenset({"learn"}))
    with pytest.raises(UsageError, match="TOML"):
        keys.add(str(file), "b")


def test_a_changed_file_is_read_again_and_a_broken_one_is_not(path: str, caplog: pytest.LogCaptureFixture) -> None:
    first = keys.add(path, "a")
    known = Keys(path)
    second = keys.add(path, "b")
    assert known.check(second.encode()) is None
    known.refresh()
    assert known.check(second.encode()) is not None
    Path(path).write_text("[[keys]]\nid = 1\n")
    known.refresh()
    assert known.check(first.encode()) is not None
    assert "stay as they were" in caplog.text
    os.unlink(path)
    known.refresh()
    assert known.check(first.encode()) is not None
    Path(path).write_text("")
    known.refresh()
    assert known.check(first.encode()) is None


@pytest.mark.parametrize("name", ["", "a_b", "-a", "a b", "ä", "a" * 65, 'a"'])
def test_names_that_cannot_be_are_refused(path: str, name: str) -> None:
    with pytest.raises(UsageError, match="keys-invalid"):
        keys.add(path, name)
    assert not Path(path).exists()


@pytest.mark.parametrize("scopes", [[], ["root"]])
def test_scopes_that_cannot_be_are_refused(scopes: list[keys.KeyScope]) -> None:
    with pytest.raises(UsageError, match="scopes"):
        keys.new_key("a", scopes)


HASH = "sha256:" + "0" * 32 + ":" + "0" * 64


@pytest.mark.parametrize(
    "text",
    ["x", "keys = 1", "[[keys]]", f'[[keys]]\nid = "a_b"\nhash = "{HASH}"\nscopes = ["read"]',
     f'[[keys]]\nid = "a"\nhash = "{HASH}"\nscopes = []', f'[[keys]]\nid = "a"\nhash = "{HASH}"\nscopes = ["root"]',
     '[[keys]]\nid = "a"\nhash = "plain"\nscopes = ["read"]', f'[[keys]]\nid = "a"\nhash = "{HASH}"\nscope = ["read"]',
     f'[[keys]]\nid = "a"\nhash = "{HASH}"\nscopes = ["read"]\n' * 2, "#" * (1 << 20) + "##", "\udcff"],
    ids=["garbage", "no-list", "empty", "id", "no-scopes", "scope", "hash", "misspelt", "twice", "huge", "no-utf-8"],
)  # fmt: skip
def test_files_that_are_none_are_refused(path: str, text: str) -> None:
    Path(path).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UsageError, match="keys-invalid"):
        Keys(path)


def test_a_file_that_is_not_there_is_told(path: str) -> None:
    with pytest.raises(SourceError, match="keys-unreadable"):
        Keys(path)
