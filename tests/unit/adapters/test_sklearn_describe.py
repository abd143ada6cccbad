"""Whether an estimator is fitted, and what the manifest says about it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn import cluster, ensemble, feature_extraction, linear_model, mixture, neighbors, preprocessing, svm
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline

from amber.adapters.sklearn import ADAPTER
from amber.adapters.sklearn_describe import shown

X = np.random.RandomState(0).randn(40, 3)
Y = np.arange(40) % 3


@pytest.mark.parametrize(
    ("model", "call"),
    [
        (linear_model.LogisticRegression(), "fit(X, y)"),
        (cluster.KMeans(), "fit(X)"),
        (feature_extraction.text.CountVectorizer(), "fit(raw_documents)"),
        (make_pipeline(preprocessing.StandardScaler(), svm.SVC()), "fit(X, y)"),
        (FeatureUnion([("a", preprocessing.StandardScaler())]), "fit(X)"),
        (GridSearchCV(svm.SVC(), {"C": [1.0]}), "fit(X)"),
        (ensemble.VotingClassifier([("a", svm.SVC())]), "fit(X, y)"),
        (ColumnTransformer([("a", preprocessing.StandardScaler(), [0])]), "fit(X)"),
    ],
)
def test_an_unfitted_model_names_the_call(model, call):
    assert call in ADAPTER.fitted(model)
    assert "not fitted" in ADAPTER.fitted(model)


def test_an_unfitted_step_inside_is_named():
    scaler = preprocessing.StandardScaler()
    model = Pipeline([("scale", scaler), ("svm", svm.SVC().fit(X, Y))])
    assert ADAPTER.fitted(model).startswith("steps[0] (StandardScaler) is not fitted")


@pytest.mark.parametrize(
    "model",
    [
        linear_model.LogisticRegression().fit(X, Y),
        make_pipeline("passthrough", preprocessing.StandardScaler(), linear_model.Ridge()).fit(X, Y),
        preprocessing.FunctionTransformer(np.log1p),
        preprocessing.Normalizer(),
        feature_extraction.text.HashingVectorizer(),
        GridSearchCV(linear_model.Ridge(), {"alpha": [1.0]}, cv=2).fit(X, Y),
        KFold(3),
        neighbors.KDTree(X),
        {"not": "an estimator"},
    ],
)
def test_what_is_fitted_or_needs_no_fit_passes(model):
    assert ADAPTER.fitted(model) is None


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        (svm.SVC(), "classifier"),
        (linear_model.Ridge(), "regressor"),
        (make_pipeline(preprocessing.StandardScaler(), svm.SVC()), "classifier"),
        (GridSearchCV(linear_model.Ridge(), {}), "regressor"),
        (cluster.KMeans(), "clusterer"),
        (ensemble.IsolationForest(), "outlier-detector"),
        (mixture.GaussianMixture(), "density"),
        (neighbors.KernelDensity(), "density"),
        (preprocessing.StandardScaler(), "transformer"),
        (neighbors.NearestNeighbors(), "other"),
    ],
)
def test_kinds(model, kind):
    assert ADAPTER.describe(model).kind == kind


def test_a_description_holds_names_classes_and_no_float():
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = make_pipeline(preprocessing.StandardScaler(), svm.SVC(C=0.1, class_weight={"x": 2.0}))
    model.fit(frame, np.array(["x", "y", "z"])[Y])
    found = ADAPTER.describe(model).to_dict()
    assert found["feature_names"] == ["a", "b", "c"]
    assert found["n_features"] == 3
    assert found["classes"] == [["x", "y", "z"]]
    assert found["hyperparameters"]["svc__C"] == "0.1"
    assert found["hyperparameters"]["svc__class_weight"] == "{'x': 2.0}"
    assert found["hyperparameters"]["steps"] == "[('standardscaler', StandardScaler), ('svc', SVC)]"
    assert found["hyperparameters"]["svc"] == "SVC"
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert not any(isinstance(value, float) for value in found["hyperparameters"].values())


def test_each_output_has_its_classes():
    model = ensemble.RandomForestClassifier(2).fit(X, np.c_[Y, Y > 1])
    assert ADAPTER.describe(model).classes == ((0, 1, 2), (0, 1))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        (True, True),
        (np.bool_(True), True),
        (3, 3),
        (np.int64(3), 3),
        (2**60, str(2**60)),
        (float("nan"), "nan"),
        (np.float64(0.1), "0.1"),
        (1e16, "1e+16"),
        ("text", "text"),
        ([1, "a", None, 0.5], "[1, 'a', None, 0.5]"),
        ((np.float32(0.5),), "(0.5)"),
        ({"b", "a"}, "{'a', 'b'}"),
        (np.zeros((2, 3)), "array of float64, shape (2, 3)"),
        (np.log1p, "log1p"),
        (np.float64, "numpy.float64"),
        (object(), "object"),
    ],
)
def test_hyperparameters_are_shown_without_addresses(value, text):
    assert shown(value) == text
    assert type(shown(value)) is type(text)


def test_long_values_are_cut():
    assert len(shown("x" * 1000)) == 200
    assert shown(list(range(100))).endswith(", ...]")
