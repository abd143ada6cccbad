"""The container: a ZIP whose every byte that is not payload is a pure function of names, sizes and CRCs.

`frame` is that function (`spec/container.md`). The writer calls it; the reader takes only (name, size,
CRC-32) from the central directory, calls it too and compares all the other bytes, so there is nothing left to
interpret.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, NoReturn

from amber.archive import names
from amber.errors import FormatError, LimitError, SourceError
from amber.limits import Limits

MIB = 1024 * 1024
SMALL_ALIGNMENT = 64  # bytes; data sections of shards below 1 MiB
LARGE_ALIGNMENT = 16 * 1024  # bytes; the pages of Apple and Arm machines
ALIGNMENT_ID = 0xD935

_VERSION = 45  # needed to extract: 4.5, the first with ZIP64
_MADE_BY = 3 << 8 | _VERSION  # Unix
_ATTRIBUTES = 0o100644 << 16  # a regular file, rw-r--r--
_FLAGS = 0x0800  # names are UTF-8
_TIME = 0x0000  # 00:00:00
_DATE = 0x0021  # 1980-01-01
_ZIP64_ID = 0x0001
_MAX16 = 0xFFFF
_MAX32 = 0xFFFFFFFF

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_EXTRA = struct.Struct("<2H")
_ALIGNMENT = struct.Struct("<3H")

_WRITER = "`amber.save(model, path)` writes an artifact; nothing else is read"

# Returns `size` bytes from `offset`; called only with ranges inside the container.
Fetch = Callable[[int, int], "bytes | memoryview"]


class Entry(NamedTuple):
    """What the container says about one member: name, size in bytes, CRC-32."""

    name: str
    size: int
    crc32: int


class Member(NamedTuple):
    """An entry and where its payload begins."""

    name: str
    offset: int
    size: int
    crc32: int


class Layout(NamedTuple):
    """All bytes that are not payload: `heads[i]` stands before payload i, which begins at `offsets[i]`."""

    heads: list[bytes]
    offsets: list[int]
    tail: bytes
    size: int  # bytes of the whole container


def alignment(name: str, size: int) -> int:
    """Return what the payload's offset is a multiple of: 64 or 16384 bytes, or 1 where it is not aligned."""
    if size >= MIB:
        return LARGE_ALIGNMENT
    return SMALL_ALIGNMENT if names.is_shard(name) else 1


def frame(entries: Sequence[Entry]) -> Layout:
    """Return every byte of the container that is not payload, for members in this order."""
    heads: list[bytes] = []
    offsets: list[int] = []
    central: list[bytes] = []
    position = 0
    for entry in entries:
        head = _local_header(entry, position)
        heads.append(head)
        offsets.append(position + len(head))
        central.append(_central_header(entry, position))
        position += len(head) + entry.size
    directory = b"".join(central)
    tail = directory + _end(len(entries), len(directory), position)
    return Layout(heads, offsets, tail, position + len(tail))


def _local_header(entry: Entry, position: int) -> bytes:
    name, size, crc32 = entry
    raw_name = name.encode("ascii")
    large = size >= _MAX32
    extra = _EXTRA.pack(_ZIP64_ID, 16) + struct.pack("<2Q", size, size) if large else b""
    multiple = alignment(name, size)
    if multiple > 1:
        begin = position + _LOCAL.size + len(raw_name) + len(extra) + _ALIGNMENT.size
        zeros = -begin % multiple
        extra += _ALIGNMENT.pack(ALIGNMENT_ID, 2 + zeros, multiple) + bytes(zeros)
    shown_size = _MAX32 if large else size
    return (
        _LOCAL.pack(
            b"PK\3\4",
            _VERSION,
            _FLAGS,
            0,
            _TIME,
            _DATE,
            crc32,
            shown_size,
            shown_size,
            len(raw_name),
            len(extra),
        )
        + raw_name
        + extra
    )


def _central_header(entry: Entry, position: int) -> bytes:
    name, size, crc32 = entry
    raw_name = name.encode("ascii")
    wide = b""
    if size >= _MAX32:
        wide += struct.pack("<2Q", size, size)
    if position >= _MAX32:
        wide += struct.pack("<Q", position)
    extra = _EXTRA.pack(_ZIP64_ID, len(wide)) + wide if wide else b""
    shown_size = min(size, _MAX32)
    fields = (b"PK\1\2", _MADE_BY, _VERSION, _FLAGS, 0, _TIME, _DATE, crc32, shown_size, shown_size)
    places = (len(raw_name), len(extra), 0, 0, 0, _ATTRIBUTES, min(position, _MAX32))
    return _CENTRAL.pack(*fields, *places) + raw_name + extra


def _end(count: int, size: int, offset: int) -> bytes:
    wide = b""
    if count >= _MAX16 or size >= _MAX32 or offset >= _MAX32:
        wide = _END64.pack(b"PK\6\6", _END64.size - 12, _MADE_BY, _VERSION, 0, 0, count, count, size, offset)
        wide += _LOCATOR.pack(b"PK\6\7", 0, offset + size, 1)
    shown_count = min(count, _MAX16)
    return wide + _END.pack(b"PK\5\6", 0, 0, shown_count, shown_count, min(size, _MAX32), min(offset, _MAX32), 0)


def view_fetch(view: memoryview) -> Fetch:
    """Return a `Fetch` over memory."""
    return lambda offset, size: view[offset : offset + size]


