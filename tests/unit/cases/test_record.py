"""What is recorded: groups, refusals, budget, privacy, determinism, and that the caller is left undisturbed."""

from __future__ import annotations

import copy
import hashlib
import os
import random
import subprocess
import sys
import warnings
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.cluster import DBSCAN
from sklearn.dummy import DummyClassifier
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from amber.archive.cases import encode_group
from amber.cases import tables
from amber.cases.record import KIB, Recorded, record
from amber.errors import UsageError
from amber.tree.evidence import Group
from tests.unit.cases.models import NO_METHOD, fitted, people, wine


def kinds(found: Recorded) -> list[str]:
    return [group.kind for group in found.evidence.groups]


def of_kind(found: Recorded, kind: str) -> list[Group]:
    return [group for group in found.evidence.groups if group.kind == kind]


def bytes_of(found: Recorded) -> bytes:
    parts = [encode_group(group) for group in found.evidence.groups]
    return b"".join(text + b"".join(bytes(b) for b in buffers) for text, buffers in parts)


def again(name: str, **options: Any) -> Recorded:
    model, X = fitted(name)
    return record(copy.deepcopy(model), options.pop("sample", X), **options)


def test_groups_of_a_mixed_pipeline() -> None:
    found = again("mixed-logistic")
    assert kinds(found)[0] == "sample"
    for kind in ("single", "missing", "unseen", "empty", "extreme", "infinite", "column-order", "no-rows", "dtype"):
        assert kind in kinds(found)
    assert [group.id for group in found.evidence.groups] == [f"g{n:03d}" for n in range(len(kinds(found)))]
    first = found.evidence.groups[0]
    assert [answer.method for answer in first.answers] == [
        "predict", "predict_proba", "predict_log_proba", "decision_function",
    ]  # fmt: skip
    assert first.answers[0].labels
    assert [step.path for step in first.steps] == [
        "steps[0].transformers[0].steps[0]",
        "steps[0].transformers[0].steps[1]",
        "steps[0].transformers[1]",
        "steps[0]",
    ]
    assert all(answer.refusal == "ValueError" for answer in of_kind(found, "no-rows")[0].answers)
    assert found.batching["predict"] == {"original": "exact"}
    assert found.methods == sorted(found.methods)


def test_rows_that_are_refused_are_parted_from_those_that_are_answered() -> None:
    found = again("scaled-tree", sample=fitted("scaled-tree")[1])
    extreme = of_kind(found, "extreme")
    assert [group.rows for group in extreme] == [4, 1, 1]
    assert [bool(group.answers[0].refusal) for group in extreme] == [False, True, True]


def test_rows_of_the_sample_that_are_refused_are_left_out() -> None:
    model = IsotonicRegression(out_of_bounds="raise").fit([1.0, 2, 3], [1.0, 2, 4])
    found = record(model, np.array([1.5, 2.5, 9.0]))
    assert found.evidence.groups[0].rows == 2
    assert "1 rows of the sample are refused and left out" in found.notes


def test_every_class_and_category_of_a_large_sample_is_met() -> None:
    X = np.random.RandomState(0).standard_normal((5000, 3))
    X[4321] = [50.0, 0.0, 0.0]
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    frame["kind"] = np.where(np.arange(5000) == 4000, "rare", "usual")
    y = (X[:, 0] > 40).astype(int) * 7
    model = LogisticRegression().fit(X, y)
    found = record(model, X)
    rows = tables.decode(found.evidence.groups[0].layout, found.evidence.groups[0].inputs)
    assert 50.0 in rows[:, 0]
    assert found.evidence.groups[0].rows == 256
    table = record(FunctionTransformer().fit(frame), frame).evidence.groups[0]
    assert "rare" in tables.decode(table.layout, table.inputs)["kind"].tolist()


def test_the_budget_holds_and_says_what_was_dropped() -> None:
    X = np.random.RandomState(0).standard_normal((300, 400))
    model = StandardScaler().fit(X)
    found = record(model, X)
    assert len(bytes_of(found)) <= 256 * KIB
    assert found.evidence.dropped > 0
    larger = record(model, X, model_bytes=40_000 * KIB)
    assert larger.evidence.rows > found.evidence.rows
    assert len(bytes_of(larger)) <= 4000 * KIB


def test_one_group_stands_whatever_it_takes() -> None:
    frame = pd.DataFrame(np.ones((3, 3000)), columns=[f"column number {n}" for n in range(3000)])
    found = record(StandardScaler().fit(frame), frame)
    assert kinds(found) == ["sample"]
    assert found.evidence.rows == 1


