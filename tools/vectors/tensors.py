"""Step 6, first part: tensor shards that are not the one spelling of their tensors."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

from amber.archive import names
from tools.vectors.artifact import Draft, plain, tensor
from tools.vectors.index import Vector, reject

SHARD = names.shard_name(1)
DATA = struct.pack("<3d", 1.0, 2.5, -0.0)
ENTRY = {"dtype": "F64", "shape": [3], "data_offsets": [0, 24]}


def vectors() -> Iterator[Vector]:
    yield from _headers()
    yield from _spelling()
    yield from _bounds()
    yield from _shards()
    yield from _limits()


def shard(header: bytes, data: bytes = DATA, length: int | None = None, aligned: bool = True) -> Draft:
    """The plain artifact with a shard of this header; padded as the format wants unless told otherwise."""
    if aligned:
        header += b" " * (-(8 + len(header)) % 64)
    draft = plain()
    draft.extra = {SHARD: struct.pack("<Q", len(header) if length is None else length) + header + data}
    return draft


def _json(table: Any) -> bytes:
    return json.dumps(table, separators=(",", ":")).encode()


def _headers() -> Iterator[Vector]:
    for what, draft, shows in (
        ("short", _raw(b"\x10\0\0\0"), "fewer than 8 bytes"),
        ("no-room", shard(_json({"t0": ENTRY}), length=10_000), "the header is longer than the member"),
        ("not-json", shard(b"t0: F64[3]"), "no JSON"),
        ("not-object", shard(b"[]"), "an array"),
        ("not-utf8", shard(b'{"t\xff":{}}'), "not UTF-8"),
        ("deep", shard(b"[" * 20_000), "20 000 open brackets"),
        (
            "metadata",
            shard(_json({"__metadata__": {"format": "pt"}, "t0": ENTRY})),
            "metadata, which Amber never writes",
        ),
        ("name", shard(_json({"weight": ENTRY})), "a tensor that is not called t<n>"),
        ("name-zero", shard(_json({"t00": ENTRY})), "a number with a leading zero"),
        ("dtype", shard(_json({"t0": ENTRY | {"dtype": "F8_E4M3"}})), "a dtype that Amber does not use"),
        ("dtype-object", shard(_json({"t0": ENTRY | {"dtype": "O"}})), "an object dtype"),
        ("key-missing", shard(_json({"t0": {"dtype": "F64", "shape": [3]}})), "offsets are missing"),
        ("key-unknown", shard(_json({"t0": ENTRY | {"x": 1}})), "an unknown key"),
        ("shape-negative", shard(_json({"t0": ENTRY | {"shape": [-3]}})), "a negative dimension"),
        ("shape-float", shard(_json({"t0": ENTRY | {"shape": [1.5]}})), "a dimension with a fraction"),
        ("shape-long", shard(_json({"t0": ENTRY | {"shape": [1] * 60 + [3]}})), "61 dimensions"),
        ("shape-huge", shard(_json({"t0": ENTRY | {"shape": [2**63, 0, 3]}})), "a dimension of 2^63"),
    ):
        yield reject("tensor-header-invalid", what, draft, f"the header of a shard: {shows}", 6)


def _raw(data: bytes) -> Draft:
    draft = plain()
    draft.extra = {SHARD: data}
    return draft


def _spelling() -> Iterator[Vector]:
    good = _json({"t0": ENTRY})
    two = {"t0": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]},
           "t1": {"dtype": "F64", "shape": [2], "data_offsets": [8, 24]}}  # fmt: skip
    swapped = {"t1": {"dtype": "F64", "shape": [2], "data_offsets": [0, 16]},
               "t0": {"dtype": "F64", "shape": [1], "data_offsets": [16, 24]}}  # fmt: skip
    spaced = json.dumps({"t0": ENTRY}).encode()
    for what, draft, shows in (
        ("spaces", shard(spaced), "spaces inside"),
        ("not-padded", shard(_json(two), aligned=False), "no spaces after it: the data is not aligned"),
        ("padded-more", shard(good + b" " * 64), "64 spaces more than it takes"),
        ("padded-front", shard(b" " * 64 + good), "spaces in front"),
        ("keys-unordered", shard(_json({"t0": dict(reversed(ENTRY.items()))})), "keys in another order"),
        ("duplicate", shard(good[:-1] + b"," + good[1:]), "one tensor twice"),
        ("names-unordered", shard(_json({name: two[name] for name in ("t1", "t0")})), "entries in another order"),
        ("data-unordered", shard(_json(swapped)), "tensors of one dtype not in the order of their names"),
        ("escape", shard(good.replace(b"F64", b"F\\u0036" + b"4")), "an escape"),
        ("line-feed", shard(good + b"\n"), "a line feed as padding"),
    ):
        yield reject("tensor-header-not-canonical", what, draft, f"the header of a shard: {shows}", 6)


def _bounds() -> Iterator[Vector]:
    over = {"t0": {"dtype": "F64", "shape": [2], "data_offsets": [0, 16]},
            "t1": {"dtype": "F64", "shape": [2], "data_offsets": [8, 24]}}  # fmt: skip
    hole = {"t0": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]},
            "t1": {"dtype": "F64", "shape": [1], "data_offsets": [16, 24]}}  # fmt: skip
    for what, draft, shows in (
        ("beyond", shard(_json({"t0": ENTRY | {"shape": [4], "data_offsets": [0, 32]}})), "ends behind the member"),
        ("far", shard(_json({"t0": ENTRY | {"data_offsets": [2**62, 2**62 + 24]}})), "begins at 2^62"),
        ("negative", shard(_json({"t0": ENTRY | {"data_offsets": [-24, 0]}})), "begins before the data"),
        ("backwards", shard(_json({"t0": ENTRY | {"data_offsets": [24, 0]}})), "ends before it begins"),
        ("shape", shard(_json({"t0": ENTRY | {"shape": [2]}})), "shape and offsets disagree"),
        ("overflow", shard(_json({"t0": ENTRY | {"shape": [2**61, 8, 3]}})), "a shape whose size overflows 64 bits"),
        ("rest", shard(_json({"t0": ENTRY}), DATA + b"PAYLOAD!"), "bytes behind the last tensor"),
        ("no-tensor", shard(b"{}", DATA), "data, and no tensor"),
        ("empty", shard(b"{}", b""), "no tensor at all"),
        ("hole", shard(_json(hole)), "a hole between two tensors"),
        ("overlap", shard(_json(over)), "two tensors overlap"),
    ):
        code = "tensor-out-of-bounds"
        yield reject(code, what, draft, f"a tensor: {shows}", 6)
    draft = Draft(tree=[["array", "|b1", [2], "C", 0]], tensors=[tensor("BOOL", "B", 1, 2)])
    yield reject("tensor-bool", "two", draft, "a boolean of value 2", 6)


def _shards() -> Iterator[Vector]:
    draft = shard(_json({"t1": ENTRY}))
    yield reject("shards-not-canonical", "name", draft, "the only tensor is called t1", 6)
    draft = plain()
    draft.tree.append(["array", "<f8", [3], "C", 1])
    draft.tree[0] = ["list", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]]
    draft.tree = [["list", [1, 2]], ["array", "<f8", [3], "C", 0], ["array", "<f8", [3], "C", 1]]
    draft.strings = []
    one = draft.members()[SHARD]
    draft.extra = {names.shard_name(2): one}
    yield reject("shards-not-canonical", "twice", draft, "a tensor is in two shards", 6)
    draft = Draft(tree=draft.tree, extra={SHARD: _alone("t0"), names.shard_name(2): _alone("t1")})
    yield reject("shards-not-canonical", "boundary", draft, "two shards where one has room for both", 6)
    draft = Draft(tree=draft.tree, extra={SHARD: _alone("t1"), names.shard_name(2): _alone("t0")})
    yield reject("shards-not-canonical", "order", draft, "t1 lies in the shard before that of t0", 6)


def _alone(name: str) -> bytes:
    """A shard that holds one tensor."""
    return shard(_json({name: ENTRY})).extra[SHARD]


def _limits() -> Iterator[Vector]:
    yield reject("limit-tensor-header-bytes", "declared", shard(_json({"t0": ENTRY}), length=2**63),
                 "a header of 2^63 bytes", 6)  # fmt: skip
    yield reject("limit-tensors", "small-limit", plain(), "more tensors than the reader's tensors", 6,
                 limits={"tensors": 0})  # fmt: skip
