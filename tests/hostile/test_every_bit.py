"""Any single bit flipped, any end cut off: always an `AmberError`, on every way a file can come in."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

import amber
from amber.archive.container import read_container, view_fetch
from amber.errors import AmberError
from amber.limits import DEFAULT
from amber.policy import Policy
from amber.vault.check import check, open_checked

ACCEPTED = Path(__file__).resolve().parents[2] / "spec" / "vectors" / "accept"
SMALL = ("plain.amber", "cases.amber")
LARGE = ACCEPTED / "aligned.amber"  # one member of more than 1 MiB, whose CRC a plain load does not check


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("name", SMALL)
def test_every_bit_of_a_small_file_is_covered(name: str) -> None:
    data = (ACCEPTED / name).read_bytes()
    assert not check(data).code
    missed = [bit for bit in range(8 * len(data)) if not check(flipped(data, bit)).code]
    assert missed == []


@pytest.mark.parametrize("name", SMALL)
def test_a_load_refuses_flipped_bits_too(name: str) -> None:
    data = (ACCEPTED / name).read_bytes()
    amber.load(data, replay="never", report=True)
    for bit in range(0, 8 * len(data), 53):
        with pytest.raises(AmberError):
            amber.load(flipped(data, bit), replay="never")


def test_a_file_cut_anywhere_is_refused_by_a_load() -> None:
    data = (ACCEPTED / "plain.amber").read_bytes()
    for size in range(len(data)):
        with pytest.raises(AmberError):
            amber.load(data[:size], replay="never")
    for more in (b"\0", b"PK\5\6" + bytes(18), data):
        with pytest.raises(AmberError):
            amber.load(data + more, replay="never")


def sampled(data: bytes) -> Iterator[int]:
    """Bits of a large file: every byte that is no payload of the large member, and a sample of that payload."""
    rng = random.Random(0)
    large = next(member for member in read_container(view_fetch(memoryview(data)), len(data), DEFAULT)
                 if member.size > 2**20)  # fmt: skip
    payload = range(large.offset, large.offset + large.size)
    for byte in range(len(data)):
        if byte not in payload and (byte % 7 == 0 or byte + 8 in payload or byte - 8 in payload):
            yield 8 * byte + rng.randrange(8)
    yield from (8 * place + rng.randrange(8) for place in (payload.start, payload.stop - 1, *rng.sample(payload, 60)))


@pytest.mark.parametrize("mmap", [True, False], ids=["mapped", "read"])
def test_sampled_bits_of_a_large_file_are_covered(tmp_path: Path, mmap: bool) -> None:
    data = LARGE.read_bytes()
    path = tmp_path / "large.amber"
    path.write_bytes(data)
    open_checked(path, mmap=mmap).opened.close()
    bits = list(sampled(data))
    assert len(bits) > 300
    for bit in bits:
        with path.open("r+b") as file:
            file.seek(bit // 8)
            file.write(bytes([data[bit // 8] ^ 1 << bit % 8]))
        with pytest.raises(AmberError):
            open_checked(path, Policy(), mmap)
        with path.open("r+b") as file:
            file.seek(bit // 8)
            file.write(data[bit // 8 : bit // 8 + 1])
    open_checked(path, mmap=mmap).opened.close()


@pytest.mark.parametrize("bit", [8 * 40, 8 * 700 + 3, 8 * 1500 + 7])
def test_a_file_object_is_covered_alike(bit: int) -> None:
    data = (ACCEPTED / "plain.amber").read_bytes()
    with pytest.raises(AmberError):
        amber.load(io.BytesIO(flipped(data, bit)), replay="never")
