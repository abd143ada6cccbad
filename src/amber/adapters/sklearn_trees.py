"""Decision trees and histogram-boosting predictors: node records in native memory, mapped by field name.

A tree's nodes are one structured array (64 bytes a node on 64-bit machines), which keeps a forest at two tensors a
tree and lets it load with one copy. The record has grown before (`missing_go_to_left` came with scikit-learn 1.3)
and will again, so reading maps by the names of fields: what the writer did not have gets the value that means "as
before", what this version does not know is left out. What the indices may be stands in the vocabulary and has been
checked when these classes are called; nothing here trusts a count it can compute.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_NO_FIELDS: dict[str, int] = {}


def by_field(
    array: np.ndarray[Any, Any], dtype: np.dtype[Any], defaults: dict[str, int] = _NO_FIELDS
) -> np.ndarray[Any, Any]:
    """Return a structured array in another record layout, matched by field name.

    Args:
        array: One-dimensional structured array.
        dtype: The layout wanted; an array that has it already is returned as it is.
        defaults: Values of fields that `array` lacks; 0 where none is given.

    Raises:
        ValueError: `array` has no fields, or not one in common with `dtype`.
    """
    if array.dtype == dtype:
        return np.ascontiguousarray(array)
    shared = [name for name in dtype.names or () if name in (array.dtype.names or ())]
    if not shared:
        raise ValueError(f"records of {array.dtype} cannot be read as {dtype}")
    records = np.zeros(array.shape, dtype)
    for name in dtype.names or ():
        records[name] = array[name] if name in shared else defaults.get(name, 0)
    return records


class TreeState:
    """`sklearn.tree._tree.Tree`: the sizes its constructor wants, the counters, the nodes and the values."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the state; `nodes` and `values` are views of the tree's own memory."""
        _, (n_features, n_classes, n_outputs), state = obj.__reduce__()
        return {
            "n_features": int(n_features),
            "n_classes": np.asarray(n_classes),
            "n_outputs": int(n_outputs),
            "max_depth": int(state["max_depth"]),
            "node_count": int(state["node_count"]),
            "nodes": state["nodes"],
            "values": state["values"],
        }

    def rebuild(self, cls: type, state: dict[str, Any]) -> Any:
        """Return a tree; the constructor gets the sizes, the rest goes the way unpickling goes."""
        from sklearn.tree._tree import NODE_DTYPE

        nodes = by_field(state["nodes"], NODE_DTYPE)
        n_classes = np.ascontiguousarray(state["n_classes"], dtype=np.intp)
        values = np.ascontiguousarray(state["values"], dtype=np.float64)
        n_outputs = int(state["n_outputs"])
        shape = (len(nodes), n_outputs, int(n_classes.max(initial=0)))
        if values.shape != shape or n_classes.shape != (n_outputs,) or int(state["node_count"]) != len(nodes):
            raise ValueError(f"a tree of {len(nodes)} nodes needs values of shape {shape}, not {values.shape}")
        tree = cls(int(state["n_features"]), n_classes, n_outputs)
        tree.__setstate__(
            {
                "max_depth": int(state["max_depth"]),
                "node_count": len(nodes),
                "nodes": nodes,
                "values": values,
            }
        )
        return tree


class PredictorState:
    """`TreePredictor` of histogram boosting: node records and the bit sets of categorical splits."""

    _NAMES = ("nodes", "binned_left_cat_bitsets", "raw_left_cat_bitsets")

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the three arrays."""
        return {name: getattr(obj, name) for name in self._NAMES}

    def rebuild(self, cls: type, state: dict[str, Any]) -> Any:
        """Return a predictor whose records have this version's layout."""
        from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE

        nodes = by_field(state["nodes"], np.dtype(PREDICTOR_RECORD_DTYPE))
        bitsets = [np.ascontiguousarray(state[name], dtype=np.uint32) for name in self._NAMES[1:]]
        return cls(nodes, *bitsets)
