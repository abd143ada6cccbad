"""Digests of members: BLAKE3 says whether one is damaged, the SHA-256 root says which artifact it is.

The two never vouch for each other (`spec/digests.md`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from blake3 import blake3

from amber import threads
from amber.archive import names
from amber.errors import FormatError

Buffer = bytes | bytearray | memoryview
Result = TypeVar("Result")

# Below this a second thread costs more than it saves (bytes).
_MANY_THREADS = 2 * 1024 * 1024


_MOST = 8  # threads of a hash in a forked child; memory is the narrower road from here on
_in_forked_child = False


def _forked() -> None:
    global _in_forked_child
    _in_forked_child = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def blake3_hex(parts: Sequence[Buffer]) -> str:
    """Return the BLAKE3 digest (64 hex characters) of the joined `parts`, with all threads where it pays."""
    if len(parts) == 1 and len(parts[0]) < _MANY_THREADS:
        return blake3(parts[0]).hexdigest()
    total = sum(map(len, parts))
    hasher = blake3(max_threads=_hashing() if total >= _MANY_THREADS else 1)
    for part in parts:
        hasher.update(part)
    return hasher.hexdigest()


def _hashing() -> int:
    """Return the `max_threads` of a large BLAKE3 hash.

    The shared pool of the library does not live on in a forked child, which would wait for it for ever; a number of
    its own makes a fresh pool for each hash.
    """
    return min(_MOST, os.cpu_count() or 1) if _in_forked_child else blake3.AUTO


def check_digests(expected: Mapping[str, str], members: Mapping[str, memoryview]) -> None:
    """Compare the BLAKE3 digests of members with the listed ones (64 hex characters, by name).

    Raises:
        FormatError: `digest-mismatch`.
    """
    for name, digest in expected.items():
        if blake3_hex([members[name]]) != digest:
            raise _mismatch(name)


def compare_digests(expected: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Compare BLAKE3 digests that were computed before with the listed ones (64 hex characters, by name).

    Raises:
        FormatError: `digest-mismatch`.
    """
    for name, digest in expected.items():
        if found[name] != digest:
            raise _mismatch(name)


def _mismatch(name: str) -> FormatError:
    message = "the member is damaged or was changed"
    return FormatError("digest-mismatch", message, where=name, hint="fetch the file again")


def of_each(work: Callable[[Sequence[Buffer]], Result], payloads: Sequence[Sequence[Buffer]]) -> list[Result]:
    """Return `work(parts)` for the parts of each member, in threads where there are bytes enough for them to pay."""
    if sum(len(part) for parts in payloads for part in parts) < _MANY_THREADS:
        return list(map(work, payloads))
    return threads.each(work, payloads)


def sha256(parts: Sequence[Buffer]) -> bytes:
    """Return the raw SHA-256 digest of the concatenated `parts`."""
    import hashlib  # here, since a plain load asks for no id, and it loads OpenSSL

    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(part)
    return hasher.digest()


def artifact_id(members: Mapping[str, Sequence[Buffer]]) -> str:
    """Return the id (64 hex characters): the OMS root over all members outside `signatures/`.

    State it only after the container, the manifest and the digests were checked for the same bytes: the root
    holds no names.
    """
    covered = [name for name in members if not names.is_signature(name)]
    return root_of(dict(zip(covered, of_each(sha256, [members[name] for name in covered]), strict=True)))


def root_of(digests: Mapping[str, bytes]) -> str:
    """Return the OMS root (64 hex characters) of raw SHA-256 digests by member, those of `signatures/` left out.

    SHA-256 over the concatenated digests, in code-point order of the names.
    """
    return sha256([b"".join(digests[name] for name in sorted(digests) if not names.is_signature(name))]).hex()
