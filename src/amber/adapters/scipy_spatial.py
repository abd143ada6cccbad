"""SciPy's k-d trees: the points and the leaf size, from which the same tree is built again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from amber.errors import AuditError, SaveError

if TYPE_CHECKING:
    from amber.adapters.protocol import Special


class KDTree:
    """`scipy.spatial.KDTree` and `cKDTree`; the native nodes are never stored, so there is nothing to trust."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return what the constructor needs, after trying that it gives the same order of points."""
        state = {
            "data": np.asarray(obj.data),
            "leafsize": int(obj.leafsize),
            "boxsize": None if obj.boxsize is None else np.asarray(obj.boxsize),
        }
        if not np.array_equal(self.rebuild(type(obj), state).indices, obj.indices):
            raise SaveError(
                "value-mismatch",
                "this k-d tree was not built with the default options",
                hint="build it with compact_nodes=True and balanced_tree=True",
            )
        return state

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Build the tree from its points."""
        data, boxsize = state["data"], state["boxsize"]
        if data.ndim != 2 or not np.isfinite(data).all():
            raise AuditError("not-finite", "points must be finite and in two dimensions", where="KDTree.data")
        if boxsize is not None and boxsize.shape != data.shape[1:]:
            raise AuditError("shape-mismatch", "one box size for each column", where="KDTree.boxsize")
        try:
            return cls(data, leafsize=state["leafsize"], boxsize=boxsize)
        except ValueError as error:
            raise AuditError("value-mismatch", str(error), where="KDTree") from error


SPECIALS: dict[str, Special] = {"points": KDTree()}