def file_fetch(descriptor: int, where: str) -> Fetch:
    """Return a `Fetch` over a file, which raises SourceError (`source-changed`) where the file ends early."""

    def fetch(offset: int, size: int) -> bytes:
        data = b""
        while len(data) < size:
            if hasattr(os, "pread"):
                more = os.pread(descriptor, size - len(data), offset + len(data))
            else:  # Windows
                os.lseek(descriptor, offset + len(data), os.SEEK_SET)
                more = os.read(descriptor, size - len(data))
            if not more:
                raise SourceError("source-changed", "the file shrank while it was read", where=where)
            data = data + more if data else more
        return data

    return fetch


def read_container(fetch: Fetch, size: int, limits: Limits) -> list[Member]:
    """Return the members of a container of `size` bytes, having proved all bytes but the payloads.

    CRCs are returned, not checked: that needs the payloads.

    Raises:
        FormatError: `container-not-canonical`, `member-name`, `member-duplicate`, `manifest-missing`.
        LimitError: `limit-file-bytes`, `limit-members`, `limit-signatures`.
    """
    if size > limits.file_bytes:
        raise LimitError("limit-file-bytes", f"{size} bytes, {limits.file_bytes} accepted")
    if size < _LOCAL.size + _END.size:
        raise FormatError("container-not-canonical", f"{size} bytes cannot be an artifact", hint=_WRITER)
    _check_begin(bytes(fetch(0, 4)))
    count, directory_bytes, directory_offset = _locate(fetch, size)
    if count > limits.members:
        raise LimitError("limit-members", f"{count} members, {limits.members} accepted")
    largest = count * (_CENTRAL.size + names.MAX_CHARS + _EXTRA.size + 24)
    if directory_bytes > largest or directory_offset + directory_bytes > size:
        _refuse("the central directory does not fit")
    entries = _parse_directory(bytes(fetch(directory_offset, directory_bytes)), count)
    listed = [entry.name for entry in entries]
    names.check_names(listed, limits)
    if listed != names.ordered(listed):
        _refuse("the members are out of order")
    if sum(entry.size for entry in entries) > size:
        _refuse("the members are larger than the file")
    members = _compare(fetch, size, entries)
    if listed[:1] != [names.MANIFEST]:
        raise FormatError("manifest-missing", "there is no manifest.json", where=names.MANIFEST)
    return members


def _check_begin(begin: bytes) -> None:
    if begin == b"PK\3\4":
        return
    hint = _WRITER
    if begin[:1] == b"\x80" or begin[:2] == b"\x1f\x8b":
        hint = "this looks like a pickle or a compressed file; " + hint
    raise FormatError("container-not-canonical", "this is not an Amber artifact: `amber.save` writes them", hint=hint)


def _locate(fetch: Fetch, size: int) -> tuple[int, int, int]:
    """Return (number of members, bytes of the central directory, its offset), not yet proved."""
    signature, _, _, _, count, directory_bytes, offset, _ = _END.unpack(fetch(size - _END.size, _END.size))
    if signature != b"PK\5\6":
        raise FormatError(
            "container-not-canonical",
            "the end of the container is missing or something follows it",
            hint="a download or copy may be incomplete: fetch the file again",
        )
    if count != _MAX16 and directory_bytes != _MAX32 and offset != _MAX32:
        return count, directory_bytes, offset
    begin = size - _END.size - _LOCATOR.size - _END64.size
    if begin < 0:
        _refuse("the ZIP64 end record is missing")
    fields = _END64.unpack(fetch(begin, _END64.size))
    if fields[0] != b"PK\6\6":
        _refuse("the ZIP64 end record is missing")
    return fields[7], fields[8], fields[9]


def _parse_directory(directory: bytes, count: int) -> list[Entry]:
    entries: list[Entry] = []
    position = 0
    for _ in range(count):
        if position + _CENTRAL.size > len(directory):
            _refuse("the central directory is cut off")
        fields = _CENTRAL.unpack_from(directory, position)
        crc32, size, name_bytes, extra_bytes, comment_bytes = (
            fields[7],
            fields[9],
            fields[10],
            fields[11],
            fields[12],
        )
        position += _CENTRAL.size
        raw_name = directory[position : position + name_bytes]
        extra = directory[position + name_bytes : position + name_bytes + extra_bytes]
        position += name_bytes + extra_bytes + comment_bytes
        if position > len(directory):
            _refuse("the central directory is cut off")
        if size == _MAX32:
            if len(extra) < 12:
                _refuse("a ZIP64 field is missing")
            (size,) = struct.unpack_from("<Q", extra, 4)
        # latin-1 never fails; what is not ASCII is refused with the other names
        entries.append(Entry(raw_name.decode("latin-1"), size, crc32))
    return entries


def _compare(fetch: Fetch, size: int, entries: Iterable[Entry]) -> list[Member]:
    listed = list(entries)
    layout = frame(listed)
    if layout.size != size:
        _refuse(f"these members make {layout.size} bytes, the file has {size}")
    members: list[Member] = []
    for entry, head, offset in zip(listed, layout.heads, layout.offsets, strict=True):
        if fetch(offset - len(head), len(head)) != head:
            _refuse("the header differs from what its name, size and CRC give", entry.name)
        members.append(Member(entry.name, offset, entry.size, entry.crc32))
    if fetch(size - len(layout.tail), len(layout.tail)) != layout.tail:
        _refuse("the central directory differs from what names, sizes and CRCs give")
    return members


def _refuse(message: str, where: str = "") -> NoReturn:
    raise FormatError("container-not-canonical", message, where=where)
