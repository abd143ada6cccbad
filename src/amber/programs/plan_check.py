"""Does a plan fit itself and its graph? Checked when a program is opened, before anything is made of it.

In: a plan, a domain, a certificate, a graph that passed `graph_check`. Out: nothing, or a refusal. What a plan asks for
(columns, rules, labels, rows of a run) is bounded here, so that no number in it asks for memory by itself.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from amber.errors import FormatError
from amber.limits import DEFAULT, Limits
from amber.programs.answers import SPARSE, classes_of
from amber.programs.graph_check import Checked, check_interface
from amber.programs.plan import INVERSE, SHIFT, Domain, Labels, Output, Plan, Rule, Scalar

BLOCK = 65536  # rows of one run
RULES = 1000
METHODS = frozenset(
    """
    apply decision_function inverse_transform kneighbors mahalanobis predict predict_joint_log_proba predict_log_proba
    predict_proba radius_neighbors score_samples transform
    """.split()  # noqa: SIM905 - names beside each other
)
_NUMERIC = frozenset(("finite", "no-infinity", "not-missing", "float32", "not-negative", "range"))
_BOUNDED = frozenset(("range", "max-length"))
_NUMBER = re.compile(r"[<>][iuf](2|4|8)|\|[iub]1|\|O")
_TEXT = re.compile(r"[<>]U(\d{1,6})|\|S(\d{1,6})|[<>][mM]8(\[\d{0,9}[a-zA-Zμ]{1,2}\])?|[<>]f16")
_SCALAR = re.compile(r"-?\d{1,4300}|-?\d[\d.e+-]{0,40}|-?inf|nan", re.ASCII)
_GOOD = ("identical", "equivalent")


def check_plan(plan: Plan, domain: Domain, certificate: Any, graph: Checked, limits: Limits = DEFAULT) -> None:
    """Check a plan against itself, its certificate and its graph.

    Raises:
        FormatError: `plan-invalid`, `program-interface`.
    """
    _request(plan, limits)
    for output in plan.outputs:
        _output(output, limits)
        _need(plan.request.empty or not output.nonempty, "no rows are refused already", f"{output.method}.nonempty")
    methods = [output.method for output in plan.outputs]
    _need(bool(methods) and _distinct(methods), "no method, or one twice", "outputs")
    _need(INVERSE not in methods or plan.inverse > 0, "no columns to undo", "inverse")
    _rules(plan.rules, plan, _NUMERIC, "rules")
    _rules(domain.rules, plan, None, "domain")
    share = _float(domain.covered, "domain.covered")
    _need(0 <= share <= 1, f"a share of {share}", "domain.covered")
    _certified(methods, certificate)
    _interface(plan, graph)


def _need(holds: bool, message: str, where: str) -> None:
    if not holds:
        raise FormatError("plan-invalid", message, where=where)


def _distinct(values: Sequence[Any]) -> bool:
    return len(set(values)) == len(values)


def _columns(columns: Sequence[int], width: int, where: str) -> None:
    _need(all(0 <= column < width for column in columns), f"a column outside of 0 to {width - 1}", where)
    _need(all(one < other for one, other in itertools.pairwise(columns)),
          "columns that do not ascend", where)  # fmt: skip


def _request(plan: Plan, limits: Limits) -> None:
    request, width = plan.request, plan.request.width
    _need(0 <= width <= limits.components, f"{width} columns", "request.width")
    if request.names is not None:
        _need(len(request.names) == width, f"{len(request.names)} names of {width} columns", "request.names")
        _need(_distinct(request.names), "two columns of one name", "request.names")
    _need(request.names is not None or request.arrays, "columns by name, and no names", "request.arrays")
    _need(1 <= plan.block <= BLOCK, f"{plan.block} rows of one run", "block")
    _need(0 <= plan.inverse <= limits.components, f"{plan.inverse} columns", "inverse")
    _columns(plan.numbers, width, "numbers")
    _columns(plan.compared, width, "compared")
    _columns([codes.column for codes in plan.codes], width, "codes")
    for codes in plan.codes:
        _scalars(codes.values, "codes.values")
        within = all(-SHIFT <= code < len(codes.values) for code in codes.refused)
        _need(within, "a code that no value has", "codes.refused")
    table = request.form == "table"
    _need(table or not (plan.numbers or plan.codes), f"columns of a request that is {request.form}", "request.form")
    for text in plan.texts:
        _need(0 <= text.column < width if table else text.column == -1, f"column {text.column}", "texts.column")
        _need(_distinct(text.prelude.vocabulary), "a term twice", "texts.vocabulary")
    _need(bool(plan.texts) == (request.form == "texts") or table, "texts, or none, against the form", "texts")
    _need(bool(plan.records) == (request.form == "records"), "records, or none, against the form", "records")
    for records in plan.records:
        _scalars(records.names, "records.names")
    inputs = [*(each.input for each in plan.texts), *(each.input for each in plan.records)]
    _need(_distinct(inputs) and "sparse" not in inputs, "two inputs of one name", "texts.input")


def _scalars(values: Iterable[Any], where: str) -> None:
    for value in values:
        if isinstance(value, Scalar):
            form = r"-?\d{1,4300}" if value.kind == "int" else _SCALAR
            _need(re.fullmatch(form, value.text) is not None, f"{value.text[:50]!r} is no number", where)
            if value.kind == "float":
                _float(value.text, where, nan=True)


def _float(text: str, where: str, *, nan: bool = False) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
        nan = False
    _need(nan or value == value, f"{text[:50]!r} is no number", where)
    return value


def _rules(rules: Sequence[Rule], plan: Plan, kinds: frozenset[str] | None, where: str) -> None:
    _need(len(rules) <= RULES, f"{len(rules)} rules", where)
    methods = {output.method for output in plan.outputs} | plan.absent.keys()
    for rule in rules:
        _need(kinds is None or rule.rule in kinds, f"{rule.rule} is no rule of the original", where)
        _need(all(0 <= column < plan.request.width for column in rule.columns), "a column that is not there", where)
        _need(set(rule.spared) <= methods, "a method that is not there", where)
        bounds = [each for each in (rule.low, rule.high) if each is not None]
        _need(bool(bounds) == (rule.rule in _BOUNDED), f"the bounds of {rule.rule}", where)
        for each in bounds:
            _float(each, where)


def _output(output: Output, limits: Limits) -> None:
    where = f"outputs.{output.method}"
    _need(output.method in METHODS, "not a method of models", where)
    names = [*output.outputs, *([output.refused] if output.refused else [])]
    _need(bool(output.outputs) and _distinct(names), "no output of the graph, or one twice", where)
    _need(output.sparse in ("", *SPARSE), f"the class {output.sparse[:50]!r}", where)
    _need(0 <= output.entries <= limits.components, f"{output.entries} columns", where)
    parts = 3 if output.entries else len(output.dtypes) if output.layout in ("arrays", "tuple") else 1
    _need(len(output.outputs) == parts, f"{len(output.outputs)} outputs of {parts}", where)
    _need(bool(output.dtypes), "no dtype", where)
    for text in (*output.dtypes, *([output.none] if output.none else [])):
        known = _NUMBER.fullmatch(text) or (output.labels and _TEXT.fullmatch(text))
        _need(bool(known), f"the dtype {text[:50]!r}", where)
    if output.layout == "frame":
        _need(len(output.columns) == len(output.dtypes) <= limits.components, "columns and their dtypes", where)
    listed = bool(output.labels) and output.entries > 0
    _need(not listed or [output.entries] == [len(each.values) for each in output.labels], "terms of entries", where)
    _need(not listed or output.layout in ("arrays", "records"), f"terms as a {output.layout}", where)
    _need(listed or output.layout != "records", "records of no entries", where)
    for labels in output.labels:
        _labels(labels, limits, where)


def _labels(labels: Labels, limits: Limits, where: str) -> None:
    """Check the classes of one output: so many, of a dtype that holds them."""
    known = _NUMBER.fullmatch(labels.dtype) or _TEXT.fullmatch(labels.dtype)
    _need(bool(known) and bool(labels.values), f"no classes, or the dtype {labels.dtype[:50]!r}", where)
    _scalars(labels.values, where)
    try:
        asked = np.dtype(labels.dtype).itemsize * len(labels.values)
        _need(asked <= limits.program_elements, f"classes of {asked} bytes", where)
        classes_of(labels)
    except (ValueError, TypeError, OverflowError) as error:
        raise FormatError("plan-invalid", f"classes that are no {labels.dtype}", where=where) from error


def _certified(methods: Sequence[str], certificate: Any) -> None:
    """Check that every method is certified, and as a program must be."""
    found = certificate.get("methods") if isinstance(certificate, Mapping) else None
    _need(isinstance(found, Mapping), "no methods", "certificate")
    for method in methods:
        one = found.get(method) if isinstance(found, Mapping) else None
        verdict = one.get("verdict") if isinstance(one, Mapping) else None
        _need(verdict in _GOOD, f"{method} is not certified", "certificate")
    _need(isinstance(certificate.get("runtime", {}), Mapping), "the runtime is no object", "certificate")


def _interface(plan: Plan, graph: Checked) -> None:
    """Check that the graph takes what the plan feeds, and gives what it names."""
    inputs, widths = _inputs(plan)
    for output in plan.outputs:
        for name in (*output.outputs, *([output.refused] if output.refused else [])):
            if name not in graph.outputs:
                raise FormatError("program-interface", f"{output.method}: no such output of the graph", where=name)
        _given(output, graph)
        for variant in output.variants:
            if absent := {*variant.outputs, *filter(None, [variant.refused])} - set(graph.outputs):
                where = min(absent)
                raise FormatError("program-interface", f"{output.method}: no such output of the graph", where=where)
            _need(len(variant.outputs) == len(output.outputs), "another number of outputs", output.method)
            _given(msgspec.structs.replace(output, outputs=variant.outputs, refused=variant.refused), graph)
    # outputs of methods that were dropped may stay in a graph
    check_interface(graph, inputs, list(graph.outputs))
    for name, width in widths.items():
        shape = graph.inputs[name].shape if name in graph.inputs else None
        if shape and len(shape) > 1 and shape[1] not in (-1, width):
            raise FormatError("program-interface", f"{shape[1]} columns, the plan gives {width}", where=name)


def _inputs(plan: Plan) -> tuple[dict[str, tuple[str, int]], dict[str, int]]:
    """Return dtype and axes of what is fed, and the columns of tables."""
    inputs = {"rows": ("int64", 1)}
    widths: dict[str, int] = {}
    entries = [*(each.input for each in plan.texts), *(each.input for each in plan.records)]
    if plan.request.form == "sparse":
        entries.append("sparse")
    for name in entries:
        inputs |= {f"{name}.data": (plan.precision, 1), f"{name}.column": ("int64", 1), f"{name}.row": ("int64", 1)}
    for name, dtype, width in (
        ("numbers", plan.precision, len(plan.numbers)), ("codes", "int64", len(plan.codes)),
        ("inverse", plan.precision, plan.inverse),
    ):  # fmt: skip
        if width:
            inputs[name], widths[name] = (dtype, 2), width
    return inputs, widths


def _given(output: Output, graph: Checked) -> None:
    """Check dtype and axes of the outputs of one method, as far as the graph declares them."""
    index = ("int64", {1, 2} if len(output.labels) == 1 else {2})
    wanted: list[tuple[str, tuple[str, set[int]]]] = []
    if output.refused:
        wanted.append((output.refused, ("bool", {1})))
    if output.labels and not output.entries:
        wanted += [(name, index) for name in output.outputs]
    if output.entries:
        wanted += [(name, ("int64", {1})) for name in output.outputs[1:]]
        wanted += [(output.outputs[0], ("", {1}))]
    for name, (dtype, axes) in wanted:
        found = graph.outputs[name]
        shaped = found.shape is None or len(found.shape) in axes
        if (dtype and found.dtype != dtype) or not shaped:
            raise FormatError(
                "program-interface", f"{output.method} needs {dtype}, the graph gives {found.dtype} {found.shape}",
                where=name,
            )  # fmt: skip
        if len(output.labels) > 1 and found.shape and found.shape[-1] not in (-1, len(output.labels)):
            raise FormatError("program-interface", f"labels of {len(output.labels)} columns", where=name)
    if any(graph.outputs[name].dtype == "string" for name in output.outputs):
        raise FormatError("program-interface", f"{output.method}: texts come out of the graph", where=output.outputs[0])
