"""A column of dates on a whole server: ISO 8601 in JSON, CSV and binary tensors, and times in Arrow."""

from __future__ import annotations

import http.client
import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import amber

pytest.importorskip("httptools")
triton = pytest.importorskip("tritonclient.http")

DAYS = ["2024-01-01T00:00:00", "2024-02-29T12:30:00", "2024-12-31T23:59:59"]
CHANCE = np.random.default_rng(3)
FRAME = pd.DataFrame({"when": pd.to_datetime(DAYS)[CHANCE.integers(0, 3, 90)], "x": CHANCE.normal(size=90)})
ASKED = pd.DataFrame({"when": pd.to_datetime([*DAYS, None, "2031-05-17T08:30:00"]), "x": [0.0, 1.0, 2.0, 3.0, 4.0]})
TEXTS = [*DAYS, None, "2031-05-17T08:30:00"]


@pytest.fixture(scope="module")
def dated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """An artifact of a model that knows three times, and what it answers to five rows."""
    steps = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["when"]), ("passthrough", ["x"]))
    wanted = FRAME["x"] + 3 * (FRAME["when"].dt.month == 2)
    model = make_pipeline(steps, LinearRegression()).fit(FRAME, wanted)
    path = tmp_path_factory.mktemp("dated") / "dated.amber"
    amber.save(model, path, sample=FRAME, name="dated", version="1.0.0")
    return path, model.predict(ASKED)


@pytest.fixture(scope="module")
def server(dated: tuple[Path, Any]) -> Iterator[Any]:
    with amber.serve(dated[0]) as running:
        yield running


def predict(server: Any, body: bytes, content_type: str = "application/json") -> tuple[int, Any]:
    with closing(http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)) as connection:
        connection.request("POST", "/v1/models/dated:predict", body, {"content-type": content_type})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def test_records_and_columns(server: Any, dated: tuple[Path, Any]) -> None:
    numbers = ASKED["x"].tolist()
    records = [{"when": when, "x": x} for when, x in zip(TEXTS, numbers, strict=True)]
    for body in (
        {"instances": records},
        {"instances": {"when": TEXTS, "x": numbers}},
    ):
        status, found = predict(server, json.dumps(body).encode())
        assert status == 200, found
        np.testing.assert_allclose(found["predictions"], dated[1], rtol=1e-9)


def test_csv(server: Any, dated: tuple[Path, Any]) -> None:
    lines = [f"{when or ''},{x}" for when, x in zip(TEXTS, ASKED["x"], strict=True)]
    status, found = predict(server, "\n".join(["when,x", *lines, ""]).encode(), "text/csv")
    assert status == 200, found
    np.testing.assert_allclose(found["predictions"], dated[1], rtol=1e-9)


def test_arrow(server: Any, dated: tuple[Path, Any]) -> None:
    pa = pytest.importorskip("pyarrow")
    for unit in ("s", "us", "ns"):
        times = pa.array(ASKED["when"].astype(f"datetime64[{unit}]"), pa.timestamp(unit))
        table = pa.table({"when": times, "x": pa.array(ASKED["x"])})
        out = io.BytesIO()
        with pa.ipc.new_stream(out, table.schema) as writer:
            writer.write_table(table)
        status, found = predict(server, out.getvalue(), "application/vnd.apache.arrow.stream")
        assert status == 200, found
        np.testing.assert_allclose(found["predictions"], dated[1], rtol=1e-9)


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
def test_texts_in_tensors(server: Any, dated: tuple[Path, Any], binary: bool) -> None:
    with closing(triton.InferenceServerClient(server.url.removeprefix("http://"))) as client:
        told = client.get_model_metadata("dated")["inputs"][0]
        assert (told["name"], told["datatype"]) == ("when", "BYTES")
        when, x = triton.InferInput("when", [3], "BYTES"), triton.InferInput("x", [3], "FP64")
        when.set_data_from_numpy(np.array(DAYS, object), binary_data=binary)
        x.set_data_from_numpy(ASKED["x"].to_numpy()[:3], binary_data=binary)
        found = client.infer("dated", [when, x]).as_numpy("predict")
    np.testing.assert_allclose(found, dated[1][:3], rtol=1e-9)


@pytest.mark.parametrize("wrong", ["29.02.2024", "2023-02-29T00:00:00", "2024-02-29T12:30:00+01:00", 7])
def test_what_is_no_date_is_named(server: Any, wrong: Any) -> None:
    rows = [{"when": DAYS[0], "x": 1.0}, {"when": wrong, "x": 1.0}]
    status, said = predict(server, json.dumps({"instances": rows}).encode())
    assert (status, said["row"], said["column"]) == (422, 1, "when"), said
    assert said["expected"].startswith("a date, ISO 8601, without an offset")