def test_a_method_that_draws_is_not_compared() -> None:
    X, y = wine()
    found = record(DummyClassifier(strategy="stratified").fit(X, y), X)
    answers = {answer.method: answer for answer in found.evidence.groups[0].answers}
    assert not answers["predict"].repeatable
    assert not answers["predict"].columns
    assert any("not repeatable" in note for note in found.notes)


def test_a_method_that_looks_at_the_other_rows_has_no_batching() -> None:
    X = wine()[0]
    found = record(FunctionTransformer(_centred).fit(X), X)
    assert found.batching == {"transform": {"original": "none"}}
    assert found.evidence.groups[0].knife_edge == []


def _centred(X: Any) -> Any:
    return X - X[:1]


@pytest.mark.parametrize("model", [NO_METHOD[0]().fit(NO_METHOD[1]()), object(), {"a": 1}, 3])
def test_no_method_no_cases(model: Any) -> None:
    found = record(model, wine()[0])
    assert found.evidence.groups == []
    assert any("no cases" in note for note in found.notes)


class Broken(BaseEstimator):
    """Raises whatever it is asked."""

    n_features_in_ = 2

    def predict(self, X: Any) -> Any:
        raise KeyError("always")

    @property
    def transform(self) -> Any:
        raise RuntimeError("a property that raises")


def test_a_model_that_always_raises_is_recorded_as_refusing() -> None:
    found = record(Broken(), None)
    assert {answer.refusal for group in found.evidence.groups for answer in group.answers} == {"KeyError"}
    assert any("answered none" in note for note in found.notes)


class Odd(BaseEstimator):
    """Answers with something that is no data."""

    n_features_in_ = 2

    def predict(self, X: Any) -> Any:
        return object()

    def transform(self, X: Any) -> Any:
        return X


def test_an_answer_that_is_no_data_is_left_out_with_a_note() -> None:
    found = record(Odd(), np.ones((3, 2)))
    assert [answer.method for answer in found.evidence.groups[0].answers] == ["transform"]
    assert any(note.startswith("predict is not recorded") for note in found.notes)


@pytest.mark.parametrize(
    ("sample", "options", "code"),
    [
        (object(), {}, "sample-unsupported"),
        ("text", {}, "sample-unsupported"),
        (np.empty((0, 13)), {}, "sample-empty"),
        (np.array([[object()]]), {}, "sample-unsupported"),
        (None, {"mask": ["a"]}, "mask-unknown"),
        (people(), {"mask": ["iban"]}, "mask-unknown"),
    ],
)
def test_a_wrong_sample_is_the_callers_error(sample: Any, options: dict[str, Any], code: str) -> None:
    with pytest.raises(UsageError) as caught:
        record(FunctionTransformer().fit(np.ones((2, 2))), sample, **options)
    assert caught.value.code == code


def test_the_callers_random_streams_and_warnings_are_left_alone() -> None:
    model, X = fitted("logistic")
    dummy = DummyClassifier(strategy="stratified").fit(X, wine()[1])
    np.random.seed(5)
    random.seed(5)
    expected = (np.random.random(), random.random())
    np.random.seed(5)
    random.seed(5)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        record(copy.deepcopy(model), X)
        record(dummy, X)
    assert (np.random.random(), random.random()) == expected
    assert [str(one.message) for one in seen] == []


@pytest.mark.parametrize("sample", [pd.Series(wine()[1]), wine()[1].tolist(), tuple(wine()[1].tolist())])
def test_one_column_in_any_container(sample: Any) -> None:
    model = IsotonicRegression(out_of_bounds="clip").fit([0.0, 1, 2], [1.0, 2, 4])
    found = record(model, sample)
    assert found.evidence.groups[0].answers[0].columns


def test_training_rows() -> None:
    for name, holds in {"neighbours": True, "svc": True, "gaussian-process": True, "density": True, "novelty": True,
                        "kernel-ridge": True, "forest": False, "logistic": False, "tfidf": False}.items():  # fmt: skip
        assert again(name, sample=None).evidence.contains_training_rows is holds, name


# -- privacy ----------------------------------------------------------------------------------------------------------


def secret_table() -> Any:
    table = people().copy()
    table["iban"] = [f"NO{n:011d}" for n in range(len(table))]
    table["remark"] = [f"called twice about case {n} and left" for n in range(len(table))]
    return table


def test_masked_columns_and_free_text_are_never_stored() -> None:
    table = secret_table()
    found = record(FunctionTransformer().fit(table), table, mask=["iban", "income"])
    data = bytes_of(found)
    assert b"NO0" not in data
    assert b"about case 1" not in data
    assert all(np.float64(value).tobytes() not in data for value in table.income.dropna())
    kept = tables.decode(found.evidence.groups[0].layout, found.evidence.groups[0].inputs)
    assert set(kept.city) == {"Oslo", "Lima", "Rome"}
    shown = {one.name: one for one in found.inputs}
    assert shown["iban"].summary is None
    assert shown["income"].summary is None
    assert shown["age"].summary is not None
    assert any("stored in clear" in note for note in found.notes)


