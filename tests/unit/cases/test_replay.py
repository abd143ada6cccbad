"""Verdicts: what counts as the same, what is said where it is not, and what is never said."""

from __future__ import annotations

import copy
import time
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from amber.cases.record import record
from amber.cases.replay import Replayed, replay
from amber.tree.evidence import Column, Evidence, Group
from tests.unit.cases.models import fitted, wine


class Wrapped(BaseEstimator):
    """A fitted model of which some answers are changed."""

    def __init__(self, model: Any, change: Any, method: str = "predict_proba") -> None:
        self.model = model
        self.change = change
        self.method = method

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("model", "change", "method"):
            raise AttributeError(name)
        own = getattr(self.model, name)
        if name != self.method:
            return own
        return lambda X: self.change(own(X))


def evidence_of(name: str) -> Evidence:
    model, X = fitted(name)
    return record(copy.deepcopy(model), X).evidence


def changed(name: str, change: Any, method: str = "predict_proba", **options: Any) -> Replayed:
    return replay(Wrapped(fitted(name)[0], change, method), evidence_of(name), one_thread=True, **options)


def test_equal_bits_are_identical_and_rounding_is_equivalent() -> None:
    assert changed("logistic", lambda p: p).verdict == "identical"
    assert changed("logistic", lambda p: p * (1 + 1e-12)).verdict == "equivalent"
    assert changed("logistic", lambda p: np.negative(np.negative(p))).verdict == "identical"


def test_beyond_the_tolerance_is_drift_and_is_explained() -> None:
    result = changed("logistic", lambda p: p * (1 + 1e-6), moved="numpy 1.26 -> 2.4")
    assert result.verdict == "drifted"
    finding = result.findings[0]
    assert (finding.code, finding.method, finding.group) == ("value-drifted", "predict_proba", "g000")
    assert "1.0e-06 relative" in finding.distance
    assert "ulp" in finding.distance
    assert finding.moved == "numpy 1.26 -> 2.4"
    assert finding.row is not None
    assert "numpy 1.26" in str(finding)


def test_the_caller_may_tighten_and_not_loosen() -> None:
    assert changed("logistic", lambda p: p * (1 + 1e-12), tolerance=(1e-14, 0.0)).verdict == "drifted"
    assert changed("logistic", lambda p: p * (1 + 1e-6), tolerance=(1.0, 1.0)).verdict == "drifted"


def test_flipped_labels_are_counted() -> None:
    result = changed("logistic", lambda y: (y + 1) % 3, "predict")
    finding = result.findings[0]
    assert finding.code == "label-flipped"
    assert finding.flipped == finding.rows == evidence_of("logistic").groups[0].rows
    assert {finding.expected, finding.got} <= {"0", "1", "2"}


def test_another_dtype_of_the_same_values_is_equivalent() -> None:
    assert changed("logistic", lambda y: y.astype(np.int32), "predict").verdict == "equivalent"
    assert changed("logistic", lambda y: y.astype(str), "predict").findings[0].code == "dtype-changed"
    assert changed("logistic", lambda p: p.astype(np.float32)).verdict == "drifted"


def test_another_shape_is_drift() -> None:
    result = changed("logistic", lambda p: p[:, :2])
    assert result.findings[0].code == "shape-changed"
    assert "[" in result.findings[0].expected
    assert changed("logistic", lambda p: p.tolist()).findings[0].code == "shape-changed"


def test_nan_and_infinity_are_not_numbers_within_a_tolerance() -> None:
    for value in (np.nan, np.inf):
        assert changed("logistic", lambda p, value=value: np.where(p > 0.99, value, p)).verdict == "drifted"


def test_an_exception_on_ordinary_rows_is_broken() -> None:
    def fail(_: Any) -> Any:
        raise TypeError("unexpected keyword 'sample_weight'")

    result = changed("logistic", fail)
    assert (result.verdict, result.reason) == ("broken", "raised")
    assert "TypeError: unexpected keyword" in result.findings[0].got


def test_a_method_that_is_gone_is_broken() -> None:
    class Less:
        predict = fitted("logistic")[0].predict

    result = replay(Less(), evidence_of("logistic"))
    assert result.verdict == "broken"
    assert "AttributeError" in result.findings[0].got


def test_refusing_otherwise_is_drift() -> None:
    class Stricter(BaseEstimator):
        model = fitted("logistic")[0]

        def __getattr__(self, name: str) -> Any:
            own = getattr(self.model, name)

            def ask(X: Any) -> Any:
                if np.abs(np.asarray(X, dtype=float)).max(initial=0) > 1e10:
                    raise ValueError("too large")
                return own(X)

            return ask

    assert replay(Stricter(), evidence_of("logistic")).findings[0].code == "refused"

    class Milder(Stricter):
        def __getattr__(self, name: str) -> Any:
            own = getattr(self.model, name)
            return lambda X: own(np.nan_to_num(np.asarray(X, dtype=float)))

    result = replay(Milder(), evidence_of("logistic"))
    assert result.verdict == "drifted"
    assert "answered" in [finding.code for finding in result.findings]


def test_another_exception_for_the_same_refusal_is_the_same() -> None:
    class Other(BaseEstimator):
        model = fitted("logistic")[0]

        def __getattr__(self, name: str) -> Any:
            own = getattr(self.model, name)

            def ask(X: Any) -> Any:
                try:
                    return own(X)
                except ValueError as error:
                    raise RuntimeError("worded anew") from error

            return ask

    assert replay(Other(), evidence_of("logistic"), one_thread=True).verdict == "identical"


