"""What is seen of a server: counters, metrics, the access log, spans."""

from __future__ import annotations

import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from amber.errors import AmberError
from amber.server.front.endpoints.access_log import AccessLog
from amber.server.front.endpoints.metrics import Metrics
from amber.server.front.endpoints.repository import Repository
from amber.server.front.endpoints.tracing import Tracing
from amber.server.front.endpoints.watch import Watch
from amber.server.front.http.messages import Request
from amber.server.settings import ModelSettings, Settings
from tests.unit.server.endpoints.world import Caller, World, simulated


class _NoLine:
    def __getattr__(self, name: str) -> Any:
        raise AssertionError("nothing is sent")


def _request(**changed: Any) -> Request:
    headers = {b"traceparent": b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    made = Request(_NoLine(), "POST", "/v2/models/m/infer", "", headers, "id-1", 0.0)
    made.body, made.label, made.rows = b'{"secret": 12345}', "m/1", 3
    for key, value in changed.items():
        setattr(made, key, value)
    return made


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_says_what_was_asked_and_answered_but_no_value(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "log"))
    log.answered(_request(), 200, 99, 0.0123456789, 3)
    log.answered(_request(label="", code="path-unknown", path="/" + "x" * 1000), 404, 5, 0.1, 0)
    log.close()
    text = (tmp_path / "log").read_text()
    first, second = _lines(tmp_path / "log")
    assert "12345" not in text
    assert time.strptime(first.pop("time"), "%Y-%m-%dT%H:%M:%S.%fZ").tm_year >= 2024
    assert first == {
        "id": "id-1", "method": "POST", "path": "/v2/models/m/infer", "status": 200, "seconds": 0.012346,
        "bytes_in": 17, "bytes_out": 99, "rows": 3, "model": "m", "version": "1",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }  # fmt: skip
    assert (second["status"], second["code"], len(second["path"])) == (404, "path-unknown", 203)


def test_a_line_cannot_be_broken_by_what_is_in_it(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "log"))
    log.answered(_request(path='/a"\n{"status":200}\x1b[2J'), 404, 0, 0.1, 0)
    log.close()
    assert [line["status"] for line in _lines(tmp_path / "log")] == [404]
    assert b"\x1b" not in (tmp_path / "log").read_bytes()


def test_a_log_that_was_moved_away_is_opened_anew(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "log"))
    log.answered(_request(id="before"), 200, 0, 0.1, 1)
    os.rename(tmp_path / "log", tmp_path / "log.1")
    log.reopen()
    end = time.monotonic() + 20
    while not (tmp_path / "log").exists() and time.monotonic() < end:
        time.sleep(0.01)
    log.answered(_request(id="after"), 200, 0, 0.1, 1)
    log.close()
    assert [line["id"] for line in _lines(tmp_path / "log.1")] == ["before"]
    assert [line["id"] for line in _lines(tmp_path / "log")] == ["after"]


def test_a_reader_that_stands_still_costs_lines_and_nothing_else(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    log = AccessLog(str(tmp_path / "pipe"))
    for _ in range(40_000):  # more than pipe and memory take
        log.answered(_request(), 200, 0, 0.1, 1)
    assert log.dropped > 0
    log.close()
    os.close(reader)


def test_a_log_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AmberError) as refused:
        AccessLog(str(tmp_path / "none" / "log"))
    assert refused.value.code == "target-unwritable"


def test_spans_continue_the_callers_trace() -> None:
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    tracing = Tracing("", exporter)
    tracing.answered(_request(code="predict-failed"), 500, 9, 0.25, 3)
    tracing.answered(_request(headers={b"traceparent": b"nonsense"}), 200, 9, 0.5, 3)
    tracing.close()
    failed, fine = exporter.get_finished_spans()
    assert f"{failed.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert f"{failed.parent.span_id:016x}" == "b7ad6b7169203331"
    assert fine.parent is None
    assert (failed.end_time - failed.start_time) / 1e9 == pytest.approx(0.25)
    assert (failed.status.is_ok, fine.status.is_ok) == (False, True)
    assert failed.attributes["amber.model"] == "m"
    assert failed.attributes["error.type"] == "predict-failed"
    assert "12345" not in str(failed.attributes)


