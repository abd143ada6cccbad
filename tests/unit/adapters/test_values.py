"""Every rule of the language: what it lets pass, what it finds, and where it says the fault is."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from amber.adapters.arrays import to_tensor
from amber.adapters.values import check_values
from amber.errors import Problem
from amber.limits import DEFAULT, Limits
from amber.tree import nodes
from amber.tree.nodes import Tree
from amber.vocabulary import Vocabulary
from amber.vocabulary.entries import AnyRule, Entry
from tests.hostile.tampering import add


class Rules(Vocabulary):
    """The real vocabulary with one more type, whose rules a test chooses."""

    def __init__(self, rules: list[dict[str, Any]]) -> None:
        super().__init__()
        self.tested = Entry([], rules=[msgspec.convert(rule, AnyRule) for rule in rules], type="t.T")

    def entry(self, type_id: str) -> Entry | None:
        return self.tested if type_id == "t.T" else super().entry(type_id)


def objects(*states: dict[str, Any]) -> Tree:
    """A list of objects of the tested type; a state's values may be plain values, arrays or nodes."""
    tree = Tree([nodes.List([])], 0, [], [])
    for state in states:
        tree.nodes.append(made := nodes.Object("t.T", {}))
        assert isinstance(tree.nodes[0], nodes.List)
        tree.nodes[0].items.append(len(tree.nodes) - 1)
        made.attrs = {name: add(tree, value) for name, value in state.items()}
    return tree


def check(
    rule: dict[str, Any] | list[dict[str, Any]], *states: dict[str, Any], limits: Limits = DEFAULT
) -> list[Problem]:
    return check_values(objects(*states), Rules(rule if isinstance(rule, list) else [rule]), limits)


def places(rule: dict[str, Any], *states: dict[str, Any]) -> list[tuple[str, str]]:
    return [(problem.code, problem.where) for problem in check(rule, *states)]


def holds(that: str, **more: Any) -> dict[str, Any]:
    return {"rule": "holds", "that": that, **more}


STATE = {
    "n": 4,
    "data": np.arange(12.0).reshape(4, 3),
    "index": np.array([0, 3, 2]),
    "mask": np.array([True, False, True]),
    "unsigned": np.array([2**63 + 5, 1], np.uint64),
    "small": np.array([250, 251], np.uint8),
    "none": None,
    "pairs": [1, 2, 3],
    "inner": [np.zeros(2), np.zeros(5), None],
    "big": 2**70,
    "word": "poly",
    "empty": np.zeros((0, 3)),
}

TRUE = [
    "n == 4", "n != 5", "n < 5", "n <= 4", "n > 3", "n >= 4",
    "len(data) == n", "shape(data, 1) == 3", "shape(data, 7) == 0", "rank(data) == 2", "size(data) == 12",
    "sum(index) == 5", "max(index) == 3", "min(index) == 0", "max(empty) == 0", "sum(mask) == 2", "max(small) == 251",
    "pow2(n) == 16", "pow2(n * 100) > 1000", "choose(n, 2) == 6", "choose(1000000, 16) > limit(components)",
    "limit(polynomial_degree) == 16", "n * (n - 1) // 2 == 6", "n // 0 == 0", "-1 < n",
    "some(none) == 0", "some(n) == 1", "len(none) == 0", "len(pairs) == 3", "sum(pairs) == 6", "pairs[1] == 2",
    "pairs[*] >= 1", "pairs[*] == index + 1 - index + pairs[*] - 1", "len(inner[*]) <= 5", "len(inner[0]) == 2",
    "len(inner[*]) + some(inner[*]) <= 6", "index >= 0", "index[1] == 3", "small > 249",
    "unsigned >= 1", "len(word) == 4",
]  # fmt: skip


@pytest.mark.parametrize("that", [that for that in TRUE if "word" not in that])
def test_true_comparisons(that: str) -> None:
    assert check(holds(that), STATE) == []


