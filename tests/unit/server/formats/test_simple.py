"""The simple way: every form of rows gives the same request, and what is wrong is named."""

from __future__ import annotations

import csv
import datetime
import io
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amber.server.exchange import Answered, Asked, Failure
from amber.server.formats import csv_text, simple
from amber.server.interface import Interface, Output
from tests.unit.server.formats.served import (
    PEOPLE,
    RECORD,
    RECORDS,
    TEXTS,
    cells,
    column,
    doubles,
    integers,
    interface,
    matrix,
)


def ask(served: Interface, value: Any, **more: Any) -> Asked:
    return simple.decode(served, json.dumps(value).encode(), b"application/json", **more)


def refused(served: Interface, value: Any, **more: Any) -> Failure:
    with pytest.raises(Failure) as caught:
        ask(served, value, **more)
    return caught.value


def columns_of(records: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [record[name] for record in records] for name in records[0]}


ONE = [RECORD]
TWO = [RECORD, dict(RECORD, age=7, city="Bergen", income=None)]


@pytest.mark.parametrize(
    "value",
    [ONE, RECORD, columns_of(ONE), {"instances": ONE}, {"rows": ONE}, {"inputs": ONE}, {"inputs": columns_of(ONE)}],
    ids=["list", "record", "columns", "instances", "rows", "inputs", "inputs-columns"],
)
def test_one_row_in_every_form(value: Any) -> None:
    asked = ask(PEOPLE, value)
    assert integers(asked.numbers)[0::3] == [41]
    assert doubles(asked.numbers)[1] == 1000.5
    assert (asked.rows, asked.objects, asked.outputs) == (1, [["Oslo"], ["2024-05-17T08:30:00"]], (0, 1))


@pytest.mark.parametrize("value", [TWO, columns_of(TWO), {"rows": TWO}], ids=["list", "columns", "rows"])
def test_two_rows_in_every_form(value: Any) -> None:
    asked = ask(PEOPLE, value)
    assert integers(asked.numbers)[0::3] == [41, 7]
    assert math.isnan(doubles(asked.numbers)[4])
    assert (asked.rows, asked.objects[0]) == (2, ["Oslo", "Bergen"])


def test_a_matrix_in_every_form() -> None:
    for value in ([1, 2, 3.5], [[1, 2, 3.5]], {"X": [[1, 2, 3.5]]}, {"instances": [[1, 2, 3.5]]}):
        assert doubles(ask(matrix(), value).numbers) == [1, 2, 3.5]
    assert doubles(ask(matrix(), [[1, 2, 3], [4, 5, 6]]).numbers) == [1, 2, 3, 4, 5, 6]
    assert ask(matrix(1), [1, 2, 3]).rows == 3
    assert ask(matrix(1), [[1], [2]]).rows == 2


def test_texts_and_records() -> None:
    for value in (["a: b"], "a: b", {"rows": ["a: b"]}, {"instances": "a: b"}, {"text": ["a: b"]}):
        assert ask(TEXTS, value).objects == [["a: b"]]
    for value in ([{"a": 1}], {"a": 1}, {"rows": [{"a": 1}]}):
        assert ask(RECORDS, value).objects == [[{"a": 1}]]


def test_options() -> None:
    asked = ask(PEOPLE, {"rows": ONE, "outputs": ["predict_proba"], "route": "original", "id": "7"})
    assert (asked.outputs, asked.route, asked.id) == ((1,), "original", "7")
    asked = ask(PEOPLE, ONE, query={"outputs": ["predict_proba,predict"], "route": ["original"]})
    assert (asked.outputs, asked.route) == ((0, 1), "original")
    assert ask(PEOPLE, {"rows": ONE, "outputs": "predict"}, query={"outputs": ["predict_proba"]}).outputs == (0,)
    assert refused(PEOPLE, {"rows": ONE, "outputs": ["proba"]}).code == "output-unknown"
    assert refused(PEOPLE, {"rows": ONE, "outputs": 5}).status == 400
    assert refused(PEOPLE, {"rows": ONE, "route": "best"}).code == "route-unknown"
    assert refused(PEOPLE, {"rows": ONE, "id": 5}).status == 400


def test_options_of_a_query_alone() -> None:
    assert simple.options(PEOPLE, {"outputs": ["predict_proba"], "route": ["program"]}) == ((1,), "program")
    assert simple.options(PEOPLE, {}) == ((), None)


