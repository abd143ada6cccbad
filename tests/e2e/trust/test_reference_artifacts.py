"""Whole artifacts beside the reference: what it signs of an unpacked one counts once packed; of the file, never."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as s

from amber.trust import keys
from tests.trust_fixtures.offline import amber, model_signing

ARTIFACT = Path(__file__).parents[3] / "spec" / "vectors" / "accept" / "aligned.amber"
POLICY = """
[signers.alice]
keys = ["alice.pub"]
[[rule]]
names = ["*"]
require = [{from = ["alice"]}]
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An artifact, a key pair and a policy that wants its signature."""
    shutil.copy(ARTIFACT, tmp_path / "m.amber")
    key = keys.generate("P-384")
    form = s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()
    (tmp_path / "alice").write_bytes(key.of_library.private_bytes(*form))
    (tmp_path / "alice.pub").write_bytes(key.public.pem)
    (tmp_path / "policy.toml").write_text(POLICY)
    return tmp_path


def test_the_reference_signs_the_folder_and_the_packed_file_is_believed(place: Path) -> None:
    tree, bundle = place / "tree", place / "tree" / "signatures" / "0001-oms.sigstore.json"
    assert amber("unpack", place / "m.amber", tree).returncode == 0
    bundle.parent.mkdir()
    words = ("--private_key", place / "alice", "--signature", bundle, "--ignore-paths", bundle.parent)
    assert model_signing("sign", "key", tree, *words)
    packed = amber("pack", tree, place / "signed.amber")
    assert packed.returncode == 0, packed.stderr
    for source in (place / "signed.amber", tree):
        answer = amber("verify", source, "--policy", place / "policy.toml", "--no-cases")
        assert answer.returncode == 0, answer.stdout + answer.stderr
    assert amber("verify", place / "m.amber", "--policy", place / "policy.toml", "--no-cases").returncode == 2


def test_what_it_signs_of_the_file_is_refused_with_the_way_out(place: Path) -> None:
    bundle = place / "m.sig"
    words = ("--private_key", place / "alice", "--signature", bundle)
    assert model_signing("sign", "key", place / "m.amber", *words)
    before = (place / "m.amber").read_bytes()
    added = amber("sign", place / "m.amber", "--add", bundle)
    assert added.returncode == 2
    assert "signature-over-container" in added.stderr
    assert "sign the members" in added.stderr
    assert (place / "m.amber").read_bytes() == before
    detached = amber("verify", place / "m.amber", "--bundle", bundle, "--policy", place / "policy.toml", "--no-cases")
    assert detached.returncode == 2
    assert "signature-over-container" in detached.stdout