@pytest.mark.parametrize(
    "that",
    [
        "n == 5",
        "len(data) != n",
        "index < 3",
        "len(inner[*]) < 5",
        "n * 1000000000 * 1000000000 == 1000",
        "small < 250",
    ],
)
def test_false_comparisons(that: str) -> None:
    found = check(holds(that), STATE)
    assert [problem.code for problem in found] == ["value-mismatch"]
    assert found[0].where.startswith("[0].")
    assert [problem.code for problem in check(holds(that, code="shape-mismatch"), STATE)] == ["shape-mismatch"]


@pytest.mark.parametrize(
    ("that", "code"),
    [
        ("missing == 1", "attribute-missing"),
        ("len(missing) == 1", "attribute-missing"),
        ("n.deeper == 1", "attribute-missing"),
        ("pairs[9] == 1", "attribute-missing"),
        ("data.field == 1", "attribute-missing"),
        ("n[*] == 1", "attribute-missing"),
        ("word == 1", "kind-mismatch"),
        ("len(n) == 1", "kind-mismatch"),
        ("big == 1", "kind-mismatch"),
        ("sum(word) == 1", "kind-mismatch"),
        ("pairs[*] == index + small", "shape-mismatch"),
        ("peaks(index) == 1", "kind-mismatch"),
    ],
)
def test_what_cannot_be_asked_is_a_problem(that: str, code: str) -> None:
    assert [problem.code for problem in check(holds(that), STATE)] == [code]


def test_sums_do_not_wrap_round() -> None:
    state = {"a": np.full(4, 2**62), "b": 2**62}
    assert check(holds("sum(a) == 0"), state)
    assert check(holds("b * 4 == 0"), state)
    assert check(holds("sum(a) > 0"), {"a": np.array([np.inf])})
    assert check(holds("max(a) >= 0"), {"a": np.array([np.nan, 1.0])})


def test_peaks_of_columns() -> None:
    state = {"y": np.array([[0, 5], [2, 1]]), "classes": [np.arange(3), np.arange(6)]}
    assert check(holds("peaks(y) < len(classes[*])"), state) == []
    state["classes"] = [np.arange(3), np.arange(5)]
    assert check(holds("peaks(y) < len(classes[*])"), state)


def test_fault_is_laid_at_the_object_that_has_it() -> None:
    rule = {"rule": "within", "of": "index", "min": 0, "below": "n"}
    states = [
        {"n": 5, "index": np.array([1, 4])},
        {"n": 3, "index": np.array([1, 4, -1])},
        {"n": 9, "index": np.array([8])},
    ]
    found = check(rule, *states)
    assert [(problem.code, problem.where) for problem in found] == [("index-out-of-range", "[1].index")]
    assert "4, -1" in found[0].message
    assert places(holds("n < 6"), *states) == [("value-mismatch", "[2].n")]


def test_objects_that_cannot_be_asked_do_not_hide_the_others() -> None:
    rule = {"rule": "within", "of": "index", "max": 3}
    found = places(rule, {"index": np.array([9])}, {}, {"index": np.array([2])}, {}, {"index": np.array([7])})
    assert sorted(found) == [
        ("attribute-missing", "[1].index"),
        ("attribute-missing", "[3].index"),
        ("index-out-of-range", "[0].index"),
        ("index-out-of-range", "[4].index"),
    ]


@pytest.mark.parametrize(
    ("rule", "values", "good"),
    [
        ({"min": 0}, [0, 5], True),
        ({"min": 0}, [0, -1], False),
        ({"max": "n"}, [4], True),
        ({"max": "n"}, [5], False),
        ({"below": "n"}, [4], False),
        ({"min": 0, "also": [-1]}, [-1, 3], True),
        ({"min": 0, "also": [-1]}, [-2, 3], False),
        ({"min": 0}, [float("nan")], False),
        ({"max": 1}, [float("nan")], False),
        ({"min": 0, "max": 1}, [], True),
        ({"min": 0}, [0.5, np.inf], True),
        ({"max": 0}, [-np.inf], True),
    ],
)
def test_within(rule: dict[str, Any], values: list[float], good: bool) -> None:
    state = {"n": 4, "x": np.array(values)}
    assert (check({"rule": "within", "of": "x", **rule}, state) == []) is good


