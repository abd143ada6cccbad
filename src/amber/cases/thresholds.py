"""Rows on both sides of split thresholds: one step of the number format decides, and decides the same everywhere.

They are made only where the way from the caller's columns to the split is exact (selection, cast, imputation,
elementwise + - * /); behind anything else such a row would measure rounding, and none is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from amber.cases import rows
from amber.cases.anatomy import Chain, decides_exactly
from amber.cases.flat import FlatTree, flat_trees

MAX_THRESHOLDS = 64
_BASE_ROWS = 256  # ordinary rows that are followed down the trees
_FINE = 16  # thresholds that also get rows at one step of float64, which the cast to float32 swallows
_MAX_COLUMNS = 64  # raw columns whose way to the trees is looked for
_MAX_WIDTH = 4096
_MAX_DEPTH = 128
_BRACKET = 2**13  # steps of the number format around the place a straight line points at


class Split(NamedTuple):
    """A stored threshold: feature as the trees count them, whether they compare in float32, a row that gets there."""

    feature: int
    threshold: float
    cast: bool
    row: int


class Turn(NamedTuple):
    """Where a comparison turns: a raw column, and its neighbouring values that go left and right."""

    column: int
    left: Any
    right: Any


def threshold_rows(chain: Chain, X: Any) -> Any:
    """Return rows of the form of `X` that lie on both sides of stored thresholds, or None.

    Each is an ordinary row that gets to the split, with one value replaced.

    Args:
        chain: The model's stages and its last part.
        X: Ordinary rows (a frame or a two-dimensional array).
    """
    if chain.last is None or not chain.exact_way or not decides_exactly(chain.last) or not rows.count(X):
        return None
    if rows.form(X) not in ("frame", "array") or not rows.width(X):
        return None
    X = rows.take(X, range(min(_BASE_ROWS, rows.count(X))))
    try:
        splits = _picked(chain, through(chain, X))
        placed = _placed(chain, X, splits) if splits else []
    except Exception:
        return None  # the model does not take rows like these one by one: no evidence of this kind
    if not placed:
        return None
    base = rows.take(X, [row for row, _, _ in placed])
    return rows.edited(base, [(k, column, value) for k, (_, column, value) in enumerate(placed)])


def _picked(chain: Chain, Z: Any) -> list[Split]:
    """The splits that most rows get to: first one of each tree, then a second one of each, and so on."""
    trees = list(flat_trees(chain.last))
    each = max(1, MAX_THRESHOLDS // max(len(trees), 1))
    ranked: list[tuple[int, int, Split]] = []
    for number, tree in enumerate(trees):
        met = visited(tree, Z)
        order = sorted(met, key=lambda node: (-len(met[node]), node))
        for rank, node in enumerate(order[:each]):
            feature, threshold = int(tree.feature[node]), float(tree.threshold[node])
            if np.isfinite(threshold) and feature < Z.shape[1]:
                row = met[node][rank % len(met[node])]
                ranked.append((rank, number, Split(feature, threshold, tree.cast, row)))
    found: dict[tuple[int, float], Split] = {}
    for _, _, split in sorted(ranked, key=lambda one: one[:2]):
        found.setdefault((split.feature, split.threshold), split)
    return list(found.values())[:MAX_THRESHOLDS]


def leaves(tree: FlatTree, Z: Any) -> Any:
    """Return the leaf that each row gets to."""
    nodes = np.zeros(len(Z), dtype=np.int64)
    for _ in _descended(tree, Z, nodes):
        pass
    return nodes


def visited(tree: FlatTree, Z: Any) -> dict[int, list[int]]:
    """Return the rows that get to each inner node, ascending; nodes that none gets to are left out."""
    met: dict[int, list[int]] = {}
    for active, here in _descended(tree, Z, np.zeros(len(Z), dtype=np.int64)):
        for row, node in zip(active.tolist(), here.tolist(), strict=True):
            met.setdefault(node, []).append(row)
    return met


def _descended(tree: FlatTree, Z: Any, nodes: Any) -> Iterator[tuple[Any, Any]]:
    """Move each row in `nodes` down to its leaf; yield for each level the rows at inner nodes, and these nodes."""
    seen = Z.astype(np.float32).astype(np.float64) if tree.cast else Z
    active = np.arange(len(Z))
    for _ in range(_MAX_DEPTH):
        active = active[tree.feature[nodes[active]] >= 0]
        if not len(active):
            return
        here = nodes[active]
        yield active, here
        values = seen[active, np.minimum(tree.feature[here], seen.shape[1] - 1)]
        left = np.where(np.isnan(values), tree.missing_left[here], values <= tree.threshold[here])
        nodes[active] = np.where(left, tree.left[here], tree.right[here])


def _placed(chain: Chain, X: Any, splits: list[Split]) -> list[tuple[int, int, Any]]:
    """(row of X, raw column, value) of each row to make."""
    if not chain.stages:
        return [
            (split.row, split.feature, value)
            for position, split in enumerate(splits)
            for value in _beside(_dtype(X, split.feature), split, fine=position < _FINE)
        ]
    found: list[tuple[int, int, Any]] = []
    todo = _pointed(chain, X, splits)
    floats = [one for one in todo if _dtype(X, one[1]) == np.float64 and np.isfinite(one[2])]
    found += _bisected(chain, X, floats)
    for split, column, place in todo:
        if _whole(X, column, place):
            low_side = int(np.floor(place))
            found += [(split.row, column, low_side), (split.row, column, low_side + 1)]
    return found


def movable(chain: Chain, X: Any, width: int) -> Any:
    """Return which features of the trees follow one column that holds numbers."""
    found = np.zeros(width, bool)
    if chain.stages:
        found[list(_sources(chain, X))] = True
        return found
    return np.array([_dtype(X, column) is not None for column in range(width)])


def boundaries(chain: Chain, X: Any, splits: list[Split]) -> dict[tuple[int, float], Turn]:
    """Return where each split turns in the caller's columns, by (feature, threshold); what cannot be found is left out.

    The rows of the splits do not matter: behind exact steps a feature follows its column alone.
    """
    found: dict[tuple[int, float], Turn] = {}
    if not chain.stages:
        for split in splits:
            values = _beside(_dtype(X, split.feature), split, fine=False)
            if len(values) >= 2:
                found[split.feature, split.threshold] = Turn(split.feature, values[0], values[1])
        return found
    todo = _pointed(chain, X, splits)
    floats = [one for one in todo if _dtype(X, one[1]) == np.float64 and np.isfinite(one[2])]
    turns, low, high, at_low = _turning(chain, X, floats)
    for position in np.flatnonzero(turns).tolist():
        split, column, _ = floats[position]
        pair = float(low[position]), float(high[position])
        found[split.feature, split.threshold] = Turn(column, *(pair if at_low[position] else pair[::-1]))
    for split, column, place in todo:
        if _whole(X, column, place):  # scalers keep the order of whole numbers, or turn it round
            pair = int(np.floor(place)), int(np.floor(place)) + 1
            found.setdefault((split.feature, split.threshold), Turn(column, *pair))
    return found


def _whole(X: Any, column: int, place: float) -> bool:
    dtype = _dtype(X, column)
    return dtype is not None and dtype.kind in "iu" and abs(place) < 2**31


def _pointed(chain: Chain, X: Any, splits: list[Split]) -> list[tuple[Split, int, float]]:
    """Each split with its raw column and the value of it at which a straight line turns."""
    sources = _sources(chain, X)
    todo = []
    for split in splits:
        if split.feature in sources:
            column, low, high, at_low, at_high = sources[split.feature]
            slope = (at_high - at_low) / (high - low)
            todo.append((split, column, low + (_boundary(split) - at_low) / slope))
    return todo


def _dtype(X: Any, column: int) -> Any:
    dtype = X.dtypes.iloc[column] if rows.form(X) == "frame" else X.dtype
    return dtype if isinstance(dtype, np.dtype) and dtype.kind in "fiu" else None


def _boundary(split: Split) -> float:
    """The float64 at which the comparison turns: the rounding border of float32 where the tree casts."""
    if not split.cast:
        return split.threshold
    low, high = _float32_neighbours(split.threshold)
    return (float(low) + float(high)) / 2


def _float32_neighbours(threshold: float) -> tuple[np.float32, np.float32]:
    low = np.float32(threshold)
    if float(low) > threshold:
        low = np.nextafter(low, np.float32(-np.inf))
    return low, np.nextafter(low, np.float32(np.inf))


def _beside(dtype: Any, split: Split, *, fine: bool) -> list[Any]:
    """Values at a threshold that the trees compare with a raw column of this dtype."""
    if dtype is None:
        return []
    t = split.threshold
    if dtype.kind in "iu":
        below = int(np.floor(t)) if abs(t) < 2**31 else None
        return [] if below is None else [below, below + 1]
    if dtype != np.float64 and dtype != np.float32:
        return []
    pair = [float(value) for value in _float32_neighbours(t)]
    if dtype == np.float32:
        return pair
    exact = [t, float(np.nextafter(t, np.inf))]
    if not split.cast:
        return [*exact, float(np.nextafter(t, -np.inf))] if fine else exact
    return [*pair, float(np.nextafter(t, -np.inf)), *exact] if fine else pair


def through(chain: Chain, X: Any) -> Any:
    """Return what the stages make of a table, as float64; raises where that is no narrow table."""
    for stage in chain.stages:
        X = stage.step.transform(X)
    X = X.toarray() if hasattr(X, "toarray") else np.asarray(X)
    if X.ndim != 2 or X.shape[1] > _MAX_WIDTH:
        raise ValueError("not a narrow table")
    return X.astype(np.float64)


def _sources(chain: Chain, X: Any) -> dict[int, tuple[int, float, float, float, float]]:
    """For each feature that follows exactly one numeric column: that column, two values of it, what they become."""
    numeric = [j for j in range(rows.width(X)) if _dtype(X, j) is not None]
    numeric = [numeric[k] for k in rows.spread(len(numeric), _MAX_COLUMNS)]
    ends = []
    for column in numeric:
        values = X.iloc[:, column].to_numpy() if rows.form(X) == "frame" else X[:, column]
        finite = values[np.isfinite(values)]
        ends.append((float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0))
    moving = [(j, low, high) for j, (low, high) in zip(numeric, ends, strict=True) if low < high]
    if not moving:
        return {}
    base = rows.take(X, [0] * (2 * len(moving)))
    edits = [(2 * k + side, j, end) for k, (j, *pair) in enumerate(moving) for side, end in enumerate(pair)]
    whole = {j for j, _, _ in moving if _dtype(X, j).kind in "iu"}
    edits = [(row, j, int(value) if j in whole else value) for row, j, value in edits]
    out = through(chain, rows.edited(base, edits))
    moved = out[0::2] != out[1::2]
    found = {}
    for feature in np.flatnonzero(moved.sum(axis=0) == 1).tolist():
        k = int(np.argmax(moved[:, feature]))
        column, low, high = moving[k]
        found[feature] = (column, low, high, float(out[2 * k, feature]), float(out[2 * k + 1, feature]))
    return found


def _bisected(chain: Chain, X: Any, todo: list[tuple[Split, int, float]]) -> list[tuple[int, int, Any]]:
    """Both neighbours in float64 between which each comparison turns: (row of X, raw column, value) of each."""
    turns, low, high, _ = _turning(chain, X, todo)
    return [
        (todo[position][0].row, todo[position][1], float(side[position]))
        for position in np.flatnonzero(turns).tolist()
        for side in (low, high)
    ]


def _turning(chain: Chain, X: Any, todo: list[tuple[Split, int, float]]) -> tuple[Any, Any, Any, Any]:
    """(found, lower value, higher value, whether the lower one goes left), found on the model's own stages."""
    if not todo:
        return np.zeros(0, bool), np.zeros(0), np.zeros(0), np.zeros(0, bool)
    centre = _ordered(np.array([place for _, _, place in todo]))
    low, high = centre - _BRACKET, centre + _BRACKET
    base = rows.take(X, [split.row for split, _, _ in todo])
    number, feature = np.arange(len(todo)), np.array([split.feature for split, _, _ in todo])
    cast, threshold = np.array([s.cast for s, _, _ in todo]), np.array([s.threshold for s, _, _ in todo])

    def left(order: Any) -> Any:
        values = _unordered(order)
        edits = [(row, column, float(values[row])) for row, (_, column, _) in enumerate(todo)]
        seen = through(chain, rows.edited(base, edits))[number, feature]
        return np.where(cast, seen.astype(np.float32).astype(np.float64), seen) <= threshold

    at_low, at_high = left(low), left(high)
    turns = at_low != at_high
    for _ in range(15):
        middle = low + (high - low) // 2
        same = left(middle) == at_low
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return turns & (high - low == 1), _unordered(low), _unordered(high), at_low


def _ordered(values: Any) -> Any:
    """Floats as integers in the same order, so that neighbours differ by one."""
    bits = values.astype(np.float64).view(np.int64)
    return np.where(bits >= 0, bits, np.int64(-(2**63)) - bits)


def _unordered(order: Any) -> Any:
    return np.where(order >= 0, order, np.int64(-(2**63)) - order).astype(np.int64).view(np.float64)
