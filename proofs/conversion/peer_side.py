"""skl2onnx used as its documentation shows, in float32 and in float64, by the line of its own kind: 1e-4 and 1e-6 s."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from proofs.conversion.judging import PEER, compare, labelled, largest
from proofs.conversion.rows import tables
from proofs.conversion.subjects import Subject

PATIENCE = 10  # seconds for one conversion
METHODS = ("predict", "predict_proba", "decision_function", "transform", "score_samples")
_SCORED = frozenset(["GaussianMixture", "BayesianGaussianMixture", "IsolationForest", "LocalOutlierFactor"])


@contextmanager
def _in_time() -> Iterator[None]:
    def over(*_: Any) -> None:
        raise TimeoutError(f"not within {PATIENCE} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


class Converted:
    """A session, and which of its outputs answers a method."""

    def __init__(self, model: Any, sample: Any, precision: str, options: dict[str, Any]) -> None:
        import onnxruntime as ort
        from skl2onnx import convert_sklearn

        self.float: Any = np.float32 if precision == "float32" else np.float64
        given = {id(model): options} if options else None
        proto = convert_sklearn(
            model, initial_types=self._kinds(sample), options=given, target_opset={"": 18, "ai.onnx.ml": 3}
        )
        settings = ort.SessionOptions()
        settings.intra_op_num_threads = settings.inter_op_num_threads = 1
        settings.log_severity_level = 4
        self.session = ort.InferenceSession(proto.SerializeToString(), settings, providers=["CPUExecutionProvider"])

    def _kinds(self, sample: Any) -> Any:
        from skl2onnx.common.data_types import DictionaryType, DoubleTensorType, FloatTensorType, StringTensorType

        number = FloatTensorType if self.float is np.float32 else DoubleTensorType
        if hasattr(sample, "iloc"):
            return [(name, (number if sample[name].dtype.kind == "f" else StringTensorType)([None, 1]))
                    for name in sample]  # fmt: skip
        if isinstance(sample, list):
            if isinstance(sample[0], dict):
                return [("X", DictionaryType(StringTensorType([1]), number([1])))]
            return [("X", StringTensorType([None, 1]))]
        shape = [None, sample.shape[1]] if sample.ndim == 2 else [None]
        return [("X", (number if sample.dtype.kind == "f" else StringTensorType)(shape))]

    def __call__(self, rows: Any) -> list[Any]:
        if hasattr(rows, "iloc"):
            feeds = {name: rows[name].to_numpy(dtype=self.float if rows[name].dtype.kind == "f" else object)
                     .reshape(-1, 1) for name in rows}  # fmt: skip
        elif isinstance(rows, list):
            feeds = {"X": rows if isinstance(rows[0], dict) else np.array(rows, dtype=object).reshape(-1, 1)}
        else:
            feeds = {"X": rows.astype(self.float) if rows.dtype.kind == "f" else rows.astype(object)}
        found: list[Any] = self.session.run(None, feeds)
        return found


def measured(subjects: list[Subject]) -> dict[str, Any]:
    """Return the better of the two precisions: {precision, equivalent, why, methods}."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = [_in_precision(subjects, precision) for precision in ("float32", "float64")]
    return min(found, key=lambda one: len(one["failures"]))


def _in_precision(subjects: list[Subject], precision: str) -> dict[str, Any]:
    failures: list[str] = []
    for subject in subjects:
        methods = [name for name in METHODS if callable(getattr(subject.model, name, None))]
        known: dict[str, Any] = {}
        for method in methods:
            said = _method(subject, method, precision, known)
            if said:
                failures.append(f"{subject.variant} {method}: {said}")
    return {"precision": precision, "failures": failures}


def _options(model: Any, method: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if hasattr(model, "classes_") and hasattr(model, "predict_proba") and hasattr(model, "predict"):
        found["zipmap"] = False
    if method == "decision_function" and hasattr(model, "classes_"):
        found["raw_scores"] = True
    if method == "score_samples" and type(model).__name__ in _SCORED:
        found["score_samples"] = True
    return found


def _converted(subject: Subject, method: str, precision: str, known: dict[str, Any]) -> Any:
    options = _options(subject.model, method)
    key = str(options)
    if key not in known:
        try:
            with _in_time():
                try:
                    known[key] = Converted(subject.model, subject.sample, precision, options)
                except NameError:  # a class without these options
                    known[key] = Converted(subject.model, subject.sample, precision, {})
        except TimeoutError as error:
            known[key] = f"does not convert: {error}"
        except Exception as error:
            known[key] = f"does not convert or load ({type(error).__name__})"
    return known[key]


def _method(subject: Subject, method: str, precision: str, known: dict[str, Any]) -> str:
    converted = _converted(subject, method, precision, known)
    if isinstance(converted, str):
        return converted
    place, scale = _place(subject.model, method), 0.0
    for name, rows in tables(subject).items():
        try:
            mine = getattr(subject.model, method)(rows)
        except Exception:
            continue  # what the original refuses is not held against it
        scale = max(scale, largest(mine)) if name == "clean" else scale
        try:
            outputs = converted(rows)
        except Exception as error:
            return f"fails on {name} rows ({type(error).__name__})"
        if place >= len(outputs):
            return "has no output"
        seen = compare(mine, _formed(mine, outputs[place]), PEER, labelled(subject.model, method), scale, False)
        if seen.said:
            return f"{name}: {seen.said}"
        if seen.beyond:
            return f"{name}: {len(seen.beyond)} of {seen.rows} rows differ"
    return ""


def _place(model: Any, method: str) -> int:
    if method == "predict":
        return 0
    if method == "transform":
        return 1 if hasattr(model, "predict") and hasattr(model, "cluster_centers_") else 0
    if method == "score_samples":
        return 2 if type(model).__name__ in _SCORED else 0
    return 1


def _formed(mine: Any, theirs: Any) -> Any:
    """The same numbers in the original's form: a margin of two columns for one, a column for a row of scores."""
    if isinstance(theirs, list) and theirs and isinstance(theirs[0], dict):
        theirs = np.array([list(row.values()) for row in theirs])
    if isinstance(mine, np.ndarray) and isinstance(theirs, np.ndarray) and mine.ndim == 1 and theirs.ndim == 2:
        return theirs[:, -1]
    return theirs
