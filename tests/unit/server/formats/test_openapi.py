"""The OpenAPI document: valid, of the real columns, and its examples are answered by the formats they are for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import schemathesis
from msgspec.structs import replace

from amber.server.exchange import Answered, Asked, Failure
from amber.server.failures import FAILURES
from amber.server.formats import openapi, simple, v2
from amber.server.interface import Interface
from tests.unit.server.formats.served import (
    PEOPLE,
    RECORD,
    RECORDS,
    TEXTS,
    cells,
    column,
    interface,
    matrix,
)

META = json.loads((Path(__file__).parents[3] / "vectors" / "openapi-3.1" / "schema.json").read_text(encoding="utf-8"))
EVERY = interface(
    "columns",
    [
        column("half", "FP16"),
        column("single", "FP32", schema={"range": ["0.5", "2.5"]}, missing=True),
        column("small", "INT8", summary={"quantiles": ["1.0", "2.0", "300.0"]}),
        column("big", "UINT64"),
        column("level", "INT64", schema={"categories": [3, 5]}),
        column(
            "city",
            "BYTES",
            schema={"categories": ["a", "b"]},
            summary={"categories": [["b", 9], ["a", 7]]},
            missing=True,
        ),
        column("any", "BYTES", dtype="object", schema={"kinds": ["object"]}),
        column("when", "BYTES", dtype="datetime64[us]"),
        column("zoned", "BYTES", dtype="datetime64[us, UTC]"),
        column("flag", "BOOL", missing=True, cell="object", summary={"categories": [[True, 20]]}),
    ],
)
MODELS = {
    "matrix": matrix(),
    "columns": PEOPLE,
    "every": EVERY,
    "texts": TEXTS,
    "records": RECORDS,
    "sparse": replace(matrix(), form="sparse"),
}


def document(served: Interface, **more: Any) -> dict[str, Any]:
    """The document as a client reads it."""
    found: dict[str, Any] = json.loads(json.dumps(openapi.document([served], **more), allow_nan=False))
    return found


def validator(found: dict[str, Any], name: str) -> Any:
    schema = {"$ref": f"#/components/schemas/churn.{name}", "components": found["components"]}
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("name", MODELS)
def test_it_is_valid(name: str) -> None:
    found = document(MODELS[name])
    jsonschema.Draft202012Validator(META).validate(found)
    for schema in found["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    operations = [operation.ok() for operation in schemathesis.openapi.from_dict(found).get_all_operations()]
    ids = [operation.definition.raw["operationId"] for operation in operations]
    assert len(ids) == len(set(ids)) == 20


@pytest.mark.parametrize("name", MODELS)
def test_its_examples_are_valid_and_answered(name: str) -> None:
    served = MODELS[name]
    found = document(served)
    (rows,) = found["components"]["schemas"]["churn.Rows"]["examples"]
    validator(found, "Rows").validate(rows)
    assert simple.decode(served, json.dumps(rows).encode()).rows == 1
    (request,) = found["components"]["schemas"]["churn.InferRequest"]["examples"]
    validator(found, "InferRequest").validate(request)
    assert v2.decode(served, json.dumps(request).encode()).rows == 1
    (row,) = found["components"]["schemas"]["churn.Row"]["examples"]
    validator(found, "Row").validate(row)


def test_answers_are_as_it_says() -> None:
    found = document(PEOPLE)
    answered = Answered(2, [cells(1, 0), cells(0.25, 0.75, float("nan"), 0.0)])
    body, _, _ = simple.encode(PEOPLE, Asked(2, b"", (), (0, 1)), answered)
    validator(found, "Prediction").validate(json.loads(body))
    body, _, _ = v2.encode(PEOPLE, Asked(2, b"", (), (0, 1)), answered)
    validator(found, "InferResponse").validate(json.loads(body))


WRONG = [
    dict(RECORD, age="41"),
    dict(RECORD, age=None),
    dict(RECORD, age=2.5),
    dict(RECORD, age=True),
    dict(RECORD, city=None),
    dict(RECORD, member=1),
    dict(RECORD, since="yesterday"),
    dict(RECORD, since="2024-13-17"),
    dict(RECORD, extra=1),
    {"age": 41},
    5,
]


@pytest.mark.parametrize("record", WRONG, ids=[str(number) for number in range(len(WRONG))])
def test_what_it_forbids_is_refused(record: Any) -> None:
    assert not validator(document(PEOPLE), "Rows").is_valid([record])
    with pytest.raises(Failure):
        simple.decode(PEOPLE, json.dumps([record]).encode())


def test_columns_have_types_ranges_and_categories() -> None:
    found = document(EVERY)["components"]["schemas"]["churn.Row"]["properties"]
    bare = {
        name: {key: value for key, value in schema.items() if key != "description"} for name, schema in found.items()
    }
    assert bare["single"] == {"type": ["number", "null"], "format": "float", "minimum": 0.5, "maximum": 2.5}
    assert bare["small"] == {"type": "integer", "minimum": -128, "maximum": 127}
    assert bare["big"] == {"type": "integer", "minimum": 0, "maximum": 2**64 - 1}
    assert bare["level"]["enum"] == [3, 5]
    assert bare["city"] == {"type": ["string", "null"], "enum": ["a", "b", None]}
    assert bare["zoned"] == {"type": "string", "format": "date-time"}
    assert bare["flag"] == {"type": ["boolean", "null"]}


def test_the_example_is_synthetic() -> None:
    quantiles = [str(value / 7) for value in range(21)]
    served = interface(
        "columns",
        [
            column("a", "FP64", summary={"quantiles": quantiles}),
            column("b", "INT64", summary={"quantiles": [repr(123456.0 + value) for value in range(21)]}),
            column("c", "BYTES", summary={"categories": [["frequent", 80], ["rare", 5]]}),
            column("d", "BYTES"),
        ],
    )
    (row,) = document(served)["components"]["schemas"]["churn.Row"]["examples"]
    assert row == {"a": 1.43, "b": 123000, "c": "frequent", "d": "text"}


def test_keys_only_where_they_are_asked_for() -> None:
    assert document(PEOPLE)["security"] == [{"bearer": []}, {"key": []}]
    open_to_all = document(PEOPLE, secured=False)
    assert "security" not in open_to_all
    assert "securitySchemes" not in open_to_all["components"]
    assert document(PEOPLE)["paths"]["/v2/health/live"]["get"]["security"] == []


def test_admin_endpoints_only_where_there_is_an_admin() -> None:
    def admin(**more: Any) -> set[str]:
        return {path.rpartition("/")[2] for path in document(PEOPLE, **more)["paths"] if "/repository/" in path}

    assert admin() == {"index", "load", "unload"}
    assert admin(secured=False) == set()


def test_responses_list_the_codes_of_their_status() -> None:
    responses = document(PEOPLE)["components"]["responses"]
    told = {code for status in responses for code in re.findall(r"`([a-z0-9-]+)`", responses[status]["description"])}
    assert told == set(FAILURES) - {"client-gone"}  # which nobody is answered
    assert "`outside-domain`" in responses["422"]["description"]


def test_verdicts_are_told() -> None:
    told = next(tag for tag in document(PEOPLE)["tags"] if tag["name"] == "churn")
    assert told["x-amber"]["verdicts"] == {"program": "equivalent", "original": "identical"}
    assert "program: equivalent" in told["description"]
