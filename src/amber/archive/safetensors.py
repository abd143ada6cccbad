"""Tensor shards: safetensors files with one spelling, so that the same tensors are always the same bytes.

Upstream's layout and order (`spec/tensors.md`), but a header that is a pure function of names, dtypes and
shapes: the reader re-encodes it and compares, which refuses duplicates, holes, overlaps, unknown fields and
odd spacing.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from amber.archive.container import LARGE_ALIGNMENT, MIB, SMALL_ALIGNMENT
from amber.archive.digests import Buffer
from amber.archive.names import MAX_SHARDS, shard_name
from amber.errors import FormatError, LimitError, SaveError
from amber.limits import Limits
from amber.tree.dtypes import CARRIER_BYTES, MAX_BYTES
from amber.tree.nodes import Tensor

SHARD_BYTES = 128 * MIB  # of data, unless one tensor alone is larger
HEADER_BYTES = 25_000_000  # written at most; readers of the field accept no more
# safetensors' own enumeration, reversed: it writes the widest first, then by name.
_RANK = {
    kind: rank
    for rank, kind in enumerate(
        ("U64", "I64", "F64", "C64", "F32", "U32", "I32", "BF16", "F16", "U16", "I16", "I8", "U8", "BOOL")
    )
}
_NAME = re.compile(r"t(0|[1-9][0-9]{0,8})")
_LENGTH = struct.Struct("<Q")
# Small tensors are written together: a system call or a hash update for each would cost more than the copy.
_SMALL = 64 * 1024
_RUN = 1 * MIB
_BOOL_CHUNK = 1 * MIB


class _Info(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


_decoder = msgspec.json.Decoder(dict[str, _Info])


class Slot(NamedTuple):
    """One entry of a header: where the tensor lies in the data section, in bytes."""

    name: str
    carrier: str
    shape: tuple[int, ...]
    begin: int
    end: int


class Shard(NamedTuple):
    """One safetensors file to write: member name, and its bytes in pieces."""

    name: str
    parts: list[Buffer]


def data_alignment(data_bytes: int) -> int:
    """Return what the offset of a data section of `data_bytes` bytes is a multiple of."""
    return LARGE_ALIGNMENT if data_bytes >= MIB else SMALL_ALIGNMENT


def plan(sizes: Sequence[int]) -> list[range]:
    """Return which tensors go into which shard, from their sizes in bytes in first-visit order.

    A shard closes before the tensor that would take its data beyond 128 MiB.
    """
    shards: list[range] = []
    begin, held = 0, 0
    for index, size in enumerate(sizes):
        if index > begin and held + size > SHARD_BYTES:
            shards.append(range(begin, index))
            begin, held = index, 0
        held += size
    if sizes:
        shards.append(range(begin, len(sizes)))
    return shards


def make_header(tensors: Sequence[tuple[str, str, tuple[int, ...]]]) -> tuple[bytes, list[Slot]]:
    """Return the first bytes of a shard, up to its data section, and its slots in the order they lie there.

    Args:
        tensors: Name, carrier and shape of each tensor, in any order.
    """
    slots: list[Slot] = []
    fields: list[str] = []
    position = 0
    for name, carrier, shape in sorted(tensors, key=lambda item: (_RANK[item[1]], item[0])):
        end = position + CARRIER_BYTES[carrier] * math.prod(shape)
        slots.append(Slot(name, carrier, shape, position, end))
        dims = ",".join(map(str, shape))
        fields.append(f'"{name}":{{"dtype":"{carrier}","shape":[{dims}],"data_offsets":[{position},{end}]}}')
        position = end
    text = ("{" + ",".join(fields) + "}").encode("ascii")
    spaces = -(_LENGTH.size + len(text)) % data_alignment(position)
    return _LENGTH.pack(len(text) + spaces) + text + b" " * spaces, slots


def make_shards(tensors: Sequence[Tensor]) -> list[Shard]:
    """Return the shards that hold `tensors`, named t0, t1, ... in this order.

    Raises:
        SaveError: `tensors-too-many`: more shards, or tensors in one, than the format has room for.
    """
    shards: list[Shard] = []
    for number, indices in enumerate(plan([tensor.data.nbytes for tensor in tensors]), 1):
        header, slots = make_header([(f"t{i}", tensors[i].carrier, tensors[i].shape) for i in indices])
        if number > MAX_SHARDS or len(header) - _LENGTH.size > HEADER_BYTES:
            raise SaveError("tensors-too-many", f"{len(tensors)} arrays are more than the format can name")
        data = [tensors[int(slot.name[1:])].data for slot in slots]
        shards.append(Shard(shard_name(number), [header, *_coalesce(data)]))
    return shards


def _coalesce(parts: Sequence[memoryview]) -> list[Buffer]:
    """Join runs of small parts; large ones pass uncopied."""
    joined: list[Buffer] = []
    run: list[memoryview] = []
    held = 0
    for part in parts:
        small = part.nbytes < _SMALL
        if run and (not small or held + part.nbytes > _RUN):
            joined.append(b"".join(run))
            run, held = [], 0
        if small:
            run.append(part)
            held += part.nbytes
        else:
            joined.append(part)
    if run:
        joined.append(b"".join(run))
    return joined


def header_bytes(begin: memoryview | bytes, size: int, limits: Limits, where: str) -> int:
    """Return the number of bytes before the data section of a shard of `size` bytes, from its first 8 bytes.

    Raises:
        FormatError: `tensor-header-invalid`: there is no room for a header.
        LimitError: `limit-tensor-header-bytes`.
    """
    if size < _LENGTH.size or len(begin) < _LENGTH.size:
        raise FormatError("tensor-header-invalid", "shorter than a header", where=where)
    (length,) = _LENGTH.unpack_from(begin)
    if length > limits.tensor_header_bytes:
        raise LimitError(
            "limit-tensor-header-bytes",
            f"{length} bytes of header, {limits.tensor_header_bytes} accepted",
            where=where,
        )
    if length > size - _LENGTH.size:
        raise FormatError("tensor-header-invalid", "the header is longer than the member", where=where)
    return _LENGTH.size + int(length)


def read_header(header: memoryview | bytes, data_bytes: int, limits: Limits, where: str) -> list[Slot]:
    """Return the slots of a shard whose data section has `data_bytes` bytes, proved to cover it exactly.

    Raises:
        FormatError: `tensor-header-invalid`, `tensor-out-of-bounds`, `tensor-header-not-canonical`.
        LimitError: `limit-tensors`.
    """
    try:
        table = _decoder.decode(header[_LENGTH.size :])
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError) as error:
        raise FormatError("tensor-header-invalid", str(error), where=where) from error
    if len(table) > limits.tensors:
        raise LimitError("limit-tensors", f"{len(table)} tensors, {limits.tensors} accepted", where=where)
    for name, info in table.items():
        _check_info(name, info, data_bytes, limits, where)
    again, slots = make_header([(name, info.dtype, tuple(info.shape)) for name, info in table.items()])
    if not slots or slots[-1].end != data_bytes:
        covered = slots[-1].end if slots else 0
        raise FormatError("tensor-out-of-bounds", f"tensors cover {covered} of {data_bytes} bytes", where=where)
    if again != header:
        raise FormatError("tensor-header-not-canonical", "the header is not spelt as these tensors give", where=where)
    return slots


def _check_info(name: str, info: _Info, data_bytes: int, limits: Limits, where: str) -> None:
    if not _NAME.fullmatch(name) or info.dtype not in _RANK:
        raise FormatError("tensor-header-invalid", f"{name!r} of dtype {info.dtype!r} is not known", where=where)
    # one more dimension than an array: complex and wide items carry their parts in the last
    if len(info.shape) > limits.tensor_rank + 1 or any(not 0 <= dim <= MAX_BYTES for dim in info.shape):
        raise FormatError("tensor-header-invalid", f"{name} has no valid shape", where=where)
    begin, end = info.data_offsets
    if not 0 <= begin <= end <= data_bytes or end - begin != CARRIER_BYTES[info.dtype] * math.prod(info.shape):
        raise FormatError("tensor-out-of-bounds", f"{name} lies at [{begin}, {end}) of {data_bytes} bytes", where=where)


def read_shard(view: memoryview, limits: Limits, where: str = "shard") -> dict[str, Tensor]:
    """Return the tensors of one shard by name, as views (writeable where `view` is).

    Raises:
        FormatError: Any rule of `read_header`, or `tensor-bool`: a boolean is neither 0 nor 1.
        LimitError: A header or a number of tensors beyond `limits`.
    """
    begin = header_bytes(view[: _LENGTH.size], len(view), limits, where)
    data = view[begin:]
    tensors: dict[str, Tensor] = {}
    for slot in read_header(view[:begin], len(data), limits, where):
        part = data[slot.begin : slot.end]
        if slot.carrier == "BOOL" and not _is_bool(part):
            raise FormatError("tensor-bool", f"{slot.name} holds a boolean that is neither 0 nor 1", where=where)
        tensors[slot.name] = Tensor(slot.carrier, slot.shape, part)
    return tensors


def _is_bool(data: memoryview) -> bool:
    return not any(
        bytes(data[start : start + _BOOL_CHUNK]).translate(None, b"\0\1") for start in range(0, len(data), _BOOL_CHUNK)
    )


def in_order(shards: Sequence[dict[str, Tensor]], where: str = "model/") -> list[Tensor]:
    """Return t0, t1, ... of all shards, which must be filled as the writer fills them.

    Raises:
        FormatError: `shards-not-canonical`: a name is missing or stands twice, or a boundary is elsewhere.
    """
    total = sum(map(len, shards))
    found: dict[str, Tensor] = {}
    for shard in shards:
        found.update(shard)
    tensors = [found[name] for index in range(total) if (name := f"t{index}") in found]
    if len(tensors) != total:
        raise FormatError("shards-not-canonical", "tensors are not named t0, t1, ... once each", where=where)
    expected = plan([CARRIER_BYTES[tensor.carrier] * math.prod(tensor.shape) for tensor in tensors])
    if len(expected) != len(shards) or any(
        len(shard) != len(indices) or f"t{index}" not in shard
        for shard, indices in zip(shards, expected, strict=True)
        for index in indices
    ):
        raise FormatError("shards-not-canonical", "the tensors are not split into shards as they must be", where=where)
    return tensors
