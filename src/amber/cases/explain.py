"""Findings in words: which method, case and row, expected and got, how far, how many. Never an input value."""

from __future__ import annotations

from collections.abc import Collection

from amber.cases.ask import Asked
from amber.cases.compare import Comparison
from amber.report import Finding
from amber.tree.evidence import Answer, Group

_FLOATS = ("FP16", "FP32", "FP64")


def drifted(answer: Answer, group: Group, found: Comparison, beyond: Collection[int], moved: str, step: str) -> Finding:
    """Return the finding for an answer of which some rows are beyond the tolerance."""
    exact = answer.labels or all(column.datatype not in _FLOATS for column in answer.columns)
    inside = found.worst in beyond or not beyond
    row = found.worst if inside else min(beyond)
    return Finding(
        code="label-flipped" if exact else "value-drifted",
        method=answer.method,
        group=group.id,
        row=row,
        expected=found.expected if inside else "the recorded answer",
        got=found.got if inside else "another",
        distance=found.distance if inside else "",
        flipped=len(beyond) if exact else 0,
        beyond=len(beyond),
        rows=group.rows,
        step=step,
        moved=moved,
    )


def whole_difference(answer: Answer, group: Group, found: Comparison, moved: str, step: str) -> Finding:
    """Return the finding for an answer of another shape or kind."""
    return Finding(
        found.whole, answer.method, group.id, None, found.expected, found.got, rows=group.rows, step=step, moved=moved
    )


def refused_differently(code: str, answer: Answer, group: Group, got: str, moved: str) -> Finding:
    """Return the finding for a refusal where there was an answer, or the other way round."""
    expected = f"a refusal ({answer.refusal})" if answer.refusal else "an answer"
    about = f" of rows of kind '{group.kind}'"
    return Finding(code, answer.method, group.id, None, expected + about, got, rows=group.rows, moved=moved)


def raised(answer: Answer, group: Group, got: Asked, moved: str) -> Finding:
    """Return the finding for a method that no longer works on ordinary rows."""
    said = f"{got.refusal}: {got.message}" if got.message else got.refusal
    return Finding("raised", answer.method, group.id, None, "an answer", said, rows=group.rows, moved=moved)
