"""The kinds of node a tree is made of: the closed set, as it stands in `model/tree.json`.

A node is a JSON array whose first element names the kind; the rest are positional (`spec/tree.md`, "Kinds").
Children are indices into the table; equal indices are the same object, so sharing and cycles need no extra rule.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class Node(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False, tag_field="kind"):
    """Base of all kinds."""


class NoneNode(Node, tag="none"):
    """`None`."""


class EllipsisNode(Node, tag="ellipsis"):
    """`...`."""


class Bool(Node, tag="bool"):
    """A Python bool."""

    value: bool


class Int(Node, tag="int"):
    """A Python int: a JSON integer up to 2^53-1 in magnitude, a decimal string beyond."""

    value: int | str


class Float(Node, tag="float"):
    """A Python float as Python's repr; `nan:7ff8000000000001` is a NaN with another payload than the usual one."""

    value: str


class Complex(Node, tag="complex"):
    """A Python complex: both parts as in `Float`."""

    real: str
    imag: str


class Str(Node, tag="str"):
    """A Python str without lone surrogates."""

    value: str


class Utf16(Node, tag="utf16"):
    """A Python str with lone surrogates: base64 of its UTF-16-LE bytes (surrogatepass)."""

    value: str


class Bytes(Node, tag="bytes"):
    """Python bytes, base64."""

    value: str


class ByteArray(Node, tag="bytearray"):
    """A Python bytearray, base64."""

    value: str


class Slice(Node, tag="slice"):
    """A Python slice; three children."""

    start: int
    stop: int
    step: int


class Range(Node, tag="range"):
    """A Python range: three integers, |n| <= 2^53-1, step not 0."""

    start: int
    stop: int
    step: int


class List(Node, tag="list"):
    """A Python list."""

    items: list[int]


class Tuple(Node, tag="tuple"):
    """A Python tuple."""

    items: list[int]


class Set(Node, tag="set"):
    """A Python set; elements sorted by their canonical bytes."""

    items: list[int]


class FrozenSet(Node, tag="frozenset"):
    """A Python frozenset; elements sorted by their canonical bytes."""

    items: list[int]


class Deque(Node, tag="deque"):
    """A collections.deque."""

    items: list[int]
    maxlen: int | None


class Dict(Node, tag="dict"):
    """A Python dict: pairs of (key, value) in insertion order."""

    items: list[tuple[int, int]]


class OrderedDict(Node, tag="ordered-dict"):
    """A collections.OrderedDict."""

    items: list[tuple[int, int]]


class DefaultDict(Node, tag="default-dict"):
    """A collections.defaultdict; `factory` is a type or none node."""

    factory: int
    items: list[tuple[int, int]]


class Strings(Node, tag="strings"):
    """A long list or tuple of str: column `column` of `model/strings.json`."""

    container: Literal["list", "tuple"]
    column: int


class Numbers(Node, tag="numbers"):
    """A long list or tuple of equal numbers: Python int (`<i8`), Python float (`<f8`) or NumPy scalars of `dtype`."""

    container: Literal["list", "tuple"]
    element: Literal["int", "float", "numpy"]
    dtype: str
    tensor: int


class Map(Node, tag="map"):
    """A long dict whose keys and values are columns: both children are `strings` or `numbers` lists of one length."""

    container: Literal["dict", "ordered-dict"]
    keys: int
    values: int


class Array(Node, tag="array"):
    """A numpy.ndarray. `dtype`: NumPy's string (`<f8`, `<M8[ns]`) or the index of a `structured` node.

    `order` F: the tensor holds the C-ordered transpose. `r0`, `r1` ... after it name axes along which the array runs
    backwards through the tensor (negative strides: which routine multiplies it, and so the last bits of the answers,
    depends on that). `tensor` is null for an array without elements.
    """

    dtype: str | int
    shape: list[int]
    order: str  # [CF](r[0-9]+)*
    tensor: int | None


class ObjectArray(Node, tag="object-array"):
    """A numpy.ndarray of objects, elements in C order; or one `strings`/`numbers` list node that holds them all."""

    shape: list[int]
    order: Literal["C", "F"]
    items: list[int] | int


class Scalar(Node, tag="scalar"):
    """A NumPy scalar: its dtype and its bytes (little-endian dtypes as stored) in lower-case hex."""

    dtype: str | int
    value: str


class Dtype(Node, tag="dtype"):
    """A numpy.dtype without fields."""

    value: str


class Structured(Node, tag="structured"):
    """A numpy.dtype with fields: [name, dtype, offset in bytes, shape] in order, item size in bytes, alignment flag."""

    fields: list[tuple[str, str | int, int, list[int]]]
    itemsize: int
    aligned: bool


class Object(Node, tag="object"):
    """An instance of a vocabulary type: identifier and attributes."""

    type: str
    attrs: dict[str, int]


class TypeRef(Node, tag="type"):
    """A class of the vocabulary, as a value."""

    name: str


class FunctionRef(Node, tag="function"):
    """A function of the vocabulary, as a value."""

    name: str


class Link(Node, tag="link"):
    """An object of the reader's own process (`rng.global`: NumPy's global generator)."""

    name: str


class Custom(Node, tag="custom"):
    """An instance of a class the reader's policy must allow by exact name; rebuilt by `__new__` and `__dict__`."""

    name: str
    attrs: dict[str, int]


class CustomType(Node, tag="custom-type"):
    """A class the policy must allow, as a value."""

    name: str


class CustomFunction(Node, tag="custom-function"):
    """A function the policy must allow, as a value."""

    name: str


AnyNode = (
    NoneNode | EllipsisNode | Bool | Int | Float | Complex | Str | Utf16 | Bytes | ByteArray | Slice | Range
    | List | Tuple | Set | FrozenSet | Deque | Dict | OrderedDict | DefaultDict | Strings | Numbers | Map
    | Array | ObjectArray | Scalar | Dtype | Structured | Object | TypeRef | FunctionRef | Link
    | Custom | CustomType | CustomFunction
)  # fmt: skip

SCALAR_KINDS = (NoneNode, EllipsisNode, Bool, Int, Float, Complex, Str, Utf16, Bytes, Scalar)


class Tensor(msgspec.Struct, frozen=True, gc=False):
    """One safetensors entry: carrier dtype (`F64`, `U8` ...), carrier shape, and its packed little-endian bytes."""

    carrier: str
    shape: tuple[int, ...]
    data: memoryview  # contiguous, format B


class Tree(msgspec.Struct):
    """A model as data: the node table, the index of the root, the string columns and the tensors t0, t1, ..."""

    nodes: list[AnyNode]
    root: int
    strings: list[list[str]]
    tensors: list[Tensor]
