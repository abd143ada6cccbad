"""Answers to large bodies as they come: whole in every form, cut where a row is wrong late, side by side, counted."""

from __future__ import annotations

import contextlib
import csv
import gzip
import http.client
import io
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("httptools")
pytest.importorskip("onnxruntime")
pytest.importorskip("pyarrow")

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

import amber
from tests.e2e.server.conftest import FRAME

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="a process of its own needs Linux")

ARROW = "application/vnd.apache.arrow."
PARQUET = "application/vnd.apache.parquet"
LINE = "/v1/models/line:predict"
CHURN = "/v1/models/churn:predict"
MANY = 90_000  # rows whose answers are more than the server holds back


@pytest.fixture(scope="module")
def logged(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Path]]:
    log = tmp_path_factory.mktemp("log") / "access.log"
    with amber.serve([folder / "churn.amber", folder / "line.amber"], access_log=str(log)) as running:
        yield running, log


@pytest.fixture(scope="module")
def table() -> Any:
    return pd.concat([FRAME] * (MANY // len(FRAME)), ignore_index=True)


def body_of(table: Any, media: str) -> bytes:
    columns = pa.Table.from_pandas(table, preserve_index=False)
    out = io.BytesIO()
    if media == "text/csv":
        pyarrow.csv.write_csv(columns, out)
    elif media == PARQUET:
        pyarrow.parquet.write_table(columns, out)
    elif media == "application/json":
        out.write(table.to_json(orient="records").encode())
    else:
        new = pa.ipc.new_stream if media.endswith("stream") else pa.ipc.new_file
        with new(out, columns.schema) as writer:
            writer.write_table(columns, max_chunksize=7_000)
    return out.getvalue()


def post(server: Any, path: str, body: bytes, media: str, accept: str, **more: str) -> tuple[Any, bytes]:
    """Return the answer and its body; a cut one's body is what came of it, after which the connection was closed."""
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    with contextlib.closing(connection):
        connection.request("POST", path, body, {"content-type": media, "accept": accept, **more})
        answer = connection.getresponse()
        pieces = []
        try:
            while piece := answer.read1(1 << 20):
                pieces.append(piece)
        except http.client.IncompleteRead as cut:
            answer.status = 0
            pieces.append(cut.partial)
        return answer, b"".join(pieces)


def answers(body: bytes, accept: str) -> tuple[list[Any], list[float]]:
    """Return labels and probabilities of `stay`."""
    if accept == "application/json":
        found = json.loads(body)
        return found["predictions"], [each["stay"] for each in found["probabilities"]]
    if accept == "text/csv":
        lines = list(csv.DictReader(io.StringIO(body.decode())))
        return [each["predict"] for each in lines], [float(each["predict_proba.stay"]) for each in lines]
    table = pa.ipc.open_stream(body).read_all()
    return table["predict"].to_pylist(), table["predict_proba.stay"].to_pylist()


@pytest.mark.parametrize("accept", ["application/json", "text/csv", ARROW + "stream"], ids=["json", "csv", "arrow"])
@pytest.mark.parametrize(
    "media", ["text/csv", ARROW + "stream", ARROW + "file", PARQUET, "application/json"],
    ids=["csv", "stream", "file", "parquet", "json"],
)  # fmt: skip
def test_every_form_of_body_and_answer(logged: Any, churn: Any, table: Any, media: str, accept: str) -> None:
    server, _ = logged
    answer, body = post(server, CHURN, body_of(table, media), media, accept)
    assert answer.status == 200, body[-500:]
    assert answer.getheader("transfer-encoding") == "chunked"
    assert answer.getheader("amber-route") == "program"
    labels, stay = answers(body, accept)
    assert labels == np.resize(churn.predict(FRAME), MANY).tolist()
    np.testing.assert_allclose(stay, np.resize(churn.predict_proba(FRAME)[:, 1], MANY), rtol=1e-6)


@pytest.mark.parametrize("accept", ["application/json", "text/csv", ARROW + "stream"], ids=["json", "csv", "arrow"])
def test_a_wrong_row_at_the_end_cuts_the_answer_and_is_its_last_line(logged: Any, table: Any, accept: str) -> None:
    server, log = logged
    wrong = body_of(pd.concat([table] * 2), "text/csv") + b"40.5,many,Oslo\n"
    answer, body = post(server, CHURN, wrong, "text/csv", accept, **{"x-request-id": f"cut-{len(accept)}"})
    assert answer.status == 0, "the client can tell"
    said = json.loads(body.splitlines()[-1])
    assert (said["code"], said["row"], said["column"]) == ("value-kind", 2 * MANY, "visits")
    with pytest.raises(ValueError, match=r"."):
        json.loads(body)
    line = awaited(log, f"cut-{len(accept)}")
    assert (line["status"], line["code"], line["rows"]) == (422, "value-kind", 2 * MANY + 1)
    assert (line["bytes_in"], line["bytes_out"]) == (len(wrong), len(body))


def test_a_wrong_row_at_the_end_of_a_table_that_is_not_so_large_is_a_plain_failure(logged: Any) -> None:
    server, _ = logged
    answer, body = post(server, CHURN, body_of(FRAME, "text/csv") + b"40.5,many,Oslo\n", "text/csv", "text/csv")
    assert (answer.status, json.loads(body)["row"]) == (422, len(FRAME))


def awaited(log: Path, number: str) -> dict[str, Any]:
    """Return the line of a request; it is written a moment after the answer."""
    while not (found := [line for line in log.read_text().splitlines() if f'"id":"{number}"' in line]):
        time.sleep(0.02)
    return dict(json.loads(found[0]))


def test_a_small_body_does_not_wait_for_large_ones(logged: Any) -> None:
    server, _ = logged
    host, port = server.url.removeprefix("http://").split(":")
    row = b"1.5,2,3,4\n"
    large = row * 600_000
    head = (
        f"POST {LINE} HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-type: text/csv;header=absent\r\n"
        f"accept: text/csv\r\ncontent-length: {len(large)}\r\n\r\n"
    )
    with contextlib.ExitStack() as stack:
        for _ in range(5):  # more than run at once, and none reads its answer
            client = stack.enter_context(socket.create_connection((host, int(port)), timeout=60))
            client.sendall(head.encode() + large)
        for accept in ("text/csv", "application/json"):
            answer, body = post(server, LINE, row * 2_000, "text/csv;header=absent", accept)
            assert answer.status == 200, body
    answer, body = post(server, LINE, large, "text/csv;header=absent", "text/csv")  # they have left, and their bodies
    assert (answer.status, body.count(b"\n")) == (200, 600_001)


def test_a_coded_body(logged: Any, table: Any) -> None:
    server, log = logged
    coded = gzip.compress(body_of(table, "text/csv"), 1)
    headers = {"content-encoding": "gzip", "x-request-id": "coded"}
    answer, _ = post(server, CHURN, coded, "text/csv", "text/csv", **headers)
    assert answer.status == 200
    assert awaited(log, "coded")["bytes_in"] == len(body_of(table, "text/csv"))
    bomb = gzip.compress(b"1.5,2,3,4\n" * 1_000_000)
    answer, body = post(server, LINE, bomb, "text/csv", "text/csv", **{"content-encoding": "gzip"})
    assert (answer.status, json.loads(body)["code"]) == (413, "body-ratio")


def test_an_answer_without_chunks_is_reset_where_a_row_is_wrong(logged: Any, table: Any) -> None:
    server, _ = logged
    host, port = server.url.removeprefix("http://").split(":")
    wrong = body_of(table, "text/csv") + b"40.5,many,Oslo\n"
    with socket.create_connection((host, int(port)), timeout=60) as client:
        head = f"POST {CHURN} HTTP/1.0\r\nhost: {host}:{port}\r\ncontent-type: text/csv\r\ncontent-length: {len(wrong)}"
        client.sendall(f"{head}\r\naccept: text/csv\r\n\r\n".encode() + wrong)
        with pytest.raises(ConnectionResetError):
            list(iter(lambda: client.recv(1 << 16), b""))
