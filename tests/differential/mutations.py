"""Changed artifacts: bytes anywhere, or one part changed with every digest and the container made right again.

Everything follows from the seed of the generator that is passed in, so that a file that two readers see differently
can be made again from its number.
"""

from __future__ import annotations

import copy
import json
import random
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from blake3 import blake3

from amber.archive import names
from amber.archive.source import open_source
from tests.unit.spec.vectors import accepted, rejected, source
from tools.vectors.artifact import Members, canonical, pack

COMPAT = Path(__file__).resolve().parents[1] / "compat"
LARGEST_SEED = 1 << 18  # bytes: larger files show nothing that smaller ones do not
# What takes the place of a number, a text or an index: edges of ranges, words that mean something elsewhere.
ATOMS: list[Any] = [
    0, 1, -1, 2, 3, 5, 17, 64, 65, 2**31 - 1, 2**31, 2**53 - 1, 2**53, 2**62, 2**63, -(2**63), None, True, False, "",
    "C", "F", "Cr0", "Fr1", "list", "tuple", "dict", "<f8", "|b1", "<U0", "<U3", "|V0", "|V3", "|O", ">U1", "|S0",
    "<M8", "<M8[3s]", ">m8[ns]", "<c16", ">f2", "nan", "nan:7ff8000000000001", "inf", "1.0", "-0.0", "0", "1e+16",
    "AA==", "|u1", "<i8", "int", "numpy", "<i4", ">f8", "61000000", "ffffffff", "00", "02", "a+", "(?:a+)+b",
    "(?i)k[^s]", "sklearn.linear_model.Ridge", "os.system", "numpy.float64", "builtins.dict", "euclidean",
    "content", [], {}, [[]], [0, 1], 0.5, 1e300,
]  # fmt: skip


@cache
def seeds() -> list[Members]:
    """Members of accepted vectors, of those that only values are wrong with, and of models of other versions."""
    rows = accepted() + [row for row in rejected() if row["part"] == "values"]
    paths = [Path(source(row)) for row in rows if not row.get("policy")] + sorted(COMPAT.glob("sklearn-1.9-*.amber"))
    small = [path for path in paths if path.is_file() and path.stat().st_size < LARGEST_SEED]
    return [read_data(path.read_bytes()) for path in small]


def read_data(data: bytes) -> Members:
    """The members of a file."""
    with open_source(data) as opened:
        return {name: bytes(payload) for name, payload in opened.members.items()}


def repaired(members: Members) -> bytes:
    """A file of these members with sizes, digests and container made right."""
    table = {
        name: {"blake3": blake3(data).hexdigest(), "size": len(data)}
        for name, data in members.items()
        if name != names.MANIFEST and not name.startswith(names.SIGNATURES)
    }
    if isinstance(found := parsed(members.get(names.MANIFEST, b"")), dict):
        members = {**members, names.MANIFEST: canonical({**found, "members": table})}
    return pack([(name, members[name]) for name in names.ordered(members)])


def parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None


