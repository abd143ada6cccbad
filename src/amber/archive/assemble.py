"""Members from a tree, its evidence and a manifest; and tree and evidence back from members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from amber.archive import names, safetensors
from amber.archive.cases import decode_group, encode_group
from amber.archive.digests import Buffer, blake3_hex
from amber.archive.manifest import CasesInfo, Manifest, MemberInfo, decode_manifest, encode_manifest
from amber.archive.manifest_rules import check_for_save
from amber.archive.member_rules import check_members
from amber.errors import FormatError, LimitError, UsageError
from amber.limits import DEFAULT, Limits
from amber.tree import codec
from amber.tree.evidence import Evidence
from amber.tree.nodes import Tensor, Tree


def assemble(
    draft: Manifest,
    tree: Tree,
    evidence: Evidence | None,
    environment: bytes,
    card: bytes | None = None,
    extra: Mapping[str, Sequence[Buffer]] | None = None,
    limits: Limits = DEFAULT,
) -> dict[str, list[Buffer]]:
    """Return all members of an artifact, by name in stored order, each as the pieces it is written in.

    Arrays are not copied, except small ones, which are joined.

    Args:
        draft: The manifest; its `members` and `cases` are filled in here.
        tree: The model.
        evidence: The recorded cases, or None where there are none.
        environment: Bytes of `env/pylock.toml`.
        card: UTF-8 bytes of the model card.
        extra: Further members (programs).
        limits: What a reader with these limits would refuse is not written.

    Raises:
        UsageError: A value of the draft breaks a rule of the manifest.
        SaveError: Something cannot be written.
        LimitError: A member is larger than `limits`.
    """
    members: dict[str, list[Buffer]] = {
        names.TREE: [codec.encode_tree(tree)],
        names.ENVIRONMENT: [environment],
    }
    if tree.strings:
        members[names.STRINGS] = [codec.encode_strings(tree)]
    if card is not None:
        members[names.CARD] = [card]
    for shard in safetensors.make_shards(tree.tensors):
        members[shard.name] = shard.parts
    for group in evidence.groups if evidence is not None else ():
        json, binary = encode_group(group)
        members[f"cases/{group.id}.json"] = [json]
        members[f"cases/{group.id}.bin"] = [_as_bytes(part) for part in binary]
    members.update({name: list(parts) for name, parts in (extra or {}).items()})
    return _sealed(draft, evidence, members, limits)


def _as_bytes(part: memoryview | bytes) -> Buffer:
    """Return a view of single bytes, whose length is its size."""
    view = memoryview(part)
    return view.cast("B") if view.nbytes else b""


def _sealed(
    draft: Manifest, evidence: Evidence | None, members: dict[str, list[Buffer]], limits: Limits
) -> dict[str, list[Buffer]]:
    sizes = {name: sum(map(len, parts)) for name, parts in members.items()}
    manifest = msgspec.structs.replace(
        draft,
        members={name: MemberInfo(size=sizes[name], blake3=blake3_hex(parts)) for name, parts in members.items()},
        cases=_describe(evidence),
    )
    check_for_save(manifest)
    check_members(manifest, sizes, limits)
    members[names.MANIFEST] = [_encoded(manifest, limits)]
    names.check_names(members, limits)
    return {name: members[name] for name in names.ordered(members)}


def _encoded(manifest: Manifest, limits: Limits) -> bytes:
    """Return the manifest's bytes, read back: what this version writes, this version reads."""
    data = encode_manifest(manifest)
    try:
        decode_manifest(data, limits)
    except FormatError as error:
        raise UsageError(error.code, error.message, where=error.where, hint=error.hint) from error
    return data


def _describe(evidence: Evidence | None) -> CasesInfo | None:
    if evidence is None or not evidence.groups:
        return None
    return CasesInfo(
        source="sample" if evidence.source == "sample" else "synthetic",
        rows=evidence.rows,
        dropped=evidence.dropped,
        knife_edge=evidence.knife_edge,
        contains_training_rows=evidence.contains_training_rows,
    )


def read_tree(members: Mapping[str, memoryview], limits: Limits) -> Tree:
    """Return the tree, its form and its tensors' bounds proved; names and values are audited elsewhere.

    The tensors are views over the members.

    Raises:
        FormatError: A shard or the table breaks a rule.
        LimitError: It is larger than the limits allow.
    """
    shards = [safetensors.read_shard(view, limits, name) for name, view in members.items() if names.is_shard(name)]
    return tree_of(members[names.TREE], members.get(names.STRINGS), shards, limits)


def tree_of(
    table: memoryview | bytes,
    strings: memoryview | bytes | None,
    shards: Sequence[dict[str, Tensor]],
    limits: Limits,
) -> Tree:
    """Return the tree of a table, its string columns and the tensors of its shards in order.

    Raises:
        FormatError: A rule of the table or of the shards is broken.
        LimitError: It is larger than the limits allow.
    """
    if sum(map(len, shards)) > limits.tensors:
        raise LimitError("limit-tensors", f"more than {limits.tensors} tensors", where="model/")
    return codec.decode_tree(table, strings, safetensors.in_order(shards), limits)


def read_evidence(manifest: Manifest, members: Mapping[str, memoryview], limits: Limits) -> Evidence | None:
    """Return the recorded cases, None where the artifact has none.

    Raises:
        FormatError: A group breaks a rule, or the manifest counts other rows.
        LimitError: They are larger than the limits allow.
    """
    info = manifest.cases
    if info is None:
        return None
    groups = [
        decode_group(name[len(names.CASES) : -len(".json")], view, members[name[: -len("json")] + "bin"], limits)
        for name, view in members.items()
        if name.startswith(names.CASES) and name.endswith(".json")
    ]
    if not groups:
        raise FormatError("member-missing", "the manifest describes cases, there are none", where=names.CASES)
    return Evidence(
        groups=groups,
        source=info.source,
        rows=info.rows,
        dropped=info.dropped,
        knife_edge=info.knife_edge,
        contains_training_rows=info.contains_training_rows,
    )
