"""Which members stand beside which: listed against present, sizes, pairs, places and limits."""

from __future__ import annotations

from collections.abc import Mapping

from amber.archive import names
from amber.archive.manifest import Manifest
from amber.errors import FormatError, LimitError
from amber.limits import Limits

_REQUIRED = (names.TREE, names.ENVIRONMENT)


def check_members(manifest: Manifest, sizes: Mapping[str, int], limits: Limits) -> None:
    """Check the members present (name and size in bytes) against the manifest and the closed table of places.

    Raises:
        FormatError: `member-unlisted`, `member-missing`, `member-unknown`, `member-size`, `member-too-large`.
        LimitError: `limit-...`: one is larger than the reader accepts.
    """
    _check_listed(manifest, sizes)
    for name in sizes:
        names.check_place(name)
    for name in _REQUIRED:
        if name not in sizes:
            raise _missing(name, "every artifact has this member")
    _check_shards(sizes)
    _check_cases(manifest, sizes)
    _check_programs(manifest, sizes)
    check_signature_sizes(sizes)
    _check_limits(sizes, limits)


def _missing(name: str, message: str) -> FormatError:
    return FormatError("member-missing", message, where=name)


def _check_listed(manifest: Manifest, sizes: Mapping[str, int]) -> None:
    present = {name for name in sizes if name != names.MANIFEST and not names.is_signature(name)}
    listed = manifest.members.keys()
    if extra := present - listed:
        raise FormatError("member-unlisted", "is there but the manifest does not list it", where=min(extra))
    if absent := listed - present:
        raise _missing(min(absent), "the manifest lists it but it is not there")
    for name, info in manifest.members.items():
        if info.size != sizes[name]:
            raise FormatError("member-size", f"has {sizes[name]} bytes, the manifest says {info.size}", where=name)


def _check_shards(sizes: Mapping[str, int]) -> None:
    count = sum(map(names.is_shard, sizes))
    for number in range(1, count + 1):
        if names.shard_name(number) not in sizes:
            raise _missing(names.shard_name(number), "shards are numbered from 1 without gaps")


def _check_cases(manifest: Manifest, sizes: Mapping[str, int]) -> None:
    cases = {name for name in sizes if name.startswith(names.CASES)}
    for name in sorted(cases):
        stem, _, ending = name.rpartition(".")
        other = f"{stem}.{'bin' if ending == 'json' else 'json'}"
        if other not in cases:
            raise _missing(other, f"{name} does not stand alone")
    if cases and manifest.cases is None:
        raise FormatError("member-unlisted", "there are cases, the manifest describes none", where=names.CASES)
    if manifest.cases is not None and not cases:
        raise _missing(names.CASES, "the manifest describes cases, there are none")


def _check_programs(manifest: Manifest, sizes: Mapping[str, int]) -> None:
    present = {name for name in sizes if name.startswith(names.PROGRAMS)}
    graphs = [program.member for program in manifest.programs]
    described = {*graphs, *(graph.removesuffix("onnx") + "json" for graph in graphs)}
    if extra := present - described:
        raise FormatError("member-unlisted", "the manifest describes no such program", where=min(extra))
    if absent := described - present:
        raise _missing(min(absent), "the manifest describes this program")


def check_signature_sizes(sizes: Mapping[str, int]) -> None:
    """Check the sizes of the members below `signatures/`, before any of them is looked at.

    Raises:
        FormatError: `member-too-large`.
    """
    for name, size in sizes.items():
        if names.is_signature(name) and size > names.signature_bytes(name, len(sizes)):
            raise FormatError("member-too-large", f"{size} bytes are too many for a signature", where=name)


def _check_limits(sizes: Mapping[str, int], limits: Limits) -> None:
    caps = {
        names.TREE: ("limit-tree-bytes", limits.tree_bytes),
        names.STRINGS: ("limit-strings-bytes", limits.strings_bytes),
        names.CARD: ("limit-card-bytes", limits.card_bytes),
        names.ENVIRONMENT: ("limit-environment-bytes", limits.environment_bytes),
    }
    for name, (code, cap) in caps.items():
        if sizes.get(name, 0) > cap:
            raise LimitError(code, f"{sizes[name]} bytes, {cap} accepted", where=name)
    cases = [size for name, size in sizes.items() if name.startswith(names.CASES)]
    if len(cases) > limits.cases_members:
        raise LimitError(
            "limit-cases-members", f"{len(cases)} members, {limits.cases_members} accepted", where=names.CASES
        )
    if sum(cases) > limits.cases_bytes:
        raise LimitError("limit-cases-bytes", f"{sum(cases)} bytes, {limits.cases_bytes} accepted", where=names.CASES)
