"""The adapter of LightGBM: boosters in their own text form, checked before LightGBM reads them.

Estimators are their `__dict__`; what `set_params` was given beyond their arguments stands in it twice, as attributes
and in `_other_params`, from where every predict hands it to the library as text. LightGBM is imported when the first
of its objects is rebuilt.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from amber.adapters import boosters
from amber.tree.natives import lightgbm as native

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amber.adapters.protocol import Description, Prepared, Special

# LightGBM's own names and the aliases in use; none names a file, an address or a number of threads.
_MACHINE = frozenset(["num_threads", "num_machines", "local_listen_port", "time_out"])
_ALIASES = frozenset(["metrics", "min_child_samples", "min_data", "unbalance", "unbalanced_sets", "verbose"])
# The estimator's own parameters: `set_params` (and so every grid search) writes them among the others, too.
_OWN = frozenset(
    (
        "boosting_type", "colsample_bytree", "importance_type", "min_child_weight", "min_split_gain", "n_estimators",
        "random_state", "reg_alpha", "reg_lambda", "subsample", "subsample_for_bin", "subsample_freq",
    )
)  # fmt: skip
# Those beside them are attributes already: left out of the others, they are found there.
_ELSEWHERE = ("n_jobs", "class_weight")
KEYWORDS = (native.PARAMETERS - native.REACHING - _MACHINE) | _ALIASES | _OWN


class BoosterState:
    """`lightgbm.Booster`: all trees as text, and what early stopping found."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the state. Files, addresses and threads of the training machine are left out of the text."""
        text = native.neutral(obj.model_to_string(num_iteration=-1).encode())
        return {
            "native": boosters.written(text, native.read, "booster"),
            "best_iteration": int(obj.best_iteration),
            "best_score": obj.best_score,
        }

    def check(self, arrays: Mapping[str, Any]) -> None:
        """Read the native bytes and follow them to the end."""
        native.read(boosters.bytes_of(arrays))

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Return a booster that has read the text, which `check` has followed."""
        booster = cls(model_str=boosters.bytes_of(state).decode())
        booster.best_iteration = state["best_iteration"]
        booster.best_score = state["best_score"]
        return booster


class LightGBMAdapter:
    """Takes and rebuilds LightGBM objects (4.0 and newer). Satisfies every Protocol of `adapters.protocol`."""

    id = "lightgbm"
    state_version = 1
    library = "lightgbm"
    specials: Mapping[str, Special] = MappingProxyType({"booster": BoosterState()})

    def owns(self, type_name: str) -> bool:
        """Whether a class stands in LightGBM."""
        return type_name.startswith("lightgbm.")

    def prepare(self, obj: Any) -> Prepared:
        """Return the attributes to write, without callbacks, and without a second copy of what is no plain keyword."""
        state = dict(vars(obj))
        if isinstance(state.get("_other_params"), dict):
            others = state["_other_params"]
            state["_other_params"] = {name: value for name, value in others.items() if name not in _ELSEWHERE}
        return boosters.without_callbacks(state)

    def migrate(self, cls: type, state: dict[str, Any], written: str) -> dict[str, Any]:
        """Return the attributes as they are, once the keywords among them are known to be plain."""
        boosters.check_plain(f"{cls.__name__}._other_params", state.get("_other_params") or {}, KEYWORDS)
        return state

    def fitted(self, obj: Any) -> str | None:
        """Return None for a fitted estimator or a booster, else the method to call."""
        if not hasattr(obj, "fit") or getattr(obj, "_Booster", None) is not None:
            return None
        return f"this {type(obj).__name__} is not fitted: call fit(X, y) first"

    def describe(self, obj: Any) -> Description:
        """Return kind, hyperparameters, feature names and classes."""
        from amber.adapters import sklearn_describe

        return sklearn_describe.describe(obj)

    def examples(self) -> list[tuple[str, Callable[[], Any]]]:
        """Return small fitted models of every kind of boosting, tree and objective."""
        from amber.adapters import lightgbm_examples

        return lightgbm_examples.examples()


ADAPTER = LightGBMAdapter()
