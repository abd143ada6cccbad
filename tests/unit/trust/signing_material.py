"""What the tests of trust are made of: an artifact as digests, keys, policies, and bundles put together by hand.

Bundles are assembled here from plain JSON, not by the code under test, so that each can be wrong in one place.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from amber.policy import Key, Policy, Signer
from amber.trust import keys
from amber.trust.judge import Found, judge
from amber.trust.pae import pae

AT = datetime(2026, 6, 1, tzinfo=UTC)
IN_TOTO = "application/vnd.in-toto+json"
MEMBERS = {
    "manifest.json": b'{"name":"churn"}',
    "model/tensors-00001.safetensors": b"\x00" * 64,
    "model/tree.json": b"[]",
    "model-1": b"sorts before model/ by code point and after it by path",
}
DIGESTS = {name: hashlib.sha256(data).hexdigest() for name, data in MEMBERS.items()}
Change = Callable[[Any], None]


@cache
def key(name: str = "alice", curve: str = "P-256") -> keys.PrivateKey:
    """One key a name and curve for a whole run."""
    return keys.generate(curve)


def root(digests: list[str]) -> str:
    return hashlib.sha256(b"".join(bytes.fromhex(digest) for digest in digests)).hexdigest()


ID = root([DIGESTS[name] for name in sorted(DIGESTS)])


def statement(change: Change | None = None) -> dict[str, Any]:
    """The right statement about `MEMBERS`, after a change."""
    made: dict[str, Any] = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "churn", "digest": {"sha256": ID}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": ["signatures"],
            },
            "resources": [{"name": name, "digest": DIGESTS[name], "algorithm": "sha256"} for name in sorted(DIGESTS)],
        },
    }
    if change:
        change(made)
    return made


def rooted(change: Change) -> Change:
    """The change, and the subject that goes with the resources it leaves."""

    def both(made: dict[str, Any]) -> None:
        change(made)
        digests = [resource["digest"] for resource in made["predicate"]["resources"]]
        made["subject"][0]["digest"]["sha256"] = root(digests)

    return both


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def bundle(payload: bytes, signature: bytes, hint: str, change: Change | None = None) -> bytes:
    made: dict[str, Any] = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": hint}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": text(payload),
            "payloadType": IN_TOTO,
            "signatures": [{"sig": text(signature), "keyid": ""}],
        },
    }
    if change:
        change(made)
    return json.dumps(made).encode()


def signed(
    said: dict[str, Any] | bytes | None = None,
    by: keys.PrivateKey | None = None,
    change: Change | None = None,
    payload_type: str = IN_TOTO,
) -> bytes:
    """A bundle, rightly signed by `by`; `change` is made to it afterwards."""
    by = by or key()
    payload = said if isinstance(said, bytes) else json.dumps(said or statement()).encode()
    return bundle(payload, by.sign(pae(payload_type, payload)), by.public.hint, change)


def changed(data: bytes, change: Change) -> bytes:
    made = json.loads(data)
    change(made)
    return json.dumps(made).encode()


def policy(**labels: keys.PrivateKey | Signer) -> Policy:
    """A policy that knows these signers."""
    return Policy(
        signers=tuple(
            each if isinstance(each, Signer) else Signer(label, keys=(Key(each.public.der),))
            for label, each in labels.items()
        )
    )


def judged(data: bytes, rules: Policy | None = None, at: datetime = AT, kind: str = "oms") -> Found:
    """What one bundle beside `MEMBERS` is, for a reader who knows alice."""
    member = f"signatures/0001-{kind}.sigstore.json"
    (found,) = judge({member: data}, copy.copy(DIGESTS), ID, rules or policy(alice=key()), at)
    return found