def test_within_looks_only_where_it_is_asked_to() -> None:
    rule = {"rule": "within", "of": "x", "min": 0, "below": 3, "where": ["left", "!=", -1]}
    state = {"x": np.array([2, -9, 9]), "left": np.array([1, -1, -1])}
    assert check(rule, state) == []
    state["left"] = np.array([1, -1, 5])
    assert check(rule, state)
    state["left"] = np.array([1, -1])
    assert [problem.code for problem in check(rule, state)] == ["shape-mismatch"]


def test_within_from_a_position_on() -> None:
    rule = {"rule": "within", "of": "x", "min": 1, "start": "n // 2"}
    assert check(rule, {"n": 4, "x": np.array([0, 0, 1, 1])}, {"n": 0, "x": np.array([1])}) == []
    assert places(rule, {"n": 4, "x": np.array([0, 0, 1, 1])}, {"n": 4, "x": np.array([0, 0, 1, 0])}) == [
        ("index-out-of-range", "[1].x")
    ]


def test_within_on_every_width_of_integer() -> None:
    for dtype in ("|u1", "|i1", "<u2", ">i2", "<u4", ">u8", "<i8", "<f4", "|b1"):
        state = {"x": np.array([0, 1], dtype)}
        assert check({"rule": "within", "of": "x", "min": 0, "max": 1}, state) == []
        assert check({"rule": "within", "of": "x", "min": 1}, state)
        assert check({"rule": "within", "of": "x", "min": -(10**6), "below": 10**6}, state) == []


def test_shapes() -> None:
    rule = {"rule": "shape", "of": "data", "dims": ["n", "*"]}
    assert check(rule, STATE) == []
    assert places({**rule, "dims": ["n", "n"]}, STATE) == [("shape-mismatch", "[0].data")]
    assert check({**rule, "dims": ["n"]}, STATE)
    assert check({"rule": "shape", "of": "inner[*]", "dims": ["*"]}, STATE) == []
    assert check({"rule": "shape", "of": "inner[*]", "dims": [2]}, STATE)


def test_increasing() -> None:
    rule = {"rule": "increasing", "of": "x", "first": 0, "last": "n"}
    assert check(rule, {"n": 5, "x": np.array([0, 2, 2, 5])}) == []
    assert places({**rule, "strict": True}, {"n": 5, "x": np.array([0, 2, 2, 5])}) == [("not-increasing", "[0].x")]
    for wrong in ([0, 3, 2, 5], [1, 5], [0, 4], [], [0, float("nan"), 5]):
        assert check(rule, {"n": 5, "x": np.array(wrong)})
    assert check(rule, {"n": 1, "x": np.array([0, 1])}, {"n": 0, "x": np.array([0, 0])}) == []


def test_distinct_and_finite() -> None:
    assert check({"rule": "distinct", "of": "x"}, {"x": np.array([1, 2])}, {"x": np.array([1, 2])}) == []
    assert places({"rule": "distinct", "of": "x"}, {"x": np.array([1, 2])}, {"x": np.array([3, 3])}) == [
        ("not-distinct", "[1].x")
    ]
    assert check({"rule": "finite", "of": "x"}, {"x": np.array([1.0])}) == []
    assert places({"rule": "finite", "of": "x"}, {"x": np.array([1.0, np.inf])}) == [("not-finite", "[0].x")]


def test_loosely_increasing() -> None:
    rule = {"rule": "increasing", "of": "x[*]", "strict": True, "loose": True}
    good = [
        np.array([1.0, 2.0, np.nan]), np.array([3, 4]), np.array(["b", "a"]), np.array([False, True]), None,
        np.array(["2020-01-01", "2021-01-01", "NaT"], "<M8[D]"), np.array([np.nan]), np.array([2.0]), np.zeros(0),
    ]  # fmt: skip
    assert check(rule, {"x": good}) == []
    for bad in ([2, 1], [1, 1], [1.0, np.nan, 2.0], [True, False]):
        assert places(rule, {"x": good}, {"x": [np.array(bad)]}) == [("not-increasing", "[1].x[*]")]
    assert check(rule, {"x": [np.array(["2021-01-01", "2020-01-01"], "<M8[D]")]})


