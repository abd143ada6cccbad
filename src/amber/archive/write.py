"""Artifacts to disk, as a file or as a folder of files, whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath

from amber.archive import names
from amber.archive.container import Entry, frame
from amber.archive.digests import Buffer, of_each
from amber.archive.temporary import CREATE, NOFOLLOW, clean_leftovers, put_file, put_folder, sync_folder
from amber.errors import SourceError, UsageError
from amber.limits import DEFAULT

Members = Mapping[str, Sequence[Buffer]]

_MAX_VECTOR = 512  # buffers per system call; POSIX systems allow 1024
_MAX_WRITE = 1 << 30  # bytes per system call
_HINTS = {
    errno.ENOSPC: "the disk is full: a save needs room for the new file beside the old one",
    errno.EDQUOT: "the quota is used up: a save needs room for the new file beside the old one",
    errno.EFBIG: "the file would be larger than the system or `ulimit -f` allows",
    errno.ENOTDIR: "a part of the path is a file",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EACCES: "the folder must be writable: a save makes a new file in it and renames that",
    errno.EPERM: "the folder must be writable: a save makes a new file in it and renames that",
    errno.EROFS: "the file system is mounted read-only",
    errno.EBUSY: "a mount point cannot be replaced: mount the folder that holds it instead",
}


def layout(members: Members) -> tuple[list[Buffer], int]:
    """Return the pieces of the container in order, and its size in bytes. Payloads are not copied."""
    order = names.ordered(members)
    names.check_names(order, DEFAULT)
    payloads = [members[name] for name in order]
    crcs = of_each(_crc, payloads)
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


def check_target(path: str | os.PathLike[str]) -> None:
    """Refuse a path that no file can be written to, before any work is done for it.

    Raises:
        SourceError: `target-not-file`; `target-unwritable`: there is no such folder.
        UsageError: `target-type`: not a path.
    """
    shown = _text(path)
    try:
        real = os.path.realpath(shown)
        _old_file(real, shown)
        if not stat.S_ISDIR(os.stat(os.path.dirname(real)).st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    except (OSError, ValueError) as error:
        raise unwritable(error, shown) from error


def write_artifact(path: str | os.PathLike[str], members: Members) -> int:
    """Write a container to `path`, replacing what is there in one step; return its size in bytes.

    A symbolic link is written through: its target is replaced. A replaced file's mode is kept, and its owner where
    permitted; a new file has the process' default (usually 0644).

    Raises:
        SourceError: `target-...`: it cannot be written, the old file is untouched. `target-unsynced`: the new file is
        in place, and whether it would outlive a power failure is not known.
        UsageError: `target-type`: not a path.
    """
    pieces, size = layout(members)
    replace_file(path, lambda descriptor: write_all(descriptor, pieces))
    return size


def write_file(path: str | os.PathLike[str], data: Buffer) -> None:
    """Write what goes beside an artifact (a detached bundle, a document) to `path`, in one step as `write_artifact`.

    Raises:
        SourceError: `target-...`: it cannot be written, the old file is untouched; `target-unsynced`.
        UsageError: `target-type`: not a path.
    """
    replace_file(path, lambda descriptor: write_all(descriptor, [data]))


def replace_file(path: str | os.PathLike[str], fill: Callable[[int], None]) -> None:
    """Write what `fill` writes to a descriptor to `path`, in one step as `write_artifact`.

    Raises:
        SourceError: `target-...`: it cannot be written, the old file is untouched; `target-unsynced`.
        UsageError: `target-type`: not a path.
    """
    shown = _text(path)
    try:
        real = os.path.realpath(shown)
        old = _old_file(real, shown)
        clean_leftovers(os.path.dirname(real))
        put_file(real, old, fill)
    except (OSError, ValueError) as error:
        raise unwritable(error, shown) from error
    confirm(os.path.dirname(real), shown)


def write_folder(
    directory: str | os.PathLike[str], members: Members, then: Callable[[str], None] | None = None
) -> None:
    """Write the members as files below a fresh directory, which appears whole or not at all.

    Args:
        directory: Where it appears.
        members: What it holds.
        then: Called with the path of the written folder before that has its name.

    Raises:
        SourceError: `target-exists`: it is there and not an empty folder; `target-unwritable`, `target-unsynced`.
        UsageError: `target-type`: not a path.
    """
    shown = _text(directory)
    names.check_names(members, DEFAULT)

    def fill(folder: str) -> None:
        for below in sorted({str(parent) for name in members for parent in PurePosixPath(name).parents[:-1]}):
            os.mkdir(os.path.join(folder, below))
        for member in names.ordered(members):
            write_member(os.path.join(folder, *member.split("/")), members[member])
        if then is not None:
            then(folder)

    try:
        real = os.path.realpath(shown)
        mode = _empty_folder(real, shown)
        clean_leftovers(os.path.dirname(real))
        put_folder(real, mode, fill)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST):  # made since we looked
            raise _exists(shown) from error
        raise unwritable(error, shown) from error
    confirm(os.path.dirname(real), shown)


def _text(path: str | os.PathLike[str]) -> str:
    if isinstance(path, str | os.PathLike) and isinstance(shown := os.fspath(path), str):
        return shown
    raise UsageError("target-type", f"a {type(path).__name__} is not a path of text", where="path")


def unwritable(error: Exception, where: str) -> SourceError:
    """Return the refusal that says why a path could not be written."""
    # without the path of the error, which is that of a temporary file
    reason, hint = str(error), ""
    if isinstance(error, OSError) and error.errno is not None:
        reason, hint = os.strerror(error.errno), _HINTS.get(error.errno, "")
    if isinstance(error, FileNotFoundError):
        there = os.path.isdir(os.path.dirname(os.path.realpath(where)))
        hint = "something removed the temporary file: write it again" if there else "make the folder first"
    return SourceError("target-unwritable", f"cannot be written, nothing was changed: {reason}", where=where, hint=hint)


def _exists(where: str) -> SourceError:
    return SourceError("target-exists", "is there already", where=where, hint="name a folder that does not exist yet")


def confirm(folder: str, shown: str) -> None:
    """Sync the folder that holds what was just renamed.

    Raises:
        SourceError: `target-unsynced`.
    """
    try:
        sync_folder(folder)
    except OSError as error:
        raise SourceError(
            "target-unsynced",
            f"is written whole, but the disk did not confirm its name: {error.strerror}",
            where=shown,
            hint="look at the disk, then write it again",
        ) from error


def _old_file(real: str, shown: str) -> os.stat_result | None:
    """Return the stat of the file that will be replaced, None where there is none."""
    try:
        info = os.lstat(real)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(info.st_mode):
        raise SourceError("target-not-file", "is there and is not a regular file", where=shown)
    return info


def _empty_folder(real: str, shown: str) -> int | None:
    """Return the mode of the empty folder that will be replaced, None where there is none."""
    try:
        info = os.lstat(real)
    except FileNotFoundError:
        return None
    if not stat.S_ISDIR(info.st_mode) or os.listdir(real) or _is_current(info):
        raise _exists(shown)
    return stat.S_IMODE(info.st_mode)


def _is_current(folder: os.stat_result) -> bool:
    """Whether it is the current folder: to replace that would leave the process, and the shell, in no folder at all."""
    with contextlib.suppress(OSError):
        return os.path.samestat(folder, os.stat(os.curdir))
    return False


def write_all(descriptor: int, pieces: Sequence[Buffer]) -> None:
    """Write buffers to where a descriptor stands, one after the other.

    Raises:
        OSError: The disk is full, or something else is wrong.
    """
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
        if not written:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        left.extend(reversed(_rest(batch, written)))


def _rest(batch: list[memoryview], written: int) -> list[memoryview]:
    """Return what of `batch` is left after its first `written` bytes."""
    for position, view in enumerate(batch):
        if written < len(view):
            return [view[written:], *batch[position + 1 :]]
        written -= len(view)
    return []


def write_member(path: str, parts: Sequence[Buffer]) -> None:
    """Write and sync a new file.

    Raises:
        OSError: It is there, or cannot be written.
    """
    descriptor = os.open(path, CREATE | NOFOLLOW, 0o666)
    try:
        write_all(descriptor, parts)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
