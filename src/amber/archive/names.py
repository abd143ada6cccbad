"""Which members an artifact may have: the rules for names, their order, and the closed table of places.

No string of a user ever becomes a member name. The rules are those of `spec/container.md`, "Names".
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from amber.errors import FormatError, LimitError, shown
from amber.limits import Limits

MANIFEST = "manifest.json"
CARD = "README.md"
ENVIRONMENT = "env/pylock.toml"
TREE = "model/tree.json"
STRINGS = "model/strings.json"
SIGNATURES = "signatures/"
CASES = "cases/"
PROGRAMS = "programs/"
PROOF_ENDING = ".tlog-proof"

MAX_CHARS = 128  # of a whole name
MAX_PARTS = 3
MAX_SHARDS = 99_999  # five digits

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}(?:/[a-z0-9][a-z0-9._-]{0,63}){0,2}")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|\Z)")
_SHARD = re.compile(r"model/tensors-([0-9]{5})\.safetensors")
_CASE = re.compile(r"cases/[a-z0-9][a-z0-9-]{0,31}\.(?:json|bin)")
_PROGRAM = re.compile(r"programs/[a-z0-9][a-z0-9-]{0,31}\.(?:onnx|json)")
_BUNDLE = re.compile(r"signatures/[0-9]{4}-(?:oms|test-result|provenance|sbom|vsa)\.sigstore\.json")
_PROOF = re.compile(r"signatures/[0-9]{4}\.tlog-proof")
_FIXED = frozenset((MANIFEST, CARD, ENVIRONMENT, TREE, STRINGS))

_KIB = 1024
_BUNDLE_BYTES = 256 * _KIB
_OMS_BYTES_PER_MEMBER = 256
_OMS_BYTES = 16 * _KIB * _KIB


def check_name(name: str) -> None:
    """Check the spelling of one member name.

    Raises:
        FormatError: `member-name`.
    """
    if name == CARD:
        return
    if len(name) > MAX_CHARS or not _NAME.fullmatch(name):
        raise FormatError("member-name", f"{shown(name)!r} is not a member name", where=name)
    for part in name.split("/"):
        if part.endswith(".") or _DEVICE.match(part):
            raise FormatError("member-name", f"{part!r} cannot be the name of a file everywhere", where=name)


def check_names(names: Iterable[str], limits: Limits) -> None:
    """Check all names of a container or folder: spelling, number, no two that a file system could mix up.

    Raises:
        LimitError: `limit-members`, `limit-signatures`.
        FormatError: `member-name`, `member-duplicate`.
    """
    seen: set[str] = set()
    folders: set[str] = set()
    for name in names:
        check_name(name)
        key = name.lower()
        if key in seen:
            raise FormatError("member-duplicate", "two members have this name", where=name)
        seen.add(key)
        while "/" in key:
            key = key.rpartition("/")[0]
            folders.add(key)
    if clash := seen & folders:
        raise FormatError("member-duplicate", "is both a member and a folder", where=min(clash))
    if len(seen) > limits.members:
        raise LimitError("limit-members", f"{len(seen)} members, {limits.members} accepted")
    signatures = sum(name.startswith(SIGNATURES) for name in seen)
    if signatures > limits.signatures:
        raise LimitError("limit-signatures", f"{signatures} signatures, {limits.signatures} accepted", where=SIGNATURES)


def ordered(names: Iterable[str]) -> list[str]:
    """Return `names` as they follow each other in the container.

    `manifest.json`, the others by code point, then `signatures/` by code point.
    """
    return sorted(names, key=lambda name: (name != MANIFEST, name.startswith(SIGNATURES), name))


def is_signature(name: str) -> bool:
    """Whether the member stands below `signatures/`, outside what a signature and the id cover."""
    return name.startswith(SIGNATURES)


def is_bundle(name: str) -> bool:
    """Whether the member is a signature or an attestation (no proof of a log)."""
    return _BUNDLE.fullmatch(name) is not None


def is_shard(name: str) -> bool:
    """Whether the member is a tensor shard."""
    return _SHARD.fullmatch(name) is not None


def shard_name(number: int) -> str:
    """Return the member name of shard `number`, counted from 1."""
    return f"model/tensors-{number:05d}.safetensors"


def check_place(name: str) -> None:
    """Check that a member with a valid name is one that an artifact can have.

    Raises:
        FormatError: `member-unknown`.
    """
    if name in _FIXED or _SHARD.fullmatch(name) or _CASE.fullmatch(name) or _PROGRAM.fullmatch(name):
        return
    if _BUNDLE.fullmatch(name) or _PROOF.fullmatch(name):
        return
    raise FormatError("member-unknown", "an artifact of this format version has no such member", where=name)


def signature_bytes(name: str, members: int) -> int:
    """Return the largest size in bytes of a signature in an artifact of `members` members."""
    if name.endswith("-oms.sigstore.json"):
        return min(_OMS_BYTES, _BUNDLE_BYTES + _OMS_BYTES_PER_MEMBER * members)
    return _BUNDLE_BYTES
