"""Models that the tests of whole servers share: trained, saved and frozen once in a run."""

from __future__ import annotations

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import amber


def people(rows: int, seed: int = 0) -> Any:
    """Return a table of a number with gaps, a whole number and a text."""
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": chance.normal(40, 10, rows).round(2),
            "visits": chance.integers(0, 30, rows),
            "city": chance.choice(["Oslo", "Ålesund", "Bergen"], rows),
        }
    )
    frame.loc[frame.index[::7], "age"] = np.nan
    return frame


@cache
def _folder() -> Path:
    """Return a folder that goes when this process does."""
    folder = mkdtemp(prefix="amber-served-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@cache
def churn() -> Path:
    """Return an artifact of a pipeline on named columns, with text labels, and a program."""
    frame = people(120)
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = make_column_transformer((numbers, ["age", "visits"]), (OneHotEncoder(handle_unknown="ignore"), ["city"]))
    model = make_pipeline(columns, LogisticRegression()).fit(frame, np.where(frame["visits"] > 14, "stay", "leave"))
    path = _folder() / "churn.amber"
    amber.save(model, path, sample=frame, name="churn", version="1.4.0", freeze=True)
    return path


@cache
def line() -> Path:
    """Return an artifact of a regression on a matrix, with a program."""
    X = np.random.default_rng(1).normal(size=(60, 3))
    path = _folder() / "line.amber"
    amber.save(
        LinearRegression().fit(X, X @ [1.0, -2.0, 0.5]), path, sample=X, name="line", version="1.0.0", freeze=True
    )
    return path
