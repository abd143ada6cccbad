"""From a tree and its recorded cases to a certified program: emit, plan, ask every case, narrow or drop, attach.

    tree, evidence -> emit -> graph, plan -> certify -> program, or a refusal with the rows that show why

Used by `amber.save(freeze=True)` and `amber.freeze`. Nothing of the model's library is needed.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from amber.adapters.build import leaf
from amber.errors import FormatError, FreezeError, Problem
from amber.models.program import outside_of
from amber.models.requests import Facts, facts_of
from amber.policy import Policy
from amber.tree.evidence import Evidence
from amber.tree.nodes import Tree

if TYPE_CHECKING:
    from amber.cases.certify import Certified
    from amber.programs.emit import Emitted, Part
    from amber.programs.plan import Domain, Labels, Output, Plan, Rule, Variant

Precision = Literal["float64", "float32"]
NAMES: dict[str, str] = {"float64": "onnx", "float32": "onnx-float32"}
BLOCK_ELEMENTS = 2**20  # floats that one step of a graph may hold for the rows of one run, 8 MiB: they stay in a cache
COVERED = 0.9  # of the caller's rows a domain must keep inside
ASIDE = ("apply", "inverse_transform")  # alone they are no program
_SINGLE = "; float32 cannot tell apart what only float64 can: save the model with a float32 sample"


@dataclass(frozen=True)
class FrozenProgram:
    """A program that answers like the original: what becomes two members and an entry of the manifest."""

    name: str
    precision: Precision
    graph: bytes
    plan: Plan
    domain: Domain
    certified: list[Certified]
    dropped: dict[str, str] = field(default_factory=dict)
    batching: dict[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """`identical` where every method is, else `equivalent`."""
        return "identical" if all(each.verdict == "identical" for each in self.certified) else "equivalent"

    def certificate(self) -> dict[str, Any]:
        """Return the certificate as the manifest holds it."""
        return {
            "methods": {each.method: each.to_dict() for each in sorted(self.certified, key=lambda one: one.method)},
            "absent": dict(sorted(self.plan.absent.items())),
            "runtime": runtime(),
            "source": self.plan.source,
            "verdict": self.verdict,
        }


def runtime() -> dict[str, str]:
    """Return what runs a program here: the certificate holds for it, elsewhere the cases are replayed."""
    from importlib.metadata import version

    return {"onnxruntime": version("onnxruntime"), "machine": platform.machine()}


def frozen(
    tree: Tree, evidence: Evidence | None, methods: Sequence[str], libraries: Mapping[str, str], *,
    precision: Precision, policy: Policy,
) -> FrozenProgram:  # fmt: skip
    """Emit and certify a program.

    Args:
        tree: The audited tree.
        evidence: The recorded cases.
        methods: The recorded methods of the original.
        libraries: Their versions when the cases were recorded.
        precision: What the program computes in.
        policy: `allow` names functions of the caller that may be traced.

    Raises:
        FreezeError: `program-impossible`: no method has a form; `program-drifted`: none answers like the original;
            with the reasons, and the rows that show why.
    """
    if evidence is None or not evidence.groups:
        raise FreezeError("program-no-cases", "the artifact has no cases to certify a program by",
                          hint="save it again with sample=")  # fmt: skip
    facts = facts_of(evidence, tree)
    emitted, source = _emitted(tree, facts, methods, libraries, precision, policy)
    plan = _plan(emitted, facts, precision, source)
    return _certified(emitted.graph, plan, evidence, precision, policy)


def _emitted(
    tree: Tree,
    facts: Facts,
    methods: Sequence[str],
    libraries: Mapping[str, str],
    precision: Precision,
    policy: Policy,
) -> tuple[Emitted, str]:
    from amber.adapters import customs
    from amber.programs.emit import emit
    from amber.programs.emit.graph import Unsupported

    allowed = frozenset(policy.allow)

    def function(name: str) -> Callable[..., Any]:
        if name not in allowed:
            raise Unsupported(f"{name} is traced only where the policy allows it by name")
        found: Callable[..., Any] = customs.find(name)
        return found

    try:
        emitted = emit(
            tree, leaf, form=facts.request.form, width=facts.request.width, methods=list(methods), precision=precision,
            inverse=facts.inverse, functions=function, versions=libraries,
        )  # fmt: skip
    except Unsupported as error:
        raise FreezeError(
            "program-impossible", str(error), hint="the original answers; it needs its library"
        ) from error
    return emitted, "amber"


def _plan(emitted: Emitted, facts: Facts, precision: Precision, source: str) -> Plan:
    from amber.programs import plan as plans

    outputs, absent = [], dict(emitted.absent)
    for method, parts in sorted(emitted.methods.items()):
        refused, variants = emitted.refused.get(method, ""), emitted.variants.get(method, [])
        made = _output(method, parts, facts, refused, variants)
        if isinstance(made, str):
            absent[method] = made
        else:
            outputs.append(made)
    if all(output.method in ASIDE for output in outputs):
        problems = tuple(Problem("program-impossible", method, why) for method, why in sorted(absent.items()))
        raise FreezeError("program-impossible", "no method has a form as a graph", problems=problems)
    codes = [msgspec.structs.replace(each, none=facts.nones.get(each.column, plans.NONE)) for each in emitted.codes]
    return plans.Plan(
        plan=plans.VERSION, precision=precision, request=facts.request, outputs=outputs, numbers=emitted.numbers,
        codes=codes, compared=emitted.compared, texts=emitted.texts, records=emitted.records,
        rules=emitted.rules, inverse=emitted.inverse, absent=dict(sorted(absent.items())), source=source,
        block=max(1, min(65536, BLOCK_ELEMENTS // max(emitted.widest, 1))),
    )  # fmt: skip


def _output(method: str, parts: list[Part], facts: Facts, refused: str, variants: list[Variant]) -> Output | str:
    """Return the form of one method's answers, taken from the recorded one; a str says why there is none."""
    from amber.programs import plan as plans
    from amber.programs.answers import labels_of

    form = facts.answers.get(method)
    if form is None:
        return "the original's answer is not recorded"
    labels: list[Labels] = [labels_of(classes) for classes in parts[0].classes]
    if form.layout not in ("array", "arrays", "tuple", "csr", "frame"):
        return f"the original answers a {form.layout}"
    several = form.layout in ("arrays", "tuple")
    if parts[0].entries and form.layout not in ("csr", "array"):
        return f"the original answers a {form.layout}, the graph entries"
    if not labels and not parts[0].entries and len(parts) != (len(form.dtypes) if several else 1):
        return f"the original answers {len(form.dtypes)} arrays, the graph {len(parts)}"
    dtypes = form.dtypes if several or labels or form.layout == "frame" else form.dtypes[:1]
    return plans.Output(
        method=method, outputs=[part.name for part in parts], layout=form.layout,  # type: ignore[arg-type]
        dtypes=dtypes, labels=labels, columns=form.columns, sparse=form.sparse, narrow=form.narrow, whole=form.whole,
        none=form.none, entries=parts[0].entries, refused=refused, variants=variants, follows=form.follows,
    )  # fmt: skip


