"""A model's tree as an ONNX graph of Amber's own: `emit(...)` -> bytes and what stands before and behind them.

In: an audited tree, and the form of its request. Out: `Emitted`. Called by `models.freeze`. One file per family holds
the emitters (`trees.py`, `linear.py` ...); `flow.py` finds them and collects what they need of a request; `graph.py`
is the graph; `view.py` reads the tree. Nothing of the model's library is imported, and emission is a pure function of
the tree: the same model gives the same bytes in any process.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from amber.programs import plan as plans
from amber.programs.emit import flow
from amber.programs.emit.flow import Answer, Context, Functions, Labels, Scores, Terms
from amber.programs.emit.graph import Precision, Tensor, Unsupported
from amber.programs.emit.values import Coded, Matrix, Raw, Sparse, Texts, Value
from amber.programs.emit.view import Leaf, Model
from amber.tree.nodes import Tree


@dataclass(frozen=True)
class Part:
    """One output of the graph that belongs to a method; `classes` where it is an index into them."""

    name: str
    dtype: str
    classes: tuple[Any, ...] = ()
    entries: int = 0  # columns of the table whose entries this and the two parts after it are


@dataclass(frozen=True)
class Emitted:
    """The graph, and the parts of the plan that follow from the tree alone."""

    graph: bytes
    methods: dict[str, list[Part]]
    numbers: list[int]
    codes: list[plans.Codes]
    texts: list[plans.Text]
    rules: list[plans.Rule]
    refused: dict[str, str]  # by method: the output that says which rows an inner step refuses
    variants: dict[str, list[plans.Variant]]  # by method: its outputs for rows of other dtypes
    inverse: int
    widest: int  # numbers that some step holds for each row
    absent: dict[str, str] = field(default_factory=dict)
    records: list[plans.Records] = field(default_factory=list)
    compared: list[int] = field(default_factory=list)


def load_families() -> None:
    """Import every family, so that all emitters are registered: every file of this folder."""
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda each: each.name):
        importlib.import_module(f"{__name__}.{module.name}")  # noqa: TID251 - files of this folder


def emit(
    tree: Tree, leaf: Leaf, *, form: str, width: int, methods: Sequence[str], precision: Precision = "float64",
    inverse: int = 0, functions: Functions | None = None, versions: Mapping[str, str] | None = None,
) -> Emitted:  # fmt: skip
    """Emit the methods of a model.

    Args:
        tree: The audited tree.
        leaf: Gives the plain value of a leaf node (arrays, scalars, dtypes).
        form: What a request is: `table`, `texts`, `records` or `sparse`.
        width: Columns of a request.
        methods: Those wanted; one without a form as a graph is absent, with the reason.
        precision: What numbers are computed in.
        inverse: Columns of the request of `inverse_transform`.
        functions: Gives a function of the caller's own by its name, for tracing; raises `Unsupported` for others.
        versions: Of the libraries the model answers with; what is not said counts as the newest.

    Raises:
        Unsupported: No method has a form.
    """
    load_families()
    model = Model(tree, leaf)
    context = Context(model, form, width, precision)
    context.functions = functions
    context.versions = versions or {}
    found: dict[str, list[Part]] = {}
    absent: dict[str, str] = {}
    refused: dict[str, str] = {}
    variants: dict[str, list[plans.Variant]] = {}
    for method in methods:
        try:
            found[method], refused[method] = _method(context, model.root(), method, inverse)
        except Unsupported as error:
            absent[method] = str(error)
            continue
        for rows in sorted(context.asked):
            parts, flags = _method(context, model.root(), method, inverse, rows)
            made = plans.Variant(rows=_DTYPES[rows], outputs=[part.name for part in parts], refused=flags)
            variants.setdefault(method, []).append(made)
    if not found:
        raise Unsupported("; ".join(sorted(set(absent.values()))))
    data = context.graph.finished()
    return Emitted(
        graph=data, methods=found, absent=absent, numbers=sorted(context.numbers), codes=_codes(context),
        texts=context.texts, rules=_rules(context, list(found)), refused=refused, variants=variants,
        inverse=inverse, widest=context.graph.widest, records=context.records,
        compared=sorted(context.compared),
    )  # fmt: skip


def request_value(context: Context) -> Value:
    """Return what a request is before any step."""
    if context.form in ("texts", "records"):
        return Texts(None)
    if context.form == "sparse":
        return context.entries("sparse", context.width)
    return Raw(tuple(range(context.width)))


_DTYPES: dict[int, Literal["float32", "integers"]] = {
    plans.SINGLE: "float32",
    plans.INTEGERS: "integers",
}


def _method(context: Context, root: Any, method: str, inverse: int, rows: int = 0) -> tuple[list[Part], str]:
    """Emit one method, for rows of one dtype; return its outputs, and the one that flags refused rows."""
    context.begin(method, rows)
    answer = _answer(context, root, method, request_value(context), inverse)
    name = f"{method}.{_DTYPES[rows]}" if rows else method
    parts = _named(context, method, answer, name)
    flags = context.refused()
    if flags is None:
        return parts, ""
    context.graph.output(f"{name}.refused", flags, ["N"])
    return parts, f"{name}.refused"


def _answer(context: Context, root: Any, method: str, value: Value, inverse: int) -> Answer:
    if method != plans.INVERSE:
        return context.ask(root, method, value)
    given = context.graph.input("inverse", context.graph.precision, ["N", inverse])
    return context.inverse(root, Matrix(given, inverse))


def _named(context: Context, method: str, answer: Answer, title: str) -> list[Part]:
    """Name the outputs of one method: its title, or `predict_proba.0`, `predict_proba.1` where there are several."""
    graph = context.graph
    if isinstance(answer, Labels):
        one = None if method == plans.INVERSE else ["N"]
        graph.output(
            title,
            answer.index,
            one if len(answer.classes) == 1 else ["N", len(answer.classes)],
        )
        return [Part(title, "int64", answer.classes)]
    if isinstance(answer, Scores):
        tensors: Sequence[Tensor] = answer.tensors
        several = len(tensors) > 1 or answer.listed
    elif isinstance(answer, Terms):
        first, *others = _entries(context, title, answer.entries)
        return [replace(first, classes=(answer.known,)), *others]
    elif isinstance(answer, Sparse):
        return _entries(context, title, answer)
    else:
        if isinstance(answer, Coded | Texts):
            raise Unsupported(f"{method} answers texts")
        tensors, several = [context.matrix(answer).tensor], False
    parts = []
    for position, tensor in enumerate(tensors):
        name = f"{title}.{position}" if several else title
        graph.output(name, tensor)
        parts.append(Part(name, tensor.dtype))
    return parts


def _entries(context: Context, title: str, answer: Sparse) -> list[Part]:
    """Name the entries of a sparse answer: spread out, a million columns would fill the memory."""
    parts = []
    for name in ("data", "column", "row"):
        tensor: Tensor = getattr(answer, name)
        context.graph.output(f"{title}.{name}", tensor)
        parts.append(Part(f"{title}.{name}", tensor.dtype, entries=answer.width))
    return parts


def _codes(context: Context) -> list[plans.Codes]:
    return [
        plans.Codes(
            column=each.column,
            values=[plans.category(_plain(value)) for value in each.values],
            refused=flow.refused_codes(each),
        )
        for each in sorted(context.codes, key=lambda one: one.column)
    ]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _rules(context: Context, methods: list[str]) -> list[plans.Rule]:
    """Group the rules: columns and methods that keep the same ones together, in the order of their names."""
    keepers: dict[tuple[flow.Rule, int], set[str]] = {}
    for rule, columns, method in context.rules:
        for column in columns:
            keepers.setdefault((rule, column), set()).add(method)
    # `inverse_transform` takes other rows, about which no rule is
    others = [method for method in methods if method != plans.INVERSE]
    grouped: dict[tuple[flow.Rule, tuple[str, ...]], list[int]] = {}
    for (rule, column), kept in sorted(keepers.items()):
        spared = tuple(sorted(method for method in others if method not in kept))
        if len(spared) < len(others):
            grouped.setdefault((rule, spared), []).append(column)
    return [plans.Rule(rule=key[0], columns=grouped[key], spared=list(key[1])) for key in sorted(grouped)]
