"""Pipelines, unions and column transformers over frames with texts, dates as numbers and missing values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.feature_selection import SelectKBest
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
    TargetEncoder,
)

from tests.unit.programs.emit.harness import compare, wrong

ROWS = 150
RNG = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {
        "age": np.where(np.arange(ROWS) % 9 == 0, np.nan, RNG.normal(40, 10, ROWS)),
        "when": 1.7e9 + RNG.integers(0, 10**6, ROWS),
        "city": np.array(["a", "b", "c"], object)[RNG.integers(0, 3, ROWS)],
        "kind": np.array(["x", "y", None], object)[RNG.integers(0, 3, ROWS)],
        "flag": RNG.integers(0, 2, ROWS).astype(bool),
        "n": RNG.integers(0, 5, ROWS),
    }
)
TABLE.loc[3::11, "city"] = np.nan
y = RNG.integers(0, 2, ROWS)
UNSEEN = TABLE[:4].assign(city=["q", "", "a", "b"], age=[np.nan, 0.0, 1e6, -3.0])
numbers = make_pipeline(SimpleImputer(), StandardScaler())
categories = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
both = ColumnTransformer([("n", numbers, ["age", "when"]), ("c", categories, ["city"])])


def fine(model: Any, table: Any, rows: Any = None, methods: Any = None) -> None:
    """Fit, and compare on the table, one row, a slice, and rows with unseen values where they fit."""
    model.fit(table, y)
    if rows is None:
        rows = [table, table[:1], table[5:9]]
        if isinstance(table, pd.DataFrame) and "city" in table and "age" in table:
            rows.append(UNSEEN[list(table.columns)])
    assert wrong(compare(model, table, rows=rows, methods=methods)) == {}


@pytest.mark.parametrize("settings", [{}, {"sparse_threshold": 0}, {"sparse_threshold": 1}, {"n_jobs": 1}], ids=str)
def test_numbers_and_categories(settings: dict[str, Any]) -> None:
    fine(ColumnTransformer(both.transformers, **settings), TABLE)


@pytest.mark.parametrize("remainder", ["passthrough", MinMaxScaler()], ids=str)
def test_what_remains(remainder: Any) -> None:
    fine(ColumnTransformer(both.transformers, remainder=remainder), TABLE[["age", "when", "city", "flag", "n"]])
    fine(ColumnTransformer([("c", categories, ["city"])], remainder=remainder), TABLE[["n", "city", "age"]])


def test_weights_drop_and_passthrough() -> None:
    steps = [*both.transformers, ("d", "drop", ["n"]), ("p", "passthrough", ["flag"])]
    fine(ColumnTransformer(steps, transformer_weights={"n": 2.5, "p": 3}), TABLE)


def test_columns_by_kind_by_slice_and_by_position() -> None:
    chosen = make_column_selector(dtype_include="number")
    fine(ColumnTransformer([("n", numbers, chosen), ("c", categories, slice(2, 4))]), TABLE)
    fine(
        ColumnTransformer([("n", numbers, [0, -1]), ("c", categories, [False, False, True, True, False, False])]), TABLE
    )
    steps = [("n", numbers, [0, 1]), ("c", categories, [2]), ("i", OneHotEncoder(handle_unknown="ignore"), [4, 5])]
    fine(ColumnTransformer(steps), TABLE.to_numpy(object))


def test_one_column_in_several_steps() -> None:
    steps = [
        ("c", OrdinalEncoder(encoded_missing_value=-1), ["city", "kind"]),
        ("b", KBinsDiscretizer(encode="ordinal"), ["when"]),
        ("t", TargetEncoder(random_state=0), ["city", "n"]),
        ("o", OneHotEncoder(handle_unknown="ignore"), ["n", "city"]),
    ]
    fine(ColumnTransformer(steps), TABLE)


@pytest.mark.parametrize("model", [
    make_pipeline(both, LogisticRegression()), make_pipeline(both, SelectKBest(k=3), LogisticRegression()),
    make_pipeline(make_pipeline(both), "passthrough", LogisticRegression()),
], ids=["model", "selected", "nested"])  # fmt: skip
def test_a_model_behind(model: Any) -> None:
    fine(model, TABLE)


def test_categories_through_two_levels() -> None:
    imputers = ColumnTransformer([
        ("i", SimpleImputer(strategy="constant"), ["city", "kind"]),
        ("j", SimpleImputer(strategy="most_frequent"), ["city"]),
        ("k", "passthrough", ["kind"]),
    ])  # fmt: skip
    fine(make_pipeline(imputers, OneHotEncoder(handle_unknown="ignore")), TABLE)
    united = FeatureUnion([
        ("a", SimpleImputer(strategy="constant", fill_value="q")), ("b", SimpleImputer(strategy="most_frequent")),
    ])  # fmt: skip
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    fine(make_pipeline(united, encoder), TABLE[["city"]].to_numpy(object), methods=["transform"])


def test_unions() -> None:
    table = TABLE[["when", "n"]].astype(float)
    steps = [("a", StandardScaler()), ("b", PolynomialFeatures()), ("p", "passthrough"), ("d", "drop")]
    fine(FeatureUnion(steps, transformer_weights={"a": 0.1}), table)
    fine(FeatureUnion([("a", StandardScaler()), ("b", MissingIndicator(features="all"))]), TABLE[["age", "when"]])


def test_a_union_of_sparse_rows_stays_sparse() -> None:
    table = sp.random(ROWS, 20, density=0.2, format="csr", random_state=0)
    steps = [("a", MaxAbsScaler()), ("k", SelectKBest(k=4)), ("p", "passthrough")]
    fine(FeatureUnion(steps, transformer_weights={"a": 0.1, "k": 3}), table)
    fine(make_pipeline(FeatureUnion(steps), LogisticRegression()), table)


@pytest.mark.parametrize("last", ["passthrough", None, MinMaxScaler(), FunctionTransformer(),
                                  KBinsDiscretizer(encode="onehot-dense")], ids=str)  # fmt: skip
def test_pipelines_and_back(last: Any) -> None:
    fine(Pipeline([("a", StandardScaler()), ("p", "passthrough"), ("f", FunctionTransformer()), ("z", last)]),
         TABLE[["when", "n"]].to_numpy(float))  # fmt: skip


def test_edges_of_numbers() -> None:
    table = TABLE[["when", "n"]].to_numpy(float)
    model = make_pipeline(
        ColumnTransformer([("s", StandardScaler(), [0])], remainder="passthrough"), LogisticRegression()
    )
    assert wrong(compare(model.fit(table, y), table)) == {}
    model = make_pipeline(ColumnTransformer([("s", StandardScaler(), [1])]), SimpleImputer(), LogisticRegression())
    assert wrong(compare(model.fit(table, y), table)) == {}
