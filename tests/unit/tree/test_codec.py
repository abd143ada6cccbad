"""The table's form: what decode_tree accepts is exactly what encode_tree writes."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from amber.errors import FormatError, LimitError
from amber.limits import DEFAULT
from amber.tree import nodes as n
from amber.tree.codec import decode_tree, encode_strings, encode_tree
from amber.tree.nodes import Tensor, Tree


def tensor(carrier: str, shape: tuple[int, ...], size: int) -> Tensor:
    return Tensor(carrier, shape, memoryview(bytearray(size)))


def tree(*table: Any, strings: Any = (), tensors: Any = ()) -> Tree:
    return Tree(list(table), 0, list(strings), list(tensors))


def decoded(made: Tree, **limits: int) -> Tree:
    strings = encode_strings(made) if made.strings else None
    return decode_tree(encode_tree(made), strings, made.tensors, dataclasses.replace(DEFAULT, **limits))


def code(made: Tree, **limits: int) -> str:
    with pytest.raises((FormatError, LimitError)) as caught:
        decoded(made, **limits)
    return caught.value.code


def test_accepts_what_it_writes() -> None:
    made = tree(
        n.Dict([(1, 2), (3, 4)]),
        n.Str("a"),
        n.Array("<f8", [2, 3], "F", 0),
        n.Str("b"),
        n.Strings("list", 0),
        strings=[["x", "y"]],
        tensors=[tensor("F64", (3, 2), 48)],
    )
    again = decoded(made)
    assert again.nodes == made.nodes
    assert again.strings == [["x", "y"]]


@pytest.mark.parametrize(
    "data",
    [
        b'{"nodes":[["none"]],"root":0} ',
        b' {"nodes":[["none"]],"root":0}',
        b'{"root":0,"nodes":[["none"]]}',
        b'{"nodes":[["none"]],"root":0,"root":0}',
        b'{"nodes":[["str","\\u0061"]],"root":0}',
        b'{"nodes":[["object","a.b",{"x":1,"x":1}],["none"]],"root":0}',
    ],
)
def test_other_bytes_for_the_same_table_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        decode_tree(data, None, [], DEFAULT)
    assert caught.value.code == "tree-not-canonical"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b'{"nodes":[["lambda"]],"root":0}',
        b'{"nodes":[["int",1.5]],"root":0}',
        b'{"nodes":[["none",1]],"root":0}',
        b'{"nodes":[["int"]],"root":0}',
        b'{"nodes":[["int",true]],"root":0}',
        b'{"nodes":[["none"]],"root":0,"more":1}',
        b'{"nodes":[["str","\xff"]],"root":0}',
        b'{"nodes":[["str","\\ud800"]],"root":0}',
        b"[" * 100_000,
        b'{"nodes":[["int",' + b"9" * 400 + b']],"root":0}',
    ],
)
def test_what_is_no_table_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        decode_tree(data, None, [], DEFAULT)
    assert caught.value.code in ("tree-invalid", "tree-not-canonical", "number-invalid")


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ([n.List([1])], "tree-order"),
        ([n.List([-1])], "tree-order"),
        ([n.List([2, 1]), n.NoneNode(), n.Bool(True)], "tree-order"),
        ([n.NoneNode(), n.NoneNode()], "tree-order"),
        ([], "tree-order"),
        ([n.Int("5")], "number-invalid"),
        ([n.Int("007")], "number-invalid"),
        ([n.Int(2**60)], "number-invalid"),
        ([n.Float("1.50")], "number-invalid"),
        ([n.Float("NaN")], "number-invalid"),
        ([n.Float("1_0.0")], "number-invalid"),
        ([n.Float("1")], "number-invalid"),
        ([n.Float("nan:7ff8000000000000")], "number-invalid"),
        ([n.Float("nan:3ff0000000000000")], "number-invalid"),
        ([n.Bytes("AB")], "tree-invalid"),
        ([n.Bytes("QR==")], "tree-not-canonical"),
        ([n.Utf16("YQA=")], "tree-not-canonical"),
        ([n.Range(0, 1, 0)], "number-invalid"),
        ([n.Set([1, 2]), n.Int(2), n.Int(1)], "tree-not-canonical"),
        ([n.Set([1, 1]), n.Int(2)], "tree-not-canonical"),
        ([n.Set([1]), n.List([])], "key-invalid"),
        ([n.Dict([(1, 1)]), n.List([])], "key-invalid"),
        ([n.Dict([(1, 1)]), n.Tuple([2]), n.Tuple([])], "key-invalid"),
        ([n.Dict([(1, 1)]), n.Int(str(2**64))], "key-invalid"),
        ([n.Deque([1, 1], 1), n.NoneNode()], "tree-invalid"),
        ([n.Array("<f8", [2], "C", 0)], "tensor-missing"),
        ([n.Array("<f8", [2], "C", None)], "tensor-missing"),
        ([n.Array("<f8", [-1], "C", None)], "shape-invalid"),
        ([n.Array("<f8", [1] * 65, "C", None)], "shape-invalid"),
        ([n.Array("<f8", [0], "Cr0", None)], "tree-not-canonical"),
        ([n.Array("<f8", [2], "A", 0)], "tree-invalid"),
        ([n.Array("<f8", [2], "Cr1", 0)], "tree-not-canonical"),
        ([n.Array("<f8", [2, 1], "Cr1", 0)], "tree-not-canonical"),
        ([n.Array("<f8", [2, 2], "Cr1r0", 0)], "tree-not-canonical"),
        ([n.Array("<f8", [2, 2], "Cr0r0", 0)], "tree-not-canonical"),
        ([n.Array("<f8", [0, 2**62], "C", None)], "shape-invalid"),
        ([n.Array("|O", [0], "C", None)], "dtype-unknown"),
        ([n.Array("<f16", [0], "C", None)], "dtype-unknown"),
        ([n.Array(1, [0], "C", None), n.NoneNode()], "dtype-unknown"),
        ([n.ObjectArray([2], "C", [1]), n.NoneNode()], "tensor-mismatch"),
        ([n.ObjectArray([1], "C", 1), n.NoneNode()], "tree-invalid"),
        ([n.Scalar("<f8", "00")], "number-invalid"),
        ([n.Scalar("<i2", "0G00")], "number-invalid"),
        ([n.Structured([("a", "<f8", 0, []), ("b", "<f8", 4, [])], 16, False)], "dtype-unknown"),
        ([n.Structured([("a", "<f8", 0, [])], 4, False)], "dtype-unknown"),
        ([n.Structured([("a", "<f8", 0, []), ("a", "<f8", 8, [])], 16, False)], "dtype-unknown"),
        ([n.Structured([("a", 0, 0, [])], 16, False)], "dtype-unknown"),
        ([n.Strings("list", 0)], "column-missing"),
        ([n.Map("dict", 1, 1), n.List([])], "tree-invalid"),
        ([n.DefaultDict(1, []), n.Int(1)], "tree-invalid"),
    ],
)
def test_each_rule_has_its_code(table: list[Any], expected: str) -> None:
    assert code(tree(*table)) == expected


def test_tensors_and_columns_are_used_exactly_once() -> None:
    two = [tensor("F64", (2,), 16)]
    assert code(tree(n.NoneNode(), tensors=two)) == "tensor-unused"
    shared = [n.List([1, 2]), n.Array("<f8", [2], "C", 0), n.Array("<f8", [2], "C", 0)]
    assert code(tree(*shared, tensors=two)) == "tensor-shared"
    assert code(tree(n.NoneNode(), strings=[["x"]])) == "column-unused"
    columns = [n.List([1, 2]), n.Strings("list", 0), n.Strings("tuple", 0)]
    assert code(tree(*columns, strings=[["x"]])) == "column-shared"
    assert code(tree(n.Array("<f4", [2], "C", 0), tensors=two)) == "tensor-mismatch"
    assert code(tree(n.Array("<f8", [3], "C", 0), tensors=two)) == "tensor-mismatch"
    assert code(tree(n.Numbers("list", "int", "<f8", 0), tensors=two)) == "dtype-unknown"
    assert code(
        tree(n.Map("dict", 1, 2), n.Strings("list", 0), n.Strings("list", 1), strings=[["x", "x"], ["a", "b"]])
    ) == ("key-duplicate")


def test_limits() -> None:
    assert code(tree(n.NoneNode()), nodes=0) == "limit-nodes"
    assert code(tree(n.NoneNode()), tree_bytes=4) == "limit-tree-bytes"
    assert code(tree(n.Strings("list", 0), strings=[["x"]]), strings_bytes=3) == "limit-strings-bytes"
    assert code(tree(n.Int("1" * 60)), integer_digits=50) == "limit-integer-digits"
    wide = n.Structured([("a", "|u1", 0, []), ("b", "|u1", 1, [])], 2, False)
    assert code(tree(wide), dtype_fields=1) == "limit-dtype-fields"


def test_cycles_and_sharing_are_equal_indices() -> None:
    made = tree(n.List([0, 1, 1]), n.List([0]))
    assert decoded(made).nodes == made.nodes
