"""What a verified artifact takes and gives, as the front must know it: `interface.Interface`, and the way back.

The form of a request is that of the recorded ordinary rows, as for `amber predict`; names, ranges and summaries are the
manifest's. Never a recorded value. `loading` calls it; `building` and `answering` work with what it returns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from amber.archive.manifest import InputInfo, Manifest, OutputInfo, Schema, Summary
from amber.cases import frames, tables
from amber.cases.ask import INVERSE
from amber.errors import UsageError
from amber.programs.plan import Plan
from amber.server.interface import Form, Input, Interface, Output, Route
from amber.server.wire.batch import MOST_OUTPUTS
from amber.server.worker.columns import Cell, dtype_text, has_gaps, numpy_dtype, served
from amber.tree.evidence import CLEAN_KINDS, Answer, Column, Evidence, Group

_ROWWISE = ("array", "arrays", "tuple", "csr", "frame", "series")
_DEFAULT = ("predict", "predict_proba")
_MAIN = "transform"  # of a model that predicts nothing, whatever else it answers


@dataclass(frozen=True)
class Request:
    """What a request looked like when it was recorded.

    Attributes:
        form: How its rows travel.
        layout: Of the recorded group.
        columns: Its tensors, those of an index left out.
        flat: It is one-dimensional, or a table of objects that travels as columns.
    """

    form: Form
    layout: str
    columns: list[Column]
    flat: bool = False


@dataclass(frozen=True)
class Method:
    """How the answer of a method becomes outputs.

    Attributes:
        name: Of the method.
        layout: Of its recorded answer.
        places: Of its outputs in `Interface.outputs`, one for each part of the answer.
        joined: All columns of a frame are one output.
    """

    name: str
    layout: str
    places: list[int]
    joined: bool = False


@dataclass(frozen=True)
class Described:
    """An interface and what the worker needs to know beside it."""

    interface: Interface
    request: Request
    methods: dict[str, Method]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Served:
    """What was verified: the methods of each form, its verdict, and the classes of its labels by method and column."""

    methods: dict[Route, list[str]]
    verdicts: dict[Route, str]
    classes: Mapping[str, list[list[Any]]]
    plan: Plan | None = None
    needed: frozenset[int] = frozenset()
    domain: Sequence[Any] = ()


def describe(
    manifest: Manifest, evidence: Evidence | None, found: Served, *, name: str, version: str, id: str, digest: str
) -> Described:
    """Return what a verified artifact takes and gives.

    Args:
        manifest: Its manifest.
        evidence: Its recorded cases.
        found: What was verified; the first route is the one that is served.
        name: Under which it is served.
        version: Likewise.
        id: Of the artifact.
        digest: BLAKE3 of its manifest.

    Raises:
        UsageError: `predict-no-cases`, `predict-layout`: what it takes is not known, or cannot be asked.
    """
    clean = [group for group in (evidence.groups if evidence else []) if group.kind in CLEAN_KINDS]
    if not clean:
        raise UsageError(
            "predict-no-cases", "the artifact records no ordinary rows, so the form of its inputs is not known",
            hint="save it again with sample=",
        )  # fmt: skip
    request = request_of(clean[0])
    asked = {method for methods in found.methods.values() for method in methods}
    outputs, methods, notes = _outputs(manifest, clean[0], asked, found)
    if not outputs:
        raise UsageError("predict-layout", "no method of the model answers row by row")
    interface = Interface(
        name=name, version=version, id=id, route=next(iter(found.methods)), form=request.form,
        inputs=_inputs(manifest, request, found), outputs=outputs, default=_default(methods, found),
        verdicts=found.verdicts, domain=[msgspec.to_builtins(rule) for rule in found.domain],
        methods={route: [each for each in names if each in methods] for route, names in found.methods.items()},
        platform="amber_onnx" if "program" in found.methods else "amber_original", digest=digest,
    )  # fmt: skip
    return Described(interface, request, methods, notes)


# -- what it takes -------------------------------------------------------------------------------------------------


def request_of(group: Group) -> Request:
    """Return the form of a recorded request.

    Raises:
        UsageError: `predict-layout`: it has no form that can be asked over the network.
    """
    columns = [column for column in group.inputs if column.parameters.get(frames.ROLE) != "index"]
    if not columns:
        raise UsageError("predict-layout", "rows without columns cannot be served")
    layout, first = group.layout, columns[0]
    if layout == "frame":
        return Request("columns", layout, columns)
    if layout == "csr":
        return Request("sparse", layout, columns)
    if layout == "strings":
        return Request("texts", layout, columns)
    if layout == "records":
        return Request("records", layout, columns)
    if layout in ("array", "series") and len(first.shape) <= 2:
        flat = len(first.shape) == 1
        datatype, cell = served(first)
        if flat and datatype == "BYTES":
            return Request("texts", layout, columns, flat=True)
        if cell == "object":  # a table of objects: each of its columns by itself
            return Request("columns", layout, _split(first), flat=True)
        return Request("matrix", layout, columns, flat=flat)
    raise UsageError("predict-layout", f"rows of layout {layout!r} and {len(first.shape)} dimensions cannot be served")


def _split(column: Column) -> list[Column]:
    width = column.shape[1] if len(column.shape) > 1 else 1
    rows = column.shape[:1]
    return [Column(f"x{place}", column.datatype, rows, b"", column.parameters) for place in range(width)]


def _inputs(manifest: Manifest, request: Request, found: Served) -> list[Input]:
    if request.form == "sparse":
        data = request.columns[0]
        width = int(str(data.parameters[tables.SHAPE]).split(",")[1])
        datatype = data.datatype if served(data)[1] == "float" else "FP64"
        return [_input("X", datatype, str(numpy_dtype(data)), "float", _info(manifest, 0), width=width)]
    if request.form == "records":
        return [_input(request.columns[0].name, "BYTES", "object", "object", _info(manifest, 0))]
    if request.form == "texts":
        info = _info(manifest, 0)
        return [_input(request.columns[0].name, "BYTES", "str", "object", info, missing=_missing(request, 0, info))]
    if request.form == "matrix":
        (column,) = request.columns
        datatype, cell = served(column)
        info, width = _info(manifest, 0), column.shape[1] if len(column.shape) > 1 else 1
        missing = cell == "float" and _missing(request, 0, info)
        return [_input(column.name, datatype, str(numpy_dtype(column)), cell, info, width=width, missing=missing)]
    return [_column(manifest, request, place, found) for place in range(len(request.columns))]


def _column(manifest: Manifest, request: Request, place: int, found: Served) -> Input:
    column = request.columns[place]
    info = None if request.flat else _info(manifest, place)
    datatype, cell = served(column)
    missing = _missing(request, place, info)
    if cell == "integer" and missing:
        cell = "object"
    dtype = numpy_dtype(column)
    text = dtype_text(column) if dtype is None else "str" if dtype.kind == "U" else str(dtype)
    return _input(
        column.name, datatype, text, cell, info, missing=missing, required=not _spare(place, found),
    )  # fmt: skip


def _input(
    name: str, datatype: str, dtype: str, cell: Any, info: InputInfo | None, **more: Any
) -> Input:  # `more`: width, missing, required
    schema, summary = (_plain(info.schema), _plain(info.summary)) if info is not None else ({}, {})
    return Input(name=name, datatype=datatype, dtype=dtype, cell=cell, schema=schema, summary=summary, **more)


def _plain(part: Schema | Summary | None) -> dict[str, Any]:
    """Return a part of the manifest as JSON has it: lists, no tuples."""
    plain: dict[str, Any] = {} if part is None else msgspec.json.decode(msgspec.json.encode(part))
    return plain


def _info(manifest: Manifest, place: int) -> InputInfo | None:
    return manifest.inputs[place] if place < len(manifest.inputs) else None


def _missing(request: Request, place: int, info: InputInfo | None) -> bool:
    """Whether the model was seen to take a missing value there."""
    if has_gaps(request.columns[place]):
        return True
    if info is None:
        return False
    kinds = info.schema.kinds if info.schema is not None else None
    gone = info.summary.missing if info.summary is not None else 0
    return "missing" in (kinds or ()) or float(gone) > 0


def _spare(place: int, found: Served) -> bool:
    """Whether every form that is served answers without the column."""
    plan = found.plan
    return plan is not None and "original" not in found.methods and plan.request.partial and place not in found.needed


# -- what it gives -------------------------------------------------------------------------------------------------


def _outputs(
    manifest: Manifest, group: Group, asked: set[str], found: Served
) -> tuple[list[Output], dict[str, Method], list[str]]:
    outputs: list[Output] = []
    methods: dict[str, Method] = {}
    notes: list[str] = []
    for answer in group.answers:
        if answer.method not in asked or answer.method == INVERSE:
            continue
        made = _of_method(manifest, answer, group.rows, found)
        if not made:
            notes.append(f"{answer.method} is not served: it does not answer row by row")
        elif len(outputs) + len(made) > MOST_OUTPUTS:
            notes.append(f"{answer.method} is not served: more than {MOST_OUTPUTS} outputs in all")
        else:
            joined = answer.layout == "frame" and len(made) < len(_body(answer))
            places = list(range(len(outputs), len(outputs) + len(made)))
            methods[answer.method] = Method(answer.method, answer.layout, places, joined)
            outputs += made
    return outputs, methods, notes


def _of_method(manifest: Manifest, answer: Answer, rows: int, found: Served) -> list[Output]:
    """Return the outputs of one method; none where its answer is not one for each row."""
    if answer.layout not in _ROWWISE:
        return []
    infos = [info for info in manifest.outputs if info.method == answer.method]
    batching = manifest.batching.get(answer.method, {})
    body = _body(answer)
    if answer.layout == "csr":
        width = int(str(body[0].parameters[tables.SHAPE]).split(",")[1])
        body = [msgspec.structs.replace(body[0], shape=(rows, width))]
    classes = found.classes.get(answer.method)
    if classes and (len(body) > 1 or len(classes) != (body[0].shape[1] if len(body[0].shape) > 1 else 1)):
        return []
    if any(column.shape[:1] != (rows,) or 0 in column.shape[1:] for column in body) or len(infos) < len(body):
        return []
    if answer.layout == "frame" and len(body) > 1 and len({numpy_dtype(column) for column in body}) == 1:
        return [_joined(answer.method, body, batching)] if numpy_dtype(body[0]) is not None else []
    return [_output(answer.method, column, info, batching, classes) for column, info in zip(body, infos, strict=False)]


def _output(method: str, column: Column, info: OutputInfo, batching: Any, classes: list[list[Any]] | None) -> Output:
    datatype, cell = _given(column)
    kind: Any = cell
    lists: list[list[Any]] = []
    if classes:
        kind, lists = "label", classes
    elif info.classes is not None and len(info.classes) == (column.shape[1] if len(column.shape) > 1 else 1):
        lists = [list(info.classes)]
    return Output(
        method=method, name=info.name, datatype=datatype, dtype=info.dtype, cell=kind,
        shape=list(column.shape[1:]), classes=lists, batching=batching,
        summary=_plain(info.summary),
    )  # fmt: skip


def _joined(method: str, body: list[Column], batching: Any) -> Output:
    """A frame of one dtype: one output whose last dimension are its columns."""
    datatype, cell = _given(body[0])
    names = [str(frames.label_of(column)) for column in body]
    return Output(
        method=method, name=method, datatype=datatype, dtype=str(numpy_dtype(body[0])), cell=cell, shape=[len(body)],
        classes=[names], batching=batching,
    )  # fmt: skip


def _given(column: Column) -> tuple[str, Cell]:
    """Datatype and cell of an answer: booleans travel as integers."""
    datatype, cell = served(column)
    return datatype, "integer" if numpy_dtype(column) == np.dtype(bool) else cell


def _body(answer: Answer) -> list[Column]:
    columns = [column for column in answer.columns if column.parameters.get(frames.ROLE) != "index"]
    return columns[:1] if answer.layout in ("csr", "series") else columns


def _default(methods: Mapping[str, Method], found: Served) -> list[int]:
    """Places of what a request gets that names no outputs."""
    first = next(iter(found.methods.values()))
    known = [name for name in methods if name in first] or list(methods)
    chosen = [name for name in _DEFAULT if name in known] or ([_MAIN] if _MAIN in known else known[:1])
    return [place for name in chosen for place in methods[name].places]
