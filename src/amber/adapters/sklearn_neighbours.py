"""KD trees, ball trees and their distance metrics: native memory that unpickling trusts.

The four counters that every query moves (`n_trims`, `n_leaves`, `n_splits`, `n_calls`) are no part of the model and
are never written: a rebuilt tree starts at zero, so saving after a prediction gives the same bytes as before it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from amber.adapters.sklearn_trees import by_field
from amber.errors import AuditError

_FIRST = ("data", "idx_array", "node_data", "node_bounds", "leaf_size", "n_levels", "n_nodes")
_COUNTERS = 4


class SearchTreeState:
    """`KDTree` and `BallTree` (and their 32- and 64-bit variants): points, order, nodes, bounds, metric, weights."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the state without the counters; the arrays are the tree's own."""
        values = obj.__getstate__()
        metric, weights = values[len(_FIRST) + _COUNTERS :]
        return {**dict(zip(_FIRST, values, strict=False)), "dist_metric": metric, "sample_weight": weights}

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Return a tree, after asking the metric whether it fits the points (unpickling does not).

        Raises:
            ValueError: The metric or the arrays do not fit one another.
        """
        from sklearn.neighbors import _kd_tree

        data, metric = state["data"], state["dist_metric"]
        metric._validate_data(data)
        nodes = by_field(state["node_data"], np.dtype(_kd_tree.NodeData))
        if not nodes["is_leaf"][len(nodes) // 2 :].all():  # a search would go on beyond the array
            raise ValueError("a search tree has inner nodes on its last level")
        _check_ranges(nodes, len(data))
        tree = cls.__new__(cls)
        tree.__setstate__(
            (
                data,
                state["idx_array"],
                nodes,
                state["node_bounds"],
                int(state["leaf_size"]),
                int(state["n_levels"]),
                int(state["n_nodes"]),
                *([0] * _COUNTERS),
                metric,
                state["sample_weight"],
            )
        )
        return tree


def _check_ranges(nodes: np.ndarray[Any, Any], points: int) -> None:
    """Each inner node's points are shared out among its two children: a search counts on meeting each point once.

    `query_radius` writes what it finds into as many places as there are points, and one more before it looks.
    """
    starts, ends = nodes["idx_start"], nodes["idx_end"]
    inner = np.flatnonzero(nodes["is_leaf"][: len(nodes) // 2] == 0)
    left, right = 2 * inner + 1, 2 * inner + 2
    whole = starts[0] == 0 and ends[0] == points
    apart = (starts[left] == starts[inner]) & (ends[left] == starts[right]) & (ends[right] == ends[inner])
    if not whole or not apart.all():
        raise AuditError("value-mismatch", "the nodes of a search tree do not share out its points", where="node_data")


class MetricState:
    """`DistanceMetric` classes: exponent, weight vector, matrix; the callable one also its function."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the state as named attributes."""
        values = obj.__getstate__()
        state = dict(zip(("p", "vec", "mat"), values, strict=False))
        if len(values) > len(state):
            state["func"], state["kwargs"] = values[len(state) :]
        return state

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Return a metric of class `cls`."""
        values: tuple[Any, ...] = (
            float(state["p"]),
            np.ascontiguousarray(state["vec"], dtype=np.float64),
            np.ascontiguousarray(state["mat"], dtype=np.float64),
        )
        if "func" in state:
            values += (state["func"], state["kwargs"])
        metric = cls.__new__(cls)
        metric.__setstate__(values)
        return metric
