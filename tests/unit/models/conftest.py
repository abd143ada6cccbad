"""One small pipeline on a mixed frame, fitted once, and the artifact it makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import amber


def make_frame(rows: int = 120, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 90, rows).astype(float),
            "income": rng.normal(50_000, 20_000, rows),
            "city": rng.choice(["Oslo", "Lima", "Kyoto"], rows),
        }
    )
    frame.loc[rng.random(rows) < 0.1, "income"] = np.nan
    return frame


def make_pipe(frame: pd.DataFrame) -> Pipeline:
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = ColumnTransformer(
        [("num", numbers, ["age", "income"]), ("cat", OneHotEncoder(handle_unknown="ignore"), ["city"])]
    )
    target = np.where(frame["age"] + (frame["city"] == "Oslo") * 30 > 60, "yes", "no")
    return Pipeline([("columns", columns), ("model", LogisticRegression())]).fit(frame, target)


@pytest.fixture(scope="session")
def frame() -> pd.DataFrame:
    return make_frame()


@pytest.fixture(scope="session")
def pipe(frame: pd.DataFrame) -> Pipeline:
    return make_pipe(frame)


@pytest.fixture(scope="session")
def artifact(pipe: Pipeline, frame: pd.DataFrame, tmp_path_factory: Any) -> Path:
    path: Path = tmp_path_factory.mktemp("artifact") / "churn.amber"
    amber.save(pipe, path, sample=frame, name="churn", version="1.4.0", metrics={"roc_auc": 0.91})
    return path
