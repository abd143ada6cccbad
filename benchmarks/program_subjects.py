"""The models whose programs are measured: those of the core's benchmark, a plain linear pipeline, XGBoost, LightGBM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import subjects
from benchmarks.subjects import Subject, _table


def linear(quick: bool) -> Subject:
    """Scaled columns into a logistic regression."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    table, target = _table(1_000 if quick else 20_000)
    return Subject(make_pipeline(StandardScaler(), LogisticRegression()).fit(table, target), table)


def xgboost(quick: bool) -> Subject:
    """XGBoost, 500 trees of depth 6."""
    from xgboost import XGBClassifier

    table, target = _table(1_000 if quick else 20_000)
    model = XGBClassifier(n_estimators=50 if quick else 500, max_depth=6, n_jobs=1, random_state=0)
    return Subject(model.fit(table, target), table)


def lightgbm(quick: bool) -> Subject:
    """LightGBM, 500 trees of 31 leaves."""
    from lightgbm import LGBMClassifier

    table, target = _table(1_000 if quick else 20_000)
    model = LGBMClassifier(n_estimators=50 if quick else 500, n_jobs=1, random_state=0, verbose=-1)
    return Subject(model.fit(table, target), table)


SUBJECTS: dict[str, Callable[[bool], Subject]] = {
    "linear pipeline": linear,
    **{name: make for name, make in subjects.SUBJECTS.items() if name != "1 GiB of coefficients"},
    "XGBoost": xgboost,
    "LightGBM": lightgbm,
}
FAST_START = 6.0  # times faster to the first answer; the forest 3
ONE_ROW = {"linear pipeline": 20.0, "mixed pipeline": 20.0, "forest, 300 trees": 300.0}


def rows_of(sample: Any, count: int) -> dict[str, Any]:
    """Return the first rows (repeated where there are fewer) as JSON can hold them: `columns`, `table` or `texts`."""
    if hasattr(sample, "iloc"):
        taken = sample.iloc[np.arange(count) % len(sample)].astype(object)
        taken = taken.where(taken.notna(), None)
        return {"columns": {name: taken[name].tolist() for name in taken}}
    if isinstance(sample, list):
        return {"texts": [sample[i % len(sample)] for i in range(count)]}
    return {"table": sample[np.arange(count) % len(sample)].tolist()}
