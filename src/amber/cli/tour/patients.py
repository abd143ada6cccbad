"""The data and the model of the tour: 442 patients of the diabetes study that ships with scikit-learn.

Efron, Hastie, Johnstone and Tibshirani (2004), "Least Angle Regression". Ten measurements and the progression of the
disease one year later, here asked as: does it progress faster than in half of the patients?
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

SEED = 20260101
MISSING = 0.06  # share of the measurements taken away, so that the pipeline has gaps to fill
NUMBERS = ["bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"]
CATEGORIES = ["sex", "age_band"]


class Trained(NamedTuple):
    """The fitted pipeline, patients it has not seen, how often it is right about them (0 to 1), seconds of fitting."""

    pipeline: Any
    valid: Any
    accuracy: float
    seconds: float


def patients() -> tuple[Any, Any]:
    """Return the table (with sex and an age band as categories, and gaps) and the answers `slow` and `fast`."""
    import numpy as np
    import pandas as pd
    from sklearn.datasets import load_diabetes

    data = load_diabetes(as_frame=True, scaled=False)
    table = data.data[NUMBERS].astype("float64")
    chance = np.random.default_rng(SEED)
    table = table.mask(chance.random(table.shape) < MISSING)
    table.insert(0, "sex", data.data["sex"].map({1.0: "female", 2.0: "male"}).astype("category"))
    bands = pd.cut(data.data["age"], [0, 35, 50, 65, 120], labels=["under 35", "35 to 50", "50 to 65", "over 65"])
    table.insert(1, "age_band", bands)
    answers = pd.Series(np.where(data.target > data.target.median(), "fast", "slow"), name="progression")
    return table, answers


def split() -> tuple[Any, Any, Any, Any]:
    """Return patients to learn from, patients to check with, and the answers of both."""
    from sklearn.model_selection import train_test_split

    table, answers = patients()
    known, valid, known_answers, valid_answers = train_test_split(table, answers, random_state=0, stratify=answers)
    return known, valid, known_answers, valid_answers


def train() -> Trained:
    """Fit the pipeline: fill gaps and scale the numbers, one column for each category, gradient boosting."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    from threadpoolctl import threadpool_limits

    known, valid, known_answers, valid_answers = split()
    numbers = Pipeline([("fill", SimpleImputer(strategy="median")), ("scale", StandardScaler())])
    columns = ColumnTransformer(
        [("numbers", numbers, NUMBERS), ("words", OneHotEncoder(handle_unknown="ignore"), CATEGORIES)]
    )
    boosting = HistGradientBoostingClassifier(max_iter=60, learning_rate=0.1, max_leaf_nodes=8, random_state=0)
    pipeline = Pipeline([("columns", columns), ("boosting", boosting)])
    with threadpool_limits(limits=1):  # so few rows are slower with threads, and far slower on a busy machine
        begin = time.perf_counter()
        pipeline.fit(known, known_answers)
        seconds = time.perf_counter() - begin
        return Trained(pipeline, valid, float(pipeline.score(valid, valid_answers)), seconds)
