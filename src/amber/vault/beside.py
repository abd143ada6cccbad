"""Numbers of bundles, and bundles that stand beside an artifact: `FILE.NNNN-<kind>.sigstore.json`.

Such a file is read only where its caller names it; here it is written, and looked for so that none is written twice.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable

from amber.archive import names
from amber.archive.write import write_file
from amber.errors import FormatError, LimitError
from amber.vault.key_files import read_small

MOST_BYTES = 16 * 1024 * 1024  # of a bundle that is read; `names.signature_bytes` decides by kind
_NUMBER = re.compile(r"([0-9]{4})[-.]")
_MOST_NUMBER = 9999


def next_member(held: Iterable[str], kind: str, where: str) -> str:
    """Return the name of a further bundle of this kind, beside the members `held` below `signatures/`.

    Raises:
        LimitError: `limit-signatures`: no number is left.
    """
    return f"{names.SIGNATURES}{_free(held, where):04d}-{kind}.sigstore.json"


def detached(path: str, kind: str) -> dict[str, bytes]:
    """Return the bundles of this kind that stand beside an artifact, by path.

    Raises:
        SourceError: `source-unreadable`.
    """
    return {name: read_small(name, MOST_BYTES) for name in _files(path) if f"-{kind}." in os.path.basename(name)}


def named(paths: Iterable[str]) -> dict[str, bytes]:
    """Return the detached bundles that a person names, by path, each read once.

    Who wrote them, and about what, is judged with the artifact. A file that is none at all is a wrong argument, and
    says nothing about an artifact.

    Raises:
        FormatError: `bundle-invalid`. LimitError: `limit-file-bytes`. SourceError: `source-...`: it cannot be read.
    """
    found = {path: read_small(path, MOST_BYTES) for path in paths}
    if found:
        from amber.trust.bundle import decode  # here: without bundles nothing of trust is needed

        for path, data in found.items():
            try:
                decode(data, path)
            except FormatError as error:
                hint = "--bundle is for a detached signature or attestation (FILE.NNNN-KIND.sigstore.json)"
                said = f"this is no bundle: {error.message}" if data.lstrip()[:1] == b"{" else "this is no bundle"
                raise FormatError(error.code, said, where=path, hint=hint) from error
    return found


def write_detached(path: str, held: Iterable[str], kind: str, data: bytes) -> str:
    """Write a bundle beside an artifact with the next number that is free inside and beside it; return its path.

    Raises:
        LimitError: `limit-signatures`: no number is left. SourceError: `target-...`.
    """
    stem = _stem(path)
    taken = [*held, *(name[len(stem) + 1 :] for name in _files(path))]
    name = f"{stem}.{next_member(taken, kind, path).removeprefix(names.SIGNATURES)}"
    write_file(name, data)
    return name


def _stem(path: str) -> str:
    """Return the path without the slash that may end that of a folder."""
    return path.rstrip("/" + os.sep) or path


def _files(path: str) -> list[str]:
    return sorted(glob.glob(glob.escape(_stem(path)) + ".[0-9][0-9][0-9][0-9]-*.sigstore.json"))


def _free(taken: Iterable[str], where: str) -> int:
    """Return the number after the highest one taken; the lowest free one where that would have five digits."""
    numbers = {int(found[1]) for name in taken if (found := _NUMBER.match(name.removeprefix(names.SIGNATURES)))}
    following = max(numbers, default=0) + 1
    if following <= _MOST_NUMBER:
        return following
    for number in range(1, _MOST_NUMBER):
        if number not in numbers:
            return number
    raise LimitError("limit-signatures", "no number is left for a further bundle", where=where)
