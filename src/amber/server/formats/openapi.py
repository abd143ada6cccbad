"""OpenAPI 3.1 of a server: every endpoint, and for each model its real columns, types, ranges and categories.

In: the interfaces that are served. Out: a document of plain data, valid against the OpenAPI 3.1 meta-schema. Examples
are synthetic (see `examples`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from amber.server.failures import of_status
from amber.server.formats import examples, openapi_schemas
from amber.server.formats.plan import Plan, plan_of
from amber.server.interface import Interface

Document = dict[str, Any]
_JSON: Final = "application/json"
_TABLES: Final = ("text/csv", "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet")
_ANSWERS: Final = ("text/csv", "application/vnd.apache.arrow.stream")
_REASONS: Final = {
    "400": "the request is malformed",
    "401": "an API key is missing or unknown",
    "403": "the key, the host or the origin may not",
    "404": "there is no such model or version",
    "405": "another method is meant",
    "408": "the request came too slowly",
    "413": "the body is too large",
    "414": "the path or the query is too long",
    "415": "the media type is not read",
    "417": "an expectation other than 100-continue",
    "422": "a row cannot be answered: a wrong kind, a missing column, or outside the domain",
    "429": "too much is waiting; Retry-After says when to come back",
    "431": "the header is too large",
    "500": "a defect of the server or of its worker",
    "501": "a library is not installed where the server runs",
    "503": "not ready, or refused: with the reason",
    "504": "the deadline passed",
    "505": "HTTP of another version",
}
_READ_REASONS: Final = tuple(each for each in _REASONS if each not in ("415", "422", "429", "501", "504"))
_OPEN: Final[list[Document]] = []
_NOTHING: Final[Document] = {"type": "object"}


def document(interfaces: Sequence[Interface], *, version: str = "0", secured: bool = True) -> Document:
    """Return the document.

    Args:
        interfaces: One for each model, of the version that takes traffic.
        version: Of the server.
        secured: Whether API keys are asked for; without them nobody has the scope admin.
    """
    schemas: Document = {"Error": openapi_schemas.error()}
    paths: Document = _server_paths()
    if secured:
        paths |= _admin_paths()
    for interface in interfaces:
        plan, key = plan_of(interface), component(interface.name)
        one = {"$ref": f"#/components/schemas/{key}.Row"}
        schemas |= {
            f"{key}.Row": openapi_schemas.row(plan) | {"examples": [examples.row(plan)]},
            f"{key}.Rows": openapi_schemas.rows(plan, one),
            f"{key}.Prediction": openapi_schemas.prediction(plan),
            f"{key}.InferRequest": openapi_schemas.infer_request(plan),
            f"{key}.InferResponse": openapi_schemas.infer_answer(plan),
        }
        paths |= _model_paths(plan, key)
    components: Document = {"schemas": schemas, "responses": _responses()}
    found: Document = {
        "openapi": "3.1.0",
        "info": {
            "title": "Amber",
            "version": version,
            "summary": "Certified models, served",
            "description": "Open Inference Protocol v2, and a simple API beside it. Examples are synthetic.",
        },
        "tags": [{"name": "server"}, *({"name": each.name, **_told(each)} for each in interfaces)],
        "paths": paths,
        "components": components,
    }
    if secured:
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
        }
        found["security"] = [{"bearer": []}, {"key": []}]
    return found


def component(name: str) -> str:
    """Return a model's name as OpenAPI allows it in a component and in an operation's id."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)


def _told(interface: Interface) -> Document:
    """What the docs page shows of a model."""
    verdicts = ", ".join(f"{route}: {verdict}" for route, verdict in interface.verdicts.items()) or "none"
    return {
        "description": f"Version {interface.version}, answered by the {interface.route}. Verdicts: {verdicts}.",
        "x-amber": {
            "version": interface.version,
            "id": interface.id,
            "route": interface.route,
            "form": interface.form,
            "verdicts": dict(interface.verdicts),
            "outputs": list(dict.fromkeys(each.method for each in interface.outputs)),
        },
    }


def _responses() -> Document:
    error = {_JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}
    wait = {"Retry-After": {"schema": {"type": "integer", "minimum": 0}, "description": "seconds"}}
    found: Document = {}
    for status, reason in _REASONS.items():
        codes = ", ".join(f"`{code}`" for code in of_status(int(status)))
        described = {"description": f"{reason}. Codes: {codes}", "content": error}
        found[status] = described | ({"headers": wait} if status == "429" else {})
    return found


def _reasons(statuses: Sequence[str]) -> Document:
    return {status: {"$ref": f"#/components/responses/{status}"} for status in statuses}


def _answer(schema: Document, description: str = "answered", media: Sequence[str] = ()) -> Document:
    content: Document = {_JSON: {"schema": schema}}
    return {"200": {"description": description, "content": content | {each: {} for each in media}}}


def _read(tag: str, name: str, summary: str, schema: Document, *, security: list[Document] | None = None) -> Document:
    get: Document = {"tags": [tag], "operationId": name, "summary": summary}
    get["responses"] = _answer(schema) | _reasons(_READ_REASONS)
    if security is not None:
        get["security"] = security
    return {"get": get}


