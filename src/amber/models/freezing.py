"""From a tree and its recorded cases to a certified program: emit, plan, ask every case, narrow or drop, attach.

    tree, evidence -> emit -> graph, plan -> (child) certify -> program, or a refusal with the rows that show why

Used by `amber.save(freeze=True)` and `amber.freeze`. Nothing of the model's library is needed, but for the second
choice: what Amber has no graph of, a converter is given live (`converters`), and its graph is held to the same.
"""

from __future__ import annotations

import importlib.util
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from amber.adapters.build import leaf
from amber.errors import AmberError, FormatError, FreezeError, Problem
from amber.models.child import Child
from amber.models.freeze_worker import FRAMES
from amber.models.requests import Facts, facts_of
from amber.policy import Policy
from amber.tree.evidence import Evidence
from amber.tree.nodes import Tree

if TYPE_CHECKING:
    from amber.cases.certify import Certified
    from amber.models.certifying import Judged
    from amber.programs.emit import Emitted, Part
    from amber.programs.plan import Domain, Labels, Output, Plan, Variant

Precision = Literal["float64", "float32"]
NAMES: dict[str, str] = {"float64": "onnx", "float32": "onnx-float32"}
BLOCK_ELEMENTS = 2**20  # floats that one step of a graph may hold for the rows of one run, 8 MiB: they stay in a cache
ASIDE = ("apply", "inverse_transform")  # alone they are no program
_WORKER = "amber.models.freeze_worker"
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
    batching: dict[str, str]

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


def process(*, frames: bool) -> Child:
    """Return the process in which a program will be asked the cases, to be started as early as may be: it imports.

    Args:
        frames: The cases are frames.

    Raises:
        ImportError: There is no runtime here.
        BuildError: No process can be started.
    """
    if importlib.util.find_spec("onnxruntime") is None:
        raise ImportError("No module named 'onnxruntime'", name="onnxruntime")
    return Child(_WORKER, FRAMES if frames else "")


def frozen(
    tree: Tree, evidence: Evidence | None, methods: Sequence[str], libraries: Mapping[str, str], *,
    precision: Precision, policy: Policy, child: Child, original: Callable[[], Any],
) -> FrozenProgram:  # fmt: skip
    """Emit and certify a program.

    The cases are asked in a child process, within the limits of a replay.

    Args:
        tree: The audited tree.
        evidence: The recorded cases.
        methods: The recorded methods of the original.
        libraries: Their versions when the cases were recorded.
        precision: What the program computes in.
        policy: `allow` names functions of the caller that may be traced; `limits` bound the child.
        child: What `process` gave.
        original: Gives the model itself, built under the policy: only a converter is given it, as the second choice.

    Raises:
        FreezeError: `program-impossible`: no method has a form; `program-drifted`: none answers like the original;
            with the reasons, and the rows that show why. `program-crashed`, `program-budget`: it ended the process that
            asked it the cases, or did not come to an end in the time and memory there is.
    """
    if evidence is None or not evidence.groups:
        raise FreezeError("program-no-cases", "the artifact has no cases to certify a program by",
                          hint="save it again with sample=")  # fmt: skip
    facts = facts_of(evidence, tree)
    try:
        emitted = _emitted(tree, facts, methods, libraries, precision, policy)
        plan = _plan(emitted, facts, precision, "amber")
    except FreezeError as error:
        emitted, plan = _converted(error, original, facts, evidence, precision, policy)
    return _certified(child, emitted.graph, plan, evidence, policy)


def _converted(
    own: FreezeError, original: Callable[[], Any], facts: Facts, evidence: Evidence, precision: Precision,
    policy: Policy,
) -> tuple[Emitted, Plan]:  # fmt: skip
    """Return a converter's graph, where Amber has none of its own.

    Raises:
        FreezeError: `program-impossible`: neither has one, with what both say.
    """
    from amber.models.converters import SOURCE, converted
    from amber.programs.emit.graph import Unsupported

    try:
        emitted = converted(original(), facts, evidence, precision, policy.limits)
        return emitted, _plan(emitted, facts, precision, SOURCE)
    except (Unsupported, AmberError, ImportError) as error:  # ImportError: of the original, which cannot be loaded here
        said = error.message if isinstance(error, AmberError) else str(error)
        raise FreezeError(own.code, f"{own.message}; {SOURCE}: {said}", hint=own.hint, problems=own.problems) from error


