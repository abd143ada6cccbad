"""Certificates and keyless bundles beside the reference implementation: each side reads what the other wrote."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from amber.policy import Certificate, Keyless, Policy, Signer
from amber.trust import bundle, issue, keys, statement
from amber.trust.judge import Found, judge
from amber.trust.pae import pae
from tests.trust_fixtures.keyless import IDENTITY, ISSUER, Instance
from tests.trust_fixtures.offline import amber, model_signing

SAN = "ci@example.org"
CURVES = ["P-256", "P-384", "P-521"]
ARTIFACT = Path(__file__).parents[3] / "spec" / "vectors" / "accept" / "smallest.amber"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a tree of members such as an artifact has, with names that sort differently by part and by text."""
    made = tmp_path / "churn"
    for name in ("manifest.json", "model/0.safetensors", "model-1/a", "cases/0.safetensors"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(name.encode() * 100)
    (made / "signatures").mkdir()
    return made


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "signatures"]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def identifier(members: dict[str, str]) -> str:
    return hashlib.sha256(b"".join(bytes.fromhex(members[name]) for name in sorted(members))).hexdigest()


def pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


class Authority:
    """A CA of this curve, and the bundles of its signers."""

    def __init__(self, curve: str, folder: Path) -> None:
        self.curve = curve
        self.key = keys.generate(curve)
        self.certificate = issue.issue_ca(self.key, f"CA {curve}")
        self.path = folder / f"ca-{curve}.pem"
        self.path.write_bytes(pem(self.certificate))

    def leaf(self) -> tuple[keys.PrivateKey, bytes]:
        key = keys.generate(self.curve)
        return key, issue.issue_leaf(self.key, self.certificate, key.public, SAN)

    def bundle(self, payload: bytes, *, with_root: bool) -> bytes:
        key, leaf = self.leaf()
        chain = [leaf, self.certificate] if with_root else [leaf]
        return bundle.encode_certificate(payload, key.sign(pae(bundle.PAYLOAD_TYPE, payload)), chain)

    def signer(self, label: str) -> Signer:
        return Signer(label, certificates=(Certificate(root=self.certificate, san=SAN),))


def found(folder: Path, *signers: Signer) -> tuple[Found, ...]:
    bundles = {f"signatures/{path.name}": path.read_bytes() for path in sorted((folder / "signatures").iterdir())}
    members = digests(folder)
    return judge(bundles, members, identifier(members), Policy(signers=signers), datetime.now(UTC))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_reference_verifies_our_certificates(folder: Path, tmp_path: Path, count: int) -> None:
    payload = statement.oms("churn", digests(folder))
    authorities = [Authority(curve, tmp_path) for curve in CURVES[:count]]
    written = [folder / "signatures" / f"{number:04}-oms.sigstore.json" for number in range(1, count + 1)]
    for number, (authority, path) in enumerate(zip(authorities, written, strict=True)):
        path.write_bytes(authority.bundle(payload, with_root=number % 2 == 1))
    for authority, path in zip(authorities, written, strict=True):
        words = ("verify", "certificate", folder, "--signature", path, "--certificate_chain", authority.path)
        assert model_signing(*words)
    signers = [authority.signer(authority.curve) for authority in authorities]
    assert [one.signer for one in found(folder, *signers)] == CURVES[:count]


def test_the_reference_refuses_another_ca_and_a_changed_member(folder: Path, tmp_path: Path) -> None:
    authority, other = Authority("P-256", tmp_path), Authority("P-384", tmp_path)
    path = folder / "signatures" / "0001-oms.sigstore.json"
    path.write_bytes(authority.bundle(statement.oms("churn", digests(folder)), with_root=False))
    words = ("verify", "certificate", folder, "--signature", path, "--certificate_chain")
    assert not model_signing(*words, other.path)
    (folder / "manifest.json").write_bytes(b"{}")
    assert not model_signing(*words, authority.path)