class Mutator:
    """Makes changed files from one seed."""

    def __init__(self, seed: int, members: Members | None = None) -> None:
        self.random = random.Random(seed)
        self.members = dict(members or self.random.choice(seeds()))

    def file(self) -> bytes:
        """One changed file."""
        chosen: Callable[[], bytes] = self.random.choices(
            [self.flipped, self.in_member, self.in_json, self.in_shard, self.in_values, self.in_names],
            weights=[1, 1, 10, 2, 5, 1],
        )[0]
        return chosen()

    def bent(self, data: bytes) -> bytes:
        """Bytes with a few of them changed, taken out or put in."""
        found = bytearray(data)
        for _ in range(self.random.choice((1, 1, 2, 4))):
            at = self.random.randrange(len(found) + 1)
            change = self.random.random()
            if change < 0.7 and at < len(found):
                found[at] ^= 1 << self.random.randrange(8)
            elif change < 0.8:
                del found[at : at + self.random.choice((1, 4, 64))]
            elif change < 0.9:
                found[at:at] = self.random.randbytes(self.random.choice((1, 4, 64)))
            else:
                found[at : at + 4] = struct.pack("<L", self.random.choice((0, 1, 0xFFFF, 0xFFFFFFFF, 0x7FFFFFFF)))
        return bytes(found)

    def flipped(self) -> bytes:
        """Any byte of the file."""
        return self.bent(repaired(self.members))

    def in_member(self) -> bytes:
        """Bytes of one member."""
        name = self.random.choice(sorted(self.members))
        return repaired({**self.members, name: self.bent(self.members[name])})

    def in_names(self) -> bytes:
        """A member more, less, or under another name."""
        name, other = self.random.choice(sorted(self.members)), self.random.choice((
            "extra", "model/x", "model/tree.json", "cases/g000.json", "cases/g009.bin", "README.md", "programs/p.onnx",
            "signatures/0000-oms.sigstore.json", "signatures/x", "model/tensors-00002.safetensors", "env/pylock.toml/a",
            "model/tensors-00001.safetensors", "model/strings.json", "a" * 70, "con.txt",
        ))  # fmt: skip
        members = dict(self.members)
        data = members.pop(name) if self.random.random() < 0.6 else members[name]
        if self.random.random() < 0.7:
            members[other] = data
        return repaired(members)

    def in_json(self) -> bytes:
        """A value inside one JSON member, in its one spelling."""
        weights = {names.TREE: 20, names.MANIFEST: 5, names.STRINGS: 2}
        found = [name for name in sorted(self.members) if name in weights]
        name = self.random.choices(found, [weights[name] for name in found])[0]
        value = json.loads(self.members[name])
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            self.change(value.get("nodes", value) if name == names.TREE and self.random.random() < 0.98 else value)
        try:
            data = canonical(value)
        except UnicodeEncodeError:
            data = b"{}"
        if name == names.MANIFEST and isinstance(value, dict):
            return pack([(each, data if each == name else self.members[each]) for each in names.ordered(self.members)])
        return repaired({**self.members, name: data})

    def change(self, value: Any) -> None:
        """Change something somewhere inside a JSON value."""
        whole = value
        for _ in range(8):
            if not isinstance(value, list | dict) or not value:
                return
            key = self.random.randrange(len(value)) if isinstance(value, list) else self.random.choice(sorted(value))
            inner = value[key]
            if isinstance(inner, list | dict) and inner and self.random.random() < 0.8:
                value = inner
                continue
            self.put(value, key, whole)
            return

    def put(self, value: Any, key: Any, whole: Any) -> None:
        change = self.random.random()
        if type(value[key]) is int and change < 0.4:
            value[key] += self.random.choice((-1, 1))
        elif change < 0.6:
            value[key] = copy.deepcopy(self.random.choice(ATOMS))
        elif change < 0.75:
            value[key] = copy.deepcopy(self.picked(whole))
        elif isinstance(value, dict):
            value[self.random.choice((*value, "x", "", "__class__", "\u00e9"))] = value.pop(key)
        elif change < 0.85:
            value.insert(key, copy.deepcopy(self.random.choice(ATOMS)))
        elif change < 0.95:
            value.insert(key, copy.deepcopy(value[key]))
        else:
            del value[key]

    def picked(self, value: Any) -> Any:
        """A value from somewhere else."""
        while isinstance(value, list | dict) and value and self.random.random() < 0.8:
            value = self.random.choice(sorted(value.values(), key=str) if isinstance(value, dict) else value)
        return value

    def in_shard(self) -> bytes:
        """The header of a shard."""
        shards = [name for name in sorted(self.members) if names.is_shard(name)]
        if not shards:
            return self.in_json()
        name = self.random.choice(shards)
        data = self.members[name]
        (length,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8 : 8 + length])
        self.change(header)
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-(8 + len(text)) % self.random.choice((64, 64, 64, 8)))
        return repaired({**self.members, name: struct.pack("<Q", len(text)) + text + data[8 + length :]})

    def in_values(self) -> bytes:
        """The elements of a tensor."""
        shards = [name for name in sorted(self.members) if names.is_shard(name)]
        if not shards:
            return self.in_json()
        name = self.random.choice(shards)
        data = bytearray(self.members[name])
        (length,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8 : 8 + length])
        each = header[self.random.choice(sorted(header))]
        begin, end = (8 + length + offset for offset in each["data_offsets"])
        form = self.random.choice("bhiqfd")
        size = struct.calcsize(form)
        for _ in range(self.random.choice((1, 1, 2, 4))):
            if end - begin >= size:
                at = begin + self.random.randrange((end - begin) // size) * size
                struct.pack_into(f"<{form}", data, at, self.number(form, size))
        return repaired({**self.members, name: bytes(data)})

    def number(self, form: str, size: int) -> Any:
        if form in "fd":
            return self.random.choice((0.0, -1.0, 0.5, 1e30, float("nan"), float("inf")))
        most = 2 ** (8 * size - 1)
        found = self.random.choice(
            (0, 1, 2, 3, -1, -2, 100, 10**9, 2**40, most - 1, -most, self.random.randrange(1000))
        )
        return min(max(found, -most), most - 1)
