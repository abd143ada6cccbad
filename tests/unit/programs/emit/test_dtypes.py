"""Rows in float32 and of integers: what the original writes into a table of their dtype is rounded as there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import pandas as pd
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomTreesEmbedding
from sklearn.feature_selection import RFE, SelectKBest, VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.mixture import GaussianMixture
from sklearn.multiclass import OutputCodeClassifier
from sklearn.multioutput import RegressorChain
from sklearn.neighbors import KNeighborsTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    LabelEncoder,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

import amber
from tests.unit.programs.emit.harness import Run, compare, wrong

DICE = np.random.RandomState(3)
X = DICE.standard_normal((80, 4))
X[:, 0] = 1.7e9 + np.round(X[:, 0] * 1e5)
Y = (X[:, 1] + X[:, 2] > 0).astype(int)
SINGLE = X.astype(np.float32)


@pytest.mark.parametrize(
    "scaler", [StandardScaler(), MinMaxScaler(), RobustScaler(), MaxAbsScaler(), StandardScaler(with_std=False)]
)
def test_a_scaler_writes_into_float32_rows(scaler: Any) -> None:
    model = scaler.fit(X)
    expected, run = model.transform(SINGLE), Run(model, X)
    assert expected.dtype == np.float32
    assert np.array_equal(run.ask("transform", SINGLE).astype(np.float32), expected)
    if not isinstance(model, MaxAbsScaler):  # one step: rounded where it is, or afterwards
        assert not np.array_equal(run.ask("transform", SINGLE.astype(float)).astype(np.float32), expected)
    back = run.ask("inverse_transform", expected).astype(np.float32)
    assert np.array_equal(back, model.inverse_transform(expected))


def test_a_scaler_behind_an_imputer_does_too() -> None:
    model = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler(), LogisticRegression()).fit(X, Y)
    rows = SINGLE.copy()
    rows[::3, 1] = np.nan
    model.fit(np.where(np.isnan(rows), np.nan, X), Y)
    assert wrong(compare(model, X, rows=[rows, rows.astype(float)])) == {}


def test_k_means_refuses_rows_of_another_dtype_than_its_centres() -> None:
    model = KMeans(3, n_init=1, random_state=0).fit(X)
    run = Run(model, X)
    with pytest.raises(ValueError, match="dtype mismatch"):
        model.predict(SINGLE)
    with pytest.raises(ValueError, match="refused"):
        run.ask("predict", SINGLE)
    assert run.ask("transform", SINGLE).shape == (80, 3)


@pytest.mark.parametrize("kind", ["full", "tied", "diag"])
def test_a_mixture_cuts_the_sums_of_integer_rows(kind: str) -> None:
    model = GaussianMixture(2, covariance_type=kind, random_state=0).fit(X[:, 1:])
    rows = X[:, 1:]
    given = [rows, rows.astype(np.float32), np.rint(rows * 2).astype(np.int64)]
    assert wrong(compare(model, rows, rows=given)) == {}


def test_what_is_selected_by_a_model_is_not_refused_by_it() -> None:
    model = RFE(DecisionTreeClassifier(random_state=0), n_features_to_select=2).fit(X, Y)
    over = X[:2].copy()
    over[0, 1:] = 1e300
    assert wrong(compare(model, X, rows=[X, over])) == {}


def frozen(model: Any, sample: Any, folder: Path) -> Any:
    amber.save(model, folder / "model.amber", sample=sample, freeze=True)
    return amber.program(folder / "model.amber")


@pytest.mark.parametrize("model", [SelectKBest(k=2), VarianceThreshold(), Binarizer()])
def test_integers_stay_integers(model: Any, tmp_path: Path) -> None:
    program = frozen(model.fit(X, Y), X, tmp_path)
    for dtype in (np.int64, np.int32, np.float32):
        rows = np.rint(X).astype(dtype)
        expected, got = model.transform(rows), program.transform(rows)
        assert (got.dtype, got.tolist()) == (expected.dtype, expected.tolist())


@pytest.mark.parametrize("model", [KNeighborsTransformer(n_neighbors=3), RandomTreesEmbedding(3, random_state=0)])
def test_sparse_answers_have_as_many_rows_as_were_asked(model: Any, tmp_path: Path) -> None:
    model.fit(X)
    found = frozen(model, X, tmp_path).transform(X[:7])
    assert found.shape == model.transform(X[:7]).shape
    assert (found != model.transform(X[:7])).nnz == 0


def test_a_model_that_reads_no_column_still_counts_rows(tmp_path: Path) -> None:
    model = make_pipeline(StandardScaler(), DummyClassifier(strategy="prior")).fit(X, Y)
    assert frozen(model, X, tmp_path).predict(X[:5]).tolist() == model.predict(X[:5]).tolist()


def test_rows_are_counted_where_their_dtype_is_said_too(tmp_path: Path) -> None:
    model = OutputCodeClassifier(make_pipeline(StandardScaler(), LogisticRegression()), random_state=0).fit(X, Y)
    program = frozen(model, X, tmp_path)
    for rows in (X[:9], SINGLE[:9]):
        assert program.predict(rows).tolist() == model.predict(rows).tolist()


def test_a_chain_makes_float64_of_all_rows() -> None:
    model = RegressorChain(make_pipeline(StandardScaler(), Ridge())).fit(X, X[:, 1:3] ** 2)
    assert wrong(compare(model, X, rows=[X, SINGLE])) == {}


def test_numbers_of_a_frame_are_float32_where_texts_stand_beside_them(tmp_path: Path) -> None:
    frame = pd.DataFrame({"time": X[:, 0], "size": X[:, 1], "town": np.where(Y > 0, "Rome", "Oslo")})
    model = ColumnTransformer([("n", StandardScaler(), ["time", "size"]), ("t", OneHotEncoder(), ["town"])]).fit(frame)
    program = frozen(model, frame, tmp_path)
    single = frame.astype({"time": np.float32, "size": np.float32})
    assert np.array_equal(program.transform(single), model.transform(single))
    assert not np.array_equal(program.transform(single), model.transform(frame))


def test_rows_beyond_a_block_keep_their_dtype(tmp_path: Path) -> None:
    model = StandardScaler().fit(X)
    program = frozen(model, X, tmp_path)
    many = np.tile(SINGLE, (program.plan.block // len(X) + 2, 1))
    assert np.array_equal(program.transform(many), model.transform(many))


def test_codes_of_labels_are_turned_back(tmp_path: Path) -> None:
    labels = np.array(["b", "a", "c"] * 20)
    model = LabelEncoder().fit(labels)
    program = frozen(model, labels, tmp_path)
    assert program.inverse_transform(np.array([2, 0])).tolist() == ["c", "a"]
    assert program.transform(labels[:0]).dtype == model.transform(labels[:0]).dtype
