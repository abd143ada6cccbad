"""`amber trust`: what it changes, what it says, and its exit codes; the keyring is in a folder of the test's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest

from amber.cli.commands import LazyGroup
from amber.cli.main import amber_group, main
from amber.policy import Policy, force, in_force, places
from amber.policy.seen import Seen
from tests.trust_fixtures.pki import issue, issue_ca
from tests.unit.policy.material import ID, der, key, pem

CA = issue_ca("ca")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(places, "keyring_folder", lambda: str(tmp_path / "config" / "amber"))
    monkeypatch.setattr(places, "floor_file", lambda: None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "alice.pub").write_text(pem(1))
    (tmp_path / "new.pub").write_bytes(der(2, "P-384"))
    (tmp_path / "ca.pem").write_bytes(CA.pem)
    (tmp_path / "leaf.crt").write_bytes(issue("leaf", CA).pem)
    (tmp_path / "root.json").write_text('{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}')
    (tmp_path / "bundle.json").write_text('{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}')
    return tmp_path


@pytest.fixture
def trust(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*words: str) -> tuple[int, str, str]:
        code = main(["trust", *words])
        streams = capsys.readouterr()
        return code, streams.out, streams.err

    return run


def test_adding_prints_the_fingerprint_and_what_follows(trust: Any) -> None:
    code, out, err = trust("add", "alice", "--key", "alice.pub", "--names", "churn-*", "--names", "fraud")
    assert (code, err) == (0, "")
    assert key(1).fingerprint in out
    assert "artifacts named churn-*, fraud must be signed from now on; alice may" in out
    (signer,) = in_force().signers
    assert (signer.label, signer.names) == ("alice", ("churn-*", "fraud"))


def test_another_key_with_an_end(trust: Any) -> None:
    trust("add", "alice", "--key", "alice.pub")
    code, out, _ = trust("add", "alice", "--key", "new.pub", "--until", "2030-01-01", "--json")
    assert code == 0
    said = json.loads(out)
    assert set(said) == {"file", "label", "fingerprints", "ids", "names", "uncovered", "notes"}
    assert said["label"] == "alice"
    keys = in_force().signers[0].keys
    assert said["fingerprints"] == [keys[1].fingerprint]
    assert [each.until is None for each in keys] == [True, False]


def test_every_kind_of_signer(trust: Any) -> None:
    root = ("--certificate-root", "ca.pem")
    assert trust("add", "ci", *root, "--san", "ci@example.org", "--until", "2030-01-01")[0] == 0
    assert trust("add", "old", *root, "--subject", "CN=old")[0] == 0
    code, out, _ = trust(
        "add", "build", "--identity", "me@example.org", "--issuer", "https://x.example", "--trusted-root", "root.json"
    )
    assert code == 0
    assert "build is me@example.org by https://x.example" in out
    _, out, _ = trust("list")
    assert "ci@example.org under root" in out
    assert "CN=old under root" in out
    assert "me@example.org by https://x.example (keyless)" in out
    assert "until 2030-01-01T00:00:00Z" in out


def test_the_list(trust: Any) -> None:
    code, out, err = trust("list")
    assert (code, out) == (0, "")
    assert "unsigned artifacts pass" in err
    trust("add", "alice", "--key", "alice.pub", "--until", "2020-01-01")
    trust("revoke", "--id", ID)
    trust("revoke", "--key", "ef" * 32)
    trust("revoke", "--certificate", "cd" * 32)
    trust("revoke", "alice", "--since", "2019-06-01")
    _, out, _ = trust("list")
    assert "until 2020-01-01T00:00:00Z (over), revoked since 2019-06-01T00:00:00Z" in out
    for line in (f"revoked artifact {ID}", f"revoked key {'ef' * 32}", f"revoked certificate {'cd' * 32}"):
        assert line in out
    _, out, _ = trust("list", "--json")
    said = json.loads(out)
    assert said["digest"] == in_force().digest
    assert said["signers"][0]["keys"] == [
        {"curve": "P-256", "fingerprint": key(1).fingerprint, "until": "2020-01-01T00:00:00Z", "revoked": True}
    ]
    assert said["revoked"]["ids"] == [ID]


def test_removing_says_who_passes_again(trust: Any) -> None:
    trust("add", "alice", "--key", "alice.pub", "--names", "churn-*")
    code, out, err = trust("remove", "alice")
    assert (code, out) == (0, "removed alice\n")
    assert "nobody is left for churn-*: unsigned artifacts of these names pass again" in err
    code, out, err = trust("remove", "alice", "--json")
    assert code == 64
    assert json.loads(out)["error"]["code"] == "label-unknown"


def test_revoking(trust: Any) -> None:
    trust("add", "alice", "--key", "alice.pub")
    code, out, _ = trust("revoke", "alice")
    assert (code, out) == (0, f"revoked {key(1).fingerprint}\n")
    assert trust("revoke", "--id", ID)[1] == f"revoked {ID}\n"
    assert in_force().revoked.ids == (ID,)


UNDONE = {
    "alice": [("alice",), key(1).fingerprint],
    "key": [("--key", "ef" * 32), "ef" * 32],
    "certificate": [("--certificate", "cd" * 32), "cd" * 32],
    "id": [("--id", ID), ID],
}


@pytest.mark.parametrize("kind", list(UNDONE))
def test_taking_a_revocation_back(trust: Any, kind: str) -> None:
    """It takes back this one and no other, says so, and then there is none such any more."""
    trust("add", "alice", "--key", "alice.pub")
    for words, _ in UNDONE.values():
        assert trust("revoke", *words)[0] == 0
    full = in_force().revoked
    words, what = UNDONE[kind]
    assert trust("revoke", "--undo", *words) == (0, f"no longer revoked {what}\n", "")
    left = in_force().revoked
    every = {*full.ids, *full.certificates, *(each.fingerprint for each in full.keys)}
    assert {*left.ids, *left.certificates, *(each.fingerprint for each in left.keys)} == every - {what}
    assert [each.label for each in in_force().signers] == ["alice"]
    code, out, _ = trust("revoke", "--undo", *words, "--json")
    assert code == 64
    assert json.loads(out)["error"]["code"] == "not-revoked"
    assert in_force().revoked == left
    trust("revoke", *words)
    said = json.loads(trust("revoke", "--undo", *words, "--json")[1])
    assert said["fingerprints"] + said["ids"] == [what]
    assert said["label"] == ("alice" if kind == "alice" else "")


def test_what_the_machine_has_revoked_too_is_said(trust: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    floor = Policy.from_dict({"revoked": {"ids": [ID]}}, "/etc/amber/policy.toml")
    monkeypatch.setattr(force, "floor", lambda: floor)
    trust("revoke", "--id", ID)
    code, out, err = trust("revoke", "--undo", "--id", ID)
    assert (code, out) == (0, f"no longer revoked {ID}\n")
    assert f"{ID} is revoked by the policy of this machine too, /etc/amber/policy.toml" in err


def test_a_fingerprint_is_taken_back_as_what_it_was_revoked_as(trust: Any) -> None:
    trust("revoke", "--key", "ef" * 32, "--since", "2026-01-01")
    assert trust("revoke", "--undo", "--certificate", "ef" * 32)[0] == 64
    assert trust("revoke", "--undo", "--id", "ef" * 32)[0] == 64
    assert trust("revoke", "--undo", "--key", "ef" * 32)[0] == 0
    assert not in_force().revoked.keys


def test_of_a_signer_those_keys_are_taken_back_that_are_revoked(trust: Any) -> None:
    trust("add", "alice", "--key", "alice.pub", "--key", "new.pub")
    trust("revoke", "--key", "ef" * 32)
    second = in_force().signers[0].keys[1].fingerprint
    trust("revoke", "--key", second, "--since", "2026-01-01")
    assert trust("revoke", "--undo", "alice")[:2] == (0, f"no longer revoked {second}\n")
    assert [each.fingerprint for each in in_force().revoked.keys] == ["ef" * 32]
    code, _, err = trust("revoke", "--undo", "alice")
    assert code == 64
    assert "no key of alice is revoked" in err


@pytest.mark.parametrize(
    "words",
    [
        ("add",),
        ("add", "alice"),
        ("add", "alice", "--san", "a@b.c"),
        ("add", "alice", "--certificate-root", "ca.pem"),
        ("add", "alice", "--identity", "a@b.c"),
        ("add", "alice", "--key", "alice.pub", "--until", "soon"),
        ("add", "alice", "--key", "alice.pub", "--names", "Churn"),
        ("add", "a b", "--key", "alice.pub"),
        ("add", "alice", "--key", "ca.pem"),
        ("add", "alice", "--trusted-root", "root.json"),
        ("add", "ci", "--certificate-root", "leaf.crt", "--san", "ci@example.org"),
        ("add", "ci", "--certificate-root", "alice.pub", "--san", "ci@example.org"),
        ("add", "ci", "--identity", "a@b.c", "--issuer", "https://x.example", "--trusted-root", "bundle.json"),
        ("revoke",),
        ("revoke", "alice", "--id", ID),
        ("revoke", "--id", "abc"),
        ("revoke", "--id", ID, "--since", "2026-01-01"),
        ("revoke", "zoe"),
        ("revoke", "--undo"),
        ("revoke", "--undo", "zoe"),
        ("revoke", "--undo", "--id", "abc"),
        ("revoke", "--undo", "--key", "EF" * 32),
        ("revoke", "--undo", "--id", ID),
        ("revoke", "--undo", "--key", "ef" * 32, "--since", "2026-01-01"),
        ("remove", "zoe"),
        ("forget", "churn"),
        ("frobnicate",),
        (),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_64_and_changes_nothing(trust: Any, folder: Path, words: tuple[str, ...]) -> None:
    code, _, err = trust(*words)
    assert code == 64
    assert "Traceback" not in err
    assert not (folder / "config" / "amber" / "keyring.toml").exists()


@pytest.mark.parametrize("words", [("add", "alice", "--key", "none.pub"), ("forget", "churn", "--policy", "none.toml")])
def test_a_missing_file_is_66(trust: Any, words: tuple[str, ...]) -> None:
    assert trust(*words)[0] == 66


def test_a_private_key_is_refused_and_not_shown(trust: Any, folder: Path) -> None:
    secret = pem(1).replace("PUBLIC", "PRIVATE")
    (folder / "alice.key").write_text(secret)
    code, out, err = trust("add", "alice", "--key", "alice.key", "--json")
    assert code == 64
    assert json.loads(out)["error"]["code"] == "key-private"
    assert secret.split("\n")[1][:20] not in out + err


def test_forgetting_a_version(trust: Any, folder: Path) -> None:
    (folder / "policy.toml").write_text('[seen]\nfile = "state/seen.json"\n')
    seen = Seen(str(folder / "state" / "seen.json"))
    seen.raise_to("churn", "2.0.0", ID)
    assert trust("forget", "churn", "--policy", "policy.toml")[:2] == (0, "forgot churn 2.0.0\n")
    assert seen.check("churn", "1.0.0", ID) is None
    code, out, _ = trust("forget", "churn", "--policy", "policy.toml", "--json")
    assert code == 0
    assert json.loads(out) == {"name": "churn", "version": "", "file": str(folder / "state" / "seen.json")}
    assert "was not remembered" in trust("forget", "\x1b[31m", "--policy", "policy.toml")[1]


def test_every_command_and_option_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    group = LazyGroup.get_command(amber_group, click.Context(amber_group), "trust")  # type: ignore[arg-type]
    assert isinstance(group, click.Group)
    for name, command in group.commands.items():
        assert main(["trust", name, "--help"]) == 0
        assert f"  amber trust {name}" in capsys.readouterr().out.partition("Examples:")[2]
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} {parameter.name}"


def test_adding_what_does_not_count_says_so(trust: Any) -> None:
    trust("revoke", "--key", key(1).fingerprint)
    code, out, err = trust("add", "alice", "--key", "alice.pub")
    assert code == 0
    assert "alice may" not in out
    assert f"key {key(1).fingerprint} is revoked" in err
    code, out, err = trust("add", "bob", "--key", "new.pub", "--until", "2020-01-01", "--json")
    assert code == 0
    (note,) = json.loads(out)["notes"]
    assert note.startswith("the end 2020-01-01T00:00:00Z of key ")
    _, out, err = trust("add", "ci", "--certificate-root", "ca.pem", "--san", "a@b.c", "--until", "2020-01-01")
    assert "ci may" not in out
    assert "the end 2020-01-01T00:00:00Z has passed" in err


def test_a_key_that_is_there_already(trust: Any) -> None:
    trust("add", "alice", "--key", "alice.pub")
    code, out, _ = trust("add", "alice", "--key", "alice.pub", "--json")
    assert code == 64
    error = json.loads(out)["error"]
    assert error["message"] == "alice has this key already"
    assert "amber trust list" in error["hint"]


def test_a_leaf_is_no_root(trust: Any) -> None:
    code, out, _ = trust("add", "ci", "--certificate-root", "leaf.crt", "--san", "ci@example.org", "--json")
    assert code == 64
    error = json.loads(out)["error"]
    assert error["code"] == "certificate-invalid"
    assert "NAME.ca.pem" in error["hint"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--key", "none"), "NAME.pub"),
        (("--certificate-root", "none", "--san", "a@b.c"), "NAME.ca.pem"),
        (("--identity", "a@b.c", "--issuer", "https://x.example", "--trusted-root", "none"), "trusted_root.json"),
    ],
)
def test_the_hint_of_a_missing_file_is_about_that_file(trust: Any, words: tuple[str, ...], named: str) -> None:
    code, out, _ = trust("add", "ci", *words, "--json")
    assert code == 66
    assert named in json.loads(out)["error"]["hint"]


def test_a_missing_key_file_is_no_missing_policy(trust: Any) -> None:
    code, out, _ = trust("add", "alice", "--key", "none.pub", "--json")
    assert code == 66
    assert json.loads(out)["error"]["code"] == "source-missing"
