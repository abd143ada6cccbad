"""Closed rules that might leave the rows outside on which a program differs from its original, most harmless first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from amber.tree.evidence import CLEAN_KINDS, Evidence

if TYPE_CHECKING:
    from amber.programs.plan import Plan, Rule


def candidates(
    plan: Plan, evidence: Evidence, decoded: Mapping[str, Any], worst: set[tuple[str, int]]
) -> Iterator[Rule]:
    """Yield rules, each about a kind of value and never about a row.

    Args:
        plan: Of the program.
        evidence: The recorded cases.
        decoded: The requests by group.
        worst: Group and row of every answer that differs.
    """
    from amber.programs.plan import Rule

    kinds = {group.kind for group in evidence.groups if group.id in {each for each, _ in worst}}
    coded = [each.column for each in plan.codes]
    columns = [*plan.numbers, *coded]
    if "missing" in kinds and columns:
        yield Rule(rule="not-missing", columns=columns)
    if "unseen" in kinds and coded:
        yield Rule(rule="categories-known", columns=coded)
    if plan.texts:
        texts = [each.column for each in plan.texts if each.column >= 0]
        yield Rule(rule="ascii", columns=texts)
        yield Rule(rule="max-length", columns=texts, high="4096.0")
    if kinds & {"extreme", "infinite", "threshold"} and plan.numbers:
        bound = _bound(evidence, decoded)
        if bound:
            yield Rule(rule="range", columns=plan.numbers, low=repr(-bound), high=repr(bound))


def _bound(evidence: Evidence, decoded: Mapping[str, Any]) -> float:
    """Return a power of ten a thousand times beyond every ordinary value; 0.0 where there is none."""
    import numpy as np

    largest = 0.0
    for group in evidence.groups:
        if group.kind in CLEAN_KINDS:
            for column in group.inputs:
                if column.datatype in ("FP64", "FP32", "INT64", "INT32"):
                    kind = {"FP64": "<f8", "FP32": "<f4", "INT64": "<i8", "INT32": "<i4"}[column.datatype]
                    values = np.abs(np.frombuffer(column.data, kind).astype(np.float64))
                    largest = max(largest, float(values[np.isfinite(values)].max(initial=0.0)))
    return float(10.0 ** (math.ceil(math.log10(largest)) + 3)) if largest else 0.0
