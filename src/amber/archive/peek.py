"""A first look at an artifact of any size: its directory, its small members and the headers of its shards.

Nothing else is read, so nothing here says that the rest is whole.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass

from amber.archive import memory, names, safetensors
from amber.archive.container import Fetch, read_container, view_fetch
from amber.archive.folder import read_folder
from amber.archive.source import Form, Opened, Source, check_crc, check_path, check_size, open_file, open_source
from amber.errors import SourceError
from amber.limits import Limits
from amber.tree.nodes import Tensor


@dataclass(frozen=True, slots=True)
class Peeked:
    """What was seen: sizes in bytes, the `members` read whole, and the shards' tensors without data."""

    form: Form
    where: str
    size: int
    sizes: dict[str, int]
    members: dict[str, bytes]
    shards: list[dict[str, Tensor]]


def peek_source(source: Source, limits: Limits) -> Peeked:
    """Look at an artifact; what is read is CRC-checked in the file form.

    Raises:
        SourceError: It cannot be read.
        FormatError: The container or a header is not valid.
        LimitError: It is larger than the limits allow.
    """
    if isinstance(source, str | os.PathLike):
        path = check_path(source)
        return _peek_folder(path, limits) if os.path.isdir(path) else _peek_file(path, limits)
    with open_source(source, limits=limits) as opened:
        return peek_opened(opened, limits)


def peek_opened(opened: Opened, limits: Limits) -> Peeked:
    """Look at an artifact that is in memory.

    Raises:
        FormatError: A header is not valid.
        LimitError: It is larger than the limits allow.
    """
    glimpses = {name: _glimpse(name, len(view), view_fetch(view), limits) for name, view in opened.members.items()}
    return _peeked(opened.form, opened.where, opened.size, opened.sizes, glimpses, limits)


def _peek_file(path: str, limits: Limits) -> Peeked:
    with open_file(path) as (descriptor, info):
        check_size(info.st_size, limits, path)
        fetch = _file_fetch(descriptor, path)
        sizes: dict[str, int] = {}
        glimpses: dict[str, bytes] = {}
        for member in read_container(fetch, info.st_size, limits):
            inner = _shifted(fetch, member.offset)
            glimpse = _glimpse(member.name, member.size, inner, limits)
            if len(glimpse) == member.size:
                check_crc(member.name, glimpse, member.crc32)
            sizes[member.name] = member.size
            glimpses[member.name] = glimpse
        return _peeked("file", path, info.st_size, sizes, glimpses, limits)


def _peek_folder(path: str, limits: Limits) -> Peeked:
    def take(name: str, descriptor: int, size: int) -> tuple[int, bytes]:
        return size, _glimpse(name, size, _file_fetch(descriptor, name), limits)

    found = read_folder(path, limits, take)
    sizes = {name: size for name, (size, _) in found.items()}
    glimpses = {name: glimpse for name, (_, glimpse) in found.items()}
    return _peeked("folder", path, sum(sizes.values()), sizes, glimpses, limits)


def _file_fetch(descriptor: int, where: str) -> Fetch:
    def fetch(offset: int, size: int) -> bytes:
        view = memory.allocate(size)
        try:
            os.lseek(descriptor, offset, os.SEEK_SET)
            with io.FileIO(descriptor, "rb", closefd=False) as file:
                memory.fill(file, view, where)
        except OSError as error:
            raise SourceError("source-unreadable", str(error), where=where) from error
        return bytes(view)

    return fetch


def _shifted(fetch: Fetch, begin: int) -> Fetch:
    return lambda offset, size: fetch(begin + offset, size)


def _glimpse(name: str, size: int, fetch: Fetch, limits: Limits) -> bytes:
    """Return the whole member, the header of a shard, or nothing of what a look does not need."""
    if names.is_shard(name):
        header = safetensors.header_bytes(bytes(fetch(0, min(size, 8))), size, limits, name)
        return bytes(fetch(0, header))
    caps = {
        names.MANIFEST: limits.manifest_bytes,
        names.TREE: limits.tree_bytes,
        names.STRINGS: limits.strings_bytes,
        names.CARD: limits.card_bytes,
        names.ENVIRONMENT: limits.environment_bytes,
    }
    return bytes(fetch(0, size)) if size <= caps.get(name, -1) else b""


def _peeked(
    form: Form, where: str, size: int, sizes: dict[str, int], glimpses: dict[str, bytes], limits: Limits
) -> Peeked:
    shards: list[dict[str, Tensor]] = []
    members: dict[str, bytes] = {}
    for name, glimpse in glimpses.items():
        if names.is_shard(name):
            slots = safetensors.read_header(glimpse, sizes[name] - len(glimpse), limits, name)
            shards.append({slot.name: Tensor(slot.carrier, slot.shape, memoryview(b"")) for slot in slots})
        elif len(glimpse) == sizes[name]:
            members[name] = glimpse
    return Peeked(form, where, size, sizes, members, shards)
