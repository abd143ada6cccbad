"""Requests of the Open Inference Protocol in JSON: what is taken, and how what is not is named."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amber.server.exchange import Asked, Failure
from amber.server.formats import v2
from amber.server.interface import Interface
from tests.unit.server.formats.served import (
    PEOPLE,
    RECORDS,
    TEXTS,
    column,
    doubles,
    integers,
    interface,
    matrix,
    tensor,
)

PEOPLE_INPUTS = [
    tensor("age", [1], "INT64", [41]),
    tensor("income", [1], "FP64", [1000.5]),
    tensor("city", [1], "BYTES", ["Oslo"]),
    tensor("member", [1], "BOOL", [True]),
    tensor("since", [1], "BYTES", ["2024-05-17T08:30:00"]),
]


def ask(served: Interface, *inputs: dict[str, Any], **more: Any) -> Asked:
    return v2.decode(served, json.dumps({"inputs": list(inputs), **more}).encode())


def refused(served: Interface, *inputs: dict[str, Any], **more: Any) -> Failure:
    with pytest.raises(Failure) as caught:
        ask(served, *inputs, **more)
    return caught.value


def refused_body(served: Interface, body: bytes, header_length: int | None = None) -> Failure:
    with pytest.raises(Failure) as caught:
        v2.decode(served, body, header_length)
    return caught.value


@pytest.mark.parametrize(
    ("shape", "data"),
    [
        ([2, 3], [1.5, 2, 3, 4, 5, 6]),
        ([2, 3], [[1.5, 2, 3], [4, 5, 6]]),
    ],
    ids=["flat", "nested"],
)
def test_matrix(shape: list[int], data: list[Any]) -> None:
    asked = ask(matrix(), tensor("X", shape, "FP64", data))
    assert (asked.rows, doubles(asked.numbers), asked.outputs, asked.reply) == (2, [1.5, 2, 3, 4, 5, 6], (0, 1), None)


def test_one_row_nested() -> None:
    assert doubles(ask(matrix(), tensor("X", [1, 3], "FP64", [[1, 2, 3.5]])).numbers) == [1, 2, 3.5]


def test_named_inputs_of_several_kinds() -> None:
    asked = ask(PEOPLE, *PEOPLE_INPUTS, id="7")
    assert asked.id == "7"
    assert integers(asked.numbers[:8]) + doubles(asked.numbers[8:16]) + integers(asked.numbers[16:]) == [41, 1000.5, 1]
    assert asked.objects == [["Oslo"], ["2024-05-17T08:30:00"]]


def test_any_order_and_shape_of_inputs_is_the_same_request() -> None:
    turned = [dict(each, shape=[1, 1], data=[each["data"]]) for each in reversed(PEOPLE_INPUTS)]
    one, other = ask(PEOPLE, *PEOPLE_INPUTS), ask(PEOPLE, *turned)
    assert (one.numbers, one.objects) == (other.numbers, other.objects)


def test_rows_of_columns_are_interleaved() -> None:
    served = interface("columns", [column("a", "FP64"), column("b", "INT64"), column("c", "FP32")])
    asked = ask(
        served,
        tensor("c", [2], "FP32", [0.5, 1.5]),
        tensor("a", [2], "FP64", [1.0, 2.0]),
        tensor("b", [2, 1], "INT64", [[7], [8]]),
    )
    assert asked.rows == 2
    assert doubles(asked.numbers)[0::3] == [1.0, 2.0]
    assert integers(asked.numbers)[1::3] == [7, 8]
    assert doubles(asked.numbers)[2::3] == [0.5, 1.5]


@pytest.mark.parametrize("number", [2**53 + 1, -(2**63), 2**63 - 1])
def test_int64_is_never_a_float(number: int) -> None:
    served = interface("columns", [column("n", "INT64")])
    for datatype in ("INT64", "FP64"):
        assert integers(ask(served, tensor("n", [1], datatype, [number])).numbers) == [number]
    assert integers(ask(served, tensor("n", [2], "INT64", [number, 0])).numbers) == [number, 0]


# What was sent, for a column of the datatype, and the value that arrives; None: refused.
LOSSLESS = [
    ("INT64", 2**53, "FP64", 2.0**53),
    ("INT64", 2**53 + 1, "FP64", None),
    ("INT64", 2**60, "FP64", 2.0**60),
    ("FP64", 2**53 + 1, "FP64", 2.0**53),  # decimal text of an FP64: the nearest one is what it says
    ("FP64", 5.0, "INT64", 5),
    ("FP64", 5.5, "INT64", None),
    ("INT64", 5.0, "INT64", 5),
    ("INT64", 5.5, "INT64", None),
    ("FP64", 1e300, "INT64", None),
    ("INT64", 128, "INT8", None),
    ("INT64", -128, "INT8", -128),
    ("INT8", 200, "INT64", None),  # not what it says it is
    ("UINT8", 200, "INT64", 200),
    ("INT64", -1, "UINT64", None),
    ("FP32", 0.1, "FP64", 0.10000000149011612),  # an FP32, widened
    ("FP64", 0.1, "FP32", 0.10000000149011612),  # decimal text: the nearest FP32
    ("FP32", 0.1, "FP32", 0.10000000149011612),
    ("INT64", 2**24 + 1, "FP32", None),
    ("INT64", 2**24, "FP32", 2.0**24),
    ("FP64", 1e39, "FP32", None),
    ("FP32", 1e39, "FP64", None),
    ("INT64", 10**400, "FP64", None),
    ("FP64", 10**400, "FP64", None),
    ("FP32", 10**400, "FP32", None),
    ("FP64", 10**400, "FP32", None),
    ("FP64", 10**400, "INT64", None),
    ("BOOL", True, "INT64", None),
    ("INT64", True, "INT64", None),
    ("FP64", True, "FP64", None),
    ("FP64", "1", "FP64", None),
    ("BYTES", "1", "INT64", None),
    ("INT64", 1, "BOOL", None),
    ("BOOL", 1, "BOOL", None),
    ("FP64", True, "BOOL", None),
    ("INT64", 1, "BYTES", None),
    ("BYTES", 1, "BYTES", None),
]


@pytest.mark.parametrize(("sent", "value", "taken", "arrives"), LOSSLESS)
@pytest.mark.parametrize("rows", [1, 2], ids=["alone", "second"])
def test_another_datatype_is_taken_where_nothing_is_lost(
    sent: str, value: Any, taken: str, arrives: Any, rows: int
) -> None:
    served = interface("columns", [column("v", taken)])
    innocent: dict[str, Any] = {"BOOL": True, "BYTES": "a"}
    data = [innocent.get(sent, 1)] * (rows - 1) + [value]
    if arrives is None:
        failure = refused(served, tensor("v", [rows], sent, data))
        assert (failure.status, failure.column) == (422, "v")
        assert failure.row in (rows - 1, None)  # None: no value of this datatype is taken
        assert failure.expected
        return
    numbers = ask(served, tensor("v", [rows], sent, data)).numbers
    assert (doubles(numbers) if taken.startswith("FP") else integers(numbers))[-1] == arrives


def test_null_is_a_missing_value_where_the_manifest_allows_it() -> None:
    served = interface(
        "columns",
        [
            column("f", "FP64", missing=True),
            column("i", "INT64", "float", missing=True),
            column("b", "BOOL", "object", missing=True),
            column("t", "BYTES", missing=True),
            column("o", "INT64", "object", missing=True),
        ],
    )
    kinds = [("f", "FP64"), ("i", "INT64"), ("b", "BOOL"), ("t", "BYTES"), ("o", "INT64")]
    asked = ask(served, *[tensor(name, [1], datatype, [None]) for name, datatype in kinds])
    assert all(map(math.isnan, doubles(asked.numbers)))
    assert asked.objects == [[None], [None], [None]]
    several = ask(served, *[tensor(name, [2], datatype, [None, None]) for name, datatype in kinds])
    assert several.objects == [[None, None]] * 3


@pytest.mark.parametrize("name", ["age", "city", "member"])
def test_null_is_refused_elsewhere(name: str) -> None:
    inputs = [dict(each, data=[None]) if each["name"] == name else each for each in PEOPLE_INPUTS]
    failure = refused(PEOPLE, *inputs)
    assert (failure.status, failure.code, failure.row, failure.column) == (422, "value-missing", 0, name)


def test_the_row_and_the_place_are_named() -> None:
    failure = refused(matrix(), tensor("X", [3, 3], "FP64", [0, 0, 0, 0, 0, "abc", 0, 0, 0]))
    assert (failure.status, failure.code, failure.row, failure.column) == (422, "value-kind", 1, "X")
    assert failure.message == "row 1, input 'X', value 3 of 3: expected a number (FP64), got the text 'abc'"


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("2024-05-17", True),
        ("2024-05-17T08:30", True),
        ("2024-05-17 08:30:00.123456789", True),
        ("20240517", False),
        ("2024-02-30", False),
        ("2024-05-17T08:30:00Z", False),
        ("17.05.2024", False),
        ("2024-05-17T25:00", False),
        ("\u0662\u0660\u0662\u0664-05-17", False),
        ("", False),
    ],
)
def test_dates(text: str, taken: bool) -> None:
    served = interface("columns", [column("d", "BYTES", dtype="datetime64[us]")])
    if taken:
        assert ask(served, tensor("d", [1], "BYTES", [text])).objects == [[text]]
    else:
        assert refused(served, tensor("d", [1], "BYTES", [text])).code == "value-kind"


def test_dates_with_a_zone_and_in_nanoseconds() -> None:
    served = interface("columns", [column("d", "BYTES", dtype="datetime64[ns, Europe/Oslo]")])
    assert ask(served, tensor("d", [1], "BYTES", ["2024-05-17T08:30:00+02:00"])).objects
    assert refused(served, tensor("d", [1], "BYTES", ["2024-05-17T08:30:00"])).row == 0
    assert refused(served, tensor("d", [1], "BYTES", ["9999-05-17T08:30:00Z"])).row == 0


SHAPES = [
    ([3], [1, 2, 3]),
    ([1, 2], [1, 2]),
    ([1, 3, 1], [1, 2, 3]),
    ([-1, 3], [1, 2, 3]),
    ([0, 3], []),
    ([2, 3], [1, 2, 3]),
    ([2, 3], [[1, 2, 3]]),
    ([1, 3], [[1, 2], [3]]),
    ([1, 3], [[[1, 2, 3]]]),
    ([1, 3], 5),
    ([1, 3], {"a": 1}),
    ([1, 3], None),
    ([10**30, 3], [1, 2, 3]),
    ([2**63, 3], [1, 2, 3]),
    ([2**62, 3], [1, 2, 3]),
    ([], []),
    ([1] * 5000, [1]),
]


@pytest.mark.parametrize(("shape", "data"), SHAPES, ids=[str(number) for number in range(len(SHAPES))])
def test_shapes_that_lie(shape: list[int], data: Any) -> None:
    failure = refused(matrix(), tensor("X", shape, "FP64", data))
    assert failure.status in (400, 422)
    assert failure.column == "X"
    assert len(failure.message) < 600


def test_an_integer_beyond_every_double() -> None:
    failure = refused(matrix(), tensor("X", [2, 3], "FP64", [1, 2, 3, 4, 10**300, 10**400]))
    assert (failure.code, failure.row, failure.column) == ("value-range", 1, "X")
    assert "of 1329 bits" in failure.message


def test_inputs_that_are_unknown_missing_or_twice() -> None:
    x = tensor("X", [1, 3], "FP64", [1, 2, 3])
    assert refused(matrix(), dict(x, name="x")).code == "input-unknown"
    assert refused(matrix(), x, x).code == "tensor-malformed"
    assert refused(matrix()).code == "input-missing"
    failure = refused(PEOPLE, *PEOPLE_INPUTS[1:])
    assert (failure.status, failure.code, failure.column) == (422, "input-missing", "age")
    failure = refused(PEOPLE, *PEOPLE_INPUTS[:-1], tensor("sinse", [1], "BYTES", ["2024-05-17"]))
    assert (failure.code, failure.column) == ("input-unknown", "sinse")
    assert "'since'" in failure.hint


def test_inputs_of_several_lengths() -> None:
    failure = refused(PEOPLE, *PEOPLE_INPUTS[:-1], tensor("since", [2], "BYTES", ["2024-05-17"] * 2))
    assert (failure.status, failure.code, failure.column) == (400, "tensor-malformed", "since")


@pytest.mark.parametrize("datatype", ["fp64", "BF16", "", "FP128", "FP16"])
def test_datatypes_that_json_does_not_have(datatype: str) -> None:
    assert refused(matrix(), tensor("X", [1, 3], datatype, [1, 2, 3])).status == 400


def test_too_many_inputs() -> None:
    inputs = [tensor(f"c{place}", [1], "FP64", [1]) for place in range(1025)]
    assert refused(PEOPLE, *inputs).message == "1025 inputs came, at most 1024 are read"


MALFORMED = [
    (b"", "the request has no body"),
    (b"   ", "the request has no body"),
    (b"{", "not JSON"),
    (b"[]", "form of a request"),
    (b'{"inputs": 5}', "form of a request"),
    (b'{"inputs": []} x', "not JSON"),
    (b'{"inputs": [{"name": "X", "shape": [1,3], "datatype": "FP64", "data": [1, NaN, 3]}]}', "NaN and Infinity"),
    (b'{"inputs": [{"name": "X", "shape": [1,3], "datatype": "FP64", "data": [1, -Infinity, 3]}]}', "NaN and Infinity"),
    (b'{"inputs": [{"name": "X", "shape": [1,3], "datatype": "FP64", "data": [1, Infinity, 3]}]}', "NaN and Infinity"),
    (b'{"inputs": [{"name": "X", "shape": [1,3], "datatype": "FP64", "data": [1, 1e400, 3]}]}', "out of range"),
    (b'{"inputs": [{"name": "\xff"}]}', "UTF-8"),
    (b'{"inputs": [{"name": "\\ud800", "shape": [1], "datatype": "FP64", "data": [1]}]}', "not JSON"),
    (b'{"inputs": [{"name": "X", "shape": [1.5], "datatype": "FP64"}]}', "form of a request"),
    (b'{"inputs": [], "parameters": {"a": {}}}', "form of a request"),
    (b'{"inputs": [], "id": 7}', "form of a request"),
    (b"\xef\xbb\xbf{}", "not JSON"),
    (b'{"x": ' + b"[" * 100_000, "nested too deeply"),
    (b'{"inputs": [{"name": "X", "shape": [1], "datatype": "FP64", "data": ' + b"[" * 100_000, "nested too deeply"),
]


@pytest.mark.parametrize(("body", "said"), MALFORMED, ids=[str(number) for number in range(len(MALFORMED))])
def test_malformed_bodies(body: bytes, said: str) -> None:
    failure = refused_body(matrix(), body)
    assert failure.status == 400
    assert said in failure.message


TWICE = [
    b'{"inputs":[{"name":"X","shape":[1,3],"datatype":"FP64","data":[1,2,3],"data":[4,5,6]}]}',
    b'{"inputs":[{"name":"X","shape":[1,3],"datatype":"FP64","data":[1,2,3],"d\\u0061ta":[4,5,6]}]}',
    b'{"inputs":[{"name":"X","name" :"X","shape":[1,3],"datatype":"FP64","data":[1,2,3]}]}',
    b'{"inputs":[],"inputs":[{"name":"X","shape":[1,3],"datatype":"FP64","data":[1,2,3]}]}',
    b'{"id":"1","id":"2","inputs":[{"name":"X","shape":[1,3],"datatype":"FP64","data":[1,2,3]}]}',
    b'{"extra":{"a":1,"a":2},"inputs":[{"name":"X","shape":[1,3],"datatype":"FP64","data":[1,2,3]}]}',
    b'{"parameters":{"a":1,"a":2},"inputs":[{"name":"X","shape":[1,3],"datatype":"FP64","data":[1,2,3]}]}',
]


@pytest.mark.parametrize("body", TWICE, ids=[str(number) for number in range(len(TWICE))])
def test_a_key_twice_is_refused(body: bytes) -> None:
    assert refused_body(matrix(), body).code == "key-duplicate"


def test_keys_that_are_not_known_and_texts_with_colons_are_no_duplicates() -> None:
    x = tensor("X", [1, 3], "FP64", [1, 2, 3])
    assert (
        ask(matrix(), x, extra={"a": 1, "b": {"a": 2}}, parameters={"timeout": 5, "note": "a:b"}, outputs=[]).rows == 1
    )
    assert ask(TEXTS, tensor("text", [1], "BYTES", ['a:b":"c\\'])).objects == [['a:b":"c\\']]


def test_one_table_in_place_of_columns_that_are_all_numbers() -> None:
    served = interface("columns", [column("a", "FP64"), column("b", "INT64")])
    asked = ask(served, tensor("table", [2, 2], "FP64", [[1.5, 2], [3.5, 4]]))
    assert doubles(asked.numbers)[0::2] == [1.5, 3.5]
    assert integers(asked.numbers)[1::2] == [2, 4]
    failure = refused(served, tensor("table", [2, 2], "FP64", [1.5, 2, 3.5, 4.5]))
    assert (failure.row, failure.column) == (1, "b")
    assert refused(PEOPLE, tensor("table", [1, 5], "FP64", [1, 2, 3, 4, 5])).code == "input-unknown"


def test_records_are_json_in_bytes() -> None:
    asked = ask(RECORDS, tensor("record", [2], "BYTES", ['{"a": 1, "b": ["x"]}', "{}"]))
    assert asked.objects == [[{"a": 1, "b": ["x"]}, {}]]
    for wrong in ("[]", "{", '{"a": 1, "a": 2}', '{"a": {}}', '{"a": [1]}', "NaN"):
        assert refused(RECORDS, tensor("record", [2], "BYTES", ["{}", wrong])).row == 1


def test_outputs_by_name_and_by_method() -> None:
    x = tensor("X", [1, 3], "FP64", [1, 2, 3])
    asked = ask(
        matrix(), x, outputs=[{"name": "predict_proba"}, {"name": "predict", "parameters": {"binary_data": True}}]
    )
    assert (asked.outputs, asked.reply) == ((0, 1), ((1, 0), (False, True)))
    everything = ask(matrix(), x, parameters={"binary_data_output": True, "amber.route": "original"})
    assert (everything.reply, everything.route) == (((0, 1), (True, True)), "original")
    assert refused(matrix(), x, outputs=[{"name": "proba"}]).code == "output-unknown"
    assert refused(matrix(), x, outputs=[{"name": "predict"}, {"name": "predict"}]).code == "output-duplicate"
    assert refused(matrix(), x, parameters={"amber.route": "best"}).code == "route-unknown"
    assert refused(matrix(), x, parameters={"binary_data_output": 1}).status == 400
    assert refused(matrix(), x, outputs=[{"name": "predict", "parameters": {"classification": 3}}]).status == 400
    assert refused(matrix(), x, id="x" * 201).status == 400


def test_shared_memory_is_not_supported() -> None:
    x = {"name": "X", "shape": [1, 3], "datatype": "FP64", "parameters": {"shared_memory_region": "r"}}
    assert refused(matrix(), x).status == 400


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_every_double_arrives_as_it_is(values: list[float]) -> None:
    asked = ask(matrix(len(values)), tensor("X", [1, len(values)], "FP64", values))
    assert [value.hex() for value in doubles(asked.numbers)] == [value.hex() for value in values]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20))
def test_every_integer_arrives_as_it_is(values: list[int]) -> None:
    served = interface("columns", [column("n", "INT64")])
    assert integers(ask(served, tensor("n", [len(values)], "INT64", values)).numbers) == values


@given(st.lists(st.text(), min_size=1, max_size=8))
def test_every_text_arrives_as_it_is(values: list[str]) -> None:
    assert ask(TEXTS, tensor("text", [len(values)], "BYTES", values)).objects == [values]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_FIELD = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["age", "X", "income"]) | _JSON,
        "shape": st.lists(st.integers(-2, 4), max_size=3) | _JSON,
        "datatype": st.sampled_from(["FP64", "INT64", "BYTES"]) | _JSON,
        "data": _JSON,
        "parameters": st.dictionaries(st.sampled_from(["binary_data_size", "amber.missing"]), _JSON) | _JSON,
    },
)


@given(st.lists(_FIELD, max_size=3), st.sampled_from([PEOPLE, TEXTS, RECORDS]), st.none() | st.integers(-1, 300))
def test_whatever_comes_is_answered_or_a_failure(inputs: list[Any], served: Interface, length: int | None) -> None:
    outcome: Asked | Failure
    try:
        outcome = v2.decode(served, json.dumps({"inputs": inputs}).encode(), length)
    except Failure as failure:
        outcome = failure
    assert isinstance(outcome, Asked) or (outcome.status in (400, 422) and outcome.message.isprintable())


SEVERAL = interface(
    "columns",
    [
        column("f", "FP64", missing=True),
        column("s", "FP32"),
        column("t", "INT8"),
        column("n", "INT64", "object", missing=True),
        column("b", "BOOL", "object"),
        column("w", "BYTES", missing=True),
        column("d", "BYTES", dtype="datetime64[us]"),
    ],
)
_USUAL = {"f": 1.5, "s": 0.1, "t": 7, "n": 8, "b": True, "w": "x", "d": "2024-05-17"}
_ODD = st.sampled_from([None, True, 0, 127, 128, 2**53 + 1, 2**63, 10**400, 0.1, 1.0, 1e39, "", "x", [], [1], {}])


@given(st.dictionaries(st.sampled_from(sorted(_USUAL)), _ODD, max_size=3))
def test_one_row_and_several_are_taken_alike(odd: dict[str, Any]) -> None:
    """The fast lane of one row, against the long way of columns."""

    def outcome(rows: int) -> Any:
        values = _USUAL | odd
        inputs = [tensor(each.name, [rows], each.datatype, [values[each.name]] * rows) for each in SEVERAL.inputs]
        try:
            asked = ask(SEVERAL, *inputs)
        except Failure as failure:
            return failure.code, failure.status, failure.column
        return bytes(asked.numbers[: 8 * SEVERAL.cells]), [each[:1] for each in asked.objects]

    assert outcome(1) == outcome(2)
