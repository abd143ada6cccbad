"""Keys, certificates and policies to decide about; no key of these belongs to anybody."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from amber.policy import Facts, Key, Line, Policy, Rule, Signer, encodings

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ID = "ab" * 32
OTHER_ID = "cd" * 32


def der(number: int, curve: str = "P-256") -> bytes:
    """Bytes of the form of a key; nothing in the policy looks at the point."""
    head, size = encodings.CURVES[curve]
    return head + number.to_bytes(size, "big")


def pem(number: int, curve: str = "P-256") -> str:
    return encodings.pem(der(number, curve), "PUBLIC KEY")


def key(number: int) -> Key:
    return Key(der(number))


def root(number: int) -> bytes:
    """Bytes of the form of a certificate."""
    body = b"\x30\x04\x02\x02" + number.to_bytes(2, "big") + b"\x30\x00\x03\x01\x00"
    return b"\x30" + bytes([len(body)]) + body


def root_pem(number: int) -> str:
    return encodings.pem(root(number), "CERTIFICATE")


def signer(label: str, number: int | None = None, **more: Any) -> Signer:
    return Signer(label, keys=(key(sum(label.encode()) if number is None else number),), **more)


def facts(**more: Any) -> Facts:
    known: dict[str, Any] = {"id": ID, "name": "churn", "version": "1.2.3", "kind": "classifier", "size": 100}
    return Facts(**{**known, **more})


def signed(*labels: str, **more: Any) -> Facts:
    return facts(signers=frozenset(labels), **more)


def policy(*rules: Rule, labels: tuple[str, ...] = ("alice", "bob", "ci"), **more: Any) -> Policy:
    signers = tuple(signer(label, number) for number, label in enumerate(labels, start=1))
    return Policy(signers=signers, rules=rules, **more)


def rule(*lines: tuple[tuple[str, ...], int], names: tuple[str, ...] = ("churn*",), **more: Any) -> Rule:
    return Rule(names, tuple(Line(labels, k) for labels, k in lines), **more)
