"""A large ensemble made smaller without another bit in its sums: leaves that are the same, and trees in several parts.

onnxruntime builds an ensemble through tables of all its nodes and leaves, which takes longer for each node the more
there are; and it walks a small ensemble faster, since it stays near the processor. Leaves that add the same number are
one leaf to it. Where all sums are exact in any order (whole numbers and halves, as in the leaves of fully grown trees),
the trees stand in several ensembles whose answers are added.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from amber.programs.emit.nodes import Array, Nodes

SPLITS = 1 << 15  # of one part
_EXACT = {"float32": 2.0**24, "float64": 2.0**53}  # below which whole numbers add up exactly


def shared(nodes: Nodes, weights: Array) -> tuple[Nodes, Array]:
    """Return trees whose leaves with the same bits are one leaf, and the weights of those; all add to one target."""
    bits, place = np.unique(weights.view(f"i{weights.itemsize}"), return_inverse=True)
    if 2 * len(bits) > len(weights):
        return nodes, weights
    place = place.reshape(-1)
    left, right = (
        np.where(leaf, place[np.where(leaf, side, 0)], side)
        for side, leaf in ((nodes.left, nodes.left_leaf), (nodes.right, nodes.right_leaf))
    )
    return replace(nodes, left=left, right=right), bits.view(weights.dtype)


def groves(nodes: Nodes, splits: Array, weights: Array) -> list[tuple[Nodes, Array]]:
    """Return the trees in parts, each with its thresholds, whose answers add up to the same bits; one where none do.

    Args:
        nodes: The trees; the splits of each stand together, its root first.
        splits: Their thresholds.
        weights: What the leaves add, in the dtype of the sum; all parts have all leaves.
    """
    starts = np.sort(nodes.roots)
    cuts = [0]
    for stop in [*starts[1:].tolist(), len(splits)]:
        if stop - cuts[-1] >= SPLITS or stop == len(splits):
            cuts.append(stop)
    ranges = list(itertools.pairwise(cuts))
    if len(ranges) < 2 or not _exact(weights, nodes.trees) or not all(_closed(nodes, *each) for each in ranges):
        return [(nodes, splits)]
    return [(_part(nodes, *each), splits[slice(*each)]) for each in ranges]


def _exact(weights: Array, count: int) -> bool:
    """Whether any so many weights add up to the same bits in any order: all are multiples of one, or of 2^-20."""
    most = _EXACT[str(weights.dtype)]
    with np.errstate(over="ignore"):
        finer = weights * weights.dtype.type(2.0**20)
    for scaled in (weights, finer):
        if (scaled == np.rint(scaled)).all() and count * float(np.abs(scaled).max()) < most:  # so none is NaN
            return True
    return False


def _closed(nodes: Nodes, start: int, stop: int) -> bool:
    """Whether no split leads out of a range."""
    inner = [side[start:stop][~leaf[start:stop]] for side, leaf in _sides(nodes)]
    return all(not len(each) or (start <= each.min() and each.max() < stop) for each in inner)


def _sides(nodes: Nodes) -> list[tuple[Array, Array]]:
    return [(nodes.left, nodes.left_leaf.astype(bool)), (nodes.right, nodes.right_leaf.astype(bool))]


def _part(nodes: Nodes, start: int, stop: int) -> Nodes:
    left, right = (np.where(leaf, side, side - start)[start:stop] for side, leaf in _sides(nodes))
    return replace(
        nodes, feature=nodes.feature[start:stop], threshold=nodes.threshold[start:stop],
        missing_left=nodes.missing_left[start:stop], left=left, right=right, left_leaf=nodes.left_leaf[start:stop],
        right_leaf=nodes.right_leaf[start:stop],
        roots=np.sort(nodes.roots[(nodes.roots >= start) & (nodes.roots < stop)]) - start,
    )  # fmt: skip
