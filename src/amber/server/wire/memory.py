"""Memory behind a descriptor, for another process: an artifact, or a body. Where there is none, a nameless file."""

from __future__ import annotations

import os
import tempfile

_SEALABLE = hasattr(os, "memfd_create")


def fresh(name: str) -> int:
    """Return the descriptor of memory that is empty; it is the caller's.

    Raises:
        OSError: The system gives none.
    """
    if _SEALABLE:
        return os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def write(descriptor: int, data: bytes) -> None:
    """Write all of it at the end.

    Raises:
        OSError: There is no memory for it.
    """
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def seal(descriptor: int) -> None:
    """Have nobody change it any more: what a process maps can then not shrink under it. Nothing happens to a file."""
    if _SEALABLE:
        import fcntl

        seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
