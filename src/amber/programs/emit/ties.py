"""Which of several training rows at the same distance a search keeps: those of the original, met in its order.

A search fills a heap with the nearest rows it met so far and drops the farthest when a nearer one comes. Where the
last place is tied, what is kept hangs on the order in which rows are met and on the shape of the heap, so both are
followed, but for tied rows only. At last the heap is sorted; up to 15 places equals stay as they lie in it.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from amber.programs.emit.decompose import floats
from amber.programs.emit.flow import Context
from amber.programs.emit.graph import Graph, Tensor, Unsupported
from amber.programs.emit.loops import repeated
from amber.programs.emit.pairwise import raised
from amber.programs.emit.view import View

Array = np.ndarray[Any, Any]


def settled(
    e: View, x: Tensor, c: Context, reduced: Tensor, tied: Tensor, places: Tensor, limit: float, deepest: int
) -> Tensor:  # fmt: skip
    """Return places [N, k] with those of tied rows as the original's search finds them.

    Args:
        e: The estimator.
        x: The rows, [N, d].
        c: The emission.
        reduced: Distances [N, M].
        tied: Which rows are looked into, bool [N]: those with the same distance at several places.
        places: The nearest, [N, k].
        limit: What no distance that is kept reaches.
        deepest: How many are kept: k.
    """
    g, count = c.graph, int(e["n_samples_fit_"])
    rows = g.squeeze(g.op("NonZero", tied, dtype="int64"), 0)
    met = g.op("Gather", reduced, rows, axis=0)
    order: Tensor | None = None
    if e["_fit_method"] != "brute":
        order = visited(e["_tree"], g.op("Gather", x, rows, axis=0), c)
        met = g.op("GatherElements", met, order, axis=1)
    like = g.op("Gather", places, rows, axis=0)
    heap = like.cast(g.precision) * 0.0 + limit
    cursor = g.op("Gather", like, g.const([0]), axis=1) * 0 - 1
    size = g.op("Shape", rows, dtype="int64", start=0, end=1)
    some = g.squeeze(size, 0) > 0
    kept, found, _ = repeated(_push, [heap, like * 0, cursor], [met], count, first=some)
    if order is None:
        # of no more rows than there are training rows, the heap of a thread is poured into that of all threads
        all_rows = g.squeeze(g.op("Shape", places, dtype="int64", start=0, end=1), 0)
        pours = all_rows <= count
        poured, again, _ = repeated(_push, [heap, like * 0, cursor], [kept], deepest, first=some & pours)
        found = g.where(pours, g.op("GatherElements", found, again, axis=1), found)
        kept = g.where(pours, poured, kept)
    else:
        found = g.op("GatherElements", order, found, axis=1)
    width = g.op("Shape", found, dtype="int64", start=1, end=2)
    # all rows are sorted, since none may be tied: in WebAssembly a TopK of no rows divides by zero
    laid = g.op("ScatterND", places.cast(kept.dtype), g.expand(rows), kept)
    sort = g.ops("TopK", laid, width, dtypes=[kept.dtype, "int64"], axis=1, largest=0, sorted=1)[1]
    sort = g.op("Gather", sort, rows, axis=0)
    return g.op("ScatterND", places, g.expand(rows), g.op("GatherElements", found, sort, axis=1))


def _push(g: Graph, state: list[Tensor], fixed: list[Tensor]) -> tuple[list[Tensor], Tensor]:
    """Put the next row that is nearer than the farthest kept into each heap, and let it sink to its place."""
    (heap, found, cursor), met = state, fixed[0]
    size = g.op("Shape", heap, dtype="int64", start=1, end=2)
    count = g.op("Shape", met, dtype="int64", start=1, end=2)
    every = g.op("Range", g.const(0), g.squeeze(count, 0), g.const(1))
    nearer = ((met < g.columns(heap, [0])) & (g.expand(every, 0) > cursor)).cast("int64")
    any_nearer = g.max(nearer, 1, keep=True) > 0
    new = g.expand(g.argmax(nearer))
    value = g.op("GatherElements", met, new, axis=1)
    at = cursor * 0

    def sink(heap: Tensor, found: Tensor, at: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        left = at * 2 + 1
        children = []
        for child in (left, left + 1):
            inside = g.op("Min", child, size - 1)
            children.append(g.where(child < size, g.op("GatherElements", heap, inside, axis=1), -np.inf))
        is_left = children[0] >= children[1]
        child = g.op("Min", g.where(is_left, left, left + 1), size - 1)
        greatest = g.where(is_left, children[0], children[1])
        moves = value < greatest
        heap_next = g.op("ScatterElements", heap, at, g.where(moves, greatest, value), axis=1)
        held = g.where(moves, g.op("GatherElements", found, child, axis=1), new)
        return heap_next, g.op("ScatterElements", found, at, held, axis=1), g.where(moves, child, at)

    next_heap, next_found = heap, found
    for _ in range(_DEPTH):
        next_heap, next_found, at = sink(next_heap, next_found, at)
    state = [
        g.where(any_nearer, next_heap, heap),
        g.where(any_nearer, next_found, found),
        g.where(any_nearer, new, count),
    ]
    return state, g.sum(g.squeeze(any_nearer.cast("int64")), 0, keep=True) > 0


_DEPTH = 7  # levels of a heap of at most 64 places, and one more to come to rest


def deep_enough(count: int) -> bool:
    """Whether heaps of a size can be followed."""
    return count < int(2 ** (_DEPTH - 1))


def visited(tree: View, x: Tensor, c: Context) -> Tensor:
    """Return the training rows in the order in which a search tree meets them, int64 [N, M]: nearer halves first.

    Raises:
        Unsupported: The tree has leaves on several levels.
    """
    g, nodes = c.graph, tree["node_data"]
    starts, ends = np.asarray(nodes["idx_start"]), np.asarray(nodes["idx_end"])
    levels = int(np.log2(len(nodes) + 1))
    if np.asarray(nodes["is_leaf"]).astype(bool).tolist() != [i >= len(nodes) // 2 for i in range(len(nodes))]:
        raise Unsupported("a search tree with leaves on several levels")
    bound = _ball_bound if tree.name.startswith("BallTree") else _box_bound
    place = g.columns(x, [0]).cast("int64") * 0
    near = bound(tree, x, c) if levels > 1 else None
    for level in range(1, levels):
        ids = np.arange(2**level - 1, 2 ** (level + 1) - 1)
        sizes = (ends - starts)[ids]
        if near is None:
            break
        first = g.columns(near, ids[0::2]) <= g.columns(near, ids[1::2])
        sides = [
            g.expand(place + g.where(first, g.const(0), g.const(sizes[1::2][np.newaxis, :])), 2),
            g.expand(place + g.where(first, g.const(sizes[0::2][np.newaxis, :]), g.const(0)), 2),
        ]
        place = g.op("Reshape", g.concat(sides, 2), g.const([0, len(ids)]))
    leaves = np.arange(len(nodes) // 2, len(nodes))
    leaf = np.repeat(np.arange(len(leaves)), (ends - starts)[leaves])
    within = np.arange(len(leaf)) - starts[leaves][leaf]
    at = g.columns(place, leaf) + within[np.newaxis, :]
    rows = at * 0 + np.asarray(tree["idx_array"], dtype=np.int64)[np.newaxis, :]
    return g.op("ScatterElements", rows, at, rows, axis=1)


def _exponent(tree: View) -> float:
    return float(tree["dist_metric"]["p"])


def _box_bound(tree: View, x: Tensor, c: Context) -> Tensor:
    """Return the least reduced distance to the box of each node, [N, nodes]."""
    g, bounds, p = c.graph, floats(tree["node_bounds"]), _exponent(tree)
    parts = []
    for j in range(bounds.shape[2]):
        column = g.columns(x, [j])
        low, high = bounds[0, :, j][np.newaxis, :] - column, column - bounds[1, :, j][np.newaxis, :]
        away = ((low + g.op("Abs", low)) + (high + g.op("Abs", high))) * 0.5
        parts.append(away if np.isinf(p) else _power(c, away, p, bounds.shape[1]))
    if np.isinf(p):
        return functools.reduce(lambda left, right: g.op("Max", left, right), parts)
    return functools.reduce(lambda left, right: left + right, parts)


def _ball_bound(tree: View, x: Tensor, c: Context) -> Tensor:
    """Return the least reduced distance to the ball of each node, [N, nodes]."""
    g, centres, p = c.graph, floats(tree["node_bounds"])[0], _exponent(tree)
    parts = []
    for j in range(centres.shape[1]):
        away = g.op("Abs", g.columns(x, [j]) - centres[:, j][np.newaxis, :])
        parts.append(away if np.isinf(p) else _power(c, away, p, len(centres)))
    if np.isinf(p):
        reach = functools.reduce(lambda left, right: g.op("Max", left, right), parts)
    else:
        total = functools.reduce(lambda left, right: left + right, parts)
        reach = total if p == 1 else g.op("Sqrt", total) if p == 2 else raised(c, total, 1.0 / p, len(centres))
    least = g.op("Max", reach - np.asarray(tree["node_data"]["radius"])[np.newaxis, :], g.const(0.0))
    return least if np.isinf(p) else _power(c, least, p, len(centres))


def _power(c: Context, base: Tensor, p: float, width: int) -> Tensor:
    if p == 1:
        return base
    return base * base if p == 2 else raised(c, base, p, width)
