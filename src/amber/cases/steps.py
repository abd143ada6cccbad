"""The outputs of the inner steps of a pipeline, recorded so that a later difference can be traced to its first step."""

from __future__ import annotations

from typing import Any

import numpy as np

from amber.cases import rows, tables
from amber.cases.anatomy import Chain, attribute, inner_transformers, is_exact, is_pipeline, passes_on
from amber.tree.evidence import StepOutput

MAX_ROWS = 16
MAX_STEPS = 64


def step_outputs(chain: Chain, X: Any) -> list[StepOutput]:
    """Return what each inner step answers on the first 16 rows of `X`, in the order of computation.

    A step that raises, or whose output cannot be written as data, ends its branch; nothing is raised.
    """
    found: list[StepOutput] = []
    X = rows.take(X, range(min(MAX_ROWS, rows.count(X))))
    for stage in chain.stages:
        try:
            X = _through(stage.path, stage.step, X, found)
        except Exception:
            break
    return found[:MAX_STEPS]


def single_precision(chain: Chain, X: Any) -> bool:
    """Whether anything on the way through the model is computed in float32 or float16: tables, or what was fitted."""
    X = rows.take(X, range(min(2, rows.count(X))))
    if _is_single(X):
        return True
    for stage in chain.stages:
        try:
            X = stage.step.transform(X)
        except Exception:
            return False
        if _is_single(X):
            return True
    fitted = getattr(chain.last, "__dict__", {}).values()
    return any(isinstance(value, np.ndarray) and _is_single(value) for value in fitted)


def _is_single(X: Any) -> bool:
    if rows.form(X) == "frame":
        dtypes = [str(dtype).lower() for dtype in X.dtypes]
        return "float32" in dtypes or "float16" in dtypes
    return getattr(X, "dtype", None) in (np.float32, np.float16)


def _through(path: str, step: Any, X: Any, found: list[StepOutput]) -> Any:
    """Transform `X`, and note the outputs of what the step is made of before its own."""
    if is_pipeline(step):
        inner = X
        for position, (_, one) in enumerate(step.steps):
            if not passes_on(one):
                inner = _through(f"{path}.steps[{position}]", one, inner, found)
        return inner
    for name, part, columns in inner_transformers(step) or []:
        if passes_on(part):
            continue
        try:
            _through(f"{path}.{name}", part, X if columns is None else selected(X, columns), found)
        except Exception:  # noqa: S112 - the part is seen again in the output of the whole step
            continue
    out = step.transform(X)
    table = tables.encode(out, "step")
    found.append(StepOutput(path, table.layout, table.columns))
    return out


def selected(X: Any, columns: Any) -> Any:
    """Return the columns that a column transformer gives to one of its parts."""
    if rows.form(X) == "frame":
        if isinstance(columns, str) or _names(columns):
            return X.loc[:, columns]
        return X.iloc[:, columns]
    return X[:, columns]


def _names(columns: Any) -> bool:
    if isinstance(columns, slice):
        return isinstance(columns.start, str) or isinstance(columns.stop, str)
    chosen = np.asarray(columns, dtype=object).ravel().tolist() if not isinstance(columns, list) else columns
    return bool(chosen) and all(isinstance(one, str) for one in chosen)


def inexact_columns(step: Any, width: int) -> Any:
    """Return which output columns of a stage may differ between kernels: all, but for exact parts of a known layout."""
    mask = np.ones(width, bool)
    places = attribute(step, "output_indices_")
    fitted = attribute(step, "transformers_")
    if isinstance(places, dict) and isinstance(fitted, list):
        for name, part, _ in fitted:
            place = places.get(name)
            if isinstance(place, slice) and is_exact(part):
                mask[place] = False
    return mask
