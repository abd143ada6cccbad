"""Every code a server answers a failure with: its HTTP status and its meaning. Names, never renumbered or reused.

A version that is not served answers 503 (a load over HTTP: 422) with a code of `LOADS`, or with the code of
`amber.codes` that refused its artifact. `docs/serving.md` is written from this table by `scripts/write_reference.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Table = Mapping[str, tuple[int, str]]

REQUESTS: Final[Table] = {
    "body-ratio": (413, "the compressed body grows by more than the allowed ratio"),
    "body-timeout": (408, "the body came too slowly"),
    "body-too-large": (413, "the body is larger than this endpoint takes"),
    "coding-malformed": (400, "the body is not what its Content-Encoding says"),
    "coding-unknown": (415, "the Content-Encoding is neither gzip nor deflate"),
    "expectation-unknown": (417, "an expectation other than 100-continue"),
    "head-timeout": (408, "the head of the request came too slowly"),
    "header-length-invalid": (400, "the header Inference-Header-Content-Length is no number of bytes"),
    "header-twice": (400, "a header that may stand there once does so twice"),
    "headers-too-large": (431, "the headers, or trailers, have too many bytes"),
    "headers-too-many": (431, "there are too many headers"),
    "host-mismatch": (400, "the target and the Host header name different hosts"),
    "host-missing": (400, "there is no Host header"),
    "http-version-unknown": (505, "the request is not HTTP/1.1"),
    "length-ambiguous": (400, "the headers leave open where the body ends"),
    "length-invalid": (400, "the header Content-Length is no number of bytes"),
    "method-not-allowed": (405, "this endpoint takes another method; Allow says which"),
    "method-unknown": (501, "no method of HTTP that is known here"),
    "path-invalid": (400, "a name in the path is not one, or is not decodable"),
    "path-unknown": (404, "there is nothing at this path"),
    "request-malformed": (400, "what was sent is not HTTP"),
    "target-invalid": (400, "the target of the request is not a path"),
    "target-too-long": (414, "path and query are too long"),
    "transfer-coding-unknown": (501, "a transfer coding other than chunked"),
}

DOORS: Final[Table] = {
    "host-refused": (403, "the Host header is none that this server answers to"),
    "key-unknown": (401, "an API key is missing, unknown or has expired"),
    "origin-refused": (403, "a page of another origin may not ask"),
    "scope-missing": (403, "the key has not the scope this endpoint needs"),
}

BODIES: Final[Table] = {
    "body-malformed": (400, "the body is not a request of this endpoint"),
    "column-twice": (400, "a table has a column twice"),
    "key-duplicate": (400, "a JSON object has a key twice"),
    "media-type": (415, "this endpoint does not read bodies of this media type"),
    "model-unnamed": (400, "a gRPC request names no model"),
    "output-duplicate": (400, "an output is asked for twice"),
    "parameter-refused": (400, "a parameter is there that this server does not support"),
    "parameter-unknown": (400, "a parameter of the repository API is not known"),
    "route-unknown": (400, "the form of the model that is asked for is neither program nor original"),
    "tensor-contents": (400, "the contents of a gRPC tensor stand in the wrong place"),
    "tensor-malformed": (400, "a tensor's shape, datatype and data do not agree"),
}

ROWS: Final[Table] = {
    "input-missing": (422, "a column is not there"),
    "input-refused": (422, "the model refuses the rows"),
    "input-unknown": (422, "a column is there that the model does not have"),
    "method-absent": (422, "this form of the model does not have the method"),
    "output-unknown": (422, "the model has no such output"),
    "outside-domain": (422, "a row is outside the domain the program is certified for"),
    "row-form": (422, "a row is neither a record nor an array of the model's columns"),
    "row-width": (422, "a row has another number of values than there are columns"),
    "rows-missing": (422, "there are no rows, or columns of several lengths"),
    "value-kind": (422, "a value is of another kind than its column"),
    "value-missing": (422, "a value is missing where the model takes none missing"),
    "value-range": (422, "a value cannot be held by its column's datatype without loss"),
}

LIMITS: Final[Table] = {
    "answer-timeout": (408, "the answer was read too slowly; the last line of what came of it"),
    "answer-too-large": (413, "the answer to these rows is too large for one run"),
    "bulk-memory-full": (429, "large bodies hold as much memory as they may"),
    "bulk-queue-full": (429, "too many large bodies wait already"),
    "connections-full": (503, "the server has as many connections as it takes"),
    "deadline-exceeded": (504, "the answer did not come in the time allowed"),
    "limit-memory": (413, "the rows need more memory than there is"),
    "queue-full": (429, "too many requests or rows wait already"),
    "request-too-large": (413, "the rows do not fit one run, and cannot be asked in parts"),
}

MODELS: Final[Table] = {
    "folder-missing": (403, "this server has no folder from which models may be loaded"),
    "model-loading": (503, "the model is being verified and built"),
    "model-refused": (422, "the model that was to be loaded was refused"),
    "model-unavailable": (503, "the model is not served any more"),
    "model-unknown": (404, "there is no such model"),
    "route-not-served": (503, "this form of the model is not served"),
    "version-unknown": (404, "the model has no such version"),
}

ACCIDENTS: Final[Table] = {
    "answer-cut": (500, "the answer is not as long as it says"),
    "client-gone": (499, "the client had gone away; in the log and metrics alone"),
    "front-unreachable": (503, "the process of gRPC cannot reach the server's front"),
    "library-missing": (501, "a library that this body needs is not installed where the server runs"),
    "model-failed": (500, "the model failed on rows it should answer; the log says how"),
    "request-unsendable": (500, "the request could not be handed to a worker; the log says why"),
    "server-failed": (500, "a defect of the server; its log has the request's id"),
    "worker-answer": (500, "what a worker answered is not an answer"),
    "worker-died": (500, "the process that ran this request alone ended; do not repeat it"),
    "worker-lost": (503, "the process that ran this request ended; repeat it"),
}

LOADS: Final[Table] = {
    "interface-incompatible": (503, "a changed file takes or gives something else than what callers of the model use"),
    "judge-failed": (503, "whether the policy still takes what is served could not be found out; it is tried again"),
    "lane-impossible": (503, "no memory or socket for a worker, or a process for large bodies, is to be had"),
    "load-failed": (503, "the process that loads the model ended without a word"),
    "load-stopped": (503, "the model was unloaded before it was ready"),
    "load-timeout": (503, "verifying and building took too long"),
    "loader-died": (503, "the process that holds the model ended; it is started anew"),
    "memory-budget": (503, "the model does not fit the memory the server may use"),
    "name-changed": (503, "a changed file holds a model of another name"),
    "name-taken": (503, "another file serves a model of this name"),
    "rolled-back": (503, "a new version did worse than the old one, which came back"),
}

SECTIONS: Final[Mapping[str, Table]] = {
    "The request": REQUESTS,
    "Who asks": DOORS,
    "The body": BODIES,
    "The rows": ROWS,
    "Limits": LIMITS,
    "Models": MODELS,
    "Accidents": ACCIDENTS,
    "Loading": LOADS,
}
FAILURES: Final[Table] = {code: entry for section in SECTIONS.values() for code, entry in section.items()}


def of_status(status: int) -> list[str]:
    """Return the codes that are answered with an HTTP status, sorted."""
    return sorted(code for code, (answered, _) in FAILURES.items() if answered == status)
