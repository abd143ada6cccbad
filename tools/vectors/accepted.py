"""What every reader must accept: each kind of node and member once, and what looks odd but is valid."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np

from tools.vectors import native
from tools.vectors.artifact import Draft, plain, tensor
from tools.vectors.graph import Node, draft
from tools.vectors.index import Vector, accept

NONE = ["none"]


def vectors() -> Iterator[Vector]:
    yield accept("smallest", Draft(tree=[NONE]), "the smallest artifact: None")
    yield accept("plain", plain(), "a dict of an array, a column of strings, a set and a text")
    yield accept("folder", plain().members(), "the same in folder form")
    yield from _members()
    yield from _trees()
    yield from _arrays()
    yield from _objects()


def _members() -> Iterator[Vector]:
    made = plain()
    made.manifest |= {
        "name": "churn.eu-2", "version": "1.4.0", "created": "2030-01-31T12:00:00Z", "licence": "Apache-2.0",
        "lineage": {"parent": "0" * 64, "note": "from \u00fc"}, "metrics": {"roc_auc": "0.91", "rows": 1000},
        "metadata": {"a": [1, "1e+16", None, True, {"\u00e9": "nan"}]}, "hyperparameters": {"C": "1.0"},
        "libraries": {"scikit-learn": "1.9.1"}, "extensions": {"org.example": {"k": 1}},
        "methods": ["predict", "predict_proba"],
        "batching": {"predict": {"original": "exact", "program": "tolerant"}},
        "inputs": [{"name": "age", "dtype": "<f8", "shape": [-1], "schema": {
            "finite": True, "kinds": ["integer", "number"], "order": 0, "range": [0, "120.5"]},
            "summary": {"count": 10, "missing": "0.1", "quantiles": list(range(21)), "categories": [["a",
                5]], "other": 1}}],
        "outputs": [{"method": "predict", "name": "y", "dtype": "<i8", "shape": [-1], "classes": [0, 1],
                     "tolerance": {"relative": "1e-09", "absolute": 0}}],
    }  # fmt: skip
    yield accept("manifest", made, "every key of the manifest that this version writes")
    made = plain()
    made.extra = {"README.md": b"# Card\n" + b" " * (1024 * 1024)}
    yield accept("aligned", made, "a member of more than 1 MiB begins at a multiple of 16384")


def _trees() -> Iterator[Vector]:
    kinds: list[Any] = [
        ["ellipsis"], ["bool", True], ["int", -9007199254740991], ["int", "9007199254740992"], ["int", str(-(10**30))],
        ["float", "0.1"], ["float", "-0.0"], ["float", "nan"], ["float", "-inf"], ["float", "nan:fff8000000000000"],
        ["float", "1e+16"], ["float", "1.5e-07"], ["float", "5e-324"], ["complex", "1.0", "nan"],
        ["str", "\u0001\"\\\u007f\U0001f600"],
        ["utf16", "PdhhAA=="], ["bytes", "AP8="], ["bytearray", ""], ["range", 0, 10, -1], ["dtype", "<f8"],
        ["dtype", "|O"],
        ["scalar", "<f4", "0000803f"], ["scalar", ">i2", "0001"], ["scalar", "<M8[ns]", "0000000000000080"],
        ["scalar", "|b1", "01"], ["scalar", "<U2", "61000000e4000000"], ["array", "<f8", [], "C", 0],
        ["array", "<f8", [0, 3], "C", None],
    ]  # fmt: skip
    made = Draft(tree=[["list", list(range(1, len(kinds) + 1))], *kinds], tensors=[tensor("F64", "d", 1.5, shape=())])
    yield accept("kinds", made, "scalars of every kind and spelling")
    yield accept("containers", _containers(), "containers of every kind")
    yield accept(
        "cycle", Draft(tree=[["list", [0, 1, 1]], ["dict", [[2, 1]]], ["str", "self"]]), "cycles and shared objects"
    )
    yield accept("cycle-tuple", Draft(tree=[["list", [1]], ["tuple", [0, 0]]]), "a cycle through a list and a tuple")
    wide = Draft(tree=[["list", list(range(1, 1001))], *([["list", []]] * 1000)])
    yield accept("wide", wide, "a thousand empty lists, all of them different objects")
    chain = Draft(tree=[*(["list", [index + 1]] for index in range(5_000)), NONE])
    yield accept("deep", chain, "5 000 lists inside each other: no recursion in a reader")


def _containers() -> Draft:
    nodes: list[Any] = [
        ["list", [1, 2, 3, 4, 5, 6, 7]],
        ["deque", [8, 8], 3], ["ordered-dict", [[9, 8]]], ["default-dict", 8, [[9, 8]]], ["frozenset", [9, 10, 11]],
        ["slice", 8, 9, 8], ["map", "dict", 12, 13], ["object-array", [2, 2], "F", [8, 9, 9, 8]],
        NONE, ["int", 1], ["str", "a"], ["tuple", [9, 10]], ["strings", "list", 0],
        ["numbers", "tuple", "int", "<i8", 0],
    ]  # fmt: skip
    return Draft(tree=nodes, strings=[["x", "y"]], tensors=[tensor("I64", "q", -1, 2**62)])


def _arrays() -> Iterator[Vector]:
    arrays: list[Any] = [
        ["array", "|b1", [2], "C", 0], ["array", "<f2", [1], "C", 1], ["array", "<c8", [1], "C", 2],
        ["array", "<c16", [2], "C", 3], ["array", ">f8", [1], "C", 4], ["array", "<U2", [1], "C", 5],
        ["array", "|S3", [1], "C", 6], ["array", "|V6", [1], "C", 7], ["array", "<m8[10s]", [1], "C", 8],
        ["array", ">U1", [1], "C", 9], ["array", "<f8", [2, 3], "F", 10], ["array", "<U0", [2], "C", None],
        ["array", "|u1", [3], "C", 11], ["array", 14, [2], "C", 12],  # 14: the next line
        ["structured", [["a", "<f8", 0, [2]], ["b", 15, 16, []]], 24, True],
        ["structured", [["c", "|u1", 0, []], ["d", "<i4", 4, []]], 8, True],
    ]  # fmt: skip
    tensors = [
        tensor("BOOL", "B", 0, 1), tensor("F16", "e", 1.5), tensor("C64", "f", 1.0, 2.0, shape=(1,)),
        tensor("F64", "d", 1.0, 2.0, 3.0, 4.0, shape=(2, 2)), tensor("U64", "Q", 0x3FF0, shape=(1, 1)),
        tensor("U32", "I", 0x61, 0x1F600, shape=(1, 2)), tensor("U8", "B", 1, 2, 0, shape=(1, 3)),
        tensor("U16", "H", 1, 2, 3, shape=(1, 3)), tensor("I64", "q", -(2**63)), tensor("U32", "I",
            0x61000000, shape=(1, 1)),
        tensor("F64", "d", *map(float, range(6)), shape=(3, 2)), tensor("U8", "B", 1, 2, 3),
        tensor("U64", "Q", *range(6), shape=(2, 3)),
    ]  # fmt: skip
    # the nested dtype's padding and order are part of the bytes
    made = Draft(tree=[["list", list(range(1, 15))], *_shifted(arrays)], tensors=tensors)
    yield accept("arrays", made, "arrays of every carrier, both orders, big-endian and structured")
    six = [tensor("F64", "d", *map(float, range(6)), shape=shape) for shape in ((2, 3), (3, 2), (3, 2))]
    backward = Draft(tree=[["list", [1, 2, 3]], ["array", "<f8", [2, 3], "Cr0r1", 0],
    ["array", "<f8", [2, 3], "Fr1", 1],
                           ["array", "<f8", [2, 3], "F", 2]], tensors=six)  # fmt: skip
    yield accept("backward", backward, "arrays that run backwards through their tensors")
    many = Draft(tree=[["list", list(range(1, 13))], *(["array", "|u1", [1], "C", 11 - index] for index in range(12))],
                 tensors=[tensor("U8", "B", index) for index in range(12)])  # fmt: skip
    yield accept("tensor-order", many, "t10 stands before t2 in a shard; nodes name tensors in any order")


def _shifted(arrays: list[Any]) -> list[Any]:
    """Indices inside `arrays` count from the list that holds them."""
    moved = []
    for node in arrays:
        if node[0] == "array" and isinstance(node[1], int):
            node = ["array", node[1] + 1, *node[2:]]
        elif node[0] == "structured":
            fields = [[name, dtype + 1 if isinstance(dtype, int) else dtype, *rest] for name, dtype, *rest in node[1]]
            node = ["structured", fields, *node[2:]]
        moved.append(node)
    return moved


def _objects() -> Iterator[Vector]:
    yield accept("native-tree", draft(native.tree()), "a decision tree of one split")
    yield accept("native-search-tree", draft(native.search_tree()), "a kd-tree of three points")
    yield accept("sparse", draft(native.sparse()), "a sparse matrix of two rows")
    yield accept("class-value", draft([Node.of("type", "builtins.int"), Node.of("function", "numpy.log1p"),
                                       Node.of("link", "rng.global")]),
                                           "a class, a function and a link as values")  # fmt: skip
    # os.mkdir("executed") and what a joblib file holds inside an object array: bytes here, and nothing else
    pickled = [b"cos\nmkdir\n(S'executed'\ntR.", b"\x80\x04\x8c\x02os\x8c\x05mkdir\x93\x8c\x08executed\x85R."]
    held = [Node.of("bytes", base64.b64encode(each).decode()) for each in pickled]
    yield accept("pickles", draft([*held, np.array(held, dtype=object)]), "pickles that are data: nobody decodes them")
    yield accept("numpy-scalar", draft(np.array([1.0, 2.0])), "an array at the root")
