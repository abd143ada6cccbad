"""Trees to canonical bytes and back: `model/tree.json` and `model/strings.json`.

`decode_tree` proves the form of the table before anything else looks at it: known kinds only, canonical bytes (which
also finds duplicate keys), children in range and in first-visit order, every tensor and column used exactly once and
of the size its node declares. What the names and values mean is the audit's business (`vocabulary`, `adapters`).
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import pairwise
from typing import Any

import msgspec

from amber.errors import FormatError, LimitError
from amber.limits import Limits
from amber.tree import dtypes, keys, nodes
from amber.tree.nodes import AnyNode, Tensor, Tree
from amber.tree.structured import Measure, measure_all

TREE = "model/tree.json"
STRINGS = "model/strings.json"
SAFE_INTEGER = 2**53 - 1


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    nodes: list[AnyNode]
    root: int


_encoder = msgspec.json.Encoder(order="sorted")
_table_decoder = msgspec.json.Decoder(_Table)
_strings_decoder = msgspec.json.Decoder(list[list[str]])


def encode_tree(tree: Tree) -> bytes:
    """Return the bytes of `model/tree.json`."""
    return _encoder.encode(_Table(tree.nodes, tree.root))


def encode_strings(tree: Tree) -> bytes:
    """Return the bytes of `model/strings.json`, a JSON array of string columns."""
    return _encoder.encode(tree.strings)


def encode_node(node: AnyNode) -> bytes:
    """Return the canonical bytes of one node, as they stand in the table."""
    return _encoder.encode(node)


def decode_tree(tree_json: Any, strings_json: Any, tensors: list[Tensor], limits: Limits) -> Tree:
    """Return the checked table.

    Args:
        tree_json: Bytes of `model/tree.json`.
        strings_json: Bytes of `model/strings.json`, or None where the member is absent.
        tensors: t0, t1, ... as read from the shards.
        limits: The reader's caps.

    Raises:
        FormatError: The bytes are not a valid tree; the code says which rule.
        LimitError: It is larger than the limits allow.
    """
    if len(tree_json) > limits.tree_bytes:
        raise LimitError(
            "limit-tree-bytes", f"{len(tree_json)} bytes of tree, {limits.tree_bytes} accepted", where=TREE
        )
    table = _decode(_table_decoder, tree_json, TREE)
    if len(table.nodes) > limits.nodes:
        raise LimitError("limit-nodes", f"{len(table.nodes)} nodes, {limits.nodes} accepted", where=TREE)
    strings = [] if strings_json is None else _decode_strings(strings_json, limits)
    if table.root != 0:
        raise FormatError("tree-order", "the root must be node 0", where=TREE)
    tree = Tree(table.nodes, table.root, strings, tensors)
    _check_order(tree)
    _Checker(tree, limits).run()
    return tree


def _decode(decoder: msgspec.json.Decoder[Any], data: Any, member: str) -> Any:
    try:
        value = decoder.decode(data)
        same = _encoder.encode(value) == data
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError, OverflowError) as error:
        raise FormatError("tree-invalid", str(error), where=member) from error
    if not same:
        raise FormatError("tree-not-canonical", "the bytes are not canonical JSON", where=member)
    return value


def _decode_strings(data: Any, limits: Limits) -> list[list[str]]:
    if len(data) > limits.strings_bytes:
        raise LimitError("limit-strings-bytes", f"{len(data)} bytes, {limits.strings_bytes} accepted", where=STRINGS)
    columns: list[list[str]] = _decode(_strings_decoder, data, STRINGS)
    if not columns:
        raise FormatError("tree-invalid", "the member is there but empty", where=STRINGS)
    return columns


def children(node: AnyNode) -> Iterator[int] | list[int] | tuple[int, ...]:
    """Return the child indices of `node` in the order they stand: of a decoded table, attributes by name."""
    getter = _CHILDREN.get(type(node))
    return () if getter is None else getter(node)


def _pairs(node: Any) -> list[int]:
    return [index for pair in node.items for index in pair]


def _attributes(node: Any) -> list[int]:
    return list(node.attrs.values())


def back_targets(table: list[AnyNode], kinds: Collection[type]) -> set[int]:
    """Return the nodes of some kinds that one of those kinds refers to although they do not stand after it.

    Every cycle of such nodes has one; where there is none, a pass backwards meets each node after all it refers to.
    """
    return {
        child
        for position, node in enumerate(table)
        if type(node) in kinds
        for child in children(node)
        if child <= position and type(table[child]) in kinds
    }


def _dtype_child(node: Any) -> tuple[int, ...]:
    return (node.dtype,) if isinstance(node.dtype, int) else ()


_CHILDREN: dict[type, Callable[[Any], list[int] | tuple[int, ...]]] = {
    nodes.Slice: lambda node: (node.start, node.stop, node.step),
    nodes.List: lambda node: node.items,
    nodes.Tuple: lambda node: node.items,
    nodes.Set: lambda node: node.items,
    nodes.FrozenSet: lambda node: node.items,
    nodes.Deque: lambda node: node.items,
    nodes.Dict: _pairs,
    nodes.OrderedDict: _pairs,
    nodes.DefaultDict: lambda node: [node.factory, *_pairs(node)],
    nodes.Map: lambda node: (node.keys, node.values),
    nodes.Array: _dtype_child,
    nodes.Scalar: _dtype_child,
    nodes.ObjectArray: lambda node: node.items if isinstance(node.items, list) else (node.items,),
    nodes.Structured: lambda node: [field[1] for field in node.fields if isinstance(field[1], int)],
    nodes.Object: _attributes,
    nodes.Custom: _attributes,
}


# Kinds that refer to others.
PARENTS = frozenset(_CHILDREN)


def _check_order(tree: Tree) -> None:
    """Nodes stand in the order in which a breadth-first walk from the root first meets them; none is unreachable."""
    met = 1
    getters = _CHILDREN
    for position, node in enumerate(tree.nodes):
        if position >= met:
            break
        getter = getters.get(type(node))
        if getter is None:
            continue
        for child in getter(node):
            if child == met:
                met += 1
            elif child > met or child < 0:
                raise FormatError("tree-order", f"node {position} refers to node {child} out of order", where=TREE)
    if met != len(tree.nodes) or not tree.nodes:
        raise FormatError("tree-order", f"{met} of {len(tree.nodes)} nodes can be reached", where=TREE)


_FLOAT = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?(?:e[+-][0-9]{2,3})?|inf)|nan(?::[0-9a-f]{16})?")
_INTEGER = re.compile(r"-?[1-9][0-9]{15,}")
_ORDER = re.compile(r"[CF](?:r(?:0|[1-9][0-9]?))*")
_HEX = re.compile(r"(?:[0-9a-f]{2})*")
_SCALARS = nodes.SCALAR_KINDS


class _Checker:
    """Checks each node on its own and against the columns and tensors it names."""

    def __init__(self, tree: Tree, limits: Limits) -> None:
        self.tree = tree
        self.limits = limits
        self.used_tensors = bytearray(len(tree.tensors))
        self.used_columns = bytearray(len(tree.strings))
        self.position = 0
        self.measures: dict[int, Measure] = {}
        self.carriers: dict[str | int, dtypes.Carrier] = {}

    def run(self) -> None:
        self.measures = measure_all(self.tree.nodes, self.limits)
        # keys last: they compare values of scalars, whose own spelling must have passed
        for checks in (self._CHECKS, self._KEY_CHECKS):
            for self.position, node in enumerate(self.tree.nodes):  # noqa: B020 - the position is for error messages
                check = checks.get(type(node))
                if check is not None:
                    check(self, node)
        if not all(self.used_tensors):
            raise FormatError("tensor-unused", f"tensor t{self.used_tensors.index(0)} is not referred to", where=TREE)
        if not all(self.used_columns):
            raise FormatError("column-unused", f"column {self.used_columns.index(0)} is not referred to", where=STRINGS)

    def fail(self, code: str, message: str) -> FormatError:
        return FormatError(code, message, where=f"{TREE} node {self.position}")

    def integer(self, node: nodes.Int) -> None:
        value = node.value
        if isinstance(value, int):
            if not -SAFE_INTEGER <= value <= SAFE_INTEGER:
                raise self.fail("number-invalid", "an integer beyond 2^53-1 must be a string")
        elif len(value) > self.limits.integer_digits:
            raise LimitError("limit-integer-digits", f"{len(value)} digits", where=f"{TREE} node {self.position}")
        elif not _INTEGER.fullmatch(value) or abs(int(value)) <= SAFE_INTEGER:
            raise self.fail("number-invalid", "not the decimal string of a large integer")

    def float(self, node: nodes.Float) -> None:
        self._float(node.value)

    def complex(self, node: nodes.Complex) -> None:
        self._float(node.real)
        self._float(node.imag)

    def _float(self, text: str) -> None:
        if len(text) > 32 or not _FLOAT.fullmatch(text):
            raise self.fail("number-invalid", f"{text!r} is not a float")
        if text[0] != "n" and repr(float(text)) != text:
            raise self.fail("number-invalid", f"{text!r} is not the shortest form of that float")
        if text.startswith("nan:") and not nan_payload_is_canonical(text):
            raise self.fail("number-invalid", f"{text!r} is not a NaN that needs its payload spelt out")

    def base64(self, node: Any) -> None:
        try:
            raw = base64.b64decode(node.value, validate=True)
        except (binascii.Error, ValueError) as error:
            raise self.fail("tree-invalid", "not base64") from error
        if base64.b64encode(raw).decode("ascii") != node.value:
            raise self.fail("tree-not-canonical", "not canonical base64")
        if type(node) is nodes.Utf16:
            self._utf16(raw)

    def _utf16(self, raw: bytes) -> None:
        try:
            text = raw.decode("utf-16-le", "surrogatepass")
        except UnicodeDecodeError as error:
            raise self.fail("tree-invalid", "not UTF-16") from error
        if not any("\ud800" <= char <= "\udfff" for char in text):
            raise self.fail("tree-not-canonical", "a string without lone surrogates must be a str node")

    def range(self, node: nodes.Range) -> None:
        if node.step == 0 or any(abs(value) > SAFE_INTEGER for value in (node.start, node.stop, node.step)):
            raise self.fail("number-invalid", "not a range")

    def elements(self, node: Any) -> None:
        keys = [self._key(index) for index in node.items]
        if any(left >= right for left, right in pairwise(keys)):
            raise self.fail("tree-not-canonical", "set elements must be sorted by their bytes, each once")
        self.distinct(node.items)

    def distinct(self, indices: Iterable[int]) -> None:
        """Keys that Python holds for equal (1, 1.0 and true) would silently become one."""
        indices = list(indices)
        if (crowded := keys.first_crowded(self.tree.nodes, indices)) is not None:
            raise self.fail("key-invalid", f"node {crowded} has the hash of {keys.MAX_ALIKE} other keys")
        duplicate = keys.first_duplicate(self.tree.nodes, indices)
        if duplicate is not None:
            raise self.fail("key-duplicate", f"node {duplicate} equals another key")

    def _key(self, index: int) -> bytes:
        node = self.tree.nodes[index]
        if isinstance(node, _SCALARS):
            self._key_scalar(node)
            return _encoder.encode(node)
        if type(node) is not nodes.Tuple:
            raise self.fail("key-invalid", "keys and set elements are scalars or flat tuples of scalars")
        parts = [self.tree.nodes[item] for item in node.items]
        if not all(isinstance(part, _SCALARS) for part in parts):
            raise self.fail("key-invalid", "keys and set elements are scalars or flat tuples of scalars")
        for part in parts:
            self._key_scalar(part)
        return _encoder.encode(["tuple", parts])

    def _key_scalar(self, node: AnyNode) -> None:
        if type(node) is nodes.Scalar and (isinstance(node.dtype, int) or node.dtype[1] == "V"):
            raise self.fail("key-invalid", "raw and structured scalars cannot be keys or set elements")
        if type(node) is nodes.Int and isinstance(node.value, str) and not -(2**63) <= int(node.value) < 2**64:
            raise self.fail("key-invalid", "integers in keys and set elements must fit 64 bits")

    def mapping(self, node: Any) -> None:
        for key, _ in node.items:
            self._key(key)
        self.distinct(key for key, _ in node.items)

    def default_dict(self, node: nodes.DefaultDict) -> None:
        factory = self.tree.nodes[node.factory]
        if not isinstance(factory, nodes.TypeRef | nodes.CustomType | nodes.NoneNode):
            raise self.fail("tree-invalid", "a default factory is a class or none")

    def deque(self, node: nodes.Deque) -> None:
        if node.maxlen is not None and not len(node.items) <= node.maxlen <= SAFE_INTEGER:
            raise self.fail("tree-invalid", "more elements than the deque may hold")

    def strings(self, node: nodes.Strings) -> None:
        if not 0 <= node.column < len(self.used_columns):
            raise self.fail("column-missing", f"there is no column {node.column}")
        if self.used_columns[node.column]:
            raise self.fail("column-shared", f"column {node.column} is referred to twice")
        self.used_columns[node.column] = 1

    def numbers(self, node: nodes.Numbers) -> None:
        wanted = {"int": "<i8", "float": "<f8"}.get(node.element)
        if (wanted and node.dtype != wanted) or not re.fullmatch(r"[<|][biuf][1248]", node.dtype):
            raise self.fail("dtype-unknown", f"{node.dtype!r} cannot hold a column of {node.element}")
        tensor = self.take_tensor(node.tensor)
        if tensor.carrier != dtypes.carrier(node.dtype).type or len(tensor.shape) != 1:
            raise self.fail("tensor-mismatch", f"t{node.tensor} is not a column of {node.dtype}")

    def length(self, index: int) -> int:
        """Length of a columnar list node."""
        node = self.tree.nodes[index]
        if type(node) is nodes.Strings and 0 <= node.column < len(self.tree.strings):
            return len(self.tree.strings[node.column])
        if type(node) is nodes.Numbers and 0 <= node.tensor < len(self.tree.tensors):
            return math.prod(self.tree.tensors[node.tensor].shape)
        raise self.fail("tree-invalid", "a column must be a strings or numbers node")

    def map(self, node: nodes.Map) -> None:
        if self.length(node.keys) != self.length(node.values):
            raise self.fail("tree-invalid", "keys and values differ in length")
        column = self.tree.nodes[node.keys]
        if isinstance(column, nodes.Strings):
            texts = self.tree.strings[column.column]
            if len(set(texts)) != len(texts):
                raise self.fail("key-duplicate", "a key stands twice")
        elif isinstance(column, nodes.Numbers):
            data, width = self.tree.tensors[column.tensor].data, dtypes.carrier(column.dtype).itemsize
            if keys.first_duplicate_number(data, column.dtype, width):
                raise self.fail("key-duplicate", "a key stands twice")

    def itemsize(self, dtype: str | int) -> dtypes.Carrier:
        if isinstance(dtype, str):
            try:
                return dtypes.carrier(dtype)
            except FormatError as error:
                raise self.fail(error.code, error.message) from error
        node = self.tree.nodes[dtype]
        if type(node) is not nodes.Structured:
            raise self.fail("dtype-unknown", f"node {dtype} is not a structured dtype")
        return dtypes.by_width(node.itemsize)

    def count(self, shape: list[int], itemsize: int) -> int:
        try:
            return dtypes.element_count(shape, itemsize, self.limits.tensor_rank)
        except FormatError as error:
            raise self.fail(error.code, error.message) from error

    def array(self, node: nodes.Array) -> None:
        kind = self.carriers.get(node.dtype)
        if kind is None:
            kind = self.carriers[node.dtype] = self.itemsize(node.dtype)
        elements = self.count(node.shape, kind.itemsize)
        if isinstance(node.dtype, int) and len(node.shape) + self.measures[node.dtype].rank > self.limits.tensor_rank:
            raise self.fail("shape-invalid", "the array and a field of its dtype have too many dimensions together")
        if elements * kind.itemsize == 0:
            if elements > self.limits.nodes:
                raise self.fail("shape-invalid", f"{elements} items without bytes")
            if node.tensor is not None:
                raise self.fail("tensor-mismatch", "an array without bytes has no tensor")
            if node.order not in ("C", "F"):
                raise self.fail("tree-not-canonical", "an array without bytes has order C or F")
            return
        if node.tensor is None:
            raise self.fail("tensor-missing", "an array with elements needs a tensor")
        fortran = node.order != "C" and self.memory_order(node)
        stored = node.shape[::-1] if fortran else node.shape
        tensor = self.take_tensor(node.tensor)
        if tensor.carrier != kind.type or tensor.shape != (*stored, *kind.tail):
            raise self.fail(
                "tensor-mismatch", f"t{node.tensor} is {tensor.carrier}{list(tensor.shape)}, not what the node declares"
            )

    def memory_order(self, node: nodes.Array) -> bool:
        """Check the order and return whether the tensor holds the transpose."""
        if not _ORDER.fullmatch(node.order):
            raise self.fail("tree-invalid", f"{node.order!r} is not a memory order")
        fortran, backwards = dtypes.memory_order(node.order)
        if fortran and len(node.shape) < 2:
            raise self.fail("tree-not-canonical", "order F needs two dimensions")
        if any(axis >= len(node.shape) or node.shape[axis] < 2 for axis in backwards) or any(
            left >= right for left, right in pairwise(backwards)
        ):
            raise self.fail("tree-not-canonical", "backward axes are named in order, each once, where they have length")
        return fortran

    def take_tensor(self, index: int) -> Tensor:
        if not 0 <= index < len(self.used_tensors):
            raise self.fail("tensor-missing", f"there is no tensor t{index}")
        if self.used_tensors[index]:
            raise self.fail("tensor-shared", f"t{index} is referred to twice")
        self.used_tensors[index] = 1
        return self.tree.tensors[index]

    def object_array(self, node: nodes.ObjectArray) -> None:
        elements = self.count(node.shape, 8)
        held = len(node.items) if isinstance(node.items, list) else self.length(node.items)
        if elements != held:
            raise self.fail("tensor-mismatch", f"the shape has {elements} elements, {held} are given")

    def scalar(self, node: nodes.Scalar) -> None:
        kind = self.itemsize(node.dtype)
        if len(node.value) != 2 * kind.itemsize or not _HEX.fullmatch(node.value):
            raise self.fail("number-invalid", "a scalar's bytes must be lower-case hex of the item size")

    def dtype(self, node: nodes.Dtype) -> None:
        if node.value != "|O":
            self.itemsize(node.value)

    _CHECKS: dict[type, Callable[[Any, Any], None]] = {
        nodes.Int: integer,
        nodes.Float: float,
        nodes.Complex: complex,
        nodes.Utf16: base64,
        nodes.Bytes: base64,
        nodes.ByteArray: base64,
        nodes.Range: range,
        nodes.DefaultDict: default_dict,
        nodes.Deque: deque,
        nodes.Strings: strings,
        nodes.Numbers: numbers,
        nodes.Array: array,
        nodes.ObjectArray: object_array,
        nodes.Scalar: scalar,
        nodes.Dtype: dtype,
    }
    _KEY_CHECKS: dict[type, Callable[[Any, Any], None]] = {
        nodes.Set: elements,
        nodes.FrozenSet: elements,
        nodes.Dict: mapping,
        nodes.OrderedDict: mapping,
        nodes.DefaultDict: mapping,
        nodes.Map: map,
    }


def nan_payload_is_canonical(text: str) -> bool:
    """Whether `nan:<16 hex>` is a NaN pattern other than the usual one (7ff8000000000000, written `nan`)."""
    bits = int(text[4:], 16)
    is_nan = (bits >> 52) & 0x7FF == 0x7FF and bits & ((1 << 52) - 1) != 0
    return is_nan and text != "nan:7ff8000000000000"