def test_a_column_may_have_the_name_of_a_wrapper() -> None:
    served = interface("columns", [column("rows", "FP64"), column("id", "INT64")])
    assert integers(ask(served, {"rows": 1.5, "id": 2}).numbers)[1] == 2
    assert ask(served, {"rows": [1.5], "id": [2]}).rows == 1
    assert ask(RECORDS, {"rows": ["x"], "other": 2}).objects == [[{"rows": ["x"], "other": 2}]]


def test_inputs_that_are_not_required() -> None:
    served = interface("columns", [column("a", "FP64"), column("b", "FP64", missing=True, required=False)])
    for value in ([{"a": 1}], {"a": [1]}, [{"a": 1}, {"a": 2, "b": 3}]):
        assert math.isnan(doubles(ask(served, value).numbers)[1])


WRONG = [
    (PEOPLE, [RECORD, {"age": 1}], "input-missing", 1, "income"),
    (PEOPLE, [RECORD, dict(RECORD, agee=1)], "input-unknown", 1, "agee"),
    (PEOPLE, [{**{k: v for k, v in RECORD.items() if k != "age"}, "agee": 1}], "input-unknown", 0, "agee"),
    (PEOPLE, dict(columns_of(TWO), extra=[1, 2]), "input-unknown", None, "extra"),
    (PEOPLE, {"age": [1]}, "input-missing", None, "income"),
    (PEOPLE, dict(columns_of(TWO), age=[1]), "rows-missing", None, "age"),
    (PEOPLE, [RECORD, dict(RECORD, age="41")], "value-kind", 1, "age"),
    (PEOPLE, [RECORD, dict(RECORD, age=41.5)], "value-range", 1, "age"),
    (PEOPLE, [RECORD, dict(RECORD, age=2**63)], "value-range", 1, "age"),
    (PEOPLE, [dict(RECORD, age=True)], "value-kind", 0, "age"),
    (PEOPLE, [dict(RECORD, age=None)], "value-missing", 0, "age"),
    (PEOPLE, [dict(RECORD, income="high")], "value-kind", 0, "income"),
    (PEOPLE, [dict(RECORD, income=[1])], "value-kind", 0, "income"),
    (PEOPLE, [dict(RECORD, income={})], "value-kind", 0, "income"),
    (PEOPLE, [dict(RECORD, city=5)], "value-kind", 0, "city"),
    (PEOPLE, [dict(RECORD, member=1)], "value-kind", 0, "member"),
    (PEOPLE, [dict(RECORD, since="yesterday")], "value-kind", 0, "since"),
    (PEOPLE, [RECORD, 5], "row-form", 1, None),
    (PEOPLE, [[41, 1000.5, "Oslo", True, "2024-05-17"]], "row-form", 0, None),
    (PEOPLE, [], "row-form", None, None),
    (PEOPLE, {}, "input-missing", 0, "age"),
    (PEOPLE, {"age": []}, "row-form", None, None),
    (PEOPLE, 5, "row-form", None, None),
    (PEOPLE, None, "row-form", None, None),
    (matrix(), [[1, 2, 3], [1, 2]], "row-width", 1, "X"),
    (matrix(), [[1, 2, 3], 5], "row-form", 1, None),
    (matrix(), [1, 2], "row-form", 0, None),
    (matrix(), [[1, 2, 3], [1, None, 3]], "value-missing", 1, "X"),
    (matrix(), [[1, 2, [3]]], "value-kind", 0, "X"),
    (matrix(), [], "row-form", None, None),
    (matrix(), {"x": [[1, 2, 3]]}, "row-form", None, None),
    (TEXTS, [1], "value-kind", 0, "text"),
    (TEXTS, [], "row-form", None, None),
    (TEXTS, {"a": 1}, "row-form", None, None),
    (RECORDS, [{"a": {}}], "value-kind", 0, "record"),
    (RECORDS, [[]], "value-kind", 0, "record"),
    (RECORDS, 5, "row-form", None, None),
]


@pytest.mark.parametrize(
    ("served", "value", "code", "row", "name"), WRONG, ids=[f"{number}-{each[2]}" for number, each in enumerate(WRONG)]
)
def test_what_is_wrong_is_named(served: Interface, value: Any, code: str, row: int | None, name: str | None) -> None:
    failure = refused(served, value)
    assert (failure.status, failure.code, failure.row, failure.column) == (422, code, row, name)
    assert failure.expected


