"""Which numbers of a fitted model a row touches: leaves of trees, stored neighbours, pieces of piecewise functions.

A number that no recorded row touches can change unseen. `cover` chooses rows so that as many as possible are touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from amber.cases import rows
from amber.cases.anatomy import attribute, boosted_in, predictors_in, trees_in
from amber.cases.flat import flat_predictor
from amber.cases.thresholds import leaves
from amber.cases.visits import visits

_MAX_FACTS = 4_000_000  # pairs of row and fact
_STRIDE = 2**40  # more codes than any table of them has
_MAX_BOOSTED = 512  # trees of a booster that are looked at
_WIDEST = 2**24  # more leaves than a tree of a booster has; the codes of all its trees stand in one table
_MAX_PIECES = 64  # columns of a piecewise function that are looked at


class Facts(NamedTuple):
    """Pairs of row and fact, and what each fact is worth."""

    row: Any
    fact: Any
    worth: Any

    def beside(self, pairs: Sequence[tuple[int, int]], worth: Any) -> Facts:
        """Return these facts and others, numbered after them."""
        if not pairs:
            return self
        more = np.array(pairs, dtype=np.int64)
        row = np.concatenate([self.row, more[:, 0]])
        fact = np.concatenate([self.fact, more[:, 1] + len(self.worth)])
        return Facts(row, fact, np.concatenate([self.worth, worth]))


def touched(model: Any, tables: Sequence[Any]) -> Facts:
    """Return which numbers of the model each row touches; the rows of all tables are counted on."""
    places: list[Any] = []
    facts: list[Any] = []
    before = size = 0
    for X in tables:
        total = rows.count(X)
        offset = 0
        for part, Z in visits(model, X):
            for codes in _codes(part, Z):
                table = codes.reshape(total, -1).astype(np.int64)
                size += table.size
                if size > _MAX_FACTS:
                    break
                places.append(np.repeat(np.arange(before, before + total), table.shape[1]))
                facts.append(table.ravel() + offset)
                offset += _STRIDE
        before += total
    if not places:
        return Facts(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    used, numbered = np.unique(np.concatenate(facts), return_inverse=True)
    return Facts(np.concatenate(places), numbered.reshape(-1), np.ones(len(used)))


def _codes(part: Any, Z: Any) -> Iterator[Any]:
    """Small integers, for each row one or more; columns of one table count together."""
    if Z is None:
        return
    makers = (_leaves, _rounds, _boosted, _neighbours, _pieces, _categories)
    for make in makers:
        try:
            yield from list(make(part, Z))
        except Exception:  # noqa: S112 - a part that does not take its input like this is not covered
            continue


def _leaves(part: Any, Z: Any) -> Iterator[Any]:
    if trees_in(part) is not None:
        dense = Z.toarray() if hasattr(Z, "toarray") else np.asarray(Z)
        yield part.tree_.apply(np.ascontiguousarray(dense, dtype=np.float32))


def _rounds(part: Any, Z: Any) -> Iterator[Any]:
    found = predictors_in(part)
    if found and attribute(part, "_preprocessor") is None:
        dense = np.asarray(Z, dtype=np.float64)
        for predictor in found:
            yield leaves(flat_predictor(predictor), dense)


def _boosted(part: Any, Z: Any) -> Iterator[Any]:
    """The leaves of XGBoost and LightGBM, as the library itself says them."""
    if boosted_in(part) is not None:
        found = part.apply(Z) if hasattr(part, "apply") else part.predict(Z, pred_leaf=True)
        table = np.asarray(found).reshape(rows.count(Z), -1).astype(np.int64)
        table = table[:, rows.spread(table.shape[1], _MAX_BOOSTED)]
        yield table + _WIDEST * np.arange(table.shape[1])


def _neighbours(part: Any, Z: Any) -> Iterator[Any]:
    """The stored rows nearest to each row, all in one table: which is first does not matter."""
    if attribute(part, "_fit_X") is not None and hasattr(part, "kneighbors"):
        yield part.kneighbors(Z, return_distance=False)


def _pieces(part: Any, Z: Any) -> Iterator[Any]:
    """Between which two knots each value lies."""
    knots = attribute(part, "X_thresholds_")
    if isinstance(knots, np.ndarray) and knots.ndim == 1:
        yield np.searchsorted(knots, np.asarray(Z, dtype=np.float64).ravel())
    table = attribute(part, "quantiles_")
    if isinstance(table, np.ndarray) and table.ndim == 2:
        dense = np.asarray(Z, dtype=np.float64)
        for column in rows.spread(table.shape[1], _MAX_PIECES):
            yield np.searchsorted(table[:, column], dense[:, column])


def _categories(part: Any, Z: Any) -> Iterator[Any]:
    """Which known category each value is."""
    known = attribute(part, "categories_")
    if isinstance(known, list) and len(known) == rows.width(Z):
        for position in rows.spread(len(known), _MAX_PIECES):
            codes = {value: code for code, value in enumerate(known[position].tolist())}
            column = Z.iloc[:, position].tolist() if rows.form(Z) == "frame" else Z[:, position].tolist()
            yield np.array([codes.get(value, len(codes)) for value in column])


def cover(facts: Facts, total: int, known: Sequence[int], at_most: int, least: float = 0.02) -> list[int]:
    """Return up to `at_most` rows that touch what `known` rows do not, each the one that adds most.

    Args:
        facts: Of all rows.
        total: Number of rows.
        known: Rows that are recorded anyway.
        at_most: Largest number of rows.
        least: A row that adds less is not taken.
    """
    open_facts = facts.worth.copy()
    by_fact = np.argsort(facts.fact, kind="stable")
    starts = np.searchsorted(facts.fact[by_fact], np.arange(len(open_facts) + 1))
    holders = facts.row[by_fact]
    by_row = np.argsort(facts.row, kind="stable")
    places = np.searchsorted(facts.row[by_row], np.arange(total + 1))
    mine = facts.fact[by_row]
    gain = np.bincount(facts.row, weights=open_facts[facts.fact], minlength=total)

    def take(row: int) -> None:
        new = mine[places[row] : places[row + 1]]
        new = np.unique(new[open_facts[new] > 0])
        if len(new):
            held = np.concatenate([holders[starts[fact] : starts[fact + 1]] for fact in new.tolist()])
            weights = np.repeat(open_facts[new], starts[new + 1] - starts[new])
            np.subtract(gain, np.bincount(held, weights, minlength=total), out=gain)
            open_facts[new] = 0.0

    for row in known:
        take(row)
    chosen: list[int] = []
    while len(chosen) < at_most and total:
        best = int(np.argmax(gain))
        if gain[best] < least:
            break
        take(best)
        gain[best] = -1.0
        chosen.append(best)
    return chosen
