"""A request of the Open Inference Protocol v2: JSON, with binary tensors behind it where the client likes.

A fast lane first: one row of named inputs, or one FP64 matrix, as the metadata describes them; whatever is not so
simple goes the long way, which finds and names what is wrong.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final, Literal, NamedTuple

import msgspec

from amber.errors import shown
from amber.server.exchange import Asked, Failure
from amber.server.formats import bodies
from amber.server.formats.columns import Cells
from amber.server.formats.kinds import packer
from amber.server.formats.plan import ROUTES, Plan, plan_of
from amber.server.formats.tensors import (
    Parameters,
    Tensor,
    bad,
    flat,
    kind_of,
    rows_of,
    take_json,
    take_raw,
    text_of,
)
from amber.server.interface import Interface, Route

TENSORS: Final = 1024
_ID_CHARS: Final = 200
_KNOWN: Final = 256  # heads remembered of one version; beyond, all are forgotten
_KNOWN_BYTES: Final = 1024  # of one of them
_ROUTE: Final = "amber.route"
_ONE: Final = ([1], [1, 1])
_LIST: Final = frozenset({list})
_FLOAT: Final = frozenset({float})
_NUMBERS: Final = frozenset({float, int})
_UNSIGNED: Final[dict[int, Literal["B", "H", "I", "Q"]]] = {1: "B", 2: "H", 4: "I", 8: "Q"}
_REFUSED: Final = ("shared_memory_region", "classification")


class Wanted(msgspec.Struct, gc=False):
    """One element of `outputs`."""

    name: str
    parameters: Parameters | None = None


class Request(msgspec.Struct, gc=False):
    """The JSON of an inference request; keys that are not known are ignored, as the protocol's servers do."""

    inputs: list[Tensor]
    id: str | None = None
    parameters: Parameters | None = None
    outputs: list[Wanted] | None = None


class Flat(Tensor, gc=False):
    """An input whose values are flat numbers: the decoder itself looks at their types, and makes floats of them."""

    data: list[float]


class FlatRequest(Request, gc=False):
    """A request with such inputs alone."""

    inputs: list[Flat]  # type: ignore[assignment]


class Reply(NamedTuple):
    """How the answer is written.

    `order`: the outputs in the caller's order, by their places in `Asked.outputs`. `binary`: which follow as bytes.
    """

    order: tuple[int, ...]
    binary: tuple[bool, ...]


Options = tuple[tuple[int, ...], Reply | None, Route | None]  # outputs, how they are written, the route


class Known(NamedTuple):
    """What the JSON before binary tensors says. `rows`, `size`: of one FP64 matrix that is all of it, else zeros."""

    request: Request
    options: Options
    rows: int
    size: int


_decode = msgspec.json.Decoder(Request).decode
_decode_flat = msgspec.json.Decoder(FlatRequest).decode


def decode(interface: Interface, body: bytes, header_length: int | None = None, *, tensors: int = TENSORS) -> Asked:
    """Read an inference request.

    Args:
        interface: Of the version that is asked.
        body: All of it.
        header_length: `Inference-Header-Content-Length`: bytes of JSON, before binary tensors; 0: the body is the
            only input, as bytes; None: all is JSON.
        tensors: How many inputs a request may have, where the model has not more itself.

    Raises:
        Failure: 400 or 422.
    """
    plan = plan_of(interface)
    if header_length == 0:
        return _whole(plan, body)
    if header_length is not None:
        if not 0 < header_length <= len(body):
            message = f"the JSON shall have {header_length} bytes, the body has {len(body)}"
            raise Failure(400, "body-malformed", message, hint="Inference-Header-Content-Length counts bytes of JSON")
        return _binary(plan, body, header_length, tensors)
    flat = _flat_matrix(plan, body) if plan.plain else None
    request: Request = bodies.read(_decode, body) if flat is None else flat[0]
    bodies.check_keys(body, _keys(request))
    outputs, reply, route = plan.default, None, None
    if request.outputs or request.parameters is not None or request.id is not None:
        outputs, reply, route = _options(plan, request)
    if flat is not None:
        return Asked(flat[1], flat[2], (), outputs, route, request.id, reply)
    if len(request.inputs) == len(plan.columns):
        found = _one_matrix(plan, request.inputs[0]) if plan.plain else _one_row(plan, request.inputs)
        if found is not None:
            return Asked(found[0], found[1], found[2], outputs, route, request.id, reply)
    return _any(plan, request, (outputs, reply, route), None, tensors)


