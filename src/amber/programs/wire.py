"""An ONNX model's bytes taken apart without the onnx package: a bounded walker of its protobuf, and what it found.

In: bytes. Out: `Model`, whose tensors and long attributes are views of those bytes. Called by `graph_check` and
`session`. Stricter than protobuf, so that no two readers can see different models: unknown fields, a second value of a
single field, numbers in a longer spelling and lists in another form than the one ONNX is written in are refused.
What the parts mean, and whether they fit together, is `graph_check`'s to say. Inert: no NumPy here (but `wire_runs`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn

import msgspec

from amber.errors import FormatError, LimitError
from amber.limits import DEFAULT, Limits

EMPTY = memoryview(b"")
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_LONG = 4096  # bytes of a run from which NumPy looks for its end: an expression takes several times as long
_DIGITS = 10  # bytes of a number of 64 bits, seven in each
_DEPTH = 24  # messages inside one another; a graph inside a graph takes three


class Run(msgspec.Struct, frozen=True):
    """A list of numbers or texts that stand one by one, each behind its tag: `count` of them.

    `values`: the numbers, int64 [count], where they had to be decoded to find the end of the list.
    """

    view: memoryview
    count: int
    values: Any = None


NOTHING = Run(EMPTY, 0)


class Pair(msgspec.Struct):
    """A key and a value: metadata, or where external data lie."""

    key: str = ""
    value: str = ""


class Opset(msgspec.Struct):
    """Which version of a domain's operators the nodes are of."""

    domain: str = ""
    version: int = 0


