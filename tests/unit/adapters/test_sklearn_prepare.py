"""What is written differently than it stands in a live estimator; the caller's object is never modified."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import AgglomerativeClustering
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from amber.adapters.sklearn import ADAPTER

FRAME = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [0.0, 1.0, 0.0], "c": ["x", "y", "x"]})


def fitted_transformer():
    return ColumnTransformer(
        [
            ("numbers", StandardScaler(), make_column_selector(dtype_include=np.number)),
            ("words", OneHotEncoder(), ["c"]),
            ("first", "passthrough", lambda frame: [0]),
        ]
    ).fit(FRAME)


def test_callable_selectors_become_the_columns_they_chose():
    model = fitted_transformer()
    given = list(model.transformers)
    prepared = ADAPTER.prepare(model)
    assert [entry[2] for entry in prepared.state["transformers"]] == [["a", "b"], ["c"], [0]]
    assert prepared.state["transformers"][0][1] is given[0][1]
    assert prepared.notes == ("the column selectors of numbers, first are written as the columns they chose at fit",)
    assert model.transformers == given


def test_an_unfitted_selector_is_left_for_the_vocabulary_to_judge():
    model = ColumnTransformer([("numbers", StandardScaler(), make_column_selector(dtype_include=np.number))])
    prepared = ADAPTER.prepare(model)
    assert prepared.state is vars(model)
    assert prepared.notes == ()


@pytest.mark.parametrize(
    "model",
    [make_pipeline(StandardScaler(), Ridge(), memory="/somewhere"), AgglomerativeClustering(memory="/somewhere")],
)
def test_a_cache_folder_is_not_kept_and_said_so(model):
    prepared = ADAPTER.prepare(model)
    assert prepared.state["memory"] is None
    assert "cache folder" in prepared.notes[0]
    assert model.memory == "/somewhere"


def test_callbacks_are_not_kept():
    model = Ridge()
    model._skl_callbacks = [object()]
    prepared = ADAPTER.prepare(model)
    assert "_skl_callbacks" not in prepared.state
    assert "callbacks" in prepared.notes[0]
    assert "_skl_callbacks" in vars(model)


def test_a_method_that_fit_left_in_the_instance_is_not_data():
    rows = np.random.RandomState(0).randn(60, 2)
    settings = {"early_stopping": True, "scoring": "accuracy", "max_iter": 2, "min_samples_leaf": 3}
    model = HistGradientBoostingClassifier(**settings).fit(rows, np.arange(60) % 2)
    assert "_raw_predict" in vars(model)
    assert "_raw_predict" not in ADAPTER.prepare(model).state


def test_an_ordinary_estimator_is_its_own_dict():
    model = Ridge().fit(FRAME[["a", "b"]], [1.0, 2.0, 3.0])
    prepared = ADAPTER.prepare(model)
    assert prepared.state is vars(model)
    assert prepared.notes == ()
