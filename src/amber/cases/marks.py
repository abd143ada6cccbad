"""Write down what the variations showed: knife-edge rows of each answer, and tolerances of badly conditioned ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from amber.cases.compare import LINES, Line
from amber.cases.knife import Edges
from amber.tree.evidence import Answer, Group


def mark_rows(group: Group, found: Edges, limits: Mapping[str, float]) -> None:
    """Mark the rows of each answer that leave the tolerance (times `limits`) when only rounding moves."""
    for answer in group.answers:
        if answer.columns:
            ratio = found.ratios.get(answer.method)
            marked = set() if ratio is None else set(np.flatnonzero(ratio > limits.get(answer.method, 1.0)).tolist())
            answer.knife_edge = sorted(marked | (found.hanging if answer.labels else set()))


def take_over(group: Group, answers: Sequence[Answer]) -> None:
    """Give a group whose rows are the first ordinary rows in another form the marks of those rows."""
    known = {answer.method: answer.knife_edge for answer in answers}
    for answer in group.answers:
        if answer.columns:
            answer.knife_edge = [row for row in known.get(answer.method, []) if row < group.rows]


def widen(groups: Sequence[Group], method: str, powers: int) -> None:
    """Set the tolerance of one method's floats to 10^powers times the table's."""
    for group in groups:
        for answer in group.answers:
            if answer.method == method and answer.columns and not answer.labels:
                line: Line = LINES["FP32" if answer.single or answer.columns[0].datatype == "FP32" else "FP64"]
                answer.relative = repr(float(f"{line.relative * 10.0**powers:.0e}"))
                answer.absolute = repr(float(f"{line.absolute * 10.0**powers:.0e}"))
