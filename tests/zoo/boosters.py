"""XGBoost and LightGBM, where they are installed: alone, stopped early, and as steps of scikit-learn's own."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.zoo import data as d
from tests.zoo.specimen import Specimen, fit


def boosters() -> Iterator[Specimen]:
    """Both libraries."""
    if find_spec("xgboost") is not None:
        yield from _xgboost()
    if find_spec("lightgbm") is not None:
        yield from _lightgbm()


def _xgboost() -> Iterator[Specimen]:
    import xgboost

    x, y = d.numbers(), d.classes()
    small: Any = {"n_estimators": 4, "max_depth": 3, "n_jobs": 1}
    yield fit("XGBClassifier[missing]", lambda: xgboost.XGBClassifier(**small), d.gaps(), y)
    yield fit("XGBClassifier[frame]", lambda: xgboost.XGBClassifier(**small), d.number_frame(), d.binary())
    yield fit("XGBRegressor[dart]", lambda: xgboost.XGBRegressor(booster="dart", rate_drop=0.5, **small), x, d.target())
    yield fit("XGBRFRegressor[csr]", lambda: xgboost.XGBRFRegressor(**small), d.sparse(), d.target())
    yield fit("Pipeline[scale-xgboost]", lambda: make_pipeline(StandardScaler(), xgboost.XGBClassifier(**small)), x, y)
    yield fit(
        "StackingClassifier[xgboost]",
        lambda: StackingClassifier([("x", xgboost.XGBClassifier(**small))], LogisticRegression(), cv=2),
        x,
        y,
    )


def _lightgbm() -> Iterator[Specimen]:
    import lightgbm

    x, y = d.numbers(), d.labels()
    small: Any = {"n_estimators": 4, "num_leaves": 6, "min_child_samples": 5, "n_jobs": 1, "verbose": -1}
    # the objective is named: with None, `set_params(**get_params())` leaves a fitted LGBMClassifier unable to answer
    several: Any = {"objective": "multiclass", **small}
    yield fit("LGBMClassifier[missing]", lambda: lightgbm.LGBMClassifier(**several), d.gaps(), y)
    yield fit("LGBMRegressor[linear-leaves]", lambda: lightgbm.LGBMRegressor(linear_tree=True, **small), x, d.target())
    yield fit(
        "LGBMClassifier[forest]",
        lambda: lightgbm.LGBMClassifier(boosting_type="rf", subsample=0.7, subsample_freq=1, **several),
        x,
        y,
    )
    yield fit(
        "GridSearchCV[lightgbm]",
        lambda: GridSearchCV(lightgbm.LGBMRegressor(**small), {"num_leaves": [3, 6]}, cv=2),
        x,
        d.target(),
    )
    yield fit(
        "CalibratedClassifierCV[lightgbm]", lambda: CalibratedClassifierCV(lightgbm.LGBMClassifier(**small), cv=2), x, y
    )
