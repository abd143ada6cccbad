"""Binary tensors: every bit arrives, sizes are checked, and a real client's bytes are taken."""

from __future__ import annotations

import base64
import json
import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput

from amber.server.exchange import Answered, Asked, Failure
from amber.server.formats import v2
from amber.server.formats.kinds import KINDS
from amber.server.formats.plan import plan_of
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
)

NUMPY = {
    "BOOL": np.bool_,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    **{f"{sign}INT{bits}": np.dtype(f"{sign.lower()}int{bits}").type for sign in ("", "U") for bits in (8, 16, 32, 64)},
}


def texts(*values: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(value)) + value for value in values)


def ask(served: Interface, *inputs: tuple[str, list[int], str, bytes], **more: Any) -> Asked:
    described = [
        {"name": name, "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": len(raw)}}
        for name, shape, datatype, raw in inputs
    ]
    head = json.dumps({"inputs": described, **more}).encode()
    return v2.decode(served, head + b"".join(raw for *_, raw in inputs), len(head))


def refused(served: Interface, *inputs: tuple[str, list[int], str, bytes], **more: Any) -> Failure:
    with pytest.raises(Failure) as caught:
        ask(served, *inputs, **more)
    return caught.value


@given(st.binary(min_size=48, max_size=48))
def test_fp64_keeps_its_bits(raw: bytes) -> None:
    assert ask(matrix(), ("X", [2, 3], "FP64", raw)).numbers == raw


@pytest.mark.parametrize("datatype", sorted(set(KINDS) - {"BYTES", "BOOL"}))
def test_every_number_of_a_datatype_reaches_a_column_of_it(datatype: str) -> None:
    kind = KINDS[datatype]
    raw = np.random.default_rng(3).integers(0, 256, 64 * kind.size, dtype=np.uint8).tobytes()
    values = np.frombuffer(raw, dtype=NUMPY[datatype])
    asked = ask(interface("columns", [column("c", datatype, missing=True)]), ("c", [64], datatype, raw))
    if kind.family == "float":
        np.testing.assert_array_equal(np.frombuffer(asked.numbers), values.astype(np.float64))
    else:
        assert np.frombuffer(asked.numbers, dtype="<u8" if kind.low == 0 else "<i8").tolist() == values.tolist()


@pytest.mark.parametrize("datatype", sorted(set(KINDS) - {"BYTES", "BOOL", "UINT64", "INT64"}))
def test_numbers_are_widened_without_loss(datatype: str) -> None:
    values = np.array([0, 1, 100], dtype=NUMPY[datatype])
    asked = ask(matrix(), ("X", [1, 3], datatype, values.tobytes()))
    assert doubles(asked.numbers) == [0, 1, 100]


def test_what_would_change_is_refused_and_named() -> None:
    failure = refused(matrix(datatype="FP32"), ("X", [2, 3], "FP64", struct.pack("<6d", 1, 2, 3, 4, 0.1, 6)))
    assert (failure.status, failure.code, failure.row, failure.column) == (422, "value-range", 1, "X")
    exact = ask(matrix(datatype="FP32"), ("X", [1, 3], "FP64", struct.pack("<3d", 0.5, math.inf, math.nan)))
    assert doubles(exact.numbers)[:2] == [0.5, math.inf]
    failure = refused(matrix(), ("X", [1, 3], "INT64", struct.pack("<3q", 2**53, 2**53 + 1, 0)))
    assert (failure.row, failure.code) == (0, "value-range")
    whole = interface("columns", [column("n", "INT64")])
    assert integers(ask(whole, ("n", [2], "FP64", struct.pack("<2d", -5, 2.0**62))).numbers) == [-5, 2**62]
    for wrong in (0.5, math.nan, math.inf, 2.0**63):
        assert refused(whole, ("n", [2], "FP64", struct.pack("<2d", 1, wrong))).row == 1


def test_columns_of_several_kinds_beside_json() -> None:
    inputs = [
        {"name": "age", "shape": [2], "datatype": "INT32", "parameters": {"binary_data_size": 8}},
        {"name": "income", "shape": [2, 1], "datatype": "FP64", "data": [1.5, None]},
        {"name": "city", "shape": [2], "datatype": "BYTES", "parameters": {"binary_data_size": 17}},
        {"name": "member", "shape": [2], "datatype": "BOOL", "parameters": {"binary_data_size": 2}},
        {"name": "since", "shape": [2], "datatype": "BYTES", "data": ["2024-05-17", None]},
    ]
    head = json.dumps({"inputs": inputs}).encode()
    body = head + struct.pack("<2i", 41, -3) + texts(b"Oslo", "Bodø".encode()) + b"\x01\x00"
    asked = v2.decode(PEOPLE, body, len(head))
    assert integers(asked.numbers)[0::3] == [41, -3]
    assert doubles(asked.numbers)[1] == 1.5
    assert math.isnan(doubles(asked.numbers)[4])
    assert integers(asked.numbers)[2::3] == [1, 0]
    assert asked.objects == [["Oslo", "Bodø"], ["2024-05-17", None]]


