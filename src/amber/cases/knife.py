"""Rows that rounding alone decides, found by asking the model again in ways that only rounding can tell apart.

Each row alone, the rows in another order, the output of every inexact step moved by 8 units in the last place: a row
whose answer then changes by more than the tolerance is on a knife edge. So is a row whose label hangs on a score
difference smaller than the tolerance of that score.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amber.cases import rows, tables, ties
from amber.cases.anatomy import Chain, decides_exactly, is_exact
from amber.cases.ask import INVERSE, SCORES, Asked, ask
from amber.cases.compare import Scales, compare, line_of
from amber.cases.steps import inexact_columns
from amber.tree.evidence import Answer

ULPS = 8
# A variation that changes more than a fifth of the rows shows what the method means, not how it rounds.
MEANING = 0.2
_SOFT = 0.25  # share of the tolerance that 2 % of the rows may use up before it is widened
_MAX_WIDENING = 4  # powers of ten


@dataclass(slots=True)
class Edges:
    """What the variations showed about one group."""

    hanging: set[int] = field(default_factory=set)  # rows whose label hangs on less than the tolerance of its score
    batching: dict[str, str] = field(default_factory=dict)
    ratios: dict[str, Any] = field(default_factory=dict)  # method -> worst use of the tolerance by each row


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recorded group, still alive: its rows, its answers as columns and as objects."""

    X: Any
    rows: int
    answers: dict[str, Answer]
    values: dict[str, Any]


def find_edges(
    model: Any,
    chain: Chain,
    group: Recorded,
    methods: Sequence[str],
    scales: Scales,
    alone: int,
    ordinary: Scales | None = None,
) -> Edges:
    """Ask the model for the same rows in other ways.

    Args:
        model: The model.
        chain: Its stages.
        group: The recorded group.
        methods: The methods to ask; those with answers that have one element or more for each row count.
        scales: The `s` of each output.
        alone: How many rows to ask one by one, those with the smallest margins first.
        ordinary: The `s` of the ordinary rows, where the group is another one; margins are measured by them.
    """
    asked = [m for m in methods if m in group.values and m != INVERSE]
    edges = Edges(ratios={method: np.zeros(group.rows) for method in asked})
    if group.rows == 0:
        return edges
    margins = _margins(group, scales if ordinary is None else ordinary)
    picked = _smallest(margins, group.rows, alone)
    order = np.random.RandomState(7).permutation(group.rows).tolist()
    shuffled = _Again(chain, model, rows.take(group.X, order))
    single = [(row, _Again(chain, model, rows.take(group.X, [row]))) for row in picked]
    moves = list(_moves(chain, group.X, ordinary is None))
    for method in asked:
        seen = [_compared(group, method, scales, shuffled, np.argsort(order).tolist())]
        seen += [_compared(group, method, scales, again, [0], [row]) for row, again in single]
        edges.batching[method] = _batching(group, seen, len(picked))
        if edges.batching[method] == "none":
            seen = []
        for move in moves:
            one = _compared(group, method, scales, move)
            changed = np.inf if one is None else float((one[1] > 1).sum())
            # Discrete answers only: a smooth one that moves everywhere is badly conditioned, see `widening`.
            seen += [one] if not group.answers[method].labels or changed <= MEANING * group.rows else []
        for found in seen:
            if found is not None:
                edges.ratios[method] = np.maximum(edges.ratios[method], found[1])
    edges.hanging = _hanging(margins, edges.ratios) | _without_rule(model, chain, group, margins, ordinary is None)
    among_equals = _uncounted(chain, group, ordinary is None)
    for method in edges.ratios:
        if method != ties.NEIGHBOURS:  # the comparison of neighbours knows which of them tie
            edges.ratios[method][among_equals] = np.inf
    return edges


def widening(ratio: Any) -> int:
    """Return by how many powers of ten the tolerance of an output is widened: 0 for a well-conditioned one.

    Measured on ordinary rows: 98 % of them must stay within a quarter of the tolerance when only rounding moves.
    """
    if not len(ratio):
        return 0
    typical = float(np.quantile(np.where(np.isfinite(ratio), ratio, 0.0), 0.98, method="higher"))
    share = float((ratio > 1).mean())
    if typical <= _SOFT or not math.isfinite(typical) or share < 0.02:
        return 0
    return min(max(math.ceil(math.log10(typical / _SOFT)), 0), _MAX_WIDENING)


