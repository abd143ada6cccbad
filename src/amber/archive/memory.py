"""Private writeable memory for bytes about to be checked: allocated, or a private mapping of a file."""

from __future__ import annotations

import io
import mmap
import os
import sys

from amber.errors import SourceError

# From here memory comes from its own mapping, with large pages where the system has them (bytes).
LARGE = 1024 * 1024
CAN_MAP = hasattr(mmap, "MAP_PRIVATE")

# File systems whose pages nobody but this machine changes. Anything else is read, not mapped.
_LOCAL = frozenset(
    (
        "ext2",
        "ext3",
        "ext4",
        "xfs",
        "btrfs",
        "f2fs",
        "zfs",
        "bcachefs",
        "tmpfs",
        "ramfs",
        "overlay",
        "reiserfs",
        "jfs",
    )
)
_MOUNTS = "/proc/self/mountinfo"


def allocate(size: int) -> memoryview:
    """Return `size` writeable bytes, all zero.

    Raises:
        SourceError: `memory-short`.
    """
    try:
        if size < LARGE:
            return memoryview(bytearray(size))
        if not CAN_MAP:
            return memoryview(mmap.mmap(-1, size))
        block = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            block.madvise(mmap.MADV_HUGEPAGE)
        return memoryview(block)
    except (MemoryError, OSError, OverflowError) as error:
        raise SourceError("memory-short", f"{size} bytes of memory are not to be had: {error}") from error


def map_private(fd: int, size: int) -> memoryview:
    """Return a private writeable mapping of a file: what is written to it never reaches the file.

    Raises:
        SourceError: `memory-short`.
    """
    try:
        block = mmap.mmap(fd, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    except (MemoryError, OSError, OverflowError, ValueError) as error:
        raise SourceError("memory-short", f"{size} bytes cannot be mapped: {error}") from error
    return memoryview(block)


def read_exactly(fd: int, size: int, where: str) -> memoryview:
    """Return the `size` bytes of a file that is open at its beginning, which must then be at its end.

    Raises:
        SourceError: `source-changed`: it has fewer or more bytes; `source-unreadable`, `memory-short`.
    """
    view = allocate(size)
    try:
        with io.FileIO(fd, "rb", closefd=False) as file:
            fill(file, view, where)
            if file.read(1):
                raise SourceError("source-changed", "the file grew while it was read", where=where)
    except OSError as error:
        raise SourceError("source-unreadable", str(error), where=where) from error
    return view


def fill(file: io.RawIOBase, view: memoryview, where: str) -> None:
    """Fill `view` from an unbuffered file.

    Raises:
        SourceError: `source-changed`: the file ends early.
    """
    position = 0
    while position < len(view):
        count = file.readinto(view[position:])
        if not count:
            raise SourceError("source-changed", "the file shrank while it was read", where=where)
        position += count


def is_local(path: str) -> bool:
    """Whether `path` is known to lie on a file system of this machine (Linux: by its table of mounts)."""
    if sys.platform != "linux":
        return False
    real = os.path.realpath(path)
    best, kind = "", ""
    try:
        with open(_MOUNTS, encoding="utf-8", errors="surrogateescape") as mounts:
            for line in mounts:
                fields = line.split(" ")
                point = fields[4].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
                if len(point) >= len(best) and (real + "/").startswith(point.rstrip("/") + "/"):
                    best, kind = point, fields[fields.index("-") + 1]
    except (OSError, ValueError, IndexError):
        return False
    return kind in _LOCAL
