"""The vocabulary of XGBoost: its estimators by attribute, and boosters as their native bytes."""

from __future__ import annotations

import sys
from pathlib import Path

from shorthand import Json, array, entry, integer, items, obj, text

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))
from amber.adapters.xgboost import KEYWORDS
from amber.tree.natives.xgboost import OBJECTIVES

_WHOLE = ["none", "int"]
_NUMBER = ["none", "number"]
_WORD = ["none", {"is": "str", "max_chars": 64}]
_PARAMETERS: dict[str, Json] = {
    "n_estimators": _WHOLE,
    "objective": ["none", text(*OBJECTIVES)],
    "max_depth": _WHOLE,
    "max_leaves": _WHOLE,
    "max_bin": _WHOLE,
    "grow_policy": ["none", text("depthwise", "lossguide")],
    "learning_rate": _NUMBER,
    "verbosity": ["none", {"is": "int", "min": 0, "max": 3}],
    "booster": ["none", text("gbtree", "gblinear", "dart")],
    "tree_method": ["none", text("auto", "exact", "approx", "hist", "gpu_hist")],
    "gamma": _NUMBER,
    "min_child_weight": _NUMBER,
    "max_delta_step": _NUMBER,
    "subsample": _NUMBER,
    "sampling_method": ["none", text("uniform", "gradient_based")],
    "colsample_bytree": _NUMBER,
    "colsample_bylevel": _NUMBER,
    "colsample_bynode": _NUMBER,
    "reg_alpha": _NUMBER,
    "reg_lambda": _NUMBER,
    "scale_pos_weight": _NUMBER,
    "base_score": ["none", "number", items("number"), array("f")],
    "missing": _NUMBER,
    "num_parallel_tree": _WHOLE,
    "random_state": "any",
    "n_jobs": ["none", {"is": "int", "min": -1, "max": "jobs"}],
    "monotone_constraints": ["none", "str", "map", "list"],
    "interaction_constraints": ["none", "str", "list"],
    "importance_type": ["none", text("gain", "weight", "cover", "total_gain", "total_cover")],
    "device": _WORD,
    "validate_parameters": ["none", "bool"],
    "enable_categorical": "bool",
    "feature_types": ["none", items({"is": "str", "max_chars": 8})],
    "feature_weights": ["none", "list", array("f", "i", rank=1)],
    "max_cat_to_onehot": _WHOLE,
    "max_cat_threshold": _WHOLE,
    "multi_strategy": ["none", text("one_output_per_tree", "multi_output_tree")],
    "eval_metric": [*_WORD, items({"is": "str", "max_chars": 64})],
    "early_stopping_rounds": _WHOLE,
    "callbacks": "none",
    "kwargs": {"is": "map", "keys": text(*KEYWORDS)},
    # before 2.0 these were arguments
    "predictor": _WORD,
    "gpu_id": _WHOLE,
    "use_label_encoder": ["none", "bool"],
}
_FITTED: dict[str, Json] = {
    "_Booster": obj("xgboost.Booster"),
    "evals_result_": "map",
    "_metadata_request": "any",
}
_CLASSES = {"n_classes_": integer(1, 65_536)}
CONSTRAINTS: dict[str, Json] = {}


def _estimator(name: str) -> Json:
    more = _CLASSES if name.endswith("Classifier") else {}
    attributes = dict(sorted({**_PARAMETERS, **_FITTED, **more}.items()))
    return {"targets": [{"module": "xgboost.sklearn", "name": name}], "attributes": attributes}


TYPES: dict[str, Json] = {
    **{
        f"xgboost.{name}": _estimator(name)
        for name in (
            "XGBModel", "XGBClassifier", "XGBRegressor", "XGBRanker", "XGBRFClassifier", "XGBRFRegressor",
        )
    },
    "xgboost.Booster": entry("xgboost.core", "Booster", state="booster", attributes={"native": array("|u1", rank=1)}),
}  # fmt: skip
FUNCTIONS: dict[str, Json] = {}
PACKAGES = ["xgboost"]
LINKS: list[str] = []