def test_the_first_step_that_differs_is_named() -> None:
    model = copy.deepcopy(fitted("mixed-logistic")[0])
    scaler = model.steps[0][1].transformers_[0][1].steps[1][1]
    scaler.mean_ = scaler.mean_ + 0.1
    result = replay(model, evidence_of("mixed-logistic"))
    assert result.findings[0].step == "steps[0].transformers[0].steps[1] (StandardScaler)"
    model = copy.deepcopy(fitted("mixed-logistic")[0])
    model.steps[-1][1].coef_ = model.steps[-1][1].coef_ * 1.01
    assert replay(model, evidence_of("mixed-logistic")).findings[0].step == "steps[1] (LogisticRegression)"


def test_a_step_that_moves_without_moving_an_answer_is_drift() -> None:
    model = copy.deepcopy(fitted("neighbours")[0])
    model.steps[0][1].scale_ = model.steps[0][1].scale_ * 1.001  # all distances alike: the votes stay
    result = replay(model, evidence_of("neighbours"))
    assert result.verdict == "drifted"
    assert "step-drifted" in [finding.code for finding in result.findings]


def test_swapped_categories_are_drift() -> None:
    model = copy.deepcopy(fitted("mixed-logistic")[0])
    encoder = model.steps[0][1].transformers_[1][1]
    encoder.categories_[0] = encoder.categories_[0][::-1]
    assert replay(model, evidence_of("mixed-logistic")).verdict == "drifted"


def test_a_finding_never_holds_an_input_value() -> None:
    table = fitted("mixed-logistic")[1]
    model = copy.deepcopy(fitted("mixed-logistic")[0])
    model.steps[-1][1].coef_ = model.steps[-1][1].coef_[:, ::-1]
    result = replay(model, evidence_of("mixed-logistic"))
    said = " ".join(map(str, result.findings))
    assert result.findings
    assert all(repr(value) not in said for value in table.income.dropna().tolist())
    assert not any(city in said for city in ("Oslo", "Lima", "Rome"))


def test_knife_edge_rows_are_excused_and_counted() -> None:
    evidence = evidence_of("logistic")
    first = evidence.groups[0]
    first.answers[0].knife_edge = [3]

    def flip(y: Any) -> Any:
        y = y.copy()
        if len(y) == first.rows:
            y[3] = (y[3] + 1) % 3
        return y

    result = replay(Wrapped(fitted("logistic")[0], flip, "predict"), evidence, one_thread=True)
    assert (result.verdict, result.knife_edge, result.findings) == ("equivalent", 1, ())
    first.answers[0].knife_edge = [4]
    result = replay(Wrapped(fitted("logistic")[0], flip, "predict"), evidence, one_thread=True)
    assert result.verdict == "drifted"
    assert result.findings[0].row == 3


def test_an_extreme_row_does_not_loosen_the_rule_for_ordinary_ones() -> None:
    assert any(group.kind == "extreme" for group in evidence_of("ridge").groups)
    assert changed("ridge", lambda y: y + 1e-3, "predict").verdict == "drifted"


def test_no_time_left_is_unchecked() -> None:
    evidence = evidence_of("logistic")
    result = replay(fitted("logistic")[0], evidence, deadline=time.monotonic() - 1)
    assert (result.verdict, result.reason, result.rows) == ("unchecked", "budget", 0)
    assert replay(fitted("logistic")[0], evidence, deadline=time.monotonic() + 1e6).verdict == "identical"


def test_nothing_recorded_is_unchecked() -> None:
    empty = Evidence([], "synthetic", 0, 0, 0, False)
    assert replay(fitted("logistic")[0], empty).reason == "no-cases"


def test_cases_that_cannot_be_read_are_broken_not_an_exception() -> None:
    evidence = evidence_of("logistic")
    bad = Column("X", "FP64", (2, 2), b"\0" * 3)
    evidence.groups.append(Group("g900", "sample", "array", 2, [bad], evidence.groups[0].answers))
    result = replay(fitted("logistic")[0], evidence, one_thread=True)
    assert (result.verdict, result.reason) == ("broken", "cases-size")


def test_hostile_recorded_answers_are_broken_not_an_exception() -> None:
    for position in range(4):
        evidence = evidence_of("svd" if position > 1 else "counts")
        answer = evidence.groups[0].answers[0]
        column = answer.columns[0]
        if position % 2:
            column.data = bytes(column.data)[:-1]
        else:
            column.parameters = {"amber.items": "cell"}
        result = replay(fitted("svd" if position > 1 else "counts")[0], evidence, one_thread=True)
        assert result.verdict in ("broken", "drifted")


def test_warnings_of_the_model_pass_and_the_global_stream_stays() -> None:
    def warn(p: Any) -> Any:
        warnings.warn("deprecated", FutureWarning, stacklevel=2)
        np.random.random()
        return p

    np.random.seed(3)
    expected = np.random.random()
    evidence = evidence_of("logistic")
    np.random.seed(3)
    with pytest.warns(FutureWarning):
        replay(Wrapped(fitted("logistic")[0], warn), evidence)
    assert np.random.random() == expected


def test_what_cannot_repeat_is_not_compared() -> None:
    from sklearn.dummy import DummyClassifier

    X, y = wine()
    model = DummyClassifier(strategy="stratified").fit(X, y)
    result = replay(model, record(copy.deepcopy(model), X).evidence)
    assert (result.verdict, result.reason) == ("unchecked", "no-cases")