class _Again:
    """The model asked for a table once more; what its stages make of the table is computed once for all methods."""

    def __init__(self, chain: Chain, model: Any, X: Any, place: int = 0) -> None:
        self.stages = chain.stages[place:] if chain.last is not None else ()
        self.last = model if chain.last is None else chain.last
        self.X = X
        self.reached: list[Any] = []

    def ask(self, method: str) -> Asked:
        if not self.reached:
            X = self.X
            for stage in self.stages:
                X = stage.step.transform(X)
            self.reached.append(X)
        return ask(self.last, method, self.reached[0])


def _compared(
    group: Recorded,
    method: str,
    scales: Scales,
    again: _Again,
    back: Sequence[int] | None = None,
    chosen: Sequence[int] | None = None,
) -> tuple[bool, Any] | None:
    """(all bits equal, use of the tolerance by each row) of one variation; None where it says nothing.

    `back` are the rows of the variation in the order of the group, `chosen` the rows of the group it is about.
    """
    try:
        asked = again.ask(method)
        if asked.table is None:
            return None
        table = asked.table if back is None else tables.encode(_rows_of(asked.value, back), method)
        expected = group.answers[method]
        if chosen is not None:
            part = tables.encode(_rows_of(group.values[method], chosen), method)
            expected = Answer(method, part.layout, part.columns, labels=expected.labels, single=expected.single,
                              relative=expected.relative, absolute=expected.absolute)  # fmt: skip
        about = list(range(group.rows)) if chosen is None else list(chosen)
        found = compare(expected, table, len(about), scales)
    except Exception:
        return None
    whole = np.zeros(group.rows)
    whole[about] = found.ratio
    return found.identical, whole


def _rows_of(value: Any, chosen: Sequence[int]) -> Any:
    if isinstance(value, tuple):
        return tuple(rows.take(part, chosen) for part in value)
    if isinstance(value, list) and value and all(isinstance(part, np.ndarray) for part in value):
        return [rows.take(part, chosen) for part in value]
    return rows.take(value, chosen)


def _batching(group: Recorded, seen: list[tuple[bool, Any] | None], picked: int) -> str:
    """Whether rows that share a call leave each other alone: exactly, up to rounding, or not at all."""
    if any(one is None for one in seen):
        return "none"
    found = [one for one in seen if one is not None]
    if all(identical for identical, _ in found):
        return "exact"
    changed = int(sum((ratio > 1).sum() for _, ratio in found[1:]))
    shuffled = int((found[0][1] > 1).sum())
    limit = max(1, math.floor(MEANING * picked))
    return "none" if changed > limit or shuffled > max(1, MEANING * group.rows) else "tolerant"


def _moves(chain: Chain, X: Any, ordinary: bool) -> Iterator[_Again]:
    """The output of each inexact step, or the input of an inexact last part, moved by 8 ulp in four patterns."""
    if chain.last is None:
        return
    outputs = [X]
    try:
        for stage in chain.stages:
            outputs.append(stage.step.transform(outputs[-1]))
    except Exception:
        return
    places = [n + 1 for n, stage in enumerate(chain.stages) if not stage.exact]
    if not decides_exactly(chain.last) and not is_exact(chain.last) and len(chain.stages) not in places:
        places.append(len(chain.stages))
    for place in places:
        step = chain.stages[place - 1].step if place else None
        for pattern in range(4):
            moved = _moved(outputs[place], pattern, step, ordinary)
            if moved is not None:
                yield _Again(chain, chain.last, moved, place)


def _moved(X: Any, pattern: int, step: Any, ordinary: bool) -> Any:
    """The table with its floats moved by 8 ulp: up, down, and by turns; None where it holds no floats."""
    kind = rows.form(X)
    if kind == "frame":
        floats = [j for j, dtype in enumerate(X.dtypes) if dtype in (np.float64, np.float32)]
        if not floats:
            return None
        mask = inexact_columns(step, X.shape[1]) if step is not None else np.ones(X.shape[1], bool)
        frame = X.copy()
        for j in floats:
            if mask[j]:
                values = X.iloc[:, j].to_numpy()
                frame.isetitem(j, _nudged(values.reshape(-1, 1), pattern + j, ordinary).ravel())
        return frame
    if kind == "csr" and X.dtype.kind == "f":
        moved = X.copy()
        if not hasattr(moved, "data") or X.format not in ("csr", "csc"):
            return None
        moved.data = _nudged(X.data.reshape(-1, 1), pattern, ordinary).ravel()
        return moved
    if kind == "array" and X.dtype in (np.float64, np.float32) and X.ndim in (1, 2):
        table = _nudged(X.reshape(len(X), -1), pattern, ordinary).reshape(X.shape)
        if step is not None and X.ndim == 2:
            table = np.where(inexact_columns(step, X.shape[1]), table, X)
        return table
    return None


