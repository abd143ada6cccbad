"""What a bill of materials may say of an artifact, gathered once from the bytes that were checked."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from dataclasses import dataclass, field

from amber.archive import names
from amber.archive.assemble import read_tree
from amber.archive.digests import blake3_hex, root_of
from amber.archive.hashing import Algorithm, hash_members
from amber.archive.manifest import Manifest
from amber.archive.source import Opened, Source
from amber.errors import shown
from amber.policy import Policy
from amber.tree import nodes
from amber.tree.nodes import Tree
from amber.vault.check import open_checked
from amber.vault.sbom import front_matter, packages
from amber.vault.trusting import Asked

MAX_COLUMNS = 256  # inputs or outputs listed one by one; beyond it columns of one form are counted
MAX_TYPES = 256  # named
MAX_CHARS = 1024  # of one name or text
OWN_PACKAGES = 64  # of classes of the user's own
_SHA256: tuple[Algorithm, ...] = ("sha256",)
_OWN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_TASKS = {
    "classifier": "classification",
    "regressor": "regression",
    "clusterer": "clustering",
    "outlier-detector": "outlier detection",
    "density": "density estimation",
    "transformer": "transformation",
}
_APPROACHES = {
    "classifier": "supervised",
    "regressor": "supervised",
    "clusterer": "unsupervised",
    "outlier-detector": "unsupervised",
    "density": "unsupervised",
}
_HALF_LABELLED = "sklearn.semi_supervised."


@dataclass(frozen=True, slots=True)
class Member:
    """One member outside `signatures/`: bytes, and both digests in hex."""

    name: str
    size: int
    sha256: str
    blake3: str

    @property
    def is_data(self) -> bool:
        """Whether it holds recorded cases or arrays, and no description."""
        return self.name.startswith(names.CASES) or names.is_shard(self.name)

    @property
    def media_type(self) -> str:
        """Media type of its bytes."""
        return _MEDIA_TYPES.get(self.name.rpartition(".")[2], "application/octet-stream")


_MEDIA_TYPES = {"json": "application/json", "md": "text/markdown", "toml": "application/toml"}


@dataclass(frozen=True)
class Facts:
    """What is known, and fit to be shown: texts of the file are escaped and cut, values of columns are not in it.

    Args:
        id: The artifact's id.
        manifest: As it stands; the forms take from it only what is no value of a row.
        root: Type of the outermost object; empty where it is a plain value.
        types: How many objects of each type, the user's own classes included, by name.
        own: Names of the top-level packages of the user's own classes and functions.
        members: In stored order.
        environment: Packages and runtime.
        said: What the card's front matter says (`front_matter.KEYS`).
    """

    id: str
    manifest: Manifest
    root: str
    types: dict[str, int]
    own: tuple[str, ...]
    members: tuple[Member, ...]
    environment: packages.Environment
    said: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def serial(self) -> str:
        """The document's serial number: `urn:uuid:` and the UUIDv5 of `amber:artifact:ID` in the namespace of URLs."""
        return uuid.uuid5(uuid.NAMESPACE_URL, f"amber:artifact:{self.id}").urn

    @property
    def task(self) -> str:
        """What the model does: the card's word, else what its kind says; empty for other kinds."""
        return self.said.get("task", ("",))[0] or _TASKS.get(self.manifest.kind, "")

    @property
    def approach(self) -> str:
        """How it was taught, where the kind says so."""
        if any(name.startswith(_HALF_LABELLED) for name in self.types):
            return "semi-supervised"
        return _APPROACHES.get(self.manifest.kind, "")

    @property
    def architecture(self) -> str:
        """The outermost type, then the others with their numbers."""
        counts = self._without_root()
        others = [f"{count} x {name}" if count > 1 else name for name, count in list(counts.items())[:MAX_TYPES]]
        others += [f"and {len(counts) - MAX_TYPES} more"] if len(counts) > MAX_TYPES else []
        return f"{self.root} of {', '.join(others)}" if self.root and others else self.root or ", ".join(others)

    def _without_root(self) -> dict[str, int]:
        counts = Counter(self.types)
        counts[self.root] -= 1
        return {name: count for name, count in sorted(counts.items()) if count > 0}

    @property
    def inputs(self) -> tuple[str, ...]:
        """Each input as `name: dtype[shape]`."""
        return _columns([(each.name, each.dtype, each.shape) for each in self.manifest.inputs])

    @property
    def outputs(self) -> tuple[str, ...]:
        """Each output as `method: dtype[shape]`, or `method -> name: ...` where it has a name of its own."""
        return _columns(
            [
                (each.method if each.name == each.method else f"{each.method} -> {each.name}", each.dtype, each.shape)
                for each in self.manifest.outputs
            ]
        )

    @property
    def tolerances(self) -> dict[str, str]:
        """When an answer counts as the same, by output."""
        rules = {}
        for each in self.manifest.outputs:
            rule = "exact"
            if each.tolerance is not None:
                rule = f"{each.tolerance.relative} relative and {each.tolerance.absolute} of the largest recorded value"
            rules[each.method if each.name == each.method else f"{each.method} -> {cut(each.name)}"] = rule
        return dict(list(rules.items())[:MAX_COLUMNS])

    @property
    def metrics(self) -> dict[str, str]:
        """Metrics as the manifest spells them."""
        return {cut(name): str(value) for name, value in self.manifest.metrics.items()}


