"""Attributes that moved between scikit-learn 1.5 and 1.9, in both directions; the version is given, not installed."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import sklearn
from sklearn import (
    discriminant_analysis,
    ensemble,
    impute,
    linear_model,
    multioutput,
    neighbors,
    pipeline,
    preprocessing,
    semi_supervised,
    svm,
    tree,
)
from sklearn.utils import check_array

from amber.adapters.sklearn import ADAPTER
from amber.adapters.sklearn_versions import adjust

OLD, NEW = (1, 5), (1, 9)


class _OldChain(sklearn.base.BaseEstimator):
    def __init__(self, base_estimator, *, order=None):
        """As in 1.5: the parameter has no default."""


class _OldPath(sklearn.base.BaseEstimator):
    def __init__(self, *, n_alphas=100, alphas=None):
        """As in 1.5."""


class _OldBoosting(sklearn.base.BaseEstimator):
    def __init__(self, *, algorithm="SAMME.R"):
        """As in 1.5."""


def named(cls, name):
    return type(name, (cls,), {})


def test_the_same_version_changes_nothing():
    state = {"anything": 1}
    assert ADAPTER.migrate(linear_model.Ridge, state, sklearn.__version__) is state
    assert state == {"anything": 1}


def test_another_version_fills_missing_parameters_so_that_get_params_and_clone_work():
    state = {"alpha": 2.0}
    model = linear_model.Ridge.__new__(linear_model.Ridge)
    vars(model).update(ADAPTER.migrate(linear_model.Ridge, state, "0.0.0"))
    assert model.get_params() == linear_model.Ridge(alpha=2.0).get_params()
    assert sklearn.clone(model).alpha == 2.0


@pytest.mark.parametrize(
    ("cls", "here", "before", "after"),
    [
        (linear_model.LogisticRegression, OLD, {"penalty": "deprecated", "l1_ratio": 0.0}, {"penalty": "l2"}),
        (linear_model.LogisticRegression, OLD, {"penalty": "deprecated", "l1_ratio": 1.0}, {"penalty": "l1"}),
        (linear_model.LogisticRegression, OLD, {"penalty": "deprecated", "C": np.inf}, {"penalty": None}),
        (linear_model.ElasticNetCV, NEW, {"alphas": None, "n_alphas": 30}, {"alphas": 30}),
        (linear_model.ElasticNetCV, NEW, {"alphas": [0.1], "n_alphas": 30}, {"alphas": [0.1]}),
        (named(_OldPath, "LassoCV"), OLD, {"alphas": 30}, {"alphas": None, "n_alphas": 30}),
        (linear_model.SGDClassifier, NEW, {"eta0": 0.0, "learning_rate": "optimal"}, {"eta0": 0.01}),
        (linear_model.SGDClassifier, NEW, {"eta0": 0.0, "learning_rate": "constant"}, {"eta0": 0.0}),
        (linear_model.SGDRegressor, OLD, {}, {"C": 1.0}),
        (linear_model.RidgeCV, NEW, {"store_cv_results": None}, {"store_cv_results": False}),
        (named(_OldBoosting, "AdaBoostClassifier"), OLD, {}, {"algorithm": "SAMME"}),
        (ensemble.BaggingRegressor, OLD, {"max_samples": None}, {"max_samples": 1.0}),
        (ensemble.GradientBoostingRegressor, OLD, {"criterion": "deprecated"}, {"criterion": "friedman_mse"}),
        (ensemble.HistGradientBoostingRegressor, NEW, {"categorical_features": "warn"}, {"categorical_features": None}),
        (tree.ExtraTreeRegressor, NEW, {"criterion": "friedman_mse"}, {"criterion": "squared_error"}),
        (preprocessing.KBinsDiscretizer, NEW, {}, {"quantile_method": "linear"}),
        (svm.SVC, OLD, {"probability": "deprecated"}, {"probability": False}),
        (svm.SVC, NEW, {"probability": True, "support_": 1}, {"_effective_probability": True}),
        (svm.SVR, NEW, {"support_": 1}, {"_effective_probability": False}),
        (neighbors.NearestCentroid, NEW, {"centroids_": np.zeros((2, 1))}, {"class_prior_": np.array([0.5, 0.5])}),
        (discriminant_analysis.QuadraticDiscriminantAnalysis, NEW, {}, {"solver": "svd", "shrinkage": None}),
        (pipeline.Pipeline, NEW, {}, {"transform_input": None}),
    ],
)
def test_values_that_say_the_same_in_the_other_version(cls, here, before, after):
    state = adjust(cls, dict(before), here)
    for name, value in after.items():
        assert np.array_equal(state[name], value), name


@pytest.mark.parametrize("cls", [multioutput.ClassifierChain, multioutput.RegressorChain])
def test_a_renamed_parameter_goes_both_ways(cls):
    inner = linear_model.Ridge()
    newer = adjust(cls, {"base_estimator": inner}, NEW)
    assert newer["estimator"] is inner
    assert "base_estimator" not in newer
    older = adjust(named(_OldChain, cls.__name__), {"estimator": inner, "base_estimator": "deprecated"}, OLD)
    assert older == {"base_estimator": inner, "order": None}


def test_a_renamed_fitted_attribute_goes_along():
    inner, fitted = linear_model.LogisticRegression(), linear_model.LogisticRegression()
    state = {"base_estimator": inner, "base_estimator_": fitted}
    newer = adjust(semi_supervised.SelfTrainingClassifier, state, NEW)
    assert (newer["estimator"], newer["estimator_"]) == (inner, fitted)
    assert "base_estimator_" not in newer


def test_a_removed_parameter_is_dropped_and_an_unknown_attribute_stays():
    state = adjust(ensemble.AdaBoostClassifier, {"algorithm": "SAMME", "estimators_": []}, NEW)
    assert "algorithm" not in state
    assert adjust(linear_model.Ridge, {"_something": 1}, NEW)["_something"] == 1


def test_an_attribute_that_is_a_property_here_is_dropped():
    class Now(linear_model.Ridge):
        @property
        def total_(self):
            return 1

    assert "total_" not in adjust(Now, {"total_": 2}, NEW)


@pytest.mark.parametrize(
    ("cls", "state", "word"),
    [
        (ensemble.AdaBoostClassifier, {"algorithm": "SAMME.R"}, "SAMME.R"),
        (linear_model.LogisticRegression, {"multi_class": "ovr", "classes_": np.arange(3)}, "multi_class"),
        (linear_model.LogisticRegression, {"multi_class": "multinomial", "classes_": np.arange(2)}, "multi_class"),
        (
            linear_model.LogisticRegression,
            {"multi_class": "deprecated", "solver": "liblinear", "classes_": np.arange(3)},
            "liblinear",
        ),
    ],
)
def test_a_state_that_means_something_gone_is_refused(cls, state, word):
    with pytest.raises(ValueError, match=word):
        adjust(cls, state, NEW)


def test_the_usual_one_against_rest_of_two_classes_is_not_refused():
    state = {"multi_class": "ovr", "classes_": np.arange(2), "solver": "liblinear"}
    assert "multi_class" not in adjust(linear_model.LogisticRegression, state, NEW)


@pytest.mark.parametrize(
    ("here", "before", "after"),
    [(NEW, "force_all_finite", "ensure_all_finite"), (OLD, "ensure_all_finite", "force_all_finite")],
)
def test_the_renamed_keyword_inside_histogram_boosting(here, before, after):
    func = partial(check_array, dtype=[np.float64], **{before: False})
    state = adjust(preprocessing.FunctionTransformer, {"func": func}, here)
    assert state["func"].keywords == {"dtype": [np.float64], after: False}
    assert func.keywords == {"dtype": [np.float64], before: False}


def test_statistics_of_an_older_imputer_are_used_as_they_are():
    statistics = np.array([1.5, np.nan], dtype=np.float32)
    state = adjust(impute.SimpleImputer, {"statistics_": statistics}, NEW)
    assert state["_fill_dtype"] == np.float32


def test_statistics_of_a_newer_imputer_are_cast_as_it_would():
    before = {"statistics_": np.array([1.5, 2.5], dtype=object), "_fill_dtype": np.dtype(np.float64)}
    assert adjust(impute.SimpleImputer, dict(before), OLD)["statistics_"].dtype == np.float64
    assert adjust(impute.SimpleImputer, dict(before), NEW)["statistics_"].dtype == object


def test_histogram_boosting_gets_its_label_encoder():
    state = adjust(ensemble.HistGradientBoostingClassifier, {"classes_": np.array(["a", "b"])}, NEW)
    assert list(state["_label_encoder"].transform(["b", "a"])) == [1, 0]