def test_metrics_say_what_happened(tmp_path: Path) -> None:
    path = tmp_path / "m.amber"
    path.write_text("v1\n")

    async def scene() -> str:
        world, watch = World(), Watch()
        models = (ModelSettings(path=str(path)),)
        repository = Repository(Settings(models=models), watch, launch=world.launch, copy=world.copy)
        repository._host.pss = lambda pids: 1000
        await repository.start()
        queue, runner = repository.find("m").queue, world.runners[0]
        caller = Caller(queue)
        for turn in range(2):
            for name in "abc":
                caller.ask(f"{name}{turn}")
            queue._turn()
            runner.answer()
        caller.ask("waits", rows=5)
        watch.answered(_request(), 200, 10, 0.004)
        watch.answered(_request(code="input-refused"), 422, 10, 0.004)
        watch.answered(_request(label="", rows=0, code="path-unknown"), 404, 10, 0.004)
        await repository.tick()
        body, content_type = Metrics(repository).render("text/plain")
        assert content_type.startswith(b"text/plain")
        await repository.close(0)
        return body.decode()

    text = simulated(scene)
    found = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }

    def value(name: str, **labels: str) -> float:
        return found[name, tuple(sorted(labels.items()))]

    place = {"model": "m", "version": "1"}
    assert value("amber_requests_total", **place, status="200") == 1
    assert value("amber_requests_total", **place, status="422") == 1
    assert value("amber_requests_total", model="", version="", status="404") == 1
    assert value("amber_refusals_total", **place, code="input-refused") == 1
    assert value("amber_rows_total", **place) == 6
    assert value("amber_request_seconds_bucket", **place, le="0.0025") == 0
    assert value("amber_request_seconds_bucket", **place, le="0.005") == 2
    assert value("amber_request_seconds_count", **place) == 2
    assert value("amber_batch_requests_bucket", **place, le="1.0") == 0
    assert value("amber_batch_requests_bucket", **place, le="3.0") == 2
    assert value("amber_batch_requests_sum", **place) == 6
    assert value("amber_queue_requests", **place) == 1
    assert value("amber_queue_rows", **place) == 5
    assert value("amber_workers", **place) == 1
    assert value("amber_model_state", **place, state="READY") == 1
    assert value("amber_model_state", **place, state="LOADING") == 0
    assert value("amber_model_verdict", **place, route="program", verdict="equivalent") == 1
    assert value("amber_model_verdict", **place, route="program", verdict="drifted") == 0
    assert value("amber_model_pss_bytes", **place) == 1000
    assert value("amber_ready") == 1
    for name in ("amber_swaps_total", "amber_rollbacks_total", "amber_loads_refused_total"):
        assert value(name, model="m") == 0


def test_metrics_of_a_model_that_was_refused_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "m.amber"
    path.write_text("bad\n")

    async def scene() -> str:
        world = World()
        world.scripts["bad"] = {"refused": "verdict-drifted"}
        models = (ModelSettings(path=str(path)),)
        repository = Repository(Settings(models=models), Watch(), launch=world.launch, copy=world.copy)
        await repository.start()
        body, _ = Metrics(repository).render("application/openmetrics-text; version=1.0.0")
        await repository.close(0)
        return body.decode()

    text = simulated(scene)
    assert 'amber_model_state{model="m",state="UNAVAILABLE",version=""} 1.0' in text
    assert 'amber_loads_refused_total{model="m"} 1.0' in text
    assert "amber_ready 0.0" in text
    assert text.endswith("# EOF\n")


def test_spans_are_sent_over_http() -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    bodies: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        watch = Watch.of(
            Settings(access_log="off", otlp_endpoint=f"http://127.0.0.1:{server.server_address[1]}/v1/traces")
        )
        watch.answered(_request(), 200, 10, 0.004)
        watch.close()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    ((path, body),) = bodies
    assert path == "/v1/traces"
    assert bytes.fromhex("0af7651916cd43dd8448eb211c80319c") in body
    assert b"12345" not in body
