"""LightGBM as a graph in float64: every kind of missing value, sets of categories, every objective."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
lightgbm = pytest.importorskip("lightgbm")

import scipy.sparse as sp  # noqa: E402
from sklearn.ensemble import StackingRegressor  # noqa: E402
from sklearn.linear_model import LinearRegression  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import OneHotEncoder, StandardScaler  # noqa: E402

from amber.adapters import lightgbm_examples  # noqa: E402
from amber.tree.natives import lightgbm as native  # noqa: E402
from tests.unit.programs.emit.harness import compare, wrong  # noqa: E402

X, Y = lightgbm_examples.table()
WITHOUT = ("booster", "linear-leaves")
EXAMPLES = {name: make for name, make in lightgbm_examples.examples() if name not in WITHOUT}
SMALL: Any = {"n_estimators": 6, "num_leaves": 8, "min_child_samples": 3, "n_jobs": 1, "verbose": -1}
SETS: Any = {"min_data_per_group": 1, "cat_smooth": 1.0, "cat_l2": 1.0}
ODD = (0.0, -0.0, 1e-35, -1e-35, 1e-36, 2e-35, 1.0000000180025095e-35, -0.5, -0.999, -1.0, 0.5, 2.7, 31.0, 31.5, 32.0,
       33.0, 39.999, 1e9, 2.0**31, 2.0**32, 1e300, -1e300, np.inf, -np.inf, np.nan)  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")


def edges(model: Any, table: Any) -> Any:
    """Rows at every split and one ulp of double and of float32 to each side, and odd values in every column."""
    found = native.read(native.neutral(model.booster_.model_to_string(num_iteration=-1).encode()))
    cells: list[tuple[int, float]] = [(column, value) for column in range(table.shape[1]) for value in ODD]
    for tree in found.trees:
        for feature, cut in zip(tree.feature, tree.threshold, strict=True):
            near = np.nextafter(np.float32(cut), np.float32([np.inf, -np.inf]))
            values = (cut, *np.nextafter(cut, [np.inf, -np.inf]).tolist(), *near.astype(np.float64).tolist())
            cells += [(feature, value) for value in values]
    rows = table[np.arange(len(cells)) % len(table)].copy()
    for i, (column, value) in enumerate(cells):
        rows[i, column] = value
    return rows


def check(model: Any, table: Any) -> None:
    """All methods on clean rows, edge rows and at every split; sums keep their bits."""
    found = compare(model, table)
    assert wrong(found) == {}
    near = compare(model, table, rows=[edges(model, table)])
    assert wrong(near) == {}
    raw = "decision_function"
    assert all(each[raw].identical for each in (found, near) if raw in each)


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str) -> None:
    check(EXAMPLES[name](), X)


@pytest.mark.parametrize(
    "objective",
    [
        "regression", "regression_l1", "huber", "fair", "poisson", "quantile", "mape", "gamma", "tweedie",
        "cross_entropy", "cross_entropy_lambda",
    ],
)  # fmt: skip
@pytest.mark.parametrize("boosting", ["gbdt", "rf"])
def test_objective(objective: str, boosting: str) -> None:
    more = {"subsample": 0.7, "subsample_freq": 1} if boosting == "rf" else {}
    model = lightgbm.LGBMRegressor(objective=objective, boosting_type=boosting, **SMALL, **more)
    check(model.fit(X, (Y + 0.5) / 3), X)


@pytest.mark.parametrize("options", [{}, {"use_missing": False}, {"zero_as_missing": True}])
@pytest.mark.parametrize("train", [X, np.nan_to_num(X)], ids=["missing", "clean"])
def test_kinds_of_missing(options: Any, train: Any) -> None:
    check(lightgbm.LGBMClassifier(**SMALL, **options).fit(train, Y), X)


@pytest.mark.parametrize("one_hot", [1, 100])
@pytest.mark.parametrize("options", [{}, {"use_missing": False}, {"zero_as_missing": True}])
def test_categories(one_hot: int, options: Any) -> None:
    model = lightgbm.LGBMClassifier(max_cat_to_onehot=one_hot, **SMALL, **SETS, **options)
    model.fit(X, Y, categorical_feature=[3])
    assert any(tree.bits for tree in native.read(native.neutral(model.booster_.model_to_string().encode())).trees)
    check(model, X)


def test_one_feature_by_category_and_a_tree_of_one_leaf() -> None:
    table = (np.arange(120.0) % 17).reshape(-1, 1)
    model = lightgbm.LGBMRegressor(max_cat_to_onehot=1, **SMALL, **SETS)
    check(model.fit(table, table[:, 0] % 2, categorical_feature=[0]), table)
    check(lightgbm.LGBMRegressor(**SMALL).fit(table, np.ones(120)), table)


@pytest.mark.parametrize("boosting", ["gbdt", "dart", "rf"])
@pytest.mark.parametrize("objective", ["binary", "multiclass", "multiclassova"])
def test_classifiers(boosting: str, objective: str) -> None:
    more = {"subsample": 0.7, "subsample_freq": 1} if boosting == "rf" else {}
    labels = np.array(["b", "a", "c"])[Y] if objective != "binary" else Y > 0
    check(lightgbm.LGBMClassifier(boosting_type=boosting, objective=objective, **SMALL, **more).fit(X, labels), X)


def test_early_stopping_answers_with_the_best_iteration() -> None:
    model = lightgbm.LGBMRegressor(**SMALL).fit(X, Y)
    every = model.predict(X)
    model.booster_.best_iteration = model._best_iteration = 2
    assert not np.array_equal(every, model.predict(X))
    check(model, X)


def test_many_deep_trees() -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(300, 3))
    model = lightgbm.LGBMClassifier(**{**SMALL, "n_estimators": 60, "num_leaves": 40, "min_child_samples": 2})
    check(model.fit(table, (table[:, 0] * table[:, 1] > 0).astype(int)), table)


def test_after_other_steps_and_before_one() -> None:
    clean = np.nan_to_num(X)
    scaled = make_pipeline(StandardScaler(), lightgbm.LGBMClassifier(**SMALL)).fit(clean, Y)
    assert wrong(compare(scaled, clean)) == {}
    letters = np.array([f"k{i % 23}" for i in range(120)], dtype=object).reshape(-1, 1)
    encoder = make_pipeline(OneHotEncoder(handle_unknown="ignore"), lightgbm.LGBMClassifier(**SMALL))
    encoder.fit(letters, np.arange(120) % 23 > 11)
    assert wrong(compare(encoder, letters)) == {}
    stacked = StackingRegressor([("l", lightgbm.LGBMRegressor(**SMALL))], LinearRegression(), cv=2)
    assert wrong(compare(stacked.fit(clean, Y), clean, methods=["predict"])) == {}


def test_sparse_requests_are_zero_where_they_say_nothing() -> None:
    table = sp.csr_matrix(np.where(np.abs(np.nan_to_num(X)) < 0.7, 0.0, np.nan_to_num(X)))
    assert wrong(compare(lightgbm.LGBMClassifier(**SMALL).fit(table, Y), table)) == {}


def test_float32_programs_run() -> None:
    table = X.astype(np.float32).astype(np.float64)
    model = lightgbm.LGBMClassifier(**SMALL).fit(table, Y)
    assert compare(model, table, precision="float32", rows=[table])["predict"].flips == 0


def test_what_has_no_program() -> None:
    linear = dict(lightgbm_examples.examples())["linear-leaves"]()
    assert "linear models" in compare(linear, X)["predict"].absent
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": X[:, 0], "b": pandas.Categorical(np.array(["x", "y", "z"])[Y])})
    model = lightgbm.LGBMClassifier(**SMALL).fit(frame, Y)
    assert "categories of a data frame" in compare(model, X[:, :2])["predict"].absent
