"""One call of one method: an answer as columns, or a refusal. The closed list of methods is here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from amber.cases import tables
from amber.cases.cells import Unsupported
from amber.tree.evidence import Answer, Column

# Pure functions of X. Left out: fit_* and score (need more than X), sample and gibbs (random by purpose), staged_*
# (generators), decision_path and kneighbors_graph (say the same as apply and kneighbors at many times the size).
METHODS = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "predict_joint_log_proba",
    "decision_function",
    "score_samples",
    "transform",
    "inverse_transform",
    "apply",
    "kneighbors",
    "radius_neighbors",
    "mahalanobis",
)
# Recorded on what `transform` answered for the same rows, not on the rows themselves.
INVERSE = "inverse_transform"
# Say little that another method does not say: asked on ordinary rows only.
DERIVED = frozenset(
    ["predict_log_proba", "predict_joint_log_proba", "apply", "inverse_transform", "mahalanobis", "radius_neighbors"]
)
# Scores from which `predict` takes its label, best first.
SCORES = ("decision_function", "predict_proba")


@dataclass(slots=True)
class Asked:
    """What one call gave: a table, or the class and text of the exception."""

    table: tables.Table | None = None
    refusal: str = ""
    message: str = ""
    unsupported: str = ""
    value: Any = field(default=None, repr=False)


def available(model: Any) -> list[str]:
    """Return the methods of the closed list that a fitted model has, in the list's order."""
    found = []
    for method in METHODS:
        try:
            has = callable(getattr(model, method, None))
        except Exception:  # noqa: S112 - a property that raises is a method the model does not have
            continue
        if has:
            found.append(method)
    return found


def ask(model: Any, method: str, X: Any) -> Asked:
    """Call one method on `X`; whatever it raises is a refusal, never an exception of this function."""
    try:
        value = getattr(model, method)(X)
    except Exception as error:
        return Asked(refusal=_class_name(error), message=str(error)[:500])
    try:
        return Asked(table=tables.encode(value, method), value=value)
    except Unsupported as error:
        return Asked(unsupported=str(error))
    except Exception as error:
        return Asked(unsupported=f"{type(error).__name__} while its answer was read")


def _class_name(error: Exception) -> str:
    name = type(error).__name__
    return name if name.isascii() and len(name) <= 128 else "Exception"


def answer_of(model: Any, method: str, asked: Asked) -> Answer:
    """Return the recorded form of a call that gave a table or a refusal."""
    if asked.table is None:
        return Answer(method, refusal=asked.refusal)
    labels = method == "predict" and _has_classes(model)
    return Answer(method, layout=asked.table.layout, columns=asked.table.columns, labels=labels)


def _has_classes(model: Any) -> bool:
    try:
        return getattr(model, "classes_", None) is not None
    except Exception:
        return False


def same_bits(left: list[Column], right: list[Column]) -> bool:
    """Whether two lists of columns are equal in names, dtypes, shapes and every bit."""
    return len(left) == len(right) and all(
        a.name == b.name
        and a.datatype == b.datatype
        and a.shape == b.shape
        and a.parameters == b.parameters
        and bytes(a.data) == bytes(b.data)
        for a, b in zip(left, right, strict=True)
    )
