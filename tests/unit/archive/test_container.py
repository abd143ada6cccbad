from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amber.archive import container, names
from amber.archive.container import Entry, frame, read_container, view_fetch
from amber.archive.write import to_bytes
from amber.errors import AmberError, FormatError
from amber.limits import DEFAULT, Limits
from tests.unit.archive.samples import artifact

MIB = 1024 * 1024
SHARD = "model/tensors-00001.safetensors"

payloads = st.dictionaries(
    st.sampled_from(
        ["README.md", "model/tree.json", SHARD, "cases/g000.bin", "signatures/0001-oms.sigstore.json", "z"]
    ),
    st.binary(max_size=300),
)


def read(data: bytes, limits: Limits = DEFAULT) -> dict[str, bytes]:
    found = read_container(view_fetch(memoryview(data)), len(data), limits)
    for member in found:
        assert zlib.crc32(data[member.offset : member.offset + member.size]) == member.crc32
    return {member.name: data[member.offset : member.offset + member.size] for member in found}


def code_of(data: bytes, limits: Limits = DEFAULT) -> str:
    with pytest.raises(AmberError) as caught:
        read(data, limits)
    return caught.value.code


@given(payloads)
@settings(max_examples=100, deadline=None)
def test_round_trip(members: dict[str, bytes]) -> None:
    whole = {"manifest.json": b"{}", **members}
    data = to_bytes({name: [payload] for name, payload in whole.items()})
    assert read(data) == whole
    assert list(read(data)) == names.ordered(whole)


@given(payloads)
@settings(max_examples=30, deadline=None)
def test_the_standard_library_reads_it(members: dict[str, bytes]) -> None:
    whole = {"manifest.json": b"{}", **members}
    with zipfile.ZipFile(io.BytesIO(to_bytes({name: [payload] for name, payload in whole.items()}))) as stock:
        assert stock.testzip() is None
        assert {info.filename: stock.read(info) for info in stock.infolist()} == whole
        assert all(info.external_attr >> 16 == 0o100644 for info in stock.infolist())
        assert {info.date_time for info in stock.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_any_changed_byte_is_detected() -> None:
    """By the comparison, or (payloads) by the CRC."""
    data = to_bytes({"manifest.json": [b"{}"], SHARD: [b"0123456789"], "z": [b""]})
    for position in range(len(data)):
        for flip in (1, 0x80, 0xFF):
            changed = bytearray(data)
            changed[position] ^= flip
            with pytest.raises((AmberError, AssertionError)):
                read(bytes(changed))


@given(st.integers(min_value=0, max_value=10**6))
@settings(max_examples=60, deadline=None)
def test_truncation_is_detected(cut: int) -> None:
    data = artifact()
    assert code_of(data[: cut % len(data)]) == "container-not-canonical"


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_any_bytes_give_an_amber_error(data: bytes) -> None:
    for begin in (b"", b"PK\3\4"):
        with pytest.raises(AmberError):
            read(begin + data)


@given(
    st.binary(min_size=22, max_size=120),
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=200, deadline=None)
def test_any_end_record_gives_an_amber_error(body: bytes, count: int, size: int, offset: int) -> None:
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, size, offset, 0)
    with pytest.raises(AmberError):
        read(b"PK\3\4" + body + end)


@pytest.mark.parametrize("extra", [b"\0", b"PK\5\6" + bytes(18)])
def test_nothing_may_follow_or_precede(extra: bytes) -> None:
    assert code_of(artifact() + extra) == "container-not-canonical"
    assert code_of(extra + artifact()) == "container-not-canonical"


