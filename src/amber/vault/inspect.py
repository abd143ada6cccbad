"""`amber.inspect`: everything about an artifact without importing a framework, and without reading its arrays.

Read are the container's directory, the manifest, the tree and the headers of the shards. Digests and the id
are computed where the file has at most 16 MiB, or when asked; `Info.digests` says which.
"""

from __future__ import annotations

import html
import os
from dataclasses import dataclass, field
from typing import Any

import msgspec

from amber.archive import names
from amber.archive.assemble import tree_of
from amber.archive.digests import artifact_id, check_digests
from amber.archive.lock import tables
from amber.archive.manifest import Manifest, decode_manifest
from amber.archive.manifest_rules import check_values
from amber.archive.member_rules import check_members
from amber.archive.peek import Peeked, peek_opened, peek_source
from amber.archive.source import Form, Source, open_source
from amber.errors import FormatError, shown
from amber.limits import Limits
from amber.policy import Policy
from amber.report import Status
from amber.tree import nodes
from amber.tree.nodes import Tree
from amber.vault.outline import MAX_LINES, outline

ID_BYTES = 16 * 1024 * 1024  # up to this size the id is computed without being asked for


@dataclass(frozen=True)
class Info:
    """What is in an artifact. `str(info)` is for people, `info.to_dict()` for programs.

    Args:
        form: Where it was read from: `file`, `folder` or `bytes`.
        size: Bytes of the file, or of all members of the folder.
        members: Bytes of each member, in stored order.
        manifest: As it stands, its values checked.
        types: How many objects of each vocabulary type it would build.
        functions: Functions of the vocabulary it refers to.
        allow: Names of the user's own classes and functions that the reader's policy must allow.
        environment: What was recorded of the writing environment (`[tool.amber]` of `env/pylock.toml`).
        digests: Whether the BLAKE3 digests were checked: `passed` or `not-asked`.
        id: The artifact's id; empty where it was not computed.
        signatures: Names of the members below `signatures/`; none is checked.
    """

    form: Form
    size: int
    members: dict[str, int]
    manifest: Manifest
    types: dict[str, int]
    functions: tuple[str, ...]
    allow: tuple[str, ...]
    environment: dict[str, Any]
    digests: Status = "not-asked"
    id: str = ""
    signatures: tuple[str, ...] = ()
    _tree: Tree | None = field(default=None, repr=False, compare=False)

    @property
    def name(self) -> str:
        """Name of the artifact."""
        return self.manifest.name

    @property
    def version(self) -> str:
        """Version, MAJOR.MINOR.PATCH."""
        return self.manifest.version

    @property
    def kind(self) -> str:
        """What the model is, for example `classifier`."""
        return self.manifest.kind

    @property
    def methods(self) -> list[str]:
        """Methods with recorded answers."""
        return self.manifest.methods

    @property
    def signature_status(self) -> Status:
        """`not-present`, or `not-asked`: who signed, and whether that counts, says `verify`."""
        return "not-asked" if self.signatures else "not-present"

    def tree(self, max_lines: int = MAX_LINES) -> str:
        """Return the object tree as indented text of at most `max_lines` lines."""
        return "" if self._tree is None else outline(self._tree, max_lines)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data (`--json`); the manifest's keys at the top level, `members` with sizes."""
        return {
            **msgspec.to_builtins(self.manifest),
            "form": self.form,
            "size": self.size,
            "members": dict(self.members),
            "types": dict(self.types),
            "functions": list(self.functions),
            "allow": list(self.allow),
            "environment": self.environment,
            "digests": self.digests,
            "id": self.id,
            "signatures": {"status": self.signature_status, "members": list(self.signatures)},
        }

    def __str__(self) -> str:
        from amber.vault.describe import describe

        return "\n".join(describe(self))

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def inspect(source: Source, *, id: bool | None = None, policy: Policy | None = None) -> Info:
    """Return what is in an artifact. Nothing is built and no framework is imported.

    Args:
        source: A path to a file or folder, bytes, or a seekable binary file.
        id: Compute the id (and check all digests): True, False, or None for artifacts of at most 16 MiB.
        policy: The reader's rules (its limits).

    Raises:
        FormatError: The container, the manifest or the tree is not valid.
        LimitError: It is larger than the limits allow.
        SourceError: It cannot be read.
    """
    rules = policy or Policy()
    peeked = None if id else _unless_small(source, id, rules.limits)
    if peeked is not None:
        return _info(peeked, rules.limits, "not-asked", "")
    with open_source(source, limits=rules.limits) as opened:
        peeked = peek_opened(opened, rules.limits)
        manifest = _manifest(peeked, rules.limits)
        check_digests({name: info.blake3 for name, info in manifest.members.items()}, opened.members)
        found = artifact_id({name: [view] for name, view in opened.members.items()})
        opened.confirm()
        return _info(peeked, rules.limits, "passed", found)


def _unless_small(source: Source, id: bool | None, limits: Limits) -> Peeked | None:
    """Return a first look, or None where the whole artifact is small enough to be read for its id."""
    if id is None and isinstance(source, str | os.PathLike) and os.path.isfile(source):
        if os.path.getsize(source) <= ID_BYTES:
            return None
    elif id is None and isinstance(source, bytes | bytearray | memoryview) and len(source) <= ID_BYTES:
        return None
    peeked = peek_source(source, limits)
    return None if id is None and peeked.size <= ID_BYTES else peeked


def _manifest(peeked: Peeked, limits: Limits) -> Manifest:
    manifest = decode_manifest(peeked.members.get(names.MANIFEST, b""), limits)
    check_values(manifest)
    check_members(manifest, peeked.sizes, limits)
    return manifest


def _info(peeked: Peeked, limits: Limits, digests: Status, id: str) -> Info:
    manifest = _manifest(peeked, limits)
    tree = tree_of(peeked.members[names.TREE], peeked.members.get(names.STRINGS), peeked.shards, limits)
    types: dict[str, int] = {}
    functions: set[str] = set()
    allow: set[str] = set()
    for node in tree.nodes:
        if isinstance(node, nodes.Object):
            types[node.type] = types.get(node.type, 0) + 1
        elif isinstance(node, nodes.FunctionRef):
            functions.add(node.name)
        elif isinstance(node, nodes.Custom | nodes.CustomType | nodes.CustomFunction):
            allow.add(node.name)
    return Info(
        form=peeked.form,
        size=peeked.size,
        members=peeked.sizes,
        manifest=manifest,
        types=dict(sorted(types.items())),
        functions=tuple(sorted(functions)),
        allow=tuple(sorted(allow)),
        environment=_environment(peeked.members[names.ENVIRONMENT]),
        digests=digests,
        id=id,
        signatures=tuple(name for name in peeked.sizes if names.is_signature(name)),
        _tree=tree,
    )


def _environment(data: bytes) -> dict[str, Any]:
    table = tables(data).get("tool", {})
    recorded = table.get("amber", {}) if isinstance(table, dict) else {}
    try:
        plain = _plain(recorded)
    except RecursionError as error:
        raise FormatError("environment-invalid", "nested too deeply", where=names.ENVIRONMENT) from error
    return plain if isinstance(plain, dict) else {}


def _plain(value: Any) -> Any:
    """Return a TOML value as JSON can hold it; dates become text."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | bool | int | float) else shown(value)
