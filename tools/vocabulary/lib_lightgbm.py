"""The vocabulary of LightGBM: its estimators by attribute, and boosters as their native text."""

from __future__ import annotations

import sys
from pathlib import Path

from shorthand import Json, array, entry, integer, obj, text

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))
from amber.adapters.lightgbm import KEYWORDS

_OBJECTIVES = (
    "regression l2 mean_squared_error mse l2_root root_mean_squared_error rmse regression_l1 l1 mean_absolute_error mae"
    " huber fair poisson quantile mape mean_absolute_percentage_error gamma tweedie binary multiclass softmax"
    " multiclassova multiclass_ova ova ovr cross_entropy xentropy cross_entropy_lambda xentlambda lambdarank"
    " rank_xendcg xendcg xe_ndcg xe_ndcg_mart xendcg_mart"
)
_PLAIN = ["none", "bool", "number", {"is": "str", "max_chars": 4096}, "list"]
_PARAMETERS: dict[str, Json] = {
    "boosting_type": text("gbdt", "gbrt", "dart", "rf", "random_forest", "goss"),
    "objective": ["none", text(*_OBJECTIVES.split())],
    "num_leaves": "int",
    "max_depth": "int",
    "learning_rate": "number",
    "n_estimators": "int",
    "subsample_for_bin": "int",
    "class_weight": ["none", "map", text("balanced")],
    "min_split_gain": "number",
    "min_child_weight": "number",
    "min_child_samples": "int",
    "subsample": "number",
    "subsample_freq": "int",
    "colsample_bytree": "number",
    "reg_alpha": "number",
    "reg_lambda": "number",
    "random_state": "any",
    "n_jobs": ["none", {"is": "int", "min": -1024, "max": "jobs"}],
    "importance_type": text("split", "gain"),
}
_FITTED: dict[str, Json] = {
    "_Booster": ["none", obj("lightgbm.Booster")],
    "_best_iteration": ["none", "int"],
    "_best_score": "map",
    "_class_map": ["none", "map"],
    "_class_weight": ["none", "map", text("balanced")],
    "_classes": ["none", "array"],
    "_eval_at": ["none", "list", "int"],
    "_evals_result": ["none", "map"],
    "_fitted_with_feature_names": "bool",
    "_le": obj("sklearn.preprocessing.LabelEncoder"),
    "_metadata_request": "any",
    "_n_classes": integer(-1, 65_536),
    "_n_features": integer(-1, 2**20),
    "_n_features_in": integer(-1, 2**20),
    "_objective": ["none", text(*_OBJECTIVES.split())],
    "_other_params": {"is": "map", "keys": text(*KEYWORDS)},
    "fitted_": "bool",
}
CONSTRAINTS: dict[str, Json] = {}


def _estimator(name: str) -> Json:
    attributes = {**dict.fromkeys(sorted(KEYWORDS), _PLAIN), **_PARAMETERS, **_FITTED}
    return {
        "targets": [{"module": "lightgbm.sklearn", "name": name}],
        "attributes": dict(sorted(attributes.items())),
        "rules": [{"rule": "holds", "that": "len(_classes) == _n_classes", "code": "shape-mismatch",
                   "when": [["_classes"]]}],
    }  # fmt: skip


TYPES: dict[str, Json] = {
    **{
        f"lightgbm.{name}": _estimator(name)
        for name in ("LGBMModel", "LGBMClassifier", "LGBMRegressor", "LGBMRanker")
    },
    "lightgbm.Booster": entry(
        "lightgbm.basic", "Booster", state="booster",
        attributes={
            "native": array("|u1", rank=1), "best_iteration": integer(-1, 2**31 - 1), "best_score": "map",
        },
    ),
}  # fmt: skip
FUNCTIONS: dict[str, Json] = {}
PACKAGES = ["lightgbm"]
LINKS: list[str] = []
