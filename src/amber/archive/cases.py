"""Recorded cases as members: one group <-> `cases/<id>.json` and `cases/<id>.bin` (`spec/cases.md`).

The JSON holds a legal Open Inference request and response; the other file holds the tensors of the request, then of
the response, then of the inner steps, each packed as the binary tensor extension wants them.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator, Sequence

import msgspec

from amber.archive import canonical
from amber.errors import FormatError, LimitError, SaveError
from amber.limits import Limits
from amber.tree.evidence import Answer, Column, Group, StepOutput

GROUP_ID = re.compile(r"g[0-9]{3,6}")
KIND = re.compile(r"[a-z][a-z-]{0,31}")
METHOD = re.compile(r"[a-z_][a-z0-9_]{0,63}")
LAYOUTS = ("frame", "series", "array", "csr", "strings", "records", "values", "arrays", "tuple", "scalar")
# Bytes of one element; BYTES elements carry their own length.
ITEM_BYTES = {
    "BOOL": 1, "UINT8": 1, "INT8": 1, "UINT16": 2, "INT16": 2, "FP16": 2, "UINT32": 4, "INT32": 4, "FP32": 4,
    "UINT64": 8, "INT64": 8, "FP64": 8, "BYTES": 0,
}  # fmt: skip
MAX_ELEMENTS = 2**22  # BYTES elements of one tensor: each costs a Python step to check
MAX_TEXT = 65_536  # characters of a name or a path; parameters are bounded by the member
SIZE = "binary_data_size"

Parameters = dict[str, str | int | bool]


class _Strict(msgspec.Struct, forbid_unknown_fields=True):
    """Base: an unknown key is an error."""


class _Tensor(_Strict):
    name: str
    datatype: str
    shape: list[int]
    parameters: Parameters


class _Request(_Strict):
    id: str
    inputs: list[_Tensor]
    parameters: Parameters


class _Response(_Strict):
    id: str
    model_name: str
    outputs: list[_Tensor]


class _Answer(_Strict, omit_defaults=True):
    method: str
    layout: str = ""
    outputs: int = 0
    refusal: str = ""
    repeatable: bool = True
    labels: bool = False
    single: bool = False
    relative: str = ""
    absolute: str = ""
    knife_edge: list[int] = []


class _Step(_Strict):
    path: str
    layout: str
    outputs: list[_Tensor]


class _Case(_Strict):
    answers: list[_Answer]
    kind: str
    layout: str
    request: _Request
    response: _Response
    rows: int
    steps: list[_Step]
    synthetic: bool


_decoder = msgspec.json.Decoder(_Case)


def encode_group(group: Group) -> tuple[bytes, list[memoryview | bytes]]:
    """Return the JSON member and the buffers of the binary member of a group, in order.

    Raises:
        SaveError: A name cannot be written as JSON.
    """
    buffers: list[memoryview | bytes] = []

    def tensor(column: Column) -> _Tensor:
        buffers.append(column.data)
        size = memoryview(column.data).nbytes
        return _Tensor(column.name, column.datatype, list(column.shape), {**column.parameters, SIZE: size})

    inputs = [tensor(column) for column in group.inputs]
    outputs = [tensor(column) for answer in group.answers for column in answer.columns]
    steps = [_Step(step.path, step.layout, [tensor(c) for c in step.columns]) for step in group.steps]
    methods = ",".join(answer.method for answer in group.answers)
    case = _Case(
        answers=[_summary(answer) for answer in group.answers],
        kind=group.kind,
        layout=group.layout,
        request=_Request(group.id, inputs, {"amber.methods": methods, "binary_data_output": True}),
        response=_Response(group.id, "model", outputs),
        rows=group.rows,
        steps=steps,
        synthetic=group.synthetic,
    )
    try:
        return canonical.encode(case), buffers
    except SaveError as error:
        raise SaveError("cases-name", f"a column name is not text: {error.message}", where=group.id) from error


def _summary(answer: Answer) -> _Answer:
    return _Answer(
        method=answer.method,
        layout=answer.layout,
        outputs=len(answer.columns),
        refusal=answer.refusal,
        repeatable=answer.repeatable,
        labels=answer.labels,
        single=answer.single,
        relative=answer.relative,
        absolute=answer.absolute,
        knife_edge=list(answer.knife_edge),
    )


def decode_group(group_id: str, description: memoryview | bytes, data: memoryview | bytes, limits: Limits) -> Group:
    """Return the group of two members, every size and every reference checked.

    Args:
        group_id: The file name without its ending; the request must carry it as its id.
        description: Bytes of `cases/<id>.json`.
        data: Bytes of `cases/<id>.bin`; the columns are views of it.
        limits: The reader's caps.

    Raises:
        FormatError: Codes `cases-...`; the members are not a group.
        LimitError: `cases-too-large`.
    """
    where = f"cases/{group_id}.json"
    view = memoryview(data).cast("B") if memoryview(data).nbytes else memoryview(b"")
    size = memoryview(description).nbytes + view.nbytes
    if size > limits.cases_bytes:
        raise LimitError("cases-too-large", f"{size} bytes, {limits.cases_bytes} are allowed", where=where)
    case: _Case = canonical.decode(_decoder, description, "cases", where)
    _check_ids(case, group_id, where)
    reader = _Reader(view, limits, where)
    inputs = [reader.column(tensor) for tensor in case.request.inputs]
    outputs = [reader.column(tensor) for tensor in case.response.outputs]
    steps = [
        StepOutput(step.path, _layout(step.layout, where), [reader.column(t) for t in step.outputs])
        for step in case.steps
    ]
    reader.finish()
    group = Group(
        id=group_id,
        kind=case.kind,
        layout=_layout(case.layout, where),
        rows=case.rows,
        inputs=inputs,
        answers=_answers(case.answers, outputs, where),
        synthetic=case.synthetic,
        steps=steps,
    )
    _check_rows(group, where)
    methods = ",".join(answer.method for answer in group.answers)
    if case.request.parameters != {"amber.methods": methods, "binary_data_output": True}:
        raise FormatError("cases-invalid", "the request's parameters do not name the answers", where=where)
    return group


def _check_ids(case: _Case, group_id: str, where: str) -> None:
    if not GROUP_ID.fullmatch(group_id) or case.request.id != group_id or case.response.id != group_id:
        raise FormatError("cases-id", "the ids inside differ from the member's name", where=where)
    if case.response.model_name != "model":
        raise FormatError("cases-invalid", "model_name must be 'model'", where=where)
    if not KIND.fullmatch(case.kind):
        raise FormatError("cases-invalid", f"{case.kind!r} is not the name of a kind", where=where)
    if any(len(step.path) > MAX_TEXT for step in case.steps):
        raise FormatError("cases-invalid", "a step's path is too long", where=where)


def _layout(layout: str, where: str) -> str:
    if layout not in LAYOUTS:
        raise FormatError("cases-layout", f"{layout!r} is not a layout", where=where)
    return layout


def _answers(summaries: Sequence[_Answer], outputs: Sequence[Column], where: str) -> list[Answer]:
    """Share the response's tensors out to the methods, in order and without a rest."""
    answers: list[Answer] = []
    used = 0
    for item in summaries:
        if not METHOD.fullmatch(item.method) or any(item.method == other.method for other in answers):
            raise FormatError("cases-method", f"{item.method!r} is not a method's name, or twice", where=where)
        answered = bool(item.layout)
        if answered != (not item.refusal and item.repeatable) or (not answered and item.outputs):
            raise FormatError("cases-answer", f"{item.method} both answers and does not", where=where)
        if not 0 <= item.outputs <= len(outputs) - used or len(item.refusal) > 256:
            raise FormatError("cases-answer", f"{item.method} claims more outputs than there are", where=where)
        for text in (item.relative, item.absolute):
            if text and (not canonical.is_float_text(text, finite=True) or float(text) < 0):
                raise FormatError("cases-tolerance", f"{text!r} is not a tolerance", where=where)
        answers.append(
            Answer(
                method=item.method,
                layout=_layout(item.layout, where) if answered else "",
                columns=list(outputs[used : used + item.outputs]),
                refusal=item.refusal,
                repeatable=item.repeatable,
                labels=item.labels,
                single=item.single,
                relative=item.relative,
                absolute=item.absolute,
                knife_edge=item.knife_edge,
            )
        )
        used += item.outputs
    if used != len(outputs):
        raise FormatError("cases-answer", "outputs belong to no method", where=where)
    return answers


