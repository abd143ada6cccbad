"""Choose the rows of a sample that say most: every class and category, the quantiles and ends of every column.

The order of the chosen rows is the order of their worth, so a budget that cuts from the end drops the least.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from amber.cases import cells, rows

MAX_ROWS = 256
MAX_CANDIDATES = 1024
MAX_SCANNED = 100_000  # rows looked at for ends and categories
MAX_COLUMNS = 32  # columns whose coverage is counted
_WANTED = 2  # rows for each fact
_BINS = (0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875)
_MANY = 64  # categories counted as facts in one column


def candidates(X: Any) -> list[int]:
    """Return the rows to choose from: all of a small sample; evenly spaced ones and the ends of a large one."""
    total = rows.count(X)
    if total <= MAX_CANDIDATES:
        return list(range(total))
    scanned = rows.spread(total, MAX_SCANNED)
    found = set(rows.spread(total, MAX_CANDIDATES - 4 * MAX_COLUMNS))
    part = X if len(scanned) == total else rows.take(X, scanned)
    for values in rows.columns(part, MAX_COLUMNS):
        found.update(scanned[position] for position in _ends(values))
    return sorted(found)


def _ends(values: Any) -> list[int]:
    """Positions of the smallest, the largest, the first missing value and the first of each category."""
    if values.dtype.kind in "biuf":
        gaps = np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), bool)
        if gaps.all():
            return [0]
        low = np.where(gaps, np.inf, values)
        high = np.where(gaps, -np.inf, values)
        ends = [int(np.argmin(low)), int(np.argmax(high))]
        return [*ends, int(np.argmax(gaps))] if gaps.any() else ends
    first: dict[str, int] = {}
    for position, code in enumerate(_codes(values).tolist()):
        first.setdefault(code, position)
        if len(first) >= _MANY:
            break
    return list(first.values())


def choose(X: Any, labels: list[Any], at_most: int = MAX_ROWS) -> list[int]:
    """Return up to `at_most` row numbers of `X`, most telling first.

    Args:
        X: The candidates, in any form.
        labels: Columns of answers on these rows (one-dimensional arrays), covered like columns of `X`.
        at_most: Largest number of rows.
    """
    total = rows.count(X)
    facts = _facts([*(_exactly(one) for one in labels), *(_bins(c) if c.dtype.kind in "biuf" else _small_codes(c)
                                                          for c in rows.columns(X, MAX_COLUMNS))], total)  # fmt: skip
    wanted = np.full(int(facts.max(initial=-1)) + 1, _WANTED)
    chosen: list[int] = []
    free = np.ones(total, bool)
    while len(chosen) < min(at_most, total):
        worth = np.where(free, (wanted[facts] > 0).sum(axis=1), -1) if facts.size else np.zeros(0)
        best = int(np.argmax(worth)) if facts.size else 0
        if not facts.size or worth[best] <= 0:
            break
        chosen.append(best)
        free[best] = False
        wanted[facts[best]] -= 1
    rest = np.flatnonzero(free).tolist()
    room = min(at_most, total) - len(chosen)
    return chosen + ([rest[k] for k in rows.spread(len(rest), room)] if room > 0 else [])


def _facts(columns: list[Any], total: int) -> Any:
    """One number for each (row, column): which fact about the column this row shows."""
    found = np.zeros((total, len(columns)), dtype=np.int64)
    offset = 0
    for position, codes in enumerate(columns):
        found[:, position] = codes + offset
        offset += int(codes.max(initial=0)) + 1
    return found


def _exactly(values: Any) -> Any:
    """Each answer of its own: labels, clusters, leaves. Scores, of which there are many, by quantiles."""
    if values.dtype == object:
        return _small_codes(values)
    distinct, codes = np.unique(values, return_inverse=True)
    return _bins(values) if values.dtype.kind == "f" and len(distinct) > _MANY else codes.reshape(-1)


def _bins(values: Any) -> Any:
    """Ends, eight quantile bins, missing; each value of its own where there are few."""
    values = values.astype(np.float64)
    gaps = np.isnan(values)
    present = values[~gaps]
    if not len(present):
        return np.zeros(len(values), np.int64)
    few = np.unique(present)
    if len(few) <= _MANY // 4:
        codes = np.searchsorted(few, values)
    else:
        finite = present[np.isfinite(present)]
        codes = np.searchsorted(np.quantile(finite, _BINS) if len(finite) else few[:1], values)
        codes[values == few[0]] = len(_BINS) + 1
        codes[values == few[-1]] = len(_BINS) + 2
    codes[gaps] = codes.max(initial=0) + 1
    return codes.astype(np.int64)


def _small_codes(values: Any) -> Any:
    order: dict[str, int] = {}
    for code in _codes(values).tolist():
        if len(order) < _MANY:
            order.setdefault(code, len(order))
    return np.array([order.get(code, _MANY) for code in _codes(values).tolist()], dtype=np.int64)


def _codes(values: Any) -> Any:
    """Each value as a text: equal values, equal texts."""
    texts = [cells.missing_kind(value) or repr(value) for value in values.tolist()]
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return array
