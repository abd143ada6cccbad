"""Where a passphrase comes from, and that it stays nowhere."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
from pathlib import Path

import pytest

from amber.errors import AmberWarning, SourceError, UsageError
from amber.trust import passphrase


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(passphrase.VARIABLE, raising=False)


def pipe(data: bytes) -> int:
    read, write = os.pipe()
    with open(write, "wb") as end:
        end.write(data)
    return read


LINES = [
    (b"secret", b"secret"),
    (b"secret\n", b"secret"),
    (b"secret\r\n", b"secret"),
    (b" a b \n", b" a b "),
    (b"\xff\n", b"\xff"),
]


@pytest.mark.parametrize(("data", "expected"), LINES)
def test_it_is_read_from_a_descriptor_which_stays_open(data: bytes, expected: bytes) -> None:
    descriptor = pipe(data)
    assert passphrase.read(descriptor=descriptor) == expected
    os.close(descriptor)


@pytest.mark.parametrize(("data", "expected"), LINES)
def test_it_is_read_from_a_file(data: bytes, expected: bytes, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(data)
    assert passphrase.read(file=tmp_path / "secret") == expected


def test_a_descriptor_that_somebody_keeps_open_is_read_to_the_end_of_the_line() -> None:
    read, write = os.pipe()
    os.write(write, b"secret\n")
    assert passphrase.read(descriptor=read) == b"secret"
    os.close(write)
    os.close(read)


def test_the_variable_is_removed_once_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(passphrase.VARIABLE, "secret é")
    assert passphrase.read() == "secret é".encode()
    assert passphrase.VARIABLE not in os.environ
    seen = subprocess.run(
        [sys.executable, "-c", "import os; print('AMBER_PASSPHRASE' in os.environ)"], capture_output=True
    )
    assert seen.stdout.strip() == b"False"
    assert passphrase.read() is None


def test_a_named_source_is_the_only_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(passphrase.VARIABLE, "of the environment")
    (tmp_path / "secret").write_text("of the file")
    assert passphrase.read(file=tmp_path / "secret") == b"of the file"
    assert passphrase.VARIABLE not in os.environ
    with pytest.raises(SourceError):
        passphrase.read(file=tmp_path / "absent")


@pytest.mark.parametrize("data", [b"", b"\n", b"one\ntwo\n", b"zero\0", b"x" * 1024])
def test_what_is_not_one_line_is_refused_without_being_shown(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(data)
    with pytest.raises(UsageError) as refusal:
        passphrase.read(file=tmp_path / "secret")
    assert refusal.value.code == "passphrase-invalid"
    assert "two" not in str(refusal.value)


def test_a_descriptor_that_is_not_open_is_unreadable() -> None:
    descriptor = pipe(b"")
    os.close(descriptor)
    with pytest.raises(SourceError) as refusal:
        passphrase.read(descriptor=descriptor)
    assert refusal.value.code == "passphrase-unreadable"


def test_no_terminal_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", open(os.devnull))  # noqa: SIM115
    assert passphrase.ask("key.pem") is None
    sys.stdin.close()


class Terminal:
    """Standard input that is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_new_one_is_asked_for_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["correct horse battery"] * 2 + ["one horse and a battery", "another horse and battery", "short"])
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(getpass, "getpass", lambda prompt: next(answers))
    assert passphrase.ask("key.pem", twice=True) == b"correct horse battery"
    for code in ("passphrase-invalid", "passphrase-weak"):  # a short one is not asked for again
        with pytest.raises(UsageError) as refusal:
            passphrase.ask("key.pem", twice=True)
        assert refusal.value.code == code


def test_the_end_of_the_input_is_no_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(getpass, "getpass", nothing)
    with pytest.raises(UsageError) as refusal:
        passphrase.ask("key.pem")
    assert refusal.value.code == "passphrase-invalid"


def test_a_generated_one_is_new_each_time_and_good_enough() -> None:
    made = {passphrase.generate() for _ in range(50)}
    assert len(made) == 50
    for text in made:
        assert len(text.replace("-", "")) == 26
        passphrase.check_new(text.encode())


def test_a_short_new_one_is_refused() -> None:
    passphrase.check_new("sixteen chars é!".encode())
    with pytest.raises(UsageError) as refusal:
        passphrase.check_new("fifteen chars é".encode())
    assert refusal.value.code == "passphrase-weak"


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_a_file_that_others_may_read_is_noted(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    file = tmp_path / "secret"
    file.write_text("secret\n")
    file.chmod(0o600)
    assert passphrase.read(file=file) == b"secret"
    assert not list(recwarn)
    file.chmod(0o640)
    with pytest.warns(AmberWarning, match=r"others than its owner may read this passphrase \(mode 0640\)"):
        assert passphrase.read(file=file) == b"secret"


def test_a_file_that_holds_no_passphrase_is_refused_in_plain_words(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as missing:
        passphrase.read(file=tmp_path / "none")
    assert missing.value.message == "there is no such file"
    with pytest.raises(SourceError) as folder:
        passphrase.read(file=tmp_path)
    assert "Errno" not in str(folder.value)
    for data, said in ((bytes(5000), "longer than 1023 bytes"), (b"a\nb", "not one line of text"), (b"\n", "is empty")):
        (tmp_path / "file").write_bytes(data)
        with pytest.raises(UsageError) as caught:
            passphrase.read(file=tmp_path / "file")
        assert said in caught.value.message
        assert "one line of text" in caught.value.hint
