"""A command that signs: run without a shell, bounded, and believed in nothing."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as s

from amber.errors import SourceError, UsageError
from amber.trust.external import Command
from amber.trust.keys import CURVES, PrivateKey
from tests.unit.trust.signing_material import key

OPENSSL = shutil.which("openssl")
DIGESTS = {"P-256": "sha256", "P-384": "sha384", "P-521": "sha512"}


def written(private: PrivateKey, folder: Path) -> Path:
    path = folder / "a key.pem"
    path.write_bytes(private.of_library.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()))
    return path


def python(source: str) -> list[str]:
    return [sys.executable, "-I", "-c", source]


@pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")
@pytest.mark.parametrize("curve", CURVES)
def test_openssl_signs(curve: str, tmp_path: Path) -> None:
    private = key(curve=curve)
    words = f"openssl dgst -{DIGESTS[curve]} -sign {shlex.quote(str(written(private, tmp_path)))}"
    for message in (b"message", b"x" * 3_000_000):
        assert private.public.verify(message, Command(words, private.public).sign(message))


@pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")
def test_a_signature_by_another_key_is_not_returned(tmp_path: Path) -> None:
    words = ["openssl", "dgst", "-sha256", "-sign", str(written(key("mallory"), tmp_path))]
    with pytest.raises(SourceError) as refusal:
        Command(words, key().public).sign(b"message")
    assert refusal.value.code == "signer-failed"
    assert key().public.fingerprint in refusal.value.message


FAILURES = {
    "no-such-command": (["amber-no-such-command"], "cannot be run"),
    "not-executable": (["/dev/null"], "cannot be run"),
    "fails": (python("import sys; sys.exit(3)"), "ended with 3"),
    "says-nothing": (python(""), "0 bytes"),
    "says-something-else": (python("print('hello')"), "no signature"),
    "says-too-much": (python("import sys; sys.stdout.write('x' * 5000)"), "more than 4096 bytes"),
    "never-stops-talking": (python("while True: print('x' * 5000, flush=True)"), "more than 4096 bytes"),
}


@pytest.mark.parametrize(("words", "said"), FAILURES.values(), ids=FAILURES)
def test_a_command_that_does_not_sign_fails(words: list[str], said: str) -> None:
    with pytest.raises(SourceError, match=said) as refusal:
        Command(words, key().public).sign(b"message")
    assert (refusal.value.code, refusal.value.where) == ("signer-failed", words[0])


def test_a_command_that_does_not_end_is_ended() -> None:
    with pytest.raises(SourceError, match=r"longer than 0\.3 s") as refusal:
        Command(python("import time; time.sleep(600)"), key().public, seconds=0.3).sign(b"message")
    assert refusal.value.code == "signer-failed"


def test_no_shell_sees_the_words(tmp_path: Path) -> None:
    target = tmp_path / "made"
    source = "import sys; sys.exit(len(sys.argv))"
    words = f"{shlex.quote(sys.executable)} -I -c {shlex.quote(source)} '$(touch {target})' ; touch {target} | cat"
    with pytest.raises(SourceError, match="ended with 7"):
        Command(words, key().public).sign(b"message")
    assert not target.exists()


def test_the_passphrase_is_not_handed_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMBER_PASSPHRASE", "secret")
    monkeypatch.setenv("AMBER_OTHER", "1")
    source = (
        "import os, sys; sys.exit(7 if 'AMBER_PASSPHRASE' not in os.environ and 'AMBER_OTHER' in os.environ else 8)"
    )
    with pytest.raises(SourceError, match="ended with 7"):
        Command(python(source), key().public).sign(b"message")


@pytest.mark.parametrize("words", ["", "  ", [], "sign 'open"])
def test_words_that_are_no_command_are_refused(words: str | list[str]) -> None:
    with pytest.raises(UsageError) as refusal:
        Command(words, key().public)
    assert refusal.value.code == "signer-invalid"
