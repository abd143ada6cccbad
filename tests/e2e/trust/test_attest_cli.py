"""`amber attest` and `amber sbom` as a person at a shell runs them; what they wrote, read by other programs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import amber
from amber.cli.tour.tampering import shift_means

PASSPHRASE = "correct horse battery staple"


def run(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "amber.cli.main", *words],
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def ok(*words: str, cwd: Path, code: int = 0, **environment: str) -> str:
    done = run(*words, cwd=cwd, **environment)
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    assert PASSPHRASE not in done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an artifact, an encrypted key, its public half, and a patient policy that knows it."""
    folder = tmp_path_factory.mktemp("attest")
    chance = np.random.default_rng(3)
    X = chance.normal(size=(60, 3))
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, X[:, 0] > 0)
    amber.save(model, folder / "churn.amber", sample=X[:20], name="churn", version="1.4.0")
    key = ec.generate_private_key(ec.SECP256R1())
    pem, secret = serialization.Encoding.PEM, serialization.BestAvailableEncryption(PASSPHRASE.encode())
    (folder / "key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, secret))
    (folder / "key").chmod(0o600)
    public = serialization.PublicFormat.SubjectPublicKeyInfo
    (folder / "key.pub").write_bytes(key.public_key().public_bytes(pem, public))
    (folder / "policy.toml").write_text(
        '[signers.alice]\nkeys = ["key.pub"]\n[limits]\nreplay_seconds = 900\n'
        '[[rule]]\nnames = ["churn"]\nattestations = [{type = "test-result", from = ["alice"], k = 1}]\n'
    )
    (folder / "patient.toml").write_text("[limits]\nreplay_seconds = 900\n")
    (folder / "policy.toml").chmod(0o600)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "place"))


KEY = ("--key", "key")
SECRET = {"AMBER_PASSPHRASE": PASSPHRASE}


def signed(data: bytes, folder: Path) -> dict[str, Any]:
    """Verify a bundle by securesystemslib and return its statement."""
    found = json.loads(data)
    hint = found["verificationMaterial"]["publicKey"]["hint"]
    public = SSlibKey(hint, "ecdsa", "ecdsa-sha2-nistp256", {"public": (folder / "key.pub").read_text()})
    envelope = Envelope.from_dict(found["dsseEnvelope"])
    assert envelope.verify([public], 1) == {hint: public}
    said: dict[str, Any] = json.loads(envelope.payload)
    return said


def inside(folder: Path, member: str) -> bytes:
    with zipfile.ZipFile(folder / "churn.amber") as container:
        return container.read(member)


def test_a_replay_is_attested_demanded_and_shown(folder: Path) -> None:
    asked = ("verify", "churn.amber", "--policy", "policy.toml", "--json")
    before = json.loads(ok(*asked, "--no-cases", cwd=folder, code=2))
    assert before["refused"]  # the policy demands a test-result by alice
    text = ok("attest", "churn.amber", "--type", "test-result", *KEY, "--policy", "patient.toml", cwd=folder, **SECRET)
    assert text.splitlines()[0] == before["id"]
    assert "PASSED" in text
    said = signed(inside(folder, "signatures/0001-test-result.sigstore.json"), folder)
    assert said["predicate"]["result"] == "PASSED"
    report = json.loads(ok(*asked, cwd=folder))
    assert (report["id"], report["refused"]) == (before["id"], [])
    shown = [(each["kind"], each["status"], each["signer"]) for each in report["signatures"]]
    assert shown == [("test-result", "counted", "alice")]
    assert "test-result" in ok("verify", "churn.amber", "--no-cases", cwd=folder)  # unknown there: shown, not counted


def test_a_changed_model_warns_and_the_exit_code_says_so(folder: Path) -> None:
    amber.unpack(folder / "churn.amber", folder / "changed")
    shift_means(folder / "changed", 0.3)
    amber.pack(folder / "changed", folder / "churn.amber")
    words = ("attest", "churn.amber", "--type", "test-result", *KEY, "--policy", "patient.toml", "--json")
    done = json.loads(ok(*words, cwd=folder, code=1, **SECRET))
    assert (done["result"], done["written"]) == ("WARNED", ["signatures/0001-test-result.sigstore.json"])


def test_a_gate_signs_its_answer(folder: Path) -> None:
    words = ("attest", "churn.amber", "--type", "vsa", *KEY, "--policy", "policy.toml", "--at", "2030-01-31T12:00:00Z")
    gate = ("--verifier-id", "https://example.org/gate", "--resource-uri", "urn:example:churn")
    before = (folder / "churn.amber").read_bytes()
    refused = run(*words, *gate, cwd=folder, **SECRET)
    assert refused.returncode == 2
    assert "[attest-detached-only]" in refused.stderr
    done = json.loads(ok(*words, *gate, "--detached", "--json", cwd=folder, code=2, **SECRET))
    assert (folder / "churn.amber").read_bytes() == before
    assert done["written"] == ["churn.amber.0001-vsa.sigstore.json"]
    said = signed((folder / done["written"][0]).read_bytes(), folder)
    assert said["subject"] == [{"name": "churn", "digest": {"sha256": done["id"]}}]
    assert said["predicate"]["verificationResult"] == "FAILED"
    assert said["predicate"]["timeVerified"] == "2030-01-31T12:00:00Z"


