"""What callers of one version could not do with another: each change that breaks them is said, widening is not."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from amber.server.front.endpoints.compatible import alike, breaks
from amber.server.interface import Input, Interface, Output


def column(name: str, datatype: str = "FP64", **more: Any) -> Input:
    dtype = {"FP64": "float64", "INT64": "int64", "BYTES": "object"}.get(datatype, datatype.lower())
    cell: Any = "object" if datatype in ("BYTES", "BOOL") else "float" if datatype.startswith("FP") else "integer"
    return Input(name=name, **{"datatype": datatype, "dtype": dtype, "cell": cell, **more})


AGE, VISITS, CITY = column("age", missing=True), column("visits", "INT64"), column("city", "BYTES")
LABEL = Output(
    method="predict", name="predict", datatype="BYTES", dtype="object", cell="label", classes=[["leave", "stay"]]
)
PROBABILITY = Output(
    method="predict_proba", name="predict_proba", datatype="FP64", dtype="float64", cell="float", shape=[2],
    classes=[["leave", "stay"]],
)  # fmt: skip
OLD = Interface(
    name="churn", version="1", id="0" * 64, route="program", form="columns", inputs=[AGE, VISITS, CITY],
    outputs=[LABEL, PROBABILITY], default=[0, 1], methods={"program": ["predict", "predict_proba"]},
)  # fmt: skip
THREE = [["leave", "new", "stay"]]

BREAKING: dict[str, tuple[dict[str, Any], str]] = {
    "gone": ({"inputs": [AGE, CITY]}, "column 'visits' is gone"),
    "renamed": (
        {"inputs": [AGE, column("calls", "INT64"), CITY]},
        "column 'visits' is gone; column 'calls' is new and required",
    ),
    "added": ({"inputs": [AGE, VISITS, CITY, column("tenure")]}, "column 'tenure' is new and required"),
    "order": ({"inputs": [VISITS, AGE, CITY]}, "the columns stand in another order"),
    "whole": (
        {"inputs": [column("age", "INT64"), VISITS, CITY]},
        "column 'age' takes a whole number from -9223372036854775808 to 9223372036854775807 (INT64) now, it took a "
        "number (FP64) or null",
    ),
    "single": (
        {"inputs": [column("age", "FP32", missing=True), VISITS, CITY]},
        "column 'age' takes a number (FP32) or null now, it took a number (FP64) or null",
    ),
    "smaller": (
        {"inputs": [AGE, column("visits", "UINT8"), CITY]},
        "column 'visits' takes a whole number from 0 to 255 (UINT8) now, it took a whole number from "
        "-9223372036854775808 to 9223372036854775807 (INT64)",
    ),
    "date": (
        {"inputs": [AGE, VISITS, column("city", "BYTES", dtype="datetime64[ns]")]},
        "column 'city' takes a date, ISO 8601, without an offset, such as 2024-05-17T08:30:00 (BYTES) now, it took "
        "text (BYTES)",
    ),
    "gaps": ({"inputs": [replace(AGE, missing=False), VISITS, CITY]}, "column 'age' takes no missing values any more"),
    "form": ({"form": "records"}, "rows are records now, they were columns"),
    "width": ({"inputs": [replace(AGE, width=3), VISITS, CITY]}, "column 'age' has 3 values a row now, it had 1"),
    "output": (
        {"outputs": [LABEL], "default": [0], "methods": {"program": ["predict"]}},
        "output 'predict_proba' of predict_proba is gone",
    ),
    "method": ({"methods": {"program": ["predict"]}}, "predict_proba is not answered any more"),
    "default": ({"default": [0]}, "predict_proba has to be asked for now"),
    "datatype": (
        {"outputs": [replace(LABEL, datatype="INT64"), PROBABILITY]},
        "output 'predict' is INT64 now, it was BYTES",
    ),
    "classes": (
        {"outputs": [LABEL, replace(PROBABILITY, shape=[3], classes=THREE)]},
        "output 'predict_proba' has rows of shape [3] now, they had [2]",
    ),
    "swapped": (
        {"outputs": [LABEL, replace(PROBABILITY, classes=[["stay", "leave"]])]},
        "output 'predict_proba' has columns of other classes now",
    ),
}
WIDENING: dict[str, dict[str, Any]] = {
    "optional": {"inputs": [AGE, VISITS, CITY, column("tenure", missing=True, required=False)]},
    "number": {"inputs": [AGE, column("visits", "FP64"), CITY]},
    "null": {"inputs": [AGE, VISITS, replace(CITY, missing=True)]},
    "scalars": {"inputs": [AGE, VISITS, replace(CITY, schema={"kinds": ["object"]})]},
    "label": {"outputs": [replace(LABEL, classes=THREE), PROBABILITY]},
    "method": {"outputs": [LABEL, PROBABILITY, replace(PROBABILITY, method="predict_log_proba", name="log")]},
    "default": {
        "outputs": [LABEL, PROBABILITY, replace(PROBABILITY, method="predict_log_proba", name="log")],
        "default": [0, 1, 2],
    },
}


@pytest.mark.parametrize(("changed", "said"), BREAKING.values(), ids=BREAKING)
def test_what_breaks_callers_is_said(changed: dict[str, Any], said: str) -> None:
    new = replace(OLD, **changed)
    assert "; ".join(breaks(OLD, new)) == said


@pytest.mark.parametrize("changed", WIDENING.values(), ids=WIDENING)
def test_widening_breaks_nobody(changed: dict[str, Any]) -> None:
    new = replace(OLD, **changed)
    assert breaks(OLD, new) == []


def test_what_training_saw_is_no_change() -> None:
    seen = replace(AGE, summary={"low": 1, "high": 2}, schema={"minimum": 0})
    new = replace(OLD, version="2", inputs=[seen, VISITS, CITY], verdicts={"program": "identical"})
    assert alike(OLD, new)
    assert breaks(OLD, new) == []


def test_other_columns_or_classes_are_not_alike() -> None:
    assert not alike(OLD, replace(OLD, inputs=[AGE, VISITS]))
    assert not alike(OLD, replace(OLD, outputs=[replace(LABEL, classes=THREE), PROBABILITY]))


def test_of_many_changes_some_are_said() -> None:
    found = breaks(OLD, replace(OLD, inputs=[column(f"c{place}") for place in range(40)]))
    assert len(found) == 6
    assert found[-1] == "and 38 more"
