"""`amber.freeze`: the same artifact with a certified program beside the model, as a new artifact with lineage."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from amber.errors import UsageError
from amber.models.libraries import needed
from amber.policy import Policy, in_force

if TYPE_CHECKING:
    from amber.archive.manifest import InputInfo, Manifest
    from amber.models.freezing import FrozenProgram, Precision


@dataclass(frozen=True)
class Frozen:
    """What was written: the artifact, and for each method of the program its verdict; `absent` says why others lack."""

    path: str
    size: int
    name: str
    version: str
    program: str
    precision: str
    verdict: str
    methods: Mapping[str, str]
    absent: Mapping[str, str] = field(default_factory=dict)
    domain: Mapping[str, Any] = field(default_factory=dict)
    certificate: Mapping[str, Any] = field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = ()

    @property
    def converter(self) -> str:
        """Which converter made the graph; empty for one of Amber's own."""
        source = str(self.certificate.get("source", "amber"))
        return "" if source == "amber" else source

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as plain data."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | {"notes": list(self.notes)}

    def __str__(self) -> str:
        lines = [
            f"{self.path}: {self.name} {self.version}, {self.size} bytes",
            f"  program {self.program}: {self.verdict}{self.converter and f', its graph made by {self.converter}'}",
        ]
        lines += [f"  {method:<22} {verdict}" for method, verdict in self.methods.items()]
        lines += [f"  {method:<22} absent: {why}" for method, why in self.absent.items()]
        lines += [f"  only for rows that are: {line}" for line in rule_lines(self.domain)]
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])


def rule_lines(domain: Mapping[str, Any]) -> list[str]:
    """Return the rules of a domain for a person."""
    found = []
    for rule in domain.get("rules", []):
        bounds = f" [{rule.get('low', '')}, {rule.get('high', '')}]" if "high" in rule else ""
        found.append(f"{rule['rule']}{bounds} in columns {', '.join(map(str, rule['columns'])) or 'all'}")
    return found


@needed("freeze")
def freeze(
    source: Any,
    target: str | os.PathLike[str] | None = None,
    *,
    precision: Precision = "float64",
    policy: Policy | None = None,
    bundles: Mapping[str, bytes] | None = None,
) -> Frozen:
    """Write a copy of an artifact with a frozen program that answers its cases like the original.

    The model, its cases, card and environment keep their bytes; signatures are dropped, `lineage.parent` is the old id.
    Where there is no card, a linear model or a small tree gets one that says what it computes.
    A program of the same precision is replaced. Neither the model's library nor its code is needed or run, but for a
    model Amber has no graph of: it is loaded, as `load` does, and given to skl2onnx where that is installed.

    Args:
        source: The artifact.
        target: The file to write; by default `NAME.frozen.amber` beside the source.
        precision: `float64`, or `float32` for browsers and accelerators.
        policy: What the reader accepts, as for `load`; `allow` names functions that may be traced, `limits` bound the
            process in which the program is asked the cases (`replay_seconds`, `replay_extra_bytes`).
        bundles: Detached signatures by the path they were read from; they count like those inside.

    Raises:
        FreezeError: No method has a form as a graph, none answers like the original, or the cases could not be asked in
            the time and memory there is; nothing is written.
        AmberError: As `load` raises.
    """
    from amber.adapters.build import build
    from amber.archive.assemble import read_evidence, read_tree
    from amber.archive.names import CARD
    from amber.archive.write import check_target
    from amber.models.audit import audit
    from amber.models.card import written
    from amber.models.descend import descend
    from amber.models.freezing import frozen, process
    from amber.vault.check import open_checked
    from amber.vault.trusting import Asked

    if precision not in ("float64", "float32"):
        raise UsageError("precision-unknown", f"precision={precision!r}", hint="'float64' or 'float32'")
    rules = in_force(policy)
    path = _target(source, target)
    check_target(path)
    with open_checked(source, rules, asked=Asked(bundles=bundles or {})) as checked:
        opened, manifest = checked.opened, checked.manifest
        evidence = read_evidence(manifest, opened.members, rules.limits)
        frames = evidence is not None and any(group.layout == "frame" for group in evidence.groups)
        with process(frames=frames) as child:
            tree = read_tree(opened.members, rules.limits)
            audit(tree, rules)
            program = frozen(
                tree, evidence, manifest.methods, manifest.libraries, precision=precision, policy=rules, child=child,
                original=lambda: build(tree, manifest.libraries),
            )  # fmt: skip
        draft = attached(manifest, program)
        card = None if CARD in opened.members else written(draft, tree)
        done = descend(
            checked, path, draft, note="frozen", tree=tree, evidence=evidence, rules=rules, card=card,
            made=members_of(program),
        )  # fmt: skip
    return described(os.fspath(path), done.size, done.manifest, program, done.notes)