def test_distinct_text_and_objects() -> None:
    rule = {"rule": "distinct", "of": "x"}
    for good in (["a", "b", 1], np.array(["a", "b"]), [1.5, 2], [[1, 2], 3]):
        assert check(rule, {"x": good}) == []
    for bad in (["a", "a"], np.array(["a", "a"]), [1, 1.0], [True, 1], [1, [1]]):
        assert places(rule, {"x": bad}) == [("not-distinct", "[0].x")]
    assert [p.code for p in check(rule, {"x": np.zeros(2, complex)})] == ["kind-mismatch"]


def test_kinds() -> None:
    rule = {"rule": "is", "of": "x[*]", "types": ["t.T"], "functions": ["numpy.exp"], "kinds": ["none"]}
    good = [nodes.Object("t.T", {"x": 0}), nodes.FunctionRef("numpy.exp"), None]
    tree = objects({"x": []}, {"x": good})
    found = check_values(tree, Rules([{**rule, "unless": [["x", 1]]}]), DEFAULT)
    assert [problem.code for problem in found] == ["attribute-missing"] or found == []
    for wrong in (nodes.FunctionRef("numpy.log"), nodes.Object("t.V", {}), 1):
        assert places(rule, {"x": [wrong]}) == [("kind-mismatch", "[0].x[*]")]


def test_conditions() -> None:
    rule = holds("n == 0")
    for when, applies in (
        ([["n"]], True),
        ([["missing"]], False),
        ([["none"]], False),
        ([["none", None]], True),
        ([["missing", None]], True),
        ([["word", "rbf", "poly"]], True),
        ([["word", "rbf"]], False),
        ([["n", 4]], True),
        ([["flag", True]], True),
        ([["flag", 1]], False),
        ([["n"], ["word", "rbf"]], False),
        ([["object", "type:t.U"]], True),
        ([["object", "type:t.V"]], False),
        ([["data", 1]], False),
    ):
        state = {**STATE, "flag": True, "object": nodes.Object("t.U", {})}
        assert bool(check({**rule, "when": when}, state)) is applies, when
        if len(when) == 1:
            assert bool(check({**rule, "unless": when}, state)) is not applies, when


LEFT = np.array([1, 2, -1, -1, -1])
RIGHT = np.array([4, 3, -1, -1, -1])
TREE = {"rule": "binary-tree", "left": "left", "right": "right", "leaf_mark": -1, "depth": "depth"}


def grown(left: Any = LEFT, right: Any = RIGHT, depth: int = 2) -> dict[str, Any]:
    return {"left": np.array(left), "right": np.array(right), "depth": depth}


@pytest.mark.parametrize("others", [0, 3])
@pytest.mark.parametrize(
    ("state", "good"),
    [
        (grown(), True),
        (grown(depth=10**12), True),
        (grown([-1], [-1], 0), True),
        (grown(depth=1), False),
        (grown(depth=0), False),
        (grown([1, 2, -1, -1, 9]), False),
        (grown([1, 2, -1, -1, 2]), False),
        (grown([1, 2, -1, -1, -1], [4, -1, -1, -1, -1]), False),
        (grown([0, 2, -1, -1, -1]), False),
        (grown([1, 2, -1, -1, -1], [4, 2, -1, -1, -1]), False),
        (grown([1, 2, -1, -1, -1], [4, 4, -1, -1, -1]), False),
        (grown([1, 5, -1, -1, -1]), False),
        (grown([1, 2**62, -1, -1, -1]), False),
        (grown([1, 2, -1, -1, -2]), False),
        (grown([], []), False),
        # a chain of 40: as deep as it says, and not
        (grown([*range(1, 80, 2), -1] + [-1] * 40, [*range(2, 81, 2), -1] + [-1] * 40, 40), None),
    ],
)
def test_binary_trees(state: dict[str, Any], good: bool | None, others: int) -> None:
    if good is None:
        left = np.full(81, -1)
        right = np.full(81, -1)
        inner = np.arange(0, 79, 2)
        left[inner], right[inner] = inner + 1, inner + 2
        assert check(TREE, *[grown()] * others, grown(left, right, 40)) == []
        assert check(TREE, *[grown()] * others, grown(left, right, 39))
        return
    found = check(TREE, *[grown()] * others, state)
    assert (found == []) is good
    for problem in found:
        assert problem.where.startswith(f"[{others}]")
        assert problem.code == "child-not-greater"


