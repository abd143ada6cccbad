"""What a method answered, as named columns of a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from amber.errors import UsageError, shown

# Methods whose columns are the classes.
_BY_CLASS = ("predict_proba", "predict_log_proba", "decision_function")
Columns = dict[str, Any]  # name -> one-dimensional array


def named(method: str, answer: Any, model: Any) -> Columns:
    """Return an answer as columns with names.

    `predict` is `predict` (`predict_0`, ... for several outputs), probabilities and scores are named by class
    (`predict_proba_yes`), transformed rows by the names the model gives them.

    Raises:
        UsageError: `predict-answer`: the answer is not a table of one or two dimensions.
    """
    if hasattr(answer, "toarray") and not isinstance(answer, np.ndarray):
        answer = answer.toarray()
    if hasattr(answer, "columns") and hasattr(answer, "iloc"):
        names = [str(label) for label in answer.columns]
        return _distinct(names, [_plain(answer.iloc[:, i]) for i in range(len(names))])
    if isinstance(answer, list) and answer and all(isinstance(part, np.ndarray) and part.ndim == 2 for part in answer):
        return _several(method, answer, model)
    array = _plain(answer)
    if array.ndim == 1:
        return {method: array}
    if array.ndim == 2:
        return _distinct(_names(method, array.shape[1], model), [array[:, i] for i in range(array.shape[1])])
    raise UsageError("predict-answer", f"{method} answers {array.ndim} dimensions", hint="call it in Python")


def _plain(values: Any) -> Any:
    return values.to_numpy() if hasattr(values, "to_numpy") else np.asarray(values)


def _several(method: str, parts: list[Any], model: Any) -> Columns:
    """One table for each output: predict_proba of a model with several targets."""
    classes = getattr(model, "classes_", None)
    known = isinstance(classes, list) and len(classes) == len(parts)
    names, columns = [], []
    for output, part in enumerate(parts):
        labels = classes[output] if known and classes is not None else range(part.shape[1])
        names += [f"{method}_{output}_{_word(label)}" for label in labels]
        columns += [part[:, i] for i in range(part.shape[1])]
    return _distinct(names, columns)


def _names(method: str, width: int, model: Any) -> list[str]:
    if method in _BY_CLASS:
        classes = _attribute(model, "classes_")
        if isinstance(classes, np.ndarray) and classes.ndim == 1 and len(classes) == width:
            return [f"{method}_{_word(label)}" for label in classes]
    if method == "transform":
        try:
            names = model.get_feature_names_out()
        except Exception:  # no names is no fault: the columns are numbered
            names = ()
        if len(names) == width:
            return [str(name) for name in names]
    return [f"{method}_{i}" for i in range(width)]


def _attribute(model: Any, name: str) -> Any:
    try:
        return getattr(model, name, None)
    except Exception:  # a property of a meta-estimator whose inner model has none
        return None


def _word(label: Any) -> str:
    return shown(label.item() if isinstance(label, np.generic) else label)


def _distinct(names: list[str], columns: list[Any]) -> Columns:
    found: Columns = {}
    for name, column in zip(names, columns, strict=True):
        unique, count = name, 1
        while unique in found:
            count += 1
            unique = f"{name}_{count}"
        found[unique] = column
    return found
