"""Step 6, second part: node tables that break a rule of `spec/tree.md`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from amber.archive import names
from tools.vectors.artifact import Draft, canonical, tensor
from tools.vectors.index import Vector, reject

NONE = ["none"]


def vectors() -> Iterator[Vector]:
    yield from _bytes()
    yield from _kinds()
    yield from _spellings()
    yield from _order()
    yield from _numbers()
    yield from _keys()
    yield from _columns()
    yield from _dtypes()
    yield from _arrays()
    yield from _limits()
    yield from _cycles()


def _tree(*nodes: Any, strings: list[list[str]] | None = None, tensors: Any = ()) -> Draft:
    return Draft(tree=list(nodes), strings=strings or [], tensors=list(tensors))


def _raw(data: bytes) -> Draft:
    return Draft(extra={names.TREE: data})


def _refuse(code: str, what: str, shows: str, *nodes: Any, **parts: Any) -> Vector:
    return reject(code, what, _tree(*nodes, **parts), shows, 6)


def _bytes() -> Iterator[Vector]:
    for what, data, shows in (
        ("empty", b"", "no byte"),
        ("not-json", b"\x80\x05N.", "a pickle stream (of None)"),
        ("null", b"null", "null"),
        ("cut", b'{"nodes":[["none"]],"root":0', "the last brace is missing"),
        ("deep", b"[" * 20_000, "20 000 open brackets"),
        ("deep-inside", b'{"nodes":[["list",' + b"[" * 20_000, "20 000 open brackets inside a node"),
        ("unknown-key", b'{"nodes":[["none"]],"protocol":2,"root":0}', "a third key"),
        ("no-root", b'{"nodes":[["none"]]}', "no root"),
        ("not-utf8", b'{"nodes":[["str","\xff"]],"root":0}', "not UTF-8"),
        ("surrogate", b'{"nodes":[["str","\\ud83d"]],"root":0}', "an escaped lone surrogate"),
        ("overlong", b'{"nodes":[["str","\xc0\xaf"]],"root":0}', "an overlong UTF-8 sequence"),
        ("nan", b'{"nodes":[["float",NaN]],"root":0}', "NaN, which is no JSON"),
        ("byte-order-mark", b'\xef\xbb\xbf{"nodes":[["none"]],"root":0}', "a byte order mark"),
    ):
        yield reject("tree-invalid", f"bytes-{what}", _raw(data), f"model/tree.json: {shows}", 6)
    for what, data, shows in (
        ("space", b'{"nodes":[["none"]],"root":0} ', "a space at the end"),
        ("line-feed", b'{"nodes":[["none"]],"root":0}\n', "a line feed at the end"),
        ("unsorted", b'{"root":0,"nodes":[["none"]]}', "keys that are not sorted"),
        ("escape", b'{"nodes":[["str","\\u0061"]],"root":0}', "an escape that is not needed"),
        ("escape-upper", b'{"nodes":[["str","\\u001F"]],"root":0}', "an escape in upper-case digits"),
        ("escape-solidus", b'{"nodes":[["str","a\\/b"]],"root":0}', "an escaped solidus"),
        ("duplicate-nodes", b'{"nodes":[["none"]],"nodes":[["none"]],"root":0}', "the table twice"),
        ("duplicate-root", b'{"nodes":[["none"]],"root":0,"root":0}', "the root twice"),
        (
            "duplicate-attribute",
            b'{"nodes":[["custom","a.B",{"x":1,"x":1}],["none"]],"root":0}',
            "an attribute twice",
        ),
        ("surrogate-pair", b'{"nodes":[["str","\\ud83d\\ude00"]],"root":0}', "an escaped pair of surrogates"),
        ("minus-zero", b'{"nodes":[["int",-0]],"root":0}', "the integer -0"),
    ):
        yield reject("tree-not-canonical", f"bytes-{what}", _raw(data), f"model/tree.json: {shows}", 6)
    for code, what, data, shows in (
        ("tree-invalid", "strings-empty", b"[]", "no column, so the member must be absent"),
        ("tree-invalid", "strings-numbers", b"[[1]]", "a column of numbers"),
        ("tree-invalid", "strings-flat", b'["a"]', "a string where a column is needed"),
        ("tree-not-canonical", "strings-space", b'[["a", "b"]]', "a space"),
    ):
        draft = Draft(tree=[["strings", "list", 0]], extra={names.STRINGS: data})
        yield reject(code, what, draft, f"model/strings.json: {shows}", 6)


def _kinds() -> Iterator[Vector]:
    for what, node, shows in (
        ("unknown", ["lambda", "x: x"], "a kind that does not exist"),
        ("reduce", ["reduce", "os.system", ["true"]], "a kind that would call a function"),
        ("pickle", ["pickle", "gASVBQAAAAAAAABOLg=="], "a kind that would unpickle"),
        ("upper-case", ["None"], "a kind in another spelling"),
        ("not-array", {"kind": "none"}, "an object where an array is needed"),
        ("empty", [], "no kind"),
        ("too-long", ["none", 1], "one position too many"),
        ("too-short", ["int"], "one position too few"),
        ("bool-number", ["bool", 1], "1 for true"),
        ("int-bool", ["int", True], "true for 1"),
        ("int-fraction", ["int", 1.5], "a number with a fraction"),
        ("float-number", ["float", 1], "a number where a string is needed"),
        ("child-string", ["list", ["0"]], "a string where a child is needed"),
        ("child-null", ["list", [None]], "null where a child is needed"),
        ("pair-short", ["dict", [[0]]], "a pair of one"),
        ("container", ["strings", "set", 0], "a column as a set"),
        ("element", ["numbers", "list", "bool", "|b1", 0], "an element that does not exist"),
        ("order", ["object-array", [0], "K", []], "an order that does not exist"),
        ("attributes", ["object", "x", []], "an array where attributes are needed"),
    ):
        yield _refuse("tree-invalid", f"kind-{what}", f"a node: {shows}", node)


def _spellings() -> Iterator[Vector]:
    for what, node in (
        ("alphabet", ["bytes", "_-8="]), ("padding", ["bytes", "AA"]), ("line", ["bytes", "QUFB\nQUFB"]),
        ("unicode", ["bytes", "\u00e9==="]), ("utf16-odd", ["utf16", "ANgA"]),
    ):  # fmt: skip
        yield _refuse("tree-invalid", f"base64-{what}", f"base64 that is none: {what}", node)
    yield _refuse("tree-not-canonical", "base64-bits", "base64 whose unused bits are not zero", ["bytes", "QR=="])
    yield _refuse("tree-not-canonical", "utf16-plain", "a string without lone surrogates as utf16", ["utf16", "YQA="])
    yield _refuse("tree-not-canonical", "utf16-pair", "a pair of surrogates is no lone one", ["utf16", "PdgA3g=="])


def _order() -> Iterator[Vector]:
    for what, shows, table in (
        ("dangling", "a child that is not there", [["list", [1]]]),
        ("far", "a child of index 2^40", [["list", [2**40]]]),
        ("negative", "a child of index -1", [["list", [-1]]]),
        ("skipped", "an index is left out", [["list", [2, 1]], NONE, ["bool", True]]),
        ("unreachable", "a node that nothing refers to", [NONE, ["bool", True]]),
        ("unreachable-cycle", "two nodes that refer to each other only", [NONE, ["list", [2]], ["list", [1]]]),
        ("depth-first", "numbered depth first", [["list", [1, 3]], ["list", [2]], NONE, ["bool", True]]),
        ("attributes", "attributes are children by name, not by position",
         [["custom", "a.B", {"a": 2, "b": 1}], NONE, ["bool", True]]),
    ):  # fmt: skip
        yield _refuse("tree-order", what, shows, *table)
    yield reject("tree-order", "no-nodes", _tree(), "an empty table", 6)
    yield reject("tree-order", "root", _raw(b'{"nodes":[["list",[1]],["none"]],"root":1}'), "the root is node 1", 6)


def _numbers() -> Iterator[Vector]:
    for what, node in (
        ("int-small-string", ["int", "5"]), ("int-leading-zero", ["int", "007"]),
        ("int-plus", ["int", "+1" + "0" * 20]),
        ("int-spaces", ["int", " 1" + "0" * 20]), ("int-underscore", ["int", "1_000_000_000_000_000_000"]),
        ("int-digits", ["int", "\u0661" * 20]), ("int-unsafe", ["int", 2**53]),
        ("float-long", ["float", "1.50"]), ("float-integer", ["float", "1"]), ("float-case", ["float", "NaN"]),
        ("float-hex", ["float", "0x1p3"]), ("float-exponent", ["float", "1e16"]),
        ("float-excess", ["float", "0.10000000000000001"]),
        ("float-overflow", ["float", "1e+999"]), ("float-infinity", ["float", "Infinity"]),
        ("float-minus-nan", ["float", "-nan"]),
        ("float-empty", ["float", ""]), ("nan-usual", ["float", "nan:7ff8000000000000"]),
        ("nan-none", ["float", "nan:3ff0000000000000"]), ("nan-infinity", ["float", "nan:7ff0000000000000"]),
        ("nan-upper", ["float", "nan:7FF8000000000001"]), ("complex", ["complex", "1.0", "j"]),
        ("range-zero", ["range", 0, 1, 0]), ("range-large", ["range", 0, 2**53, 1]),
        ("scalar-short", ["scalar", "<f8", "00"]), ("scalar-long", ["scalar", "|i1", "0000"]),
        ("scalar-upper", ["scalar", "|u1", "FF"]), ("scalar-text", ["scalar", "|u1", "zz"]),
    ):  # fmt: skip
        yield _refuse("number-invalid", what, f"a number that is not in its one spelling: {what}", node)


def _keys() -> Iterator[Vector]:
    for what, table in (
        ("list", [["dict", [[1, 1]]], ["list", []]]),
        ("nested-tuple", [["dict", [[1, 1]]], ["tuple", [2]], ["tuple", []]]),
        ("dict-of-itself", [["dict", [[0, 0]]]]),
        ("large", [["dict", [[1, 1]]], ["int", str(2**64)]]),
        ("large-negative", [["set", [1]], ["int", str(-(2**63) - 1)]]),
        ("large-in-tuple", [["set", [1]], ["tuple", [2]], ["int", str(2**70)]]),
        ("array", [["set", [1]], ["array", "<f8", [0], "C", None]]),
        ("type", [["dict", [[1, 1]]], ["type", "builtins.int"]]),
        ("default-dict", [["default-dict", 1, [[2, 1]]], NONE, ["list", []]]),
    ):
        yield _refuse("key-invalid", what, f"a key or set element that may not be one: {what}", *table)
    yield _refuse("tree-not-canonical", "set-unsorted", "set elements out of order",
                  ["set", [1, 2]], ["int", 2], ["int", 1])  # fmt: skip
    yield _refuse("tree-not-canonical", "set-twice", "a set element twice", ["frozenset", [1, 1]], ["int", 1])
    yield _refuse("tree-not-canonical", "set-numeric-order", "10 sorts before 9 by bytes",
                  ["set", [1, 2]], ["int", 9], ["int", 10])  # fmt: skip
    yield _refuse("key-duplicate", "dict", "one key twice", ["dict", [[1, 2], [1, 2]]], ["str", "a"], NONE)
    yield _refuse("key-duplicate", "equal", "1 and true are equal keys",
                  ["dict", [[1, 2], [3, 2]]], ["int", 1], NONE, ["bool", True])  # fmt: skip
    yield _refuse("key-duplicate", "set", "1 and 1.0 are equal elements", ["set", [1, 2]], ["float", "1.0"], ["int", 1])
    yield _refuse("key-duplicate", "map", "one key twice in a column",
                  ["map", "dict", 1, 2], ["strings", "list", 0], ["strings", "list", 1],
                  strings=[["x", "x"], ["a", "b"]])  # fmt: skip
    two = [tensor("I64", "q", 7, 7), tensor("F64", "d", 1.0, 2.0)]
    yield _refuse("key-duplicate", "map-numbers", "one number twice in a column of keys",
                  ["map", "dict", 1, 2], ["numbers", "list", "int", "<i8", 0], ["numbers", "list", "float", "<f8", 1],
                  tensors=two)  # fmt: skip
    yield reject("key-invalid", "colliding", _colliding(200), "200 complex numbers of one hash", 6)
    for what, table in (
        ("deque-full", [["deque", [1, 1], 1], NONE]),
        ("deque-negative", [["deque", [], -1]]),
        ("default-factory", [["default-dict", 1, []], ["int", 1]]),
        ("default-factory-function", [["default-dict", 1, []], ["function", "numpy.zeros"]]),
    ):
        yield _refuse("tree-invalid", what, f"a container that cannot be: {what}", *table)


def _colliding(count: int) -> Draft:
    """A set of complex numbers that CPython hashes alike: hash(a + bj) is hash(a) + 1000003 x hash(b)."""
    numbers = [["complex", repr(float(10**12 - 1000003 * part)), repr(float(part))] for part in range(1, count + 1)]
    numbers.sort(key=canonical)
    return _tree(["set", list(range(1, count + 1))], *numbers)


def _columns() -> Iterator[Vector]:
    column = ["strings", "list", 0]
    yield _refuse("column-missing", "none", "a column that is not there", column)
    yield _refuse("column-missing", "negative", "column -1", ["strings", "list", -1], strings=[["a"]])
    yield _refuse("column-shared", "two", "two nodes, one column", ["list", [1, 2]], column, column, strings=[["a"]])
    yield _refuse("column-unused", "one", "a column that nothing refers to", NONE, strings=[["a"]])
    one = [tensor("F64", "d", 1.0)]
    yield _refuse("dtype-unknown", "numbers-int", "ints as floats", ["numbers", "list", "int", "<f8", 0], tensors=one)
    yield _refuse("dtype-unknown", "numbers-complex", "a column of complex numbers",
                  ["numbers", "list", "numpy", "<c8", 0], tensors=[tensor("C64", "d", 1.0)])  # fmt: skip
    yield _refuse("dtype-unknown", "numbers-text", "a column of text", ["numbers", "list", "numpy", "<U2", 0],
                  tensors=[tensor("U32", "I", 1, 2, shape=(1, 2))])  # fmt: skip
    yield _refuse("tensor-mismatch", "numbers-table", "a column of two dimensions",
                  ["numbers", "list", "float", "<f8", 0], tensors=[tensor("F64", "d", 1.0, shape=(1, 1))])  # fmt: skip
    yield _refuse("tree-invalid", "map-length", "two columns of different length",
                  ["map", "dict", 1, 2], ["strings", "list", 0], ["strings", "list", 1],
                  strings=[["x"], ["a", "b"]])  # fmt: skip
    yield _refuse("tree-invalid", "map-of-lists", "a map of plain lists", ["map", "dict", 1, 1], ["list", []])
    yield _refuse(
        "tree-invalid", "object-column", "an object array whose column is none", ["object-array", [1], "C", 1], NONE
    )


def _dtypes() -> Iterator[Vector]:
    for what, dtype in (
        ("object", "|O"), ("object-bare", "O"), ("long-double", "<f16"), ("native", "=f8"), ("name", "float64"),
        ("python", "object"), ("comma", "f8,O"), ("record", "<f8, |O"), ("byte-order", "<i1"), ("bool-order", "<b1"),
        ("text-large", "<U10000000000"), ("text-zero", "<U007"), ("text-order", "|U3"), ("raw-order", "<S3"),
        ("unit", "<M8[fortnight]"), ("unit-zero", "<M8[0s]"), ("pointer", "<V8"), ("empty", ""),
        ("unicode", "<U\u0663"),
        ("string-dtype", "|T16"),
    ):  # fmt: skip
        yield _refuse(
            "dtype-unknown", what, f"a dtype that is not of the list: {what}", ["array", dtype, [0], "C", None]
        )
    yield _refuse("dtype-unknown", "dtype-node", "a dtype as a value", ["dtype", "|O8"])
    yield _refuse("dtype-unknown", "scalar-object", "a scalar of dtype object", ["scalar", "|O", ""])
    yield _refuse("dtype-unknown", "child", "a dtype that is no structured node", ["array", 1, [0], "C", None], NONE)
    for what, node in (
        ("overlap", ["structured", [["a", "<f8", 0, []], ["b", "<f8", 4, []]], 16, False]),
        ("end", ["structured", [["a", "<f8", 0, []]], 4, False]),
        ("offset-negative", ["structured", [["a", "<f8", -8, []]], 8, False]),
        ("offset-order", ["structured", [["a", "<f8", 8, []], ["b", "<f8", 0, []]], 16, False]),
        ("field-twice", ["structured", [["a", "<f8", 0, []], ["a", "<f8", 8, []]], 16, False]),
        ("field-empty", ["structured", [["", "<f8", 0, []]], 8, False]),
        ("field-object", ["structured", [["a", "|O", 0, []]], 8, False]),
        ("itemsize", ["structured", [], 2**31, False]),
        ("subarray", ["structured", [["a", "<f8", 0, [2**31]]], 8, False]),
        ("nested-in-itself", ["structured", [["a", 0, 0, []]], 8, False]),
        ("misaligned", ["structured", [["a", "|u1", 0, []], ["b", "<f8", 1, []]], 16, True]),
        ("misaligned-end", ["structured", [["a", "<f8", 0, []]], 9, True]),
    ):
        yield _refuse("dtype-unknown", f"structured-{what}", f"a structured dtype that cannot be: {what}", node)


def _arrays() -> Iterator[Vector]:
    two = [tensor("F64", "d", 1.0, 2.0)]
    for what, node in (
        ("dtype", ["array", "<f4", [2], "C", 0]), ("longer", ["array", "<f8", [3], "C", 0]),
        ("shorter", ["array", "<f8", [1], "C", 0]), ("rank", ["array", "<f8", [2, 1], "C", 0]),
        ("same-width", ["array", "<i8", [2], "C", 0]), ("empty", ["array", "<f8", [0], "C", 0]),
    ):  # fmt: skip
        yield _refuse(
            "tensor-mismatch", what, f"a tensor that is not what its node declares: {what}", node, tensors=two
        )
    six = [tensor("F64", "d", *map(float, range(6)), shape=(2, 3))]
    yield _refuse(
        "tensor-mismatch", "fortran", "order F wants the transpose", ["array", "<f8", [2, 3], "F", 0], tensors=six
    )
    for what, shape, items in (("object-more", [2], [1]), ("object-fewer", [], [1, 1]), ("object-huge", [2**40], [1])):
        yield _refuse("tensor-mismatch", what, "an object array with another number of elements",
                      ["object-array", shape, "C", items], NONE)  # fmt: skip
    yield _refuse(
        "tree-not-canonical", "fortran-vector", "order F of one dimension", ["array", "<f8", [2], "F", 0], tensors=two
    )
    for what, order in (("K", "K"), ("empty", ""), ("axis-large", "Cr100"), ("axis-zero", "Cr00"), ("lower-case", "c")):
        yield _refuse(
            "tree-invalid",
            f"order-{what.lower()}",
            "an order of no spelling",
            ["array", "<f8", [2], order, 0],
            tensors=two,
        )
    for what, shape, order in (
        ("axis-missing", [2], "Cr1"), ("axis-short", [1, 2], "Cr0"), ("axis-twice", [2], "Cr0r0"),
    ):  # fmt: skip
        stored = [tensor("F64", "d", 1.0, 2.0, shape=tuple(shape))]
        yield _refuse(
            "tree-not-canonical",
            what,
            "a backward axis that cannot be",
            ["array", "<f8", shape, order, 0],
            tensors=stored,
        )
    yield _refuse(
        "tree-not-canonical",
        "axis-order",
        "backward axes out of order",
        ["array", "<f8", [2, 3], "Cr1r0", 0],
        tensors=six,
    )
    yield _refuse(
        "tree-not-canonical", "axis-empty", "a backward axis of an empty array", ["array", "<f8", [0, 2], "Cr1", None]
    )
    yield _refuse("tensor-missing", "index", "a tensor that is not there", ["array", "<f8", [2], "C", 1], tensors=two)
    yield _refuse("tensor-missing", "negative", "tensor -1", ["array", "<f8", [2], "C", -1], tensors=two)
    yield _refuse("tensor-missing", "null", "elements, but no tensor", ["array", "<f8", [2], "C", None])
    yield _refuse(
        "tensor-missing", "bomb", "a terabyte of elements, but no tensor", ["array", "<f8", [2**37], "C", None]
    )
    yield _refuse("tensor-unused", "one", "a tensor that nothing refers to", NONE, tensors=two)
    shared = ["array", "<f8", [2], "C", 0]
    yield _refuse("tensor-shared", "arrays", "two arrays, one tensor", ["list", [1, 2]], shared, shared, tensors=two)
    yield _refuse("tensor-shared", "list", "an array and a list, one tensor", ["list", [1, 2]], shared,
                  ["numbers", "list", "float", "<f8", 0], tensors=two)  # fmt: skip
    for what, node in (
        ("negative", ["array", "<f8", [-1], "C", None]), ("rank", ["array", "<f8", [1] * 33, "C", None]),
        ("overflow", ["array", "<f8", [2**62, 2**62], "C", None]),
        ("zero-times-huge", ["array", "<f8", [0, 2**62], "C", None]),
        ("object", ["object-array", [0, 2**62], "C", []]), ("object-negative", ["object-array", [-1], "C", []]),
    ):  # fmt: skip
        yield _refuse("shape-invalid", what, f"a shape that no array has: {what}", node)


def _limits() -> Iterator[Vector]:
    two = _tree(["list", [1]], NONE)
    yield reject("limit-nodes", "small-limit", two, "more nodes than the reader accepts", 6, limits={"nodes": 1})
    many = _tree(["int", "1" * 5000])
    yield reject("limit-integer-digits", "5000", many, "an integer of 5000 digits", 6)
    wide = [[f"f{number}", "|u1", number, []] for number in range(1025)]
    yield reject("limit-dtype-fields", "1025", _tree(["structured", wide, 1025, False]), "a dtype of 1025 fields", 6)
    yield reject("limit-unfolded-objects", "doubling", _doubling(40), "40 lists, each holding the next twice", 6)


def _doubling(depth: int) -> Draft:
    return _tree(*(["list", [level + 1, level + 1]] for level in range(depth)), NONE)


def _cycles() -> Iterator[Vector]:
    yield _refuse("tree-cycle", "tuple", "a tuple that contains itself", ["tuple", [0]])
    yield _refuse("tree-cycle", "tuples", "two tuples that contain each other", ["tuple", [1]], ["tuple", [0]])
    yield _refuse("tree-cycle", "slice", "a slice that is its own end", ["slice", 1, 0, 1], NONE)
    yield _refuse("tree-cycle", "special", "a masked array that is an element of its own data",
                  ["object", "numpy.ma.MaskedArray", {"data": 1, "fill_value": 2, "hard_mask": 3, "mask": 2}],
                  ["object-array", [1], "C", [0]], NONE, ["bool", False])  # fmt: skip
