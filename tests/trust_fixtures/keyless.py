"""A Sigstore instance of our own: authority, certificate log, Rekor log and trusted root, all made on the spot.

Its clock stands in the past, so that nothing of it expires or is not valid yet. What it signs is what a client would
upload, and what the log would answer: one entry in a tree of one leaf, with proof, checkpoint and promise.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import rfc8785
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from amber.trust.pae import pae
from tests.trust_fixtures.pki import ISSUES, Node, issue, new_key

IDENTITY = "ci@amber.test"
ISSUER = "https://issuer.amber.test"
CLOCK = datetime(2025, 6, 1, 12, tzinfo=UTC)
LOGGED = CLOCK + timedelta(seconds=60)
PAYLOAD_TYPE = "application/vnd.in-toto+json"
_OIDC_ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_OIDC_ISSUER_DER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_SCTS = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _der(key: Any) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _sign(key: Any, data: bytes) -> bytes:
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def _authority() -> Node:
    start, end = CLOCK - timedelta(days=100), CLOCK + timedelta(days=3650)
    return issue("fulcio.amber.test", is_ca=True, path_length=0, usage=ISSUES, purposes=(), start=start, end=end)


@dataclass(frozen=True)
class Instance:
    """One instance; two of them trust nothing of each other."""

    authority: Node = field(default_factory=_authority)
    ct_log: Any = field(default_factory=new_key)
    rekor: Any = field(default_factory=new_key)
    tsa: tuple[Node, ...] = ()

    def trusted_root(self, **periods: dict[str, str]) -> bytes:
        """Return the trusted root; `periods` sets `validFor` of `tlogs`, `ctlogs` or `certificateAuthorities`."""
        always = {"start": "2025-01-01T00:00:00Z"}

        def log(name: str, key: Any, kind: str) -> dict[str, Any]:
            public = {"rawBytes": b64(_der(key)), "keyDetails": "PKIX_ECDSA_P256_SHA_256"}
            return {
                "baseUrl": f"https://{name}.amber.test",
                "hashAlgorithm": "SHA2_256",
                "publicKey": {**public, "validFor": periods.get(kind, always)},
                "logId": {"keyId": b64(hashlib.sha256(_der(key)).digest())},
            }

        def authority(name: str, chain: tuple[Node, ...], kind: str) -> dict[str, Any]:
            return {
                "subject": {"organization": "amber.test", "commonName": name},
                "uri": f"https://{name}.amber.test",
                "certChain": {"certificates": [{"rawBytes": b64(node.der)} for node in chain]},
                "validFor": periods.get(kind, always),
            }

        root = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log("rekor", self.rekor, "tlogs")],
            "certificateAuthorities": [authority("fulcio", (self.authority,), "certificateAuthorities")],
            "ctlogs": [log("ct", self.ct_log, "ctlogs")],
            "timestampAuthorities": [authority("tsa", self.tsa, "timestampAuthorities")] if self.tsa else [],
        }
        return json.dumps(root).encode()

    def trust_config(self) -> bytes:
        """Return what the reference implementation takes as `--trust_config`."""
        services = [
            {
                "url": "https://unused.amber.test",
                "majorApiVersion": 1,
                "validFor": {"start": "2025-01-01T00:00:00Z"},
                "operator": "amber.test",
            }
        ]
        config = {
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": json.loads(self.trusted_root()),
            "signingConfig": {
                "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
                "caUrls": services,
                "oidcUrls": services,
                "rekorTlogUrls": services,
                "rekorTlogConfig": {"selector": "ANY"},
                "tsaUrls": services,
                "tsaConfig": {"selector": "ANY"},
            },
        }
        return json.dumps(config).encode()

    def sign(self, payload: bytes, identity: str = IDENTITY, issuer: str = ISSUER) -> bytes:
        """Return a bundle over a statement, as somebody whom `issuer` knows by this email address would make it."""
        leaf = self._leaf(identity, issuer)
        signature = _sign(leaf.key, pae(PAYLOAD_TYPE, payload))
        envelope = {"payload": b64(payload), "payloadType": PAYLOAD_TYPE, "signatures": [{"sig": b64(signature)}]}
        material = {
            "certificate": {"rawBytes": b64(leaf.der)},
            "tlogEntries": [self._entry(leaf, payload, signature, envelope)],
            "timestampVerificationData": {},
        }
        bundle = {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": material,
            "dsseEnvelope": envelope,
        }
        return json.dumps(bundle).encode()

    def _leaf(self, identity: str, issuer: str) -> Node:
        """Issue a certificate twice: first for the log to sign, then with the log's promise inside."""
        key = new_key()
        before = _certificate(self.authority, key, identity, issuer, None)
        return Node(_certificate(self.authority, key, identity, issuer, self._promise(before)), key)

    def _promise(self, certificate: x509.Certificate) -> bytes:
        """Return the certificate log's promise (RFC 6962, section 3.2), as the list that a certificate carries."""
        body = certificate.tbs_certificate_bytes
        time = int(CLOCK.timestamp() * 1000)
        issuer = hashlib.sha256(_der(self.authority.key)).digest()
        signed = struct.pack(">BBQH", 0, 0, time, 1) + issuer + len(body).to_bytes(3, "big") + body + b"\0\0"
        signature = _sign(self.ct_log, signed)
        log = hashlib.sha256(_der(self.ct_log)).digest()
        promise = b"\0" + log + struct.pack(">QH", time, 0) + b"\x04\x03" + _counted(signature)
        promises = _counted(_counted(promise))
        size = bytes([len(promises)]) if len(promises) < 128 else bytes([0x81, len(promises)])
        return b"\x04" + size + promises

    def _entry(self, leaf: Node, payload: bytes, signature: bytes, envelope: dict[str, Any]) -> dict[str, Any]:
        body = rfc8785.dumps(
            {
                "apiVersion": "0.0.1",
                "kind": "dsse",
                "spec": {
                    "envelopeHash": {
                        "algorithm": "sha256",
                        "value": hashlib.sha256(rfc8785.dumps(envelope)).hexdigest(),
                    },
                    "payloadHash": {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()},
                    "signatures": [{"signature": b64(signature), "verifier": b64(leaf.pem)}],
                },
            }
        )
        log = hashlib.sha256(_der(self.rekor)).digest()
        root = hashlib.sha256(b"\0" + body).digest()
        note = f"rekor.amber.test\n1\n{b64(root)}\n"
        line = b64(log[:4] + _sign(self.rekor, note.encode()))
        time = int(LOGGED.timestamp())
        promised = rfc8785.dumps({"body": b64(body), "integratedTime": time, "logID": log.hex(), "logIndex": 0})
        return {
            "logIndex": "0",
            "logId": {"keyId": b64(log)},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": str(time),
            "inclusionPromise": {"signedEntryTimestamp": b64(_sign(self.rekor, promised))},
            "inclusionProof": {
                "logIndex": "0",
                "rootHash": b64(root),
                "treeSize": "1",
                "hashes": [],
                "checkpoint": {"envelope": f"{note}\n\N{EM DASH} rekor.amber.test {line}\n"},
            },
            "canonicalizedBody": b64(body),
        }


def _certificate(authority: Node, key: Any, identity: str, issuer: str, promise: bytes | None) -> x509.Certificate:
    """Return a certificate for ten minutes; the serial number is the identity's, so that it can be issued twice."""
    email = x509.RFC822Name(identity)
    text = issuer.encode()
    more: list[tuple[x509.ExtensionType, bool]] = [
        (x509.UnrecognizedExtension(_OIDC_ISSUER, text), False),
        (x509.UnrecognizedExtension(_OIDC_ISSUER_DER, bytes([0x0C, len(text)]) + text), False),
    ]
    if promise is not None:
        more.append((x509.UnrecognizedExtension(_SCTS, promise), False))
    end = CLOCK + timedelta(minutes=10)
    return issue("", authority, key=key, names=[email], start=CLOCK, end=end, more=more, serial=7).certificate


def _counted(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data
