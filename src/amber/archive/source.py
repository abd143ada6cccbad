"""How an artifact comes into private writeable memory: from a file, a folder, bytes or a file object.

What was hashed is what is parsed: everything is read once, and only a large local file is mapped instead
(private, writeable), its stat compared by `Opened.confirm` after hashing. Views keep the memory alive.
"""

from __future__ import annotations

import os
import re
import stat
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Literal, NamedTuple, TypeAlias

from amber import threads
from amber.archive import memory, names
from amber.archive.container import Member, file_fetch, read_container, view_fetch
from amber.archive.folder import read_folder
from amber.errors import FormatError, LimitError, SourceError, UsageError
from amber.limits import DEFAULT, Limits

if TYPE_CHECKING:
    from amber.archive.hashing import Algorithm, Hashes

Source: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | OpenFile"
Mmap: TypeAlias = "bool | Literal['auto']"
Form: TypeAlias = Literal["file", "folder", "bytes"]

MAP_BYTES = 256 * 1024 * 1024  # from here a local file is mapped
CRC_BYTES = 1024 * 1024  # members below this have their CRC checked at every load
_PIPED_BYTES = 16 * 1024 * 1024  # from here a file is hashed while it is read, where hashes are wanted
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


class OpenFile(NamedTuple):
    """A regular file that is open already and that nobody else writes, as a source; a large one may be mapped anywhere.

    Args:
        descriptor: Open for reading; its position is moved.
        where: What errors call it.
    """

    descriptor: int
    where: str


@dataclass(slots=True)
class Opened:
    """An artifact in memory, its container proved; `members` are writeable views in stored order."""

    form: Form
    where: str  # the path as given, or what stands for one
    size: int  # bytes of the file, or of all members of a folder
    members: dict[str, memoryview]
    crcs: dict[str, int] = field(default_factory=dict)  # as stored; none in the folder form
    mapped: bool = False
    hashes: Hashes | None = None  # where they were wanted
    _descriptor: int = -1
    _stat: os.stat_result | None = None

    @property
    def path(self) -> str:
        """Path of the file or folder; empty for bytes and file objects."""
        return "" if self.form == "bytes" else self.where

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of each member."""
        return {name: len(view) for name, view in self.members.items()}

    def confirm(self) -> None:
        """Check, after hashing, that a mapped file is still the one that was mapped.

        Raises:
            SourceError: `source-changed`.
        """
        if self._stat is not None and _changed(self._stat, os.fstat(self._descriptor)):
            raise SourceError(
                "source-changed", "the file changed while it was read", where=self.where, hint="open it again"
            )

    def close(self) -> None:
        """Close the descriptor. The members stay readable."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor, self._stat = -1, None

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


def open_source(
    source: Source,
    *,
    mmap: Mmap = "auto",
    limits: Limits = DEFAULT,
    all_crcs: bool = False,
    wanted: Collection[Algorithm] = (),
) -> Opened:
    """Read an artifact and prove its container: step 1.

    Args:
        source: A path to a file or folder, bytes, or a seekable binary file (read from its beginning).
        mmap: Map the file instead of reading it: True, False, or "auto" (a local file of 256 MiB or more).
        limits: The reader's caps.
        all_crcs: Check the CRC of every member, not only of those below 1 MiB, the manifest and signatures.
        wanted: Hashes of every member to be computed in the same pass, as `hashes` of what is returned; with CRC-32
            among them every CRC is checked.

    Raises:
        SourceError: It cannot be read: `source-url`, `source-missing`, `source-unreadable`,
        `source-not-file`, ... FormatError: It is not a valid container; the code says which rule. LimitError:
        It is larger than the limits allow. UsageError: `source-type`: not one of the kinds of source.
    """
    opened = _open(source, mmap, limits, wanted)
    try:
        if wanted and opened.hashes is None:
            from amber.archive.hashing import hash_members  # here: a plain load asks for none

            opened.hashes = hash_members(opened.members, wanted)
        if opened.hashes is not None and "crc32" in wanted:
            _compare_crcs(opened.crcs, opened.hashes.crc32)
        else:
            _check_crcs(opened, all_crcs)
    except BaseException:
        opened.close()
        raise
    return opened