def _target(source: Any, target: str | os.PathLike[str] | None) -> str | os.PathLike[str]:
    if target is not None:
        return target
    if not isinstance(source, str | os.PathLike):
        raise UsageError("target-missing", "bytes have no name", where="target", hint="say where to write")
    path = Path(source)
    return path.with_name(f"{path.stem}.frozen.amber")


def members_of(program: FrozenProgram) -> dict[str, list[bytes]]:
    """Return the members of a program: its graph and its plan."""
    from amber.archive import canonical

    return {
        f"programs/{program.name}.json": [canonical.encode(program.plan)],
        f"programs/{program.name}.onnx": [program.graph],
    }


def attached(manifest: Manifest, program: FrozenProgram) -> Manifest:
    """Return the manifest with the program: its entry, what it says of batches, and the rules its inputs keep."""
    from amber.archive.manifest import ProgramInfo

    info = ProgramInfo(
        name=program.name,
        member=f"programs/{program.name}.onnx",
        precision=program.precision,
        domain=msgspec.to_builtins(program.domain),
        certificate=program.certificate(),
    )
    others = [each for each in manifest.programs if each.name != program.name]
    batching = {
        method: {
            **manifest.batching.get(method, {}),
            **({"program": program.batching[method]} if method in program.batching else {}),
        }
        for method in sorted({*manifest.batching, *program.batching})
    }
    return msgspec.structs.replace(
        manifest,
        members={},
        programs=sorted([*others, info], key=lambda each: each.name),
        batching=batching,
        inputs=with_rules(manifest.inputs, program),
    )


def with_rules(inputs: list[InputInfo], program: FrozenProgram) -> list[InputInfo]:
    """Return the inputs with what the original refuses and the program knows: finite or not, known categories."""
    from amber.archive.manifest import Schema
    from amber.programs.plan import value_of

    finite = {column for rule in program.plan.rules if rule.rule == "finite" for column in rule.columns}
    known = {each.column: [value_of(value) for value in each.values] for each in program.plan.codes}
    found = []
    for position, column in enumerate(inputs):
        schema = column.schema or Schema(order=position)
        if position in finite and len(column.shape) == 1:
            schema = msgspec.structs.replace(schema, finite=True)
        if (
            position in known
            and schema.categories is None
            and all(type(v) in (str, int, bool) for v in known[position])
        ):
            schema = msgspec.structs.replace(schema, categories=known[position][:200])
        found.append(msgspec.structs.replace(column, schema=schema))
    return found


def described(path: str, size: int, draft: Manifest, program: FrozenProgram, notes: tuple[str, ...]) -> Frozen:
    """Return what a person is told of a program that was attached."""
    return Frozen(
        path, size, draft.name, draft.version, program.name, program.precision, program.verdict,
        {each.method: each.verdict for each in program.certified}, dict(program.plan.absent),
        msgspec.to_builtins(program.domain), program.certificate(), notes,
    )  # fmt: skip
