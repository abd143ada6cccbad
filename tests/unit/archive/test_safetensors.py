from __future__ import annotations

import json
import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load as stock_load
from safetensors.numpy import save as stock_save

from amber.archive import safetensors
from amber.archive.safetensors import SHARD_BYTES, in_order, make_header, make_shards, plan, read_shard
from amber.errors import AmberError, FormatError, LimitError
from amber.limits import DEFAULT, Limits
from amber.tree.dtypes import CARRIER_BYTES
from amber.tree.nodes import Tensor

MIB = 1024 * 1024
DTYPES = {
    "U64": "<u8", "I64": "<i8", "F64": "<f8", "C64": "<c8", "F32": "<f4", "U32": "<u4", "I32": "<i4", "F16": "<f2",
    "U16": "<u2", "I16": "<i2", "I8": "|i1", "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip

specs = st.lists(
    st.tuples(st.sampled_from(sorted(DTYPES)), st.lists(st.integers(0, 5), max_size=4)), min_size=1, max_size=14
)


def make(carrier: str, shape: tuple[int, ...]) -> Tensor:
    size = CARRIER_BYTES[carrier] * math.prod(shape)
    return Tensor(carrier, shape, memoryview(bytes(i % 2 for i in range(size))))


def join(tensors: list[Tensor]) -> bytes:
    (shard,) = make_shards(tensors)
    return b"".join(shard.parts)


def header_length(data: bytes) -> int:
    return int.from_bytes(data[:8], "little")


@given(specs)
@settings(max_examples=100, deadline=None)
def test_round_trip(listed: list[tuple[str, list[int]]]) -> None:
    tensors = [make(carrier, tuple(shape)) for carrier, shape in listed]
    found = in_order([read_shard(memoryview(join(tensors)), DEFAULT)])
    assert [(t.carrier, t.shape, bytes(t.data)) for t in found] == [
        (t.carrier, t.shape, bytes(t.data)) for t in tensors
    ]


@given(specs)
@settings(max_examples=50, deadline=None)
def test_only_the_padding_differs_from_upstream(listed: list[tuple[str, list[int]]]) -> None:
    tensors = [make(carrier, tuple(shape)) for carrier, shape in listed]
    arrays = {
        f"t{i}": np.frombuffer(tensor.data, DTYPES[tensor.carrier]).reshape(tensor.shape)
        for i, tensor in enumerate(tensors)
    }
    ours, theirs = join(tensors), stock_save(arrays)
    mine, other = header_length(ours), header_length(theirs)
    assert ours[8 : 8 + mine].rstrip(b" ") == theirs[8 : 8 + other].rstrip(b" ")
    assert ours[8 + mine :] == theirs[8 + other :]
    loaded = stock_load(ours)
    assert all(loaded[name].tobytes() == array.tobytes() for name, array in arrays.items())


@pytest.mark.parametrize(("size", "multiple"), [(0, 64), (1, 64), (MIB - 1, 64), (MIB, 16384), (MIB + 1, 16384)])
def test_the_data_section_is_aligned_in_the_folder_form(size: int, multiple: int) -> None:
    data = join([Tensor("U8", (size,), memoryview(bytes(size)))])
    assert (8 + header_length(data)) % multiple == 0
    assert 8 + header_length(data) - len(data[8:].partition(b"}}")[0]) < multiple + 16


def test_order_is_widest_first_then_names_as_strings() -> None:
    tensors = [make("U8", (1,)) for _ in range(12)] + [make("F64", (1,)), make("U64", (1,)), make("F32", (1,))]
    _, slots = make_header([(f"t{i}", tensor.carrier, tensor.shape) for i, tensor in enumerate(tensors)])
    assert [slot.name for slot in slots] == [
        "t13", "t12", "t14", "t0", "t1", "t10", "t11", "t2", "t3", "t4", "t5", "t6", "t7", "t8", "t9",
    ]  # fmt: skip


def test_large_parts_are_not_copied() -> None:
    large = memoryview(bytearray(100_000))
    (shard,) = make_shards([Tensor("U8", (3,), memoryview(b"abc")), Tensor("U8", (100_000,), large)])
    assert any(isinstance(part, memoryview) and part.obj is large.obj for part in shard.parts)


def test_views_are_writeable() -> None:
    tensor = read_shard(memoryview(bytearray(join([make("F64", (2,))]))), DEFAULT)["t0"]
    assert not tensor.data.readonly
    assert np.frombuffer(tensor.data, "<f8").flags.writeable


def test_plan() -> None:
    assert plan([]) == []
    assert plan([SHARD_BYTES]) == [range(1)]
    assert plan([SHARD_BYTES, 1]) == [range(1), range(1, 2)]
    assert plan([SHARD_BYTES, 0, 1]) == [range(2), range(2, 3)]
    assert plan([1, SHARD_BYTES - 1, 1]) == [range(2), range(2, 3)]
    assert plan([1, 2 * SHARD_BYTES, 1, 1]) == [range(1), range(1, 2), range(2, 4)]


def rebuilt(table: object, data: bytes, spaces: int | None = None, raw: bytes | None = None) -> memoryview:
    text = json.dumps(table, separators=(",", ":")).encode() if raw is None else raw
    padding = -(8 + len(text)) % 64 if spaces is None else spaces
    return memoryview(struct.pack("<Q", len(text) + padding) + text + b" " * padding + data)


def info(dtype: object = "U8", shape: object = (4,), offsets: object = (0, 4)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def code_of(view: memoryview, limits: Limits = DEFAULT) -> str:
    with pytest.raises(AmberError) as caught:
        read_shard(view, limits, "model/tensors-00001.safetensors")
    return caught.value.code


def test_the_helper_makes_valid_shards() -> None:
    assert list(read_shard(rebuilt({"t0": info()}, b"abcd"), DEFAULT)) == ["t0"]


@pytest.mark.parametrize(
    "table",
    [
        {}, [], {"t0": info(dtype="F8_E4M3")}, {"t0": info(dtype=1)}, {"a": info()}, {"t00": info()}, {"t-1": info()},
        {"t0": {**info(), "more": 1}}, {"t0": {"dtype": "U8", "shape": [4]}}, {"t0": info(shape=[-4])},
        {"t0": info(shape=4)},
        {"t0": info(shape=[1.5])}, {"t0": info(offsets=[0])}, {"t0": info(shape=[1] * 33 + [4])}, {"t0": None},
        {"__metadata__": {"a": "b"}, "t0": info()}, {"t0": info(shape=[2**63])}, {"t0": info(shape=[2**70])},
    ],
)  # fmt: skip
def test_invalid_headers(table: object) -> None:
    assert code_of(rebuilt(table, b"abcd")) in ("tensor-header-invalid", "tensor-out-of-bounds")


@pytest.mark.parametrize(
    ("table", "data"),
    [
        ({"t0": info()}, b"abc"), ({"t0": info()}, b"abcde"), ({"t0": info(offsets=[1, 5])}, b"abcde"),
        ({"t0": info(shape=[5])}, b"abcd"), ({"t0": info(offsets=[4, 0])}, b"abcd"),
        ({"t0": info(offsets=[-4, 0])}, b"abcd"),
        ({"t0": info(shape=[2**31, 2**31])}, b"abcd"), ({"t0": info(offsets=[0, 2**40], shape=[2**40])}, b"abcd"),
        ({"t0": info(), "t1": info()}, b"abcd"), ({"t0": info(), "t1": info(offsets=[5, 9])}, b"abcdefghi"),
        ({"t0": info(), "t1": info(offsets=[3, 7])}, b"abcdefg"),
    ],
)  # fmt: skip
def test_holes_overlaps_and_bounds(table: object, data: bytes) -> None:
    assert code_of(rebuilt(table, data)) in ("tensor-out-of-bounds", "tensor-header-not-canonical")


def test_other_spellings_of_a_header() -> None:
    good = json.dumps({"t0": info()}, separators=(",", ":")).encode()
    for raw in (
        b" " + good,
        good[:-1] + b" }",
        good.replace(b":[0", b": [0"),
        good.replace(b"U8", b"U\\u0038"),
        good + b"\n",
    ):
        assert code_of(rebuilt(None, b"abcd", raw=raw)) == "tensor-header-not-canonical"
    double = good[:-1] + b"," + good[1:]
    assert code_of(rebuilt(None, b"abcd", raw=double)) == "tensor-header-not-canonical"
    assert code_of(rebuilt({"t0": info()}, b"abcd", spaces=0)) == "tensor-header-not-canonical"
    swapped = {"t0": {"shape": [4], "dtype": "U8", "data_offsets": [0, 4]}}
    assert code_of(rebuilt(swapped, b"abcd")) == "tensor-header-not-canonical"
    turned = {"t1": info(offsets=[0, 4]), "t0": info(offsets=[4, 8])}
    assert code_of(rebuilt(turned, b"abcdefgh")) == "tensor-header-not-canonical"


def test_booleans_are_0_or_1() -> None:
    assert read_shard(rebuilt({"t0": info("BOOL")}, b"\0\1\1\0"), DEFAULT)["t0"].carrier == "BOOL"
    assert code_of(rebuilt({"t0": info("BOOL")}, b"\0\1\2\0")) == "tensor-bool"
    late = bytes(MIB) + b"\xff"
    shard = bytearray(join([Tensor("BOOL", (MIB + 1,), memoryview(bytes(MIB + 1)))]))
    shard[-len(late) :] = late
    assert code_of(memoryview(shard)) == "tensor-bool"


def test_lengths() -> None:
    assert code_of(memoryview(b"")) == "tensor-header-invalid"
    assert code_of(memoryview(bytes(7))) == "tensor-header-invalid"
    assert code_of(memoryview(bytes(8))) == "tensor-header-invalid"
    assert code_of(memoryview(struct.pack("<Q", 1000) + b"{}")) == "tensor-header-invalid"
    assert code_of(memoryview(struct.pack("<Q", 2**63) + b"{}")) == "limit-tensor-header-bytes"
    shard = memoryview(join([make("U8", (1,)), make("U8", (1,))]))
    assert code_of(shard, Limits(tensor_header_bytes=10)) == "limit-tensor-header-bytes"
    assert code_of(shard, Limits(tensors=1)) == "limit-tensors"


def test_any_changed_header_byte_is_detected() -> None:
    data = join([make("U8", (3,)), make("F64", (2, 1)), make("BOOL", (2,))])
    for position in range(8 + header_length(data)):
        for flip in (1, 2, 4, 8, 16, 32, 64, 128):
            changed = bytearray(data)
            changed[position] ^= flip
            try:
                found = in_order([read_shard(memoryview(changed), DEFAULT)])
            except AmberError:
                continue
            # another valid header: only a dtype of the same width or a name may have changed, never a size
            assert sum(t.data.nbytes for t in found) == len(data) - 8 - header_length(data)


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_give_an_amber_error(data: bytes) -> None:
    for begin in (b"", struct.pack("<Q", len(data) // 2)):
        with pytest.raises(AmberError):
            read_shard(memoryview(begin + data), DEFAULT)


def split(*groups: list[int]) -> list[dict[str, Tensor]]:
    return [{f"t{i}": make("U8", (1,)) for i in group} for group in groups]


@pytest.mark.parametrize("groups", [([0], [1]), ([0, 2],), ([1, 2],), ([0, 1], [1]), ([], [0]), ([0], [])])
def test_shards_that_are_split_otherwise(groups: tuple[list[int], ...]) -> None:
    with pytest.raises(FormatError) as caught:
        in_order(split(*groups))
    assert caught.value.code == "shards-not-canonical"


def test_shards_follow_the_plan() -> None:
    half = SHARD_BYTES // 2 + 1
    lazy = [Tensor("U8", (half,), memoryview(b"")) for _ in range(3)]
    assert in_order([{"t0": lazy[0]}, {"t1": lazy[1]}, {"t2": lazy[2]}]) == lazy
    with pytest.raises(FormatError):
        in_order([{"t0": lazy[0], "t1": lazy[1]}, {"t2": lazy[2]}])
    with pytest.raises(FormatError):
        in_order([{"t1": lazy[1]}, {"t0": lazy[0]}, {"t2": lazy[2]}])


def test_too_long_a_header_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safetensors, "HEADER_BYTES", 100)
    with pytest.raises(AmberError) as caught:
        make_shards([make("U8", (1,)) for _ in range(10)])
    assert caught.value.code == "tensors-too-many"
    assert not isinstance(caught.value, LimitError)
