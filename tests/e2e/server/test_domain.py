"""Rows outside the domain of a program: named and refused, or answered by the original where that is wished."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("httptools")
pytest.importorskip("onnx")

from sklearn.ensemble import HistGradientBoostingClassifier

import amber
from amber.programs import emit
from amber.programs.emit import flow
from amber.programs.emit.values import Matrix

RNG = np.random.default_rng(7)
X = RNG.normal(size=(120, 3))
X[::40, 1] = np.nan
Y = np.where(np.nan_to_num(X[:, 0]) > 0, "yes", "no")
FAMILY = "sklearn.ensemble.HistGradientBoostingClassifier"
INSIDE = X[1:5]
MIXED = X[39:42]  # the row in the middle has a missing value


@pytest.fixture(scope="module")
def narrowed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """An artifact whose program is wrong about missing values, so that its domain leaves them out; and its model."""
    emit.load_families()
    emitted = flow._EMITTERS[FAMILY]

    def wrong(e: Any, value: Any, c: Any) -> Any:
        whole = c.matrix(value)
        g = whole.tensor.graph
        known = g.where(g.op("IsNaN", whole.tensor, dtype="bool"), g.const(77.0), whole.tensor)
        return emitted(e, Matrix(known, whole.width), c)

    path = tmp_path_factory.mktemp("narrowed") / "trees.amber"
    model = HistGradientBoostingClassifier(max_iter=5).fit(X, Y)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(flow._EMITTERS, FAMILY, wrong)
        amber.save(model, path, sample=X, name="trees", version="1.0.0", freeze=True)
    assert [rule.rule for rule in amber.program(path).domain] == ["not-missing"]
    return path, model


def rows(table: Any) -> list[list[float | None]]:
    return [[None if value != value else value for value in row] for row in table.tolist()]


def ask(server: Any, path: str, body: bytes, content_type: str = "application/json") -> tuple[int, Any]:
    with closing(http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)) as connection:
        connection.request("POST", path, body, {"content-type": content_type})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def predict(server: Any, table: Any, query: str = "") -> tuple[int, Any]:
    return ask(server, f"/v1/models/trees:predict{query}", json.dumps(rows(table)).encode())


def infer(server: Any, table: Any) -> tuple[int, Any]:
    data = {"name": "input-0", "shape": list(table.shape), "datatype": "FP64", "data": rows(table)}
    return ask(server, "/v2/models/trees/infer", json.dumps({"inputs": [data | {"name": name_of(server)}]}).encode())


def name_of(server: Any) -> str:
    return str(json.loads(get(server, "/v2/models/trees"))["inputs"][0]["name"])


def raw(server: Any, body: bytes, media: str) -> bytes:
    """Return all bytes of an answer in the form of its body."""
    host, port = server.url.removeprefix("http://").split(":")
    head = f"POST /v1/models/trees:predict HTTP/1.1\r\nhost: {host}:{port}\r\nconnection: close\r\n"
    head += f"content-type: {media}\r\naccept: {media}\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=60) as client:
        client.sendall(head.encode() + body)
        return b"".join(iter(lambda: client.recv(1 << 16), b""))


def told(
    server: Any, body: bytes, content_type: str, accept: str, path: str = "/v1/models/trees:predict"
) -> tuple[str, str]:
    """Which form was asked, and which rows the original has answered in its place."""
    with closing(http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)) as connection:
        headers = {"content-type": content_type, "accept": accept}
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.getheader("amber-route", ""), answer.getheader("amber-original-rows", "")


def get(server: Any, path: str) -> bytes:
    with closing(http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read()


def csv(table: Any) -> bytes:
    lines = [",".join("" if value is None else repr(value) for value in row) for row in rows(table)]
    return "\n".join(["a,b,c", *lines, ""]).encode()


def test_a_row_outside_is_named_and_never_answered(narrowed: tuple[Path, Any]) -> None:
    path, model = narrowed
    with amber.serve(path) as server:
        status, found = predict(server, INSIDE)
        assert (status, found["predictions"]) == (200, model.predict(INSIDE).tolist())
        for ask_one in (predict, infer):
            status, said = ask_one(server, MIXED)
            assert (status, said["code"], said["row"]) == (422, "outside-domain", 1), said
            assert said["expected"] == "a value that is not missing"
            assert "predictions" not in said
        many = np.concatenate([np.tile(INSIDE, (600, 1)), MIXED])  # through the bulk process, in its last slice
        status, said = ask(server, "/v1/models/trees:predict", csv(many), "text/csv")
        assert (status, said["code"], said["row"]) == (422, "outside-domain", 2401), said
        assert said["expected"] == "a value that is not missing"
        assert "row 2401" in said["error"]
        states = json.loads(get(server, "/v1/models/trees"))
        assert states["verdicts"]["original"] == "unchecked"  # nothing is routed to it
        counted = get(server, "/metrics").decode()
        assert 'amber_refusals_total{code="outside-domain",model="trees",version="1.0.0"} 3.0' in counted
        assert 'amber_rows_total{model="trees",version="1.0.0"} 2413.0' in counted  # 4, 3, 3 and the table's 2403


def test_with_the_option_the_original_answers_it(narrowed: tuple[Path, Any]) -> None:
    path, model = narrowed
    with amber.serve(path, route_fallback=True) as server:
        for ask_one, table in ((predict, INSIDE), (predict, MIXED), (predict, X)):
            status, found = ask_one(server, table)
            assert (status, found["predictions"]) == (200, model.predict(table).tolist())
        status, found = infer(server, MIXED)
        assert status == 200, found
        assert model.predict(MIXED).tolist() in [each["data"] for each in found["outputs"]]
        many = np.concatenate([np.tile(INSIDE, (600, 1)), MIXED])
        status, found = ask(server, "/v1/models/trees:predict", csv(many), "text/csv")
        assert (status, found["predictions"]) == (200, model.predict(many).tolist())
        assert found["original_rows"] == [[2000, 2403]]  # by slices
        assert told(server, csv(many), "text/csv", "text/csv") == ("program", "2000-2402")
        assert told(server, json.dumps(rows(np.tile(many, (9, 1)))).encode(), "application/json", "*/*")[1] == (
            "2000-2999, 4000-4999, 7000-7999, 9000-9999, 12000-12999, 14000-14999, 16000-16999, 19000-19999, "
            "21000-21626"
        )
        large = np.tile(many, (9, 1))
        data = {"name": name_of(server), "shape": list(large.shape), "datatype": "FP64", "data": rows(large)}
        body = json.dumps({"inputs": [data]}).encode()
        assert told(server, body, "application/json", "*/*", "/v2/models/trees/infer")[1].endswith("21000-21626")
        assert b"\r\n0\r\namber-original-rows: 2000-2999, 4000-4999, " in raw(
            server, csv(np.tile(large, (2, 1))), "text/csv"
        )
        assert predict(server, MIXED, "?route=program")[1]["code"] == "outside-domain"  # it was said which one
        states = json.loads(get(server, "/v1/models/trees"))
        assert states["verdicts"]["original"] in ("identical", "equivalent")
