"""Artifacts to disk, whole or not at all: temporary file in the same folder, fsync, rename, folder fsync.

A leftover of a writer that died is removed by the next save of the same name; a living writer holds a lock on
its temporary file, so nobody takes it away.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

from amber.archive import names
from amber.archive.container import Entry, frame
from amber.archive.digests import Buffer
from amber.errors import SourceError
from amber.limits import DEFAULT

# Absent on Windows: an open file cannot be removed there, which is lock enough.
fcntl: ModuleType | None
try:
    import fcntl
except ImportError:
    fcntl = None

Members = Mapping[str, Sequence[Buffer]]

_MARK = ".amber-tmp-"
_MAX_STEM = 180  # bytes of the name kept in a temporary name; file systems allow 255
_MAX_VECTOR = 512  # buffers per system call; POSIX systems allow 1024
_MAX_WRITE = 1 << 30  # bytes per system call
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def layout(members: Members) -> tuple[list[Buffer], int]:
    """Return the pieces of the container in order, and its size in bytes. Payloads are not copied."""
    order = names.ordered(members)
    names.check_names(order, DEFAULT)
    payloads = [members[name] for name in order]
    if sum(len(part) for parts in payloads for part in parts) < names.MAX_CHARS * 8192:
        crcs = [_crc(parts) for parts in payloads]
    else:
        with ThreadPoolExecutor(min(len(order), os.cpu_count() or 1)) as pool:
            crcs = list(pool.map(_crc, payloads))
    entries = [Entry(name, sum(map(len, parts)), crc) for name, parts, crc in zip(order, payloads, crcs, strict=True)]
    form = frame(entries)
    pieces: list[Buffer] = []
    for head, parts in zip(form.heads, payloads, strict=True):
        pieces.append(head)
        pieces.extend(parts)
    pieces.append(form.tail)
    return pieces, form.size


def _crc(parts: Sequence[Buffer]) -> int:
    value = 0
    for part in parts:
        value = zlib.crc32(part, value)
    return value


def to_bytes(members: Members) -> bytes:
    """Return the container as one bytes object."""
    return b"".join(layout(members)[0])


def write_artifact(path: str | os.PathLike[str], members: Members) -> int:
    """Write a container to `path`, replacing what is there in one step; return its size in bytes.

    A symbolic link is written through: its target is replaced. The mode of a replaced file is kept; a new
    file has the process' default (usually 0644).

    Raises:
        SourceError: `target-...`: it cannot be written; the old file is untouched.
    """
    shown = os.fspath(path)
    pieces, size = layout(members)
    try:
        real = os.path.realpath(shown)
        mode = _mode_of(real, shown)
        clean_leftovers(real)
        with _temporary(real, mode) as (descriptor, name):
            _write_all(descriptor, pieces)
            os.fsync(descriptor)
            os.replace(name, real)
        _sync_folder(os.path.dirname(real))
    except (OSError, ValueError) as error:
        raise _unwritable(error, shown) from error
    return size


def _unwritable(error: Exception, where: str) -> SourceError:
    return SourceError("target-unwritable", f"cannot be written, nothing was changed: {error}", where=where)


def _mode_of(real: str, shown: str) -> int | None:
    """Return the mode of the file that will be replaced, None where there is none."""
    try:
        info = os.lstat(real)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(info.st_mode):
        raise SourceError("target-not-file", "is there and is not a regular file", where=shown)
    return stat.S_IMODE(info.st_mode)


def _stem(real: str) -> str:
    raw = os.fsencode(os.path.basename(real))
    return "." + os.fsdecode(raw[:_MAX_STEM]) + _MARK


@contextlib.contextmanager
def _temporary(real: str, mode: int | None) -> Iterator[tuple[int, str]]:
    """Yield a locked, empty file beside `real`; it is removed unless it was renamed."""
    folder = os.path.dirname(real)
    while True:
        name = os.path.join(folder, _stem(real) + secrets.token_hex(8))
        # as private as the file it replaces, from the first byte on
        descriptor = os.open(name, _CREATE | _NOFOLLOW, 0o666 if mode is None else 0o600)
        if _lock(descriptor, wait=True) is not False and os.fstat(descriptor).st_nlink > 0:
            break
        # another save took it for a leftover between creation and lock
        os.close(descriptor)
    try:
        if mode is not None and hasattr(os, "fchmod"):
            os.fchmod(descriptor, mode)
        yield descriptor, name
    finally:
        with contextlib.suppress(OSError):
            os.unlink(name) if _same(descriptor, name) else None
        os.close(descriptor)


def _same(descriptor: int, name: str) -> bool:
    """Whether `name` still is the open file (after the rename it is not there)."""
    return os.path.samestat(os.fstat(descriptor), os.lstat(name))


def _lock(descriptor: int, *, wait: bool) -> bool | None:
    """Lock a file for this writer: True, False where another holds it, None where locks do not exist."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def clean_leftovers(real: str) -> None:
    """Remove temporary files and folders that dead writers of this very name left beside it."""
    folder, stem = os.path.dirname(real), _stem(real)
    try:
        with os.scandir(folder or ".") as scan:
            found = [entry.path for entry in scan if entry.name.startswith(stem)]
    except OSError:
        return
    for path in found:
        # another save may be removing it at this moment, or it may belong to somebody else
        with contextlib.suppress(OSError):
            _clean(path)