def test_provenance_by_a_command_that_signs(folder: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.fail("openssl is needed for this test")
    command = f"openssl dgst -sha256 -sign key -passin pass:{PASSPHRASE.replace(' ', '_')}"
    key = serialization.load_pem_private_key((folder / "key").read_bytes(), PASSPHRASE.encode())
    secret = serialization.BestAvailableEncryption(PASSPHRASE.replace(" ", "_").encode())
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "key").write_bytes(key.private_bytes(pem, form, secret))
    build = ("--builder-id", "https://example.org/ci", "--build-type", "urn:example:train", "--parameter", "seed=7")
    material = f"https://example.org/rows=sha256:{'ab' * 32}"
    ok(
        "attest", "churn.amber", "--type", "provenance", "--signer", command, "--public-key", "key.pub", *build,
        "--material", material, cwd=folder, GITHUB_SHA="leaked", CI_COMMIT_SHA="leaked",
    )  # fmt: skip
    said = signed(inside(folder, "signatures/0001-provenance.sigstore.json"), folder)
    assert "leaked" not in json.dumps(said)
    assert said["predicate"]["buildDefinition"]["externalParameters"] == {"seed": "7"}
    assert said["predicate"]["runDetails"] == {"builder": {"id": "https://example.org/ci"}}


def test_an_sbom_printed_written_and_signed(folder: Path) -> None:
    printed = ok("sbom", "churn.amber", cwd=folder)
    assert JsonStrictValidator(SchemaVersion.V1_7).validate_str(printed) is None
    assert ok("sbom", "churn.amber", "--out", "churn.cdx.json", cwd=folder) == ""
    assert (folder / "churn.cdx.json").read_text() == printed
    (folder / "pass").write_text(PASSPHRASE + "\n")
    ok("attest", "churn.amber", "--type", "sbom", *KEY, "--passphrase-file", "pass", cwd=folder)
    said = signed(inside(folder, "signatures/0001-sbom.sigstore.json"), folder)
    assert said["predicate"] == json.loads(printed)
    assert ok("sbom", "churn.amber", cwd=folder) == printed


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("attest", "churn.amber", *KEY), 64, "--type"),
        (("attest", "churn.amber", "--type", "oms", *KEY), 64, "oms"),
        (("attest", "churn.amber", "--type", "sbom"), 64, "--key or --signer"),
        (("attest", "churn.amber", "--type", "provenance", *KEY), 64, "[attest-invalid]"),
        (("attest", "churn.amber", "--type", "sbom", *KEY, "--material", "x"), 64, "[attest-invalid]"),
        (("attest", "churn.amber", "--type", "sbom", *KEY, "--parameter", "x"), 64, "NAME=VALUE"),
        (("attest", "churn.amber", "--type", "vsa", *KEY, "--at", "yesterday"), 64, "is not a time"),
        (("attest", "churn.amber", "--type", "sbom", *KEY, "--detached", "--output", "x"), 64, "--detached"),
        (("attest", "nothing.amber", "--type", "sbom", *KEY), 66, "[source-missing]"),
        (("attest", "churn.amber", "--type", "sbom", "--key", "nothing"), 66, "[source-missing]"),
        (("sbom", "nothing.amber"), 66, "[source-missing]"),
        (("sbom", "key"), 2, "[container-not-canonical]"),
        (("sbom", "churn.amber", "--format", "swid"), 64, "swid"),
        (("sbom", "churn.amber", "--out", "no/such/folder/x"), 66, "[target-unwritable]"),
    ],
    ids=[
        "no-type", "other-type", "no-key", "no-builder", "misplaced", "parameter", "time", "two-places", "no-file",
        "no-key-file", "sbom-no-file", "sbom-no-artifact", "sbom-form", "sbom-out",
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(words: tuple[str, ...], code: int, said: str, made: Path) -> None:
    before = {path.name: path.read_bytes() for path in made.iterdir()}
    done = run(*words, cwd=made, **SECRET)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert {path.name: path.read_bytes() for path in made.iterdir()} == before


@pytest.mark.parametrize("word", ["attest", "sbom"])
def test_the_help_ends_with_examples(word: str, made: Path) -> None:
    text = ok(word, "--help", cwd=made)
    assert f"amber {word} churn.amber" in text.split("Examples:")[1]


def test_missing_options_are_named_as_typed_and_all_at_once(folder: Path) -> None:
    for kind, options in (("vsa", "--verifier-id and --resource-uri"), ("provenance", "--builder-id and --build-type")):
        done = run("attest", "churn.amber", "--type", kind, *KEY, cwd=folder, **SECRET)
        assert (done.returncode, f"error: {options}: are needed" in done.stderr) == (64, True), done.stderr
    done = run("attest", "churn.amber", "--type", "sbom", "--verifier-id", "urn:a", *KEY, cwd=folder, **SECRET)
    assert "--verifier-id: belongs to vsa" in done.stderr


def test_a_refusal_of_a_gate_says_why(folder: Path) -> None:
    gate = (
        "--type",
        "vsa",
        *KEY,
        "--policy",
        "policy.toml",
        "--verifier-id",
        "urn:gate",
        "--resource-uri",
        "urn:churn",
    )
    done = run("attest", "churn.amber", *gate, cwd=folder, **SECRET)
    assert done.returncode == 2
    assert "attestation-missing" in done.stderr or "test-result" in done.stderr, done.stderr
    said = json.loads(ok("attest", "churn.amber", *gate, "--detached", "--json", cwd=folder, code=2, **SECRET))
    assert said["result"] == "FAILED"
    assert said["reasons"]
    assert said["reasons"][0] in done.stderr