def test_binary_trees_with_flags() -> None:
    rule = {"rule": "binary-tree", "left": "left", "right": "right", "leaf": "leaf"}
    state = {
        "left": np.array([1, 0, 0], np.uint32),
        "right": np.array([2, 0, 0], np.uint32),
        "leaf": np.array([0, 1, 1], np.uint8),
    }
    assert check(rule, state, state) == []
    assert places(rule, state, {**state, "leaf": np.array([0, 0, 1], np.uint8)}) == [("child-not-greater", "[1].left")]
    assert check(rule, {**state, "left": np.array([2**32 - 1, 0, 0], np.uint32)})


def test_depth_is_found_in_random_trees() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        left, right, depths = [-1], [-1], [0]
        for _ in range(int(random.integers(0, 40))):
            leaf = int(random.choice([i for i, child in enumerate(left) if child < 0]))
            left[leaf], right[leaf] = len(left), len(left) + 1
            left += [-1, -1]
            right += [-1, -1]
            depths += [depths[leaf] + 1] * 2
        deepest = max(depths)
        assert check(TREE, grown(left, right, deepest), grown()) == []
        assert check(TREE, grown(left, right, deepest)) == []
        if deepest:
            assert check(TREE, grown(left, right, deepest - 1))
            assert places(TREE, grown(), grown(left, right, deepest - 1)) == [("child-not-greater", "[1].left")]


def test_many_objects_are_looked_at_in_several_rounds() -> None:
    rule = {"rule": "within", "of": "x", "max": 3}
    states: list[dict[str, Any]] = [{"x": np.zeros(3000, np.int64)} for _ in range(7)]
    states[5]["x"][2999] = 4
    assert places(rule, *states) == [("index-out-of-range", "[5].x")]


def test_problems_stop_at_the_limit() -> None:
    states = [{"n": 9}] * 30
    assert len(check(holds("n == 1"), *states)) == 30
    assert len(check(holds("n == 1"), *states, limits=Limits(problems=4))) == 4


TEXT = np.frombuffer(np.array([0x110000], np.uint32).tobytes(), "<U1")


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (np.array(["a", "\U0010ffff"]), None),
        (np.array(["a"], ">U3"), None),
        (np.array([], "<U0"), None),
        (TEXT, "text-invalid"),
        (np.frombuffer(b"\x00\x11\x00\x00", ">U1"), "text-invalid"),
        (np.frombuffer(b"\x02", np.bool_), "bool-invalid"),
        (np.array([[True, False]]), None),
        (nodes.Scalar("|b1", "02"), "bool-invalid"),
        (nodes.Scalar("<U1", "00001100"), "text-invalid"),
        (nodes.Scalar("<U1", "41000000"), None),
        (nodes.Array("|b1", [0], "C", None), None),
    ],
)
def test_text_and_bools_everywhere(value: Any, code: str | None) -> None:
    assert [problem.code for problem in check([], {"x": value})] == ([] if code is None else [code])


def test_text_and_bools_inside_records() -> None:
    tree = objects({})
    tree.nodes += [
        nodes.Structured([("a", "<i4", 0, []), ("t", "<U1", 4, [2]), ("f", "|b1", 12, [])], 16, False),
        nodes.Scalar(2, "00000000" + "41000000" + "00001100" + "02" + "000000"),
    ]
    owner = tree.nodes[1]
    assert isinstance(owner, nodes.Object)
    owner.attrs["x"] = 3
    found = check_values(tree, Rules([]), DEFAULT)
    assert sorted(problem.code for problem in found) == ["bool-invalid", "text-invalid"]


def test_fortran_arrays_are_read_in_c_order() -> None:
    tree = objects({"n": 1})
    array = np.asfortranarray(np.arange(6).reshape(2, 3))
    index = add(tree, np.ascontiguousarray(array.T))
    tree.nodes[index] = nodes.Array("<i8", [2, 3], "F", len(tree.tensors) - 1)
    node = tree.nodes[1]
    assert isinstance(node, nodes.Object)
    node.attrs["x"] = index
    rules = [{"rule": "increasing", "of": "x", "first": 0, "last": 5}, {"rule": "shape", "of": "x", "dims": [2, 3]}]
    assert check_values(tree, Rules(rules), DEFAULT) == []


