"""A new artifact made of an old one: the same model, the same card and environment, and the old one's id as its parent.

In: the checked artifact and what of it changes. Out: `Descended`. Called by every verb that changes a member (freeze,
redact): signatures spoke of the old artifact and are dropped, programs were certified by its cases; both are said.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from amber.archive.manifest import Manifest
    from amber.policy import Policy
    from amber.tree.evidence import Evidence
    from amber.tree.nodes import Tree


@dataclass(frozen=True)
class Descended:
    """What was written: size in bytes, the manifest without its table of members, what was left behind."""

    size: int
    manifest: Manifest
    notes: tuple[str, ...]


def descend(
    checked: Any,
    target: str | os.PathLike[str],
    draft: Manifest,
    *,
    note: str,
    tree: Tree,
    evidence: Evidence | None,
    rules: Policy,
    card: bytes | None = None,
    made: Mapping[str, list[bytes]] | None = None,
) -> Descended:
    """Write a descendant of an artifact, atomically.

    Args:
        checked: The artifact, as `open_checked` yields it.
        target: The file to write.
        draft: The manifest of the new one; `members` and `lineage` are filled in here.
        note: What was done, for `lineage`.
        tree: The model, unchanged.
        evidence: The cases of the new one.
        rules: Whose limits hold.
        card: Its card, where the old one has none.
        made: Members of programs that are new.

    Raises:
        AmberError: Something cannot be written; the target is as it was.
    """
    from amber.archive.assemble import assemble
    from amber.archive.digests import artifact_id
    from amber.archive.manifest import Lineage
    from amber.archive.names import CARD, ENVIRONMENT
    from amber.archive.write import write_artifact

    members = checked.opened.members
    parent = artifact_id({name: [view] for name, view in members.items()})
    draft = msgspec.structs.replace(draft, members={}, lineage=Lineage(parent=parent, note=note))
    kept = tuple(f"programs/{each.name}." for each in draft.programs)
    extra = {name: [view] for name, view in members.items() if name.startswith(kept)} | dict(made or {})
    own = members.get(CARD)
    whole = assemble(
        draft, tree, evidence, bytes(members[ENVIRONMENT]), card if own is None else bytes(own), extra, rules.limits
    )
    return Descended(write_artifact(target, whole), draft, tuple(_left(checked.manifest, draft, members)))


def _left(old: Manifest, new: Manifest, members: Mapping[str, Any]) -> list[str]:
    """Say what of the old artifact is not in the new one."""
    said = []
    if any(name.startswith("signatures/") for name in members):
        said.append("the signatures were dropped: they spoke of the old artifact")
    kept = {each.name for each in new.programs}
    gone = [each.name for each in old.programs if each.name not in kept]
    if gone:
        said.append(
            f"the programs were dropped ({', '.join(gone)}): the cases that certified them are gone; "
            "amber freeze makes them anew"
        )
    return said
