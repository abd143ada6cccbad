"""`amber.diff`: what changed between two artifacts: facts, parameters, tensors, environment, cases, answers.

Trees are compared as data, side by side from the root, so nothing has to be built for that; the answers come from
replaying the cases of the first on the model of the second, in a child process.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from amber.errors import FormatError, PolicyError, shown
from amber.models import environment
from amber.models.change import Change
from amber.models.libraries import needed
from amber.policy import Policy, in_force
from amber.report import EXIT_DRIFTED, EXIT_OK, Finding, lines_of

if TYPE_CHECKING:
    from amber.archive.manifest import Manifest
    from amber.tree.nodes import Tree

_FACTS = ("kind", "name", "version", "methods", "licence", "created", "adapter", "requires", "lineage")
_TABLES = ("hyperparameters", "metrics", "metadata", "libraries", "batching", "extensions")
MAX_CHANGES = 500  # of one section


@dataclass(frozen=True)
class Difference:
    """The sections in which two artifacts differ, and how the second answers the cases of the first."""

    same: bool
    sections: dict[str, tuple[Change, ...]]
    verdict: str = "unchecked"
    reason: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 the same, 1 different."""
        return EXIT_OK if self.same else EXIT_DRIFTED

    def to_dict(self) -> dict[str, Any]:
        """Return the difference as plain data (`--json`)."""
        return {
            "same": self.same,
            "sections": {
                name: [{"where": c.where, "before": c.before, "after": c.after, "detail": c.detail} for c in changes]
                for name, changes in self.sections.items()
            },
            "answers": {
                "verdict": self.verdict,
                "reason": self.reason,
                "findings": [{name: getattr(f, name) for name in f.__slots__} for f in self.findings],
            },
        }

    def __str__(self) -> str:
        if self.same:
            return "the same: every member is equal"
        lines = []
        for name, changes in self.sections.items():
            lines.append(f"{name}: {len(changes)} changed")
            lines += [f"  {change}" for change in changes[:20]]
            if len(changes) > 20:
                lines.append(f"  and {len(changes) - 20} more")
        reason = f" ({self.reason})" if self.reason else ""
        lines.append(f"answers of the second to the cases of the first: {self.verdict}{reason}")
        lines += [f"  - {line}" for line in lines_of(self.findings)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


@needed()
def diff(
    a: Any,
    b: Any,
    *,
    policy: Policy | None = None,
    answers: bool = True,
    bundles_a: Mapping[str, bytes] | None = None,
    bundles_b: Mapping[str, bytes] | None = None,
) -> Difference:
    """Compare two artifacts.

    Args:
        a: The first: path, folder, bytes or binary file.
        b: The second.
        policy: What the reader accepts; both must pass it.
        answers: Replay the cases of `a` on the model of `b`, in a child process.
        bundles_a: Detached signatures of `a` by the path they were read from; they count like those inside.
        bundles_b: Those of `b`.

    Raises:
        FormatError: One of them is not a valid artifact.
        PolicyError: The policy refuses one of them.
        SourceError: One of them cannot be read.
    """
    from amber.models.tree_diff import tree_changes
    from amber.vault.check import check
    from amber.vault.trusting import Asked

    rules = in_force(policy)
    of_a, of_b = Asked(bundles=bundles_a or {}), Asked(bundles=bundles_b or {})
    with check(a, rules, asked=of_a) as first, check(b, rules, asked=of_b) as second:
        for which, checked in (("first", first), ("second", second)):
            _refuse_broken(which, checked)
        left, right = cast("Manifest", first.manifest), cast("Manifest", second.manifest)
        if left.members == right.members and _facts(left) == _facts(right):
            return Difference(True, {}, "identical", "same-bytes")
        sections = {
            "facts": [*_fact_changes(left, right)],
            **{name: [*_table_changes(getattr(left, name), getattr(right, name))] for name in _TABLES},
            "inputs": [*_table_changes(_named(left.inputs), _named(right.inputs))],
            "outputs": [*_table_changes(_named(left.outputs), _named(right.outputs))],
            "environment": [*_table_changes(_flat(_environment(first)), _flat(_environment(second)))],
            "cases": [*_case_changes(left, right)],
            "programs": [*_table_changes(_programs(left), _programs(right))],
            "model": tree_changes(cast("Tree", first.tree), cast("Tree", second.tree), MAX_CHANGES),
        }
        outcome: dict[str, Any] = {"verdict": "unchecked", "reason": "not-asked"}
        if answers:
            outcome = _answers(first, second, rules)
    return Difference(
        False,
        {name: tuple(changes[:MAX_CHANGES]) for name, changes in sections.items() if changes},
        outcome["verdict"],
        outcome["reason"],
        tuple(outcome.get("findings", ())),
    )


def _refuse_broken(which: str, checked: Any) -> None:
    report = checked.report
    if report.refused:
        raise PolicyError("policy-refused", "; ".join(report.refused), where=f"the {which} artifact")
    if report.verdict == "broken" or checked.tree is None:
        detail = next((step.detail for step in report.steps if step.status == "failed"), "")
        raise FormatError(report.reason, detail or "not a valid artifact", where=f"the {which} artifact")


def _programs(manifest: Any) -> dict[str, Any]:
    """What is certified of each program: its verdict, of whose methods, and the rules that narrow it."""
    found = {}
    for each in manifest.programs:
        methods = each.certificate.get("methods")
        names = sorted(methods) if isinstance(methods, dict) else []
        found[each.name] = {"verdict": each.certificate.get("verdict"), "methods": names, "domain": each.domain}
    return found


def _facts(manifest: Any) -> list[Any]:
    return [getattr(manifest, name) for name in (*_FACTS, *_TABLES, "inputs", "outputs", "cases", "programs")]


def _fact_changes(left: Any, right: Any) -> Iterator[Change]:
    for name in _FACTS:
        before, after = getattr(left, name), getattr(right, name)
        if before != after:
            yield Change(name, _text(before), _text(after))


def _table_changes(left: dict[str, Any], right: dict[str, Any]) -> Iterator[Change]:
    for name in sorted({*left, *right}):
        before, after = left.get(name, "absent"), right.get(name, "absent")
        if before != after:
            yield Change(name, _text(before), _text(after))


def _named(drafts: list[Any]) -> dict[str, Any]:
    return {f"{getattr(each, 'method', '')}.{each.name}".removeprefix("."): each for each in drafts}


def _text(value: Any) -> str:
    return shown(value)


def _environment(checked: Any) -> Mapping[str, Any]:
    return environment.recorded(checked.opened.members["env/pylock.toml"])


def _flat(facts: Mapping[str, Any]) -> dict[str, Any]:
    flat = {key: value for key, value in facts.items() if not isinstance(value, dict)}
    for key, value in facts.items():
        if isinstance(value, dict):
            flat.update({f"{key}.{name}": each for name, each in value.items()})
    return flat


def _case_changes(left: Any, right: Any) -> Iterator[Change]:
    def facts(info: Any) -> dict[str, Any]:
        return {} if info is None else {name: getattr(info, name) for name in info.__struct_fields__}

    yield from _table_changes(facts(left.cases), facts(right.cases))
    before = {name: info.blake3 for name, info in left.members.items() if name.startswith("cases/")}
    after = {name: info.blake3 for name, info in right.members.items() if name.startswith("cases/")}
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            yield Change(name, "recorded" if name in before else "absent", "other" if name in after else "absent")


def _answers(first: Any, second: Any, rules: Policy) -> dict[str, Any]:
    from amber.models.audit import problems
    from amber.models.child import replay_in_child

    if first.manifest.cases is None:
        return {"verdict": "unchecked", "reason": "no-cases"}
    found = problems(second.tree, rules)
    if found:
        return {"verdict": "broken", "reason": found[0].code}
    return replay_in_child(second, rules, [], None, first)
