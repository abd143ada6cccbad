"""Every recorded case asked of a graph: the certificate, the domain it holds for, whether rows that share a run agree.

In: plan, graph, cases. Out: `Judged`. Called by `freeze_worker` alone, in a process of its own: a graph may end the
runtime, or ask it for more time and memory than there is.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from amber.cases import rows as slices
from amber.cases import tables
from amber.cases.certify import GOOD, Certified, certify
from amber.limits import Limits
from amber.models.narrowing import candidates
from amber.models.program import outside_of
from amber.programs.plan import INVERSE, Plan, Rule
from amber.programs.program import Program
from amber.programs.session import Sessions
from amber.tree.evidence import CLEAN_KINDS, Evidence

COVERED = 0.9  # of the caller's rows a domain must keep inside
_ALONE = 16  # rows asked one by one and together


class Judged(msgspec.Struct, forbid_unknown_fields=True, tag=True):
    """What was found: every method, the rules of the domain and the share of ordinary rows inside, batching."""

    certified: list[Certified]
    rules: list[Rule] = []
    covered: float = 1.0
    batching: dict[str, str] = {}


def judge(plan: Plan, graph: bytes, evidence: Evidence, limits: Limits) -> Judged:
    """Return what the cases say of a graph."""
    asking = _Asking(plan, graph, evidence, limits)
    found, rules, covered = asking.certified([]), list[Rule](), 1.0
    narrower, share = asking.narrowed(found)
    if narrower:
        again = asking.certified(narrower)
        if _fit(again) > _fit(found):  # else no method is won, and those that answer everywhere would lose rows
            found, rules, covered = again, narrower, share
    good = [each.method for each in found if each.verdict in GOOD]
    return Judged(found, rules, covered, {method: asking.batching(method) for method in good})


def _fit(found: Sequence[Certified]) -> int:
    return sum(each.verdict in GOOD for each in found)


class _Asking:
    """One graph and the cases it is asked."""

    def __init__(self, plan: Plan, graph: bytes, evidence: Evidence, limits: Limits) -> None:
        self.plan, self.evidence = plan, evidence
        self.program = Program(plan, Sessions(graph, limits=limits))

    def certified(self, rules: Sequence[Rule]) -> list[Certified]:
        """Return the certificate of every method, of rows that keep the rules."""
        methods = [output.method for output in self.plan.outputs]
        outside = outside_of(self.plan, rules) if rules else None
        single = self.plan.precision == "float32"
        return certify(self.program, self.evidence, methods, single=single, outside=outside)

    def narrowed(self, found: Sequence[Certified]) -> tuple[list[Rule], float]:
        """Find closed rules that leave every drifted row outside and at least nine of ten ordinary rows inside."""
        worst = {(seen.group, row) for each in found for seen in each.drifted for row in seen.beyond}
        if not worst or not any(each.drifted and all(seen.beyond for seen in each.drifted) for each in found):
            return [], 1.0
        decoded = {group.id: tables.decode(group.layout, group.inputs) for group in self.evidence.groups}
        rules: list[Rule] = []
        for rule in candidates(self.plan, self.evidence, decoded, worst):
            outside = outside_of(self.plan, [*rules, rule])
            left = {
                (group, row)
                for group in {group for group, _ in worst}
                for row in {row for of, row in worst if of == group} - set(outside(decoded[group]))
            }
            if len(left) < len(worst):
                rules.append(rule)
                worst = left
            if not worst:
                break
        if not rules:
            return [], 1.0
        clean = [group for group in self.evidence.groups if group.kind in CLEAN_KINDS]
        outside = outside_of(self.plan, rules)
        gone = sum(len(outside(decoded[group.id])) for group in clean)
        covered = 1 - gone / max(sum(group.rows for group in clean), 1)
        return (rules, covered) if covered >= COVERED else ([], 1.0)

    def batching(self, method: str) -> str:
        """Whether rows that share a run keep their bits: ordinary rows alone against together."""
        group = next((each for each in self.evidence.groups if each.kind in CLEAN_KINDS), None)
        if group is None or method == INVERSE:
            return "tolerant"
        X = tables.decode(group.layout, group.inputs)
        ask = getattr(self.program, method)
        count = min(_ALONE, group.rows)

        def answered(rows: Sequence[int]) -> list[bytes]:
            return [bytes(column.data) for column in tables.encode(ask(slices.take(X, rows)), method).columns]

        alone = [answered([row]) for row in range(count)]
        joined = [b"".join(each) for each in zip(*alone, strict=True)]
        return "exact" if joined == answered(range(count)) else "tolerant"
