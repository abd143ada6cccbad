"""What may be replaced: the file that a command is told to write to is looked at before any work is done for it.

In comes the path of `--output` or `--out`; out comes nothing, or a refusal. A typing error must not cost somebody a
key or another model. Called by `amber sign`, `amber attest` and `amber sbom`; who saves a model says so by its name.
"""

from __future__ import annotations

import os
import re
import stat
import struct

from amber.archive import names
from amber.archive.container import file_fetch
from amber.archive.source import open_file
from amber.errors import SourceError
from amber.limits import DEFAULT

_LOCAL = struct.Struct("<4s18xL2H")  # the header of a member: its size, and the bytes of its name and its extra field
_BILL = re.compile(rb'\s*\{[^{}]*("bomFormat"\s*:\s*"CycloneDX"|"@context"\s*:\s*"https://spdx\.org/)')
_HEAD_BYTES = 4096  # of a document, which says first what it is
_HINT = "take another name, or move that file away"


def check_artifact(source: str, target: str) -> None:
    """Refuse to replace a file that is not this very artifact, with whatever signatures.

    Args:
        source: Path of the artifact that is written; where it is a folder, the writer asks for an empty one.
        target: Where to. What is not there, or is empty, may be written; what is no regular file the writer refuses.

    Raises:
        SourceError: `target-exists`; `source-...`: one of the two cannot be read.
    """
    if os.path.isdir(source) or not _is_filled(target) or os.path.realpath(source) == os.path.realpath(target):
        return
    there = _manifest(target)
    if not there:
        raise SourceError("target-exists", "is there already and is not an artifact", where=target, hint=_HINT)
    if there != _manifest(source):
        raise SourceError("target-exists", "is there already and is another artifact", where=target, hint=_HINT)


def check_document(target: str) -> None:
    """Refuse to replace by a bill of materials what is none: signatures are JSON too.

    Raises:
        SourceError: `target-exists`; `source-...`: it cannot be read.
    """
    if _is_filled(target) and not _BILL.match(_begin(target, _HEAD_BYTES)):
        raise SourceError("target-exists", "is there already and is no bill of materials", where=target, hint=_HINT)


def _is_filled(path: str) -> bool:
    try:
        info = os.stat(path)
    except (OSError, ValueError):
        return False  # not there; whoever writes says what is wrong with the name
    return stat.S_ISREG(info.st_mode) and info.st_size > 0


def _manifest(path: str) -> bytes:
    """Return the first header and the manifest of a container, which lists the digests of all members; else b""."""
    head = _begin(path, _LOCAL.size)
    if len(head) < _LOCAL.size:
        return b""
    signature, size, name_bytes, extra_bytes = _LOCAL.unpack(head)
    name = names.MANIFEST.encode("ascii")
    if signature != b"PK\3\4" or name_bytes != len(name) or size > DEFAULT.manifest_bytes:
        return b""
    data = _begin(path, _LOCAL.size + name_bytes + extra_bytes + size)
    return data if data[_LOCAL.size :].startswith(name) else b""


def _begin(path: str, most: int) -> bytes:
    with open_file(path) as (descriptor, info):
        return bytes(file_fetch(descriptor, path)(0, min(most, info.st_size)))
