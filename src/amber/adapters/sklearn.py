"""The adapter of scikit-learn: what its vocabulary cannot say.

Most estimators are their `__dict__` and need no code. Here are the special states (native memory, named tuples, a
dict with attributes), what is written differently than it stands, what moved between versions, whether a model is
fitted, and what the manifest says about it. scikit-learn is imported when the first of its objects is rebuilt.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from amber.adapters import sklearn_containers, sklearn_losses, sklearn_neighbours, sklearn_prepare, sklearn_trees

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amber.adapters.protocol import Description, Prepared, Special


class SklearnAdapter:
    """Takes and rebuilds scikit-learn objects (1.5 and newer). Satisfies every Protocol of `adapters.protocol`."""

    id = "sklearn"
    state_version = 1
    library = "scikit-learn"
    specials: Mapping[str, Special] = MappingProxyType(
        {
            "tree": sklearn_trees.TreeState(),
            "histogram-tree": sklearn_trees.PredictorState(),
            "search-tree": sklearn_neighbours.SearchTreeState(),
            "distance-metric": sklearn_neighbours.MetricState(),
            "loss": sklearn_losses.LossState(),
            "sgd-loss": sklearn_losses.SgdLossState(),
            "bunch": sklearn_containers.BunchState(),
            "named-tuple": sklearn_containers.NamedTupleState(),
            "remainder-columns": sklearn_containers.RemainderColumnsState(),
            "isotonic": sklearn_containers.IsotonicState(),
        }
    )

    def owns(self, type_name: str) -> bool:
        """Whether a class stands in scikit-learn (`_loss` is how its compiled losses call their module)."""
        return type_name.startswith(("sklearn.", "_loss.Cy"))

    def prepare(self, obj: Any) -> Prepared:
        """Return the attributes to write for an object; see `sklearn_prepare`."""
        return sklearn_prepare.prepare(obj)

    def migrate(self, cls: type, state: dict[str, Any], written: str) -> dict[str, Any]:
        """Return the attributes that the installed scikit-learn expects; see `sklearn_versions`."""
        from amber.adapters import sklearn_containers, sklearn_versions

        moved = sklearn_versions.migrate(cls, state, written)
        if cls.__name__ == "_CFNode":
            sklearn_containers.relink_birch_node(moved)
        return moved

    def fitted(self, obj: Any) -> str | None:
        """Return None for a fitted estimator, else which part is not and the method to call."""
        from amber.adapters import sklearn_describe

        return sklearn_describe.fitted(obj)

    def describe(self, obj: Any) -> Description:
        """Return kind, hyperparameters, feature names and classes."""
        from amber.adapters import sklearn_describe

        return sklearn_describe.describe(obj)

    def examples(self) -> list[tuple[str, Callable[[], Any]]]:
        """Return small fitted estimators that span every special state."""
        from amber.adapters import sklearn_examples

        return sklearn_examples.examples()


ADAPTER = SklearnAdapter()
