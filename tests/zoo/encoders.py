"""Encoders, scalers, discretisers, splines, imputers, selectors."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import sklearn.feature_selection as fs
import sklearn.preprocessing as pp
from sklearn.ensemble import RandomForestClassifier
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - makes IterativeImputer importable
from sklearn.impute import IterativeImputer, KNNImputer, MissingIndicator, SimpleImputer
from sklearn.linear_model import BayesianRidge, LogisticRegression, Ridge
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeRegressor

from tests.zoo import callables
from tests.zoo import data as d
from tests.zoo.specimen import SKLEARN, Specimen, fit, grown


def categories() -> Iterator[Specimen]:
    """Encoders of categories and of labels."""
    x, strange = d.words(), d.words_unseen()
    one: Any = pp.OneHotEncoder
    ordinal: Any = pp.OrdinalEncoder
    yield fit("OneHotEncoder[ignore]", partial(one, handle_unknown="ignore"), x, inputs=strange)
    yield fit("OneHotEncoder[refuse]", one, x, inputs=strange)
    yield fit(
        "OneHotEncoder[min-frequency]",
        partial(one, min_frequency=25, handle_unknown="infrequent_if_exist"),
        x,
        inputs=strange,
    )
    yield fit(
        "OneHotEncoder[max-categories]",
        partial(one, max_categories=3, handle_unknown="infrequent_if_exist"),
        x,
    )
    yield fit("OneHotEncoder[share]", partial(one, min_frequency=0.2, sparse_output=False), x)
    yield fit("OneHotEncoder[drop-first]", partial(one, drop="first", sparse_output=False), x)
    yield fit("OneHotEncoder[drop-if-binary]", partial(one, drop="if_binary"), d.codes())
    yield fit("OneHotEncoder[drop-array]", partial(one, drop=["Lima", "51+"]), x)
    yield fit("OneHotEncoder[given]", partial(one, categories=[list(d.CITIES), list(d.BANDS)], dtype=np.float32), x)
    yield fit("OneHotEncoder[gaps]", partial(one, handle_unknown="ignore"), d.words_with_gaps())
    yield fit("OneHotEncoder[integers]", partial(one, dtype=np.int32), d.codes())
    yield fit("OneHotEncoder[frame]", partial(one, sparse_output=False), d.frame()[["city", "band", "member"]])
    yield fit(
        "OneHotEncoder[concat]",
        partial(one, feature_name_combiner=callables.combine),
        x,
        allow=("tests.zoo.callables.combine",),
    )
    yield fit(
        "OrdinalEncoder[unknown]",
        partial(ordinal, handle_unknown="use_encoded_value", unknown_value=-1),
        x,
        inputs=strange,
    )
    yield fit(
        "OrdinalEncoder[unknown-nan]",
        partial(ordinal, handle_unknown="use_encoded_value", unknown_value=np.nan),
        x,
        inputs=strange,
    )
    yield fit("OrdinalEncoder[missing]", partial(ordinal, encoded_missing_value=-2), d.words_with_gaps())
    yield fit("OrdinalEncoder[infrequent]", partial(ordinal, min_frequency=25, dtype=np.int64), x)
    yield fit("OrdinalEncoder[ordered-frame]", partial(ordinal, categories=[list(d.BANDS)]), d.frame()[["band"]])
    yield fit("OrdinalEncoder[floats]", ordinal, d.gaps().round())
    for kind, y in {"auto": d.target(), "binary": d.labels() == "apple", "multiclass": d.labels()}.items():
        encoder = partial(pp.TargetEncoder, cv=3, random_state=0)
        yield fit(f"TargetEncoder[{kind}]", encoder, x, y, inputs=strange)
    yield fit(
        "TargetEncoder[smooth-frame]",
        partial(pp.TargetEncoder, smooth=5.0, cv=3, random_state=0),
        d.frame()[["city", "band"]],
        d.target(),
    )
    yield fit("LabelEncoder[integers]", pp.LabelEncoder, d.classes())
    yield fit("LabelEncoder[objects]", pp.LabelEncoder, d.object_labels())
    yield fit("LabelBinarizer[sparse]", partial(pp.LabelBinarizer, sparse_output=True, pos_label=2), d.labels())
    yield fit("LabelBinarizer[binary]", partial(pp.LabelBinarizer, neg_label=-1), d.binary())
    yield fit(
        "MultiLabelBinarizer[given]",
        partial(pp.MultiLabelBinarizer, classes=["c", "b", "a", "zz"], sparse_output=True),
        d.tag_sets(),
    )
    yield fit("MultiLabelBinarizer[integers]", pp.MultiLabelBinarizer, [(1, 2), (5,), ()])


def scalers() -> Iterator[Specimen]:
    """Scalers and transformations of single columns."""
    x = d.numbers()
    yield fit("StandardScaler[csr]", partial(pp.StandardScaler, with_mean=False), d.sparse())
    yield fit("StandardScaler[missing]", pp.StandardScaler, d.gaps())
    yield fit("StandardScaler[frame]", pp.StandardScaler, d.number_frame())
    yield fit("StandardScaler[float32]", pp.StandardScaler, d.single())
    yield fit("StandardScaler[integers]", pp.StandardScaler, d.counts())
    yield fit("StandardScaler[constant-column]", pp.StandardScaler, np.column_stack([x[:, 0], np.ones(d.ROWS)]))
    yield fit(
        "StandardScaler[pandas-output]",
        lambda: pp.StandardScaler().set_output(transform="pandas"),
        d.number_frame(),
    )
    yield fit(
        "StandardScaler[object-frame]",
        pp.StandardScaler,
        pd.DataFrame({"a": x[:, 0], "b": d.counts()[:, 0]}, index=[f"r{i}" for i in range(d.ROWS)]),
    )
    yield fit("MinMaxScaler[clip]", partial(pp.MinMaxScaler, feature_range=(-1, 1), clip=True), x, inputs=x * 1.5)
    yield fit("MinMaxScaler[missing]", pp.MinMaxScaler, d.gaps())
    yield fit("MaxAbsScaler[csr]", pp.MaxAbsScaler, d.sparse())
    yield fit(
        "RobustScaler[quantiles]",
        partial(pp.RobustScaler, quantile_range=(10.0, 90.0), unit_variance=True),
        x,
    )
    yield fit("RobustScaler[csr]", partial(pp.RobustScaler, with_centering=False), d.sparse())
    yield fit("Normalizer[max]", partial(pp.Normalizer, norm="max"), x)
    yield fit("Binarizer[csr]", partial(pp.Binarizer, threshold=1.5), d.sparse())
    yield fit("PowerTransformer[box-cox]", partial(pp.PowerTransformer, method="box-cox"), d.positive() + 0.1)
    yield fit("PowerTransformer[unscaled-missing]", partial(pp.PowerTransformer, standardize=False), d.gaps())
    yield fit(
        "QuantileTransformer[normal]",
        partial(pp.QuantileTransformer, n_quantiles=20, output_distribution="normal", random_state=0),
        x,
    )
    yield fit(
        "QuantileTransformer[csr]",
        partial(pp.QuantileTransformer, n_quantiles=10, random_state=0, ignore_implicit_zeros=True),
        d.sparse().tocsc(),
    )
    yield fit(
        "QuantileTransformer[missing]",
        partial(pp.QuantileTransformer, n_quantiles=15, random_state=0),
        d.gaps(),
    )
    yield fit("KernelCenterer[linear]", pp.KernelCenterer, d.gram() / 10)


def expansions() -> Iterator[Specimen]:
    """Discretisers, polynomials, splines, functions."""
    x = d.numbers()
    for encode in ("onehot", "onehot-dense", "ordinal"):
        for strategy in ("uniform", "quantile", "kmeans"):
            bins = partial(pp.KBinsDiscretizer, 4, encode=encode, strategy=strategy, random_state=0, subsample=None)
            yield fit(f"KBinsDiscretizer[{encode}-{strategy}]", bins, x)
    yield fit(
        "KBinsDiscretizer[per-column]",
        partial(pp.KBinsDiscretizer, [2, 3, 4, 5, 6], dtype=np.float32, strategy="uniform"),
        x,
    )
    yield fit("PolynomialFeatures[csr]", partial(pp.PolynomialFeatures, 2), d.sparse())
    yield fit(
        "PolynomialFeatures[csr-interactions]",
        partial(pp.PolynomialFeatures, 3, interaction_only=True),
        d.sparse(),
    )
    yield fit("PolynomialFeatures[range]", partial(pp.PolynomialFeatures, (2, 3), include_bias=False, order="F"), x)
    yield fit(
        "PolynomialFeatures[frame]",
        lambda: pp.PolynomialFeatures(2).set_output(transform="pandas"),
        d.number_frame(),
    )
    for extrapolation in ("error", "constant", "linear", "continue", "periodic"):
        spline = partial(pp.SplineTransformer, n_knots=4, extrapolation=extrapolation)
        yield fit(f"SplineTransformer[{extrapolation}]", spline, x, inputs=x * 1.2)
    yield fit(
        "SplineTransformer[quantile-knots]",
        partial(pp.SplineTransformer, knots="quantile", degree=2, include_bias=False),
        x,
    )
    yield fit(
        "SplineTransformer[given-knots]",
        partial(pp.SplineTransformer, knots=np.array([[-3.0], [0.0], [2.0], [4.0]]), order="F"),
        d.column(),
    )
    yield fit("SplineTransformer[sparse]", partial(pp.SplineTransformer, sparse_output=True), x)
    yield fit("FunctionTransformer[log1p]", partial(pp.FunctionTransformer, np.log1p), d.positive())
    yield fit(
        "FunctionTransformer[log1p-inverse]",
        partial(pp.FunctionTransformer, np.log1p, inverse_func=np.expm1, feature_names_out="one-to-one"),
        d.number_frame().abs(),
    )
    yield fit(
        "FunctionTransformer[arguments]",
        partial(pp.FunctionTransformer, np.clip, kw_args={"a_min": 0, "a_max": 2}),
        x,
    )
    yield fit("FunctionTransformer[identity-csr]", partial(pp.FunctionTransformer, accept_sparse=True), d.sparse())
    yield fit(
        "FunctionTransformer[own]",
        partial(pp.FunctionTransformer, callables.halve, feature_names_out=callables.names_out),
        x,
        allow=("tests.zoo.callables.halve", "tests.zoo.callables.names_out"),
    )


def imputers() -> Iterator[Specimen]:
    """Imputers, with and without indicators."""
    x = d.gaps()
    for strategy in ("mean", "median", "most_frequent", "constant"):
        yield fit(f"SimpleImputer[{strategy}]", partial(SimpleImputer, strategy=strategy, add_indicator=True), x)
    yield fit(
        "SimpleImputer[strings]",
        partial(SimpleImputer, missing_values=None, strategy="most_frequent"),
        d.words_with_gaps()[:, :1],
    )
    yield fit(
        "SimpleImputer[fill-string]",
        partial(SimpleImputer, strategy="constant", fill_value="?"),
        d.words_with_gaps()[:, 1:],
    )
    yield fit(
        "SimpleImputer[pandas-na]",
        partial(SimpleImputer, missing_values=pd.NA, strategy="most_frequent"),
        pd.DataFrame({"a": pd.array([1, None, 2, 2] * 10, dtype="Int64")}),
    )
    yield fit(
        "SimpleImputer[minus-one]",
        partial(SimpleImputer, missing_values=-1),
        np.where(d.counts() == 0, -1, d.counts()),
    )
    yield fit(
        "SimpleImputer[empty-column]",
        partial(SimpleImputer, keep_empty_features=True),
        np.column_stack([x, np.full(d.ROWS, np.nan)]),
    )
    yield fit(
        "SimpleImputer[frame-out]",
        lambda: SimpleImputer(add_indicator=True).set_output(transform="pandas"),
        d.frame()[["age", "income"]],
    )
    yield fit(
        "SimpleImputer[csr]",
        partial(SimpleImputer, missing_values=np.nan, strategy="median"),
        d.sparse().tocsc(),
    )
    yield fit("KNNImputer[distance]", partial(KNNImputer, n_neighbors=3, weights="distance", add_indicator=True), x)
    imputer: Any = partial(IterativeImputer, max_iter=3, random_state=0)
    yield fit(
        "IterativeImputer[bounds]",
        partial(imputer, min_value=-2, max_value=[2, 3, 4, 5, 6], add_indicator=True),
        x,
    )
    yield fit("IterativeImputer[posterior]", lambda: imputer(BayesianRidge(), sample_posterior=True), x)
    yield fit(
        "IterativeImputer[tree]",
        lambda: imputer(DecisionTreeRegressor(max_depth=3, random_state=0), n_nearest_features=3),
        x,
    )
    yield fit(
        "IterativeImputer[random-order]",
        partial(imputer, imputation_order="random", initial_strategy="median"),
        x,
    )
    yield fit("MissingIndicator[all]", partial(MissingIndicator, features="all", sparse=True), x)


def selectors() -> Iterator[Specimen]:
    """Feature selection."""
    x, y = d.numbers(), d.classes()
    forest = partial(RandomForestClassifier, n_estimators=5, random_state=0)
    yield fit("SelectKBest[f-classif]", partial(fs.SelectKBest, fs.f_classif, k=2), x, y)
    yield fit("SelectKBest[chi2]", partial(fs.SelectKBest, fs.chi2, k=2), d.sparse(), y)
    yield fit("SelectKBest[mutual-info]", partial(fs.SelectKBest, fs.mutual_info_classif, k=3), x, y)
    yield fit(
        "SelectKBest[all-frame]",
        partial(fs.SelectKBest, fs.f_regression, k="all"),
        d.number_frame(),
        d.target(),
    )
    yield fit(
        "SelectPercentile[mutual-info-regression]",
        partial(fs.SelectPercentile, fs.mutual_info_regression, percentile=40),
        x,
        d.target(),
    )
    yield fit(
        "SelectPercentile[r-regression]",
        partial(fs.SelectPercentile, fs.r_regression, percentile=60),
        x,
        d.target(),
    )
    yield fit(
        "GenericUnivariateSelect[fdr]",
        partial(fs.GenericUnivariateSelect, fs.f_classif, mode="fdr", param=0.1),
        x,
        y,
    )
    yield fit("SelectFromModel[forest-median]", lambda: fs.SelectFromModel(forest(), threshold="1.1*median"), x, y)
    yield fit(
        "SelectFromModel[l1-max-features]",
        lambda: fs.SelectFromModel(LinearSVC(penalty="l1", dual=False, random_state=0), max_features=2),
        x,
        y,
    )
    yield Specimen(
        "SelectFromModel[prefit]",
        lambda: grown(lambda: fs.SelectFromModel(forest().fit(x, y), prefit=True).fit(x)),
        x,
    )
    yield fit("RFE[importance]", lambda: fs.RFE(forest(), n_features_to_select=2), x, y)
    yield fit(
        "RFE[step-frame]",
        lambda: fs.RFE(Ridge(), step=0.4, importance_getter="coef_"),
        d.number_frame(),
        d.target(),
    )
    yield fit("RFECV[scoring]", lambda: fs.RFECV(LogisticRegression(), cv=3, scoring="accuracy"), x, d.labels())
    yield fit(
        "SequentialFeatureSelector[backward]",
        lambda: fs.SequentialFeatureSelector(Ridge(), direction="backward", n_features_to_select=3, cv=2, scoring="r2"),
        x,
        d.target(),
    )
    yield fit("VarianceThreshold[csr]", partial(fs.VarianceThreshold, 0.5), d.sparse())


def encoders() -> Iterator[Specimen]:
    """All of this module."""
    yield from categories()
    yield from scalers()
    yield from expansions()
    yield from imputers()
    yield from selectors()
    if SKLEARN >= (1, 7):
        yield fit(
            "KBinsDiscretizer[averaged]",
            partial(pp.KBinsDiscretizer, 4, strategy="quantile", quantile_method="averaged_inverted_cdf"),
            d.numbers(),
        )
    if SKLEARN >= (1, 8):
        yield fit("SplineTransformer[missing]", partial(pp.SplineTransformer, handle_missing="zeros"), d.gaps())
