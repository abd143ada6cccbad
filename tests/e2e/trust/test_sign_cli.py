"""`amber keygen` and `amber sign` as a person at a shell, or a pipeline, runs them."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import amber

PASSPHRASE = "correct horse battery staple"
FIRST = "signatures/0001-oms.sigstore.json"


def run(*words: str, cwd: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **more.pop("environment", {})}
    return subprocess.run(
        [sys.executable, "-m", "amber.cli.main", *words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        **more,
    )


def ok(*words: str, cwd: Path, code: int = 0, **more: Any) -> str:
    done = run(*words, cwd=cwd, **more)
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    assert PASSPHRASE not in done.stdout + done.stderr
    return done.stdout


def refusal(*words: str, cwd: Path, code: int, **more: Any) -> str:
    said = json.loads(ok(*words, "--json", cwd=cwd, code=code, **more))
    assert said["error"]["exit_code"] == code
    return str(said["error"]["code"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sign")
    X = np.random.default_rng(3).normal(size=(60, 3))
    amber.save(LogisticRegression().fit(X, X[:, 0] > 0), folder / "churn.amber", sample=X[:20], name="churn")
    (folder / "pass").write_text(PASSPHRASE + "\n")
    wish = ("--certificate", "--name", "Example CA", "--san", "release@example.org")
    ok("keygen", "--out", "key", "--passphrase-file", "pass", *wish, cwd=folder)
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    for path in made.iterdir():
        shutil.copy2(path, tmp_path / path.name)
    return tmp_path


KEY = ("--key", "key", "--passphrase-file", "pass")


def policy(place: Path) -> tuple[str, ...]:
    """A policy that wants the key, in a file that it trusts."""
    text = '[signers.alice]\nkeys = ["key.pub"]\n[[rule]]\nnames = ["*"]\nrequire = [{from = ["alice"], k = 1}]\n'
    (place / "policy.toml").write_text(text)
    os.chmod(place / "policy.toml", 0o600)
    return ("--policy", "policy.toml", "--no-cases")


def test_keygen_writes_what_the_help_says(made: Path) -> None:
    assert {path.name for path in made.iterdir()} - {"churn.amber", "pass"} == {
        "key", "key.pub", "key.crt", "key.ca.pem", "key.ca.key",
    }  # fmt: skip
    for name in ("key", "key.ca.key"):
        assert stat.S_IMODE((made / name).stat().st_mode) == 0o600
        assert (made / name).read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert refusal("keygen", "--out", "key", "--passphrase-file", "pass", cwd=made, code=64) == "key-exists"


def test_from_a_key_to_a_policy_that_wants_it(place: Path) -> None:
    rules = policy(place)
    ok("verify", "churn.amber", *rules, cwd=place, code=2)
    lines = ok("sign", "churn.amber", *KEY, cwd=place).splitlines()
    fingerprint = json.loads(ok("sign", "churn.amber", *KEY, "--json", cwd=place))["signer"]
    assert lines[0] == ok("unpack", "churn.amber", "d", cwd=place).strip()
    assert lines[1:] == [f"signer   {fingerprint}", f"written  {FIRST}"]
    ok("verify", "churn.amber", *rules, cwd=place)
    ok("verify", "d", *rules, cwd=place)
    ok("sign", "d", "--strip", cwd=place)
    ok("verify", "d", *rules, cwd=place, code=2)


def test_once_is_enough(place: Path) -> None:
    ok("sign", "churn.amber", *KEY, cwd=place)
    before = (place / "churn.amber").read_bytes()
    assert "nothing was written" in ok("sign", "churn.amber", *KEY, cwd=place)
    assert (place / "churn.amber").read_bytes() == before


@pytest.mark.parametrize("source", ["file", "descriptor", "variable"])
def test_every_source_of_the_passphrase(place: Path, source: str) -> None:
    words, more = ["--passphrase-file", "pass"], {}
    if source == "descriptor":
        reader, writer = os.pipe()
        os.write(writer, PASSPHRASE.encode())
        os.close(writer)
        words, more = ["--passphrase-fd", str(reader)], {"pass_fds": (reader,)}
    elif source == "variable":
        words, more = [], {"environment": {"AMBER_PASSPHRASE": PASSPHRASE}}
    said = json.loads(ok("sign", "churn.amber", "--key", "key", *words, "--json", cwd=place, **more))
    assert said["written"] == [FIRST]
    assert set(said) == {"id", "file", "signer", "written", "there", "dropped"}


def test_without_a_passphrase_nobody_waits(place: Path) -> None:
    assert refusal("sign", "churn.amber", "--key", "key", cwd=place, code=64) == "passphrase-missing"
    assert refusal("keygen", "--out", "new", cwd=place, code=64) == "passphrase-missing"
    assert refusal("keygen", "--out", "new", "--generate-passphrase", cwd=place, code=64) == "passphrase-missing"
    wrong = {"environment": {"AMBER_PASSPHRASE": "not the right one"}}
    assert refusal("sign", "churn.amber", "--key", "key", cwd=place, code=64, **wrong) == "passphrase-wrong"
    assert not (place / "new").exists()


def test_a_generated_passphrase_is_shown_once_at_the_terminal(place: Path) -> None:
    import pty

    main, terminal = pty.openpty()
    words = [sys.executable, "-m", "amber.cli.main", "keygen", "--out", "new", "--generate-passphrase", "--json"]
    done = subprocess.run(words, cwd=place, stdin=terminal, stdout=subprocess.PIPE, stderr=terminal, check=True)
    os.close(terminal)
    shown = os.read(main, 10_000).decode()
    os.close(main)
    line = next(line for line in shown.splitlines() if line.startswith("passphrase: "))
    secret = line.removeprefix("passphrase: ").strip()
    assert len(secret.replace("-", "")) == 26
    assert secret not in done.stdout.decode()
    ok("sign", "churn.amber", "--key", "new", cwd=place, environment={"AMBER_PASSPHRASE": secret})


def test_a_passphrase_typed_at_the_terminal(place: Path) -> None:
    import pty
    import time

    def typed(words: list[str], lines: list[str]) -> int:
        pid, main = pty.fork()
        if pid == 0:
            os.chdir(place)
            os.execv(sys.executable, [sys.executable, "-m", "amber.cli.main", *words])
        said, waiting, deadline = b"", list(lines), time.monotonic() + 60
        try:
            while time.monotonic() < deadline:
                new = os.read(main, 4096)
                said += new
                if waiting and new.rstrip().endswith(b":"):
                    os.write(main, waiting.pop(0).encode() + b"\n")
        except OSError:  # the other end was closed
            pass
        os.close(main)
        assert PASSPHRASE.encode() not in said
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    assert typed(["keygen", "--out", "new"], [PASSPHRASE, PASSPHRASE]) == 0
    assert typed(["keygen", "--out", "other"], [PASSPHRASE, "something else"]) == 64
    assert typed(["sign", "churn.amber", "--key", "new"], [PASSPHRASE]) == 0
    assert not (place / "other").exists()


def test_a_certificate_and_its_chain(place: Path) -> None:
    root = '{root = "key.ca.pem", san = "release@example.org"}'
    (place / "policy.toml").write_text(
        f'[signers.ci]\ncertificate = {root}\n[[rule]]\nnames = ["*"]\nrequire = [{{from = ["ci"], k = 1}}]\n'
    )
    os.chmod(place / "policy.toml", 0o600)
    ok("sign", "churn.amber", *KEY, "--certificate", "key.crt", "--chain", "key.ca.pem", cwd=place)
    ok("verify", "churn.amber", "--policy", "policy.toml", "--no-cases", cwd=place)
    words = ("sign", "churn.amber", "--key", "key.ca.key", "--passphrase-file", "pass", "--certificate", "key.crt")
    assert refusal(*words, cwd=place, code=64) == "certificate-invalid"


def test_a_command_signs_without_a_shell_and_without_the_passphrase(place: Path) -> None:
    script = place / "sign it"
    script.write_text(
        "#!/bin/sh\n"
        'test -z "$AMBER_PASSPHRASE" || exit 9\n'
        'test "$1" = "\\$HOME;true" || exit 8\n'
        "openssl pkey -in key -passin file:pass -out plain 2>/dev/null\n"
        "exec openssl dgst -sha256 -sign plain\n"
    )
    script.chmod(0o700)
    words = ("--signer", "'./sign it' '$HOME;true'", "--public-key", "key.pub")
    ok("sign", "churn.amber", *words, cwd=place, environment={"AMBER_PASSPHRASE": PASSPHRASE})
    ok("verify", "churn.amber", *policy(place), cwd=place)
    assert "nothing was written" in ok("sign", "churn.amber", *KEY, cwd=place)
    failing = ("--signer", "false", "--public-key", "key.pub")
    ok("sign", "churn.amber", "--strip", cwd=place)
    assert refusal("sign", "churn.amber", *failing, cwd=place, code=66) == "signer-failed"


def test_detached_added_and_stripped(place: Path) -> None:
    before = (place / "churn.amber").read_bytes()
    said = json.loads(ok("sign", "churn.amber", *KEY, "--detached", "--json", cwd=place))
    assert said["written"] == ["churn.amber.0001-oms.sigstore.json"]
    assert (place / "churn.amber").read_bytes() == before
    added = json.loads(ok("sign", "churn.amber", "--add", said["written"][0], "--json", cwd=place))
    assert (added["id"], added["written"]) == (said["id"], [FIRST])
    out = json.loads(ok("sign", "churn.amber", "--strip", "--output", "bare.amber", "--json", cwd=place))
    assert (out["id"], out["dropped"], out["file"]) == (said["id"], [FIRST], "bare.amber")
    assert (place / "bare.amber").read_bytes() == before


def test_a_damaged_file_is_not_signed(place: Path) -> None:
    data = bytearray((place / "churn.amber").read_bytes())
    data[len(data) // 2] ^= 1
    (place / "churn.amber").write_bytes(data)
    assert refusal("sign", "churn.amber", *KEY, cwd=place, code=2) in ("crc-mismatch", "container-not-canonical")
    assert (place / "churn.amber").read_bytes() == data


@pytest.mark.parametrize(
    "words",
    [
        (),
        (*KEY, "--strip"),
        (*KEY, "--add", "x"),
        ("--strip", "--detached"),
        (*KEY, "--detached", "--output", "x"),
        ("--signer", "true"),
        (*KEY, "--chain", "key.ca.pem"),
        (*KEY, "--signer", "true", "--public-key", "key.pub"),
        ("--passphrase-file", "pass"),
    ],
)
def test_words_that_do_not_go_together(made: Path, words: tuple[str, ...]) -> None:
    assert refusal("sign", "churn.amber", *words, cwd=made, code=64) == "usage"


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--certificate",),
        ("--name", "x"),
        ("--certificate", "--san", "a@b.example"),
        ("--certificate", "--san", "a@b.example", "--name", "x", "--ca", "key.ca.pem"),
        ("--certificate", "--san", "a@b.example", "--ca", "key.ca.pem"),
        ("--curve", "P-224"),
    ],
)
def test_wishes_for_keys_that_do_not_go_together(made: Path, words: tuple[str, ...]) -> None:
    out = ("--out", "never") if words else ()
    assert refusal("keygen", *out, *words, "--passphrase-file", "pass", cwd=made, code=64) == "usage"
    assert not (made / "never").exists()


def test_a_key_that_others_may_read_is_said(place: Path) -> None:
    os.chmod(place / "key", 0o644)
    done = run("sign", "churn.amber", *KEY, cwd=place)
    assert done.returncode == 0
    assert "note: key: others than its owner may read this private key (mode 0644); chmod 600" in done.stderr


def test_no_other_file_is_replaced(place: Path) -> None:
    before = (place / "key.pub").read_bytes()
    assert refusal("sign", "churn.amber", *KEY, "--output", "key.pub", cwd=place, code=66) == "target-exists"
    assert refusal("sign", "churn.amber", "--strip", "--output", "key.pub", cwd=place, code=66) == "target-exists"
    done = run("sbom", "churn.amber", "--out", "key.pub", cwd=place)
    assert "[target-exists]" in done.stderr
    assert (place / "key.pub").read_bytes() == before
    for _ in range(2):
        ok("sbom", "churn.amber", "--out", "sbom.json", cwd=place)


def test_a_private_key_is_not_called_pub(place: Path) -> None:
    code = refusal("keygen", "--out", "zed.pub", "--passphrase-file", "pass", cwd=place, code=64)
    assert (code, (place / "zed.pub").exists()) == ("key-name", False)


def test_a_file_that_is_no_bundle_is_named_and_not_the_artifact(place: Path) -> None:
    said = json.loads(ok("verify", "churn.amber", "--no-cases", "--bundle", "key.pub", "--json", cwd=place, code=2))
    assert (said["error"]["code"], said["error"]["where"]) == ("bundle-invalid", "key.pub")
    assert "broken" not in json.dumps(said)


def test_a_certificate_that_is_not_used_is_noted(place: Path) -> None:
    assert "key.crt is not used" in run("sign", "churn.amber", *KEY, cwd=place).stderr
    chain = ("--certificate", "key.crt", "--chain", "key.ca.pem")
    assert "is not used" not in run("sign", "churn.amber", *KEY, *chain, cwd=place).stderr
