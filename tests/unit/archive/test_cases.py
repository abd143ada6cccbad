"""Groups as members: exact round trip, every broken rule refused by its code, any bytes an AmberError."""

from __future__ import annotations

import contextlib
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from amber.archive.cases import decode_group, elements, encode_group
from amber.errors import AmberError, FormatError, LimitError
from amber.limits import DEFAULT, Limits
from amber.tree.evidence import Answer, Column, Group, StepOutput

TEXT = b"\x01\x00\x00\x00a\x00\x00\x00\x00"
SCHEMA = json.loads(Path("spec/schemas/case.schema.json").read_text(encoding="utf-8"))


def group() -> Group:
    return Group(
        id="g001",
        kind="sample",
        layout="frame",
        rows=2,
        inputs=[
            Column("x", "FP64", (2,), b"\0" * 16),
            Column("b", "BOOL", (2,), b"\x00\x01"),
            Column("größe", "BYTES", (2,), TEXT, {"amber.dtype": "object", "amber.items": "str"}),
        ],
        answers=[
            Answer("predict", "array", [Column("predict", "INT64", (2,), b"\0" * 16)], labels=True, knife_edge=[1]),
            Answer("predict_proba", refusal="ValueError"),
            Answer("sample", repeatable=False),
            Answer(
                "transform",
                "array",
                [Column("transform", "FP32", (2, 1), b"\0" * 8)],
                single=True,
                relative="1e-05",
                absolute="0.0",
            ),
        ],
        synthetic=True,
        steps=[StepOutput("steps[0]", "array", [Column("step", "FP64", (2, 1), b"\1" * 16)])],
    )


def members(one: Group) -> tuple[bytes, bytes]:
    text, buffers = encode_group(one)
    return text, b"".join(bytes(buffer) for buffer in buffers)


def changed(edit: Any) -> bytes:
    """The JSON member after `edit` on its plain form, canonical again."""
    plain = json.loads(members(group())[0])
    edit(plain)
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_round_trip() -> None:
    text, data = members(group())
    again = decode_group("g001", text, data, DEFAULT)
    plain = group()
    for one in (again, plain):
        for columns in [one.inputs, *(a.columns for a in one.answers), *(s.columns for s in one.steps)]:
            for column in columns:
                column.data = bytes(column.data)
    assert again == plain
    assert members(again) == (text, data)
    assert plain.knife_edge == [1]


def test_columns_are_views_of_the_member() -> None:
    text, data = members(group())
    buffer = bytearray(data)
    again = decode_group("g001", text, memoryview(buffer), DEFAULT)
    assert isinstance(again.inputs[0].data, memoryview)
    assert again.inputs[0].data.obj is buffer


def test_matches_the_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert Draft202012Validator(SCHEMA).is_valid(json.loads(members(group())[0]))
    assert not Draft202012Validator(SCHEMA).is_valid(json.loads(changed(lambda c: c.update(rows=-1))))


def test_the_request_is_a_legal_open_inference_request() -> None:
    text, data = members(group())
    request = json.loads(text)["request"]
    assert set(request) == {"id", "inputs", "parameters"}
    sizes = [tensor["parameters"]["binary_data_size"] for tensor in request["inputs"]]
    assert sum(sizes) == 16 + 2 + len(TEXT)
    assert data[18 : 18 + len(TEXT)] == TEXT


def _tensor(plain: Any, number: int = 0) -> Any:
    return plain["request"]["inputs"][number]


