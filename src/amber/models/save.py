"""`amber.save`: a fitted model becomes one file, and the file's own copy of it is what the cases are recorded on.

    object -> tree -> audit -> rebuilt copy -> cases -> manifest and members -> one atomic write

Nothing is written before everything has passed, and what is written has already been read back once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from amber import vocabulary as vocabularies
from amber.errors import SaveError, SourceError, UsageError
from amber.models import environment
from amber.models.audit import audit
from amber.models.clock import Clock
from amber.models.facts import json_facts, metric_facts
from amber.models.libraries import needed
from amber.policy import Policy
from amber.tree.nodes import Object, Tree

if TYPE_CHECKING:
    from amber.models.child import Child

Rows = Literal["keep", "synthetic"]


@dataclass(frozen=True)
class Saved:
    """What was written: path, size in bytes, number of recorded rows, and notes for the person who saves.

    `seconds`: how long its parts took; `cases` is the asking of the model, the rest is reading and writing it.
    """

    path: str
    size: int
    name: str
    version: str
    cases: int
    notes: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        head = f"{self.path}: {self.name} {self.version}, {self.size} bytes, {self.cases} cases"
        return "\n".join([head, *(f"  note: {note}" for note in self.notes)])

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as plain data."""
        return {
            "path": self.path, "size": self.size, "name": self.name, "version": self.version, "cases": self.cases,
            "notes": list(self.notes), "seconds": self.seconds,
        }  # fmt: skip


@dataclass(frozen=True)
class About:
    """What the caller says about the model; all optional."""

    name: str = "model"
    version: str = "0.0.0"
    metrics: Mapping[str, float] | None = None
    metadata: Mapping[str, Any] | None = None
    licence: str | None = None
    created: str | datetime | None = None


@needed()
def save(
    model: Any,
    path: str | os.PathLike[str],
    *,
    sample: Any = None,
    name: str = "model",
    version: str = "0.0.0",
    metrics: Mapping[str, float] | None = None,
    metadata: Mapping[str, Any] | None = None,
    card: str | os.PathLike[str] | None = None,
    licence: str | None = None,
    rows: Rows = "keep",
    mask: Iterable[str] = (),
    lock: str | os.PathLike[str] | None = None,
    created: str | datetime | None = None,
    tolerance: tuple[float, float] | None = None,
    freeze: bool = False,
    policy: Policy | None = None,
) -> Saved:
    """Write a fitted model to one `.amber` file, atomically, together with cases that show what it answers.

    Args:
        model: A fitted estimator, or any object of the vocabulary.
        path: The file; an existing one is replaced whole or not at all.
        sample: Rows to choose cases from: DataFrame, array, sparse matrix, list of str or dict. Without it rows are
            made from what the model knows of its inputs, and marked `synthetic`.
        name: `[a-z0-9]+([._-][a-z0-9]+)*`, at most 63 characters.
        version: MAJOR.MINOR.PATCH.
        metrics: Finite numbers by name.
        metadata: Plain data: str, numbers, bool, None, lists and dicts of them.
        card: The model card: text if it contains a newline, else the path of a Markdown file.
        licence: SPDX expression.
        rows: `keep` stores chosen rows of the sample in clear; `synthetic` redraws every one.
        mask: Columns whose values are always redrawn.
        lock: The caller's `pylock.toml`, checked against what is installed.
        created: A time to record; without it none is, so that the same model gives the same bytes.
        tolerance: (relative, absolute share of the largest value) of every score, in place of the standard rule; the
            manifest shows it.
        freeze: Put a frozen program beside the model (`amber.freeze`, in float64), certified by the same cases.
            A linear model or a small tree without a card gets one that says what it computes.
        policy: `Policy(allow=[...])` names the caller's own classes and functions.

    Returns:
        What was written, with notes.

    Raises:
        SaveError: Something in the model cannot be data, or it is not fitted; nothing was written.
        FreezeError: With `freeze`: no program answers like the model; nothing was written.
        UsageError: An argument is wrong.
        SourceError: The file cannot be written.
    """
    from amber.adapters.build import build
    from amber.adapters.take import take
    from amber.archive.assemble import assemble
    from amber.archive.write import check_target, write_artifact
    from amber.cases.record import record

    about = About(name, version, metrics, metadata, licence, created)
    rules = policy or Policy()
    clock = Clock()
    if rows not in ("keep", "synthetic"):
        raise UsageError("rows-unknown", f"rows={rows!r}", hint="'keep' or 'synthetic'")
    check_target(path)
    readme = read_card(card)
    description = describe(model)
    taken = take(model, rules)
    audit(taken.tree, rules)
    versions = environment.written_versions(taken.libraries)
    pylock, notices = environment.pylock(taken.libraries, lock)
    copy = build(taken.tree, versions)
    clock.lap("model")
    extra: dict[str, list[bytes]] = {}
    frozen_notes: tuple[str, ...] = ()
    with asking(sample) if freeze else nullcontext() as child:  # it starts while the cases are recorded
        # on the rebuilt copy: cases recorded on the caller's object would prove nothing about the file
        recorded = record(
            copy,
            sample,
            rows=rows,
            mask=tuple(mask),
            model_bytes=model_bytes(taken.tree),
            limits=rules.limits,
            tolerance=tolerance,
        )
        clock.lap("cases")
        draft = manifest_draft(about, description, versions, recorded, model_adapter(taken.tree))
        if child is not None:
            draft, extra, frozen_notes = with_program(draft, taken.tree, recorded, rules, child, copy)
            readme = readme if readme is not None else card_of(draft, taken.tree)
            clock.lap("program")
    members = assemble(draft, taken.tree, recorded.evidence, pylock, readme, extra, limits=rules.limits)
    size = write_artifact(path, members)
    clock.lap("file")
    notes = (*taken.notes, *notices, *recorded.notes, *frozen_notes)
    return Saved(os.fspath(path), size, draft.name, draft.version, recorded.evidence.rows, notes, clock.seconds)


