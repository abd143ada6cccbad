"""The models that are measured: arrays, trees, text, mixtures of them, small and large; all are deterministic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Subject(NamedTuple):
    """A fitted model and rows to ask it about; the first of them are saved as cases."""

    model: Any
    sample: Any


def mixed(quick: bool) -> Subject:
    """Numbers and categories of a frame, imputed, scaled, encoded, boosted: the tour's pipeline on more rows."""
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    rows = 1_000 if quick else 10_000
    chance = np.random.default_rng(0)
    numbers = [f"n{i}" for i in range(12)]
    table = pd.DataFrame(chance.normal(size=(rows, 12)), columns=numbers)
    table = table.mask(chance.random(table.shape) < 0.05)
    table["colour"] = pd.Categorical(chance.choice(["red", "green", "blue"], rows))
    table["town"] = pd.Categorical([f"town {i}" for i in chance.integers(0, 40, rows)])
    target = (table["n0"].fillna(0) + (table["colour"] == "red") + chance.normal(size=rows) > 0.5).astype(int)
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), numbers),
            ("words", OneHotEncoder(handle_unknown="ignore"), ["colour", "town"]),
        ]
    )
    return Subject(make_pipeline(columns, LogisticRegression(max_iter=200)).fit(table, target), table)


def _table(rows: int, columns: int = 30) -> tuple[Any, Any]:
    chance = np.random.default_rng(1)
    table = chance.normal(size=(rows, columns))
    return table, (table[:, 0] + table[:, 1] * table[:, 2] + chance.normal(size=rows) > 0).astype(int)


def forest(quick: bool) -> Subject:
    """A forest of 300 fully grown trees on 20 000 rows of 30 columns."""
    from sklearn.ensemble import RandomForestClassifier

    table, target = _table(1_000 if quick else 20_000)
    model = RandomForestClassifier(30 if quick else 300, random_state=0, n_jobs=1)
    return Subject(model.fit(table, target), table)


def boosting(quick: bool) -> Subject:
    """Histogram gradient boosting, 200 rounds of 31 leaves."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    table, target = _table(1_000 if quick else 20_000)
    model = HistGradientBoostingClassifier(max_iter=20 if quick else 200, random_state=0)
    with threadpool_limits(limits=1):
        return Subject(model.fit(table, target), table)


def svc(quick: bool) -> Subject:
    """A support vector machine that keeps a few thousand rows."""
    from sklearn.svm import SVC

    table, target = _table(500 if quick else 8_000)
    return Subject(SVC().fit(table, target), table)


def text(quick: bool) -> Subject:
    """TF-IDF over 100 000 terms and a linear model."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import SGDClassifier
    from sklearn.pipeline import make_pipeline

    terms = 2_000 if quick else 100_000
    chance = np.random.default_rng(2)
    words = [f"w{i:06d}" for i in range(terms)]
    documents = [" ".join(words[start : start + 20]) for start in range(0, terms, 20)]  # every term once
    documents += [" ".join(words[i] for i in chance.integers(0, terms, 30)) for _ in range(2_000)]
    target = chance.integers(0, 2, len(documents))
    model = make_pipeline(TfidfVectorizer(), SGDClassifier(loss="log_loss", max_iter=5, tol=None, random_state=0))
    return Subject(model.fit(documents, target), documents)


def neighbours(quick: bool) -> Subject:
    """Five nearest neighbours in a kd-tree of 50 000 rows of 30 columns."""
    from sklearn.neighbors import KNeighborsClassifier

    table, target = _table(1_000 if quick else 50_000)
    return Subject(KNeighborsClassifier(algorithm="kd_tree").fit(table, target), table)


def gaussian(quick: bool) -> Subject:
    """A Gaussian process over 2000 rows: two square matrices of factors."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, WhiteKernel

    table, target = _table(200 if quick else 2_000, columns=10)
    model = GaussianProcessRegressor(RBF(3.0) + WhiteKernel(0.1), optimizer=None, random_state=0)
    return Subject(model.fit(table, target.astype(float)), table)


def arrays(quick: bool) -> Subject:
    """A linear model of many outputs: its coefficients are one array of 1 GiB."""
    from sklearn.linear_model import LinearRegression

    columns, outputs = (256, 512) if quick else (8_192, 16_384)
    chance = np.random.default_rng(3)
    table, target = chance.normal(size=(12, columns)), chance.normal(size=(12, outputs))
    return Subject(LinearRegression().fit(table, target), table)


SUBJECTS: dict[str, Callable[[bool], Subject]] = {
    "mixed pipeline": mixed,
    "forest, 300 trees": forest,
    "histogram boosting": boosting,
    "SVC": svc,
    "TF-IDF, 100 000 terms": text,
    "nearest neighbours": neighbours,
    "Gaussian process": gaussian,
    "1 GiB of coefficients": arrays,
}
