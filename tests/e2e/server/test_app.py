"""A whole server, as its users have it: both APIs, large bodies and tables, the admin, the end and a successor."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("httptools")

import amber
from amber.server.front.keys import add
from tests.e2e.server.conftest import FRAME, RNG, ROWS, TABLE
from tests.unit.signing import TOML


def ask(server: Any, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any, Any]:
    """Return status, headers and body of one request."""
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    with contextlib.closing(connection):
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def posted(server: Any, path: str, value: Any, **headers: str) -> Any:
    status, _, body = ask(server, "POST", path, json.dumps(value).encode(), **headers)
    assert status == 200, body
    return json.loads(body)


def rows(frame: Any) -> list[dict[str, Any]]:
    return [
        {name: None if value != value else value for name, value in row.items()}
        for row in frame.astype(object).to_dict("records")
    ]


def test_the_server_says_what_it_is(server: Any) -> None:
    assert json.loads(ask(server, "GET", "/v2/health/live")[2]) == {"live": True}
    assert json.loads(ask(server, "GET", "/v2/health/ready")[2]) == {"ready": True}
    about = json.loads(ask(server, "GET", "/v2")[2])
    assert about["name"] == "amber"
    assert {"binary_tensor_data", "model_repository", "model_repository_extension"} <= set(about["extensions"])
    assert json.loads(ask(server, "GET", "/v2/models")[2]) == {"models": ["churn", "line"]}
    told = json.loads(ask(server, "GET", "/v2/models/churn/versions/1.2.0")[2])
    assert [(each["name"], each["datatype"]) for each in told["inputs"]] == [
        ("age", "FP64"), ("visits", "INT64"), ("city", "BYTES"),
    ]  # fmt: skip
    assert told["properties"]["amber.verdict.program"] in ("identical", "equivalent")
    assert json.loads(ask(server, "GET", "/v2/models/churn/ready")[2]) == {"name": "churn", "ready": True}
    assert json.loads(ask(server, "GET", "/v1/models/churn")[2])["state"] == "READY"
    assert ask(server, "GET", "/v2/models/other")[0] == 404
    assert ask(server, "GET", "/v2/models/churn/versions/9.9.9")[0] == 404


def test_the_simple_way_answers_like_the_model(server: Any, churn: Any) -> None:
    found = posted(server, "/v1/models/churn:predict", rows(FRAME[:20]))
    assert found["predictions"] == churn.predict(FRAME[:20]).tolist()
    table = pd.DataFrame(found["probabilities"])[churn.classes_.tolist()].to_numpy()
    np.testing.assert_allclose(table, churn.predict_proba(FRAME[:20]), rtol=1e-9)
    columns = {name: [row[name] for row in rows(FRAME[:20])] for name in FRAME}
    assert posted(server, "/v1/models/churn:predict", columns)["predictions"] == found["predictions"]
    one = posted(server, "/v1/models/churn/versions/1.2.0:predict", rows(FRAME[:1])[0])
    assert one["predictions"] == found["predictions"][:1]
    matrix = posted(server, "/v1/models/line:predict", TABLE[:3].tolist())
    np.testing.assert_allclose(matrix["predictions"], TABLE[:3, 0] * 2, rtol=1e-9)


def test_many_inputs_of_the_protocol(server: Any, churn: Any) -> None:
    some = rows(FRAME[:5])
    inputs = [
        {"name": name, "shape": [5], "datatype": kind, "data": [row[name] for row in some]}
        for name, kind in (("age", "FP64"), ("visits", "INT64"), ("city", "BYTES"))
    ]
    found = posted(server, "/v2/models/churn/infer", {"id": "mine", "inputs": inputs})
    assert (found["id"], found["model_name"], found["model_version"]) == ("mine", "churn", "1.2.0")
    labels = next(each for each in found["outputs"] if each["name"] == "predict")
    assert labels["data"] == churn.predict(FRAME[:5]).tolist()


@pytest.mark.parametrize(
    ("rows", "status", "code", "column"),
    [
        ([{"age": "old", "visits": 1, "city": "Oslo"}], 422, "value-kind", "age"),
        ([{"age": 1.0, "visits": 1}], 422, "input-missing", "city"),
        ([{"age": 1.0, "visits": 1.5, "city": "Oslo"}], 422, "value-range", "visits"),
        ([{"age": 1.0, "visits": 1, "city": "Oslo", "colour": 1}], 422, "input-unknown", "colour"),
    ],
)
def test_a_wrong_row_is_named(server: Any, rows: Any, status: int, code: str, column: str) -> None:
    got, _, body = ask(server, "POST", "/v1/models/churn:predict", json.dumps(rows).encode())
    said = json.loads(body)
    assert (got, said["code"], said["column"]) == (status, code, column), said


# -- large bodies and tables ----------------------------------------------------------------------------------------


def many(count: int) -> Any:
    return pd.concat([FRAME] * (count // ROWS + 1), ignore_index=True)[:count]


def test_a_large_json_body(server: Any, churn: Any) -> None:
    frame = many(20_000)
    body = json.dumps(rows(frame)).encode()
    assert len(body) > 4 * 256 * 1024
    status, _, answer = ask(server, "POST", "/v1/models/churn:predict", body)
    assert status == 200, answer[:500]
    assert json.loads(answer)["predictions"] == churn.predict(frame).tolist()
    packed = gzip.compress(body)
    status, _, answer = ask(server, "POST", "/v1/models/churn:predict", packed, content_encoding="gzip")
    assert (status, json.loads(answer)["predictions"][-1]) == (200, churn.predict(frame[-1:])[0])


def test_a_large_binary_body(server: Any) -> None:
    table = RNG.normal(size=(30_000, 4))
    head = json.dumps(
        {
            "inputs": [{"name": "X", "shape": list(table.shape), "datatype": "FP64",
                        "parameters": {"binary_data_size": table.nbytes}}],
            "parameters": {"binary_data_output": True},
        }
    ).encode()  # fmt: skip
    status, headers, body = ask(
        server, "POST", "/v2/models/line/infer", head + table.tobytes(), inference_header_content_length=str(len(head))
    )
    assert status == 200, body[:500]
    size = int(headers["inference-header-content-length"])
    np.testing.assert_allclose(np.frombuffer(body[size:]), table[:, 0] * 2, rtol=1e-9, atol=1e-9)


def test_csv_in_and_out(server: Any, churn: Any) -> None:
    frame = many(2_500)
    status, headers, body = ask(
        server, "POST", "/v1/models/churn:predict", frame.to_csv(index=False).encode(), content_type="text/csv",
        accept="text/csv",
    )  # fmt: skip
    assert status == 200, body
    assert headers["content-type"].startswith("text/csv")
    found = pd.read_csv(io.BytesIO(body))
    assert found["predict"].tolist() == churn.predict(frame).tolist()
    np.testing.assert_allclose(found["predict_proba.stay"], churn.predict_proba(frame)[:, 1], rtol=1e-9)


def test_a_wrong_cell_of_a_table_is_named_as_the_caller_counts(server: Any) -> None:
    text = many(1_500).to_csv(index=False).splitlines()
    text[1_204] = "1.0,many,Oslo"
    status, _, body = ask(server, "POST", "/v1/models/churn:predict", "\n".join(text).encode(), content_type="text/csv")
    said = json.loads(body)
    assert (status, said["row"], said["column"]) == (422, 1_203, "visits"), said
    short = b"age,visits,city\n1.0,2,Oslo\n1.0,2\n"
    status, _, body = ask(server, "POST", "/v1/models/churn:predict", short, content_type="text/csv")
    assert (status, json.loads(body)["row"]) == (422, 1)
    status, _, body = ask(server, "POST", "/v1/models/churn:predict", b"a\xff\n", content_type="text/csv")
    assert (status, json.loads(body)["code"]) == (400, "body-malformed")


@pytest.mark.parametrize("form", ["stream", "file", "parquet"])
def test_arrow_and_parquet(server: Any, churn: Any, form: str) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    frame = many(1_300)
    table = pyarrow.Table.from_pandas(frame, preserve_index=False)
    sink = io.BytesIO()
    if form == "parquet":
        import pyarrow.parquet

        pyarrow.parquet.write_table(table, sink)
        media = "application/vnd.apache.parquet"
    else:
        make = pyarrow.ipc.new_stream if form == "stream" else pyarrow.ipc.new_file
        with make(sink, table.schema) as writer:
            writer.write_table(table)
        media = f"application/vnd.apache.arrow.{form}"
    status, _, body = ask(
        server, "POST", "/v1/models/churn:predict", sink.getvalue(), content_type=media,
        accept="application/vnd.apache.arrow.stream",
    )  # fmt: skip
    assert status == 200, body[:500]
    found = pyarrow.ipc.open_stream(body).read_all()
    assert found["predict"].to_pylist() == churn.predict(frame).tolist()
    broken = sink.getvalue()[:-40] + b"\xff" * 40
    status, _, body = ask(server, "POST", "/v1/models/churn:predict", broken, content_type=media)
    assert status in (200, 400), body[:300]  # what stands behind the end of a stream is not read


def test_other_media_types_are_refused(server: Any) -> None:
    for media in ("application/x-python-pickle", "application/octet-stream", "text/plain"):
        status, _, body = ask(server, "POST", "/v1/models/churn:predict", b"x" * 100, content_type=media)
        assert status == 415, body


# -- the admin's part -----------------------------------------------------------------------------------------------


def test_models_are_loaded_by_name_alone(folder: Path, tmp_path: Path) -> None:
    key = add(str(tmp_path / "keys.toml"), "ops", ["admin", "predict"])
    given = {"authorization": f"Bearer {key}"}
    with amber.serve(folder / "line.amber", folder=str(folder), api_keys=str(tmp_path / "keys.toml")) as server:
        _load_by_name(server, folder, given)


def _load_by_name(server: Any, folder: Path, given: dict[str, str]) -> None:
    assert ask(server, "POST", "/v2/repository/models/extra/load")[0] == 401
    shutil.copy(folder / "line.amber", folder / "extra.amber")
    outside = folder.parent / "outside.amber"
    shutil.copy(folder / "line.amber", outside)
    for name in ("..%2Foutside", "%2Fetc%2Fpasswd", "https:%2F%2Fexample.com%2Fm.amber", "outside"):
        assert ask(server, "POST", f"/v2/repository/models/{name}/load", **given)[0] in (400, 404)
    body = json.dumps({"parameters": {"config": "{}"}}).encode()
    assert ask(server, "POST", "/v2/repository/models/extra/load", body, **given)[0] == 400
    assert ask(server, "POST", "/v2/repository/models/extra/load", **given)[0] == 200
    assert posted(server, "/v1/models/extra:predict", TABLE[:2].tolist(), **given)["model_name"] == "extra"
    index = posted(server, "/v2/repository/index", {"ready": True}, **given)
    assert {"line", "extra"} == {each["name"] for each in index}
    assert ask(server, "POST", "/v2/repository/models/extra/unload", **given)[0] == 200
    assert ask(server, "POST", "/v1/models/extra:predict", b"[[1,2,3,4]]", **given)[0] in (404, 503)


def test_metrics_and_pages(server: Any) -> None:
    posted(server, "/v1/models/churn:predict", rows(FRAME[:2]))
    status, headers, body = ask(server, "GET", "/metrics")
    assert (status, headers["content-type"].partition(";")[0]) == (200, "text/plain")
    assert re.search(rb'^amber_requests_total\{model="churn",status="200",version="1.2.0"\} \d', body, re.MULTILINE)
    verdicts = re.findall(
        rb'^amber_model_verdict\{model="churn",route="program",verdict="(\w+)".* 1.0$', body, re.MULTILINE
    )
    assert verdicts in ([b"identical"], [b"equivalent"])
    assert b'amber_model_verdict{model="churn",route="original",verdict="unchecked",version="1.2.0"} 1.0' in body
    assert b'amber_model_state{model="churn",state="READY",version="1.2.0"} 1.0' in body
    document = json.loads(ask(server, "GET", "/openapi.json")[2])
    assert document["openapi"] == "3.1.0"
    assert "/v1/models/churn:predict" in document["paths"]
    status, headers, page = ask(server, "GET", "/docs")
    assert status == 200
    assert "default-src 'none'" in headers["content-security-policy"]
    assert b"http://" not in page.replace(b"http://www.w3.org", b"")


# -- the end, and a successor ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def started(path: Path, log: Path, *options: str) -> Iterator[tuple[Any, str, list[Any]]]:
    """A server as the command starts it: its process, its address, and what it said until every model was tried."""
    words = [sys.executable, "-m", "amber.cli.main", "serve", str(path), "--port", "0", "--json", *options]
    with log.open("wb") as errors:
        child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors)
        try:
            assert child.stdout is not None
            said = []
            for line in child.stdout:
                said.append(json.loads(line))
                if said[-1]["event"] == "ready":
                    break
            (url,) = [each["http"][0] for each in said if each["event"] == "listening"]
            yield child, url.removeprefix("http://"), said
        finally:
            child.kill()
            child.wait()
            if child.stdout is not None:
                child.stdout.close()


@pytest.fixture
def process(folder: Path, tmp_path: Path) -> Iterator[Any]:
    """The process, address and log of a server."""
    with started(folder / "line.amber", tmp_path / "log") as (child, address, _):
        yield child, address, tmp_path / "log"


def test_what_is_refused_is_known_by_its_own_name(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "line.amber", tmp_path / "other.amber")
    (tmp_path / "policy.toml").write_text(TOML)
    given = ("--policy", str(tmp_path / "policy.toml"))
    with started(tmp_path / "other.amber", tmp_path / "log", *given) as (_, address, said):
        assert [each["name"] for each in said if each["event"] == "refused"] == ["line"]
        connection = http.client.HTTPConnection(address, timeout=30)
        with contextlib.closing(connection):
            connection.request("POST", "/v1/models/line:predict", b"[[1, 2, 3, 4]]")
            answer = connection.getresponse()
            told = json.loads(answer.read())
    assert (answer.status, told["code"]) == (503, "policy-refused")
    assert "signature-missing" in told["error"]


class Load:
    """Clients that ask until they are told to stop; a connection that an answer closes is opened anew."""

    def __init__(self, address: str, count: int = 4) -> None:
        self.done, self.failed, self._stop = 0, [], False
        self._address = address
        self._threads = [threading.Thread(target=self._run) for _ in range(count)]

    def __enter__(self) -> Load:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop = True
        for each in self._threads:
            each.join()

    def _run(self) -> None:
        body = json.dumps(TABLE[:1].tolist())
        connection = http.client.HTTPConnection(self._address, timeout=30)
        while not self._stop:
            try:
                connection.request("POST", "/v1/models/line:predict", body)
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    self.failed.append(str(answer.status))
                if answer.headers.get("connection") == "close":
                    connection.close()
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                connection.close()
            self.done += 1
        connection.close()


def test_a_signal_ends_it_after_what_has_begun(process: Any) -> None:
    child, address, _ = process
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request("GET", "/v2/health/ready")
    assert connection.getresponse().read() == b'{"ready":true}'
    child.send_signal(signal.SIGTERM)
    assert child.wait(30) == 0
    connection.close()


def test_nothing_asked_on_an_open_connection_is_lost_at_the_end(process: Any) -> None:
    child, address, _ = process
    with Load(address, 8) as load:
        time.sleep(0.5)
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0
    assert load.done > 8
    assert {each for each in load.failed if "refused" not in each.lower()} == set()  # but nobody listens afterwards


@pytest.mark.skipif(not hasattr(signal, "SIGUSR2"), reason="no such signal")
def test_a_successor_that_cannot_load_leaves_nothing_behind(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "gone.amber"
    shutil.copy(folder / "line.amber", path)
    with started(path, tmp_path / "log") as (child, address, _):
        path.unlink()
        child.send_signal(signal.SIGUSR2)
        for line in child.stdout:
            event = json.loads(line)
            if event["event"] == "noted":
                break
        assert event["code"] == "successor-failed"
        for _ in range(50):  # fresh connections: nobody else takes some of them
            connection = http.client.HTTPConnection(address, timeout=30)
            with contextlib.closing(connection):
                connection.request("POST", "/v1/models/line:predict", b"[[1, 2, 3, 4]]")
                assert connection.getresponse().status == 200


@pytest.mark.skipif(not hasattr(signal, "SIGUSR2"), reason="no such signal")
def test_a_successor_takes_over_without_a_lost_request(process: Any) -> None:
    child, address, log = process
    with Load(address) as load:
        time.sleep(0.5)
        child.send_signal(signal.SIGUSR2)
        assert child.wait(60) == 0
        before = load.done
        while load.done < before + 100:
            time.sleep(0.05)
        events = [json.loads(line) for line in log.read_text().splitlines() if line.startswith('{"event"')]
        (pid,) = [each["pid"] for each in events if each["event"] == "listening"]
    assert load.failed == []
    assert pid != child.pid
    os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + 30
    while time.monotonic() < until and Path(f"/proc/{pid}").exists():
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()
