"""A file taken apart and put together again so that only what was meant to be wrong is wrong.

Sizes, digests, CRCs and the framing follow from the members: without them every mutation would end at step 1 or 4.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from blake3 import blake3

from amber.archive import container, names, safetensors
from amber.archive.assemble import read_tree
from amber.archive.container import Entry, read_container, view_fetch
from amber.limits import DEFAULT
from amber.tree import codec
from amber.tree.nodes import Tree

Members = dict[str, bytes]


def split(data: bytes) -> Members:
    """Return the members of a sound file by name.

    Raises:
        AmberError: It is no container.
    """
    view = memoryview(data)
    found = read_container(view_fetch(view), len(view), DEFAULT)
    return {each.name: bytes(view[each.offset : each.offset + each.size]) for each in found}


def join(members: Mapping[str, bytes]) -> bytes:
    """Return the file of these members, the manifest's table and the container made to fit them."""
    made = dict(members)
    try:
        manifest: Any = json.loads(made.get(names.MANIFEST, b""))
    except (ValueError, RecursionError):
        manifest = None
    if isinstance(manifest, dict) and isinstance(manifest.get("members"), dict):
        manifest["members"] = {
            name: {"blake3": blake3(data).hexdigest(), "size": len(data)}
            for name, data in made.items()
            if name != names.MANIFEST and not name.startswith(names.SIGNATURES)
        }
        text = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        made[names.MANIFEST] = text.encode("utf-8", "surrogatepass")
    return framed(made)


def framed(members: Mapping[str, bytes]) -> bytes:
    """Return a container of these members as they are."""
    parts = [(name, members[name]) for name in names.ordered(members)]
    form = container.frame([Entry(name, len(data), zlib.crc32(data)) for name, data in parts])
    return b"".join(head + data for head, (_, data) in zip(form.heads, parts, strict=True)) + form.tail


def tree_of(members: Mapping[str, bytes]) -> Tree:
    """Return the tree of a file's members, fresh nodes each time.

    Raises:
        AmberError: There is none, or its form is broken.
    """
    return read_tree({name: memoryview(data) for name, data in members.items()}, DEFAULT)


def with_tree(members: Mapping[str, bytes], tree: Tree) -> Members:
    """Return the members with another tree in them."""
    made = {
        name: data
        for name, data in members.items()
        if name not in (names.TREE, names.STRINGS) and not names.is_shard(name)
    }
    made[names.TREE] = codec.encode_tree(tree)
    if tree.strings:
        made[names.STRINGS] = codec.encode_strings(tree)
    for shard in safetensors.make_shards(tree.tensors):
        made[shard.name] = b"".join(shard.parts)
    return made
