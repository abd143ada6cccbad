"""A ZIP writer that writes what it is told: the canonical container unless a field is set to something else."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from amber.archive import container
from amber.archive.container import Entry

END = struct.Struct("<4s4H2LH")


@dataclass
class Part:
    """One member and everything its two headers say; None means what the canonical container has there."""

    name: str | bytes
    data: bytes
    flags: int = 0x0800
    method: int = 0
    version: int = 45
    made_by: int = 3 << 8 | 45
    time: int = 0
    date: int = 0x0021
    attributes: int = 0o100644 << 16
    internal: int = 0
    disk: int = 0
    crc: int | None = None
    local_flags: int | None = None
    local_name: bytes | None = None
    local_crc: int | None = None
    local_size: int | None = None
    local_extra: bytes | None = None
    size: int | None = None  # in the central directory
    stored_size: int | None = None  # bytes of the payload as the central directory says them
    extra: bytes = b""
    comment: bytes = b""
    at: int | None = None  # offset of the local header, as the central directory says it
    before: bytes = b""  # bytes in front of the local header
    after: bytes = b""  # bytes behind the payload
    listed: bool = True
    present: bool = True

    @property
    def raw_name(self) -> bytes:
        return self.name if isinstance(self.name, bytes) else self.name.encode()

    def local(self, position: int) -> bytes:
        """The local header, the payload and what follows it."""
        raw, size = self.raw_name, len(self.data) if self.local_size is None else self.local_size
        crc = zlib.crc32(self.data) if self.crc is None else self.crc
        extra = self._alignment(position) if self.local_extra is None else self.local_extra
        name = raw if self.local_name is None else self.local_name
        head = struct.pack(
            "<4s5H3L2H", b"PK\3\4", self.version, self.flags if self.local_flags is None else self.local_flags,
            self.method, self.time, self.date, crc if self.local_crc is None else self.local_crc, size, size,
            len(name), len(extra),
        )  # fmt: skip
        return head + name + extra + self.data + self.after

    def _alignment(self, position: int) -> bytes:
        if isinstance(self.name, bytes):
            return b""
        entry = Entry(self.name, len(self.data), 0)
        return container._local_header(entry, position)[30 + len(self.raw_name) :]

    def central(self, position: int) -> bytes:
        """The entry of the central directory."""
        raw, size = self.raw_name, len(self.data) if self.size is None else self.size
        crc = zlib.crc32(self.data) if self.crc is None else self.crc
        stored = size if self.stored_size is None else self.stored_size
        return struct.pack(
            "<4s6H3L5H2L", b"PK\1\2", self.made_by, self.version, self.flags, self.method, self.time, self.date, crc,
            stored, size, len(raw), len(self.extra), len(self.comment), self.disk, self.internal, self.attributes,
            position if self.at is None else self.at,
        ) + raw + self.extra + self.comment  # fmt: skip


def write(
    parts: list[Part],
    *,
    count: int | None = None,
    offset: int | None = None,
    size: int | None = None,
    comment: bytes = b"",
    before_directory: bytes = b"",
    wide: bytes = b"",
) -> bytes:
    """The file; the keywords replace what the end record says or stand in front of it."""
    body = b""
    directory = b""
    for part in parts:
        if part.present:
            body += part.before
            place = len(body)
            body += part.local(place)
        else:
            place = len(body)
        if part.listed:
            directory += part.central(place)
    body += before_directory
    listed = sum(part.listed for part in parts) if count is None else count
    end = END.pack(
        b"PK\5\6", 0, 0, listed, listed, len(directory) if size is None else size,
        len(body) if offset is None else offset, len(comment),
    )  # fmt: skip
    return body + directory + wide + end + comment


def parts(members: dict[str, bytes]) -> list[Part]:
    """The canonical parts of these members."""
    return [Part(name, data) for name, data in members.items()]
