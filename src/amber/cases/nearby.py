"""Rows close to split thresholds behind an inexact step: far enough from the split that rounding cannot decide.

Exactly at the split such a row would measure the BLAS kernel (`corners.py` makes those behind exact steps). A distance
of a millionth of the feature's size is ten thousand million times what rounding moves, and far less than any drift.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from amber.cases import rows
from amber.cases.anatomy import Chain, decides_exactly
from amber.cases.corners import Corners, worth_of
from amber.cases.flat import FlatTree, flat_trees
from amber.cases.thresholds import through, visited

_AWAY = 1e-6  # of the size of the feature
_ROUNDS = 4  # of Newton's method; an affine way needs one
_MAX_SPLITS = 2048


class _Picked(NamedTuple):
    tree: int
    node: int
    row: int
    worth: float


def nearby_rows(chain: Chain, X: Any, at_most: int) -> Corners | None:
    """Return rows on both sides of splits behind inexact steps, of the form of `X`; None where there are none."""
    if chain.last is None or chain.exact_way or not decides_exactly(chain.last) or not rows.count(X):
        return None
    if rows.form(X) not in ("frame", "array") or not rows.width(X):
        return None
    try:
        return _made(chain, X, min(at_most, _MAX_SPLITS) // 2)
    except Exception:
        return None  # the model does not take rows like these one by one: no evidence of this kind


def _made(chain: Chain, X: Any, number: int) -> Corners | None:
    columns, values = _numbers(X)
    Z = through(chain, X)
    trees = list(flat_trees(chain.last))
    picked = _picked(trees, Z, number) if columns and number else []
    if not picked:
        return None
    slopes, spread = _slopes(chain, X, columns, values)
    base = [one.row for one in picked]
    feature = np.array([int(trees[one.tree].feature[one.node]) for one in picked])
    threshold = np.array([float(trees[one.tree].threshold[one.node]) for one in picked])
    size = np.maximum(np.abs(Z).mean(axis=0)[feature], np.abs(threshold))
    chosen = np.argmax(np.abs(slopes) * spread[:, None], axis=0)[feature]
    slope = slopes[chosen, feature]
    edits: list[tuple[int, int, Any]] = []
    pairs: list[tuple[int, int]] = []
    kept: list[int] = []
    for side, sign in enumerate((-1.0, 1.0)):
        place = values[base, chosen]
        for _ in range(_ROUNDS):
            cells = [(k, columns[c], float(v)) for k, (c, v) in enumerate(zip(chosen, place, strict=True))]
            reached = through(chain, rows.edited(rows.take(X, base), cells))
            seen = reached[np.arange(len(picked)), feature]
            with np.errstate(all="ignore"):
                place = place - (seen - threshold - sign * _AWAY * size) / slope
        for k, one in enumerate(picked):
            stands = _AWAY / 2 < sign * (seen[k] - threshold[k]) / size[k] < 2 * _AWAY
            if stands and one.node in visited(trees[one.tree], reached[k : k + 1]):
                edits.append((len(kept), *cells[k][1:]))
                pairs.append((len(kept), 2 * k + side))
                kept.append(one.row)
    if not kept:
        return None
    worth = np.repeat([one.worth for one in picked], 2)
    return Corners(rows.edited(rows.take(X, kept), edits), pairs, worth)


def _numbers(X: Any) -> tuple[list[int], Any]:
    """The columns of float64, and their values."""
    if rows.form(X) == "frame":
        columns = [j for j, dtype in enumerate(X.dtypes) if dtype == np.float64]
        return columns, X.iloc[:, columns].to_numpy()
    return (list(range(X.shape[1])), X) if X.dtype == np.float64 else ([], X)


def _slopes(chain: Chain, X: Any, columns: list[int], values: Any) -> tuple[Any, Any]:
    """How each feature moves with each raw column at the first row, and the spread of each column."""
    spread = np.nan_to_num(np.nanstd(values, axis=0))
    step = np.where(spread > 0, 1e-3 * spread, 1e-3)
    first = np.nan_to_num(values[0])
    base = rows.take(X, [0] * (2 * len(columns)))
    cells = [(2 * k + side, c, float(first[k] + side * step[k])) for k, c in enumerate(columns) for side in (0, 1)]
    out = through(chain, rows.edited(base, cells))
    return (out[1::2] - out[0::2]) / step[:, None], spread


def _picked(trees: list[FlatTree], Z: Any, number: int) -> list[_Picked]:
    """The worthiest splits, each with the row that gets there and is nearest to it."""
    found: list[_Picked] = []
    each = max(4, number // max(len(trees), 1))
    for k, tree in enumerate(trees):
        worth, met = worth_of(tree, Z), visited(tree, Z)
        for node in np.argsort(-worth, kind="stable")[:each].tolist():
            here = met.get(node, []) if worth[node] > 0 else []
            if here:
                away = np.abs(Z[here, tree.feature[node]] - tree.threshold[node])
                found.append(_Picked(k, node, here[int(np.argmin(away))], float(worth[node])))
    return sorted(found, key=lambda one: -one.worth)[:number]