def asking(sample: Any) -> Child:
    """Return the process in which a program will be asked the cases."""
    with needed("freeze"):
        from amber.models.freezing import process

        return process(frames=hasattr(sample, "iloc"))


def with_program(
    draft: Any, tree: Tree, recorded: Any, rules: Policy, child: Child, original: Any
) -> tuple[Any, Any, tuple[str, ...]]:
    """Return the manifest with a certified program, the program's members, and notes about methods without a form."""
    from amber.models.freeze import attached, members_of
    from amber.models.freezing import frozen

    with needed("freeze"):
        program = frozen(
            tree, recorded.evidence, recorded.methods, draft.libraries, precision="float64", policy=rules,
            child=child, original=lambda: original,
        )  # fmt: skip
    notes = [f"the program has no {method}: {why}" for method, why in program.plan.absent.items()]
    if program.plan.source != "amber":
        notes.append(f"the program's graph was made by {program.plan.source}: Amber has none of its own of this model")
    return attached(draft, program), members_of(program), tuple(notes)


def card_of(draft: Any, tree: Tree) -> bytes | None:
    """Return what a linear model or a small tree computes, as a card; needs what freezing needs."""
    from amber.models.card import written

    return written(draft, tree)


def model_bytes(tree: Tree) -> int:
    """Return the bytes of the model itself: tensors and, roughly, nodes and strings."""
    return (
        sum(tensor.data.nbytes for tensor in tree.tensors)
        + 32 * len(tree.nodes)
        + sum(len(text) for column in tree.strings for text in column)
    )


def describe(model: Any) -> Any:
    """Return the adapter's description of a fitted model, or None for an object that is no model.

    Raises:
        SaveError: `not-fitted`, with the method to call.
    """
    from amber.adapters.protocol import Models
    from amber.adapters.registry import adapter

    cls = type(model)
    known = vocabularies.load().identify(cls.__module__, cls.__qualname__)
    entry = vocabularies.load().entry(known) if known else None
    is_custom_estimator = entry is None and hasattr(model, "fit") and hasattr(model, "get_params")
    if entry is None and not is_custom_estimator:
        return None
    owner = adapter("scikit-learn" if entry is None else entry.library)
    if not isinstance(owner, Models):
        return None
    reason = owner.fitted(model)
    if reason is not None:
        raise SaveError("not-fitted", reason, where=cls.__qualname__, hint="fit the model before saving it")
    return owner.describe(model)


def model_adapter(tree: Tree) -> tuple[str, int]:
    """Return (id, state version) of the adapter that owns the root."""
    from amber.adapters.registry import adapter

    root = tree.nodes[tree.root]
    if isinstance(root, Object):
        entry = vocabularies.load().entry(root.type)
        if entry is not None:
            owner = adapter(entry.library)
            return owner.id, owner.state_version
    return "python", 1


def manifest_draft(about: About, description: Any, versions: dict[str, str], recorded: Any, owner: Any) -> Any:
    """Return the manifest without its table of members."""
    from amber.archive import manifest as m

    return m.Manifest(
        format=m.FORMAT,
        requires=[],
        kind="object" if description is None else description.kind,
        adapter=m.AdapterInfo(id=owner[0], state_version=owner[1]),
        name=about.name,
        version=about.version,
        members={},
        libraries=versions,
        methods=recorded.methods,
        hyperparameters={} if description is None else json_facts(description.hyperparameters, "hyperparameters"),
        metrics=metric_facts(about.metrics or {}),
        metadata=json_facts(about.metadata or {}, "metadata"),
        inputs=recorded.inputs,
        outputs=recorded.outputs,
        batching=recorded.batching,
        created=about.created.isoformat() if isinstance(about.created, datetime) else about.created,
        licence=about.licence,
    )


def read_card(card: str | os.PathLike[str] | None) -> bytes | None:
    """Return the bytes of the model card: text if it contains a newline, else the content of an existing file.

    Raises:
        SourceError: The path does not exist or cannot be read.
        UsageError: It is not UTF-8.
    """
    if card is None:
        return None
    if isinstance(card, str) and "\n" in card:
        return card.encode()
    try:
        data = Path(card).read_bytes()
        data.decode()
    except OSError as error:
        raise SourceError(
            "card-unreadable", str(error), where="card", hint="pass a path that exists, or text with a newline"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError("card-invalid", "the card is not UTF-8", where=str(card)) from error
    return data
