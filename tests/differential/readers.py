"""What the package and the reference reader say of the same bytes, and when the two agree."""

from __future__ import annotations

from typing import NamedTuple

from amber.models.audit import problems
from amber.policy import Policy
from amber.vault.check import check
from amber.vault.trusting import Asked
from spec.reference import read
from spec.reference.form import LIMITS

# Codes of one group of checks, inside of which the pages leave the order open.
GROUPS = (
    {"manifest-value", "name-invalid", "version-invalid", "metric-not-finite"},
    # beside a number with a fraction
    {"manifest-invalid", "manifest-not-canonical", "manifest-value", "format-unknown", "requires-unknown"},
    # one node's own rules, and those of its column or tensor
    {
        "column-missing", "column-shared", "dtype-unknown", "limit-integer-digits", "number-invalid", "shape-invalid",
        "tensor-mismatch", "tensor-missing", "tensor-shared", "tree-invalid", "tree-not-canonical",
    },
)  # fmt: skip


class Said(NamedTuple):
    """The step that refuses (0: none does), its code, and all codes it could have named."""

    step: int
    code: str
    codes: frozenset[str]


def package(source: str | bytes, policy: Policy | None = None) -> Said:
    """What the package says, the audit of values included; of step 2 the sizes alone, as the other."""
    rules = policy or Policy()
    with check(source, rules, asked=Asked(purpose="replay")) as checked:
        failed = next((step for step in checked.steps if step.status == "failed" and step.number != 5), None)
        if failed is not None:
            codes = frozenset(problem.code for problem in checked.problems)
            return Said(failed.number, failed.code, codes | {failed.code})
        assert checked.tree is not None
        found = problems(checked.tree, rules)
        return Said(6, found[0].code, frozenset(each.code for each in found)) if found else Said(0, "", frozenset())


def reference(source: str | bytes, policy: Policy | None = None) -> Said:
    """What the reference reader says."""
    rules = policy or Policy()
    steps = read(source, {name: getattr(rules.limits, name) for name in LIMITS}, rules.allow)
    refused = {number: said for number, said in steps.items() if said not in ("passed", "not-asked")}
    assert len(refused) <= 1
    return next((Said(number, code, frozenset({code})) for number, code in refused.items()), Said(0, "", frozenset()))


def agree(one: Said, other: Said) -> bool:
    """Whether two readers refuse in the same step, or neither, with codes that are the same where the pages say so."""
    if one.step != other.step:
        return False
    return (
        bool(one.codes & other.codes)
        or one.code == other.code
        or any({one.code, other.code} <= each for each in GROUPS)
    )
