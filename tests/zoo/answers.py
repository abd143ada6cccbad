"""Ask a fitted estimator everything it can answer, and compare two sets of answers."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import numpy as np

from amber.testing.same import same
from tests.zoo.specimen import grown

METHODS: tuple[str, ...] = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "predict_joint_log_proba",
    "decision_function",
    "transform",
    "inverse_transform",
    "score_samples",
    "kneighbors",
    "kneighbors_graph",
    "radius_neighbors",
    "radius_neighbors_graph",
    "apply",
    "decision_path",
    "staged_predict",
    "staged_predict_proba",
    "staged_decision_function",
    "staged_score",
    "mahalanobis",
    "correct_covariance",
    "get_feature_names_out",
    "get_support",
    "get_covariance",
    "get_precision",
    "get_stop_words",
    "get_n_leaves",
    "get_indices",
    "perplexity",
    "aic",
    "sample",
    "sample_y",
    "score",
)
"""The methods whose answers are compared. Those that draw numbers do so from a generator at a fixed state."""

_WITHOUT_INPUTS = frozenset(
    [
        "get_feature_names_out",
        "get_support",
        "get_covariance",
        "get_precision",
        "get_stop_words",
        "get_n_leaves",
    ]
)
_WITH_TARGET = frozenset(["score", "staged_score"])


def answers(estimator: Any, inputs: Any, target: Any = None) -> dict[str, Any]:
    """Call each method in `METHODS` that the estimator has.

    A method that refuses its inputs answers with ``("refused", name of the exception)``. Each call starts
    from the same state of the process-wide generator. The inputs are copied first: distances of a table to
    itself are computed in another way than those to an equal table, and an estimator may hold its table.
    """
    inputs = copy.deepcopy(inputs)
    found: dict[str, Any] = {}
    for method in METHODS:
        if not hasattr(estimator, method):
            continue
        found[method] = _answer(estimator, method, _arguments(estimator, method, inputs, target, found))
        if method == "predict" and "return_std" in inspect.signature(estimator.predict).parameters:
            found["predict with return_std"] = _answer(estimator, method, (inputs, True))
    return found


def _arguments(estimator: Any, method: str, inputs: Any, target: Any, found: dict[str, Any]) -> tuple[Any, ...]:
    if method in _WITHOUT_INPUTS:
        return ()
    if method == "get_indices":
        return (0,)
    if method == "sample":
        return (5,)
    if method == "sample_y":
        return inputs, 2
    if method == "inverse_transform":
        return (found.get("transform", inputs),)
    if method in _WITH_TARGET:
        return (inputs,) if target is None else (inputs, target)
    return (inputs,)


def _answer(estimator: Any, method: str, arguments: tuple[Any, ...]) -> Any:
    def call() -> Any:
        with np.errstate(all="ignore"):
            answer = getattr(estimator, method)(*arguments)
            return list(answer) if inspect.isgenerator(answer) else answer

    try:
        return grown(call)
    except Exception as refusal:
        return "refused", type(refusal).__name__


def difference(expected: dict[str, Any], got: dict[str, Any]) -> str | None:
    """Return the first difference between two sets of answers as a line, or None where every bit agrees."""
    if list(expected) != list(got):
        return f"methods {list(expected)} against {list(got)}"
    for method, answer in expected.items():
        found = same(answer, got[method])
        if found is not None:
            return f"{method}: {found}"
    return None
