"""The adapter of XGBoost: boosters in their own UBJ form, checked before XGBoost reads them.

Estimators are their `__dict__`. A booster alone is kept too; its `predict` wants a DMatrix, so that it has no recorded
answers. XGBoost is imported when the first of its objects is rebuilt.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from amber.adapters import boosters
from amber.tree.natives import xgboost as native

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amber.adapters.protocol import Description, Prepared, Special

# Parameters that XGBoost's estimators have no argument for; they come as keywords and reach the library in fit only.
_KEYWORDS = (
    "aft_loss_distribution aft_loss_distribution_scale alpha disable_default_eval_metric eta feature_selector gpu_id"
    " huber_slope lambda lambdarank_bias_norm lambdarank_normalization lambdarank_num_pair_per_sample"
    " lambdarank_pair_method lambdarank_score_normalization lambdarank_unbiased max_cached_hist_node min_split_loss"
    " ndcg_exp_gain normalize_type num_class one_drop predictor process_type quantile_alpha rate_drop refresh_leaf"
    " sample_type seed seed_per_iteration silent sketch_eps skip_drop sparse_threshold top_k tweedie_variance_power"
    " updater use_label_encoder"
)
KEYWORDS = frozenset(_KEYWORDS.split())


class BoosterState:
    """`xgboost.Booster`: the bytes of `save_raw("ubj")`, with the attributes that early stopping leaves in it."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return the native bytes."""
        return {"native": boosters.written(bytes(obj.save_raw("ubj")), native.read, "booster")}

    def check(self, arrays: Mapping[str, Any]) -> None:
        """Read the native bytes and follow them to the end."""
        native.read(boosters.bytes_of(arrays))

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Return a booster that has read the bytes, which `check` has followed."""
        data = boosters.bytes_of(state)
        booster = cls()
        booster.load_model(bytearray(data))
        return booster


class XGBoostAdapter:
    """Takes and rebuilds XGBoost objects (2.0 and newer). Satisfies every Protocol of `adapters.protocol`."""

    id = "xgboost"
    state_version = 1
    library = "xgboost"
    specials: Mapping[str, Special] = MappingProxyType({"booster": BoosterState()})

    def owns(self, type_name: str) -> bool:
        """Whether a class stands in XGBoost."""
        return type_name.startswith("xgboost.")

    def prepare(self, obj: Any) -> Prepared:
        """Return the attributes to write, without callbacks."""
        return boosters.without_callbacks(vars(obj))

    def migrate(self, cls: type, state: dict[str, Any], written: str) -> dict[str, Any]:
        """Return the attributes as they are, once the keywords among them are known to be plain."""
        boosters.check_plain(f"{cls.__name__}.kwargs", state.get("kwargs") or {}, KEYWORDS)
        return state

    def fitted(self, obj: Any) -> str | None:
        """Return None for a fitted estimator or a booster, else the method to call."""
        if not hasattr(obj, "fit") or hasattr(obj, "_Booster"):
            return None
        return f"this {type(obj).__name__} is not fitted: call fit(X, y) first"

    def describe(self, obj: Any) -> Description:
        """Return kind, hyperparameters, feature names and classes."""
        from amber.adapters import sklearn_describe

        return sklearn_describe.describe(obj)

    def examples(self) -> list[tuple[str, Callable[[], Any]]]:
        """Return small fitted models of every booster and kind of objective."""
        from amber.adapters import xgboost_examples

        return xgboost_examples.examples()


ADAPTER = XGBoostAdapter()
