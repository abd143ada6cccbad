"""Large bodies and tables on a whole server: clients that leave, processes that die, memory, and the spawned way."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("httptools")
pytest.importorskip("onnxruntime")

import amber

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="a process of its own needs Linux")

CSV = "text/csv;header=absent"
ROW = b"1.5,2,3,4\n"
PATH = "/v1/models/line:predict"


@pytest.fixture
def served(folder: Path) -> Iterator[Any]:
    with amber.serve(folder / "line.amber") as running:
        yield running


def asked(server: Any, body: bytes, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    with contextlib.closing(connection):
        given = {"content-type": CSV} | {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST", PATH, body, given)
        answer = connection.getresponse()
        return answer.status, answer.read()


def begun(server: Any, rows: int) -> socket.socket:
    """A client whose answer has begun: CSV for CSV."""
    host, port = server.url.removeprefix("http://").split(":")
    client = socket.create_connection((host, int(port)), timeout=60)
    head = f"POST {PATH} HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-type: {CSV}\r\naccept: text/csv\r\n"
    client.sendall(f"{head}content-length: {rows * len(ROW)}\r\n\r\n".encode() + ROW * rows)
    assert client.recv(64).startswith(b"HTTP/1.1 200")
    return client


def children(pid: int) -> list[int]:
    found = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return found + [deeper for each in found for deeper in children(each)]


def bulk_processes(server: Any) -> list[int]:
    """What a server has at the lowest priority, and is not a loader's thread."""
    return [each for each in children(server.pid) if os.getpriority(os.PRIO_PROCESS, each) == 19]


def test_a_client_that_leaves_does_not_hold_up_the_next(served: Any) -> None:
    begun(served, 400_000).close()
    assert asked(served, ROW, x_request_timeout="20")[0] == 200


def test_a_client_can_tell_an_answer_that_was_cut(served: Any) -> None:
    with begun(served, 400_000) as client:
        (process,) = bulk_processes(served)
        os.kill(process, signal.SIGKILL)
        last = b""
        with contextlib.suppress(ConnectionError):
            while data := client.recv(1 << 16):
                last = (last + data)[-5:]
        assert last != b"0\r\n\r\n"
    assert asked(served, ROW)[0] == 200


def test_a_process_that_stands_still_is_replaced(served: Any) -> None:
    assert asked(served, ROW)[0] == 200
    (process,) = bulk_processes(served)
    os.kill(process, signal.SIGSTOP)
    status, body = asked(served, ROW, x_request_timeout="0.5")
    assert (status, json.loads(body)["code"]) == (504, "deadline-exceeded")
    assert asked(served, ROW)[0] == 200
    until = time.monotonic() + 10
    while process in bulk_processes(served) and time.monotonic() < until:
        time.sleep(0.02)
    assert process not in bulk_processes(served)


def test_bodies_of_all_clients_together_are_bounded(folder: Path) -> None:
    with amber.serve(folder / "line.amber", bulk_limit=1 << 20) as server:
        host, port = server.url.removeprefix("http://").split(":")
        head = (
            f"POST {PATH} HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-type: {CSV}\r\ncontent-length: {1 << 20}\r\n\r\n"
        )
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(socket.create_connection((host, int(port)), timeout=30)) for _ in range(3)]
            for each in clients:
                each.sendall(head.encode() + b"1" * 900_000)
                time.sleep(0.2)
            assert b"bulk-memory-full" in clients[2].recv(4096)
        until = time.monotonic() + 10
        while (status := asked(server, ROW * 90_000)[0]) != 200 and time.monotonic() < until:
            time.sleep(0.05)
        assert status == 200


def test_an_empty_table(served: Any) -> None:
    status, body = asked(served, b"")
    assert (status, json.loads(body)["code"]) == (400, "body-malformed")


def test_a_spawned_worker_answers_tables(folder: Path) -> None:
    with amber.serve(folder / "line.amber", spawn=True) as server:
        status, body = asked(server, ROW * 2_500)
        assert (status, len(json.loads(body)["predictions"])) == (200, 2_500)
        begun(server, 400_000).close()
        assert asked(server, ROW, x_request_timeout="20")[0] == 200
        assert asked(server, b"[[1, 2, 3, 4]]", content_type="application/json")[0] == 200