# -- the certificate ----------------------------------------------------------------------------------------------


def _certified(graph: bytes, plan: Plan, evidence: Evidence, precision: Precision, policy: Policy) -> FrozenProgram:
    from amber.programs.graph_check import check_graph
    from amber.programs.plan import Domain
    from amber.programs.plan_check import check_plan
    from amber.programs.session import Sessions

    plan = msgspec.json.decode(msgspec.json.encode(plan), type=type(plan))  # as a reader will have it
    known = check_graph(graph, policy.limits)
    sessions = Sessions(graph, limits=policy.limits)
    found = _ask(plan, sessions, evidence, precision, [])
    rules, covered = _narrowed(plan, sessions, evidence, precision, found)
    if rules:
        narrowed = _ask(plan, sessions, evidence, precision, rules)
        if _fit(narrowed) > _fit(found):
            found = narrowed
        else:  # no method is won, and those that answer everywhere would lose rows
            rules, covered = [], 1.0
    dropped = {each.method: _why(each) for each in found if each.verdict in ("drifted", "not-covered")}
    kept = [each for each in found if each.method not in dropped]
    if all(each.method in ASIDE for each in kept):
        raise FreezeError(
            "program-drifted", "no method of the program answers like the original",
            hint="no program is attached; the original answers" + _SINGLE * (precision == "float32"),
            problems=tuple(Problem("program-drifted", method, why) for method, why in sorted(dropped.items())),
        )  # fmt: skip
    outputs = [output for output in plan.outputs if output.method not in dropped]
    plan = msgspec.structs.replace(plan, outputs=outputs, absent=dict(sorted({**plan.absent, **dropped}.items())))
    domain = Domain(rules=rules, covered=repr(covered))
    batching = {output.method: _batching(plan, sessions, evidence, output.method) for output in outputs}
    made = FrozenProgram(NAMES[precision], precision, graph, plan, domain, kept, dropped, batching)
    try:
        check_plan(plan, domain, made.certificate(), known, policy.limits)
    except FormatError as error:
        raise FreezeError("program-impossible", f"the plan of this model breaks a rule: {error}") from error
    return made


