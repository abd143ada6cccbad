"""Selectors, products of columns and splines: the same columns, the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_selection import (
    RFE,
    RFECV,
    GenericUnivariateSelect,
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
    chi2,
)
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, SplineTransformer, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from tests.unit.programs.emit.harness import compare, titled, wrong

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 8))
X[:, 7] = 2
X[:, 6] = X[:, 5]  # equal scores
y = (X[:, 0] + X[:, 3] + 0.5 * RNG.normal(size=120) > 0).astype(int)
y3 = np.digitize(X[:, 0] + X[:, 2], [-0.5, 0.7])
SPARSE = sp.random(80, 30, density=0.2, format="csr", random_state=0)

UNIVARIATE = [
    SelectKBest(k=3), SelectKBest(k=7), SelectKBest(k="all"), SelectKBest(k=0), SelectPercentile(percentile=35),
    SelectPercentile(percentile=100), SelectPercentile(percentile=70), SelectFpr(), SelectFdr(), SelectFdr(alpha=0.9),
    SelectFwe(), SelectFdr(alpha=1e-300), VarianceThreshold(), VarianceThreshold(0.99),
    *(GenericUnivariateSelect(mode=mode, param=param) for mode, param in (
        ("k_best", 2), ("percentile", 40), ("fpr", 0.05), ("fdr", 0.05), ("fwe", 0.05))),
    SequentialFeatureSelector(LinearRegression(), n_features_to_select=2, cv=2),
    SequentialFeatureSelector(DecisionTreeClassifier(max_depth=2), n_features_to_select=2, cv=2),
]  # fmt: skip
MODELS = [
    LogisticRegression(), LogisticRegression(l1_ratio=1, solver="saga"), Lasso(0.1), LinearSVC(),
    RandomForestClassifier(6, random_state=0), ExtraTreesClassifier(6, random_state=0),
    DecisionTreeClassifier(random_state=0), ExtraTreeClassifier(random_state=0),
    GradientBoostingClassifier(n_estimators=5, random_state=0), AdaBoostClassifier(n_estimators=5, random_state=0),
]  # fmt: skip


@pytest.mark.parametrize("model", UNIVARIATE, ids=titled)
def test_columns_that_scores_select(model: Any) -> None:
    found = compare(model.fit(X, y), X)
    assert wrong(found) == {}
    assert all(each.identical for each in found.values())


@pytest.mark.parametrize("model", MODELS, ids=titled)
@pytest.mark.parametrize("settings", [
    {}, {"threshold": "1.5*median", "max_features": 3}, {"threshold": -np.inf, "max_features": 4},
    {"norm_order": 2, "threshold": "median"}, {"threshold": 0.05},
], ids=titled)  # fmt: skip
def test_columns_that_a_model_selects(model: Any, settings: dict[str, Any]) -> None:
    assert wrong(compare(SelectFromModel(model, **settings).fit(X, y3), X)) == {}


def test_a_model_that_was_fitted_before() -> None:
    model = SelectFromModel(LogisticRegression().fit(X, y), prefit=True)
    assert wrong(compare(model.fit(X, y), X)) == {}


def test_importances_that_are_not_stored_are_named() -> None:
    model = SelectFromModel(make_pipeline(StandardScaler(), LogisticRegression()),
                            importance_getter="named_steps.logisticregression.coef_").fit(X, y)  # fmt: skip
    assert compare(model, X)["transform"].absent == "importances of Pipeline"


@pytest.mark.parametrize("model", [
    RFE(LogisticRegression(), n_features_to_select=3), RFE(LinearRegression()), RFECV(LogisticRegression(), cv=2),
], ids=titled)  # fmt: skip
def test_elimination_answers_as_its_model(model: Any) -> None:
    found = compare(model.fit(X, y), X)
    assert wrong(found) == {}
    assert {"predict", "transform", "inverse_transform"} <= set(found)


@pytest.mark.parametrize("model", [
    SelectKBest(chi2, k=5), VarianceThreshold(1e-2), SelectFromModel(LogisticRegression()), PolynomialFeatures(),
    PolynomialFeatures(3, interaction_only=True),
], ids=titled)  # fmt: skip
def test_sparse_rows(model: Any) -> None:
    table = SPARSE if not isinstance(model, PolynomialFeatures) else SPARSE[:, :6]
    target = np.arange(80) % 2
    assert wrong(compare(model.fit(table, target), table, rows=[table, table[:1]])) == {}


def test_selected_sparse_columns_reach_a_model() -> None:
    model = make_pipeline(SelectKBest(chi2, k=5), LogisticRegression()).fit(SPARSE, np.arange(80) % 2)
    assert wrong(compare(model, SPARSE, rows=[SPARSE, SPARSE[:1]])) == {}


@pytest.mark.parametrize("degree", [1, 2, 3, (2, 3), (0, 2), (1, 4), (3, 3)], ids=titled)
@pytest.mark.parametrize("settings", [{}, {"interaction_only": True}, {"include_bias": False}], ids=titled)
def test_products_have_the_bits_of_the_original(degree: Any, settings: dict[str, Any]) -> None:
    for table in (X[:, :3], X[:, :1], X[:, :4] * [1, 1e6, 1e-3, 1]):
        try:
            model = PolynomialFeatures(degree, **settings).fit(table)
        except ValueError:  # no column at all
            continue
        found = compare(model, table)
        assert wrong(found) == {}
        assert found["transform"].identical


@pytest.mark.parametrize("settings", [
    {}, {"degree": 2, "knots": "quantile"}, {"degree": 1}, {"include_bias": False, "n_knots": 7},
    {"sparse_output": True}, {"handle_missing": "zeros"},
], ids=titled)  # fmt: skip
@pytest.mark.parametrize("extrapolation", ["constant", "linear", "continue", "periodic", "error"])
def test_splines(extrapolation: str, settings: dict[str, Any]) -> None:
    model = SplineTransformer(extrapolation=extrapolation, **settings)
    constant = [] if "handle_missing" in settings else [X[:, 6:]]
    for table in (X[:, :3], X[:, :1], *constant):
        found = compare(model.fit(table), table)
        assert wrong(found) == {}
        knots = np.repeat(model.bsplines_[0].t[:, None], table.shape[1], axis=1)
        near = np.concatenate([knots, np.nextafter(knots, np.inf), np.nextafter(knots, -np.inf)])
        rows = [row[None] for row in near] if extrapolation == "error" else [near]
        assert wrong(compare(model, table, rows=rows)) == {}


@pytest.mark.parametrize("extrapolation", ["continue", "periodic", "error"])
def test_splines_of_degree_zero(extrapolation: str) -> None:
    model = SplineTransformer(degree=0, extrapolation=extrapolation).fit(X[:, :2])
    assert wrong(compare(model, X[:, :2])) == {}


def test_splines_of_degree_zero_that_extrapolate_are_named() -> None:
    found = compare(SplineTransformer(degree=0).fit(X), X)
    assert found["transform"].absent == "SplineTransformer of degree 0 that extrapolates"


@pytest.mark.parametrize("model", [SelectKBest(k=3), PolynomialFeatures(), SplineTransformer()], ids=titled)
def test_single_precision_runs(model: Any) -> None:
    found = compare(model.fit(X, y), X, rows=[X], precision="float32")
    assert not any(each.absent for each in found.values())
