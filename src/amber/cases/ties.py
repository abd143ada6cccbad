"""Ties: neighbours at the same distance, and labels with the same score. The library's order of them is no promise.

Which of two neighbours at one distance comes first, and which of them is the last that is counted, hangs on the order
of a partial sort, which differs between versions of NumPy, between processors and between a tree and brute force.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

NEIGHBOURS = "kneighbors"
_NEAR = 1e-9  # relative: distances that differ by less are the same distance
# Where more of the ordinary rows hang on ties than this, ties are what the model is about: nothing is excused.
MANY = 0.02


def exchanged(distances: Any, expected: Any, got: Any) -> Any:
    """Return for each place whether its other neighbour is explained by a tie.

    Args:
        distances: Recorded distances, one row for each request row, ascending.
        expected: Recorded neighbours, of the same shape.
        got: The neighbours now.
    """
    excused = expected == got
    for row in np.flatnonzero(~excused.all(axis=1)):
        mine, theirs = expected[row].tolist(), got[row].tolist()
        for start, end in _runs(distances[row]):
            if end == len(mine):  # beyond the last stand others at the same distance, which nobody recorded
                same = set(mine[:start]) == set(theirs[:start]) and len(set(theirs)) == len(theirs)
            else:
                same = set(mine[start:end]) == set(theirs[start:end])
            excused[row, start:end] |= same
    return excused


def _runs(distances: Any) -> list[tuple[int, int]]:
    """Split ascending distances into runs of equal ones."""
    with np.errstate(all="ignore"):
        apart = ~(np.diff(distances) <= _NEAR * np.abs(distances[1:])) & (distances[1:] != distances[:-1])
    edges = [0, *(np.flatnonzero(apart) + 1).tolist(), len(distances)]
    return list(pairwise(edges))


def uncounted(last: Any, X: Any) -> Any:
    """Return the rows whose last counted neighbour ties with the first that is not counted; none for other models."""
    count, points = getattr(last, "n_neighbors", None), getattr(last, "n_samples_fit_", None)
    if not isinstance(count, int) or not isinstance(points, int) or count >= points:
        return np.zeros(0, dtype=np.intp)
    try:
        distances = np.asarray(last.kneighbors(X, count + 1)[0], dtype=np.float64)
    except Exception:  # rows it does not take: there is nothing to excuse
        return np.zeros(0, dtype=np.intp)
    inner, outer = distances[:, -2], distances[:, -1]
    with np.errstate(all="ignore"):
        return np.flatnonzero((outer == inner) | (outer - inner <= _NEAR * np.abs(outer)))


def against_the_rule(model: Any, labels: Any, scores: Any) -> Any:
    """Return the rows whose label is not that of the first of their largest scores.

    Where two scores are equal, the first is taken by rule; a label that is another was taken by something else.
    """
    classes = getattr(model, "classes_", None)
    if not isinstance(classes, np.ndarray) or not isinstance(labels, np.ndarray) or not isinstance(scores, np.ndarray):
        return np.zeros(0, dtype=np.intp)
    if scores.ndim != 2 or labels.shape != scores.shape[:1] or classes.shape != scores.shape[1:]:
        return np.zeros(0, dtype=np.intp)
    return np.flatnonzero(classes[np.argmax(scores, axis=1)] != labels)
