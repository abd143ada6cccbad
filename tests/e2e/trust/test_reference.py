"""The reference implementation (model-signing, PyPI) reads what Amber signs, and Amber reads what it signs.

What is signed is the tree of members: the folder below is what an artifact is when it is unpacked. The reference runs
as its users run it, as a command; its way with keys needs no network.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as s

from amber.errors import FormatError
from amber.policy import Key, Policy, Signer
from amber.trust import bundle, keys, statement
from amber.trust.judge import Found, judge
from amber.trust.pae import pae
from tests.unit.trust.signing_material import AT

pytest.importorskip("model_signing")
pytestmark = pytest.mark.slow

MEMBERS = {
    "manifest.json": b'{"name":"churn"}',
    "README.md": b"# A card\n",
    "model/tree.json": b"[]",
    "model/tensors-00001.safetensors": bytes(range(256)) * 40,
    "model-1": b"sorts before model/ by code point, after it by path",
    "cases/0001.json": b"{}",
}
CURVES = tuple(keys.CURVES)


@pytest.fixture(scope="module")
def signers() -> dict[str, keys.PrivateKey]:
    return {curve: keys.generate(curve) for curve in CURVES}


@pytest.fixture
def folder(tmp_path: Path, signers: Mapping[str, keys.PrivateKey]) -> Path:
    """An unpacked artifact, and each key beside it as a user has it."""
    place = tmp_path / "churn"
    for name, data in MEMBERS.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    (place / "signatures").mkdir()
    for curve, signer in signers.items():
        (tmp_path / f"{curve}.pub").write_bytes(signer.public.pem)
        plain = signer.of_library.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
        (tmp_path / f"{curve}.pem").write_bytes(plain)
    return place


def member(place: Path, number: int, kind: str = "oms") -> Path:
    return place / "signatures" / f"{number:04d}-{kind}.sigstore.json"


def digests_of(place: Path) -> dict[str, str]:
    found = {path.relative_to(place).as_posix(): path for path in place.rglob("*") if path.is_file()}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in found.items()
        if not name.startswith("signatures/")
    }


def id_of(digests: Mapping[str, str]) -> str:
    return statement.root_of([digests[name] for name in sorted(digests)])


def sign(place: Path, number: int, signer: keys.PrivateKey) -> None:
    payload = statement.oms("churn", digests_of(place))
    signature = signer.sign(pae(bundle.PAYLOAD_TYPE, payload))
    member(place, number).write_bytes(bundle.encode_key(payload, signature, signer.public.hint))


def reference(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "model_signing", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd=cwd, timeout=120)


def verified(place: Path, number: int, curve: str) -> bool:
    key = place.parent / f"{curve}.pub"
    ran = reference("verify", "key", place, "--signature", member(place, number), "--public_key", key)
    return ran.returncode == 0


def reference_signs(place: Path, number: int, curve: str) -> None:
    key = place.parent / f"{curve}.pem"
    target = member(place, number)
    ran = reference(
        "sign", "key", place, "--private_key", key, "--signature", target, "--ignore-paths", place / "signatures"
    )
    assert ran.returncode == 0, ran.stderr


def judged(place: Path, signers: Mapping[str, keys.PrivateKey]) -> tuple[Found, ...]:
    known = tuple(Signer(curve, keys=(Key(signer.public.der),)) for curve, signer in signers.items())
    digests = digests_of(place)
    bundles = {f"signatures/{path.name}": path.read_bytes() for path in sorted((place / "signatures").iterdir())}
    return judge(bundles, digests, id_of(digests), Policy(signers=known), AT)


def test_the_reference_verifies_each_of_one_two_and_three_bundles(
    folder: Path, signers: Mapping[str, keys.PrivateKey]
) -> None:
    for number, curve in enumerate(CURVES, start=1):
        sign(folder, number, signers[curve])
        for each, of_curve in enumerate(CURVES[:number], start=1):
            assert verified(folder, each, of_curve), f"bundle {each} of {number}"
    assert not verified(folder, 1, "P-384")
    (folder / "model" / "tree.json").write_bytes(b"[1]")
    assert not verified(folder, 1, "P-256")


def test_amber_verifies_what_the_reference_signs(folder: Path, signers: Mapping[str, keys.PrivateKey]) -> None:
    for number, curve in enumerate(CURVES, start=1):
        reference_signs(folder, number, curve)
    found = judged(folder, signers)
    assert [(each.status, each.signer, each.kind) for each in found] == [("counted", curve, "oms") for curve in CURVES]
    # its members stand in the order of paths, so its root is another one than the id
    assert {each.root for each in found} != {id_of(digests_of(folder))}
    # and with the folder ignored its first bundle stays valid when others are added
    assert verified(folder, 1, "P-256")
    (folder / "model-1").write_bytes(b"changed")
    with pytest.raises(FormatError) as refusal:
        judged(folder, signers)
    assert refusal.value.code == "signature-coverage"


def test_bundles_of_both_stand_side_by_side(folder: Path, signers: Mapping[str, keys.PrivateKey]) -> None:
    reference_signs(folder, 1, "P-384")
    sign(folder, 2, signers["P-256"])
    member(folder, 3, "test-result").write_bytes(attestation(folder, signers["P-521"]))
    assert verified(folder, 1, "P-384")
    assert verified(folder, 2, "P-256")
    assert [each.signer for each in judged(folder, signers)] == ["P-384", "P-256", "P-521"]


def test_a_signature_of_the_reference_over_the_file_is_refused(
    folder: Path, signers: Mapping[str, keys.PrivateKey]
) -> None:
    file = folder.parent / "churn.amber"
    file.write_bytes(b"an artifact")
    target = member(folder, 1)
    ran = reference("sign", "key", file, "--private_key", folder.parent / "P-256.pem", "--signature", target)
    assert ran.returncode == 0, ran.stderr
    with pytest.raises(FormatError) as refusal:
        judged(folder, signers)
    assert refusal.value.code == "signature-over-container"


def attestation(place: Path, signer: keys.PrivateKey) -> bytes:
    kind = statement.KINDS["test-result"][0]
    payload = statement.attestation(id_of(digests_of(place)), "churn", kind, {"result": "PASSED", "configuration": []})
    return bundle.encode_key(payload, signer.sign(pae(bundle.PAYLOAD_TYPE, payload)), signer.public.hint)


@pytest.mark.parametrize("curve", CURVES)
def test_securesystemslib_verifies_the_envelope_of_an_attestation(
    curve: str, folder: Path, signers: Mapping[str, keys.PrivateKey]
) -> None:
    dsse = pytest.importorskip("securesystemslib.dsse")
    from securesystemslib.exceptions import VerificationError
    from securesystemslib.signer import SSlibKey

    text = json.dumps(json.loads(attestation(folder, signers[curve]))["dsseEnvelope"])
    public = signers[curve].public
    key = SSlibKey.from_crypto(public.of_library, keyid=public.hint)
    assert dsse.Envelope.from_dict(json.loads(text)).verify([key], 1) == {public.hint: key}
    changed = dsse.Envelope.from_dict(json.loads(text))
    changed.payload += b" "
    with pytest.raises(VerificationError):
        changed.verify([key], 1)
