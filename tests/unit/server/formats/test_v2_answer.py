"""Answers of the Open Inference Protocol: exact bytes, a real client's reading, and workers that lie."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.http import InferenceServerClient

from amber.server.exchange import Answered, Asked, Failure
from amber.server.formats import v2
from amber.server.formats.v2_request import Reply
from amber.server.interface import Interface, Output
from tests.unit.server.formats.served import CHANCES, LABEL, PEOPLE, cells, column, interface, matrix


def score(datatype: str, cell: Any = "float", **more: Any) -> Output:
    return Output(method="score", name="score", datatype=datatype, dtype=datatype.lower(), cell=cell, **more)


def served(*outputs: Output, **more: Any) -> Interface:
    return interface("matrix", [column("X", "FP64", width=3)], list(outputs), **more)


def written(model: Interface, *values: Any, rows: int = 1, binary: bool = False, **asked: Any) -> tuple[bytes, Any]:
    """Body and header length of an answer to all outputs."""
    places = tuple(range(len(values)))
    reply = Reply(places, (binary,) * len(values)) if binary else None
    body, content_type, headers = v2.encode(
        model, Asked(rows, b"", (), places, reply=reply, **asked), Answered(rows, list(values))
    )
    assert content_type == (b"application/octet-stream" if binary else b"application/json")
    return body, int(dict(headers)[b"inference-header-content-length"]) if binary else None


def read(body: bytes, length: int | None, name: str) -> Any:
    return InferenceServerClient.parse_response_body(body, header_length=length).as_numpy(name)


def tensors(body: bytes) -> Any:
    return json.loads(body)["outputs"]


def test_the_bytes_of_an_answer() -> None:
    body, _ = written(matrix(), cells(1), cells(0.25, 0.75), id='a"b')
    assert body == (
        b'{"model_name":"churn","model_version":"1.2.0",'
        b'"parameters":{"amber.route":"program","amber.verdict":"equivalent"},"id":"a\\"b","outputs":['
        b'{"name":"predict","shape":[1],"datatype":"BYTES","data":["stay"]},'
        b'{"name":"predict_proba","shape":[1,2],"datatype":"FP64","data":[0.25,0.75]}]}'
    )


def test_the_route_of_a_request_and_its_verdict() -> None:
    body, _ = written(matrix(), cells(1), cells(0.25, 0.75), route="original")
    assert json.loads(body)["parameters"] == {"amber.route": "original", "amber.verdict": "identical"}


@pytest.mark.parametrize("binary", [False, True], ids=["json", "binary"])
def test_a_real_client_reads_it(binary: bool) -> None:
    body, length = written(matrix(), cells(1, 0), cells(0.25, 0.75, 1.0, 0.0), rows=2, binary=binary)
    labels = read(body, length, "predict")
    assert [each.decode() if isinstance(each, bytes) else each for each in labels.tolist()] == ["stay", "leave"]
    assert read(body, length, "predict_proba").tolist() == [[0.25, 0.75], [1.0, 0.0]]


@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64"])
@given(st.data())
def test_floats_as_bytes_keep_their_bits(datatype: str, data: Any) -> None:
    width = {"FP16": 16, "FP32": 32, "FP64": 64}[datatype]
    values = data.draw(st.lists(st.floats(width=width), min_size=1, max_size=8))
    body, length = written(served(score(datatype, shape=[len(values)])), cells(*values), binary=True)
    assert np.array_equal(read(body, length, "score")[0].astype(np.float64), np.array(values), equal_nan=True)


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=8))
def test_fp32_as_json_is_short_and_gives_back_its_bits(values: list[float]) -> None:
    body, _ = written(served(score("FP32", shape=[len(values)])), cells(*values))
    found = tensors(body)[0]["data"]
    assert np.array(found, dtype=np.float32).tobytes() == np.array(values, dtype=np.float32).tobytes()


def test_fp32_as_json_is_as_short_as_numpy_prints_it() -> None:
    body, _ = written(
        served(score("FP32", shape=[3])), cells(*np.array([0.1, 1 / 3, 16777216], dtype=np.float32).tolist())
    )
    assert b'"data":[0.1,0.33333334,16777216.0]' in body


def test_fp16_goes_out_as_fp32() -> None:
    body, length = written(served(score("FP16")), cells(0.0999755859375))
    assert tensors(body)[0] == {"name": "score", "shape": [1], "datatype": "FP32", "data": [0.099975586]}
    body, length = written(served(score("FP16")), cells(0.0999755859375), binary=True)
    assert json.loads(body[:length])["outputs"][0]["datatype"] == "FP16"


@pytest.mark.parametrize("datatype", ["FP32", "FP64"])
def test_nan_is_null_and_an_infinity_is_marked(datatype: str) -> None:
    body, _ = written(served(score(datatype, shape=[2])), cells(math.nan, 1.0, math.inf, -math.inf), rows=2)
    assert tensors(body)[0]["data"] == [None, 1.0, None, None]
    assert tensors(body)[0]["parameters"] == {"amber.nonfinite": "2:inf,3:-inf"}
    body, _ = written(served(score(datatype, shape=[2])), cells(math.nan, 1.0))
    assert "parameters" not in tensors(body)[0]


@pytest.mark.parametrize(
    ("datatype", "classes", "answered"),
    [
        ("BYTES", ["a", 'q"uote', "Bodø"], ["a", 'q"uote', "Bodø"]),
        ("INT64", [0, 7, "9007199254740993"], [0, 7, 9007199254740993]),
        ("BOOL", [False, True], [False, True]),
        ("FP64", ["0.5", "1.0"], [0.5, 1.0]),
        ("INT32", [-1, 1], [-1, 1]),
    ],
    ids=["texts", "integers", "booleans", "floats", "outliers"],
)
def test_labels_are_their_classes(datatype: str, classes: list[Any], answered: list[Any]) -> None:
    model = served(score(datatype, "label", classes=[classes]))
    indices = list(range(len(classes)))
    body, _ = written(model, cells(*indices), rows=len(indices))
    assert tensors(body)[0]["data"] == answered
    body, length = written(model, cells(*indices), rows=len(indices), binary=True)
    found = [each.decode() if isinstance(each, bytes) else each for each in read(body, length, "score").tolist()]
    assert found == answered


def test_several_columns_of_labels() -> None:
    model = served(score("BYTES", "label", shape=[2], classes=[["a", "b"], ["x", "y", "z"]]))
    body, _ = written(model, cells(0, 2, 1, 0), rows=2)
    assert tensors(body)[0]["data"] == ["a", "z", "b", "x"]
    assert tensors(body)[0]["shape"] == [2, 2]


@pytest.mark.parametrize(
    ("datatype", "values"),
    [("INT8", [-128, 127]), ("INT64", [-(2**63), 2**63 - 1]), ("UINT16", [0, 65535]), ("BOOL", [0, 1])],
)
def test_integers(datatype: str, values: list[int]) -> None:
    model = served(score(datatype, "integer"))
    expected = [bool(value) for value in values] if datatype == "BOOL" else values
    body, _ = written(model, cells(*values), rows=2)
    assert tensors(body)[0]["data"] == expected
    body, length = written(model, cells(*values), rows=2, binary=True)
    assert read(body, length, "score").tolist() == expected


def test_unsigned_integers_beyond_63_bits() -> None:
    body, _ = written(served(score("UINT64", "integer")), struct.pack("<Q", 2**64 - 1))
    assert tensors(body)[0]["data"] == [2**64 - 1]


def test_objects() -> None:
    model = served(score("BYTES", "object"))
    body, _ = written(model, ["a", None, 5, [1, "x"]], rows=4)
    assert tensors(body)[0]["data"] == ["a", None, 5, [1, "x"]]
    body, length = written(model, ["a", None, 5, [1, "x"]], rows=4, binary=True)
    assert read(body, length, "score").tolist() == [b"a", b"", b"5", b'[1,"x"]']
    assert json.loads(body[:length])["outputs"][0]["parameters"]["amber.missing"] == "Ag=="
    wide = served(score("BYTES", "object", shape=[2]))
    assert tensors(written(wide, [["a", "b"], ["c", None]], rows=2)[0])[0]["data"] == ["a", "b", "c", None]


@pytest.mark.parametrize(
    ("datatype", "values", "read_back"),
    [("INT64", [5, None], [5, 0]), ("FP32", [0.5, None], [0.5, None]), ("BOOL", [True, None], [True, False])],
    ids=["integers", "floats", "booleans"],
)
def test_objects_that_are_numbers(datatype: str, values: list[Any], read_back: list[Any]) -> None:
    model = served(score(datatype, "object"))
    assert tensors(written(model, values, rows=2)[0])[0]["data"] == values
    body, length = written(model, values, rows=2, binary=True)
    assert json.loads(body[:length])["outputs"][0]["parameters"]["amber.missing"] == "Ag=="
    found = read(body, length, "score").tolist()
    assert [None if each != each else each for each in found] == read_back
    with pytest.raises(Failure, match="worker's answer"):
        written(model, ["x", None], rows=2, binary=True)


def test_an_integer_that_its_datatype_does_not_hold() -> None:
    with pytest.raises(Failure, match="worker's answer"):
        written(served(score("INT8", "integer")), cells(300), binary=True)


def test_classes_that_are_no_text_are_answered_as_their_json() -> None:
    body, _ = written(served(score("BYTES", "label", classes=[["a", None, 1.5]])), cells(0, 1, 2), rows=3)
    assert tensors(body)[0]["data"] == ["a", "null", "1.5"]


def test_outputs_in_the_callers_order_some_as_bytes() -> None:
    asked = Asked(1, b"", (), (0, 1), reply=Reply((1, 0), (True, False)))
    body, content_type, headers = v2.encode(matrix(), asked, Answered(1, [cells(0), cells(0.25, 0.75)]))
    length = int(dict(headers)[b"inference-header-content-length"])
    told = json.loads(body[:length])["outputs"]
    assert [each["name"] for each in told] == ["predict_proba", "predict"]
    assert told[0]["parameters"] == {"binary_data_size": 16}
    assert (body[length:], content_type) == (cells(0.25, 0.75), b"application/octet-stream")


def test_only_some_outputs() -> None:
    asked = Asked(1, b"", (), (1,), reply=Reply((0,), (False,)))
    body, _, _ = v2.encode(matrix(), asked, Answered(1, [cells(0.25, 0.75)]))
    assert [each["name"] for each in tensors(body)] == ["predict_proba"]


def test_outputs_of_one_name_are_told_apart() -> None:
    twice = [score("FP64"), Output(method="other", name="score", datatype="FP64", dtype="float64", cell="float")]
    body, _ = written(served(*twice), cells(1.0), cells(2.0))
    assert [each["name"] for each in tensors(body)] == ["score.score", "other.score"]


def test_names_are_never_formats() -> None:
    model = served(Output(method="a", name='%d"%b', datatype="FP64", dtype="float64", cell="float"))
    assert tensors(written(model, cells(1.0))[0])[0]["name"] == '%d"%b'


LIES = [
    (LABEL, cells(2)),
    (LABEL, cells(-1)),
    (LABEL, cells(0, 1)),
    (LABEL, b""),
    (LABEL, ["stay"]),
    (CHANCES, cells(0.5)),
    (CHANCES, cells(0.5, 0.5, 0.5)),
    (CHANCES, cells(0.5, 0.5)[:-1]),
    (score("INT8", "integer"), b""),
    (score("BYTES", "object"), []),
    (score("BYTES", "object", shape=[2]), [["a"]]),
    (score("BYTES", "object", shape=[2]), ["ab"]),
]


@pytest.mark.parametrize("binary", [False, True], ids=["json", "binary"])
@pytest.mark.parametrize(("output", "value"), LIES, ids=[str(number) for number in range(len(LIES))])
def test_workers_that_lie(output: Output, value: Any, binary: bool) -> None:
    with pytest.raises(Failure) as caught:
        written(served(output), value, binary=binary)
    assert (caught.value.status, caught.value.code) == (500, "worker-answer")


def test_metadata() -> None:
    found = v2.metadata(PEOPLE, ["1.1.0", "1.2.0"], {"amber.state": "READY"})
    assert (found["name"], found["versions"], found["platform"]) == ("churn", ["1.1.0", "1.2.0"], "amber_onnx")
    assert [(each["name"], each["datatype"], each["shape"]) for each in found["inputs"]][:2] == [
        ("age", "INT64", [-1]),
        ("income", "FP64", [-1]),
    ]
    assert [each["shape"] for each in found["outputs"]] == [[-1], [-1, 2]]
    assert found["properties"]["amber.verdict.program"] == "equivalent"
    assert found["properties"]["amber.state"] == "READY"
    assert all(isinstance(each, str) for each in found["properties"].values())
    assert v2.metadata(matrix())["inputs"][0]["shape"] == [-1, 3]
    spare = interface("columns", [column("a", "FP64", required=False)], digest="ab", methods={"program": ["predict"]})
    told = v2.metadata(spare)
    assert told["inputs"][0]["parameters"]["amber.required"] is False
    assert told["properties"]["amber.manifest"] == "blake3:ab"
    assert told["properties"]["amber.methods.program"] == "predict"


def test_labels_that_are_their_own_indices_are_still_checked() -> None:
    model = served(score("INT64", "label", classes=[[0, 1, 2]]))
    body, length = written(model, struct.pack("<3q", 2, 0, 1), rows=3, binary=True)
    assert body[length:] == struct.pack("<3q", 2, 0, 1)
    for wrong in ((0, 3, 1), (-1, 0, 0)):
        with pytest.raises(Failure, match="score"):
            written(model, struct.pack("<3q", *wrong), rows=3, binary=True)