def test_what_came_and_what_was_expected_are_said() -> None:
    failure = refused(PEOPLE, [RECORD, dict(RECORD, city="x" * 1000, age=3, income="y" * 1000)])
    assert "expected a number (FP64) or null, got the text" in failure.message
    assert len(failure.message) < 300


@pytest.mark.parametrize(
    "body",
    [b'[{"age":1,"age":2}]', b'{"rows":[],"rows":[]}', b'[{"a":{"b":1,"b":2}}]'],
    ids=["record", "wrapper", "inside"],
)
def test_a_key_twice_is_refused(body: bytes) -> None:
    with pytest.raises(Failure) as caught:
        simple.decode(RECORDS, body)
    assert caught.value.status in (400, 422)


def test_a_key_twice_in_a_record_that_is_otherwise_right() -> None:
    body = json.dumps(ONE).encode().replace(b'"age": 41', b'"age": 41, "age": 42')
    with pytest.raises(Failure) as caught:
        simple.decode(PEOPLE, body)
    assert caught.value.code == "key-duplicate"


@pytest.mark.parametrize("body", [b"", b"[NaN]", b"[1e400]", b"[" * 100_000, b"\xff", b"age=41"])
def test_bodies_that_are_no_json(body: bytes) -> None:
    with pytest.raises(Failure) as caught:
        simple.decode(matrix(), body)
    assert (caught.value.status, caught.value.code) == (400, "body-malformed")


def test_media_types() -> None:
    body = json.dumps(ONE).encode()
    for taken in (b"", "application/json", b"application/json; charset=utf-8", "application/x-www-form-urlencoded"):
        assert simple.decode(PEOPLE, body, taken).rows == 1
    for other in (b"text/csv", "application/x-python-pickle", "multipart/form-data"):
        with pytest.raises(Failure) as caught:
            simple.decode(PEOPLE, body, other)
        assert caught.value.status == 415


def test_cells_of_a_table() -> None:
    asked = simple.cells(PEOPLE, columns_of(TWO), outputs=(1,))
    assert (asked.numbers, asked.objects, asked.outputs) == (
        ask(PEOPLE, TWO).numbers,
        ask(PEOPLE, TWO).objects,
        (1,),
    )
    dates = [datetime.datetime(2024, 5, 17, 8, 30), None]
    assert simple.cells(PEOPLE, dict(columns_of(TWO), since=dates)).objects[1] == ["2024-05-17T08:30:00", None]
    with pytest.raises(Failure) as caught:
        simple.cells(PEOPLE, dict(columns_of(TWO), age=[1, 0.5]), first=3000)
    assert (caught.value.row, caught.value.column) == (3001, "age")
    assert doubles(simple.cells(matrix(), {"a": [1, 4], "b": [2, 5], "c": [3, 6]}).numbers) == [1, 2, 3, 4, 5, 6]
    assert simple.cells(TEXTS, {"anything": ["a", "b"]}).objects == [["a", "b"]]
    assert simple.cells(RECORDS, {"a": [1, None], "b": ["x", "y"]}).objects == [[{"a": 1, "b": "x"}, {"b": "y"}]]


def test_cells_of_typed_columns_are_exact_and_those_of_text_near() -> None:
    served = interface("columns", [column("f", "FP64"), column("s", "FP32")])
    assert simple.cells(served, {"f": [2**53 + 1], "s": [0.1]}, near=True).rows == 1
    for wrong in ({"f": [2**53 + 1], "s": [0.5]}, {"f": [1], "s": [0.1]}):
        with pytest.raises(Failure):
            simple.cells(served, wrong)


@pytest.mark.parametrize(
    "columns",
    [{}, {"a": []}, {"a": [1], "b": [1, 2], "c": [1]}, {"a": [1], "b": [2]}],
    ids=["none", "empty", "ragged", "few"],
)
def test_tables_that_are_none(columns: dict[str, list[Any]]) -> None:
    with pytest.raises(Failure) as caught:
        simple.cells(matrix(), columns)
    assert caught.value.status == 422


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (datetime.date(2024, 5, 17), "the date 2024-05-17"),
        (b"abc", "a value of type bytes"),
        ([1], "an array"),
        ({}, "an object"),
        (False, "false"),
    ],
    ids=["date", "bytes", "list", "dict", "bool"],
)
def test_what_came_out_of_a_table(value: Any, said: str) -> None:
    with pytest.raises(Failure, match=f"got {said}"):
        simple.cells(matrix(1), {"X": [1.0, value]})