def _emitted(
    tree: Tree,
    facts: Facts,
    methods: Sequence[str],
    libraries: Mapping[str, str],
    precision: Precision,
    policy: Policy,
) -> Emitted:
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
        return emit(
            tree, leaf, form=facts.request.form, width=facts.request.width, methods=list(methods), precision=precision,
            inverse=facts.inverse, functions=function, versions=libraries,
        )  # fmt: skip
    except Unsupported as error:
        raise FreezeError(
            "program-impossible", str(error), hint="the original answers; it needs its library"
        ) from error


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
    listed = bool(labels) and parts[0].entries > 0
    if form.layout not in (("arrays", "records") if listed else ("array", "arrays", "tuple", "csr", "frame")):
        return f"the original answers a {form.layout}"
    several = form.layout in ("arrays", "tuple")
    if parts[0].entries and not listed and form.layout not in ("csr", "array"):
        return f"the original answers a {form.layout}, the graph entries"
    if not labels and not parts[0].entries and len(parts) != (len(form.dtypes) if several else 1):
        return f"the original answers {len(form.dtypes)} arrays, the graph {len(parts)}"
    dtypes = form.dtypes if several or labels or form.layout == "frame" else form.dtypes[:1]
    if listed:  # of what stands beside each name
        dtypes = ["<f8"]
    return plans.Output(
        method=method, outputs=[part.name for part in parts], layout=form.layout,  # type: ignore[arg-type]
        dtypes=dtypes, labels=labels, columns=form.columns, sparse=form.sparse, narrow=form.narrow, whole=form.whole,
        none=form.none, entries=parts[0].entries, refused=refused, variants=variants, follows=form.follows,
        nonempty=form.nonempty,
    )  # fmt: skip


# -- the certificate ----------------------------------------------------------------------------------------------


def _certified(child: Child, graph: bytes, plan: Plan, evidence: Evidence, policy: Policy) -> FrozenProgram:
    """Have a graph asked every case, and keep of it what answers like the original."""
    from amber.cases.certify import GOOD
    from amber.programs import wire
    from amber.programs.graph_check import check_graph
    from amber.programs.plan import Domain
    from amber.programs.plan_check import check_plan

    known = check_graph(graph, policy.limits)
    judged = _judged(child, graph, plan, evidence, policy)
    dropped = {each.method: _why(each) for each in judged.certified if each.verdict not in GOOD}
    kept = [each for each in judged.certified if each.method not in dropped]
    if all(each.method in ASIDE for each in kept):
        raise FreezeError(
            "program-drifted", "no method of the program answers like the original",
            hint="no program is attached; the original answers" + _SINGLE * (plan.precision == "float32"),
            problems=tuple(Problem("program-drifted", method, why) for method, why in sorted(dropped.items())),
        )  # fmt: skip
    if dropped:
        plan = _without(plan, dropped)
        graph = wire.pruned(graph, _names(plan.outputs), policy.limits)
        known = check_graph(graph, policy.limits)
    domain = Domain(rules=judged.rules, covered=repr(judged.covered))
    made = FrozenProgram(NAMES[plan.precision], plan.precision, graph, plan, domain, kept, judged.batching)
    try:
        check_plan(plan, domain, made.certificate(), known, policy.limits)
    except FormatError as error:
        raise FreezeError("program-impossible", f"the plan of this model breaks a rule: {error}") from error
    return made


def _judged(child: Child, graph: bytes, plan: Plan, evidence: Evidence, policy: Policy) -> Judged:
    """Return what the child finds.

    Raises:
        FreezeError: `program-crashed`, `program-budget`.
    """
    from amber.models.certifying import Judged
    from amber.models.freeze_worker import HINT, Refusal, order_of

    ended = child.ask(order_of(plan, graph, evidence, policy.limits), policy.limits.replay_seconds)
    if ended.late or ended.killed:
        said = f"the program could not be asked the cases in the time and memory there is: {ended.said}"
        raise FreezeError("program-budget", said, hint=HINT)
    try:
        found = msgspec.msgpack.decode(ended.answer, type=Judged | Refusal)
    except msgspec.MsgspecError as error:
        said = f"the process that asked the program the cases ended by itself: {ended.said}"
        hint = "no program is attached; the original answers"
        raise FreezeError("program-crashed", said, hint=hint) from error
    if isinstance(found, Refusal):
        raise FreezeError(found.code, found.message, where=found.where, hint=found.hint)
    return found


def _without(plan: Plan, dropped: Mapping[str, str]) -> Plan:
    """Return the plan without methods that drifted, which are absent for that reason."""
    outputs = [output for output in plan.outputs if output.method not in dropped]
    absent = dict(sorted({**plan.absent, **dropped}.items()))
    inverse = 0 if "inverse_transform" in dropped else plan.inverse
    return msgspec.structs.replace(plan, outputs=outputs, absent=absent, inverse=inverse)


def _names(outputs: Sequence[Output]) -> list[str]:
    """Return every output of the graph that the plan names."""
    found = [name for output in outputs for name in (*output.outputs, output.refused)]
    found += [name for output in outputs for each in output.variants for name in (*each.outputs, each.refused)]
    return sorted(filter(None, set(found)))


def _why(each: Certified) -> str:
    first = each.drifted[0] if each.drifted else None
    if first is None:
        return "no case was inside the domain"
    rows = f" rows {', '.join(map(str, first.beyond[:5]))}" if first.beyond else ""
    return f"drifted in case {first.group} ({first.kind}){rows}: {first.said}"