def _open(source: Source, mmap: Mmap, limits: Limits, wanted: Collection[Algorithm]) -> Opened:
    if isinstance(source, bytes | bytearray | memoryview):
        return _from_memory(_copied(memoryview(source).cast("B"), limits), "bytes", "bytes", limits)
    if isinstance(source, OpenFile):
        info = os.fstat(source.descriptor)
        may_map = mmap is True or (mmap == "auto" and memory.CAN_MAP and info.st_size >= MAP_BYTES)
        return _from_file(source.descriptor, info, source.where, limits, wanted, may_map)
    if not isinstance(source, str | os.PathLike):
        return _from_memory(_read_object(source, limits), "bytes", _name_of(source), limits)
    path = check_path(source)
    if os.path.isdir(path):
        members = read_folder(path, limits, lambda name, fd, size: memory.read_exactly(fd, size, name))
        return Opened("folder", path, sum(map(len, members.values())), members)
    with open_file(path) as (descriptor, info):
        may_map = mmap is True or (mmap == "auto" and info.st_size >= MAP_BYTES and memory.is_local(path))
        return _from_file(descriptor, info, path, limits, wanted, may_map)


def hashes_of(opened: Opened) -> Hashes:
    """Return all hashes of the members: those of the pass that read them, or of one made now, CRCs compared.

    Raises:
        FormatError: `crc-mismatch`.
    """
    if opened.hashes is None:
        from amber.archive.hashing import hash_members

        opened.hashes = hash_members(opened.members)
        _compare_crcs(opened.crcs, opened.hashes.crc32)
    return opened.hashes


def check_path(source: str | os.PathLike[str]) -> str:
    """Return the path of a source.

    Raises:
        SourceError: `source-url`: it is an address.
        UsageError: `source-type`: it is a path of bytes.
    """
    path = os.fspath(source)
    if not isinstance(path, str):
        raise UsageError("source-type", "a path must be text")
    if _URL.match(path):
        raise SourceError(
            "source-url",
            "addresses are not opened: an artifact is fetched and checked first",
            where=path,
            hint="fetch it with `amber pull`, then open the file",
        )
    return path


def check_size(size: int, limits: Limits, where: str) -> None:
    """Check the size of a file in bytes.

    Raises:
        LimitError: `limit-file-bytes`.
    """
    if size > limits.file_bytes:
        raise LimitError("limit-file-bytes", f"{size} bytes, {limits.file_bytes} accepted", where=where)


