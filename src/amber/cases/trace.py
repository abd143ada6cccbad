"""Which inner step is the first whose output is no longer what was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from amber.cases import tables
from amber.cases.anatomy import chain_of
from amber.cases.compare import Comparison, compare, scales_of
from amber.cases.steps import single_precision, step_outputs
from amber.tree.evidence import Answer, Group, StepOutput


class FirstStep:
    """Finds the first differing step of a model, once for each group that has recorded steps."""

    def __init__(self, model: Any, groups: Sequence[Group]) -> None:
        self.model = model
        self.groups = groups
        self.traced = next((group for group in groups if group.steps), None)
        self.known: dict[str, str] = {}

    def of(self, group: Group) -> str:
        """Return the path and class of the step; the last part where all inner steps agree; empty if not recorded."""
        source = group if group.steps else self.traced
        if source is None:
            return ""
        if source.id not in self.known:
            try:
                self.known[source.id] = self._find(source)
            except Exception:
                self.known[source.id] = ""
        return self.known[source.id]

    def drifted(self) -> tuple[str, str, str, str] | None:
        """Return (group, step, expected, got) of the first step that is plainly another one, None where all agree.

        Labels and votes can stay the same on every recorded row although a step before them has moved. Steps are
        compared by the line of float32, so that no step is blamed for rounding.
        """
        for group in self.groups:
            if group.steps:
                found = self._drifted(group)
                if found is not None:
                    return found
        return None

    def _drifted(self, group: Group) -> tuple[str, str, str, str] | None:
        try:
            X = tables.decode(group.layout, group.inputs)
            now = {step.path: step for step in step_outputs(chain_of(self.model), X)}
        except Exception:
            return None
        for step in group.steps:
            got = now.get(step.path)
            if got is None:
                continue
            found = _compared(step, got, min(16, group.rows), single=True)
            if found.whole or bool(np.any(found.ratio > 1)):
                return group.id, self._named(step.path), found.expected, found.got
        return None

    def _find(self, group: Group) -> str:
        chain = chain_of(self.model)
        X = tables.decode(group.layout, group.inputs)
        now = {step.path: step for step in step_outputs(chain, X)}
        single = single_precision(chain, X)
        for step in group.steps:
            got = now.get(step.path)
            if got is None:
                return f"{step.path} (gives no output)"
            found = _compared(step, got, min(16, group.rows), single=single)
            if found.whole or bool(np.any(found.ratio > 1)):
                return self._named(step.path)
        return self._named(chain.path)

    def _named(self, path: str) -> str:
        """The path with the class that stands there, as far as it can be followed."""
        part: Any = self.model
        for token in path.replace("]", "").split("."):
            name, _, position = token.partition("[")
            part = getattr(part, name if name != "transformers" else "transformers_", None)
            if position and isinstance(part, list) and int(position) < len(part):
                part = part[int(position)][1]
        return f"{path} ({type(part).__name__})" if part is not None and path else path


def _compared(step: StepOutput, got: StepOutput, number: int, *, single: bool) -> Comparison:
    expected = Answer("step", step.layout, step.columns, single=single)
    return compare(expected, tables.Table(got.layout, got.columns, number), number, scales_of([expected]))
