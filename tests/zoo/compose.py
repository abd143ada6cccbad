"""Pipelines, unions and column transformers, mostly on frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.svm import SVC

from tests.zoo import callables
from tests.zoo import data as d
from tests.zoo.specimen import SKLEARN, Specimen, fit

NUMERIC = ["age", "income", "visits"]
WORDED = ["city", "band"]


def _numeric() -> Any:
    return make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())


def _worded() -> Any:
    return make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))


def _columns(**settings: Any) -> Any:
    return ColumnTransformer([("numeric", _numeric(), NUMERIC), ("worded", _worded(), WORDED)], **settings)


def columns() -> Iterator[Specimen]:
    """Column transformers."""
    frame, y, x = d.frame(), d.labels(), d.numbers()
    yield fit("ColumnTransformer[frame]", _columns, frame)
    yield fit("ColumnTransformer[passthrough]", lambda: _columns(remainder="passthrough", sparse_threshold=0), frame)
    yield fit(
        "ColumnTransformer[remainder-estimator]",
        lambda: ColumnTransformer([("worded", _worded(), WORDED)], remainder=_numeric()),
        frame,
    )
    yield fit(
        "ColumnTransformer[drop]",
        lambda: ColumnTransformer(
            [("gone", "drop", ["age"]), ("kept", "passthrough", ["income", "visits"])], remainder="drop"
        ),
        frame,
    )
    yield fit(
        "ColumnTransformer[integer-columns]",
        lambda: ColumnTransformer(
            [("a", StandardScaler(), [0, 1]), ("b", MinMaxScaler(), slice(2, 4))], remainder="passthrough"
        ),
        x,
    )
    yield fit(
        "ColumnTransformer[mask]",
        lambda: ColumnTransformer([("a", StandardScaler(), [True, False, True, False, False])]),
        x,
    )
    yield fit(
        "ColumnTransformer[string-slice]",
        lambda: ColumnTransformer([("a", StandardScaler(), slice("a", "c"))], verbose_feature_names_out=False),
        d.number_frame(),
    )
    yield fit(
        "ColumnTransformer[weights]",
        lambda: ColumnTransformer(
            [("a", StandardScaler(), [0, 1]), ("b", PCA(1), [2, 3])], transformer_weights={"a": 2.0}
        ),
        x,
    )
    yield fit(
        "ColumnTransformer[selector]",
        lambda: make_column_transformer(
            (_numeric(), make_column_selector(dtype_include=np.number)),
            (_worded(), make_column_selector(pattern="city|band")),
        ),
        frame,
    )
    yield fit(
        "ColumnTransformer[dtype-exclude]",
        lambda: make_column_transformer(
            (_worded(), make_column_selector(dtype_exclude=[np.number, bool])), remainder="drop"
        ),
        frame,
    )
    yield fit(
        "ColumnTransformer[text-column]",
        lambda: ColumnTransformer([("text", TfidfVectorizer(), "note"), ("rest", StandardScaler(), ["n"])]),
        _notes(),
    )
    yield fit(
        "ColumnTransformer[pandas-output]",
        lambda: ColumnTransformer(
            [("a", StandardScaler(), ["a"]), ("b", PolynomialFeatures(2), ["b", "c"])],
            remainder="passthrough",
        ).set_output(transform="pandas"),
        d.number_frame(),
    )
    yield fit(
        "ColumnTransformer[empty-columns]",
        lambda: ColumnTransformer([("none", StandardScaler(), []), ("a", StandardScaler(), ["a"])]),
        d.number_frame(),
    )
    yield fit(
        "ColumnTransformer[nested]",
        lambda: ColumnTransformer(
            [
                (
                    "inner",
                    ColumnTransformer([("s", StandardScaler(), ["a"])], remainder="passthrough"),
                    ["a", "b"],
                )
            ],
            remainder="passthrough",
        ),
        d.number_frame(),
    )
    yield fit(
        "Pipeline[columns-logistic]",
        lambda: make_pipeline(_columns(), LogisticRegression(max_iter=200)),
        frame,
        y,
    )
    yield fit(
        "Pipeline[columns-forest-pandas]",
        lambda: make_pipeline(_columns(sparse_threshold=0), RandomForestClassifier(n_estimators=4, random_state=0)),
        frame,
        y,
    )
    yield fit(
        "Pipeline[ordinal-boosting]",
        lambda: make_pipeline(
            make_column_transformer(
                (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), WORDED),
                remainder="passthrough",
            ),
            HistGradientBoostingClassifier(max_iter=3, categorical_features=[0, 1], random_state=0),
        ),
        frame,
        y,
    )
    if SKLEARN >= (1, 6):
        yield fit(
            "ColumnTransformer[names-format]",
            lambda: _columns(verbose_feature_names_out="{transformer_name}/{feature_name}"),
            frame,
        )


def pipelines() -> Iterator[Specimen]:
    """Pipelines and unions."""
    x, y = d.numbers(), d.labels()
    yield fit(
        "Pipeline[scale-svc]",
        lambda: make_pipeline(StandardScaler(), SVC(probability=True, random_state=0)),
        x,
        y,
    )
    yield fit(
        "Pipeline[passthrough]",
        lambda: Pipeline([("skip", "passthrough"), ("none", None), ("model", LogisticRegression())]),
        x,
        y,
    )
    yield fit("Pipeline[transformer-only]", lambda: make_pipeline(StandardScaler(), PCA(2), MinMaxScaler()), x)
    yield fit(
        "Pipeline[select]",
        lambda: make_pipeline(PolynomialFeatures(2), SelectKBest(f_classif, k=6), LogisticRegression(max_iter=200)),
        x,
        y,
    )
    yield fit(
        "Pipeline[nested]",
        lambda: make_pipeline(
            make_pipeline(StandardScaler(), PCA(3)), make_pipeline(MinMaxScaler(), KNeighborsClassifier())
        ),
        x,
        y,
    )
    yield fit(
        "Pipeline[pandas-output]",
        lambda: make_pipeline(StandardScaler(), PCA(2)).set_output(transform="pandas"),
        d.number_frame(),
    )
    yield fit(
        "Pipeline[log]",
        lambda: make_pipeline(FunctionTransformer(np.log1p), KBinsDiscretizer(4, strategy="uniform"), Ridge()),
        d.positive(),
        d.target(),
    )
    yield fit(
        "Pipeline[own-class]",
        lambda: make_pipeline(callables.Clip(), FunctionTransformer(callables.halve), LogisticRegression()),
        x,
        y,
        allow=("tests.zoo.callables.Clip", "tests.zoo.callables.halve"),
    )
    yield fit(
        "Pipeline[sparse]",
        lambda: make_pipeline(TruncatedSVD(2, random_state=0), LogisticRegression()),
        d.sparse(),
        y,
    )
    yield fit(
        "Pipeline[outliers-verbose]",
        lambda: Pipeline([("scale", StandardScaler()), ("model", Ridge())], verbose=False),
        d.number_frame(),
        d.target(),
    )
    yield fit(
        "FeatureUnion[weights]",
        lambda: FeatureUnion(
            [("pca", PCA(2)), ("scale", StandardScaler()), ("gone", "drop"), ("same", "passthrough")],
            transformer_weights={"pca": 0.5},
        ),
        x,
    )
    yield fit(
        "FeatureUnion[frame-output]",
        lambda: make_union(PCA(2), StandardScaler()).set_output(transform="pandas"),
        d.number_frame(),
    )
    yield fit(
        "FeatureUnion[names]",
        lambda: FeatureUnion([("scale", StandardScaler())], verbose_feature_names_out=False),
        d.number_frame(),
    )
    shared = StandardScaler
    yield fit("FeatureUnion[shared-child]", lambda: (lambda s: FeatureUnion([("one", s), ("two", s)]))(shared()), x)


def _notes() -> Any:
    import pandas as pd

    return pd.DataFrame({"note": d.documents(), "n": np.arange(60.0)})


def compose() -> Iterator[Specimen]:
    """All of this module."""
    yield from columns()
    yield from pipelines()
