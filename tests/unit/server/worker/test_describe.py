"""What an artifact takes and gives, as the front is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

import amber
from amber.errors import UsageError
from amber.server.interface import Interface
from amber.server.wire.control import Order
from amber.server.worker.describe import request_of
from amber.server.worker.loading import load
from amber.tree.evidence import Column, Group


def test_columns_have_datatypes_cells_and_gaps(bench: Callable[..., Any]) -> None:
    found = {each.name: each for each in bench("columns", "program").interface.inputs}
    facts = {name: (each.datatype, each.cell, each.missing) for name, each in found.items()}
    assert facts == {
        "age": ("INT64", "object", True),
        "income": ("FP64", "float", True),
        "town": ("BYTES", "object", True),
        "kind": ("BYTES", "object", True),
        "member": ("BOOL", "object", False),
        "small": ("FP32", "float", True),
    }
    assert found["town"].summary["categories"]


@pytest.mark.parametrize(
    ("name", "form", "width"),
    [
        ("matrix", "matrix", 4), ("integers", "matrix", 3), ("texts", "texts", 1), ("records", "records", 1),
        ("sparse", "sparse", 4), ("columns", "columns", 1),
    ],
)  # fmt: skip
def test_the_form_is_that_of_the_recorded_rows(bench: Callable[..., Any], name: str, form: str, width: int) -> None:
    interface = bench(name, "program").interface
    assert (interface.form, interface.inputs[0].width) == (form, width)


def test_integers_without_gaps_travel_as_integers(bench: Callable[..., Any]) -> None:
    interface = bench("integers", "program").interface
    assert (interface.inputs[0].cell, interface.inputs[0].dtype) == ("integer", "int64")
    assert interface.outputs[0].classes == [[False, True]]


def test_predictions_and_probabilities_come_by_default(bench: Callable[..., Any]) -> None:
    interface = bench("several", "program").interface
    assert [interface.outputs[place].name for place in interface.default] == [
        "predict", "predict_proba.0", "predict_proba.1",
    ]  # fmt: skip
    assert interface.outputs[0].classes == [["no", "yes"], ["down", "up"]]
    assert interface.outputs[0].shape == [2]


def test_what_only_transforms_transforms_by_default(bench: Callable[..., Any]) -> None:
    interface = bench("components", "program").interface
    assert set(interface.methods["program"]) == {"score_samples", "transform"}
    assert [interface.outputs[place].name for place in interface.default] == ["transform"]


def test_a_frame_of_one_dtype_is_one_output_with_named_columns(bench: Callable[..., Any]) -> None:
    (output,) = bench("frames-out", "program").interface.outputs
    assert (output.name, output.shape, output.classes) == ("transform", [4], [["p", "q", "r", "s"]])


def test_verdicts_say_what_was_replayed(bench: Callable[..., Any]) -> None:
    alone, both = bench("matrix", "program").interface, bench("matrix", "program", "original").interface
    assert alone.verdicts == {"program": "equivalent", "original": "unchecked"}
    assert both.verdicts == {"program": "equivalent", "original": "identical"}
    assert (both.route, set(both.methods)) == ("program", {"program", "original"})
    assert alone.outputs[0].batching["program"] == "exact"


def test_an_interface_survives_the_way_to_the_front(bench: Callable[..., Any]) -> None:
    for name in ("columns", "several", "frames-out"):
        interface = bench(name, "program").interface
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(interface), type=Interface) == interface
        assert msgspec.json.decode(msgspec.json.encode(interface), type=Interface) == interface


def test_an_interface_holds_no_recorded_row(bench: Callable[..., Any], shelf: Any) -> None:
    said = msgspec.json.encode(bench("texts", "program").interface).decode()
    assert "night" not in said.replace("predict", "")


def test_dates_objects_and_nullable_numbers_are_described(tmp_path: Any) -> None:
    frame = pd.DataFrame(
        {
            "when": pd.to_datetime(["2024-01-01", "2024-02-03", None, "2024-05-06"] * 5),
            "mixed": pd.Series([1, "a", None, 2.5] * 5, dtype=object),
            "count": pd.array([1, 2, None, 4] * 5, dtype="Int64"),
            "share": pd.array([0.5, None, 1.5, 2.0] * 5, dtype="Float64"),
            "x": np.arange(20.0),
        }
    )
    from sklearn.compose import make_column_transformer
    from sklearn.dummy import DummyClassifier
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(make_column_transformer(("drop", list(frame.columns[:4])), remainder="passthrough"),
                          DummyClassifier()).fit(frame, ["a", "b"] * 10)  # fmt: skip
    path = str(tmp_path / "m.amber")
    amber.save(model, path, sample=frame, name="m")
    loaded = load(Order(), path)
    facts = [(each.datatype, each.cell, each.missing) for each in loaded.interface.inputs]
    assert facts[:4] == [
        ("BYTES", "object", True), ("BYTES", "object", True), ("INT64", "object", True), ("FP64", "float", True),
    ]  # fmt: skip
    build = loaded.answering.forms["original"].build
    from amber.server.worker.building import Cells

    floats = np.array([[np.nan, 1.0], [0.25, 2.0]])
    objects = [["2024-03-04T05:06:07", None], [7, "b"], [None, 2**60 + 1]]
    made = build(Cells(2, floats, floats.view(np.int64), objects))
    assert made.dtypes.tolist() == frame.dtypes.tolist()
    assert made["when"].tolist() == [pd.Timestamp("2024-03-04T05:06:07"), pd.NaT]
    assert made["count"].tolist()[1] == 2**60 + 1
    assert made["count"].isna().tolist() == [True, False]
    assert made["mixed"].tolist() == [7, "b"]


@pytest.mark.parametrize(
    ("layout", "column"),
    [
        ("array", Column("X", "FP64", (2, 2, 2), bytes(64))),
        ("array", Column("X", "FP64", (2, 2, 2), bytes(64), {"amber.dtype": "<c16"})),
        ("values", Column("X", "BYTES", (2,), b"", {"amber.items": "cell"})),
    ],
    ids=["dimensions", "complex", "values"],
)
def test_rows_without_a_form_are_refused(layout: str, column: Column) -> None:
    with pytest.raises(UsageError, match=r"cannot be (served|asked)"):
        request_of(Group("g000", "sample", layout, 2, [column], []))