def test_paths_into_dicts_records_and_columns() -> None:
    tree = objects({"n": 3})
    records = nodes.Structured([("a", "<i4", 0, [])], 4, False)
    tree.nodes += [records, nodes.Array(3, [2], "C", 0), nodes.Numbers("list", "int", "<i8", 1)]
    tree.tensors += [
        _tensor(np.array([5, 6], "<i4")),
        _tensor(np.array([7, 8, 9], "<i8")),
    ]
    owner = tree.nodes[1]
    assert isinstance(owner, nodes.Object)
    start = len(tree.nodes)
    owner.attrs.update(records=start - 2, column=start - 1)
    key = add(tree, "k")
    tree.nodes.append(nodes.Dict([(key, start - 1)]))
    owner.attrs["table"] = len(tree.nodes) - 1
    rules = [
        holds(that)
        for that in (
            "max(records.a) == 6",
            "column[*] >= 7",
            "column[2] == 9",
            "table.k[0] == 7",
            "sum(table[*]) == 24",
        )
    ]
    assert check_values(tree, Rules(rules), DEFAULT) == []
    assert [p.code for p in check_values(tree, Rules([holds("table.q == 1")]), DEFAULT)] == ["attribute-missing"]


def _tensor(array: np.ndarray[Any, Any]) -> Any:
    return to_tensor(array, "C", array.dtype.str, array.dtype.itemsize)


def nested(depth: int) -> list[Any]:
    found: list[Any] = [1]
    for _ in range(depth - 1):
        found = [found]
    return found


def test_collections_that_are_compared_end_somewhere() -> None:
    distinct = {"rule": "distinct", "of": "items"}
    assert not places(distinct, {"items": nested(16)})
    assert places(distinct, {"items": nested(17)}) == [("kind-mismatch", "[0].items")]
    tree = objects({"items": [1]})
    (index,) = tree.nodes[1].attrs.values()  # type: ignore[union-attr]
    tree.nodes[index].items.append(index)  # type: ignore[union-attr]
    assert [each.code for each in check_values(tree, Rules([distinct]), DEFAULT)] == ["kind-mismatch"]


@pytest.mark.parametrize(
    ("sides", "that", "codes"),
    [
        ([2**53 - 1, 2**53 - 1], "size(a) > 0", []),
        ([2**53 - 1, 2**53 - 1], "size(a) < 1", ["value-mismatch"]),
        ([float("nan")], "size(a) > 0", ["kind-mismatch"]),
        ([1e300], "size(a) > 0", ["kind-mismatch"]),
        ([2**61, 2**61, 2**61], "sum(a.shape) == 4611686018427387904", []),
        ([2**61, -(2**61)], "sum(a.shape) == 0", []),
    ],
)
def test_shapes_that_a_file_states_are_integers_and_saturate(sides: list[Any], that: str, codes: list[str]) -> None:
    tree = objects({"a": 0})
    tree.nodes.append(nodes.Custom("m.Sparse", {"shape": add(tree, sides)}))
    tree.nodes[1].attrs["a"] = len(tree.nodes) - 1  # type: ignore[union-attr]
    assert [each.code for each in check_values(tree, Rules([holds(that)]), DEFAULT)] == codes


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8"])
def test_numbers_without_end_are_compared_and_do_not_escape(dtype: str) -> None:
    large = {"a": np.array([np.inf, 1.0], dtype), "b": np.array([-np.inf], dtype), "c": np.full(9, 6e4, dtype)}
    assert check(holds("max(a) < 5"), large)
    assert check(holds("min(b) >= 0"), large)
    assert check(holds("sum(a) >= 0"), large)
    assert not check([holds("max(a) > 5"), holds("min(b) < 0"), holds("sum(c) > 500000")], large)


def test_a_sum_beyond_64_bits_saturates() -> None:
    assert not check(holds("sum(a) > 5"), {"a": 1.7976931348623157e308})
    assert not check(holds("sum(a) < 5"), {"a": np.array([-1e300, 1.0])})