def _nudged(values: Any, pattern: int, ordinary: bool) -> Any:
    """Move each value by 8 ulp of itself, or of its column's mean magnitude among ordinary rows, whichever is more.

    A value that cancelled to almost nothing carries the rounding of what it was computed from. Columns of whole
    numbers stay: they are counts or codes, and exact.
    """
    finite = np.where(np.isfinite(values), values, 0.0)
    size = np.abs(finite)
    if ordinary and len(size):
        size = np.maximum(size, size.mean(axis=0, keepdims=True))
    whole = (finite == np.rint(finite)).all(axis=0, keepdims=True)
    sign = np.ones(values.shape)
    if pattern % 4 >= 2:
        sign = np.where(np.random.RandomState(11).random_sample(values.shape) < 0.5, -1.0, 1.0)
    if pattern % 2:
        sign = -sign
    step = ULPS * np.finfo(values.dtype).eps * size * sign
    return np.where(whole, values, values + step).astype(values.dtype)


def _margins(group: Recorded, scales: Scales) -> Any:
    """For each row: how far its label is from another, in tolerances of the score; infinite where unknown."""
    margins = np.full(group.rows, np.inf)
    if "predict" not in group.answers or not group.answers["predict"].columns or not group.answers["predict"].labels:
        return margins
    method = next((m for m in SCORES if m in group.values), None)
    if method is None:
        return margins
    values = group.values[method]
    parts = values if isinstance(values, list) else [values]
    for column, part in zip(group.answers[method].columns, parts, strict=False):
        scores = np.asarray(part, dtype=np.float64) if isinstance(part, np.ndarray) else None
        if scores is None or scores.ndim not in (1, 2) or len(scores) != group.rows:
            continue
        line = line_of(group.answers[method], column)
        if scores.ndim == 2 and scores.shape[1] > 1:
            top = np.sort(scores, axis=1)[:, -2:]
            gap, size = top[:, 1] - top[:, 0], np.abs(top).max(axis=1)
        else:
            gap = size = np.abs(scores.reshape(group.rows, -1)).min(axis=1)
        allowed = line.relative * size + line.absolute * scales.get((method, column.name), 0.0)
        with np.errstate(all="ignore"):
            margins = np.fmin(margins, np.where(allowed > 0, gap / allowed, np.where(gap > 0, np.inf, 0.0)))
    return margins


def _hanging(margins: Any, ratios: dict[str, Any]) -> set[int]:
    """Rows whose margin is within the tolerance; a tie that every variation leaves in place is decided by rule."""
    moved = np.zeros(len(margins), bool)
    for method in SCORES:
        if method in ratios:
            moved |= ratios[method] > 0
    hanging = (margins <= 1) & ((margins > 0) | moved)
    return set(np.flatnonzero(hanging).tolist())


def _without_rule(model: Any, chain: Chain, group: Recorded, margins: Any, ordinary: bool) -> set[int]:
    """Rows with an exact tie of scores whose label is not that of the first: something unseen decided it.

    Far from all that was fitted an inexact model has no scores left but equal ones, however they were rounded.
    """
    if not ordinary and chain.last is not None and not decides_exactly(chain.last) and not is_exact(chain.last):
        return set(np.flatnonzero(margins == 0).tolist())
    scores = next((group.values[method] for method in SCORES if method in group.values), None)
    odd = ties.against_the_rule(model, group.values.get("predict"), scores)
    return {row for row in odd.tolist() if margins[row] == 0}


def _uncounted(chain: Chain, group: Recorded, ordinary: bool) -> list[int]:
    """Rows where a neighbour that counts ties with one that does not; none where that is what many rows are like."""
    if chain.last is None or not hasattr(chain.last, ties.NEIGHBOURS):
        return []
    try:
        X = group.X
        for stage in chain.stages:
            X = stage.step.transform(X)
    except Exception:
        return []
    found: list[int] = ties.uncounted(chain.last, X).tolist()
    return [] if ordinary and len(found) > ties.MANY * group.rows else found


def _smallest(margins: Any, total: int, number: int) -> list[int]:
    order = np.argsort(np.where(np.isfinite(margins), margins, np.inf), kind="stable")[: max(number, 0)]
    return sorted(int(row) for row in order if row < total)
