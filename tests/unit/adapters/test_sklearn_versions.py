"""Attributes that moved between scikit-learn 1.5 and 1.9, in both directions; the version is given, not installed."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import sklearn
from sklearn import (
    compose,
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

import amber
from amber.adapters.build import _Builder, build
from amber.adapters.sklearn import ADAPTER
from amber.adapters.sklearn_versions import adjust
from amber.adapters.take import take

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


class _OldScaler(sklearn.base.BaseEstimator):
    def __init__(self, *, copy=True):
        """As in 1.5: without clip."""


@pytest.mark.parametrize(
    ("cls", "state"),
    [
        (compose.ColumnTransformer, {"verbose_feature_names_out": "{feature_name}"}),
        (named(_OldScaler, "MaxAbsScaler"), {"clip": True}),
        (named(_OldScaler, "NearestCentroid"), {"priors": "empirical"}),
        (named(_OldScaler, "NearestCentroid"), {"priors": np.array([0.2, 0.8])}),
        (named(_OldScaler, "SplineTransformer"), {"handle_missing": "zeros"}),
    ],
)
def test_a_parameter_that_an_older_version_would_overlook_is_refused_by_name(cls, state):
    with pytest.raises(ValueError, match=rf"{next(iter(state))}=.* does not exist in scikit-learn 1\.5"):
        adjust(cls, state, OLD)


def test_the_same_parameters_at_their_defaults_are_dropped():
    assert "clip" not in adjust(named(_OldScaler, "MaxAbsScaler"), {"clip": False}, OLD)
    assert "priors" not in adjust(named(_OldScaler, "NearestCentroid"), {"priors": "uniform"}, OLD)
    assert (
        adjust(compose.ColumnTransformer, {"verbose_feature_names_out": False}, OLD)["verbose_feature_names_out"]
        is False
    )
    assert adjust(preprocessing.MaxAbsScaler, {"clip": True}, NEW)["clip"] is True


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


def rows_and_target():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(30, 3)) + 5
    return X, X @ [1.0, 2.0, 3.0] + rng.normal(size=30)


def uncentred(model, X):
    """The standard deviation as scikit-learn 1.8 and older compute it."""
    kept = X[:, model.lambda_ < model.threshold_lambda] if hasattr(model, "threshold_lambda") else X
    return np.sqrt((kept @ model.sigma_ * kept).sum(axis=1) + 1 / model.alpha_)


@pytest.mark.skipif(sklearn.__version__ < "1.9", reason="the older formula is computed, the newer one installed")
@pytest.mark.parametrize("cls", [linear_model.BayesianRidge, linear_model.ARDRegression])
def test_an_older_bayesian_model_keeps_its_standard_deviation(cls):
    X, y = rows_and_target()
    fitted = cls().fit(X, y)
    older = cls.__new__(cls)
    vars(older).update(adjust(cls, dict(vars(fitted)), NEW, (1, 8)))
    assert np.allclose(older.predict(X, return_std=True)[1], uncentred(fitted, X), rtol=1e-12)
    assert not np.allclose(fitted.predict(X, return_std=True)[1], uncentred(fitted, X), rtol=1e-3)
    assert np.array_equal(older.predict(X), fitted.predict(X))


@pytest.mark.parametrize("cls", [linear_model.BayesianRidge, linear_model.ARDRegression])
def test_a_newer_bayesian_model_has_no_standard_deviation_in_an_older_version(cls):
    X, y = rows_and_target()
    state = adjust(cls, dict(vars(cls().fit(X, y))), OLD, NEW)
    assert "sigma_" not in state
    assert "coef_" in state
    centred = vars(cls(fit_intercept=False).fit(X, y))
    assert "sigma_" in adjust(cls, dict(centred), OLD, NEW)  # nothing to leave out: both formulas agree


@pytest.mark.parametrize("there", [None, NEW])
def test_where_the_writer_is_unknown_or_the_same_the_offset_stays(there):
    state = adjust(linear_model.BayesianRidge, {"X_offset_": np.ones(2), "sigma_": np.eye(2)}, NEW, there)
    assert state["X_offset_"].tolist() == [1.0, 1.0]
    assert "sigma_" in state


WROTE = {"scikit-learn": "1.5.2", "numpy": "1.26.4", "scipy": "1.13.1"}


@pytest.mark.skipif(sklearn.__version__ < "1.8", reason="the parameter exists")
def test_a_refused_state_is_broken_with_class_attribute_both_versions_and_a_way_out():
    X, y = rows_and_target()
    model = linear_model.LogisticRegression().fit(X, np.digitize(y, [28.0, 32.0]))
    model.multi_class = "ovr"
    tree = take(model, amber.Policy()).tree
    with pytest.raises(amber.AmberError) as caught:
        build(tree, WROTE)
    assert caught.value.code == "build-failed"
    said = str(caught.value)
    for word in (
        "LogisticRegression",
        "multi_class='ovr'",
        f"scikit-learn {sklearn.__version__}",
        "scikit-learn 1.5.2",
    ):
        assert word in said


def test_a_class_that_does_not_exist_here_is_broken_with_both_versions_and_a_way_out():
    tree = take(linear_model.Ridge().fit(*rows_and_target()), amber.Policy()).tree
    with pytest.raises(amber.AmberError) as caught:
        _Builder(tree, {"scikit-learn": "2.7.0"}).resolve("sklearn.linear_model.Ridge", [], tree.root)
    assert caught.value.code == "class-missing"
    for word in ("sklearn.linear_model.Ridge", f"scikit-learn {sklearn.__version__}", "2.7.0", "scikit-learn==2.7.0"):
        assert word in str(caught.value)