@contextmanager
def open_file(path: str) -> Iterator[tuple[int, os.stat_result]]:
    """Yield a descriptor of a regular file at its beginning, and its stat.

    Raises:
        SourceError: `source-missing`, `source-unreadable`, `source-not-file`.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError as error:
        raise SourceError("source-missing", "there is no such file or folder", where=path) from error
    except (OSError, ValueError) as error:
        raise SourceError("source-unreadable", str(error), where=path) from error
    try:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            raise SourceError("source-not-file", "is not a regular file", where=path)
        yield descriptor, info
    finally:
        with suppress(OSError):  # nothing was written to it
            os.close(descriptor)


def _changed(before: os.stat_result, now: os.stat_result) -> bool:
    if (before.st_size, before.st_mtime_ns) != (now.st_size, now.st_mtime_ns):
        return True
    # a save that replaced the file took its name away, which changes the ctime and nothing we mapped
    return before.st_ctime_ns != now.st_ctime_ns and before.st_nlink == now.st_nlink


def _mapped(descriptor: int, info: os.stat_result, path: str, limits: Limits) -> Opened:
    if not memory.CAN_MAP:
        raise UsageError("mmap-unsupported", "files cannot be mapped on this system", hint='use mmap="auto" or False')
    if info.st_size == 0:
        return _from_memory(memory.allocate(0), "file", path, limits)
    opened = _from_memory(memory.map_private(descriptor, info.st_size), "file", path, limits)
    opened.mapped = True
    opened._descriptor = os.dup(descriptor)
    opened._stat = info
    return opened


def _from_file(
    descriptor: int, info: os.stat_result, path: str, limits: Limits, wanted: Collection[Algorithm], may_map: bool
) -> Opened:
    check_size(info.st_size, limits, path)
    if may_map:
        return _mapped(descriptor, info, path, limits)
    if wanted and info.st_size >= _PIPED_BYTES and hasattr(os, "preadv"):
        return _piped(descriptor, info.st_size, path, limits, wanted)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return _from_memory(memory.read_exactly(descriptor, info.st_size, path), "file", path, limits)


def _piped(descriptor: int, size: int, path: str, limits: Limits, wanted: Collection[Algorithm]) -> Opened:
    """Read a file member by member, each piece hashed while it is in the cache.

    Where the members lie is looked up in the file first, and proved over the memory afterwards: a file that changed in
    between is refused, since the hashes would be of other ranges.
    """
    from amber.archive.hashing import hash_members

    planned = read_container(file_fetch(descriptor, path), size, limits)
    view = memory.allocate(size)
    begins = {member.name: member.offset for member in planned}

    def fill(name: str, begin: int, end: int) -> None:
        memory.read_range(descriptor, view, begins[name] + begin, begins[name] + end, path)

    hashes = hash_members({each.name: view[each.offset : each.offset + each.size] for each in planned}, wanted, fill)
    position = 0
    for member in planned:
        memory.read_range(descriptor, view, position, member.offset, path)
        position = member.offset + member.size
    memory.read_range(descriptor, view, position, size, path)
    if read_container(view_fetch(view), size, limits) != planned or os.fstat(descriptor).st_size != size:
        raise SourceError("source-changed", "the file changed while it was read", where=path, hint="open it again")
    return _of_members(view, planned, "file", path, hashes)


def _from_memory(view: memoryview, form: Form, where: str, limits: Limits) -> Opened:
    return _of_members(view, read_container(view_fetch(view), len(view), limits), form, where)


def _of_members(
    view: memoryview, members: list[Member], form: Form, where: str, hashes: Hashes | None = None
) -> Opened:
    views = {member.name: view[member.offset : member.offset + member.size] for member in members}
    return Opened(form, where, len(view), views, {member.name: member.crc32 for member in members}, hashes=hashes)


def _copied(view: memoryview, limits: Limits) -> memoryview:
    check_size(len(view), limits, "bytes")
    copy = memory.allocate(len(view))
    copy[:] = view
    return copy


def _name_of(file: object) -> str:
    name = getattr(file, "name", None)
    return name if isinstance(name, str) else "file object"


def _read_object(file: BinaryIO, limits: Limits) -> memoryview:
    where = _name_of(file)
    if not callable(getattr(file, "read", None)) or not callable(getattr(file, "seek", None)):
        raise UsageError(
            "source-type",
            f"a {type(file).__name__} is not a path, bytes or a seekable binary file",
            where="source",
        )
    try:
        size = file.seek(0, os.SEEK_END)
        check_size(size, limits, where)
        file.seek(0)
        view = memory.allocate(size)
        position = 0
        while position < size:
            chunk: bytes | str = file.read(min(size - position, 16 * 1024 * 1024))
            if isinstance(chunk, str):
                raise UsageError("source-type", "the file is open as text", where=where, hint='open it with mode "rb"')
            if not chunk:
                raise SourceError("source-changed", "the file shrank while it was read", where=where)
            view[position : position + len(chunk)] = chunk
            position += len(chunk)
    except (OSError, ValueError) as error:
        raise SourceError(
            "source-unreadable",
            f"cannot be read from its beginning: {error}",
            where=where,
            hint="pass its bytes",
        ) from error
    return view


def _compare_crcs(stored: dict[str, int], found: dict[str, int]) -> None:
    for name, crc32 in stored.items():
        if found[name] != crc32:
            raise damaged(name)


def _check_crcs(opened: Opened, all_crcs: bool) -> None:
    small: list[str] = []
    large: list[str] = []
    for name in opened.crcs:
        if len(opened.members[name]) < CRC_BYTES:
            small.append(name)
        elif all_crcs or name == names.MANIFEST or names.is_signature(name):
            large.append(name)
    for name in small:
        check_crc(name, opened.members[name], opened.crcs[name])
    if large:
        threads.each(lambda name: check_crc(name, opened.members[name], opened.crcs[name]), large)


def check_crc(name: str, view: memoryview | bytes, crc32: int) -> None:
    """Compare the CRC-32 of a member with the one its container holds.

    Raises:
        FormatError: `crc-mismatch`.
    """
    if zlib.crc32(view) != crc32:
        raise damaged(name)


def damaged(name: str) -> FormatError:
    """Return the refusal of a member whose CRC-32 is not the stored one."""
    return FormatError(
        "crc-mismatch", "the member is damaged", where=name, hint="fetch the file again from where it came"
    )