def _any(plan: Plan, request: Request, options: Options, tail: memoryview | None, tensors: int) -> Asked:
    """Whatever inputs a request has; `tail`: what follows its JSON."""
    inputs = request.inputs
    if len(inputs) > max(tensors, len(plan.columns)):
        raise Failure(400, "tensor-malformed", f"{len(inputs)} inputs came, at most {tensors} are read")
    rows, taken = _long_way(plan, inputs, _raws(inputs, tail))
    outputs, reply, route = options
    return plan.asked(rows, taken, outputs=outputs, route=route, id=request.id, reply=reply)


def _binary(plan: Plan, body: bytes, length: int, tensors: int) -> Asked:
    """JSON with the bytes of tensors behind it.

    What the JSON says is a pure function of its bytes, and clients send the same over and over: it is remembered.
    """
    text, tail = body[:length], memoryview(body)[length:]
    known: Known | None = plan.known.get(text)
    if known is None:
        known = _known(plan, text)
    if known.size and known.size == len(tail):
        outputs, reply, route = known.options
        return Asked(known.rows, tail, (), outputs, route, known.request.id, reply)
    return _any(plan, known.request, known.options, tail, tensors)


def _known(plan: Plan, text: bytes) -> Known:
    request: Request = bodies.read(_decode, text)
    bodies.check_keys(text, _keys(request))
    known = Known(request, _options(plan, request), *_raw_matrix(plan, request))
    if len(text) <= _KNOWN_BYTES and request.id is None:
        if len(plan.known) >= _KNOWN:
            plan.known.clear()
        plan.known[text] = known
    return known


def _raw_matrix(plan: Plan, request: Request) -> tuple[int, int]:
    """Rows and bytes of a request that is one FP64 matrix, for a model that takes one; zeros of any other."""
    if not plan.plain or len(request.inputs) != 1:
        return 0, 0
    tensor, column = request.inputs[0], plan.columns[0]
    shape, size = tensor.shape, (tensor.parameters or {}).get("binary_data_size")
    if tensor.datatype != "FP64" or tensor.name != column.name or tensor.data is not msgspec.UNSET:
        return 0, 0
    if len(shape) != 2 or shape[1] != column.width or shape[0] < 1 or len(tensor.parameters or {}) != 1:
        return 0, 0
    return (shape[0], size) if type(size) is int and size == 8 * shape[0] * shape[1] else (0, 0)


def _keys(request: Request) -> int:
    """How many keys of the JSON were read."""
    inputs, parameters, outputs = request.inputs, request.parameters, request.outputs
    keys = 1 + 4 * len(inputs)
    for each in inputs:
        if each.data is msgspec.UNSET:
            keys -= 1
        if each.parameters is not None:
            keys += 1 + len(each.parameters)
    if request.id is not None:
        keys += 1
    if parameters is not None:
        keys += 1 + len(parameters)
    if outputs is not None:
        keys += 1 + sum([1 + (0 if each.parameters is None else 1 + len(each.parameters)) for each in outputs])
    return keys