def test_a_table_of_numbers_as_one_tensor() -> None:
    served = interface("columns", [column("a", "FP64"), column("b", "INT64"), column("c", "FP32")])
    asked = ask(served, ("table", [2, 3], "FP32", struct.pack("<6f", 1, 2, 0.1, 4, 5, 6)))
    assert doubles(asked.numbers)[0::3] == [1, 4]
    assert integers(asked.numbers)[1::3] == [2, 5]
    assert doubles(asked.numbers)[2] == 0.10000000149011612


@given(st.lists(st.none() | st.text(), min_size=1, max_size=12))
def test_texts_and_missing_texts(values: list[str | None]) -> None:
    bits = bytearray((len(values) + 7) // 8)
    for place, value in enumerate(values):
        bits[place // 8] |= (value is None) << place % 8
    raw = texts(*[(value or "").encode() for value in values])
    parameters = {"binary_data_size": len(raw), "amber.missing": base64.b64encode(bits).decode()}
    inputs = [{"name": "t", "shape": [len(values)], "datatype": "BYTES", "parameters": parameters}]
    head = json.dumps({"inputs": inputs}).encode()
    served = interface("columns", [column("t", "BYTES", missing=True)])
    assert v2.decode(served, head + raw, len(head)).objects == [values]


WRONG_TEXTS = [
    texts(b"a"),
    texts(b"a", b"b") + b"x",
    texts(b"a") + struct.pack("<I", 2**32 - 1),
    texts(b"a") + b"\x05\x00\x00\x00ab",
    texts(b"a") + b"\x05",
    b"",
    texts(b"a", b"\xff"),
    texts(b"a", b"\xed\xa0\x80"),  # a surrogate
]


@pytest.mark.parametrize("raw", WRONG_TEXTS, ids=[str(number) for number in range(len(WRONG_TEXTS))])
def test_texts_that_lie(raw: bytes) -> None:
    failure = refused(TEXTS, ("text", [2], "BYTES", raw))
    assert (failure.status in (400, 422), failure.column) == (True, "text")


@pytest.mark.parametrize("given", ["!", "AAAA", 5, True])
def test_bitmaps_that_lie(given: Any) -> None:
    inputs = [
        {
            "name": "text",
            "shape": [1],
            "datatype": "BYTES",
            "parameters": {"binary_data_size": 5, "amber.missing": given},
        }
    ]
    head = json.dumps({"inputs": inputs}).encode()
    with pytest.raises(Failure, match=r"amber\.missing"):
        v2.decode(TEXTS, head + texts(b"a"), len(head))


def test_sizes_that_lie() -> None:
    row = struct.pack("<3d", 1, 2, 3)
    assert refused(matrix(), ("X", [2, 3], "FP64", row)).status == 400
    assert refused(matrix(), ("X", [1, 3], "FP32", row)).status == 400
    assert refused(matrix(), ("X", [2**61, 3], "FP64", row)).status == 400
    assert refused(matrix(), ("X", [2**61, 3], "FP64", b"")).status == 400
    boolean = interface("columns", [column("b", "BOOL")])
    assert refused(boolean, ("b", [2], "BOOL", b"\x01\x02")).status == 400
    for size, tail, length in (
        (24, row + b"x", 0),
        (25, row, 0),
        (-1, row, 0),
        (True, row, 0),
        (24, row, 1),
        (24, row, -1),
    ):
        inputs = [{"name": "X", "shape": [1, 3], "datatype": "FP64", "parameters": {"binary_data_size": size}}]
        head = json.dumps({"inputs": inputs}).encode()
        with pytest.raises(Failure) as caught:
            v2.decode(matrix(), head + tail, len(head) + length)
        assert caught.value.status == 400


def test_bytes_that_are_announced_but_cannot_be_found() -> None:
    inputs = [{"name": "X", "shape": [1, 3], "datatype": "FP64", "parameters": {"binary_data_size": 24}}]
    body = json.dumps({"inputs": inputs}).encode()
    with pytest.raises(Failure, match="header"):
        v2.decode(matrix(), body)
    both = json.dumps({"inputs": [dict(inputs[0], data=[1, 2, 3])]}).encode()
    with pytest.raises(Failure, match="header"):
        v2.decode(matrix(), both)
    with pytest.raises(Failure, match="`data` and `binary_data_size`"):
        v2.decode(matrix(), both + bytes(24), len(both))
    for length in (-1, len(body) + 1):
        with pytest.raises(Failure, match="the body has"):
            v2.decode(matrix(), body, length)


def test_the_whole_body_is_the_input() -> None:
    row = struct.pack("<6d", 1, 2, 3, 4, 5, 6)
    asked = v2.decode(matrix(), row, 0)
    assert (asked.rows, asked.numbers) == (2, row)
    assert v2.decode(TEXTS, "Bodø".encode(), 0).objects == [["Bodø"]]
    assert v2.decode(RECORDS, b'{"a": 1}', 0).objects == [[{"a": 1}]]
    for served, body in ((matrix(), row[:-1]), (matrix(), b""), (PEOPLE, row), (TEXTS, b"\xff")):
        with pytest.raises(Failure):
            v2.decode(served, body, 0)


def triton(name: str, values: Any, datatype: str, *, binary: bool) -> InferInput:
    made = InferInput(name, list(values.shape), datatype)
    made.set_data_from_numpy(values, binary_data=binary)
    return made


@pytest.mark.parametrize("binary", [False, True], ids=["json", "binary"])
def test_a_real_client(binary: bool) -> None:
    inputs = [
        triton("age", np.array([41, 2**53 + 1]), "INT64", binary=binary),
        triton("income", np.array([[1.5], [2.5]]), "FP64", binary=binary),
        triton("city", np.array(["Oslo", "Bodø"], dtype=object), "BYTES", binary=binary),
        triton("member", np.array([True, False]), "BOOL", binary=binary),
        triton("since", np.array(["2024-05-17", "2024-05-18"], dtype=object), "BYTES", binary=binary),
    ]
    outputs = [
        InferRequestedOutput("predict_proba", binary_data=binary),
        InferRequestedOutput("predict", binary_data=False),
    ]
    body, length = InferenceServerClient.generate_request_body(inputs, outputs=outputs, request_id="7")
    asked = v2.decode(PEOPLE, body, length)
    assert (asked.rows, asked.id, asked.reply) == (2, "7", ((1, 0), (binary, False)))
    assert integers(asked.numbers)[0::3] == [41, 2**53 + 1]
    assert doubles(asked.numbers)[1::3] == [1.5, 2.5]
    assert integers(asked.numbers)[2::3] == [1, 0]
    assert asked.objects == [["Oslo", "Bodø"], ["2024-05-17", "2024-05-18"]]


def test_a_real_client_without_outputs_wants_all_as_bytes() -> None:
    inputs = [triton("X", np.arange(6, dtype=np.float32).reshape(2, 3), "FP32", binary=True)]
    body, length = InferenceServerClient.generate_request_body(inputs)
    asked = v2.decode(matrix(), body, length)
    assert asked.reply == ((0, 1), (True, True))
    assert doubles(asked.numbers) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "served", [matrix(), interface("columns", [column("X", "FP64", missing=True)])], ids=["matrix", "columns"]
)
def test_json_that_came_before_is_checked_against_what_follows_it_now(served: Interface) -> None:
    width = served.inputs[0].width
    first, second = np.arange(2.0 * width).tobytes(), np.arange(2.0 * width, 4.0 * width).tobytes()
    described = {"name": "X", "shape": [2, width], "datatype": "FP64", "parameters": {"binary_data_size": len(first)}}
    head = json.dumps({"inputs": [described], "outputs": [{"name": "predict"}]}).encode()
    for raw in (first, second, first):
        asked = v2.decode(served, head + raw, len(head))
        assert (asked.rows, bytes(asked.numbers), asked.outputs) == (2, raw, (0,))
    for tail, code in ((first[:-8], "tensor-malformed"), (first + b"12345678", "body-malformed")):
        with pytest.raises(Failure) as caught:
            v2.decode(served, head + tail, len(head))
        assert caught.value.code == code


def test_heads_are_remembered_in_bounds_and_without_the_ids_of_requests() -> None:
    served, raw = matrix(1), bytes(8)
    for number in range(600):
        assert ask(served, ("X", [1, 1], "FP64", raw), id=f"r{number}").id == f"r{number}"
    assert plan_of(served).known == {}
    for number in range(600):
        asked = ask(served, ("X", [1, 1], "FP64", raw), parameters={"mine": number})
        v2.encode(served, asked, Answered(1, [bytes(8), bytes(16)]))
    assert 0 < len(plan_of(served).known) <= 256
    ask(served, ("X", [1, 1], "FP64", raw), parameters={"mine": "x" * 5000})
    assert max(map(len, plan_of(served).known)) < 1024


def test_answers_as_bytes_tell_their_own_sizes() -> None:
    served = matrix(1)
    for rows in (1, 3, 1, 2):
        asked = ask(served, ("X", [rows, 1], "FP64", bytes(8 * rows)), parameters={"binary_data_output": True})
        labels = [row % 2 for row in range(rows)]
        values = [struct.pack(f"<{rows}q", *labels), struct.pack(f"<{2 * rows}d", *range(2 * rows))]
        body, _, headers = v2.encode(served, asked, Answered(rows, values))
        read = InferenceServerClient.parse_response_body(body, header_length=int(headers[0][1]))
        assert read.as_numpy("predict").tolist() == [(b"leave", b"stay")[label] for label in labels]
        assert read.as_numpy("predict_proba").ravel().tolist() == [*range(2 * rows)]
    for route in ("program", "original"):
        asked = ask(
            served, ("X", [1, 1], "FP64", bytes(8)), parameters={"binary_data_output": True, "amber.route": route}
        )
        body, _, headers = v2.encode(served, asked, Answered(1, [bytes(8), bytes(16)]))
        assert json.loads(body[: int(headers[0][1])])["parameters"]["amber.route"] == route