class Tensor(msgspec.Struct):
    """A tensor's header; its values stay where they are, in one of the data fields."""

    span: memoryview
    dims: Run = NOTHING
    data_type: int = 0
    name: str = ""
    raw_data: memoryview | None = None
    float_data: memoryview | None = None
    int32_data: memoryview | None = None
    int64_data: memoryview | None = None
    double_data: memoryview | None = None
    uint64_data: memoryview | None = None
    string_data: Run = NOTHING
    external_data: list[Pair] = []
    data_location: int = 0
    doc_string: str = ""
    metadata_props: list[Pair] = []

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of its axes, as they stand there: any of them may be negative."""
        return tuple(integers(self.dims))


class Dimension(msgspec.Struct):
    """One axis of a declared shape: a size, a name, or neither."""

    dim_value: int | None = None
    dim_param: str | None = None
    denotation: str = ""


class Shape(msgspec.Struct):
    """A declared shape."""

    dim: list[Dimension] = []


class TensorType(msgspec.Struct):
    """A declared element type, and a shape where one is declared."""

    elem_type: int = 0
    shape: Shape | None = None


class Type(msgspec.Struct):
    """What a value is: a tensor, the only thing a program takes and gives."""

    tensor_type: TensorType | None = None
    denotation: str = ""


class ValueInfo(msgspec.Struct):
    """An input, an output, or what is said of an inner value."""

    span: memoryview
    name: str = ""
    type: Type | None = None
    doc_string: str = ""
    metadata_props: list[Pair] = []


class Attribute(msgspec.Struct):
    """One parameter of a node; which field holds it says `type`."""

    name: str = ""
    type: int = 0
    ref_attr_name: str = ""
    doc_string: str = ""
    f: memoryview | None = None
    i: int | None = None
    s: memoryview | None = None
    t: Tensor | None = None
    g: Graph | None = None
    floats: Run | None = None
    ints: Run | None = None
    strings: Run | None = None
    tensors: list[Tensor] = []
    graphs: list[Graph] = []


class Node(msgspec.Struct):
    """One operator at work."""

    span: memoryview
    input: list[str] = []
    output: list[str] = []
    name: str = ""
    op_type: str = ""
    domain: str = ""
    overload: str = ""
    attribute: list[Attribute] = []
    doc_string: str = ""
    metadata_props: list[Pair] = []


class Graph(msgspec.Struct):
    """Nodes in the order they run, and the values they begin and end with."""

    name: str = ""
    node: list[Node] = []
    initializer: list[Tensor] = []
    sparse_initializer: list[memoryview] = []
    input: list[ValueInfo] = []
    output: list[ValueInfo] = []
    value_info: list[ValueInfo] = []
    doc_string: str = ""
    metadata_props: list[Pair] = []


class Model(msgspec.Struct):
    """The whole of it. Functions and training information are not taken apart: no program has any."""

    ir_version: int = 0
    opset_import: list[Opset] = []
    producer_name: str = ""
    producer_version: str = ""
    domain: str = ""
    model_version: int = 0
    doc_string: str = ""
    graph: Graph | None = None
    metadata_props: list[Pair] = []
    training_info: list[memoryview] = []
    functions: list[memoryview] = []


# What each message may hold: number -> (name, form). Forms: `int`, `four` bytes, `text`, `bytes`, `ints`, `floats`
# and `strings` (a run), or the class of a message; a list of one is a repeated field.
_FIELDS: dict[type, dict[int, tuple[str, Any]]] = {
    Pair: {1: ("key", "text"), 2: ("value", "text")},
    Opset: {1: ("domain", "text"), 2: ("version", "int")},
    Tensor: {
        1: ("dims", "ints"), 2: ("data_type", "int"), 4: ("float_data", "bytes"), 5: ("int32_data", "bytes"),
        6: ("string_data", "strings"), 7: ("int64_data", "bytes"), 8: ("name", "text"), 9: ("raw_data", "bytes"),
        10: ("double_data", "bytes"), 11: ("uint64_data", "bytes"), 12: ("doc_string", "text"),
        13: ("external_data", [Pair]), 14: ("data_location", "int"), 16: ("metadata_props", [Pair]),
    },
    Dimension: {1: ("dim_value", "int"), 2: ("dim_param", "text"), 3: ("denotation", "text")},
    Shape: {1: ("dim", [Dimension])},
    TensorType: {1: ("elem_type", "int"), 2: ("shape", Shape)},
    Type: {1: ("tensor_type", TensorType), 6: ("denotation", "text")},
    ValueInfo: {1: ("name", "text"), 2: ("type", Type), 3: ("doc_string", "text"), 4: ("metadata_props", [Pair])},
    Attribute: {
        1: ("name", "text"), 2: ("f", "four"), 3: ("i", "int"), 4: ("s", "bytes"), 5: ("t", Tensor), 6: ("g", Graph),
        7: ("floats", "floats"), 8: ("ints", "ints"), 9: ("strings", "strings"), 10: ("tensors", [Tensor]),
        11: ("graphs", [Graph]), 13: ("doc_string", "text"), 20: ("type", "int"), 21: ("ref_attr_name", "text"),
    },
    Node: {
        1: ("input", ["text"]), 2: ("output", ["text"]), 3: ("name", "text"), 4: ("op_type", "text"),
        5: ("attribute", [Attribute]), 6: ("doc_string", "text"), 7: ("domain", "text"), 8: ("overload", "text"),
        9: ("metadata_props", [Pair]),
    },
    Graph: {
        1: ("node", [Node]), 2: ("name", "text"), 5: ("initializer", [Tensor]), 10: ("doc_string", "text"),
        11: ("input", [ValueInfo]), 12: ("output", [ValueInfo]), 13: ("value_info", [ValueInfo]),
        15: ("sparse_initializer", ["bytes"]), 16: ("metadata_props", [Pair]),
    },
    Model: {
        1: ("ir_version", "int"), 2: ("producer_name", "text"), 3: ("producer_version", "text"), 4: ("domain", "text"),
        5: ("model_version", "int"), 6: ("doc_string", "text"), 7: ("graph", Graph), 8: ("opset_import", [Opset]),
        14: ("metadata_props", [Pair]), 20: ("training_info", ["bytes"]), 25: ("functions", ["bytes"]),
    },
}  # fmt: skip
_TYPES = {"int": _VARINT, "ints": _VARINT, "four": _FOUR, "floats": _FOUR}
_SPANNED = (Tensor, ValueInfo, Node)
_NUMBER = rb"(?:\x00|[\x80-\xff]{0,8}+[\x01-\x7f]|[\x80-\xff]{9}\x01)"
_RUNS = {
    (tag, form): re.compile(rb"(?:" + re.escape(bytes([tag])) + item + rb")++", re.DOTALL)
    for tag, form, item in ((0x08, "ints", _NUMBER), (0x40, "ints", _NUMBER), (0x3D, "floats", rb".{4}"))
}
_PACKED = re.compile(_NUMBER + rb"*+")


def walk(data: bytes | memoryview, limits: Limits = DEFAULT) -> Model:
    """Take a model apart.

    Raises:
        FormatError: `program-invalid`.
        LimitError: More bytes, parts or text than the limits allow.
    """
    if len(data) > limits.program_bytes:
        raise LimitError("limit-program-bytes", f"a graph of {len(data)} bytes, at most {limits.program_bytes}")
    view = memoryview(data).toreadonly()
    model: Model = _Walker(view, limits).message(Model, 0, len(view), 0)
    return model


class _Walker:
    """The bytes, and how many parts may still come."""

    def __init__(self, view: memoryview, limits: Limits) -> None:
        self.view = view
        self.limits = limits
        self.parts = 0

    def message(self, kind: type, start: int, stop: int, depth: int) -> Any:
        """Return one message: every field once, repeated ones as lists."""
        if depth > _DEPTH:
            raise LimitError("limit-program-depth", "graphs stand inside one another too deeply")
        fields = _FIELDS[kind]
        found: dict[str, Any] = {}
        at = start
        while at < stop:
            tag, at = self.number(at, stop)
            name, form = fields.get(tag >> 3, ("", ""))
            if not name:
                _fail(f"{kind.__name__} has no field {tag >> 3} that a program may have")
            many = isinstance(form, list)
            each = form[0] if many else form
            if tag & 7 != _TYPES.get(each, _BYTES):
                _fail(f"{kind.__name__}.{name} is in another form")
            value, at = self.value(each, tag, at, stop, depth)
            if many:
                found.setdefault(name, []).append(value)
            elif name in found:
                _fail(f"{kind.__name__}.{name} stands there twice")
            else:
                found[name] = value
        return kind(span=self.view[start:stop], **found) if kind in _SPANNED else kind(**found)

    def value(self, form: Any, tag: int, at: int, stop: int, depth: int) -> tuple[Any, int]:
        """Return a field's value and where the next field begins."""
        if form == "int":
            value, at = self.number(at, stop)
            return (value - 2**64 if value >= 2**63 else value), at
        if form in ("ints", "floats"):
            return self.run(tag, form, at - 1, stop)
        if form == "strings":
            return self.strings(tag, at - 1, stop)
        if form == "four":
            if at + 4 > stop:
                _fail("a number is cut off")
            return self.view[at : at + 4], at + 4
        size, at = self.number(at, stop)
        if size > stop - at:
            _fail("a part is longer than what holds it")
        self.parts += 1
        if self.parts > self.limits.program_parts:
            raise LimitError("limit-program-parts", f"more than {self.limits.program_parts} parts")
        if form == "text":
            return self.text(at, at + size), at + size
        if form == "bytes":
            return self.view[at : at + size], at + size
        return self.message(form, at, at + size, depth + 1), at + size

    def number(self, at: int, stop: int) -> tuple[int, int]:
        """Return an unsigned number of 64 bits in its one spelling, and where it ends."""
        value, shift = 0, 0
        while at < stop and shift < 64:
            byte = self.view[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                if (byte == 0 and shift) or value >= 2**64:
                    break
                return value, at
            shift += 7
        raise _bad_number()

    def run(self, tag: int, form: str, at: int, stop: int) -> tuple[Run, int]:
        """Return numbers that follow each other, each behind the same tag."""
        match = _RUNS[tag, form].match(self.view, at, min(stop, at + _LONG))
        if match is None:
            raise _bad_number()
        if match.end() + _DIGITS >= at + _LONG and stop > at + _LONG:  # it may go on
            from amber.programs import wire_runs  # here, since it needs NumPy

            size, count, values = (wire_runs.floats if form == "floats" else wire_runs.integers)(
                self.view[at:stop], tag
            )
            if not size:
                raise _bad_number()
            return Run(self.view[at : at + size], count, values), at + size
        view = self.view[at : match.end()]
        if form == "floats":
            return Run(view, len(view) // 5), match.end()
        return Run(view, terminators(view) // 2), match.end()

    def strings(self, tag: int, start: int, stop: int) -> tuple[Run, int]:
        """Return texts that follow each other; only their number is kept."""
        at, count = start, 0
        while at < stop and self.view[at] == tag:
            size, at = self.number(at + 1, stop)
            if size > stop - at:
                _fail("a part is longer than what holds it")
            at, count = at + size, count + 1
        return Run(self.view[start:at], count), at

    def text(self, start: int, stop: int) -> str:
        """Return text, strictly UTF-8."""
        if stop - start > self.limits.program_text_bytes:
            raise LimitError("limit-program-text-bytes", f"a text of {stop - start} bytes")
        try:
            return str(self.view[start:stop], "utf-8")
        except UnicodeDecodeError as error:
            raise FormatError("program-invalid", "a text is not UTF-8") from error


_HIGH = bytes(range(128, 256))


def terminators(view: memoryview) -> int:
    """Return how many bytes end a number: one for each number of a packed list."""
    return len(bytes(view).translate(None, _HIGH))


def is_packed(view: memoryview) -> bool:
    """Return whether bytes are numbers one after another, each in its one spelling."""
    return _PACKED.fullmatch(view) is not None


def integers(run: Run) -> list[int]:
    """Return the numbers of a short run of integers; a long one is NumPy's to decode."""
    found, at = [], 0
    while at < len(run.view):
        at += 1  # the tag
        value, shift = 0, 0
        while True:
            byte = run.view[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        found.append(value - 2**64 if value >= 2**63 else value)
    return found


def strings(run: Run) -> Iterator[memoryview]:
    """Yield the texts of a run."""
    at = 0
    for _ in range(run.count):
        size, shift = 0, 0
        while True:
            at += 1
            size |= (run.view[at] & 127) << shift
            shift += 7
            if run.view[at] < 128:
                break
        at += 1
        yield run.view[at : at + size]
        at += size


def _bad_number() -> FormatError:
    return FormatError("program-invalid", "a number is cut off, too large, or longer than it need be")


def _fail(message: str) -> NoReturn:
    raise FormatError("program-invalid", message)


# -- a part of a model ---------------------------------------------------------------------------------------------


def needed(graph: Graph, outputs: Iterable[str]) -> tuple[list[Node], set[str]]:
    """Return the nodes that outputs need, in their order, and the names of all values those read."""
    wanted, nodes = set(outputs), []
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            nodes.append(node)
            wanted.update(name for name in _read(node) if name)
    return nodes[::-1], wanted


def _read(node: Node) -> Iterable[str]:
    """Every name a node may read, those of graphs inside it too."""
    yield from node.input
    for attribute in node.attribute:
        for graph in [*attribute.graphs, *([attribute.g] if attribute.g is not None else [])]:
            for inner in graph.node:
                yield from _read(inner)
            yield from (each.name for each in graph.output)


def pruned(data: bytes | memoryview | Model, outputs: Sequence[str], limits: Limits = DEFAULT) -> bytes:
    """Return a model with these outputs and only what they need: nodes, initializers and inputs.

    Args:
        data: A model, or its bytes.
        outputs: Names of outputs it has.
        limits: The reader's limits.

    Raises:
        FormatError: `program-invalid`: the bytes are no model, or it has no such output.
    """
    model = data if isinstance(data, Model) else walk(data, limits)
    graph = model.graph or Graph()
    missing = sorted(set(outputs) - {each.name for each in graph.output})
    if missing:
        _fail(f"there is no output {missing[0]}")
    nodes, wanted = needed(graph, outputs)
    parts: list[bytes | memoryview] = []
    for node in nodes:
        parts += _field(1, node.span)
    parts += _field(2, graph.name.encode())
    for tensor in graph.initializer:
        if tensor.name in wanted:
            parts += _field(5, tensor.span)
    for number, values in ((11, graph.input), (12, graph.output)):
        for value in values:
            if value.name in (wanted if number == 11 else set(outputs)):
                parts += _field(number, value.span)
    head: list[bytes | memoryview] = [b"\x08", varint(model.ir_version)]
    for each in model.opset_import:
        domain = each.domain.encode()
        head += _field(8, b"".join([*(_field(1, domain) if domain else []), b"\x10", varint(each.version)]))
    size = sum(map(len, parts))
    return b"".join([*head, b"\x3a", varint(size), *parts])


def varint(value: int) -> bytes:
    """Return a number as protobuf writes it."""
    value &= 2**64 - 1
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, payload: bytes | memoryview) -> list[bytes | memoryview]:
    return [varint(number << 3 | _BYTES), varint(len(payload)), payload]
