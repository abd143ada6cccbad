"""Encoders of categories: texts, numbers, missing and unseen values, infrequent ones, and the way back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    LabelBinarizer,
    LabelEncoder,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
    TargetEncoder,
)

from tests.unit.programs.emit.harness import compare, wrong

ROWS = 120
RNG = np.random.default_rng(0)
CITY = np.array(["a", "b", "c", "dd"], object)[RNG.choice(4, ROWS, p=[0.5, 0.3, 0.15, 0.05])]
KIND = np.array(["x", "", "z"], object)[RNG.integers(0, 3, ROWS)]
KIND[::9], KIND[1::9] = None, np.nan
TEXTS = np.stack([CITY, KIND], axis=1)
NUMBERS = np.stack([RNG.integers(0, 5, ROWS).astype(float), RNG.integers(-3, 3, ROWS) * 1.5], axis=1)
NUMBERS[::8, 1] = np.nan
COUNTS = np.stack([RNG.integers(16_777_216, 16_777_222, ROWS), RNG.integers(-2, 2, ROWS)], axis=1)
BINARY, CLASSES, TARGET = RNG.integers(0, 2, ROWS), RNG.integers(0, 3, ROWS), RNG.normal(size=ROWS)


def texts(*values: Any) -> Any:
    return np.array([values], dtype=object)


TEXT_ROWS = [
    TEXTS, TEXTS[:1], texts("unseen", "x"), texts("a", None), texts(None, "x"), texts("a", ""), texts("a", np.nan),
    texts(np.nan, np.nan), texts(pd.NA, pd.NA), texts("A", " "), texts("nan", "None"),
]  # fmt: skip
NUMBER_ROWS = [
    NUMBERS, np.array([[7.0, 1.5]]), np.array([[1.0, np.nan]]), np.array([[np.nan, 0]]), np.array([[np.inf, 0]]),
    np.array([[1.0, np.nextafter(1.5, 2)]]), np.array([[1e300, 0]]), np.array([[1.5, 0]]), np.array([[-0.0, -0.0]]),
]  # fmt: skip
UNKNOWN = ["error", "ignore", "infrequent_if_exist", "warn"]
ONE_HOT: list[dict[str, Any]] = [
    {}, {"drop": "first"}, {"drop": "if_binary"}, {"min_frequency": 20}, {"min_frequency": 0.2, "drop": "first"},
    {"max_categories": 2}, {"sparse_output": False, "dtype": np.int8},
]  # fmt: skip
ORDINAL: list[dict[str, Any]] = [
    {},
    {"handle_unknown": "use_encoded_value", "unknown_value": -1},
    {"handle_unknown": "use_encoded_value", "unknown_value": np.nan, "encoded_missing_value": -2},
    {"min_frequency": 20},
    {"max_categories": 2, "handle_unknown": "use_encoded_value", "unknown_value": 99, "encoded_missing_value": -5},
]


@pytest.mark.parametrize("unknown", UNKNOWN)
@pytest.mark.parametrize("settings", ONE_HOT, ids=str)
def test_one_hot(settings: dict[str, Any], unknown: str) -> None:
    model = OneHotEncoder(handle_unknown=unknown, **settings)
    assert wrong(compare(model.fit(TEXTS), TEXTS, rows=TEXT_ROWS)) == {}
    assert wrong(compare(model.fit(NUMBERS), NUMBERS, rows=NUMBER_ROWS)) == {}
    assert wrong(compare(model.fit(COUNTS), COUNTS)) == {}


@pytest.mark.parametrize("settings", ORDINAL, ids=str)
def test_ordinal(settings: dict[str, Any]) -> None:
    model = OrdinalEncoder(**settings)
    assert wrong(compare(model.fit(TEXTS), TEXTS, rows=TEXT_ROWS)) == {}
    assert wrong(compare(model.fit(NUMBERS), NUMBERS, rows=NUMBER_ROWS)) == {}
    assert wrong(compare(model.fit(COUNTS), COUNTS)) == {}


@pytest.mark.parametrize("target", [BINARY, CLASSES, TARGET], ids=["binary", "classes", "numbers"])
@pytest.mark.parametrize("smooth", ["auto", 3.0])
def test_target(target: Any, smooth: Any) -> None:
    model = TargetEncoder(smooth=smooth, random_state=0)
    for table, rows in ((TEXTS, TEXT_ROWS), (NUMBERS, NUMBER_ROWS)):
        found = compare(model.fit(table, target), table, rows=rows)
        assert wrong(found) == {}
        assert found["transform"].identical


def test_categories_in_the_order_of_the_caller() -> None:
    model = OneHotEncoder(categories=[["z", "a", "b", "c", "dd"], ["", "q", "x", "z", None, np.nan]]).fit(TEXTS)
    assert wrong(compare(model, TEXTS, rows=[*TEXT_ROWS, texts("z", "q")])) == {}


def test_a_column_of_one_category_that_is_dropped() -> None:
    table = np.stack([np.full(ROWS, "only", object), CITY], axis=1)
    assert wrong(compare(OneHotEncoder(drop="first").fit(table), table, rows=[table, table[:1]])) == {}


def test_more_categories_than_a_small_tree() -> None:
    table = RNG.permutation(np.arange(-2000, 2000) * 0.25)[:, None]
    near = np.concatenate([table[:50], np.nextafter(table[:50], np.inf), np.nextafter(table[:50], -np.inf)])
    for model in (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-7), OneHotEncoder()):
        assert wrong(compare(model.fit(table), table, rows=[near, table[:60]])) == {}


def test_numbers_that_only_look_whole_after_a_step() -> None:
    model = make_pipeline(StandardScaler(), OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1))
    table = COUNTS.astype(float)
    assert wrong(compare(model.fit(table), table)) == {}


def test_integers_that_are_one_as_floats_are_not_emitted() -> None:
    table = np.array([[2**53], [2**53 + 1]])
    found = compare(OrdinalEncoder().fit(table), table, methods=["transform"])
    assert found["transform"].absent == "categories that are integers above 2^53"


@pytest.mark.parametrize("labels", [CITY, CLASSES, BINARY, BINARY.astype(bool)], ids=["texts", "three", "two", "bool"])
def test_labels(labels: Any) -> None:
    unseen = np.array(["a", "zz"], object) if labels is CITY else np.array([1, 9])
    assert wrong(compare(LabelEncoder().fit(labels), labels, rows=[labels, labels[:1], unseen])) == {}
    model = LabelBinarizer(neg_label=-1, pos_label=2).fit(labels)
    assert wrong(compare(model, labels, rows=[labels, labels[:1]])) == {}


@pytest.mark.parametrize("model", [OneHotEncoder(), OrdinalEncoder(), TargetEncoder(random_state=0)], ids=str)
def test_single_precision_runs(model: Any) -> None:
    table = COUNTS - [16_777_216, 0]
    found = compare(model.fit(table, BINARY), table, precision="float32")
    assert not any(each.absent or each.flips for each in found.values())


def test_categories_that_are_one_in_single_precision_are_not_emitted() -> None:
    found = compare(OneHotEncoder().fit(COUNTS), COUNTS, methods=["transform"], precision="float32")
    assert found["transform"].absent == "categories that are one number as float32"


def test_the_way_back_where_the_original_fails() -> None:
    """It counts missing values among the positions that grouping took away, and refuses a table without columns."""
    model = OrdinalEncoder(max_categories=2, encoded_missing_value=60).fit(TEXTS)
    assert wrong(compare(model, TEXTS, rows=[TEXTS, texts("a", "x"), texts("a", np.nan)])) == {}
    table = np.full((9, 1), "only", object)
    assert wrong(compare(OneHotEncoder(drop="first").fit(table), table, rows=[table])) == {}
