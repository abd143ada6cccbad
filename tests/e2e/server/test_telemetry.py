"""Spans reach a collector: over OTLP/HTTP, below the caller's trace, with model and code and no value of a row."""

from __future__ import annotations

import http.client
import json
import queue
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

pytest.importorskip("httptools")
pytest.importorskip("opentelemetry.sdk")

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import amber
from tests.e2e.server.small_models import churn

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def collector() -> Iterator[tuple[str, queue.Queue[tuple[str, bytes]]]]:
    """The address of a collector, and what it gets: path and body of each request."""
    arrived: queue.Queue[tuple[str, bytes]] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arrived.put((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1/traces", arrived
        finally:
            server.shutdown()
            thread.join()


def ask(url: str, row: dict[str, Any]) -> int:
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "content-type": "application/json"}
    with closing(http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)) as connection:
        connection.request("POST", "/v1/models/churn:predict", json.dumps([row]).encode(), headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status


def test_a_span_arrives_with_the_callers_trace(collector: Any) -> None:
    endpoint, arrived = collector
    with amber.serve(churn(), otlp_endpoint=endpoint) as server:
        assert ask(server.url, {"age": 41.0, "visits": 3, "city": "Oslo"}) == 200
        assert ask(server.url, {"age": "secret", "visits": 3, "city": "Oslo"}) == 422
    spans, bodies = [], b""
    while not arrived.empty():  # the last ones are sent before the server has ended
        path, body = arrived.get()
        assert path == "/v1/traces"
        bodies += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            spans += [span for scope in resource.scope_spans for span in scope.spans]
    ours = [span for span in spans if span.trace_id.hex() == TRACE]
    assert [(span.parent_span_id.hex(), span.name) for span in ours] == [(PARENT, "POST churn")] * 2
    told = [{each.key: each.value for each in span.attributes} for span in ours]
    assert [each["http.response.status_code"].int_value for each in told] == [200, 422]
    assert [each["amber.rows"].int_value for each in told] == [1, 0]  # a body that cannot be read has no rows
    assert told[0]["amber.version"].string_value == "1.4.0"
    assert told[1]["error.type"].string_value == "value-kind"
    assert b"secret" not in bodies
