"""New keys: encrypted, for their owner alone, never over an old one; all files or none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from amber.errors import AmberError
from amber.policy import Certificate, Key, Line, Policy, Rule, Signer, encodings
from amber.vault import keygen as module
from amber.vault.check import check
from amber.vault.key_files import certificate_chain, private_key, public_key
from amber.vault.keygen import Wish, keygen
from amber.vault.sign import sign
from tests.unit.archive.samples import artifact

PASSPHRASE = b"correct horse battery staple"


def refused(*arguments: Any, **keywords: Any) -> str:
    with pytest.raises(AmberError) as caught:
        keygen(*arguments, **keywords)
    return caught.value.code


@pytest.mark.parametrize("curve", ["P-256", "P-384", "P-521"])
def test_a_pair(tmp_path: Path, curve: str) -> None:
    made = keygen(str(tmp_path / "key"), PASSPHRASE, curve=curve)
    assert sorted(os.listdir(tmp_path)) == ["key", "key.pub"]
    assert (made.private, made.public) == (str(tmp_path / "key"), str(tmp_path / "key.pub"))
    assert (tmp_path / "key").read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    public = public_key(made.public)
    assert public == private_key(made.private, PASSPHRASE).public
    assert (made.curve, made.fingerprint) == (curve, public.fingerprint)
    assert (public.curve, Key.from_pem((tmp_path / "key.pub").read_text()).fingerprint) == (curve, made.fingerprint)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_nobody_else_reads_a_private_key(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        keygen(str(tmp_path / "key"), PASSPHRASE, wish=Wish("a@b.example", "CA"))
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"key": 0o600, "key.ca.key": 0o600, "key.pub": 0o644, "key.crt": 0o644, "key.ca.pem": 0o644}


def test_an_ending_pem_is_the_private_keys_alone(tmp_path: Path) -> None:
    keygen(str(tmp_path / "key.pem"), PASSPHRASE)
    assert sorted(os.listdir(tmp_path)) == ["key.pem", "key.pub"]


@pytest.mark.parametrize("there", ["key", "key.pub", "key.crt", "key.ca.pem", "key.ca.key"])
@pytest.mark.parametrize("how", ["file", "dangling link"])
def test_nothing_is_overwritten_and_nothing_is_left(tmp_path: Path, there: str, how: str) -> None:
    if how == "file":
        (tmp_path / there).write_bytes(b"precious")
    else:
        (tmp_path / there).symlink_to(tmp_path / "elsewhere")
    assert refused(str(tmp_path / "key"), PASSPHRASE, wish=Wish("a@b.example", "CA")) == "key-exists"
    assert os.listdir(tmp_path) == [there]


def test_what_cannot_be_written_leaves_no_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = module.write_new

    def fail(path: str, data: bytes, mode: int) -> None:
        if path.endswith(".pub"):
            (tmp_path / "key.pub").write_bytes(b"made by somebody since we looked")
        real(path, data, mode)

    monkeypatch.setattr(module, "write_new", fail)
    assert refused(str(tmp_path / "key"), PASSPHRASE) == "key-exists"
    assert os.listdir(tmp_path) == ["key.pub"]
    assert refused(str(tmp_path / "absent" / "key"), PASSPHRASE) == "target-unwritable"


def test_a_short_passphrase_is_refused(tmp_path: Path) -> None:
    assert refused(str(tmp_path / "key"), b"fifteen letters") == "passphrase-weak"
    assert refused(str(tmp_path / "key"), PASSPHRASE, curve="P-192") == "key-unsupported"
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("curve", ["P-256", "P-521"])
def test_a_certificate_of_a_ca_of_its_own_and_another_of_the_same(tmp_path: Path, curve: str) -> None:
    first = keygen(str(tmp_path / "key"), PASSPHRASE, curve=curve, wish=Wish("release@example.org", "Example CA"))
    wish = Wish("https://ci.example.org/release", ca=first.ca, ca_key=first.ca_key)
    second = keygen(str(tmp_path / "ci"), PASSPHRASE, wish=wish)
    assert (second.ca, second.ca_key) == (first.ca, "")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("ci")) == ["ci", "ci.crt", "ci.pub"]
    root = encodings.certificate_der(Path(first.ca).read_bytes(), "ca")
    known = tuple(
        Signer(label, certificates=(Certificate(root, san=made.san),)) for label, made in (("a", first), ("b", second))
    )
    rules = Policy(signers=known, rules=(Rule(names=("*",), require=(Line(("a",), 1), Line(("b",), 1))),))
    path = tmp_path / "m.amber"
    path.write_bytes(artifact())
    for made in (first, second):
        chain = certificate_chain([made.certificate, made.ca])
        sign(path, signing=private_key(made.private, PASSPHRASE), chain=chain)
    with check(path, rules) as checked:
        assert (checked.code, checked.refused) == ("", ())


def test_a_name_that_is_none_writes_nothing(tmp_path: Path) -> None:
    for wish in (Wish("two words", "CA"), Wish("a@b.example", "x" * 65), Wish("", "CA")):
        assert refused(str(tmp_path / "key"), PASSPHRASE, wish=wish) == "certificate-invalid"
    assert os.listdir(tmp_path) == []


def test_the_ca_of_another_key_writes_nothing(tmp_path: Path) -> None:
    first = keygen(str(tmp_path / "key"), PASSPHRASE, wish=Wish("a@b.example", "CA"))
    before = sorted(os.listdir(tmp_path))
    wish = Wish("c@d.example", ca=first.ca, ca_key=first.private)
    assert refused(str(tmp_path / "other"), PASSPHRASE, wish=wish) == "certificate-invalid"
    wish = Wish("c@d.example", ca=first.ca, ca_key=first.ca_key)
    assert refused(str(tmp_path / "other"), b"another passphrase", wish=wish) == "passphrase-wrong"
    assert sorted(os.listdir(tmp_path)) == before


def test_keys_of_openssl_in_scrypt_are_read(tmp_path: Path) -> None:
    import subprocess

    made = keygen(str(tmp_path / "key"), PASSPHRASE)
    words = ["openssl", "pkcs8", "-topk8", "-scrypt", "-in", made.private, "-out", str(tmp_path / "scrypt")]
    subprocess.run([*words, "-passin", "stdin", "-passout", "pass:other"], input=PASSPHRASE, check=True)
    os.chmod(tmp_path / "scrypt", 0o600)
    assert private_key(tmp_path / "scrypt", b"other").public.fingerprint == made.fingerprint


@pytest.mark.parametrize("name", ["zed.pub", "ZED.PUB", "zed.crt", "zed.ca.pem"])
def test_a_private_key_never_has_the_name_of_a_public_file(tmp_path: Path, name: str) -> None:
    assert refused(str(tmp_path / name), PASSPHRASE) == "key-name"
    assert not os.listdir(tmp_path)
