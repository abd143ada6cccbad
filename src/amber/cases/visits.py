"""Which part of a fitted model sees which table: followed through pipelines, column transformers and ensembles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from amber.cases.anatomy import attribute, inner_transformers, is_pipeline, passes_on
from amber.cases.steps import selected

_MAX_DEPTH = 8
_MAX_PARTS = 512


def visits(model: Any, X: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (part, the table it is asked with) for the parts whose input is known; what raises is left out."""
    for count, visit in enumerate(_visits(model, X, 0)):
        if count >= _MAX_PARTS:
            return
        yield visit


def _visits(part: Any, X: Any, depth: int) -> Iterator[tuple[Any, Any]]:
    if depth > _MAX_DEPTH or passes_on(part):
        return
    best = attribute(part, "best_estimator_")
    if best is not None:
        yield from _visits(best, X, depth + 1)
        return
    if is_pipeline(part):
        for position, (_, step) in enumerate(part.steps):
            yield from _visits(step, X, depth + 1)
            if position < len(part.steps) - 1 and not passes_on(step):
                X = _asked(step, X)
                if X is None:
                    return
        return
    inner = inner_transformers(part)
    if inner is not None:
        for _, one, columns in inner:
            yield from _visits(one, _columns(X, columns), depth + 1)
        return
    yield part, X
    yield from _inside(part, X, depth + 1)


def _inside(part: Any, X: Any, depth: int) -> Iterator[tuple[Any, Any]]:
    """The estimators of an ensemble, each with the columns it is given."""
    for one in attribute(part, "calibrated_classifiers_") or []:
        yield from _visits(attribute(one, "estimator"), X, depth)
        yield from _calibrators(one, X)
    fitted = attribute(part, "estimators_")
    fitted = fitted.ravel().tolist() if isinstance(fitted, np.ndarray) else fitted
    features = attribute(part, "estimators_features_")
    for position, one in enumerate(fitted if isinstance(fitted, list) else []):
        own = features[position] if isinstance(features, list) and position < len(features) else None
        yield from _visits(one, X if own is None else _columns(X, own), depth)
    final = attribute(part, "final_estimator_")
    if final is not None:
        yield from _visits(final, _asked(part, X), depth)
    single = attribute(part, "estimator_")
    if single is not None and attribute(single, "n_features_in_") == attribute(part, "n_features_in_"):
        yield from _visits(single, X, depth)


def _calibrators(one: Any, X: Any) -> Iterator[tuple[Any, Any]]:
    estimator, own = attribute(one, "estimator"), attribute(one, "calibrators")
    for method in ("decision_function", "predict_proba"):
        try:
            scores = getattr(estimator, method)(X)
        except Exception:  # noqa: S112 - a classifier has one of the two
            continue
        scores = scores.reshape(len(scores), -1)
        scores = scores[:, 1:] if scores.shape[1] == 2 else scores
        yield from zip(own or [], scores.T, strict=False)
        return


def _columns(X: Any, columns: Any) -> Any:
    if X is None or columns is None:
        return X
    try:
        return selected(X, columns)
    except Exception:
        return None


def _asked(step: Any, X: Any) -> Any:
    try:
        return None if X is None else step.transform(X)
    except Exception:
        return None