def _clean(path: str) -> None:
    if fcntl is None:
        os.unlink(path)
        return
    descriptor = os.open(path, os.O_RDONLY | _NOFOLLOW | os.O_NONBLOCK)
    try:
        if _lock(descriptor, wait=False) and _same(descriptor, path):
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                shutil.rmtree(path)
            else:
                os.unlink(path)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, pieces: Sequence[Buffer]) -> None:
    left = [view for piece in pieces if len(view := memoryview(piece)) > 0]
    left.reverse()
    while left:
        batch: list[memoryview] = []
        size = 0
        while left and len(batch) < _MAX_VECTOR and size < _MAX_WRITE:
            view = left.pop()
            if len(view) > _MAX_WRITE:
                left.append(view[_MAX_WRITE:])
                view = view[:_MAX_WRITE]
            batch.append(view)
            size += len(view)
        written = os.writev(descriptor, batch) if hasattr(os, "writev") else os.write(descriptor, batch[0])
        left.extend(reversed(_rest(batch, written)))


def _rest(batch: list[memoryview], written: int) -> list[memoryview]:
    """Return what of `batch` is left after its first `written` bytes."""
    for position, view in enumerate(batch):
        if written < len(view):
            return [view[written:], *batch[position + 1 :]]
        written -= len(view)
    return []


def _sync_folder(folder: str) -> None:
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_folder(directory: str | os.PathLike[str], members: Members) -> None:
    """Write the members as files below a fresh directory, which appears whole or not at all.

    Raises:
        SourceError: `target-exists`: it is there and not an empty folder; `target-unwritable`.
    """
    shown = os.fspath(directory)
    names.check_names(members, DEFAULT)
    real = os.path.realpath(shown)
    try:
        if os.path.lexists(real) and (not os.path.isdir(real) or os.listdir(real)):
            raise SourceError(
                "target-exists", "is there already", where=shown, hint="name a folder that does not exist yet"
            )
        clean_leftovers(real)
        with _temporary_folder(real) as name:
            for member in names.ordered(members):
                _write_member(os.path.join(name, *member.split("/")), members[member])
            for folder, _, _ in os.walk(name, topdown=False):
                _sync_folder(folder)
            os.rename(name, real)
        _sync_folder(os.path.dirname(real))
    except (OSError, ValueError) as error:
        raise _unwritable(error, shown) from error


@contextlib.contextmanager
def _temporary_folder(real: str) -> Iterator[str]:
    """Yield a locked, empty folder beside `real`; it is removed unless it was renamed."""
    name = os.path.join(os.path.dirname(real), _stem(real) + secrets.token_hex(8))
    os.mkdir(name)
    descriptor = os.open(name, os.O_RDONLY | _NOFOLLOW) if fcntl is not None else -1
    try:
        if descriptor >= 0:
            _lock(descriptor, wait=True)
        yield name
    finally:
        shutil.rmtree(name, ignore_errors=True)
        if descriptor >= 0:
            os.close(descriptor)


def _write_member(path: str, parts: Sequence[Buffer]) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    descriptor = os.open(path, _CREATE | _NOFOLLOW, 0o666)
    try:
        _write_all(descriptor, parts)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