def _fit(found: list[Certified]) -> int:
    return sum(each.verdict in ("identical", "equivalent") for each in found)


def _ask(plan: Plan, sessions: Any, evidence: Evidence, precision: Precision, rules: list[Rule]) -> list[Certified]:
    from amber.cases.certify import certify
    from amber.programs.program import Program

    methods = [output.method for output in plan.outputs]
    outside = outside_of(plan, rules) if rules else None
    return certify(Program(plan, sessions), evidence, methods, single=precision == "float32", outside=outside)


def _narrowed(
    plan: Plan, sessions: Any, evidence: Evidence, precision: Precision, found: list[Certified]
) -> tuple[list[Rule], float]:
    """Find closed rules that leave every drifted row outside and at least nine of ten ordinary rows inside."""
    from amber.cases import tables
    from amber.models.narrowing import candidates
    from amber.tree.evidence import CLEAN_KINDS

    worst = {(seen.group, row) for each in found for seen in each.drifted for row in seen.beyond}
    if not worst or not any(each.drifted and all(seen.beyond for seen in each.drifted) for each in found):
        return [], 1.0
    decoded = {group.id: tables.decode(group.layout, group.inputs) for group in evidence.groups}
    rules: list[Rule] = []
    for rule in candidates(plan, evidence, decoded, worst):
        outside = outside_of(plan, [*rules, rule])
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
    clean = [group for group in evidence.groups if group.kind in CLEAN_KINDS]
    outside = outside_of(plan, rules)
    gone = sum(len(outside(decoded[group.id])) for group in clean)
    covered = 1 - gone / max(sum(group.rows for group in clean), 1)
    return (rules, covered) if covered >= COVERED else ([], 1.0)


def _why(each: Certified) -> str:
    first = each.drifted[0] if each.drifted else None
    if first is None:
        return "no case was inside the domain"
    rows = f" rows {', '.join(map(str, first.beyond[:5]))}" if first.beyond else ""
    return f"drifted in case {first.group} ({first.kind}){rows}: {first.said}"


def _batching(plan: Plan, sessions: Any, evidence: Evidence, method: str) -> str:
    """Whether rows that share a run keep their bits: ordinary rows alone against together."""
    from amber.cases import rows as slices
    from amber.cases import tables
    from amber.programs.program import INVERSE, Program
    from amber.tree.evidence import CLEAN_KINDS

    group = next((each for each in evidence.groups if each.kind in CLEAN_KINDS), None)
    if group is None or method == INVERSE:
        return "tolerant"
    X = tables.decode(group.layout, group.inputs)
    ask = getattr(Program(plan, sessions), method)
    count = min(16, group.rows)

    def answered(rows: Sequence[int]) -> list[bytes]:
        return [bytes(column.data) for column in tables.encode(ask(slices.take(X, rows)), method).columns]

    alone = [answered([row]) for row in range(count)]
    joined = [b"".join(each) for each in zip(*alone, strict=True)]
    return "exact" if joined == answered(range(count)) else "tolerant"
