"""Two answers beside each other: labels exactly, numbers within a line, rows that rounding alone decides set apart."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier, is_clusterer, is_outlier_detector

DOUBLE, SINGLE, PEER = (1e-9, 1e-12), (1e-5, 1e-7), (1e-4, 1e-6)


class Line(NamedTuple):
    """What one method showed on one table."""

    rows: int = 0
    beyond: tuple[int, ...] = ()
    largest: float = 0.0  # difference, as a share of the largest value
    said: str = ""
    same: bool = True  # every value equal


def parts(value: Any) -> list[Any]:
    """Return an answer as dense arrays; rows of different lengths as one array a row is an object array."""
    if isinstance(value, list | tuple):
        return [found for each in value for found in parts(each)] if _arrays(value) else [np.asarray(value)]
    return [value.toarray() if hasattr(value, "toarray") else np.asarray(value)]


def _arrays(value: Any) -> bool:
    return any(hasattr(each, "shape") and each.shape for each in value)


def labelled(model: Any, method: str) -> bool:
    """Whether the method answers labels."""
    if method == "predict":
        return bool(is_classifier(model) or is_clusterer(model) or is_outlier_detector(model))
    return method == "apply"


def compare(
    mine: Any, theirs: Any, line: tuple[float, float], labels: bool, scale: float = 0.0, single: bool = True
) -> Line:
    """Compare an answer of the original with another; `scale` is the largest value of clean rows.

    `single`: an original that answers float32 is held to the line of float32.
    """
    left, right = parts(mine), parts(theirs)
    if len(left) != len(right):
        return Line(said=f"{len(left)} arrays expected, {len(right)} given", same=False)
    found = [_compared(a, b, line, labels, scale, single) for a, b in zip(left, right, strict=True)]
    return Line(
        max(each.rows for each in found), tuple(sorted({row for each in found for row in each.beyond})),
        max(each.largest for each in found), next((each.said for each in found if each.said), ""),
        all(each.same for each in found),
    )  # fmt: skip


def _compared(mine: Any, theirs: Any, line: tuple[float, float], labels: bool, scale: float, single: bool) -> Line:
    if mine.dtype == object and mine.size and all(hasattr(each, "shape") for each in mine.ravel()):
        return _ragged(mine, theirs, line, scale, single)
    if mine.shape != theirs.shape:
        if mine.size != theirs.size or mine.ndim > theirs.ndim:
            return Line(said=f"shape {mine.shape} expected, {theirs.shape} given", same=False)
        theirs = theirs.reshape(mine.shape)
    if labels or mine.dtype.kind not in "f" or theirs.dtype.kind not in "fiub":
        away = _unlike(mine, theirs)
        return Line(len(mine), _rows(away), 0.0, "", not away.any())
    if mine.dtype == np.float32 and single:
        line = (max(line[0], SINGLE[0]), max(line[1], SINGLE[1]))
    mine, theirs = mine.astype(float), theirs.astype(float)
    same = (mine == theirs) | (np.isnan(mine) & np.isnan(theirs))
    finite = np.isfinite(mine) & np.isfinite(theirs)
    s = max(scale, float(np.abs(mine[np.isfinite(mine)]).max(initial=0.0)))
    with np.errstate(all="ignore"):
        far = np.where(finite, np.abs(mine - theirs), np.inf)
        away = ~same & ~(far <= line[0] * np.abs(mine) + line[1] * s)
        share = np.where(same, 0.0, far / s if s else np.where(far > 0, np.inf, 0.0))
    return Line(len(mine), _rows(away), float(share.max(initial=0.0)), "", bool(same.all()))


def _ragged(mine: Any, theirs: Any, line: tuple[float, float], scale: float, single: bool) -> Line:
    if theirs.dtype != object or mine.shape != theirs.shape:
        return Line(said="arrays of another form", same=False)
    found = [_compared(a, b, line, False, scale, single) for a, b in zip(mine, theirs, strict=True)]
    away = tuple(row for row, each in enumerate(found) if each.beyond or each.said)
    return Line(len(mine), away, max(each.largest for each in found), "", all(each.same for each in found))


def _unlike(mine: Any, theirs: Any) -> Any:
    if theirs.dtype.kind != mine.dtype.kind and "U" in (mine.dtype.kind, theirs.dtype.kind):
        mine, theirs = mine.astype(str), theirs.astype(str)
    return (mine != theirs) & ~((mine != mine) & (theirs != theirs))


def _rows(away: Any) -> tuple[int, ...]:
    return tuple(np.flatnonzero(away.reshape(len(away), -1).any(axis=1)).tolist()) if away.size else ()


def largest(value: Any) -> float:
    """Return the largest finite value of an answer, 0 of labels."""
    found = 0.0
    for each in parts(value):
        if each.dtype.kind == "f":
            found = max(found, float(np.abs(each[np.isfinite(each)]).max(initial=0.0)))
    return found


def undecided(model: Any, method: str, rows: Any, beyond: tuple[int, ...], line: tuple[float, float],
              scale: float) -> set[int]:  # fmt: skip
    """Return rows that the original itself answers otherwise alone than in a batch."""
    found = set()
    whole = getattr(model, method)(rows)
    for row in beyond:
        one = getattr(model, method)(rows[row : row + 1])
        picked = [each[row : row + 1] for each in parts(whole)]
        if any(len(a) != 1 for a in parts(one)):
            continue
        pairs = zip(picked, parts(one), strict=True)
        if any((seen := _compared(a, b, line, labelled(model, method), scale, True)).beyond or seen.said
               for a, b in pairs):  # fmt: skip
            found.add(row)
    return found
