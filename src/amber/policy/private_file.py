"""A small file that only its owner may read: changed under a lock, as a whole, or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from types import ModuleType

from amber.policy import files

# Absent on Windows, where a file that is held open for writing cannot be replaced: lock enough for a file of a person.
fcntl: ModuleType | None
try:
    import fcntl
except ImportError:
    fcntl = None

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_LOCK = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


def make_folder(folder: str) -> None:
    """Make a folder that only its owner may enter, unless it is there.

    Raises:
        OSError: It cannot be made.
        SourceError, UsageError: It is there, and somebody else can put files into it.
    """
    os.makedirs(os.path.dirname(folder) or ".", exist_ok=True)
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        files.check_folder(folder)


@contextlib.contextmanager
def locked(path: str) -> Iterator[None]:
    """Hold the lock of a file while the block runs; another process waits. The lock is a file beside it, and stays.

    Raises:
        OSError: The lock cannot be had.
    """
    descriptor = os.open(f"{path}.lock", _LOCK, 0o600)
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def put(path: str, data: bytes) -> None:
    """Put a file in the place of another: written beside it (0600), synced, renamed.

    Raises:
        OSError: What was there is there still.
    """
    temporary = f"{path}.{secrets.token_hex(8)}.tmp"
    descriptor = os.open(temporary, _CREATE, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(os.path.dirname(path) or ".")


def _sync_folder(folder: str) -> None:
    """Have the system write the new name to the disk, where it can."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
