"""Awake: every parameter array of a model is hit, and wherever fresh rows show it the replay must show it too."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from amber.adapters.build import build
from amber.adapters.take import take
from amber.cases import rows as tables_rows
from amber.cases import tables
from amber.cases.ask import INVERSE, ask
from amber.cases.compare import compare, ordinary_scales
from amber.cases.quiet import single_thread, undisturbed
from amber.cases.record import record
from amber.cases.replay import replay
from amber.models.save import model_bytes
from amber.policy import Policy
from amber.tree.evidence import CLEAN_KINDS, Answer, Evidence
from amber.tree.nodes import Tree
from proofs.vigilance.faults import faults
from proofs.vigilance.hits import Hit, hits, places, struck
from proofs.vigilance.models import subject

FRESH_ROWS = 10_000
FRESH_SEED = 2
FEW = 500  # of them, asked first: most changes show at once


@dataclass
class Watched:
    """What was seen of one model."""

    name: str
    rows: int = 0
    knife_edge: int = 0
    ordinary: int = 0
    ordinary_knife_edge: int = 0
    hits: int = 0
    visible: int = 0
    caught: int = 0
    misses: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Taken:
    """A model as its tree, and what was recorded of it."""

    tree: Tree
    evidence: Evidence


def taken(model: Any, sample: Any) -> Taken:
    """Return the tree of a model and the cases that saving it would record."""
    tree = take(model, Policy()).tree
    with warnings.catch_warnings(action="ignore"):
        recorded = record(build(tree), sample, model_bytes=model_bytes(tree))
    return Taken(tree, recorded.evidence)


class Fresh:
    """A fresh sample with the answers of the model as it is: where a change can be seen at all."""

    def __init__(self, model: Any, evidence: Evidence, X: Any) -> None:
        self.X = X
        self.expected: list[Answer] = []
        self.scales = ordinary_scales(evidence.groups)
        self.count = X.shape[0] if hasattr(X, "shape") else len(X)
        self.transformed: Any = None
        for answer in evidence.groups[0].answers:
            if answer.columns:
                now = self._ask(model, answer.method)
                self.expected.append(
                    Answer(answer.method, now.table.layout, now.table.columns, labels=answer.labels,
                           single=answer.single, relative=answer.relative, absolute=answer.absolute)
                )  # fmt: skip
                if answer.method == "transform":
                    self.transformed = tables.decode(now.table.layout, now.table.columns)

    def _ask(self, model: Any, method: str) -> Any:
        return ask(model, method, self.transformed if method == INVERSE else self.X)

    def differs(self, model: Any) -> bool:
        """Whether any answer to any row is beyond the tolerance."""
        return any(self._beyond(model, answer)[0] for answer in self.expected)

    def change(self, model: Any) -> tuple[int, str]:
        """Return how many rows of some answer are beyond the tolerance, and how far the worst is."""
        return max((self._beyond(model, answer) for answer in self.expected), key=lambda one: one[0])

    def _beyond(self, model: Any, answer: Answer) -> tuple[int, str]:
        got = self._ask(model, answer.method)
        if got.table is None:
            return self.count, f"{answer.method} refuses"
        found = compare(answer, got.table, self.count, self.scales)
        far = f" ({found.distance})" if found.distance else ""
        return int((found.ratio > 1).sum()), f"{answer.method}: {found.expected} became {found.got}{far}"


def every_hit(tree: Tree) -> Iterator[Hit]:
    """Yield the hits of every place of a tree."""
    for place in places(tree):
        yield from hits(tree, place)


def watch(name: str, fresh_rows: int = FRESH_ROWS) -> Watched:
    """Hit every parameter array of a model and count what its cases catch."""
    one = subject(name)
    known = taken(one.model, one.sample)
    groups = known.evidence.groups
    plain = [group for group in groups if group.kind in CLEAN_KINDS]
    seen = Watched(
        name,
        rows=sum(group.rows for group in groups),
        knife_edge=known.evidence.knife_edge,
        ordinary=sum(group.rows for group in plain),
        ordinary_knife_edge=sum(len(group.knife_edge) for group in plain),
    )
    with single_thread(), undisturbed(), warnings.catch_warnings(action="ignore"):
        X = one.draw(fresh_rows, FRESH_SEED)
        few = Fresh(build(known.tree), known.evidence, tables_rows.take(X, range(FEW)))
        fresh = Fresh(build(known.tree), known.evidence, X)
        for hit in every_hit(known.tree):
            _strike(known, few, fresh, hit, seen)
    return seen


def lost(name: str, fresh_rows: int = FRESH_ROWS) -> tuple[list[str], list[str]]:
    """Return (faults of a model that fresh rows show, those of them that the replay does not show)."""
    one = subject(name)
    known = taken(one.model, one.sample)
    visible: list[str] = []
    missed: list[str] = []
    with single_thread(), undisturbed(), warnings.catch_warnings(action="ignore"):
        fresh = Fresh(build(known.tree), known.evidence, one.draw(fresh_rows, FRESH_SEED))
        for fault in faults(build(known.tree)):
            if fresh.differs(fault.model):
                visible.append(fault.name)
                if replay(fault.model, known.evidence).verdict not in ("drifted", "broken"):
                    missed.append(fault.name)
    return visible, missed


def _strike(known: Taken, few: Fresh, fresh: Fresh, hit: Hit, seen: Watched) -> None:
    seen.hits += 1
    tree = struck(known.tree, hit)
    try:
        model = build(tree)
    except Exception:
        seen.visible += 1  # a model that cannot be built is refused before any case is asked
        seen.caught += 1
        return
    if not few.differs(model) and not fresh.differs(model):
        return
    seen.visible += 1
    if replay(build(tree), known.evidence).verdict in ("drifted", "broken"):
        seen.caught += 1
        return
    rows, worst = fresh.change(model)
    seen.misses.append(
        {
            "array": hit.place.path, "element": f"{hit.which} ({hit.element})", "before": f"{hit.before:.6g}",
            "rows": rows / fresh.count, "worst": worst,
        }
    )  # fmt: skip