@pytest.mark.parametrize("curve", CURVES)
def test_we_verify_what_the_reference_signed(folder: Path, tmp_path: Path, curve: str) -> None:
    """Two of its bundles after each other: with `--ignore-paths` the first one stays valid for both sides."""
    authority = Authority(curve, tmp_path)
    for number in (1, 2):
        key, leaf = authority.leaf()
        (tmp_path / "key.pem").write_bytes(_plain_pem(key))
        (tmp_path / "leaf.pem").write_bytes(pem(leaf))
        path = folder / "signatures" / f"{number:04}-oms.sigstore.json"
        assert model_signing(
            "sign", "certificate", folder, "--private_key", tmp_path / "key.pem", "--signing_certificate",
            tmp_path / "leaf.pem", "--certificate_chain", authority.path, "--signature", path, "--ignore-paths",
            folder / "signatures",
        )  # fmt: skip
    answers = found(folder, authority.signer("ci"))
    assert [(one.status, one.signer, one.method) for one in answers] == [("counted", "ci", "certificate")] * 2
    assert [one.status for one in found(folder, Authority(curve, tmp_path).signer("ci"))] == ["unknown"] * 2


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_reference_verifies_keyless_bundles_beside_each_other(folder: Path, tmp_path: Path, count: int) -> None:
    payload = statement.oms("churn", digests(folder))
    instance = Instance()
    (tmp_path / "trust.json").write_bytes(instance.trust_config())
    people = [IDENTITY, "alice@amber.test", "bob@amber.test"][:count]
    for number, identity in enumerate(people, 1):
        (folder / "signatures" / f"{number:04}-oms.sigstore.json").write_bytes(instance.sign(payload, identity))
    for number, identity in enumerate(people, 1):
        words = (
            "verify", "sigstore", folder, "--signature", folder / "signatures" / f"{number:04}-oms.sigstore.json",
            "--identity_provider", ISSUER, "--trust_config", tmp_path / "trust.json", "--identity",
        )  # fmt: skip
        assert model_signing(*words, identity)
        assert not model_signing(*words, "eve@amber.test")
    signers = [Signer(one, keyless=(Keyless(one, ISSUER, instance.trusted_root()),)) for one in people]
    assert [(one.status, one.signer) for one in found(folder, *signers)] == [("counted", one) for one in people]


def test_a_user_makes_certificates_signs_and_is_believed_by_both(tmp_path: Path) -> None:
    """From the command line, with no network: two signers of one CA, a policy that wants both, the reference beside."""
    artifact = tmp_path / "churn.amber"
    shutil.copy(ARTIFACT, artifact)
    (tmp_path / "passphrase").write_text("sixteen characters and more")
    secret = ("--passphrase-file", tmp_path / "passphrase")
    done(amber("keygen", "--out", tmp_path / "alice.pem", "--certificate", "--name", "CA", "--san", SAN, *secret))
    ca = ("--ca", tmp_path / "alice.ca.pem", "--ca-key", tmp_path / "alice.ca.key")
    done(
        amber(
            "keygen", "--out", tmp_path / "bob.pem", "--certificate", "--san", "https://example.org/bob", *ca, *secret
        )
    )
    policy = tmp_path / "policy.toml"
    policy.write_text(
        f"""
        [signers.alice]
        certificate = {{root = "alice.ca.pem", san = "{SAN}"}}
        [signers.bob]
        certificate = {{root = "alice.ca.pem", san = "https://example.org/bob"}}
        [[rule]]
        names = ["*"]
        require = [{{from = ["alice", "bob"], k = 2}}]
        """
    )
    for name, code in (("alice", 2), ("bob", 0)):
        files = ("--key", tmp_path / f"{name}.pem", "--certificate", tmp_path / f"{name}.crt")
        done(amber("sign", artifact, *files, "--chain", tmp_path / "alice.ca.pem", *secret))
        answer = amber("verify", artifact, "--policy", policy, "--no-cases")
        assert answer.returncode == code, answer.stdout + answer.stderr
    done(amber("unpack", artifact, tmp_path / "tree"))
    for number in (1, 2):
        path = tmp_path / "tree" / "signatures" / f"{number:04}-oms.sigstore.json"
        words = ("verify", "certificate", tmp_path / "tree", "--signature", path)
        assert model_signing(*words, "--certificate_chain", tmp_path / "alice.ca.pem")


def test_a_keyless_bundle_is_put_in_and_believed_without_a_network(tmp_path: Path) -> None:
    artifact, instance = tmp_path / "churn.amber", Instance()
    shutil.copy(ARTIFACT, artifact)
    done(amber("unpack", artifact, tmp_path / "tree"))
    payload = statement.oms("churn", digests(tmp_path / "tree"))
    (tmp_path / "bundle.json").write_bytes(instance.sign(payload))
    (tmp_path / "root.json").write_bytes(instance.trusted_root())
    (tmp_path / "other.json").write_bytes(Instance().trusted_root())
    done(amber("sign", artifact, "--add", tmp_path / "bundle.json"))
    for root, identity, code in (("root", IDENTITY, 0), ("other", IDENTITY, 2), ("root", "eve@amber.test", 2)):
        policy = tmp_path / "policy.toml"
        keyless = f'{{identity = "{identity}", issuer = "{ISSUER}", trusted_root = "{root}.json"}}'
        rule = '[[rule]]\nnames = ["*"]\nrequire = [{from = ["ci"], k = 1}]\n'
        policy.write_text(f"[signers.ci]\nkeyless = {keyless}\n{rule}")
        answer = amber("verify", artifact, "--policy", policy, "--no-cases", "--json")
        assert answer.returncode == code, answer.stdout + answer.stderr
        (found,) = json.loads(answer.stdout)["signatures"]
        assert (found["status"], found["signer"]) == (("counted", "ci") if code == 0 else ("unknown", ""))


def done(answer: subprocess.CompletedProcess[str]) -> None:
    assert answer.returncode == 0, answer.stdout + answer.stderr


def _plain_pem(key: keys.PrivateKey) -> bytes:
    """Return the key unencrypted: the reference cannot sign with an encrypted one."""
    from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat

    return key.of_library.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
