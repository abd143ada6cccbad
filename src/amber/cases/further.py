"""Rows beyond the ordinary ones, asked for one answer only: what the ordinary rows leave untouched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from amber.cases import cells, rows
from amber.cases.anatomy import Chain, attribute, walk
from amber.cases.corners import corner_rows
from amber.cases.coverage import cover, touched
from amber.cases.nearby import nearby_rows
from amber.tree.evidence import Answer

MAX_ROWS = 4096
MAX_CATEGORIES = 128
MAX_POOL = 4096  # rows of the sample that are looked at
TEXTS = 16  # rows that share the words of a vocabulary: as many as steps are recorded for
_POOL_FACTS = 800_000  # rows of the pool times trees
_POOL_WORK = 2_000_000  # nominal microseconds for asking the pool
_TELLING = ("predict", "predict_proba", "decision_function", "score_samples", "transform", "kneighbors")


class Further(NamedTuple):
    """More ordinary rows, and rows in corners of leaves; None where there are none."""

    ordinary: Any
    corners: Any


def telling_method(answers: Sequence[Answer]) -> str:
    """Return the method whose answer shows most for its size: the first with floats, else the first answered."""
    answered = {answer.method: answer for answer in answers if answer.columns}
    if "kneighbors" in answered:
        return "kneighbors"
    for method in _TELLING:
        answer = answered.get(method)
        if answer is not None and not answer.labels and answer.columns[0].datatype.startswith("FP"):
            return method
    return next(iter(answered), "")


def pool_rows(parts: Sequence[Any], cost: tuple[int, int]) -> int:
    """Return how many rows of the sample may be looked at for one model."""
    trees = sum(1 for part in parts if attribute(part, "tree_") is not None)
    return max(64, min(MAX_POOL, _POOL_FACTS // max(trees, 1), _POOL_WORK // max(cost[1], 1)))


def further_rows(model: Any, chain: Chain, main: Any, pool: Any, at_most: int) -> Further:
    """Return rows that touch what the main rows do not.

    Args:
        model: The model.
        chain: Its stages.
        main: The ordinary rows that are recorded anyway.
        pool: More ordinary rows to choose from, or None.
        at_most: Largest number of rows.
    """
    number, spare = rows.count(main), 0 if pool is None else rows.count(pool)
    base = main if pool is None else pool
    corners = corner_rows(chain, base, at_most) or nearby_rows(chain, base, at_most)
    tables = [main, *([pool] if spare else []), *([corners.X] if corners else [])]
    facts = touched(model, tables)
    total = sum(rows.count(table) for table in tables)
    if corners is not None:
        facts = facts.beside([(row + number + spare, fact) for row, fact in corners.pairs], corners.worth)
    chosen = cover(facts, total, range(number), min(at_most, MAX_ROWS))
    ordinary = [row - number for row in chosen if number <= row < number + spare]
    edge = [row - number - spare for row in chosen if row >= number + spare]
    return Further(
        rows.take(pool, ordinary) if ordinary else None,
        rows.take(corners.X, edge) if corners is not None and edge else None,
    )


def category_rows(main: Any, known: Mapping[int, Sequence[Any]]) -> Any:
    """Return rows that hold the categories the main rows lack, or None; the model knows these values anyway."""
    if rows.form(main) not in ("frame", "array") or not rows.count(main):
        return None
    lacking: dict[int, list[Any]] = {}
    for position, categories in known.items():
        if position < rows.width(main):
            column = main.iloc[:, position].tolist() if rows.form(main) == "frame" else main[:, position].tolist()
            met = set(column)
            lacking[position] = [c for c in categories if c not in met and not cells.missing_kind(c)]
    number = min(max(map(len, lacking.values()), default=0), MAX_CATEGORIES)
    if not number:
        return None
    edits = [(row, position, values[row % len(values)])
             for position, values in lacking.items() if values for row in range(number)]  # fmt: skip
    return rows.edited(rows.cycled(main, number), edits)


def words(model: Any, room: int) -> list[str]:
    """Return texts that hold the words of the model's own vocabularies between them, in `room` bytes at most."""
    known: dict[str, None] = {}
    for part in walk(model):
        vocabulary = attribute(part, "vocabulary_")
        if isinstance(vocabulary, dict):
            known.update((word, None) for word in sorted(w for w in vocabulary if isinstance(w, str)))
    found = list(known)
    size = sum(len(word.encode("utf-8", "surrogatepass")) + 1 for word in found)
    if size > room:
        found = [found[k] for k in rows.spread(len(found), len(found) * room // size)]
    return [" ".join(found[k::TEXTS]) for k in range(min(TEXTS, len(found)))]
