"""What can be seen of a server from outside: its log by request, what its supervisor hears, what pages may not."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("httptools")

import amber
from amber.server.front.keys import add
from tests.e2e.server.small_models import churn, line

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ROW = {"age": 41.0, "visits": 3, "city": "Oslo"}


def ask(url: str, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, bytes]:
    with closing(http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)) as connection:
        sent = None if body is None else json.dumps(body).encode()
        connection.request(method, path, sent, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def test_a_line_of_the_log_has_the_request_and_no_value(tmp_path: Path) -> None:
    key = add(str(tmp_path / "keys.toml"), "web", ["predict"])
    log = tmp_path / "access.log"
    with amber.serve(churn(), access_log=str(log), api_keys=str(tmp_path / "keys.toml")) as server:
        given = {"authorization": f"Bearer {key}", "x_request_id": "mine-1", "traceparent": TRACE}
        status, headers, _ = ask(server.url, "POST", "/v1/models/churn:predict", [ROW, ROW], **given)
        assert (status, headers["x-request-id"]) == (200, "mine-1")
        wrong = ROW | {"age": "0451-secret"}
        assert ask(server.url, "POST", "/v1/models/churn:predict", [wrong], **given)[0] == 422
        assert ask(server.url, "POST", "/v1/models/churn:predict", [ROW])[0] == 401
    lines = [json.loads(each) for each in log.read_text().splitlines()]
    good, bad, stranger = [each for each in lines if each["path"] == "/v1/models/churn:predict"]
    assert (good["id"], good["traceparent"], good["key"]) == ("mine-1", TRACE, "web")
    assert (good["model"], good["version"], good["rows"], good["status"]) == ("churn", "1.4.0", 2, 200)
    assert (bad["status"], bad["code"], stranger["status"], stranger["code"]) == (422, "value-kind", 401, "key-unknown")
    assert "secret" not in log.read_text()
    assert key not in log.read_text()


def test_no_page_of_another_origin_is_let_in() -> None:
    with amber.serve(line(), access_log="off") as server:
        for method, status in (("OPTIONS", 405), ("GET", 200), ("POST", 405)):
            got, headers, _ = ask(server.url, method, "/v2", access_control_request_method="POST")
            assert got == status
            assert not [name for name in headers if name.lower().startswith("access-control-")]


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX") or os.name == "nt", reason="supervisors with sockets: Unix")
def test_a_supervisor_hears_that_it_is_ready_and_that_it_stops(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.settimeout(60)
        words = [sys.executable, "-m", "amber.cli.main", "serve", str(line()), "--port", "0", "--access-log", "off"]
        environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        child = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            assert heard.recv(4096).startswith(b"READY=1")
            child.send_signal(signal.SIGTERM)
            assert heard.recv(4096).startswith(b"STOPPING=1")
            assert child.wait(60) == 0
        finally:
            child.kill()
            child.wait()
