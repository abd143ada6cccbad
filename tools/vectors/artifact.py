"""A small valid artifact whose every part can be bent: members, manifest, and the bytes of the container.

`Draft` fills in what follows from its members (sizes, digests, the container) unless told otherwise, so that a vector
breaks exactly the rule it is about. Nothing in a vector is harmful: names of functions stand where data is expected.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from blake3 import blake3

from amber.archive import container, names, safetensors
from amber.archive.container import Entry
from amber.tree.nodes import Tensor

ENVIRONMENT = b'lock-version = "1.0"\ncreated-by = "amber"\npackages = []\n\n[tool.amber]\npython = "3.11.0"\n'
Members = dict[str, bytes]


def canonical(value: Any) -> bytes:
    """The canonical JSON of plain data, by another encoder than the package's."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def manifest() -> dict[str, Any]:
    """The manifest of an artifact that holds no model, without its members."""
    return {
        "adapter": {"id": "python", "state_version": 1}, "batching": {}, "format": 1, "hyperparameters": {},
        "inputs": [], "kind": "object", "libraries": {}, "metadata": {}, "methods": [], "metrics": {},
        "name": "model", "outputs": [], "requires": [], "version": "0.0.0",
    }  # fmt: skip


@dataclass
class Draft:
    """An artifact to be. `tree` is the node table as plain JSON; `tensors` are t0, t1, ...; `strings` the columns."""

    tree: list[Any] = field(default_factory=list)
    strings: list[list[str]] = field(default_factory=list)
    tensors: list[Tensor] = field(default_factory=list)
    manifest: dict[str, Any] = field(default_factory=manifest)
    extra: Members = field(default_factory=dict)  # further or replaced members; replaces what follows from the above
    without: Sequence[str] = ()  # members left out
    unlisted: Sequence[str] = ()  # members the manifest does not list
    listed: dict[str, Any] = field(default_factory=dict)  # entries of the manifest's table put over the right ones
    manifest_bytes: Callable[[bytes], bytes] = bytes  # the last word on the bytes of manifest.json

    def members(self) -> Members:
        """All members, in the order of the container."""
        found: Members = {
            names.TREE: canonical({"nodes": self.tree, "root": 0}),
            names.ENVIRONMENT: ENVIRONMENT,
        }
        if self.strings:
            found[names.STRINGS] = canonical(self.strings)
        for shard in safetensors.make_shards(self.tensors):
            found[shard.name] = b"".join(shard.parts)
        found.update(self.extra)
        found = {name: data for name, data in found.items() if name not in self.without}
        if names.MANIFEST not in found and names.MANIFEST not in self.without:
            found[names.MANIFEST] = self.manifest_bytes(canonical(self.manifest | {"members": self._table(found)}))
        return {name: found[name] for name in names.ordered(found)}

    def _table(self, members: Members) -> dict[str, Any]:
        table = {
            name: {"blake3": blake3(data).hexdigest(), "size": len(data)}
            for name, data in members.items()
            if not name.startswith(names.SIGNATURES) and name not in self.unlisted
        }
        return table | self.listed

    def data(self) -> bytes:
        """The file."""
        return pack(list(self.members().items()))


def pack(members: list[tuple[str, bytes]]) -> bytes:
    """A container of these members in this order."""
    form = container.frame([Entry(name, len(data), zlib.crc32(data)) for name, data in members])
    payloads = [data for _, data in members]
    return b"".join(head + data for head, data in zip(form.heads, payloads, strict=True)) + form.tail


def heads(members: list[tuple[str, bytes]]) -> list[int]:
    """Where the local header of each member begins."""
    form = container.frame([Entry(name, len(data), zlib.crc32(data)) for name, data in members])
    return [offset - len(head) for offset, head in zip(form.offsets, form.heads, strict=True)]


def tensor(carrier: str, form: str, *values: Any, shape: tuple[int, ...] | None = None) -> Tensor:
    """A tensor of values packed by a `struct` letter, of one dimension unless a shape is given."""
    data = struct.pack(f"<{len(values)}{form}", *values)
    return Tensor(carrier, (len(values),) if shape is None else shape, memoryview(data))


def plain() -> Draft:
    """A dict of an array, a long list of strings, a text and a set: no framework needed to read it."""
    return Draft(
        tree=[
            ["dict", [[1, 2], [3, 4], [5, 6], [7, 8]]],
            ["str", "array"], ["array", "<f8", [3], "C", 0],
            ["str", "names"], ["strings", "list", 0],
            ["str", "set"], ["set", [9, 10]],
            ["str", "text"], ["str", "ambre \u2764"],
            ["int", 1], ["int", 2],
        ],
        strings=[["a", "b", "c"]],
        tensors=[tensor("F64", "d", 1.0, 2.5, -0.0)],
    )  # fmt: skip