def test_synthetic_rows_are_nobodys() -> None:
    table = secret_table()
    table.loc[:2, "city"] = "Longyearbyen"
    found = record(FunctionTransformer().fit(table), table, rows="synthetic")
    data = bytes_of(found)
    assert b"Longyearbyen" not in data
    assert b"NO0" not in data
    assert all(np.float64(value).tobytes() not in data for value in table.income.dropna())
    assert found.evidence.source == "synthetic"
    assert not any("stored in clear" in note for note in found.notes)


def test_a_plain_row_index_is_not_stored_and_another_is() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0]}, index=[70_007, 70_009])
    named = pd.DataFrame({"a": [1.0, 2.0]}, index=pd.date_range("2024-01-01", periods=2))
    for table, levels in ((frame, 0), (named, 1)):
        group = record(FunctionTransformer().fit(table), table).evidence.groups[0]
        assert sum(column.parameters.get("amber.role") == "index" for column in group.inputs) == levels


# -- description ------------------------------------------------------------------------------------------------------


def test_inputs_and_outputs_are_described() -> None:
    found = again("mixed-logistic")
    age, income, city, sex = found.inputs
    assert (age.name, age.dtype, age.shape) == ("age", "int64", [-1])
    assert age.schema is not None
    assert age.schema.kinds == ["integer", "missing"]
    assert income.summary is not None
    assert income.summary.quantiles is not None
    assert len(income.summary.quantiles) == 21
    assert float(income.summary.missing) == pytest.approx(float(people().income.isna().mean()))
    assert city.summary is not None
    assert {value for value, _ in city.summary.categories or []} == {"Oslo", "Lima", "Rome"}
    assert sex.schema is not None
    assert sex.schema.categories == ["f", "m"]
    outputs = {one.method: one for one in found.outputs}
    assert outputs["predict"].tolerance is None
    assert outputs["predict_proba"].tolerance is not None
    assert outputs["predict_proba"].tolerance.relative == "1e-09"
    assert outputs["predict_proba"].classes == [0, 1]
    assert outputs["predict_proba"].shape == [-1, 2]


def test_finite_inputs_are_told() -> None:
    model, X = fitted("logistic")
    frame = pd.DataFrame(X)
    found = record(copy.deepcopy(model), frame)
    assert all(one.schema is not None and one.schema.finite for one in found.inputs)


def test_a_tolerance_of_the_callers_own() -> None:
    model, X = fitted("ridge")
    found = record(copy.deepcopy(model), X, tolerance=(1e-3, 1e-6))
    assert found.evidence.groups[0].answers[0].relative == "0.001"
    assert found.outputs[0].tolerance is not None
    assert found.outputs[0].tolerance.absolute == "1e-06"


# -- determinism ------------------------------------------------------------------------------------------------------

SCRIPT = """
import copy, hashlib, sys
from tests.unit.cases.test_record import again, bytes_of
for name in sys.argv[1:]:
    for mode in ("keep", "synthetic"):
        print(hashlib.sha256(bytes_of(again(name, rows=mode))).hexdigest())
    print(hashlib.sha256(bytes_of(again(name, sample=None))).hexdigest())
"""
REPEATED = ["mixed-boosting", "tfidf", "forest", "records", "sets"]


@cache
def here() -> list[str]:
    """What the script prints, from this process."""
    ways: list[dict[str, Any]] = [{"rows": "keep"}, {"rows": "synthetic"}, {"sample": None}]
    return [hashlib.sha256(bytes_of(again(name, **way))).hexdigest() for name in REPEATED for way in ways]


@pytest.mark.parametrize(("seed", "threads"), [("0", "1"), ("77", "2")])
def test_the_same_bytes_in_any_process(seed: str, threads: str) -> None:
    surroundings = {**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, *REPEATED],
        env=surroundings,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == here()


def test_recording_twice_gives_the_same_bytes_whatever_the_global_stream() -> None:
    np.random.seed(1)
    first = bytes_of(again("mixed-logistic"))
    np.random.seed(2)
    assert bytes_of(again("mixed-logistic")) == first


def test_dbscan_has_no_method() -> None:
    assert not hasattr(DBSCAN(), "predict")


def test_integers_of_the_sample_stay_integers() -> None:
    X = np.arange(20).reshape(10, 2)
    group = record(LinearRegression().fit(X, X[:, 0]), X).evidence.groups[0]
    assert group.inputs[0].datatype == "INT64"
