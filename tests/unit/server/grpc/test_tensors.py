"""Contents of gRPC messages to bodies and back, and what is refused on the way."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("google.protobuf")

from amber.server.exchange import Failure
from amber.server.grpc import tensors
from amber.server.grpc.messages import CLASSES


def request(*inputs: tuple[str, str, dict[str, list[Any]]], raw: tuple[bytes, ...] = ()) -> Any:
    made = CLASSES["ModelInferRequest"](model_name="m", raw_input_contents=raw)
    for name, datatype, contents in inputs:
        each = made.inputs.add(name=name, datatype=datatype, shape=[2])
        for field, values in contents.items():
            getattr(each.contents, field).extend(values)
    return made


@pytest.mark.parametrize(
    ("datatype", "field", "values", "blob"),
    [
        ("BOOL", "bool_contents", [True, False], b"\1\0"),
        ("INT8", "int_contents", [-1, 127], b"\xff\x7f"),
        ("INT16", "int_contents", [-2, 1], b"\xfe\xff\1\0"),
        ("INT32", "int_contents", [-1, 1], b"\xff\xff\xff\xff\1\0\0\0"),
        ("INT64", "int64_contents", [2**53 + 1], (2**53 + 1).to_bytes(8, "little")),
        ("UINT8", "uint_contents", [255], b"\xff"),
        ("UINT16", "uint_contents", [256], b"\0\1"),
        ("UINT32", "uint_contents", [2**32 - 1], b"\xff" * 4),
        ("UINT64", "uint64_contents", [2**64 - 1], b"\xff" * 8),
        ("FP32", "fp32_contents", [0.5], b"\0\0\0\x3f"),
        ("FP64", "fp64_contents", [0.5], b"\0\0\0\0\0\0\xe0\x3f"),
        ("BYTES", "bytes_contents", [b"", "ä".encode()], b"\0\0\0\0\2\0\0\0\xc3\xa4"),
    ],
)
def test_typed_contents_are_packed_and_come_back(datatype: str, field: str, values: list[Any], blob: bytes) -> None:
    head, blobs = tensors.body_of(request(("x", datatype, {field: values})))
    assert blobs == [blob]
    assert json.loads(head)["inputs"][0]["parameters"] == {"binary_data_size": len(blob)}
    answer = CLASSES["ModelInferResponse"]()
    output = {"name": "y", "datatype": datatype, "shape": [2], "parameters": {"binary_data_size": len(blob)}}
    tensors.fill(answer, {"outputs": [output]}, memoryview(blob), typed=True)
    assert list(getattr(answer.outputs[0].contents, field)) == values
    assert not answer.raw_output_contents


def test_raw_contents_pass_as_they_are() -> None:
    made = request(("x", "FP16", {}), ("y", "BYTES", {}), raw=(b"\1\2", b"\3"))
    head, blobs = tensors.body_of(made)
    assert blobs == [b"\1\2", b"\3"]
    assert [each["parameters"]["binary_data_size"] for each in json.loads(head)["inputs"]] == [2, 1]


def test_parameters_outputs_and_the_id_are_kept() -> None:
    made = request(("x", "FP64", {"fp64_contents": [1.0]}))
    made.id = "7"
    made.parameters["amber.route"].string_param = "original"
    made.parameters["empty"].SetInParent()
    made.outputs.add(name="y").parameters["k"].int64_param = 3
    head = json.loads(tensors.body_of(made)[0])
    assert head["id"] == "7"
    assert head["parameters"] == {"amber.route": "original", "binary_data_output": True}
    assert head["outputs"] == [{"name": "y", "parameters": {"k": 3, "binary_data": True}}]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (request(("x", "FP64", {}), raw=(b"", b"")), "2 raw contents for 1 inputs"),
        (request(("x", "FP64", {"fp64_contents": [1.0]}), raw=(b"\0" * 8,)), "typed and raw"),
        (request(("x", "FP64", {"fp32_contents": [1.0]})), "fp32_contents"),
        (request(("x", "INT8", {"int_contents": [128]})), "no INT8"),
        (request(("x", "FP16", {"fp32_contents": [1.0]})), "FP16"),
        (request(("x", "DOUBLE", {})), "DOUBLE and has no contents"),
    ],
    ids=["count", "both", "other", "range", "half", "unknown"],
)
def test_contents_that_do_not_fit_are_refused(made: Any, said: str) -> None:
    with pytest.raises(Failure) as refused:
        tensors.body_of(made)
    assert refused.value.status == 400
    assert said in refused.value.message


def test_what_has_no_typed_form_is_answered_raw() -> None:
    answer = CLASSES["ModelInferResponse"]()
    outputs = [
        {"name": "h", "datatype": "FP16", "shape": [1], "parameters": {"binary_data_size": 2, "amber.missing": "AQ=="}},
        {"name": "d", "datatype": "FP64", "shape": [1], "parameters": {"binary_data_size": 8}},
    ]
    tensors.fill(answer, {"model_name": "m", "id": "1", "outputs": outputs}, memoryview(bytes(10)), typed=True)
    assert list(answer.raw_output_contents) == [bytes(2), bytes(8)]
    assert answer.outputs[0].parameters["amber.missing"].string_param == "AQ=="
    assert (answer.model_name, answer.id) == ("m", "1")


def test_an_answer_that_is_cut_is_an_error() -> None:
    output = {"name": "d", "datatype": "FP64", "shape": [1], "parameters": {"binary_data_size": 8}}
    with pytest.raises(Failure, match="not as long"):
        tensors.fill(CLASSES["ModelInferResponse"](), {"outputs": [output]}, memoryview(bytes(7)), typed=False)