BROKEN = [
    ("cases-invalid", lambda c: c.update(extra=1)),
    ("cases-invalid", lambda c: c.pop("rows")),
    ("cases-invalid", lambda c: c.update(kind="Sample")),
    ("cases-invalid", lambda c: c["response"].update(model_name="other")),
    ("cases-invalid", lambda c: c["request"]["parameters"].update({"amber.methods": "predict"})),
    ("cases-invalid", lambda c: c["request"]["parameters"].update({"more": 1})),
    ("cases-invalid", lambda c: _tensor(c)["parameters"].update({"big": 2**60})),
    ("cases-invalid", lambda c: _tensor(c)["parameters"].update({"float": 1.5})),
    ("cases-id", lambda c: c["request"].update(id="g002")),
    ("cases-id", lambda c: c["response"].update(id="g002")),
    ("cases-layout", lambda c: c.update(layout="table")),
    ("cases-layout", lambda c: c["answers"][0].update(layout="table")),
    ("cases-layout", lambda c: c["steps"][0].update(layout="table")),
    ("cases-datatype", lambda c: _tensor(c).update(datatype="BF16")),
    ("cases-shape", lambda c: _tensor(c).update(shape=[-2])),
    ("cases-shape", lambda c: _tensor(c).update(shape=[2**40])),
    ("cases-shape", lambda c: _tensor(c).update(shape=[1] * 33)),
    ("cases-size", lambda c: _tensor(c).update(shape=[3])),
    ("cases-size", lambda c: _tensor(c)["parameters"].pop("binary_data_size")),
    ("cases-size", lambda c: _tensor(c)["parameters"].update(binary_data_size=2**40)),
    ("cases-size", lambda c: _tensor(c)["parameters"].update(binary_data_size=-1)),
    ("cases-size", lambda c: _tensor(c)["parameters"].update(binary_data_size=True)),
    ("cases-size", lambda c: _tensor(c, 2).update(shape=[3])),
    ("cases-size", lambda c: _tensor(c, 2).update(shape=[1])),
    ("cases-size", lambda c: c["steps"].clear()),
    ("cases-method", lambda c: c["answers"][0].update(method="Predict!")),
    ("cases-method", lambda c: c["answers"][3].update(method="predict")),
    ("cases-answer", lambda c: c["answers"][0].update(refusal="ValueError")),
    ("cases-answer", lambda c: c["answers"][1].pop("refusal")),
    ("cases-answer", lambda c: c["answers"][1].update(outputs=1)),
    ("cases-answer", lambda c: c["answers"][0].update(outputs=5)),
    ("cases-answer", lambda c: c["answers"][0].update(outputs=-1)),
    ("cases-answer", lambda c: c["answers"][3].pop("outputs")),
    ("cases-tolerance", lambda c: c["answers"][3].update(relative="1E-5")),
    ("cases-tolerance", lambda c: c["answers"][3].update(absolute="inf")),
    ("cases-tolerance", lambda c: c["answers"][3].update(absolute="-1.0")),
    ("cases-rows", lambda c: c.update(rows=3)),
    ("cases-rows", lambda c: c.update(rows=-1)),
    ("cases-rows", lambda c: c["answers"][0].update(knife_edge=[2])),
    ("cases-rows", lambda c: c["answers"][0].update(knife_edge=[1, 0])),
    ("cases-rows", lambda c: c["answers"][1].update(knife_edge=[1])),
]


@pytest.mark.parametrize(("code", "edit"), BROKEN)
def test_each_rule_has_its_code(code: str, edit: Any) -> None:
    with pytest.raises(FormatError) as caught:
        decode_group("g001", changed(edit), members(group())[1], DEFAULT)
    assert caught.value.code == code


@pytest.mark.parametrize("spelling", [b" ", b"\n"])
def test_other_spellings_are_not_canonical(spelling: bytes) -> None:
    text, data = members(group())
    with pytest.raises(FormatError) as caught:
        decode_group("g001", text + spelling, data, DEFAULT)
    assert caught.value.code == "cases-not-canonical"


def test_duplicate_keys_are_not_canonical() -> None:
    text, data = members(group())
    with pytest.raises(FormatError) as caught:
        decode_group("g001", text.replace(b'"rows":2', b'"rows":1,"rows":2'), data, DEFAULT)
    assert caught.value.code == "cases-not-canonical"


def test_a_boolean_is_0_or_1_and_a_text_ends_inside() -> None:
    text, data = members(group())
    for place, code in ((16, "cases-value"), (18, "cases-size")):
        bad = bytearray(data)
        bad[place] = 9
        with pytest.raises(FormatError) as caught:
            decode_group("g001", text, bytes(bad), DEFAULT)
        assert caught.value.code == code


def test_the_limit_is_a_limit() -> None:
    text, data = members(group())
    size = len(text) + len(data)
    assert decode_group("g001", text, data, Limits(cases_bytes=size))
    with pytest.raises(LimitError) as caught:
        decode_group("g001", text, data, Limits(cases_bytes=size - 1))
    assert caught.value.code == "cases-too-large"


def test_elements_of_text() -> None:
    assert [bytes(item) for item in elements(memoryview(TEXT), "x")] == [b"a", b""]
    for cut in (1, 4, 6, 8):
        with pytest.raises(FormatError):
            list(elements(memoryview(TEXT[:cut]), "x"))


@settings(max_examples=300, deadline=None)
@given(st.randoms(use_true_random=False))
def test_any_change_of_bytes_is_a_group_or_an_amber_error(dice: random.Random) -> None:
    text, data = (bytearray(part) for part in members(group()))
    for _ in range(dice.randint(1, 4)):
        target = dice.choice([text, data])
        place = dice.randrange(len(target))
        kind = dice.randrange(3)
        if kind == 0:
            target[place] ^= 1 << dice.randrange(8)
        elif kind == 1:
            del target[place : place + dice.randint(1, 9)]
        else:
            target[place:place] = bytes(dice.choices(b'[]{}",:0123456789abc\xff\x00', k=dice.randint(1, 9)))
        if not text or not data:
            return
    with contextlib.suppress(AmberError):
        decode_group("g001", bytes(text), bytes(data), DEFAULT)


@pytest.mark.parametrize("text", [b"", b"[", b"null", b"\xff", b"{" * 100_000, b'{"answers":' + b"[" * 100_000])
def test_no_json_is_an_amber_error(text: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        decode_group("g001", text, b"", DEFAULT)
    assert caught.value.code == "cases-invalid"
