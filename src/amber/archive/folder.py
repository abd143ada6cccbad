"""The folder form: the same members as files below one directory; anything else in it is refused by name."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

from amber.archive import names
from amber.errors import FormatError, LimitError, SourceError
from amber.limits import Limits

_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_DIRECTORY = getattr(os, "O_DIRECTORY", 0)
# Below one directory descriptor nobody can swap a parent for a link while we walk; Windows has none.
_BY_DESCRIPTOR = os.open in os.supports_dir_fd and os.scandir in os.supports_fd
_LITTER = {
    ".DS_Store": "the macOS Finder left it",
    "Thumbs.db": "the Windows Explorer left it",
    "desktop.ini": "the Windows Explorer left it",
    "__MACOSX": "a macOS archive tool left it",
    ".git": "a version control folder is no part of an artifact",
}

Result = TypeVar("Result")
Place = Any  # a directory descriptor (int), or a path where the system has none


def read_folder(path: str, limits: Limits, take: Callable[[str, int, int], Result]) -> dict[str, Result]:
    """Call `take(name, descriptor, size in bytes)` for each member below `path`; return its results by name.

    The results stand in the order of the container.

    Raises:
        FormatError: `folder-extra`, `folder-link`, `member-duplicate`, `manifest-missing`.
        LimitError: `limit-members`, `limit-file-bytes`, `limit-signatures`.
        SourceError: `source-unreadable`.
    """
    found: dict[str, Result] = {}
    total = 0
    try:
        with _directory(path, None) as root:
            for name, place, entry in _walk(root, "", limits.members):
                with _member(entry, place, name) as (descriptor, size):
                    total += size
                    if len(found) >= limits.members:
                        raise LimitError("limit-members", f"more than {limits.members} members", where=path)
                    if total > limits.file_bytes:
                        raise LimitError("limit-file-bytes", f"more than {limits.file_bytes} bytes", where=path)
                    found[name] = take(name, descriptor, size)
    except (OSError, ValueError) as error:
        raise SourceError("source-unreadable", str(error), where=path) from error
    if names.MANIFEST not in found:
        raise FormatError(
            "manifest-missing", "there is no manifest.json", where=path, hint="is this an unpacked artifact?"
        )
    names.check_names(found, limits)
    return {name: found[name] for name in names.ordered(found)}


@contextmanager
def _directory(name: str, place: Place) -> Iterator[Place]:
    """Yield a descriptor of the directory `name` below `place`; its path on a system without them."""
    if not _BY_DESCRIPTOR:
        yield name if place is None else os.path.join(place, name)
        return
    follow = 0 if place is None else _NOFOLLOW
    with _closing(os.open(name, _FLAGS | _DIRECTORY | follow, dir_fd=place)) as descriptor:
        yield descriptor


def _file(name: str, place: Place) -> int:
    if _BY_DESCRIPTOR:
        return os.open(name, _FLAGS | _NOFOLLOW, dir_fd=place)
    return os.open(os.path.join(place, name), _FLAGS | _NOFOLLOW)


@contextmanager
def _closing(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _walk(place: Place, prefix: str, left: int) -> Iterator[tuple[str, Place, str]]:
    """Yield (member name, directory, file name) for each file; `left` bounds what one folder may hold."""
    with os.scandir(place) as scan:
        entries = []
        for entry in scan:
            if entry.is_symlink():
                _refuse_link(prefix + entry.name, "is a symbolic link")
            entries.append((entry.name, entry.is_dir(follow_symlinks=False)))
            if len(entries) > left:
                raise LimitError("limit-members", f"more than {left} members", where=prefix)
    if prefix and not entries:
        _refuse(prefix, "is an empty folder")
    for name, is_folder in sorted(entries):
        full = prefix + name
        if not is_folder:
            _check(full, name)
            yield full, place, name
            continue
        _check(full + "/x", name)
        with _directory(name, place) as below:
            yield from _walk(below, full + "/", left)


def _check(member: str, name: str) -> None:
    try:
        names.check_name(member)
    except FormatError:
        _refuse(member.removesuffix("/x"), "is no member of an artifact", _LITTER.get(name, ""))


def _refuse(where: str, message: str, why: str = "") -> NoReturn:
    hint = f"{why}; remove it" if why else "remove it, or give the folder that holds the artifact alone"
    raise FormatError("folder-extra", message, where=where, hint=hint)


@contextmanager
def _member(entry: str, place: Place, name: str) -> Iterator[tuple[int, int]]:
    try:
        with _closing(_file(entry, place)) as descriptor:
            info = os.fstat(descriptor)
            if not stat.S_ISREG(info.st_mode):
                _refuse_link(name, "is not a regular file")
            if info.st_nlink != 1:
                _refuse_link(name, "is a file with more than one name (a hard link)")
            yield descriptor, info.st_size
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):
            _refuse_link(name, "is a symbolic link")
        if error.errno == errno.ENXIO:  # a socket, or a named pipe nobody writes
            _refuse_link(name, "is not a regular file")
        raise


def _refuse_link(where: str, message: str) -> NoReturn:
    raise FormatError("folder-link", message, where=where, hint="copy the folder with links replaced by their files")
