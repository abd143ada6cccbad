"""What the cases of `cases.toml` need: models, keys, chains of certificates, and the bundles they are about.

Certificates and bundles are put together here by hand, in the forms in which the suite has them, and not by the code
under test.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from amber.trust.pae import pae
from tests.unit.trust.signing_material import AT, IN_TOTO, root, text

ROOT = Path(__file__).resolve().parents[1] / "vectors"
REFERENCE = ROOT / "oms" / "reference"
KEYLESS = ROOT / "sigstore" / "keyless"
SIMPLE = {"signme-1": b"signme-1", "signme-2": b"signme-2", "ignore-me": b""}
MODELS: dict[str, dict[str, bytes]] = {
    "binary-content": {"header.bin": bytes(range(10)), "weights.bin": bytes(range(256)) * 4},
    "empty": {".gitignore": b"!.gitignore"},
    "hidden-subdir": {".cache/weights.bin": b"1", ".local/share/data.bin": b"2", "model.bin": b"3"},
    "multi-file": {"config.json": b"{}", "subdir/adapter.bin": b"a" * 512, "weights.bin": b"w" * 1024},
    "reference": {"signme-1": b"signme-1", "signme-2": b"signme-2"},
    "reference-line": {"signme-1": b"signme-1\n", "signme-2": b"signme-2"},
    "simple": SIMPLE,
    "single-file": {"model.bin": b"m" * 256},
    "special-chars": {"file (copy).bin": b"1", "normal.bin": b"2", "path with spaces/model.bin": b"3"},
    "unicode-names": {"weights.bin": b"1", "\u6a21\u578b.bin": b"2"},
    "with-dotfiles": {".config": b"1", ".env.example": b"2", "model.bin": b"3"},
    "with-empty-file": {"empty.bin": b"", "signme-1": b"signme-1"},
    "with-git-dir": {".gitattributes": b"", ".github/ci.yml": b"on: x", ".gitignore": b"", "model.bin": b"1"},
}
Change = Callable[[Any], None]


class Material:
    """Keys and certificates of a run, in files.

    Args:
        folder: Where they are written: `NAME.pem`, `NAME.pub`, `NAME.cert.pem`, `NAME.root.pem` and so on.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        curves = {"chain": ec.SECP384R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}
        self.keys = {
            name: ec.generate_private_key(curves.get(name, ec.SECP256R1()))
            for name in ("chain", "p384", "p521", "self-signed", "wrong", "root", "intermediate")
        }
        for name, key in self.keys.items():
            private = key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
            (folder / f"{name}.pem").write_bytes(private)
            (folder / f"{name}.pub").write_bytes(self.public_pem(name))
        for name, certificate in self.certificates.items():
            (folder / f"{name}.cert.pem").write_bytes(certificate.public_bytes(s.Encoding.PEM))

    def public_pem(self, name: str) -> bytes:
        return self.keys[name].public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)

    def hint(self, name: str) -> str:
        digest = hashes.Hash(hashes.SHA256())
        digest.update(self.public_pem(name))
        return digest.finalize().hex()

    @cached_property
    def certificates(self) -> dict[str, x509.Certificate]:
        """A chain of three with the odd leaf of every fixture upstream (CA:TRUE, no name but CN), and wrong ones."""
        return {
            "root": self._certificate("root", "root", issues=True),
            "intermediate": self._certificate("intermediate", "root", issues=True),
            "chain": self._certificate("chain", "intermediate"),
            "self-signed": self._certificate("self-signed", "self-signed"),
            "wrong": self._certificate("wrong", "wrong", issues=True),
            "expired": self._certificate("chain", "intermediate", start=AT - timedelta(days=2300), days=1),
        }

    def _certificate(
        self, of: str, by: str, *, issues: bool = False, start: datetime = AT - timedelta(days=30), days: int = 3650
    ) -> x509.Certificate:
        key, issuer = self.keys[of].public_key(), self.keys[by]
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, of)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, by)]))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(issues=issues), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )
        if not issues:
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())
        return builder.add_extension(identifier, critical=False).sign(issuer, hashes.SHA256())

    def signed_by_key(
        self, digests: Mapping[str, str], *, by: str = "chain", said: Change | None = None, made: Change | None = None
    ) -> bytes:
        """A bundle by key; `said` changes the statement before it is signed, `made` the bundle afterwards."""
        return self._bundle(digests, by, {"publicKey": {"hint": self.hint(by)}, "tlogEntries": []}, said, made)

    def signed_by_certificate(self, digests: Mapping[str, str], *, leaf: str = "chain") -> bytes:
        chain = [self.certificates[leaf], self.certificates["intermediate"]]
        certificates = [{"rawBytes": text(each.public_bytes(s.Encoding.DER))} for each in chain]
        material = {"x509CertificateChain": {"certificates": certificates}, "tlogEntries": []}
        return self._bundle(digests, "chain", material, None, None)

    def _bundle(
        self, digests: Mapping[str, str], by: str, material: Any, said: Change | None, made: Change | None
    ) -> bytes:
        payload = json.dumps(statement(digests, said), indent=2).encode()
        key = self.keys[by]
        algorithm = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}[key.key_size]
        signature = key.sign(pae(IN_TOTO, payload), ec.ECDSA(algorithm))
        bundle = {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": material,
            "dsseEnvelope": {
                "payload": text(payload),
                "payloadType": IN_TOTO,
                "signatures": [{"sig": text(signature), "keyid": ""}],
            },
        }
        if made:
            made(bundle)
        return json.dumps(bundle, indent=2).encode()


def statement(digests: Mapping[str, str], change: Change | None = None) -> dict[str, Any]:
    """A statement as the reference writes it."""
    made: dict[str, Any] = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "model", "digest": {"sha256": root([digests[name] for name in sorted(digests)])}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "serialization": {
                "method": "files",
                "ignore_paths": [".github", ".git", ".gitattributes", ".gitignore", "ignore-me"],
                "hash_type": "sha256",
                "allow_symlinks": False,
            },
            "resources": [{"digest": digests[name], "algorithm": "sha256", "name": name} for name in sorted(digests)],
        },
    }
    if change:
        change(made)
    return made


def _usage(*, issues: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not issues,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issues,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