def _server_paths() -> Document:
    """Endpoints that belong to no model."""
    flag = {"type": "boolean"}
    live = {"type": "object", "required": ["live"], "properties": {"live": flag}}
    ready = {"type": "object", "required": ["ready"], "properties": {"ready": flag}}
    texts = {"type": "array", "items": {"type": "string"}}
    server = {"name": {"type": "string"}, "version": {"type": "string"}, "extensions": texts}
    metrics = _read("server", "metrics", "Prometheus metrics", _NOTHING)
    metrics["get"]["responses"]["200"] = {
        "description": "text exposition",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
    health = _read("server", "server_ready", "Whether models take traffic", ready, security=_OPEN)
    health["get"]["responses"]["503"] = {"description": "not all do", "content": {_JSON: {"schema": ready}}}
    docs = _read("server", "docs", "This API as a page", _NOTHING, security=_OPEN)
    docs["get"]["responses"]["200"] = {
        "description": "a page",
        "content": {"text/html": {"schema": {"type": "string"}}},
    }
    metadata = {"type": "object", "required": ["name", "version", "extensions"], "properties": server}
    return {
        "/v2": _read("server", "server_metadata", "The server and its extensions", metadata),
        "/v2/health/live": _read("server", "server_live", "Whether the server runs", live, security=_OPEN),
        "/v2/health/ready": health,
        "/v2/models": _read(
            "server", "models", "Names of all models", {"type": "object", "properties": {"models": texts}}
        ),
        "/metrics": metrics,
        "/openapi.json": _read("server", "openapi", "This document", _NOTHING),
        "/docs": docs,
    }


def _admin_paths() -> Document:
    """Endpoints for keys with the scope admin."""
    name = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
    index = _post("server", "repository_index", "Models, versions, states, reasons; needs the scope admin")
    changes = {
        f"/v2/repository/models/{{name}}/{verb}": {
            "parameters": [name],
            "post": _post("server", f"repository_{verb}", f"{verb.capitalize()} a model; needs the scope admin"),
        }
        for verb in ("load", "unload")
    }
    return {"/v2/repository/index": {"post": index}, **changes}


def _post(tag: str, name: str, summary: str) -> Document:
    body = {"content": {_JSON: {"schema": _NOTHING}}}
    answer = {"type": ["object", "array"]}
    return {
        "tags": [tag],
        "operationId": name,
        "summary": summary,
        "requestBody": body,
        "responses": _answer(answer) | _reasons(tuple(_REASONS)),
    }


def _model_paths(plan: Plan, key: str) -> Document:
    """Endpoints of one model: its newest version, and the one that is named."""
    name, version = plan.interface.name, plan.interface.version
    found: Document = {}
    for place, ending in (("", ""), (f"/versions/{version}", "_version")):
        base = f"/v2/models/{name}{place}"
        found[base] = _read(name, f"metadata_{key}{ending}", "Inputs, outputs, verdicts", _NOTHING)
        found[f"/v1/models/{name}{place}"] = _read(name, f"status_{key}{ending}", "State, verdicts, workers", _NOTHING)
        found[f"{base}/ready"] = _read(name, f"ready_{key}{ending}", "Whether it takes traffic", _NOTHING)
        found[f"{base}/infer"] = {"post": _infer(name, key, ending)}
        found[f"/v1/models/{name}{place}:predict"] = {"post": _predict(plan, key, ending)}
    return found


def _infer(name: str, key: str, ending: str) -> Document:
    content: Document = {
        _JSON: {"schema": {"$ref": f"#/components/schemas/{key}.InferRequest"}},
        "application/octet-stream": {},
    }
    answer = _answer({"$ref": f"#/components/schemas/{key}.InferResponse"}, "answered", ["application/octet-stream"])
    return {
        "tags": [name],
        "operationId": f"infer_{key}{ending}",
        "summary": "Open Inference Protocol v2, JSON or binary tensors",
        "description": "Binary tensors follow the JSON; the header Inference-Header-Content-Length counts its bytes.",
        "requestBody": {"required": True, "content": content},
        "responses": answer | _reasons(tuple(_REASONS)),
    }


def _predict(plan: Plan, key: str, ending: str) -> Document:
    outputs = {
        "name": "outputs",
        "in": "query",
        "description": "methods or outputs, separated by commas",
        "style": "form",
        "explode": False,
        "schema": {"type": "array", "items": {"enum": sorted(plan.places)}},
    }
    route = {"name": "route", "in": "query", "schema": openapi_schemas.route(plan)}
    content: Document = {_JSON: {"schema": {"$ref": f"#/components/schemas/{key}.Rows"}}}
    answer = _answer({"$ref": f"#/components/schemas/{key}.Prediction"}, "answered", _ANSWERS)
    return {
        "tags": [plan.interface.name],
        "operationId": f"predict_{key}{ending}",
        "summary": "Rows as people have them",
        "parameters": [outputs, route],
        "requestBody": {"required": True, "content": content | {each: {} for each in _TABLES}},
        "responses": answer | _reasons(tuple(_REASONS)),
    }
