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
        self.single = len(sizes) == 1
        self.starts = np.cumsum(sizes) - sizes

    def owner(self, node: int) -> int:
        """Return which tree a node belongs to."""
        return int(np.searchsorted(self.starts, node, side="right")) - 1

    def owners(self, chosen: Array) -> Array:
        """Return which tree each of the chosen nodes belongs to."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)[chosen]

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
        left, right = self.left[places], self.right[places]
        wrong = self._outside(places, left, right)
        if wrong is not None:
            yield wrong
            return
        if not self.single:
            offsets = self.starts[self.owners(places)]
            left, right = left + offsets, right + offsets
        parents = np.full(len(self.left), -1, dtype=np.int64)
        parents[left] = places
        parents[right] = places
        if np.count_nonzero(parents >= 0) != 2 * len(places):
            yield self._doubled(left, right)
        elif depth is not None:
            yield from self._deeper(parents, inner, depth)

    def _outside(self, places: Array, left: Array, right: Array) -> tuple[int, str] | None:
        if self.single:
            local, room = places, self.sizes[0]
            if left.max() < room and right.max() < room and (left > local).all() and (right > local).all():
                return None
        else:
            owners = self.owners(places)
            local, room = places - self.starts[owners], self.sizes[owners]
        bad = ~((left > local) & (left < room) & (right > local) & (right < room))
        if not bad.any():
            return None
        first = int(np.argmax(bad))
        tree = self.owner(int(places[first]))
        return tree, (
            f"node {local[first]} of {self.sizes[tree]} has children {left[first]} and {right[first]}; "
            "children stand after their parent"
        )

    def _doubled(self, left: Array, right: Array) -> tuple[int, str]:
        counts = np.bincount(np.concatenate((left, right)), minlength=len(self.left))
        node = int(np.argmax(counts > 1))
        return self.owner(node), f"node {node - self.starts[self.owner(node)]} has two parents"

    def _deeper(self, parents: Array, inner: Array, depth: Array) -> Iterator[tuple[int, str]]:
        """The ancestor `depth` steps up from every leaf must be the root: powers of the parent map by squaring."""
        roots = parents < 0  # nodes that nothing leads to are roots of their own
        up = np.where(roots, np.arange(len(parents)), parents)
        leaves = np.flatnonzero(~inner)
        limits = np.minimum(depth, self.sizes)  # no tree is deeper than it has nodes
        wanted = limits[0] if self.single else limits[self.owners(leaves)]
        reached = leaves
        remaining = int(limits.max())
        bit = 1
        while remaining >= bit:
            if self.single:
                if remaining & bit:
                    reached = up[reached]
            else:
                reached = np.where(wanted & bit, up[reached], reached)
            bit <<= 1
            if remaining >= bit:
                up = up[up]
        late = ~roots[reached]
        if late.any():
            tree = self.owner(int(leaves[int(np.argmax(late))]))
            yield tree, f"the tree is deeper than {depth[tree]}"