def test_fields_of_csv() -> None:
    assert csv_text.values_of(PEOPLE, "age", ["41", "-3", " 7 ", "", "x", "1_000", "\u0664"]) == [
        41,
        -3,
        7,
        None,
        "x",
        "1_000",
        "\u0664",
    ]
    assert csv_text.values_of(PEOPLE, "income", ["1.5", "1e3", ".5", "nan", "inf", "1e999", ""]) == [
        1.5,
        1000.0,
        0.5,
        "nan",
        "inf",
        "1e999",
        None,
    ]
    assert csv_text.values_of(PEOPLE, "member", ["true", "False", "1", ""]) == [True, False, "1", None]
    assert csv_text.values_of(PEOPLE, "city", ["", "41"]) == ["", "41"]
    assert csv_text.values_of(PEOPLE, "since", ["", "2024-05-17"]) == [None, "2024-05-17"]
    assert csv_text.values_of(PEOPLE, "other", ["1"]) == ["1"]
    assert csv_text.values_of(matrix(), "a", ["9007199254740993"]) == [2**53 + 1]


def answer(served: Interface, rows: int, *values: Any, accept: str | None = None, **more: Any) -> Any:
    outputs = tuple(range(len(values)))
    body, content_type, headers = simple.encode(
        served, Asked(rows, b"", (), outputs, **more), Answered(rows, list(values)), accept
    )
    assert dict(headers)[b"amber-verdict"] == b"equivalent"
    return json.loads(body) if content_type == b"application/json" else body


def test_answers_have_the_names_of_classes() -> None:
    assert answer(matrix(), 2, cells(1, 0), cells(0.25, 0.75, 1.0, 0.0), id="7") == {
        "model_name": "churn",
        "model_version": "1.2.0",
        "id": "7",
        "predictions": ["stay", "leave"],
        "probabilities": [{"leave": 0.25, "stay": 0.75}, {"leave": 1.0, "stay": 0.0}],
    }


def test_answers_of_other_methods() -> None:
    x0 = Output(method="transform", name="x0", datatype="FP32", dtype="float32", cell="float")
    x1 = Output(method="transform", name="x1", datatype="FP64", dtype="float64", cell="float")
    far = Output(
        method="decision_function", name="decision_function", datatype="FP64", dtype="float64", cell="float", shape=[2]
    )
    served = interface("matrix", [column("X", "FP64", width=3)], [x0, x1, far])
    found = answer(
        served, 2, cells(0.10000000149011612, math.nan), cells(1.0, 2.0), cells(1.0, -math.inf, math.nan, 2.0)
    )
    assert found["transform"] == {"x0": [0.1, None], "x1": [1.0, 2.0]}
    assert found["decision_function"] == [[1.0, None], [None, 2.0]]
    assert found["nonfinite"] == {"decision_function": "1:-inf"}


def test_classes_whose_names_would_fall_together_stay_lists() -> None:
    mixed = Output(
        method="predict_proba", name="p", datatype="FP64", dtype="float64", cell="float", shape=[2], classes=[[1, "1"]]
    )
    assert answer(interface("matrix", [column("X", "FP64")], [mixed]), 1, cells(0.5, 0.5))["probabilities"] == [
        [0.5, 0.5]
    ]


def test_answers_that_are_booleans() -> None:
    known = Output(method="predict", name="predict", datatype="BOOL", dtype="bool", cell="integer")
    listed = Output(method="other", name="other", datatype="BYTES", dtype="object", cell="object")
    served = interface("matrix", [column("X", "FP64")], [known, listed])
    assert answer(served, 2, cells(1, 0), [["a"], None])["predictions"] == [True, False]
    body = answer(served, 2, cells(1, 0), [["a"], None], accept="text/csv")
    assert body == b'predict,other\r\ntrue,"[""a""]"\r\nfalse,\r\n'


def test_labels_that_do_not_exist() -> None:
    with pytest.raises(Failure, match="worker's answer"):
        answer(matrix(), 1, cells(2), cells(0.5, 0.5))


