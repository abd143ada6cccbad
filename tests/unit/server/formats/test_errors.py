"""A failure as JSON: what is known and nothing else, and never much of what a client sent."""

from __future__ import annotations

import json

import msgspec
import pytest

from amber.server.exchange import Failure
from amber.server.formats import errors, simple
from tests.unit.server.formats.served import PEOPLE


def test_only_what_is_known() -> None:
    assert errors.body(Failure(404, "model-unknown", "there is no model 'x'")) == (
        b'{"error":"there is no model \'x\'","code":"model-unknown"}'
    )


def test_everything() -> None:
    failure = Failure(422, "value-kind", "wrong", row=0, column="age", hint="do", expected="a number")
    assert json.loads(errors.body(failure, "id-1")) == {
        "error": "wrong",
        "code": "value-kind",
        "row": 0,
        "column": "age",
        "expected": "a number",
        "hint": "do",
        "request_id": "id-1",
    }


@pytest.mark.parametrize("text", ["\u202eevil", "\x1b[31m", "x" * 100_000, "\x00"])
def test_little_of_what_came_is_sent_back(text: str) -> None:
    for value in ([{text: 1}], [{"age": text}], {"rows": [], "outputs": [text]}, {text: [1]}):
        with pytest.raises(Failure) as caught:
            simple.decode(PEOPLE, msgspec.json.encode(value))
        body = errors.body(caught.value).decode()
        assert len(body) < 2000
        assert "\u202e" not in body
        assert "\\u001b" not in body
