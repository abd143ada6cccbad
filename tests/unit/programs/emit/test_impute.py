"""Imputers: numbers and texts, every marker of missing values, indicators, columns that were empty."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, MissingIndicator, SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from tests.unit.programs.emit.harness import compare, wrong

ROWS = 120
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, 5)) * [1, 10, 1, 1e3, 1]
X[:, 4] = RNG.integers(0, 3, ROWS)
GAPS = np.where(RNG.random(X.shape) < 0.15, np.nan, X)
GAPS[:, 2] = X[:, 2]
EMPTY = X.copy()
EMPTY[:, 1], EMPTY[::5, 0] = np.nan, np.nan
MARKED = np.where(np.isnan(GAPS), -1.0, GAPS)
STRATEGIES = ["mean", "median", "most_frequent", "constant"]
CITY = np.array(["a", "b", "c", "dd"], object)[RNG.choice(4, ROWS, p=[0.5, 0.3, 0.15, 0.05])]
KIND = np.array(["x", "", "z"], object)[RNG.integers(0, 3, ROWS)]
TEXTS = np.stack([CITY, KIND], axis=1)
TEXTS[::7, 0], TEXTS[1::9, 1] = np.nan, np.nan


def texts(*values: Any) -> Any:
    return np.array([values], dtype=object)


TEXT_ROWS = [
    TEXTS, TEXTS[:1], texts("unseen", "x"), texts("a", None), texts(None, "x"), texts("a", ""), texts("", ""),
    texts(np.nan, np.nan), texts("a", pd.NA), texts("nan", "None"),
]  # fmt: skip


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("indicator", [False, True])
def test_numbers(strategy: str, indicator: bool) -> None:
    model = SimpleImputer(strategy=strategy, add_indicator=indicator)
    found = compare(model.fit(GAPS), GAPS)
    assert wrong(found) == {}
    assert found["transform"].identical


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_columns_that_were_empty(strategy: str) -> None:
    for indicator in (False, True):
        model = SimpleImputer(strategy=strategy, add_indicator=indicator, keep_empty_features=True).fit(EMPTY)
        assert wrong(compare(model, EMPTY)) == {}
    assert wrong(compare(SimpleImputer(strategy=strategy).fit(EMPTY), EMPTY)) == {}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_number_that_marks_missing_values(strategy: str) -> None:
    fill = 7.5 if strategy == "constant" else None
    model = SimpleImputer(missing_values=-1, strategy=strategy, fill_value=fill, add_indicator=True).fit(MARKED)
    assert wrong(compare(model, MARKED)) == {}


def test_the_way_back_from_a_dropped_column_is_not_emitted() -> None:
    found = compare(SimpleImputer(add_indicator=True).fit(EMPTY), EMPTY)
    assert list(wrong(found)) == ["inverse_transform"]
    assert found["inverse_transform"].absent


def test_the_way_back_refuses_a_column_that_is_missing_as_a_whole() -> None:
    model = SimpleImputer(add_indicator=True).fit(GAPS)
    assert wrong(compare(model, GAPS, rows=[GAPS, GAPS[:1], *(row[None] for row in GAPS[:20])])) == {}


@pytest.mark.parametrize("settings", [{}, {"features": "all"}, {"error_on_new": False}], ids=str)
def test_indicator(settings: dict[str, Any]) -> None:
    assert wrong(compare(MissingIndicator(**settings).fit(GAPS), GAPS)) == {}
    assert wrong(compare(MissingIndicator(missing_values=-1, **settings).fit(MARKED), MARKED)) == {}


@pytest.mark.parametrize("encoder", [
    OneHotEncoder(), OneHotEncoder(handle_unknown="ignore", min_frequency=10),
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
], ids=str)  # fmt: skip
@pytest.mark.parametrize("marker", [np.nan, None, "", pd.NA], ids=repr)
@pytest.mark.parametrize("strategy", ["most_frequent", "constant"])
def test_texts(strategy: str, marker: Any, encoder: Any) -> None:
    table = TEXTS.copy()
    table[pd.isna(table)] = marker
    fill = "x" if strategy == "constant" else None
    model = make_pipeline(SimpleImputer(missing_values=marker, strategy=strategy, fill_value=fill), encoder).fit(table)
    assert wrong(compare(model, table, rows=[table, *TEXT_ROWS], methods=["transform"])) == {}


def test_a_missing_value_that_becomes_none() -> None:
    table = np.array([["a"], [None], [None], [""], ["b"]], dtype=object)
    model = make_pipeline(SimpleImputer(missing_values="", strategy="most_frequent"), OneHotEncoder()).fit(table)
    assert wrong(compare(model, table, rows=[table, table[3:4]], methods=["transform"])) == {}


def test_an_indicator_of_texts() -> None:
    model = make_pipeline(
        SimpleImputer(strategy="constant", add_indicator=True), OneHotEncoder(handle_unknown="ignore")
    ).fit(TEXTS)
    assert wrong(compare(model, TEXTS, rows=TEXT_ROWS, methods=["transform"])) == {}


def test_texts_alone_have_no_form() -> None:
    found = compare(SimpleImputer(strategy="constant").fit(TEXTS), TEXTS, rows=TEXT_ROWS, methods=["transform"])
    assert found["transform"].absent == "transform answers texts"


@pytest.mark.parametrize("settings", [
    {}, {"n_neighbors": 3, "weights": "distance"}, {"add_indicator": True}, {"n_neighbors": 300},
    {"keep_empty_features": True},
], ids=str)  # fmt: skip
def test_nearest_rows(settings: dict[str, Any]) -> None:
    """Rows of magnitudes where distances have no digit left are tied, and which of tied rows counts is open."""
    for table in (GAPS, EMPTY):
        rows = [table, table[:1], np.where(np.eye(5, dtype=bool), np.nan, X[:5]), np.full((2, 5), np.nan), table * 1e3]
        assert wrong(compare(KNNImputer(**settings).fit(table), table, rows=rows)) == {}


def test_a_row_at_no_distance_counts_alone() -> None:
    table = np.concatenate([X, X[:30]])
    table[-30:, 1] = np.nan
    model = KNNImputer(n_neighbors=2, weights="distance").fit(table[:-15])
    assert wrong(compare(model, table, rows=[table[-15:]])) == {}


@pytest.mark.parametrize("settings", [
    {}, {"max_iter": 2, "min_value": -1, "max_value": 5, "add_indicator": True}, {"keep_empty_features": True},
    {"estimator": LinearRegression(), "imputation_order": "roman", "n_nearest_features": 2}, {"max_iter": 0},
], ids=str)  # fmt: skip
def test_rounds(settings: dict[str, Any]) -> None:
    for table in (GAPS, EMPTY):
        model = IterativeImputer(random_state=0, **settings).fit(table)
        gone = np.full((2, 5), np.nan)
        assert wrong(compare(model, table)) == {}
        assert wrong(compare(model, table, rows=[gone, np.concatenate([gone, table[:3]])])) == {}


@pytest.mark.parametrize("model", [SimpleImputer(add_indicator=True), KNNImputer(), IterativeImputer()], ids=str)
def test_single_precision_runs(model: Any) -> None:
    found = compare(model.fit(GAPS), GAPS, rows=[GAPS], precision="float32")
    assert not any(each.absent for each in found.values())
