"""A new file or folder in the place of an old one, in one step: made beside it, synced, renamed.

Whatever stops a writer - an error, Ctrl-C, kill -9, the end of the disk - the old one is there whole or the new one is.
A writer holds a lock on its temporary file, so another one can tell a living writer from a dead one in any process or
container of the machine; what dead ones left in the folder is removed by the next.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Callable
from types import ModuleType

from amber.archive.memory import is_local

# Absent on Windows: an open file cannot be removed there, which is lock enough.
fcntl: ModuleType | None
try:
    import fcntl
except ImportError:
    fcntl = None

CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
NOFOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_LOOK = NOFOLLOW | getattr(os, "O_NONBLOCK", 0)
_MARK = ".amber-tmp-"
_TEMPORARY = re.compile(r"\..*\.amber-tmp-[0-9a-f]{16}", re.DOTALL)
_MAX_STEM = 180  # bytes of the name kept in a temporary name; file systems allow 255
_LONG_AGO = 24 * 60 * 60  # seconds without a write, after which a writer on another machine is taken for dead
# What a file system says that has no such thing as the sync of a folder.
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)


def put_file(
    real: str,
    old: os.stat_result | None,
    fill: Callable[[int], None],
    *,
    beside: str = "",
    directory: int | None = None,
) -> None:
    """Put a file in the place of `real`; `fill` writes it to the descriptor it is given.

    Mode and, where permitted, owner are those of the `old` one. A failure leaves nothing behind.

    Args:
        real: The path.
        old: What is there.
        fill: Writes the file.
        beside: Beside which path it is made; by default `real`.
        directory: Descriptor of the directory that `real` is below; None: the current one.

    Raises:
        OSError: `real` is as it was.
    """
    name, descriptor = "", -1
    # Inline, and the removal is the first thing said: an interrupt is raised only between two calls.
    try:
        while descriptor < 0:
            name = _beside(beside or real)
            # as private as the file it replaces, from the first byte on
            descriptor = os.open(name, CREATE | NOFOLLOW, 0o666 if old is None else 0o600)
            if not _held(descriptor, name):
                taken, descriptor = descriptor, -1
                os.close(taken)
        fill(descriptor)
        if old is not None:
            _same_access(descriptor, old)
        os.fsync(descriptor)
        if fcntl is None:  # Windows renames closed files only
            taken, descriptor = descriptor, -1
            os.close(taken)
        os.replace(name, real, dst_dir_fd=directory)
    except BaseException:
        if fcntl is None and descriptor >= 0:
            taken, descriptor = descriptor, -1
            os.close(taken)
        try:  # noqa: SIM105 - entering suppress() would be a place to be interrupted at
            os.unlink(name)
        except OSError:
            pass
        raise
    finally:
        _close(descriptor)


def put_folder(
    real: str, mode: int | None, fill: Callable[[str], None], *, beside: str = "", directory: int | None = None
) -> None:
    """Put a folder in the place of `real`, which is absent or an empty folder of this `mode`.

    `fill` writes the files below the path it is given, each synced. A failure leaves nothing behind. `beside` and
    `directory` are those of `put_file`.

    Raises:
        OSError: `real` is as it was.
    """
    name, descriptor = "", -1
    try:
        while descriptor < 0:
            name = _beside(beside or real)
            os.mkdir(name, 0o777 if mode is None else 0o700)
            if fcntl is None:
                break
            with contextlib.suppress(FileNotFoundError):  # taken for a leftover between creation and lock
                descriptor = os.open(name, _FOLDER | NOFOLLOW)
                if not _held(descriptor, name):
                    taken, descriptor = descriptor, -1
                    os.close(taken)
        fill(name)
        if mode is not None:
            os.chmod(name, mode)
        for folder, _, _ in os.walk(name, topdown=False):
            sync_folder(folder)
        os.rename(name, real, dst_dir_fd=directory)
    except BaseException:
        _remove_folder(name)
        raise
    finally:
        _close(descriptor)


def take_folder(name: str, directory: int | None, beside: str) -> None:
    """Remove a folder with what is in it, in one step: it is renamed to a temporary name beside a path first.

    Args:
        name: The folder, below `directory`.
        directory: Descriptor of the directory that holds it; None: `name` is a whole path.
        beside: Beside which path it is put.

    Raises:
        OSError: It is as it was.
    """
    away = _beside(beside)
    os.rename(name, away, src_dir_fd=directory)
    _remove_folder(away)


def sync_folder(folder: str) -> None:
    """Have the system write the names in a folder to the disk, where it can.

    Raises:
        OSError: The disk refused.
    """
    if not hasattr(os, "O_DIRECTORY"):
        return
    try:
        descriptor = os.open(folder, _FOLDER)
    except PermissionError:
        return  # a folder that may be written but not listed
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)


def clean_leftovers(folder: str) -> None:
    """Remove the temporary files and folders that dead writers left in a folder."""
    try:
        with os.scandir(folder) as scan:
            found = [entry.path for entry in scan if _TEMPORARY.fullmatch(entry.name)]
    except OSError:
        return
    for path in found:
        # another save may be removing it at this moment, or it may belong to somebody else
        with contextlib.suppress(OSError):
            _clean(path)


def _beside(real: str) -> str:
    """Return a fresh name in the folder of `real`."""
    folder, last = os.path.split(real)
    raw = os.fsencode(last)
    end = min(len(raw), _MAX_STEM)
    for _ in range(3):  # not within a character: some file systems want every name to be UTF-8
        end -= end < len(raw) and raw[end] & 0xC0 == 0x80
    return os.path.join(folder, "." + os.fsdecode(raw[:end]) + _MARK + secrets.token_hex(8))


def _held(descriptor: int, name: str) -> bool:
    """Lock a new temporary file; False where another save took it for a leftover before that."""
    return _lock(descriptor, wait=True) is not False and _same(descriptor, name)


def _same(descriptor: int, name: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(name))
    except FileNotFoundError:
        return False


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


def _same_access(descriptor: int, old: os.stat_result) -> None:
    """Give a new file the owner, where permitted, and the mode of the one it replaces."""
    if not hasattr(os, "fchmod"):
        return
    new = os.fstat(descriptor)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        with contextlib.suppress(OSError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def _clean(path: str) -> None:
    if fcntl is None:
        os.unlink(path)
        return
    descriptor = _opened(path)
    try:
        # an unlocked one that vanished meanwhile may be another save's by now
        if _lock(descriptor, wait=False) and _same(descriptor, path) and _locks_reach_its_writer(descriptor, path):
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                shutil.rmtree(path)
            else:
                os.unlink(path)
    finally:
        os.close(descriptor)


def _opened(path: str) -> int:
    # NFS locks only what is open for writing; a folder, or a read-only file of ours, cannot be
    try:
        return os.open(path, os.O_RDWR | _LOOK)
    except (IsADirectoryError, PermissionError):
        return os.open(path, os.O_RDONLY | _LOOK)


def _locks_reach_its_writer(descriptor: int, path: str) -> bool:
    """Whether a lock that was to be had says that no writer lives.

    On a network or shared file system the writer may run on another machine, where locks may not reach: there a file is
    left alone until nothing was written to it for a day.
    """
    if sys.platform != "linux" or is_local(path):
        return True
    return time.time() - os.fstat(descriptor).st_mtime > _LONG_AGO


def _close(descriptor: int) -> None:
    """Close a descriptor whose data is synced, or given up: an error of this says nothing any more."""
    with contextlib.suppress(OSError):
        if descriptor >= 0:
            os.close(descriptor)


def _remove_folder(name: str) -> None:
    try:
        shutil.rmtree(name, ignore_errors=True)
    except BaseException as error:  # a second Ctrl-C; rmtree hides one behind the error of closing twice
        shutil.rmtree(name, ignore_errors=True)
        if not isinstance(error, OSError):
            raise
