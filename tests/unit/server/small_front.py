"""A front without workers: real HTTP, the real formats, and arithmetic in place of models.

What clients are tested against where no model is needed. `flow` takes three named columns, `grid` a matrix of three.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any

from amber.server.exchange import Answered, Asked, Failure
from amber.server.formats import errors, v2
from amber.server.interface import Input, Interface, Output

FLOW = Interface(
    name="flow", version="1.0.0", id="f" * 64, route="program", form="columns",
    inputs=[
        Input(name="a", datatype="FP64", dtype="float64", cell="float", missing=True),
        Input(name="n", datatype="INT64", dtype="int64", cell="integer"),
        Input(name="c", datatype="BYTES", dtype="str", cell="object", missing=True),
    ],
    outputs=[
        Output(method="predict", name="predict", datatype="BYTES", dtype="str", cell="label", classes=[["no", "yes"]]),
        Output(
            method="predict_proba", name="predict_proba", datatype="FP64", dtype="float64", cell="float", shape=[2],
            classes=[["no", "yes"]],
        ),
        Output(method="decision", name="echo", datatype="BYTES", dtype="object", cell="object"),
        Output(method="decision", name="whole", datatype="INT64", dtype="int64", cell="integer"),
    ],
    default=[0, 1],
)  # fmt: skip
GRID = Interface(
    name="grid", version="2.0.0", id="e" * 64, route="program", form="matrix",
    inputs=[Input(name="X", datatype="FP64", dtype="float64", cell="float", width=3, missing=True)],
    outputs=[Output(method="predict", name="predict", datatype="FP32", dtype="float32", cell="float")],
    default=[0],
)  # fmt: skip
MODELS = {each.name: each for each in (FLOW, GRID)}


def work(interface: Interface, asked: Asked) -> Answered:
    """Answer: odd `n` is yes; probability 1 / (1 + |a|), a half where a is missing; `grid` adds a row up."""
    cells = interface.cells
    found: list[Any] = []
    for row in range(asked.rows):
        numbers = asked.numbers[8 * cells * row : 8 * cells * (row + 1)]
        if interface is GRID:
            found.append([sum(struct.unpack("<3d", numbers), -0.0)])
            continue
        a, n = struct.unpack("<dq", numbers)
        if n == 13:
            raise Failure(422, "input-refused", f"row {row}: 13 is refused", row=row, column="n", hint="take another")
        yes = 0.5 if math.isnan(a) else 1 / (1 + abs(a))
        found.append([n % 2, (1 - yes, yes), asked.objects[0][row], n])
    values: list[Any] = []
    for place in asked.outputs:
        column = [row[place] for row in found]
        if interface is GRID:
            values.append(struct.pack(f"<{len(column)}d", *column))
        elif place == 1:
            values.append(b"".join(struct.pack("<2d", *pair) for pair in column))
        else:
            values.append(column if place == 2 else struct.pack(f"<{len(column)}q", *column))
    return Answered(asked.rows, values)


class SmallFront:
    """The state of the double.

    Attributes:
        seen: Method, path, headers and body of each request.
        before: Called before each request is answered; what it returns is the answer: status, headers, body.
    """

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.before: Callable[[str, str], tuple[int, dict[str, str], bytes] | None] = lambda method, path: None
        self.url = ""

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        self.seen.append((method, path, headers, body))
        early = self.before(method, path)
        if early is not None:
            return early
        try:
            return self._answer(path, headers, body)
        except Failure as failure:
            return failure.status, {}, errors.body(failure, "r-1")

    def _answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        if path in ("/v2", "/v2/health/live", "/v2/health/ready"):
            said = {"name": "amber", "version": "0", "extensions": ["binary_tensor_data"], "ready": True, "live": True}
            return 200, {}, json.dumps(said).encode()
        if path == "/v2/repository/index":
            return 200, {}, json.dumps([{"name": "flow", "version": "1.0.0", "state": "READY", "reason": ""}]).encode()
        if path.startswith("/v2/repository/models/"):
            raise Failure(403, "scope-missing", "the key may not load", hint="a key of scope admin")
        name, *rest = path.removeprefix("/v2/models/").split("/")
        if rest[:1] == ["versions"]:
            rest = rest[2:]
        interface = MODELS.get(name)
        if interface is None:
            raise Failure(404, "model-unknown", f"there is no model {name!r}", hint="GET /v2/models")
        if rest == ["infer"]:
            length = headers.get("inference-header-content-length")
            asked = v2.decode(interface, body, None if length is None else int(length))
            text, kind, more = v2.encode(interface, asked, work(interface, asked))
            return 200, {"content-type": kind.decode(), **{k.decode(): v.decode() for k, v in more}}, text
        if rest == ["ready"]:
            return 200, {}, b'{"ready":true}'
        return 200, {}, json.dumps(v2.metadata(interface)).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        front: SmallFront = self.server.front  # type: ignore[attr-defined]
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, more, text = front.answer(self.command, self.path, headers, body)
        if status == 0:  # the connection is lost
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in {"content-length": str(len(text)), **more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _Server(ThreadingMixIn, HTTPServer):
    daemon_threads = False
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that go away are what some tests are about."""


class _UnixServer(_Server):
    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        self.socket.bind(self.server_address)  # type: ignore[arg-type]
        self.server_name, self.server_port = "localhost", 0

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, _ = self.socket.accept()
        return connection, ("unix", 0)


@contextlib.contextmanager
def small_front(unix: Path | None = None) -> Iterator[SmallFront]:
    """Yield a running double at a free port of 127.0.0.1, or at a Unix socket."""
    front = SmallFront()
    server: Any = _Server(("127.0.0.1", 0), _Handler) if unix is None else _UnixServer(os.fspath(unix), _Handler)  # type: ignore[arg-type]
    server.front = front
    server.daemon_threads = True
    front.url = f"http://127.0.0.1:{server.server_address[1]}" if unix is None else os.fspath(unix)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield front
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
