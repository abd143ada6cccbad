"""A few recorded cases asked again: before a worker takes traffic, and from time to time while it does.

In: a program or a model, the recorded cases. Out: a function that gives one of the five words, and a sentence where
the answers are no longer as recorded (a changed library, driver or bit in memory).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec

from amber.cases.certify import certify
from amber.errors import AmberError
from amber.models.program import outside_of
from amber.programs.answers import classes_of
from amber.programs.program import Program
from amber.tree.evidence import CLEAN_KINDS, Evidence, Group

Word = Literal["identical", "equivalent", "drifted", "broken"]
Prober = Callable[[], "tuple[Word, str]"]
_FEW = 3  # groups
_MOST_ROWS = 256  # of a group beside the first ordinary one


_ORDER: tuple[Word, ...] = ("identical", "equivalent", "drifted", "broken")
WRONG = ("drifted", "broken")


def probed(probers: Sequence[Prober]) -> tuple[Word, str]:
    """Return the worst word of all forms, and what was said of it."""
    worst: tuple[Word, str] = ("identical", "")
    for probe in probers:
        found = probe()
        if _ORDER.index(found[0]) > _ORDER.index(worst[0]):
            worst = found
    return worst


def of_program(program: Program, evidence: Evidence, together: Sequence[str]) -> Prober:
    """Return what asks a program a few cases, the methods `together` in one run, as requests are."""
    few = _few(evidence)
    plain = program.undomained()
    asked = _Together(plain, together)
    outside = outside_of(program.plan, program.domain) if program.domain else None
    single = program.plan.precision == "float32"

    def probe() -> tuple[Word, str]:
        try:
            found = certify(asked, few, plain.methods, single=single, outside=outside)
        except AmberError as error:
            return "broken", error.message
        worse = next((each for each in found if each.verdict == "drifted"), None)
        if worse is not None:
            seen = worse.drifted[0]
            return "drifted", f"{worse.method} does not answer as certified: case {seen.group}: {seen.said}"
        same = all(each.verdict in ("identical", "not-covered") for each in found)
        return ("identical" if same else "equivalent"), ""

    return probe


def of_original(model: Any, evidence: Evidence) -> Prober:
    """Return what asks a model a few cases."""
    from amber.cases.replay import replay

    few = _few(evidence)

    def probe() -> tuple[Word, str]:
        result = replay(model, few)
        if result.verdict in ("identical", "equivalent"):
            return ("identical" if result.verdict == "identical" else "equivalent"), ""
        said = str(result.findings[0]) if result.findings else result.reason
        return ("broken" if result.verdict == "broken" else "drifted"), said

    return probe


def _few(evidence: Evidence) -> Evidence:
    """The first group of ordinary rows and small ones beside it; without inner steps, which only diagnosis needs."""
    first = next(group for group in evidence.groups if group.kind in CLEAN_KINDS)
    others = sorted(
        (group for group in evidence.groups if group is not first and 0 < group.rows <= _MOST_ROWS),
        key=lambda group: group.rows,
    )
    # distinct kinds say more than many groups of one
    kinds: dict[str, Group] = {}
    for group in others:
        kinds.setdefault(group.kind, group)
    chosen = [first, *list(kinds.values())[: _FEW - 1]]
    return msgspec.structs.replace(evidence, groups=[msgspec.structs.replace(each, steps=[]) for each in chosen])


class _Together:
    """The methods of a program, some of them asked in one run, the way requests ask them."""

    def __init__(self, program: Program, methods: Sequence[str]) -> None:
        self._program = program
        self._ask = program.asker(methods)
        self._methods = frozenset(methods)
        self._classes = {
            each.method: [classes_of(labels) for labels in each.labels] for each in program.plan.outputs if each.labels
        }

    def __getattr__(self, name: str) -> Any:
        classes = self.__dict__["_classes"].get(name)
        # columns of labels, and labels of no rows, take more than an index to put together
        if name not in self.__dict__["_methods"] or (classes is not None and len(classes) > 1):
            return getattr(self.__dict__["_program"], name)

        def ask(rows: Any) -> Any:
            answer = self._ask(rows)[name]
            return answer if classes is None else classes[0][answer]

        return ask