def stock_zip(entries: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, payload in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            file.writestr(info, payload)
    return buffer.getvalue()


def test_a_stock_zip_is_refused() -> None:
    assert code_of(stock_zip([("manifest.json", b"{}")])) == "container-not-canonical"
    assert code_of(stock_zip([("manifest.json", b"{}")], zipfile.ZIP_DEFLATED)) == "container-not-canonical"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicates_are_refused() -> None:
    assert code_of(stock_zip([("manifest.json", b"{}"), ("a", b"1"), ("a", b"2")])) == "member-duplicate"


def test_bad_names_are_refused() -> None:
    assert code_of(stock_zip([("manifest.json", b"{}"), ("../a", b"1")])) == "member-name"
    assert code_of(stock_zip([("manifest.json", b"{}"), ("é", b"1")])) == "member-name"


def test_wrong_order_is_refused() -> None:
    layout = frame([Entry("manifest.json", 0, 0), Entry("b", 0, 0), Entry("a", 0, 0)])
    assert code_of(b"".join(layout.heads) + layout.tail) == "container-not-canonical"


def test_manifest_must_be_there() -> None:
    assert code_of(to_bytes({"a": [b"1"]})) == "manifest-missing"


def test_limits() -> None:
    data = artifact()
    assert code_of(data, Limits(file_bytes=len(data) - 1)) == "limit-file-bytes"
    assert code_of(data, Limits(members=4)) == "limit-members"
    read(data, Limits(file_bytes=len(data), members=5))


def test_overlapping_members_are_refused() -> None:
    """The directory may name sizes that only fit when payloads overlap."""
    layout = frame([Entry("manifest.json", 100, 0), Entry("a", 100, 0)])
    assert code_of(layout.heads[0] + bytes(60) + layout.heads[1] + bytes(60) + layout.tail) == "container-not-canonical"


def test_a_pickle_gets_a_hint() -> None:
    with pytest.raises(FormatError) as caught:
        read(b"\x80\x05" + bytes(200))
    assert "pickle" in caught.value.hint


def test_alignment() -> None:
    assert container.alignment("model/tree.json", MIB - 1) == 1
    assert container.alignment("model/tree.json", MIB) == 16384
    assert container.alignment(SHARD, 0) == 64
    assert container.alignment(SHARD, MIB - 1) == 64
    assert container.alignment(SHARD, MIB) == 16384


@given(st.lists(st.integers(0, 3 * MIB), min_size=1, max_size=8), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_offsets_are_multiples_of_the_alignment(sizes: list[int], chance: random.Random) -> None:
    listed = [
        "manifest.json",
        *(names.shard_name(i) if chance.random() < 0.5 else f"zz{i}" for i in range(1, len(sizes))),
    ]
    entries = [Entry(name, size, 0) for name, size in zip(listed, sizes, strict=True)]
    layout = frame(entries)
    for entry, head, offset in zip(entries, layout.heads, layout.offsets, strict=True):
        assert offset % container.alignment(entry.name, entry.size) == 0
        aligned = container.alignment(entry.name, entry.size) > 1
        assert (struct.pack("<H", 0xD935) in head[30 + len(entry.name) :]) == aligned


class Sparse:
    """A container whose payloads are zeros that take no memory."""

    def __init__(self, entries: list[Entry]) -> None:
        self.layout = frame(entries)
        self.size = self.layout.size

    def fetch(self, offset: int, size: int) -> bytes:
        for head, end in zip(self.layout.heads, self.layout.offsets, strict=True):
            begin = end - len(head)
            if begin <= offset < end:
                return head[offset - begin : offset - begin + size]
        begin = self.size - len(self.layout.tail)
        if offset >= begin:
            return self.layout.tail[offset - begin : offset - begin + size]
        return bytes(size)

    def read(self, offset: int, size: int) -> bytes:
        return self.fetch(offset, size)


GIB4 = 0xFFFFFFFF


@pytest.mark.parametrize("sizes", [(GIB4 - 1,), (GIB4,), (GIB4 + 5, 7), (GIB4 - 1, 7), (3 << 30, 3 << 30, 1)])
def test_zip64_appears_exactly_where_needed(sizes: tuple[int, ...]) -> None:
    entries = [Entry("manifest.json", 2, 9), *(Entry(f"z{i}", size, i) for i, size in enumerate(sizes))]
    sparse = Sparse(entries)
    found = read_container(sparse.fetch, sparse.size, DEFAULT)
    assert [Entry(member.name, member.size, member.crc32) for member in found] == entries
    begin = 0
    for entry, head in zip(entries, sparse.layout.heads, strict=True):
        extras = head[30 + len(entry.name) :]
        assert (extras[:4] == struct.pack("<2H", 1, 16)) == (entry.size >= GIB4)
        begin += len(head) + entry.size
    assert (b"PK\6\6" in sparse.layout.tail) == (begin >= GIB4)
    assert (b"PK\6\7" in sparse.layout.tail) == (begin >= GIB4)


@pytest.mark.parametrize("sizes", [(GIB4,), (GIB4 + 5, 7), (3 << 30, 3 << 30, 1)])
def test_the_standard_library_agrees_on_zip64(sizes: tuple[int, ...]) -> None:
    class File(io.RawIOBase):
        def __init__(self, sparse: Sparse) -> None:
            self.sparse, self.position = sparse, 0

        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return True

        def seek(self, offset: int, whence: int = 0) -> int:
            self.position = offset + (0, self.position, self.sparse.size)[whence]
            return self.position

        def tell(self) -> int:
            return self.position

        def read(self, size: int = -1) -> bytes:
            size = self.sparse.size - self.position if size < 0 else size
            data = self.sparse.read(self.position, min(size, self.sparse.size - self.position))
            self.position += len(data)
            return data

    entries = [Entry("manifest.json", 2, 9), *(Entry(f"z{i}", size, i) for i, size in enumerate(sizes))]
    sparse = Sparse(entries)
    with zipfile.ZipFile(File(sparse)) as stock:  # type: ignore[arg-type]
        assert [(info.filename, info.file_size, info.CRC) for info in stock.infolist()] == [tuple(e) for e in entries]
        offsets = [info.header_offset for info in stock.infolist()]
    heads = zip(sparse.layout.offsets, sparse.layout.heads, strict=True)
    assert offsets == [offset - len(head) for offset, head in heads]


def test_zip64_fields_where_not_needed_are_refused() -> None:
    entries = [Entry("manifest.json", 0, 0)]
    layout = frame(entries)
    end = struct.unpack("<4s4H2LH", layout.tail[-22:])
    size, offset = end[5], end[6]
    wide = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 813, 45, 0, 0, 1, 1, size, offset)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, offset + size, 1)
    data = layout.heads[0] + layout.tail[:-22] + wide + locator + layout.tail[-22:]
    assert code_of(data) == "container-not-canonical"
    lying = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    assert code_of(data[:-22] + lying) == "container-not-canonical"