def _flat_matrix(plan: Plan, text: bytes) -> tuple[Request, int, bytes] | None:
    """A request, its rows and their cells, where it is one flat FP64 matrix; None: it is to be read as any other."""
    try:
        request: FlatRequest = _decode_flat(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if len(request.inputs) != 1:
        return None
    tensor, column = request.inputs[0], plan.columns[0]
    shape, data = tensor.shape, tensor.data
    if tensor.datatype != "FP64" or tensor.name != column.name or tensor.parameters is not None or not data:
        return None
    if len(shape) != 2 or shape[1] != column.width or shape[0] * shape[1] != len(data):
        return None
    return request, shape[0], packer("d", len(data))(*data)


def _one_matrix(plan: Plan, tensor: Tensor) -> tuple[int, bytes, Sequence[list[Any]]] | None:
    """Rows of FP64, in lists of their own, for a model that takes rows of FP64; None: the long way."""
    data, column = tensor.data, plan.columns[0]
    if tensor.datatype != "FP64" or tensor.name != column.name or type(data) is not list:
        return None
    shape = tensor.shape
    if len(shape) != 2 or shape[1] != column.width or not data or tensor.parameters is not None:
        return None
    rows = shape[0]
    count = rows * column.width
    if len(data) != rows or set(map(type, data)) != _LIST or set(map(len, data)) != {shape[1]}:
        return None
    data = data[0] if rows == 1 else list(chain.from_iterable(data))
    types = set(map(type, data))
    if types != _FLOAT and not types <= _NUMBERS:
        return None
    try:
        return rows, packer("d", count)(*data), ()
    except struct.error:  # an integer beyond every double
        return None


def _one_row(plan: Plan, inputs: Sequence[Tensor]) -> tuple[int, bytes, Sequence[list[Any]]] | None:
    """One row of named inputs, in the model's order and datatypes; None: the long way."""
    if not plan.lone.possible:
        return None
    values = []
    for tensor, column in zip(inputs, plan.columns, strict=True):
        data = tensor.data
        if tensor.datatype != column.datatype or tensor.name != column.name or tensor.shape not in _ONE:
            return None
        if type(data) is not list or len(data) != 1 or tensor.parameters is not None:
            return None
        values.append(data[0])
    taken = plan.lone.take(values)
    return None if taken is None else (1, taken[0], taken[1])


def _raws(inputs: Sequence[Tensor], tail: memoryview | None) -> dict[int, memoryview]:
    """The bytes of each tensor that has its values behind the JSON; all of them must be used."""
    found: dict[int, memoryview] = {}
    offset, end = 0, 0 if tail is None else len(tail)
    for place, tensor in enumerate(inputs):
        parameters = tensor.parameters
        if parameters is None:
            continue
        for name in _REFUSED:
            if name in parameters:
                raise bad(tensor, f"the parameter `{name}` is not supported", hint="send the values in the body")
        size = parameters.get("binary_data_size")
        if size is None:
            continue
        if type(size) is not int or size < 0:
            raise bad(tensor, "`binary_data_size` is no size", "a whole number of bytes")
        if tail is None:
            hint = "the header Inference-Header-Content-Length says where the JSON ends"
            raise bad(tensor, "its bytes are announced, but the header that says where they start is absent", hint=hint)
        if tensor.data is not msgspec.UNSET:
            raise bad(tensor, "it has `data` and `binary_data_size`", "one of them")
        if size > end - offset:
            raise bad(tensor, f"{size} bytes are announced, {end - offset} came", f"{size} bytes")
        found[place] = tail[offset : offset + size]
        offset += size
    if offset != end:
        message = f"{end - offset} bytes are left behind the last binary tensor"
        raise Failure(400, "body-malformed", message, hint="`binary_data_size` of each input counts its bytes")
    return found


def _long_way(plan: Plan, inputs: Sequence[Tensor], raws: dict[int, memoryview]) -> tuple[int, Sequence[Cells]]:
    """Every input by its name, each with its own checks."""
    if len(inputs) == 1 and len(plan.columns) > 1 and _is_table(plan, inputs[0]):
        return _table(plan, inputs[0], raws.get(0))
    places: dict[str, int] = {}
    for place, tensor in enumerate(inputs):
        if tensor.name in places:
            raise bad(tensor, "it stands twice among the inputs", "each input once")
        if tensor.name not in plan.by_name:
            raise plan.unknown_input(tensor.name)
        places[tensor.name] = place
    if any(column.name not in places and column.input.required for column in plan.columns) or not inputs:
        raise plan.missing_inputs(places)
    rows, first = 0, inputs[0]
    taken: list[Cells | None] = []
    for column in plan.columns:
        at = places.get(column.name)
        if at is None:
            taken.append(None)
            continue
        tensor = inputs[at]
        count = rows_of(tensor, column.width)
        if rows and count != rows:
            message = f"it has {count} rows, the input {shown(first.name, 100)!r} has {rows}"
            raise bad(tensor, message, f"{rows} rows", "all inputs have the same rows")
        rows, first = count, tensor if not rows else first
        raw = raws.get(at)
        taken.append(take_json(tensor, column) if raw is None else take_raw(tensor, column, raw))
    return rows, [
        column.absent(rows) if cells is None else cells for column, cells in zip(plan.columns, taken, strict=True)
    ]


def _is_table(plan: Plan, tensor: Tensor) -> bool:
    """One tensor `[N, k]` in place of k named inputs that are all numbers: what a client makes of a table."""
    if tensor.name in plan.by_name or len(tensor.shape) != 2 or tensor.shape[1] != len(plan.columns):
        return False
    return all(column.kind.family in ("float", "integer") for column in plan.columns)


def _table(plan: Plan, tensor: Tensor, raw: memoryview | None) -> tuple[int, list[Cells]]:
    """Split a table into the model's columns, in their order; each takes its values with its own rules."""
    kind, rows, width = kind_of(tensor), tensor.shape[0], len(plan.columns)
    rows_of(tensor, width)
    if raw is not None:
        if kind.size == 0 or len(raw) != math.prod(tensor.shape) * kind.size:
            raise bad(tensor, f"{len(raw)} bytes came", "numbers, as many as its shape says")
        grid = raw.cast(_UNSIGNED[kind.size])
        return rows, [
            take_raw(Tensor(column.name, [rows], tensor.datatype), column, memoryview(grid[place::width].tobytes()))
            for place, column in enumerate(plan.columns)
        ]
    values = flat(tensor)
    return rows, [
        take_json(Tensor(column.name, [rows], tensor.datatype, values[place::width]), column)
        for place, column in enumerate(plan.columns)
    ]


def _whole(plan: Plan, body: bytes) -> Asked:
    """The body is the only input: packed values of its datatype, or for BYTES one text without a length."""
    if len(plan.columns) != 1:
        message = f"the body is one tensor, the model has {len(plan.columns)} inputs"
        raise Failure(400, "body-malformed", message, hint="name them in JSON, before the bytes")
    column = plan.columns[0]
    size = column.kind.size * column.width
    tensor = Tensor(column.name, [1, column.width], column.datatype)
    if not size:
        return plan.asked(1, [column.take([text_of(tensor, memoryview(body), 0)], False)])
    if not body or len(body) % size:
        raise bad(tensor, f"{len(body)} bytes are no rows of {column.width} {column.datatype}", f"{size} bytes a row")
    tensor.shape[0] = len(body) // size
    return plan.asked(tensor.shape[0], [take_raw(tensor, column, memoryview(body))])


def _options(plan: Plan, request: Request) -> Options:
    """Outputs, the form of the answer, and the route a request asks for."""
    if request.id is not None and len(request.id) > _ID_CHARS:
        raise Failure(400, "body-malformed", f"the id is longer than {_ID_CHARS} characters")
    parameters = request.parameters or {}
    route: Any = parameters.get(_ROUTE)
    if route is not None and route not in ROUTES:
        raise Failure(400, "route-unknown", f"`{_ROUTE}` is none of {', '.join(ROUTES)}", expected=", ".join(ROUTES))
    everywhere = _flag(parameters, "binary_data_output", False)
    if not request.outputs:
        places = plan.default
        reply = Reply(tuple(range(len(places))), (True,) * len(places)) if everywhere else None
        return places, reply, route
    named: dict[int, bool] = {}
    for wanted in request.outputs:
        own = wanted.parameters or {}
        for name in _REFUSED:
            if own.get(name):
                message = f"output {shown(wanted.name)!r}: the parameter `{name}` is not supported"
                raise Failure(400, "parameter-refused", message)
        for place in plan.output_places(wanted.name):
            if place in named:
                raise Failure(400, "output-duplicate", f"the output {shown(wanted.name)!r} is asked for twice")
            named[place] = _flag(own, "binary_data", everywhere)
    places = tuple(sorted(named))
    return places, Reply(tuple(places.index(place) for place in named), tuple(named.values())), route


def _flag(parameters: Parameters, name: str, default: bool) -> bool:
    found = parameters.get(name, default)
    if not isinstance(found, bool):
        raise Failure(400, "body-malformed", f"the parameter `{name}` is neither true nor false")
    return found
