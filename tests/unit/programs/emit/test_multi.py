"""Estimators made of others: targets side by side, chains, codes, calibration, searches, thresholds, dummies."""

from __future__ import annotations

import functools
import warnings

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.cross_decomposition import CCA, PLSSVD, PLSCanonical, PLSRegression
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - makes the halving searches importable
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import fbeta_score, make_scorer
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.semi_supervised import LabelPropagation, LabelSpreading, SelfTrainingClassifier
from sklearn.svm import SVC, LinearSVC

from tests.unit.programs.emit.harness import Run, compare, wrong

X, Y = make_classification(150, 5, n_informative=4, n_redundant=0, n_classes=3, random_state=6)
WORDS = np.array(["a", "b", "c"])[Y]
TWO = np.array(["no", "yes"])[(Y == 1).astype(int)]
MARKS = np.stack([Y == 0, Y == 1, X[:, 0] > 0], axis=1).astype(int)
NUMBERS = X[:, :3] * [1, 2, 3] + np.sin(X[:, 1:4])
LOGISTIC = LogisticRegression()


def fitted(model, rows, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(rows, y)


def named(each):
    return str(each) if hasattr(each, "fit") else None


@pytest.mark.parametrize("y", [WORDS, TWO, MARKS], ids=["three", "two", "marks"])
@pytest.mark.parametrize(
    "inner", [LOGISTIC, GaussianNB(), LinearSVC(), LinearRegression(), BernoulliNB(), SVC()], ids=named
)
def test_one_versus_rest(inner, y):
    assert wrong(compare(fitted(OneVsRestClassifier(inner), X, y), X)) == {}


def test_one_versus_rest_where_a_label_is_always_there():
    marks = np.column_stack([MARKS, np.ones(len(X), int), np.zeros(len(X), int)])
    assert wrong(compare(fitted(OneVsRestClassifier(LOGISTIC), X, marks), X)) == {}


@pytest.mark.parametrize("y", [WORDS, TWO], ids=["three", "two"])
@pytest.mark.parametrize("inner", [LOGISTIC, GaussianNB(), LinearSVC()], ids=named)
def test_one_versus_one(inner, y):
    assert wrong(compare(fitted(OneVsOneClassifier(inner), X, y), X)) == {}


def test_pairs_of_regressors_have_no_form():
    found = wrong(compare(fitted(OneVsOneClassifier(LinearRegression()), X, WORDS), X))
    assert {each.absent for each in found.values()} == {"pairs of regressors"}


@pytest.mark.parametrize("y", [WORDS, TWO], ids=["three", "two"])
@pytest.mark.parametrize("inner", [LOGISTIC, GaussianNB(), LinearSVC()], ids=named)
def test_output_codes(inner, y):
    model = OutputCodeClassifier(inner, code_size=2, random_state=0)
    assert wrong(compare(fitted(model, X, y), X)) == {}


@pytest.mark.parametrize("kind", [MultiOutputRegressor, RegressorChain])
def test_several_numbers(kind):
    assert wrong(compare(fitted(kind(Ridge()), X, NUMBERS), X)) == {}


def test_a_chain_in_another_order():
    assert wrong(compare(fitted(RegressorChain(Ridge(), order=[2, 0, 1]), X, NUMBERS), X)) == {}


@pytest.mark.parametrize("inner", [LOGISTIC, GaussianNB(), LinearSVC(), SGDClassifier(loss="log_loss")], ids=named)
def test_several_labels(inner):
    y = np.column_stack([WORDS, TWO])
    assert wrong(compare(fitted(MultiOutputClassifier(inner), X, y), X)) == {}


@pytest.mark.parametrize("link", ["predict", "predict_proba", "predict_log_proba", "decision_function"])
def test_a_chain_of_labels(link):
    model = ClassifierChain(LOGISTIC, order=[2, 0, 1], chain_method=link)
    assert wrong(compare(fitted(model, X, MARKS), X)) == {}


def test_a_chain_of_three_classes():
    y = np.column_stack([Y * 5, MARKS[:, 0]])
    found = compare(fitted(ClassifierChain(LinearSVC()), X, y), X, methods=["predict"])
    assert wrong(found) == {}


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
@pytest.mark.parametrize("y", [WORDS, TWO], ids=["three", "two"])
@pytest.mark.parametrize("inner", [LOGISTIC, GaussianNB(), LinearSVC()], ids=named)
def test_calibration(inner, y, method):
    model = CalibratedClassifierCV(inner, method=method, cv=3)
    assert wrong(compare(fitted(model, X, y), X)) == {}


def test_calibration_without_an_ensemble():
    model = CalibratedClassifierCV(GaussianNB(), cv=3, ensemble=False)
    assert wrong(compare(fitted(model, X, WORDS), X)) == {}


def test_calibration_of_a_frozen_estimator():
    model = CalibratedClassifierCV(FrozenEstimator(fitted(GaussianNB(), X, WORDS)), method="isotonic")
    assert wrong(compare(fitted(model, X, WORDS), X)) == {}


@pytest.mark.parametrize("value", [0.0, 1.0 + 5e-6, 1.0 + 2e-5])
@pytest.mark.parametrize("y", [WORDS, TWO], ids=["three", "two"])
def test_calibrators_at_the_edge(y, value):
    model = fitted(CalibratedClassifierCV(GaussianNB(), method="isotonic", cv=2, ensemble=False), X, y)
    for place, calibrator in enumerate(model.calibrated_classifiers_[0].calibrators):
        level = value if place == 0 else 0.0
        calibrator.y_thresholds_ = np.full_like(calibrator.y_thresholds_, level)
        calibrator._build_f(calibrator.X_thresholds_, calibrator.y_thresholds_)
    assert wrong(compare(model, X)) == {}


def test_decisions_that_look_like_probabilities():
    model = fitted(CalibratedClassifierCV(LinearSVC(), method="temperature", cv=2, ensemble=False), X, WORDS)
    inner = model.calibrated_classifiers_[0].estimator
    inner.coef_, inner.intercept_ = np.zeros((3, 5)), np.array([0.2, 0.5, 0.3])
    assert wrong(compare(model, X)) == {}
    inner.coef_[0, 0] = 1e-3
    assert wrong(compare(model, X)) == {}


@pytest.mark.parametrize("bounds", ["clip", "nan", "raise"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_isotonic_regression(bounds, dtype):
    t = np.linspace(0, 4, 60).astype(dtype)
    model = IsotonicRegression(out_of_bounds=bounds).fit(t, np.sin(t) + t)
    rows = [t.reshape(-1, 1), t[:1], t[-1:], (t + 0.013)[:-1], np.nextafter(t, 9)[:-1], np.nextafter(t[-1:], 9),
            np.array([-1.0]), np.array([1e300]), np.array([np.nan]), np.array([np.inf])]  # fmt: skip
    rows = [np.asarray(each, np.float64).reshape(-1, 1) for each in rows]
    assert wrong(compare(model, t.astype(float).reshape(-1, 1), rows=rows)) == {}


def test_isotonic_regression_of_one_point():
    model = IsotonicRegression(out_of_bounds="clip").fit([2.0, 2.0], [1.0, 3.0])
    assert wrong(compare(model, np.array([[1.0], [2.0], [7.0]]))) == {}


@pytest.mark.parametrize("transformer", [StandardScaler(), MinMaxScaler(), None], ids=str)
@pytest.mark.parametrize("y", [NUMBERS[:, 0], NUMBERS, NUMBERS[:, :1]], ids=["one", "three", "column"])
def test_a_transformed_target(transformer, y):
    model = TransformedTargetRegressor(Ridge(), transformer=transformer, check_inverse=False)
    assert wrong(compare(fitted(model, X, y), X)) == {}


SEARCHES = [
    GridSearchCV(LOGISTIC, {"C": [0.1, 1]}, cv=2),
    GridSearchCV(make_pipeline(StandardScaler(), GaussianNB()), {"gaussiannb__var_smoothing": [1e-9, 1e-3]}, cv=2),
    RandomizedSearchCV(LinearSVC(), {"C": [0.1, 1, 2]}, n_iter=2, cv=2, random_state=0),
    HalvingGridSearchCV(LOGISTIC, {"C": [0.1, 1]}, cv=2, min_resources=70),
    HalvingRandomSearchCV(LOGISTIC, {"C": [0.1, 1]}, cv=2, min_resources=70, random_state=0),
    GridSearchCV(StandardScaler(), {"with_mean": [True]}, cv=2, scoring=lambda *_: 0.0),
]


@pytest.mark.parametrize("model", SEARCHES, ids=range(len(SEARCHES)))
def test_a_search(model):
    found = fitted(model, X, WORDS)
    found.scoring = found.scorer_ = None  # a lambda is no data
    assert wrong(compare(found, X)) == {}


def test_a_search_that_was_not_fitted_again():
    model = fitted(GridSearchCV(LOGISTIC, {"C": [1]}, cv=2, refit=False), X, WORDS)
    assert "refit=False" in compare(model, X, methods=["predict"])["predict"].absent


@pytest.mark.parametrize("inner", [LOGISTIC, LinearSVC(), GaussianNB()], ids=named)
@pytest.mark.parametrize("cut", ["auto", 0.3])
@pytest.mark.parametrize("positive", [None, "no"])
def test_a_fixed_threshold(inner, cut, positive):
    model = FixedThresholdClassifier(inner, threshold=cut, pos_label=positive)
    assert wrong(compare(fitted(model, X, TWO), X)) == {}


def test_a_score_of_exactly_the_threshold():
    model = fitted(FixedThresholdClassifier(LOGISTIC, threshold=0.5), X, TWO)
    model.estimator_.coef_, model.estimator_.intercept_ = np.zeros((1, 5)), np.zeros(1)
    assert wrong(compare(model, X)) == {}


def test_a_target_transformed_by_functions():
    model = TransformedTargetRegressor(LinearRegression(), func=np.log1p, inverse_func=np.expm1)
    assert wrong(compare(fitted(model, X, np.abs(NUMBERS[:, 0])), X)) == {}


SCORERS = [
    "balanced_accuracy", "f1", make_scorer(fbeta_score, beta=2, pos_label=0),
    make_scorer(fbeta_score, beta=2, response_method="decision_function"),
]  # fmt: skip


@pytest.mark.parametrize("scoring", SCORERS, ids=range(len(SCORERS)))
@pytest.mark.parametrize("response", ["auto", "decision_function"])
def test_a_tuned_threshold(scoring, response):
    model = TunedThresholdClassifierCV(LOGISTIC, scoring=scoring, cv=2, thresholds=12, response_method=response)
    assert wrong(compare(fitted(model, X, (Y == 1).astype(int)), X)) == {}


def test_self_training():
    y = Y.copy()
    y[::3] = -1
    assert wrong(compare(fitted(SelfTrainingClassifier(LOGISTIC), X, y), X)) == {}
    assert wrong(compare(fitted(SelfTrainingClassifier(GaussianNB()), X, y), X)) == {}


@pytest.mark.parametrize("inner", [LOGISTIC, StandardScaler(), Ridge()], ids=named)
def test_a_frozen_estimator(inner):
    model = FrozenEstimator(fitted(inner, X, Y))
    assert wrong(compare(model, X)) == {}


@pytest.mark.parametrize("kind", [PLSRegression, PLSCanonical, CCA])
@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("scale", [True, False])
def test_partial_least_squares(kind, targets, scale):
    y = NUMBERS[:, 0] if targets == 1 else NUMBERS
    model = kind(n_components=1 if targets == 1 else 2, scale=scale)
    assert wrong(compare(fitted(model, X, y), X)) == {}


def test_partial_least_squares_by_singular_values():
    assert wrong(compare(fitted(PLSSVD(n_components=2), X, NUMBERS), X)) == {}


@pytest.mark.parametrize("kernel", ["rbf", "knn"])
@pytest.mark.parametrize("kind", [LabelPropagation, LabelSpreading])
def test_labels_that_spread(kind, kernel):
    y = Y.copy()
    y[::4] = -1
    assert wrong(compare(fitted(kind(kernel, gamma=0.5, n_neighbors=5), X, y), X)) == {}


@pytest.mark.parametrize("y", [WORDS, np.column_stack([WORDS, TWO])], ids=["one", "two"])
@pytest.mark.parametrize("strategy", ["prior", "most_frequent", "constant"])
def test_a_dummy_classifier(strategy, y):
    constant = "b" if y.ndim == 1 else ["b", "yes"]
    model = DummyClassifier(strategy=strategy, constant=constant if strategy == "constant" else None)
    assert wrong(compare(fitted(model, X, y), X)) == {}
    assert wrong(compare(model, sparse.csr_matrix(X))) == {}


def test_a_dummy_that_draws_by_chance():
    found = compare(fitted(DummyClassifier(strategy="uniform", random_state=0), X, WORDS), X)
    assert list(wrong(found)) == ["predict"]
    found = compare(fitted(DummyClassifier(strategy="stratified", random_state=0), X, WORDS), X)
    assert all("chance" in each.absent for each in found.values())


@pytest.mark.parametrize("y", [NUMBERS[:, 0], NUMBERS], ids=["one", "three"])
@pytest.mark.parametrize("strategy", ["mean", "median", "quantile"])
def test_a_dummy_regressor(strategy, y):
    model = DummyRegressor(strategy=strategy, quantile=0.3)
    assert wrong(compare(fitted(model, X, y), X)) == {}


@functools.cache
def deep():
    inner = OneVsRestClassifier(CalibratedClassifierCV(GridSearchCV(LOGISTIC, {"C": [1]}, cv=2), cv=2))
    return fitted(make_pipeline(StandardScaler(), inner), X, WORDS)


def test_machines_with_probabilities_side_by_side():
    model = OneVsRestClassifier(SVC(probability=True, random_state=0))
    assert wrong(compare(fitted(model, X, WORDS), X)) == {}


def test_columns_of_strings_inside():
    rows = np.empty((len(X), 2), dtype=object)
    rows[:, 0], rows[:, 1] = WORDS[::-1], X[:, 0]
    table = ColumnTransformer([("words", OneHotEncoder(handle_unknown="ignore"), [0]), ("rest", "passthrough", [1])])
    model = GridSearchCV(make_pipeline(table, CalibratedClassifierCV(LOGISTIC, cv=2)), {}, cv=2)
    assert wrong(compare(fitted(model, rows, WORDS), rows)) == {}
    dummy = fitted(DummyClassifier(), rows, WORDS)
    assert wrong(compare(dummy, rows)) == {}


def test_one_inside_another():
    assert wrong(compare(deep(), X)) == {}


def test_single_precision_runs():
    got = Run(deep(), X, precision="float32").ask("predict_proba", X)
    np.testing.assert_allclose(got, deep().predict_proba(X), atol=1e-3)
