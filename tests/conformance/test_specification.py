"""The schemas and test vectors of the OpenSSF specification: what Amber writes is valid, what is invalid it refuses."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import jsonschema
import pytest

from amber.errors import FormatError
from amber.policy import Certificate, Key, Keyless, Policy, Signer
from amber.trust import bundle, keys, statement
from amber.trust.judge import judge
from amber.trust.pae import pae
from tests.conformance.adapter import certificates_of
from tests.conformance.material import KEYLESS, REFERENCE, ROOT
from tests.conformance.schemas import SPEC, check_bundle
from tests.unit.trust.signing_material import AT, DIGESTS, key

VALID = sorted((SPEC / "valid").iterdir())
INVALID = sorted((*(SPEC / "invalid").iterdir(), *(SPEC / "invalid-payload").iterdir()))
KNOWN = {
    "key.bundle.json": Signer("spec", keys=(Key(keys.public((REFERENCE / "signing-key-pub.pem").read_bytes()).der),)),
    "certificate.bundle.json": Signer(
        "spec",
        certificates=(
            Certificate(
                certificates_of(ROOT / "sigstore" / "certificates" / "root.pem")[0], subject="CN=intermediate-ca"
            ),
        ),
    ),
    "sigstore.bundle.json": Signer(
        "spec",
        keyless=(
            Keyless(
                "stefanb@us.ibm.com",
                "https://sigstore.verify.ibm.com/oauth2",
                (KEYLESS / "trusted_root.json").read_bytes(),
            ),
        ),
    ),
}


def described_by(data: bytes) -> dict[str, str]:
    """The digests a bundle's statement names: the vectors come without their files."""
    said = json.loads(base64.b64decode(json.loads(data)["dsseEnvelope"]["payload"]))
    return {resource["name"]: resource["digest"] for resource in said["predicate"]["resources"]}


def test_the_vectors_are_here() -> None:
    assert ({path.name for path in VALID}, len(INVALID)) == (set(KNOWN), 5)


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.name)
def test_the_valid_vectors_count_for_a_signer_who_is_known(path: Path) -> None:
    needs(path)
    data = path.read_bytes()
    digests = described_by(data)
    id_ = statement.root_of([digests[name] for name in sorted(digests)])
    (found,) = judge({path.name: data}, digests, id_, Policy(signers=(KNOWN[path.name],)), AT)
    assert (found.status, found.signer, found.detail) == ("counted", "spec", "")
    (found,) = judge({path.name: data}, digests, id_, Policy(), AT)
    assert found.status == "unknown"


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.name)
def test_a_valid_vector_with_one_changed_character_of_the_payload_does_not_count(path: Path) -> None:
    needs(path)
    made = json.loads(path.read_bytes())
    payload = base64.b64decode(made["dsseEnvelope"]["payload"])
    made["dsseEnvelope"]["payload"] = base64.b64encode(payload.replace(b'"name": "', b'"name":  "', 1)).decode()
    data = json.dumps(made).encode()
    digests = described_by(data)
    assert outcome({path.name: data}, digests, Policy(signers=(KNOWN[path.name],))) in ("signature-invalid", "unknown")


def needs(path: Path) -> None:
    if path.name.startswith("sigstore"):
        pytest.importorskip("sigstore")


def outcome(bundles: dict[str, bytes], digests: dict[str, str], policy: Policy) -> str:
    """The status of one bundle, or the code it is refused with."""
    id_ = statement.root_of([digests[name] for name in sorted(digests)])
    try:
        (found,) = judge(bundles, digests, id_, policy, AT)
    except FormatError as error:
        return error.code
    return found.status


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.name)
def test_the_invalid_vectors_are_refused(path: Path) -> None:
    assert outcome({path.name: path.read_bytes()}, {"signme-1": "00" * 32}, Policy()) in (
        "bundle-invalid",
        "statement-invalid",
    )
    with pytest.raises((jsonschema.ValidationError, ValueError)):
        check_bundle(path.read_bytes())


def test_the_hint_of_the_key_is_that_of_the_vector() -> None:
    vector = json.loads((SPEC / "valid" / "key.bundle.json").read_bytes())
    public = keys.public((REFERENCE / "signing-key-pub.pem").read_bytes())
    assert vector["verificationMaterial"]["publicKey"]["hint"] == public.hint


@pytest.mark.parametrize("curve", keys.CURVES)
def test_what_is_written_by_key_is_valid(curve: str) -> None:
    payload = statement.oms("churn", DIGESTS)
    signer = key(curve=curve)
    check_bundle(bundle.encode_key(payload, signer.sign(pae(bundle.PAYLOAD_TYPE, payload)), signer.public.hint), "key")


def test_what_is_written_by_certificate_is_valid() -> None:
    payload = statement.oms("churn", DIGESTS)
    check_bundle(bundle.encode_certificate(payload, b"signature", [b"leaf", b"intermediate"]), "certificate")
