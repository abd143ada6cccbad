"""What `amber trust` shows: text for a person, or plain data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from amber.cli import render

if TYPE_CHECKING:
    from amber.cli.keyring import Change
    from amber.policy import Policy, Signer


def show(change: Change, as_json: bool, lines: list[str]) -> None:
    """Print what a change of the keyring did."""
    notes = list(change.notes)
    if change.uncovered:
        notes.append(f"nobody is left for {', '.join(change.uncovered)}: unsigned artifacts of these names pass again")
    if as_json:
        document = {
            "file": change.path,
            "label": change.signer.label if change.signer else "",
            "fingerprints": list(change.fingerprints),
            "ids": list(change.ids),
            "names": list(change.signer.names) if change.signer else [],
            "uncovered": list(change.uncovered),
            "notes": notes,
        }
        render.out(json.dumps(document, indent=2))
        return
    for line in lines:
        render.out(line)
    for note in notes:
        render.note(note)


def added(change: Change) -> list[str]:
    """Return the lines about a signer that was added."""
    signer = change.signer
    if signer is None:
        return []
    lines = [f"SHA-256 fingerprint of what was added to {signer.label}: {each}" for each in change.fingerprints]
    lines += [f"{signer.label} is {each.identity} by {each.issuer}" for each in signer.keyless]
    said = f"artifacts named {', '.join(signer.names)} must be signed from now on"
    # a note says why not: what was added is revoked, or over
    return [*lines, said if change.notes else f"{said}; {signer.label} may"]


def overview(policy: Policy) -> Iterator[str]:
    """Yield signers, what they sign with, and what was revoked."""
    known = {key.fingerprint for signer in policy.signers for key in signer.keys}
    for signer in policy.signers:
        yield from _signer(signer, policy)
    yield from (f"revoked artifact {each}" for each in policy.revoked.ids)
    yield from (f"revoked key {key.fingerprint}" for key in policy.revoked.keys if key.fingerprint not in known)
    yield from (f"revoked certificate {each}" for each in policy.revoked.certificates)


def _signer(signer: Signer, policy: Policy) -> Iterator[str]:
    yield f"{signer.label}  may sign {', '.join(signer.names)}{_end(signer.until)}"
    taken = {each.fingerprint: each.since for each in policy.revoked.keys}
    for key in signer.keys:
        since = taken.get(key.fingerprint)
        said = ", revoked" + (f" since {_written(since)}" if since else "") if key.fingerprint in taken else ""
        yield f"  {key.curve} key {key.fingerprint}{_end(key.until)}{said}"
    for root in signer.certificates:
        said = ", revoked" if root.fingerprint in policy.revoked.certificates else ""
        yield f"  {root.san or root.subject} under root {root.fingerprint}{said}"
    for each in signer.keyless:
        yield f"  {each.identity} by {each.issuer} (keyless)"


def document(path: str, policy: Policy) -> dict[str, Any]:
    """Return the keyring as plain data (`--json`)."""
    revoked = {each.fingerprint for each in policy.revoked.keys}
    return {
        "file": path,
        "digest": policy.digest,
        "signers": [
            {
                "label": signer.label,
                "names": list(signer.names),
                "until": _written(signer.until),
                "keys": [
                    {
                        "curve": key.curve,
                        "fingerprint": key.fingerprint,
                        "until": _written(key.until),
                        "revoked": key.fingerprint in revoked,
                    }
                    for key in signer.keys
                ],
                "certificates": [
                    {"root": each.fingerprint, "san": each.san, "subject": each.subject} for each in signer.certificates
                ],
                "keyless": [{"identity": each.identity, "issuer": each.issuer} for each in signer.keyless],
            }
            for signer in policy.signers
        ],
        "revoked": {
            "ids": list(policy.revoked.ids),
            "keys": [{"fingerprint": each.fingerprint, "since": _written(each.since)} for each in policy.revoked.keys],
            "certificates": list(policy.revoked.certificates),
        },
    }


def _written(time: datetime | None) -> str | None:
    from amber.policy.written import time as written

    return written(time)


def _end(time: datetime | None) -> str:
    if time is None:
        return ""
    return f", until {_written(time)}" + (" (over)" if datetime.now(UTC) >= time else "")
