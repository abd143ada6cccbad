"""Two served models: a pipeline on named columns of several kinds, and a linear model on a matrix."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import amber

ROWS = 300
RNG = np.random.default_rng(5)
TABLE = RNG.normal(size=(ROWS, 4))
FRAME = pd.DataFrame(
    {
        "age": RNG.normal(40, 10, ROWS),
        "visits": RNG.integers(0, 9, ROWS),
        "city": RNG.choice(["Oslo", "Köln", "Lima"], ROWS),
    }
)
FRAME.loc[::7, "age"] = np.nan


@pytest.fixture(scope="package")
def churn() -> Any:
    """A classifier with string labels on columns with gaps and categories."""
    labels = np.where(FRAME["age"].fillna(0) + 3 * FRAME["visits"] > 50, "stay", "leave")
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = make_column_transformer((numbers, ["age", "visits"]), (OneHotEncoder(handle_unknown="ignore"), ["city"]))
    return make_pipeline(columns, LogisticRegression()).fit(FRAME, labels)


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory, churn: Any) -> Path:
    """A folder with `churn.amber` and `line.amber`."""
    place = tmp_path_factory.mktemp("served")
    amber.save(churn, place / "churn.amber", sample=FRAME, name="churn", version="1.2.0", freeze=True)
    line = LinearRegression().fit(TABLE, TABLE[:, 0] * 2)
    amber.save(line, place / "line.amber", sample=TABLE, name="line", version="1.0.0", freeze=True)
    return place


@pytest.fixture(scope="package")
def server(folder: Path) -> Iterator[Any]:
    """Both models served."""
    pytest.importorskip("httptools")
    with amber.serve([folder / "churn.amber", folder / "line.amber"]) as running:
        yield running
