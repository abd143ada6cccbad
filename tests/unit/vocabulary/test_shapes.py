"""Every form of constraint: what passes, what does not, and with which code."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from amber.adapters.arrays import dtype_string, to_tensor
from amber.limits import DEFAULT
from amber.tree import nodes
from amber.tree.nodes import Tree
from amber.vocabulary.entries import Constraint
from amber.vocabulary.shapes import Constraints, Place


def verdict(constraint: Any, value: Any, **named: Any) -> str:
    """The code with which a constraint refuses a value, empty where it does not."""
    tree = Tree([], 0, [], [])
    index = put(tree, value)
    decoded = msgspec.convert(constraint, Constraint)
    check = Constraints({name: msgspec.convert(each, Constraint) for name, each in named.items()}).resolve(decoded)
    if check is None:
        return ""
    complaint = check(Place(tree, DEFAULT, {"numpy.exp": "elementwise"}.get), tree.nodes[index])
    return "" if complaint is None else complaint[0]


def put(tree: Tree, value: Any) -> int:
    node = make(tree, value)
    tree.nodes.append(node)
    return len(tree.nodes) - 1


def make(tree: Tree, value: Any) -> Any:
    if value is None:
        return nodes.NoneNode()
    if isinstance(value, bool):
        return nodes.Bool(value)
    if isinstance(value, np.generic):
        return nodes.Scalar(value.dtype.str, value.tobytes().hex())
    if isinstance(value, int):
        return nodes.Int(value if abs(value) < 2**53 else str(value))
    if isinstance(value, float):
        return nodes.Float(repr(value))
    if isinstance(value, str):
        return nodes.Str(value)
    if isinstance(value, list):
        return nodes.List([put(tree, item) for item in value])
    if isinstance(value, dict):
        return nodes.Dict([(put(tree, key), put(tree, item)) for key, item in value.items()])
    if isinstance(value, np.ndarray) and value.dtype == object:
        return nodes.ObjectArray(list(value.shape), "C", [put(tree, item) for item in value.ravel()])
    if isinstance(value, np.ndarray):
        tree.tensors.append(to_tensor(value, "C", dtype_string(value.dtype), value.dtype.itemsize))
        return nodes.Array(dtype_string(value.dtype), list(value.shape), "C", len(tree.tensors) - 1)
    return value


CASES: list[tuple[Any, Any, str]] = [
    ("any", None, ""),
    ("none", None, ""),
    ("none", 0, "kind-mismatch"),
    ("bool", True, ""),
    ("bool", np.bool_(True), ""),
    ("bool", 1, "kind-mismatch"),
    ({"is": "bool", "value": False}, True, "value-out-of-range"),
    ({"is": "int", "min": 1, "max": 3}, 3, ""),
    ({"is": "int", "min": 1, "max": 3}, np.uint8(2), ""),
    ({"is": "int", "min": 1, "max": 3}, 4, "value-out-of-range"),
    ({"is": "int", "min": 1, "max": 3}, np.int64(-1), "value-out-of-range"),
    ({"is": "int", "min": 1}, 10**4000, ""),
    ("int", True, "kind-mismatch"),
    ("int", 1.0, "kind-mismatch"),
    ("int", nodes.Scalar(">i2", "0102"), ""),
    ({"is": "int", "max": 300}, nodes.Scalar(">i2", "0102"), ""),
    ({"is": "int", "max": 300}, nodes.Scalar("<i2", "0102"), "value-out-of-range"),
    ({"is": "int", "max": "jobs"}, 65, "limit-jobs"),
    ({"is": "int", "max": "jobs"}, 64, ""),
    ({"is": "number", "min": 0}, 0.5, ""),
    ({"is": "number", "min": 0}, np.float32(0.5), ""),
    ({"is": "number", "min": 0}, float("nan"), "value-out-of-range"),
    ({"is": "number", "min": 0}, nodes.Float("nan:7ff8000000000001"), "value-out-of-range"),
    ("number", float("inf"), ""),
    ("number", "1", "kind-mismatch"),
    ("str", "anything", ""),
    ("str", nodes.Utf16("2D8="), ""),
    ("str", 1, "kind-mismatch"),
    ({"is": "str", "values": ["a"]}, "a", ""),
    ({"is": "str", "values": ["a"]}, np.str_("a"), ""),
    ({"is": "str", "values": ["a"]}, "b", "string-not-allowed"),
    ({"is": "str", "values": ["a"]}, nodes.Utf16("2D8="), "string-not-allowed"),
    ({"is": "str", "refused": ["a"]}, "a", "string-not-allowed"),
    ({"is": "str", "max_chars": 2}, "abc", "value-out-of-range"),
    ({"is": "str", "pattern": True}, r"\w+", ""),
    ({"is": "str", "pattern": True}, r"(\w+)+", "pattern-refused"),
    # `(?:a+)+b` and a lone surrogate behind it
    ({"is": "str", "pattern": True}, nodes.Utf16("KAA/ADoAYQArACkAKwBiAADY"), "pattern-refused"),
    ({"is": "str", "template": ["x"]}, nodes.Utf16("ewB5AH0AANg="), "string-not-allowed"),
    ({"is": "str", "pattern": True}, "a" * 513, "limit-pattern-chars"),
    ({"is": "str", "template": ["x"]}, "{x}__{x}", ""),
    ({"is": "str", "template": ["x"]}, "plain", ""),
    ({"is": "str", "template": ["x"]}, "{x.__class__}", "string-not-allowed"),
    ({"is": "str", "template": ["x"]}, "{x:>999999999}", "string-not-allowed"),
    ({"is": "str", "template": ["x"]}, "{y}", "string-not-allowed"),
    ({"is": "str", "template": ["x"]}, "{{{x}}}", "string-not-allowed"),
    ({"is": "option", "values": ["a"]}, "a", ""),
    ({"is": "option", "values": ["a"]}, 7, ""),
    ({"is": "option", "values": ["a"]}, "b", "string-not-allowed"),
    ({"is": "option", "dotted": True}, "named_steps.clf.coef_", ""),
    ({"is": "option", "dotted": True}, "coef_.__class__", "string-not-allowed"),
    ({"is": "option", "dotted": True}, "a..b", "string-not-allowed"),
    ({"is": "array", "dtype": ["f"], "rank": [2]}, np.zeros((2, 2)), ""),
    ({"is": "array", "dtype": ["<f8"]}, np.zeros(2, np.float32), "dtype-mismatch"),
    ({"is": "array", "dtype": ["f"]}, np.zeros(2, ">f4"), ""),
    ({"is": "array", "dtype": ["f"]}, np.zeros(2, int), "dtype-mismatch"),
    ({"is": "array", "rank": [1]}, np.zeros((2, 2)), "shape-mismatch"),
    ("array", [1], "kind-mismatch"),
    ({"is": "array", "dtype": ["f"]}, np.array([None]), "dtype-mismatch"),
    ({"is": "array", "items": "none"}, np.array([None]), ""),
    ({"is": "array", "items": "none"}, np.array([None, 1]), "kind-mismatch"),
    ({"is": "array", "items": "none"}, np.zeros(2), "dtype-mismatch"),
    ({"is": "list", "items": "natural", "min": 1, "max": 2}, [0, 5], ""),
    ({"is": "list", "items": "natural", "max": 2}, [0, 5, 1], "value-out-of-range"),
    ({"is": "list", "items": "natural"}, [0, -5], "value-out-of-range"),
    ({"is": "list"}, {}, "kind-mismatch"),
    ({"is": "map", "keys": "str", "values": "positive"}, {"a": 1}, ""),
    ({"is": "map", "keys": "str", "values": "positive"}, {"a": 0}, "value-out-of-range"),
    ({"is": "map", "keys": "str"}, {1: 0}, "kind-mismatch"),
    ("map", [], "kind-mismatch"),
    ({"is": "object", "types": ["x.Y"]}, nodes.Object("x.Y", {}), ""),
    ({"is": "object", "types": ["x.Y"]}, nodes.Object("x.Z", {}), "kind-mismatch"),
    ({"is": "type"}, nodes.TypeRef("numpy.float64"), ""),
    ({"is": "type", "types": ["numpy.int64"]}, nodes.TypeRef("numpy.float64"), "kind-mismatch"),
    ({"is": "function"}, nodes.FunctionRef("numpy.exp"), ""),
    ({"is": "function", "groups": ["elementwise"]}, nodes.FunctionRef("numpy.exp"), ""),
    ({"is": "function", "groups": ["score"]}, nodes.FunctionRef("numpy.exp"), "function-not-allowed"),
    ({"is": "function", "names": ["numpy.log"]}, nodes.FunctionRef("numpy.exp"), "function-not-allowed"),
    ({"is": "function"}, nodes.Str("numpy.exp"), "kind-mismatch"),
    ({"is": "kind", "kinds": ["slice"]}, nodes.Slice(0, 0, 0), ""),
    ({"is": "kind", "kinds": ["slice"]}, None, "kind-mismatch"),
    (["none", {"is": "int", "min": 1}], None, ""),
    (["none", {"is": "int", "min": 1}], 0, "value-out-of-range"),  # the nearest alternative speaks
    (["none", "bool"], "x", "kind-mismatch"),
    (["none", "any"], "x", ""),
]  # fmt: skip


@pytest.mark.parametrize(("constraint", "value", "code"), CASES)
def test_constraint(constraint: Any, value: Any, code: str) -> None:
    assert verdict(constraint, value) == code


def test_columns_are_lists_and_maps_too() -> None:
    tree = Tree([nodes.Strings("list", 0), nodes.Numbers("list", "int", "<i8", 0), nodes.Map("dict", 0, 1)], 0, [], [])
    tree.strings.append(["a", "bb"])
    tree.tensors.append(to_tensor(np.array([3, 4]), "C", "<i8", 8))
    resolve = Constraints({}).resolve
    place = Place(tree, DEFAULT, lambda name: None)

    def code(constraint: Any, index: int) -> str | None:
        check = resolve(msgspec.convert(constraint, Constraint))
        assert check is not None
        complaint = check(place, tree.nodes[index])
        return None if complaint is None else complaint[0]

    assert code({"is": "list", "items": "str", "max": 2}, 0) is None
    assert code({"is": "list", "items": {"is": "str", "values": ["a"]}}, 0) == "string-not-allowed"
    assert code({"is": "list", "items": {"is": "int", "max": 4}}, 1) is None
    assert code({"is": "list", "items": {"is": "int", "max": 3}}, 1) == "value-out-of-range"
    assert code({"is": "list", "max": 1}, 1) == "value-out-of-range"
    assert code({"is": "map", "keys": "str", "values": "natural"}, 2) is None
    assert code({"is": "map", "keys": "int"}, 2) == "kind-mismatch"
    assert code({"is": "map", "values": {"is": "int", "max": 3}}, 2) == "value-out-of-range"


def test_fields_of_structured_arrays() -> None:
    tree = Tree([nodes.Structured([("a", "<i4", 0, []), ("b", "<f8", 8, [])], 16, True)], 0, [], [])
    array = nodes.Array(0, [3], "C", None)
    place = Place(tree, DEFAULT, lambda name: None)

    def code(constraint: Any) -> str | None:
        check = Constraints({}).resolve(msgspec.convert(constraint, Constraint))
        assert check is not None
        complaint = check(place, array)
        return None if complaint is None else complaint[0]

    assert code({"is": "array", "fields": [["a", "<i4"], ["b", "<f8"]], "rank": [1]}) is None
    assert code({"is": "array", "fields": [["b", "<f8"], ["a", "<i4"]]}) == "dtype-mismatch"
    assert code({"is": "array", "fields": [["a", "<i4"]]}) == "dtype-mismatch"
    assert code({"is": "array", "dtype": ["f"]}) == "dtype-mismatch"
    assert code({"is": "array", "dtype": ["V"]}) is None


def test_names_of_constraints() -> None:
    assert verdict("jobs", 7, jobs={"is": "int", "max": 5}) == "value-out-of-range"
    with pytest.raises(ValueError, match="unknown constraint"):
        verdict("nobody", 7)
