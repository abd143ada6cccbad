"""A policy as plain data: what the file would say with every key and certificate in it. Defaults are left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC
from typing import TYPE_CHECKING, Any

from amber.limits import DEFAULT, Limits
from amber.policy.encodings import pem
from amber.policy.invalid import at

if TYPE_CHECKING:
    from datetime import datetime

    from amber.policy.policy import Policy
    from amber.policy.revoked import Revoked
    from amber.policy.rules import Demand, Line, Rule
    from amber.policy.signers import Key, Signer


def policy(found: Policy) -> dict[str, Any]:
    """Return the plain data that `Policy.from_dict` gives back as an equal policy."""
    return _filled({
        "preset": found.preset if found.preset != "default" or "preset" in found.given else None,
        "issued": time(found.issued),
        "expires": time(found.expires),
        "names": list(found.names),
        "verdict": found.verdict,
        "sharing": found.sharing if found.sharing != "tolerant" else None,
        "limits": limits(found),
        "signers": {each.label: signer(each) for each in found.signers},
        "rule": list(map(rule, found.rules)),
        "revoked": revoked(found.revoked),
        "timestamps": _filled({"roots": [pem(root, "CERTIFICATE") for root in found.timestamps]}),
        "seen": {"file": found.seen} if found.seen else None,
        "floor": policy(found.floor) if found.floor is not None else None,
    }) | ({"allow": list(found.allow)} if found.allow or "allow" in found.given else {})  # fmt: skip


def limits(found: Policy) -> dict[str, int | float]:
    """Return the limits that are not the default, or were given."""
    names = (item.name for item in fields(Limits))
    return {
        name: getattr(found.limits, name)
        for name in names
        if getattr(found.limits, name) != getattr(DEFAULT, name) or at("limits", name) in found.given
    }


def signer(found: Signer) -> dict[str, Any]:
    """Return one signer; its label is the key of its table."""
    return _filled({
        "keys": list(map(key, found.keys)),
        "certificate": [
            _filled({"root": pem(each.root, "CERTIFICATE"), "san": each.san, "subject": each.subject})
            for each in found.certificates
        ],
        "keyless": [
            {"identity": each.identity, "issuer": each.issuer, "trusted_root": each.trusted_root.decode("utf-8")}
            for each in found.keyless
        ],
        "until": time(found.until),
        "names": list(found.names) if found.names != ("*",) else None,
    })  # fmt: skip


def key(found: Key) -> str | dict[str, str]:
    """Return a key as PEM, with its end where it has one."""
    text = pem(found.der, "PUBLIC KEY")
    return text if found.until is None else {"key": text, "until": time(found.until) or ""}


def rule(found: Rule) -> dict[str, Any]:
    """Return one rule."""
    return _filled({
        "names": list(found.names),
        "require": list(map(_line, found.require)),
        "attestations": list(map(_demand, found.attestations)),
        "verdict": found.verdict,
        "kinds": list(found.kinds),
        "programs": found.programs,
        "rows": found.rows,
        "minimum": found.minimum,
    }) | ({} if found.max_bytes is None else {"max_bytes": found.max_bytes})  # fmt: skip


def revoked(found: Revoked) -> dict[str, Any]:
    """Return what was taken back."""
    keys = [
        each.fingerprint if each.since is None else {"fingerprint": each.fingerprint, "since": time(each.since)}
        for each in found.keys
    ]
    return _filled({"ids": list(found.ids), "keys": keys, "certificates": list(found.certificates)})


def time(found: datetime | None) -> str | None:
    """Return a time in UTC, in the one spelling it has here."""
    return None if found is None else found.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _line(found: Line) -> dict[str, Any]:
    return {"from": list(found.from_), "k": found.k}


def _demand(found: Demand) -> dict[str, Any]:
    return _filled({"type": found.type, "from": list(found.from_), "k": found.k, "result": found.result})


def _filled(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value is not None and value not in ("", [], {})}