def cut(text: str) -> str:
    """Return a text of the file with controls escaped, cut at `MAX_CHARS`."""
    return shown(text, MAX_CHARS)


def gather(source: Source, policy: Policy | None = None) -> Facts:
    """Open an artifact, check it and return what a bill of materials may say of it.

    Args:
        source: A path to a file or folder, bytes, or a seekable binary file.
        policy: The reader's limits; describing runs nothing, so that a policy has nothing to decide.

    Raises:
        FormatError: The artifact is not whole, or its environment is not valid.
        LimitError: It is larger than the limits allow.
        SourceError: It cannot be read.
    """
    with open_checked(source, policy, asked=Asked(purpose="move")) as proved:
        opened, manifest = proved.opened, proved.manifest
        tree = read_tree(opened.members, proved.policy.limits)
        types, own = _types(tree)
        members = _members(opened, manifest)
        facts = Facts(
            id=root_of({each.name: bytes.fromhex(each.sha256) for each in members}),
            manifest=manifest,
            root=_type_of(tree.nodes[tree.root]),
            types=types,
            own=own,
            members=members,
            environment=packages.read(opened.members[names.ENVIRONMENT], manifest.libraries),
            said=front_matter.read(opened.members.get(names.CARD)),
        )
        opened.confirm()
        return facts


def _members(opened: Opened, manifest: Manifest) -> tuple[Member, ...]:
    covered = {name: view for name, view in opened.members.items() if not names.is_signature(name)}
    digests = hash_members(covered, _SHA256).sha256
    listed = {name: info.blake3 for name, info in manifest.members.items()}  # compared with the bytes a moment ago
    listed[names.MANIFEST] = blake3_hex([covered[names.MANIFEST]])
    return tuple(Member(name, len(view), digests[name].hex(), listed[name]) for name, view in covered.items())


def _types(tree: Tree) -> tuple[dict[str, int], tuple[str, ...]]:
    counts: Counter[str] = Counter()
    own: set[str] = set()
    for node in tree.nodes:
        if isinstance(node, nodes.Object):
            counts[node.type] += 1
        elif isinstance(node, nodes.Custom):
            counts[node.name] += 1
        if isinstance(node, nodes.Custom | nodes.CustomType | nodes.CustomFunction):
            package = node.name.partition(".")[0]
            if _OWN.fullmatch(package):
                own.add(package)
    shortened: Counter[str] = Counter()
    for name, count in counts.items():
        shortened[cut(name)] += count
    return dict(sorted(shortened.items())), tuple(sorted(own)[:OWN_PACKAGES])


def _type_of(node: nodes.AnyNode) -> str:
    if isinstance(node, nodes.Object):
        return cut(node.type)
    return cut(node.name) if isinstance(node, nodes.Custom) else ""


def _columns(columns: list[tuple[str, str, list[int]]]) -> tuple[str, ...]:
    forms = [f"{dtype}[{', '.join('any' if size < 0 else str(size) for size in shape)}]" for _, dtype, shape in columns]
    if len(columns) <= MAX_COLUMNS:
        return tuple(f"{cut(name)}: {form}" for (name, _, _), form in zip(columns, forms, strict=True))
    return tuple(f"{count} columns: {form}" for form, count in Counter(forms).items())
