"""Step 1: containers that are not the one container of their members."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator

from amber.archive.container import alignment
from tools.vectors.artifact import Draft, heads, pack, plain
from tools.vectors.index import Vector, reject
from tools.vectors.raw_zip import END, Part, parts, write

CODE = "container-not-canonical"
SHARD = "model/tensors-00001.safetensors"


def vectors() -> Iterator[Vector]:
    yield from _bytes()
    yield from _fields()
    yield from _directories()
    yield from _wide()
    yield from _crcs()
    yield from _names()
    yield from _duplicates()
    yield from _limits()
    yield from _folders()


def _refuse(what: str, data: bytes, shows: str) -> Vector:
    return reject(CODE, what, data, shows, 1)


def _flip(data: bytes, offset: int, mask: int = 1) -> bytes:
    changed = bytearray(data)
    changed[offset] ^= mask
    return bytes(changed)


def _bytes() -> Iterator[Vector]:
    data = plain().data()
    yield _refuse("empty-file", b"", "a file of no bytes")
    yield _refuse("empty-zip", END.pack(b"PK\5\6", 0, 0, 0, 0, 0, 0, 0), "a valid ZIP without members")
    yield _refuse("pickle", b"\x80\x05N.", "a pickle stream (of None) is not an artifact, and is not opened as one")
    yield _refuse("zeros", bytes(4096), "no signature anywhere")
    yield _refuse("truncated-last-byte", data[:-1], "the last byte is missing")
    yield _refuse("truncated-half", data[: len(data) // 2], "half of the file is missing")
    yield _refuse("trailing-byte", data + b"\0", "one byte follows the end record")
    yield _refuse("leading-byte", b"\0" + data, "one byte precedes the first header")
    yield _refuse(
        "shell-stub", b"#!/bin/sh\nexit\n" + data, "self-extracting style: a script precedes the first header"
    )
    yield _refuse("two-files", data + data, "two artifacts behind each other; the second alone would be valid")
    splice = data[: len(data) // 2] + Draft(tree=[["none"]]).data()[-200:]
    yield _refuse("splice", splice, "the beginning of one artifact and the end of another")
    for name, offset in (("local-signature", 2), ("local-version", 4), ("local-name", 31)):
        yield _refuse(f"flip-{name}", _flip(data, offset), "one bit of the first local header is flipped")
    yield _refuse("flip-end-count", _flip(data, len(data) - 12), "one bit of the number of members is flipped")


FIELDS: list[tuple[str, str, Callable[[Part], None]]] = []


def _field(name: str, shows: str, **values: object) -> None:
    def change(part: Part) -> None:
        for key, value in values.items():
            setattr(part, key, value)

    FIELDS.append((name, shows, change))


_field("data-descriptor", "flag 3 says that sizes follow the payload", flags=0x0808)
_field("data-descriptor-local", "flag 3 in the local header only", local_flags=0x0808)
_field("encrypted", "flag 0 says that the payload is encrypted", flags=0x0801)
_field("no-utf8-flag", "flag 11 is not set", flags=0)
_field("method-deflate", "the method says deflate, the payload is stored", method=8)
_field("version", "version needed 2.0", version=20)
_field("made-by", "made by MS-DOS", made_by=45)
_field("time", "a modification time", time=1)
_field("date", "a modification date", date=0x5821)
_field("symbolic-link", "the attributes say symbolic link", attributes=0o120777 << 16)
_field("directory-attributes", "the attributes say folder", attributes=0o040755 << 16 | 0x10)
_field("text-attribute", "the internal attributes say text", internal=1)
_field("disk", "the member begins on disk 1", disk=1)
_field("member-comment", "the member has a comment", comment=b"x")
_field("central-extra", "an extra field in the central directory", extra=struct.pack("<2HL", 0x5455, 4, 0))
_field("local-extra", "an extra field in the local header", local_extra=struct.pack("<2HL", 0x5455, 4, 0))
_field("local-name-differs", "the local header has another name", local_name=b"env/pylock.tomk")
_field("local-crc-differs", "the local header has another CRC-32", local_crc=0)
_field("local-size-differs", "the local header has another size", local_size=1)
_field("stored-size-differs", "compressed and plain size differ in the directory", stored_size=1)
_field("size-larger", "the directory says that the member reaches into the next", size=2000)
_field("size-4-gib", "the directory says almost 4 GiB", size=0xFFFFFFFE)
_field("offset-differs", "the directory points one byte too far", at=1)
_field("gap-before", "bytes that belong to nothing stand before the member", before=b"PAYLOAD!")
_field("gap-after", "bytes that belong to nothing stand behind the member", after=b"PAYLOAD!")
_field("unlisted-in-directory", "a member is not in the directory: its bytes would be carried along", listed=False)
_field("absent", "the directory lists a member that is not there", present=False)


def _fields() -> Iterator[Vector]:
    """One field of one member at a time; the member is `env/pylock.toml`, the second."""
    for name, shows, change in FIELDS:
        bent = parts(plain().members())
        change(bent[1])
        yield _refuse(name, write(bent), shows)
    members = plain().members()
    place = list(members).index(SHARD)
    base = Part(SHARD, members[SHARD])._alignment(heads(list(members.items()))[place])
    for name, extra, shows in (
        ("no-alignment", b"", "the alignment field of a shard is missing"),
        ("alignment-id", struct.pack("<H", 0xD934) + base[2:], "the alignment field has another identifier"),
        ("alignment-value", base[:4] + struct.pack("<H", 32) + base[6:], "the alignment field says 32"),
        ("alignment-wide", struct.pack("<3H", 0xD935, len(base) + 60, 64) + bytes(len(base) + 58), "64 zeros more"),
        ("alignment-filled", base[:6] + b"A" * (len(base) - 6), "the padding is not zero: it could hide data"),
    ):
        bent = parts(plain().members())
        bent[place].local_extra = extra
        yield _refuse(name, write(bent), shows)
    yield _refuse("compressed", _compressed(), "a member is compressed, in a ZIP that other tools read")
    yield _refuse("stock-zip", _stock(), "the right members written by another ZIP tool")


def _compressed() -> bytes:
    members = plain().members()
    bent = parts(members)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    small = packer.compress(bent[1].data) + packer.flush()
    bent[1] = Part(
        bent[1].name, small, method=8, crc=zlib.crc32(bent[1].data), size=len(bent[1].data), stored_size=len(small)
    )
    return write(bent)


def _stock() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in plain().members().items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return file.getvalue()


def _directories() -> Iterator[Vector]:
    base = plain().members()
    yield _refuse("comment", write(parts(base), comment=b"hello"), "the archive has a comment")
    yield _refuse("count-less", write(parts(base), count=2), "the end record counts fewer members than there are")
    yield _refuse("count-more", write(parts(base), count=200), "the end record counts more members than there are")
    yield _refuse("directory-offset", write(parts(base), offset=0), "the directory is said to begin at 0")
    yield _refuse("directory-size", write(parts(base), size=1), "the directory is said to have one byte")
    yield _refuse("directory-huge", write(parts(base), size=0xFFFFFFFE), "the directory is said to have 4 GiB")
    yield _refuse("before-directory", write(parts(base), before_directory=b"x" * 16), "bytes before the directory")
    yield _refuse("between-directory-and-end", write(parts(base), wide=b"x" * 16), "bytes behind the directory")
    ordered = parts(base)
    ordered[1], ordered[2] = ordered[2], ordered[1]
    yield _refuse("order", write(ordered), "two members have changed places")
    last = parts(base)
    yield _refuse("manifest-last", write([*last[1:], last[0]]), "manifest.json is not the first member")
    yield _refuse("overlap", _overlapping(), "two members lie in the same bytes")
    nested = parts(base)
    nested[1].data += pack([("manifest.json", b"{}")])
    nested[1].size = nested[1].local_size = nested[1].stored_size = len(base["env/pylock.toml"])
    yield _refuse("nested", write(nested), "a second container hides behind a member")


def _overlapping() -> bytes:
    """`model/tree.json` and the shard are given the bytes of the shard's local header (a quoted overlap)."""
    bent = parts(plain().members())
    place = [part.name for part in bent].index(SHARD)
    bent[place + 1].at = heads(list(plain().members().items()))[place]
    return write(bent)


