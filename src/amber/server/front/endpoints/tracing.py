"""Spans for OpenTelemetry: one for each request, below the caller's, sent by a thread of the exporter's own.

Optional: needs `amber[telemetry]` and `otlp_endpoint`. Spans are made when the request is over, so that nothing of
them is on its way.
"""

from __future__ import annotations

import time
from typing import Any

from amber.errors import UsageError
from amber.server.front.http.messages import Request


class Tracing:
    """Makes spans and sends them over OTLP/HTTP.

    Args:
        endpoint: Address that takes traces, for example `http://127.0.0.1:4318/v1/traces`.
        exporter: Takes the spans instead of that address.

    Raises:
        UsageError: `library-missing`: the libraries of `amber[telemetry]` are not installed.
    """

    def __init__(self, endpoint: str, exporter: Any = None) -> None:
        try:
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.trace import SpanKind, Status, StatusCode
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

            if exporter is None:
                from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

                exporter = OTLPSpanExporter(endpoint=endpoint)
        except ImportError as error:
            raise UsageError(
                "library-missing",
                f"spans need libraries that are not installed: {error}",
                where="otlp_endpoint",
                hint='pip install "amber[telemetry]"',
            ) from error
        self._provider = TracerProvider(resource=Resource.create({"service.name": "amber"}))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("amber.server")
        self._parents = TraceContextTextMapPropagator()
        self._kind, self._failed = SpanKind.SERVER, Status(StatusCode.ERROR)

    def answered(self, request: Request, status: int, sent: int, seconds: float, rows: int) -> None:
        """Make the span of a request that is over."""
        end = time.time_ns()
        parent = None
        if request.traceparent:
            parent = self._parents.extract({"traceparent": request.traceparent.decode("latin-1")})
        model, _, version = request.label.rpartition("/")
        span = self._tracer.start_span(
            f"{request.method} {model}" if model else request.method,
            context=parent,
            kind=self._kind,
            start_time=end - int(seconds * 1e9),
            attributes={
                "http.request.method": request.method,
                "http.response.status_code": status,
                "http.request.body.size": len(request.body),
                "http.response.body.size": sent,
                "url.path": request.path,
                "amber.request_id": request.id,
                "amber.model": model,
                "amber.version": version,
                "amber.rows": rows,
            },
        )
        if request.code:
            span.set_attribute("error.type", request.code)
        if status >= 500:
            span.set_status(self._failed)
        span.end(end_time=end)

    def close(self) -> None:
        """Send what is there, within the exporter's own time limit, and end its thread."""
        self._provider.shutdown()