def test_answers_as_csv() -> None:
    body = answer(matrix(), 2, cells(1, 0), cells(0.25, math.nan, math.inf, 0.1), accept="text/csv")
    assert body == b"predict,predict_proba.leave,predict_proba.stay\r\nstay,0.25,\r\nleave,inf,0.1\r\n"


@given(st.lists(st.text(st.characters(exclude_characters="\x00", codec="utf-8")), min_size=1, max_size=5))
def test_any_text_survives_csv(values: list[str]) -> None:
    output = Output(method="predict", name="predict", datatype="BYTES", dtype="object", cell="object")
    served = interface("matrix", [column("X", "FP64")], [output])
    body = answer(served, len(values), values, accept="text/csv")
    rows = list(csv.reader(io.StringIO(body.decode(), newline="")))
    assert rows[1:] == [[value] for value in values]


def test_slices_of_csv_have_one_header() -> None:
    asked, answered = Asked(1, b"", (), (0,)), Answered(1, [cells(1)])
    assert simple.csv_rows(matrix(), asked, answered, header=False) == b"stay\r\n"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, "json"),
        (b"", "json"),
        ("*/*", "json"),
        ("text/csv", "csv"),
        ("text/html, text/csv;q=0.5", "csv"),
        ("text/csv;q=0.5, application/json", "json"),
        ("application/json;q=0.1, text/csv;q=0.5", "csv"),
        (b"application/vnd.apache.arrow.stream", "arrow"),
        ("text/csv;q=x", "json"),
        ("text/csv;q=nan", "json"),
        ("image/png", "json"),
    ],
)
def test_the_form_a_client_likes_best(accept: Any, form: str) -> None:
    assert simple.form_of(accept) == form


KINDS = interface(
    "columns",
    [
        column("f", "FP64", missing=True),
        column("s", "FP32"),
        column("i", "INT64"),
        column("t", "INT8"),
        column("n", "INT64", "object", missing=True),
        column("b", "BOOL", "object", missing=True),
        column("w", "BYTES", missing=True),
        column("o", "BYTES", dtype="object", schema={"kinds": ["object"]}),
        column("d", "BYTES", dtype="datetime64[us]", missing=True),
        column("c", "BOOL"),
    ],
)
_RIGHT = {"f": 1.5, "s": 0.1, "i": 5, "t": 7, "n": 8, "b": True, "w": "x", "o": "y", "d": "2024-05-17", "c": False}
_ODD = st.sampled_from(
    [None, True, 0, -1, 127, 128, 2**53 + 1, 2**63, 10**400, 0.1, 1.0, -0.0, 1e39, 1e300, "", "x", "2024-05-17", [], {}]
)


@given(st.dictionaries(st.sampled_from(sorted(_RIGHT)), _ODD, max_size=3))
def test_one_row_and_several_are_taken_alike(odd: dict[str, Any]) -> None:
    """The fast lane of one row, against the long way of columns."""
    record = _RIGHT | odd

    def outcome(records: list[dict[str, Any]]) -> Any:
        try:
            asked = ask(KINDS, records)
        except Failure as failure:
            return failure.code, failure.row, failure.column, failure.message
        return bytes(asked.numbers[: 8 * KINDS.cells]), [values[:1] for values in asked.objects]

    assert outcome([record]) == outcome([record, record])


def test_inputs_that_are_not_required_and_never_missing() -> None:
    served = interface(
        "columns",
        [column("a", "FP64"), *[column(name, kind, required=False) for name, kind in (("i", "INT64"), ("w", "BYTES"))]],
    )
    asked = ask(served, [{"a": 1}, {"a": 2}])
    assert (integers(asked.numbers)[1::2], asked.objects) == ([0, 0], [[None, None]])
    assert refused(served, [{"a": 1}, {"a": 2, "i": 3}]).row == 0


_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*RECORD, "rows", "inputs", "outputs", "x"]), inner, max_size=6)
    ),
    max_leaves=20,
)


@given(_VALUE, st.sampled_from([PEOPLE, TEXTS, RECORDS, matrix(2)]))
def test_whatever_comes_is_answered_or_a_failure(value: Any, served: Interface) -> None:
    outcome: Asked | Failure
    try:
        outcome = ask(served, value)
    except Failure as failure:
        outcome = failure
    assert isinstance(outcome, Asked) or (outcome.status in (400, 422) and outcome.message.isprintable())
