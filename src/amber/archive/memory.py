"""Private writeable memory for bytes about to be checked: allocated, or a private mapping of a file."""

from __future__ import annotations

import io
import mmap
import os
import sys

from amber import threads
from amber.errors import SourceError

# From here memory comes from its own mapping, with large pages where the system has them (bytes). Below, the heap is
# faster: it gives back pages that this process has touched before, which costs neither a fault nor zeros.
LARGE = 16 * 1024 * 1024
# Files from here on are read by several threads: most of the time goes into fresh pages, and each thread fills its own.
_SHARED = 64 * 1024 * 1024
_PIECE = 8 * 1024 * 1024
_READERS = 4
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
    try:
        view = _read_heap(fd, size) if size < LARGE else _read_large(fd, size)
        if view is None or os.read(fd, 1):
            raise SourceError("source-changed", "the file grew or shrank while it was read", where=where)
    except MemoryError as error:
        raise SourceError("memory-short", f"{size} bytes of memory are not to be had", where=where) from error
    except OSError as error:
        raise SourceError("source-unreadable", str(error), where=where) from error
    return view


def _read_heap(fd: int, size: int) -> memoryview | None:
    """Return the next `size` bytes, None where the file ends before; writeable without a copy or a byte of zeros."""
    data = os.read(fd, size)
    while len(data) < size:  # a signal, or a file system that gives less at a time
        more = os.read(fd, size - len(data))
        if not more:
            return None
        data += more
    buffer = io.BytesIO(data)
    del data  # the only reference is the buffer's now: it hands out these bytes, not a copy
    return buffer.getbuffer()


def _read_large(fd: int, size: int) -> memoryview | None:
    """Return the `size` bytes of a file in memory of its own; None where it is shorter."""
    view = allocate(size)
    if size < _SHARED or not hasattr(os, "preadv"):
        with io.FileIO(fd, "rb", closefd=False) as file:
            return view if _filled(file, view) else None

    def piece(begin: int) -> bool:
        part = view[begin : begin + _PIECE]
        while part and (count := os.preadv(fd, [part], begin)):
            part, begin = part[count:], begin + count
        return not part

    whole = all(threads.each(piece, range(0, size, _PIECE), most=_READERS))
    os.lseek(fd, size, os.SEEK_SET)
    return view if whole else None


def read_range(fd: int, view: memoryview, begin: int, end: int, where: str) -> None:
    """Read bytes [begin, end) of a file to the same place in `view`.

    Raises:
        SourceError: `source-changed`: the file ends before; `source-unreadable`.
    """
    part = view[begin:end]
    try:
        while part:
            count = os.preadv(fd, [part], begin)
            if not count:
                raise SourceError("source-changed", "the file shrank while it was read", where=where)
            part, begin = part[count:], begin + count
    except OSError as error:
        raise SourceError("source-unreadable", str(error), where=where) from error


def fill(file: io.RawIOBase, view: memoryview, where: str) -> None:
    """Fill `view` from an unbuffered file.

    Raises:
        SourceError: `source-changed`: the file ends early.
    """
    if not _filled(file, view):
        raise SourceError("source-changed", "the file shrank while it was read", where=where)


def _filled(file: io.RawIOBase, view: memoryview) -> bool:
    while view:
        count = file.readinto(view)
        if not count:
            return False
        view = view[count:]
    return True


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
