"""From an artifact to what answers: steps 1 to 6, then 8 and its cases for a program, 7 and 9 for an original.

In: an `Order` and the artifact. Out: `Loaded`, or an `AmberError` with the code of what refused it. Everything that is
served has replayed the recorded cases in this very process, from which the workers are forked.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from blake3 import blake3

from amber.archive.assemble import read_evidence
from amber.archive.manifest import Manifest
from amber.archive.names import MANIFEST
from amber.archive.source import Source
from amber.cases.anatomy import attribute
from amber.cases.ask import METHODS
from amber.cases.quiet import single_thread
from amber.errors import CaseError, PolicyError, shown
from amber.models import environment
from amber.models.child import limit_memory
from amber.models.libraries import needed
from amber.models.program import chosen, confirmed, opened
from amber.models.program import moved as elsewhere
from amber.policy import Policy, Refusal, judge_verdict
from amber.programs.answers import classes_of
from amber.programs.program import Program
from amber.programs.session import runtime
from amber.report import VERDICTS, Report, Verdict
from amber.server.interface import Interface, Route
from amber.server.wire.control import Order
from amber.server.worker import blame, building
from amber.server.worker.answering import Answering, Form
from amber.server.worker.describe import Described, Served, describe
from amber.server.worker.judging import SERVE, decide, proved
from amber.server.worker.probing import WRONG, Prober, of_original, of_program, probed
from amber.tree.evidence import Evidence
from amber.vault.check import Checked, Mapped
from amber.vault.trusting import Asked, remembered

_SAID_COLUMNS = 20  # in words


@dataclass
class Loaded:
    """What answers, what probes it, and what was found on the way."""

    interface: Interface
    answering: Answering
    probers: list[Prober]
    cases: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)


@dataclass
class _Program:
    """A program that answered as certified."""

    made: Program
    verdict: Verdict
    rows: int
    moved: list[str]  # what of the runtime is another than the certificate's


@dataclass
class _Original:
    """A model that answered as recorded."""

    model: Any
    report: Report


def load(order: Order, source: Source, *, mmap: Mapped = "auto") -> Loaded:
    """Verify, build and replay.

    Args:
        order: What is to be served.
        source: The artifact.
        mmap: How it is read, as `check` takes it.

    Raises:
        AmberError: It is refused, or does not answer as recorded.
    """
    begin = time.perf_counter()
    with proved(order, source, mmap, SERVE) as (checked, manifest):
        rules = checked.policy
        evidence = read_evidence(manifest, checked.opened.members, rules.limits)  # type: ignore[union-attr]
        seconds = dict(checked.seconds)
        routes: list[Route] = order.routes or (["program"] if manifest.programs else ["original"])
        if order.memory is not None:
            _limit(order.memory, manifest, routes)
        with _recorded(checked, manifest):
            program = _program(checked, manifest, evidence, rules) if "program" in routes else None
            seconds["program"] = time.perf_counter() - begin - sum(seconds.values())
            original = _original(source, rules, mmap) if "original" in routes else None
        found = _served(routes, program, original)
        described = describe(
            manifest, evidence, found, name=order.name or manifest.name, version=order.version or manifest.version,
            id=checked.id, digest=blake3(checked.opened.members[MANIFEST]).hexdigest(),  # type: ignore[union-attr]
        )  # fmt: skip
    loaded = _ready(described, evidence, program, original)
    # once more, as requests are asked: and what a first run allocates is there before the fork, shared by all workers
    word, said = probed(loaded.probers)
    if word in WRONG:
        raise CaseError(f"verdict-{word}", f"asked as requests are, {said}", where=manifest.name)
    _settle(checked, manifest)
    loaded.notes += checked.report.notes  # unsigned, say: nobody that the policy names vouches for it
    loaded.seconds = {**seconds, "all": time.perf_counter() - begin}
    return loaded


@contextmanager
def _recorded(checked: Checked, manifest: Manifest) -> Iterator[None]:
    """Record what the policy refuses inside the block: a verdict, which is known late."""
    try:
        yield
    except PolicyError as error:
        decide(checked, manifest, (Refusal(error.code, error.message),))
        raise


def _settle(checked: Checked, manifest: Manifest) -> None:
    """Record that the policy accepts it, and remember its version where the policy says so, after every other step."""
    refused = () if checked.trusted is None else remembered(checked.trusted, manifest, checked.id)
    decide(checked, manifest, refused)
    if refused:
        raise PolicyError("policy-refused", "; ".join(map(str, refused)))


def _limit(memory_bytes: int, manifest: Manifest, routes: list[Route]) -> None:
    """Bound the address space, once the libraries are there: their own mappings say nothing about the model."""
    if "program" in routes:
        with needed("program"):
            runtime()
    if "original" in routes:
        environment.written_versions(manifest.libraries)
    limit_memory(memory_bytes)


def _program(checked: Checked, manifest: Manifest, evidence: Evidence | None, rules: Policy) -> _Program:
    """Step 8 and the cases, through the program itself."""
    with needed("program"):
        info = chosen(manifest, None)
        made = opened(manifest, info, checked.opened.members, rules)  # type: ignore[union-attr]
        if evidence is None:
            raise CaseError("no-cases", "the program cannot be checked here: the artifact has no cases")
        found = confirmed(made, evidence, manifest.name)
    words = {each.verdict for each in found}
    verdict: Verdict = "identical" if words <= {"identical", "not-covered"} else "equivalent"
    if refused := judge_verdict(rules, manifest.name, verdict, used=True):
        raise PolicyError(refused[0].code, f"the program: {refused[0].message}")
    moved = ["the runtime is another than the one the program was certified with"] if elsewhere(info) else []
    return _Program(made, verdict, sum(group.rows for group in evidence.groups), moved)


def _original(source: Source, rules: Policy, mmap: Mapped) -> _Original:
    """Steps 6, 7 and 9: the model itself, its cases replayed whatever the environment."""
    from amber.models.load import loaded

    with needed(), single_thread():
        # `check` has judged these bytes, which nobody can change
        model, report = loaded(source, rules, Asked(purpose="replay", route="original"), replay="always", mmap=mmap)
    if VERDICTS.index(report.verdict) >= VERDICTS.index("unchecked"):
        raise CaseError(
            "no-cases" if report.reason == "no-cases" else "verdict-unchecked",
            f"the model cannot be vouched for: {report.verdict} ({shown(report.reason)})",
            hint="save it again with sample=, so that cases are recorded",
        )
    return _Original(model, report)


def _served(routes: list[Route], program: _Program | None, original: _Original | None) -> Served:
    methods: dict[Route, list[str]] = {}
    verdicts: dict[Route, str] = {"original": "unchecked"}
    classes: dict[str, list[list[Any]]] = {}
    if original is not None:
        verdicts["original"] = original.report.verdict
        classes = _classes_of_model(original.model)
    if program is not None:
        verdicts["program"] = program.verdict
        for output in program.made.plan.outputs:
            if output.labels:
                classes[output.method] = [classes_of(labels).tolist() for labels in output.labels]
    for route in routes:
        if route == "program" and program is not None:
            methods[route] = list(program.made.methods)
        elif original is not None:
            methods[route] = [name for name in METHODS if callable(attribute(original.model, name))]
    if program is not None:
        return Served(methods, verdicts, classes, program.made.plan, program.made.needed, program.made.domain)
    return Served(methods, verdicts, classes)


def _classes_of_model(model: Any) -> dict[str, list[list[Any]]]:
    """The classes that `predict` answers with, a list for each of its columns; none where they are no plain values."""
    known = attribute(model, "classes_")
    if known is None:
        return {}
    columns = known if isinstance(known, list) and known and hasattr(known[0], "tolist") else [known]
    lists = [each.tolist() if hasattr(each, "tolist") else list(each) for each in columns]
    plain = all(type(value) in (str, int, float, bool) for values in lists for value in values)
    return {"predict": lists} if plain and all(len(set(values)) == len(values) for values in lists) else {}


def _ready(
    described: Described, evidence: Evidence | None, program: _Program | None, original: _Original | None
) -> Loaded:
    interface, request = described.interface, described.request
    forms: dict[Route, Form] = {}
    probers: list[Prober] = []
    assert evidence is not None  # noqa: S101 - `describe` refuses without
    names = _names(described, program)
    if program is not None:
        made = program.made
        build = building.for_program(interface, request, made.plan)
        forms["program"] = Form(build, made.asker, frozenset(interface.methods["program"]), blamed=names)
        probers.append(of_program(made, evidence, _default_methods(interface)))
    if original is not None:
        from amber.models.rows.expectation import expected_of

        build = building.for_original(interface, request, expected_of(evidence))
        tables = {
            place: [{value: index for index, value in enumerate(values)} for values in output.classes]
            for place, output in enumerate(interface.outputs)
            if output.cell == "label"
        }
        model = original.model
        methods = frozenset(interface.methods["original"])
        forms["original"] = Form(build, lambda wanted: _asking(model, wanted), methods, tables, names)
        probers.append(of_original(model, evidence))
    moved = [*(program.moved if program is not None else ()), *(original.report.environment if original else ())]
    return Loaded(
        interface, Answering(interface, described.methods, forms), probers, notes=described.notes, moved=moved,
        cases=program.rows if program is not None else original.report.cases if original is not None else 0,
    )  # fmt: skip


def _asking(model: Any, methods: Any) -> Any:
    """Return what asks a model for several methods, one after the other."""
    return lambda rows: {name: getattr(model, name)(rows) for name in methods}


def _default_methods(interface: Interface) -> list[str]:
    return list(dict.fromkeys(interface.outputs[place].method for place in interface.default))


def _names(described: Described, program: _Program | None) -> blame.Columns:
    """How columns are called in sentences, by the names of inputs; columns of a matrix by their number."""
    inputs = described.interface.inputs
    labels = program.made.plan.request.names if program is not None else None
    names: dict[str, str] = {}
    if described.request.form == "columns":
        for place, each in enumerate(inputs):
            names[f"column {shown(each.name, 60)!r}"] = each.name
            names[f"column {place}"] = each.name
            if labels is not None and place < len(labels):
                names[f"column {shown(labels[place])!r}"] = each.name
    else:
        names = {f"column {place}": str(place) for place in range(min(inputs[0].width, 4096))}
    return blame.Columns(names, lambda: _words(described, names))


def _words(described: Described, names: dict[str, str]) -> blame.Words:
    """What columns and rows are, in words."""
    from amber.server.formats.columns import Column  # rows are seldom refused: a server starts without it

    columns = [Column(each, described.request.form) for each in described.interface.inputs]
    if described.request.form == "columns":
        row = ", ".join(f"{shown(each.name, 60)}: {each.wants}" for each in columns[:_SAID_COLUMNS])
        return blame.Words({each.name: each.wants for each in columns}, row)
    first = columns[0]
    row = f"{first.width} values, each {first.wants}" if first.width > 1 else first.wants
    return blame.Words(dict.fromkeys(names.values(), first.wants), row)
