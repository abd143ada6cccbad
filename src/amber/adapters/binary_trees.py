"""Whether arrays of child indices are binary trees: every walk from the root ends, inside the array, in time.

Native code walks from node to child without looking: a child outside the array reads foreign memory, a child that is
not after its parent may never end, and a tree deeper than it says writes past buffers sized by its depth.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from amber.adapters.facts import Array


class Forest:
    """Several trees laid one after the other: child indices are local to each tree.

    Args:
        left: Index of the left child of each node, int64.
        right: Index of the right child.
        sizes: How many nodes each tree has.
    """

    def __init__(self, left: Array, right: Array, sizes: Array) -> None:
        self.left = left
        self.right = right
        self.sizes = sizes
        self.empty = not (sizes > 0).all()
        self.starts = np.cumsum(sizes) - sizes

    def owner(self, node: int) -> int:
        """Return which tree a node belongs to."""
        return int(np.searchsorted(self.starts, node, side="right")) - 1

    def check(self, inner: Array, leaf_mark: int | None, depth: Array | None) -> Iterator[tuple[int, str]]:
        """Yield (tree, what is wrong with it); after the first wrong tree the others may not be looked at.

        Args:
            inner: Whether each node has children.
            leaf_mark: What both children of a leaf must hold; None where they do not matter.
            depth: The largest depth of each tree; None where it does not matter.
        """
        if leaf_mark is not None:
            unpaired = np.not_equal(self.right, leaf_mark) != inner
            if unpaired.any():
                node = int(np.argmax(unpaired))
                yield self.owner(node), f"node {node - self.starts[self.owner(node)]} has one child"
                return
        places = np.flatnonzero(inner)
        if not len(places):
            return
        counts = np.add.reduceat(inner, self.starts, dtype=np.int64)  # nodes with children, by tree
        left, right = self.left.take(places), self.right.take(places)
        ends = np.repeat(self.sizes, counts)
        begins = np.repeat(self.starts, counts)
        bad = np.minimum(left, right) <= places - begins
        bad |= np.maximum(left, right) >= ends
        if bad.any():
            yield self._outside(places, left, right, int(np.argmax(bad)))
            return
        left += begins
        right += begins
        # What leads to a node, as a number among the nodes with children: only they have depth worth following.
        parents = np.full(len(self.left), -1, dtype=np.int64)
        numbers = np.arange(len(places))
        parents[left] = numbers
        parents[right] = numbers
        if np.count_nonzero(parents >= 0) != 2 * len(places):
            yield self._doubled(left, right)
        elif depth is not None:
            yield from self._deeper(parents.take(places), counts, depth)

    def _outside(self, places: Array, left: Array, right: Array, first: int) -> tuple[int, str]:
        tree = self.owner(int(places[first]))
        return tree, (
            f"node {places[first] - self.starts[tree]} of {self.sizes[tree]} has children {left[first]} and "
            f"{right[first]}; children stand after their parent"
        )

    def _doubled(self, left: Array, right: Array) -> tuple[int, str]:
        counts = np.bincount(np.concatenate((left, right)), minlength=len(self.left))
        node = int(np.argmax(counts > 1))
        return self.owner(node), f"node {node - self.starts[self.owner(node)]} has two parents"

    def _deeper(self, up: Array, counts: Array, depth: Array) -> Iterator[tuple[int, str]]:
        """Compute the depth of each node with children: ways up are joined with the ways above them (doubling)."""
        heights = (up >= 0).astype(np.int32)
        roots = np.flatnonzero(heights == 0)  # nodes that nothing leads to
        up[roots] = roots
        above = heights.take(up)
        while above.any():  # ends: every step up leads to a smaller number or is at a root
            heights += above
            up = up.take(up)
            above = heights.take(up)
        some = np.flatnonzero(counts)
        deepest = np.maximum.reduceat(heights, (np.cumsum(counts) - counts)[some]) + 1  # their children, one deeper
        late = deepest > depth[some]
        if late.any():
            tree = int(some[int(np.argmax(late))])
            yield tree, f"the tree is deeper than {depth[tree]}"