def _wide() -> Iterator[Vector]:
    """ZIP64 where it is not needed, or saying what cannot be."""
    base = plain().members()
    normal = write(parts(base))
    fields = END.unpack(normal[-END.size :])
    directory_size, directory_offset, count = fields[5], fields[6], fields[4]

    def ending(count: int, size: int, offset: int, record: bytes, locator_offset: int) -> bytes:
        locator = struct.pack("<4sLQL", b"PK\6\7", 0, locator_offset, 1)
        return normal[: -END.size] + record + locator + END.pack(b"PK\5\6", 0, 0, count, count, size, offset, 0)

    def record(size: int, offset: int) -> bytes:
        return struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 3 << 8 | 45, 45, 0, 0, count, count, size, offset)

    here = len(normal) - END.size
    good = record(directory_size, directory_offset)
    small = (0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
    yield _refuse(
        "zip64-not-needed", ending(*small, good, here), "the end record points to a ZIP64 one; none is needed"
    )
    yield _refuse(
        "zip64-two-truths", ending(count, directory_size, directory_offset, record(directory_size, 0), here),
        "a ZIP64 end record says something else than the end record (CVE-2025-8291)",
    )  # fmt: skip
    yield _refuse("zip64-locator-elsewhere", ending(*small, good, 0), "the locator points to another place")
    huge = record(2**63, 2**63)
    yield _refuse("zip64-huge-directory", ending(*small, huge, here), "the directory is said to lie at 2^63")
    yield _refuse(
        "zip64-missing", normal[: -END.size] + END.pack(b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0),
        "the end record says that a ZIP64 one precedes it; there is none",
    )  # fmt: skip
    for name, extra, shows in (
        ("zip64-member", struct.pack("<2H2Q", 1, 16, 4096, 4096), "a small member's size stands in a ZIP64 field"),
        ("zip64-member-huge", struct.pack("<2H2Q", 1, 16, 2**63, 2**63), "a member is said to have 2^63 bytes"),
        ("zip64-member-missing", b"", "a member's size is said to stand in a ZIP64 field; there is none"),
    ):
        bent = parts(base)
        bent[1].size = bent[1].stored_size = 0xFFFFFFFF
        bent[1].extra = extra
        yield _refuse(name, write(bent), shows)


def _crcs() -> Iterator[Vector]:
    base = plain().members()
    bent = parts(base)
    bent[1].crc = zlib.crc32(bent[1].data) ^ 1
    yield reject("crc-mismatch", "stored-crc", write(bent), "both headers hold another CRC-32", 1)
    normal = pack(list(base.items()))
    for name, member in (("manifest", "manifest.json"), ("tree", "model/tree.json"), ("tensor", SHARD)):
        offset = normal.index(base[member]) + len(base[member]) - 2
        yield reject("crc-mismatch", f"flip-{name}", _flip(normal, offset), f"one bit of {member} is flipped", 1)
    assert alignment(SHARD, 100) == 64


NAMES: list[tuple[str, str, str]] = [
    ("parent", "../x", "a step up"),
    ("parent-inside", "model/../x", "a step up inside"),
    ("absolute", "/model", "begins with a slash"),
    ("drive", "c:/model", "a drive letter"),
    ("backslash", "model\\x", "a backslash"),
    ("double-slash", "model//x", "an empty part"),
    ("trailing-slash", "model/", "a folder"),
    ("current", "./model", "a single dot"),
    ("hidden", ".hidden", "begins with a dot"),
    ("upper-case", "Model/x", "an upper-case letter"),
    ("device", "con", "a device name of Windows"),
    ("device-with-ending", "model/aux.json", "a device name of Windows with an ending"),
    ("device-numbered", "env/lpt0", "a numbered device name of Windows"),
    ("trailing-dot", "model/x.", "ends in a dot"),
    ("space", "model/a b", "a space"),
    ("newline", "model/a\n", "a line feed"),
    ("nul", "model/a\0b", "a NUL"),
    ("deep", "a/b/c/d", "four parts"),
    ("long-part", "a" * 65, "a part of 65 characters"),
    ("long", "/".join(["a" * 64, "b" * 64]), "129 characters"),
    ("empty", "", "no character"),
    ("alternate-stream", "model/x:y", "an alternate data stream of Windows"),
]


def _names() -> Iterator[Vector]:
    for what, name, shows in NAMES:
        yield reject("member-name", what, _with([Part(name, b"x")]), f"a member name: {shows}", 1)
    yield reject("member-name", "latin-1", _with([Part("modèle".encode("latin-1"), b"x")]), "not ASCII, not UTF-8", 1)
    yield reject("member-name", "unicode", _with([Part("mod\u00e8le", b"x", local_extra=b"")]), "not ASCII", 1)


def _with(more: list[Part]) -> bytes:
    for part in more:
        part.local_extra = b""
    return write(parts(plain().members()) + more)


def _duplicates() -> Iterator[Vector]:
    twice = Part("model/tree.json", b'{"nodes":[["none"]],"root":0}')
    yield reject("member-duplicate", "twice", _with([twice]), "two members have one name", 1)
    both = [Part("README.md", b"x\n"), Part("readme.md", b"x\n")]
    yield reject("member-duplicate", "case", _with(both), "two names differ in case only", 1)
    yield reject("member-duplicate", "folder", _with([Part("model", b"x")]), "a member has the name of a folder", 1)
    yield reject(
        "manifest-missing", "no-manifest", Draft(tree=[["none"]], without=["manifest.json"]).data(),
        "there is no manifest.json", 1,
    )  # fmt: skip


def _limits() -> Iterator[Vector]:
    data = plain().data()
    yield reject("limit-file-bytes", "small-limit", data, "larger than the reader's file_bytes", 1,
                 limits={"file_bytes": 100})  # fmt: skip
    yield reject("limit-members", "small-limit", data, "more members than the reader accepts", 1,
                 limits={"members": 3})  # fmt: skip
    draft = plain()
    draft.extra = {f"signatures/{number:04d}-oms.sigstore.json": b"{}" for number in range(65)}
    yield reject("limit-signatures", "65", draft, "65 signatures", 1)


def _folders() -> Iterator[Vector]:
    for what, name, shows in (
        ("litter", ".DS_Store", "a file that a desktop left"),
        ("upper-case", "model/Tree.json", "a file whose name is no member name"),
        ("hidden-folder", ".hidden/config", "a hidden folder"),
    ):
        yield reject("folder-extra", what, plain().members() | {name: b"x"}, f"the folder form holds {shows}", 1)
    members = plain().members()
    del members["manifest.json"]
    yield reject("manifest-missing", "folder", members, "the folder form has no manifest.json", 1)
    return