def _check_rows(group: Group, where: str) -> None:
    """Rows fit the inputs, and the marked rows are rows."""
    if not 0 <= group.rows <= MAX_ELEMENTS:
        raise FormatError("cases-rows", f"{group.rows} rows", where=where)
    if group.layout in ("frame", "array", "series", "strings", "records", "values"):
        for column in group.inputs:
            if not column.shape or column.shape[0] != group.rows:
                raise FormatError("cases-rows", "an input has another number of rows", where=where)
    for answer in group.answers:
        marked = answer.knife_edge
        if any(not 0 <= row < group.rows for row in marked) or sorted(set(marked)) != marked:
            raise FormatError("cases-rows", "knife_edge must be ascending rows of the group", where=where)
        if marked and not answer.layout:
            raise FormatError("cases-rows", f"{answer.method} marks rows it does not answer", where=where)


class _Reader:
    """Hands out the binary member from front to back, every size checked against shape and datatype."""

    def __init__(self, view: memoryview, limits: Limits, where: str) -> None:
        self.view = view
        self.limits = limits
        self.where = where
        self.offset = 0

    def column(self, tensor: _Tensor) -> Column:
        size = tensor.parameters.pop(SIZE, None)
        if type(size) is not int or not 0 <= size <= self.view.nbytes - self.offset:
            raise self._error("cases-size", f"{tensor.name!r} does not fit into the binary member")
        if len(tensor.name) > MAX_TEXT:
            raise self._error("cases-invalid", "a tensor's name is too long")
        if any(type(v) is int and abs(v) > canonical.SAFE_INTEGER for v in tensor.parameters.values()):
            raise self._error("cases-invalid", f"a parameter of {tensor.name!r} is too large")
        data = self.view[self.offset : self.offset + size]
        self.offset += size
        self._check_size(tensor, data)
        return Column(tensor.name, tensor.datatype, tuple(tensor.shape), data, tensor.parameters)

    def finish(self) -> None:
        if self.offset != self.view.nbytes:
            raise self._error("cases-size", f"{self.view.nbytes - self.offset} bytes belong to no tensor")

    def _check_size(self, tensor: _Tensor, data: memoryview) -> None:
        shape = tensor.shape
        if tensor.datatype not in ITEM_BYTES:
            raise self._error("cases-datatype", f"{tensor.datatype!r} is not a datatype")
        if len(shape) > self.limits.tensor_rank or any(not 0 <= n < 2**31 for n in shape):
            raise self._error("cases-shape", f"{tensor.name!r} has an impossible shape")
        count = math.prod(shape)
        if tensor.datatype == "BYTES":
            self._check_elements(tensor.name, count, data)
        elif count * ITEM_BYTES[tensor.datatype] != data.nbytes:
            raise self._error("cases-size", f"{tensor.name!r} has not the bytes of its shape")
        elif tensor.datatype == "BOOL" and bytes(data).translate(None, b"\x00\x01"):
            raise self._error("cases-value", f"{tensor.name!r} holds a boolean that is neither 0 nor 1")

    def _check_elements(self, name: str, count: int, data: memoryview) -> None:
        if count > MAX_ELEMENTS or count * 4 > data.nbytes:
            raise self._error("cases-size", f"{name!r} has too many elements")
        found = 0
        for _ in elements(data, self.where):
            found += 1
        if found != count:
            raise self._error("cases-size", f"{name!r} has {found} elements, its shape says {count}")

    def _error(self, code: str, message: str) -> FormatError:
        return FormatError(code, message, where=self.where)


def elements(data: memoryview, where: str) -> Iterator[memoryview]:
    """Yield the elements of a packed BYTES tensor: each a little-endian u32 length, then that many bytes.

    Raises:
        FormatError: `cases-size`: an element ends beyond the tensor.
    """
    unpack = struct.Struct("<I").unpack_from
    offset, end = 0, data.nbytes
    while offset < end:
        if end - offset < 4:
            raise FormatError("cases-size", "a length is cut off", where=where)
        start = offset + 4
        offset = start + unpack(data, offset)[0]
        if offset > end:
            raise FormatError("cases-size", "an element is cut off", where=where)
        yield data[start:offset]
