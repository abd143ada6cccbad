"""What one caller sends is in no other caller's answer, no log, metric or page; and neither are rows of the cases."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

pytest.importorskip("onnxruntime")

import pandas as pd

import amber
from amber.cli.tour.tampering import shift_means
from tests.e2e.server.under_load import Serving, replace, serving

CALLERS = 6
ROUNDS = 2
PAGES = ("/v2", "/v2/models", "/v2/models/people", "/v1/models/people", "/metrics", "/openapi.json", "/docs")
# digits of a float that no other number of a page has by chance
DIGITS = 12


def frame() -> Any:
    chance = np.random.default_rng(3)
    rows = 90
    return pd.DataFrame({"age": chance.normal(40, 10, rows), "city": chance.choice(["Oslo", "Lima"], rows)})


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`people.amber`, and `drifted.amber`, which does not answer as recorded."""
    folder, rows = tmp_path_factory.mktemp("artifacts"), frame()
    columns = make_column_transformer((StandardScaler(), ["age"]), (OneHotEncoder(handle_unknown="ignore"), ["city"]))
    model = make_pipeline(columns, LogisticRegression()).fit(rows, np.where(rows["age"] > 41, "old", "young"))
    amber.save(model, folder / "people.amber", sample=rows, name="people", version="1.0.0", freeze=True)
    amber.unpack(folder / "people.amber", folder / "folder")
    shift_means(folder / "folder", 0.5)
    amber.pack(folder / "folder", folder / "drifted.amber")
    return folder


def bodies(mark: str, number: float) -> list[tuple[str, bytes, str]]:
    """Path, body and media type of requests that hold a mark; some are answered, most are wrong in a way of theirs."""
    predict, infer = "/v1/models/people:predict", "/v2/models/people/infer"
    values: list[Any] = [
        {"age": number, "city": mark},
        {"age": mark, "city": "Oslo"},
        {"age": number, "city": [mark]},
        {"age": number, "city": "Oslo", mark: 1},
        {"age": number},
        [{"age": number, "city": mark}, {"age": None, "city": mark}],
        {"age": [number, number], "city": [mark]},
        {"instances": [{"age": number, "city": mark}], "outputs": [mark]},
    ]
    tensor = {"name": "age", "shape": [1], "datatype": "BYTES", "data": [mark]}
    found = [(predict, json.dumps(each).encode(), "application/json") for each in values]
    found += [
        (predict, b'[{"age": 1, "city": "' + mark.encode(), "application/json"),
        (predict, f"age,city\n{number!r},{mark}\n".encode(), "text/csv"),
        (predict, f"age,city\n{mark},Oslo\n".encode(), "text/csv"),
        (predict, f"age,city\n{number!r},Oslo,{mark}\n".encode(), "text/csv"),
        (predict, mark.encode(), "application/vnd.apache.arrow.stream"),
        (predict, mark.encode(), "application/vnd.apache.parquet"),
        (infer, json.dumps({"inputs": [tensor]}).encode(), "application/json"),
        (infer, json.dumps({"id": mark, "inputs": [tensor, tensor]}).encode(), "application/json"),
    ]
    return found


def ask_marked(server: Serving, caller: int, wrong: list[tuple[int, bytes]], told: set[int]) -> None:
    """Ask everything; note what holds another caller's mark, and that some answer holds our own."""
    for _ in range(ROUNDS):
        for path, body, media in bodies(f"mark-{caller}-end", 40.123456789012 + caller):
            status, answer = server.ask("POST", path, body, content_type=media)
            others = [f"mark-{each}-end" for each in range(CALLERS) if each != caller]
            others += [f"{each}.123456789" for each in range(40, 40 + CALLERS) if each != 40 + caller]
            if status >= 500 or any(each.encode() in answer for each in others):
                wrong.append((status, answer))
            if f"mark-{caller}-end".encode() in answer:
                told.add(caller)


def everything_said(server: Serving) -> str:
    """Return all pages, events and the log."""
    pages = [server.ask("GET", page)[1].decode() for page in PAGES]
    return "\n".join([*pages, json.dumps(server.events), server.log.read_text()])


def digits(values: Any) -> list[str]:
    return [repr(float(each))[:DIGITS] for each in values]


@pytest.mark.parametrize("route", ["program", pytest.param("original", marks=pytest.mark.slow)])
def test_values_stay_with_who_sent_them(artifacts: Path, tmp_path: Path, route: str) -> None:
    path = tmp_path / "people.amber"
    path.write_bytes((artifacts / "people.amber").read_bytes())
    with serving(tmp_path, path.name, "--route", route, "--reload") as server:
        wrong: list[tuple[int, bytes]] = []
        told: set[int] = set()
        callers = [threading.Thread(target=ask_marked, args=(server, each, wrong, told)) for each in range(CALLERS)]
        for each in callers:
            each.start()
        for each in callers:
            each.join()
        assert (wrong, told) == ([], set(range(CALLERS)))
        if route == "original":
            replace(path, artifacts / "drifted.amber")
            (refused,) = server.until(lambda: server.told("refused"))
            assert refused["verdict"] == "drifted"
        server.until(lambda: server.log.read_text().count("\n") >= CALLERS * ROUNDS * len(bodies("", 0.0)))
        said = everything_said(server)
    assert "mark-" not in said
    assert [each for each in digits(40.123456789012 + number for number in range(CALLERS)) if each in said] == []
    ages = sorted(frame()["age"])
    assert [each for each in digits(ages[1:-1]) if each in said] == []  # the bounds of a column are its description's
