"""A `Failure` as the JSON that a client gets: one sentence, a stable code, the place, the way out."""

from __future__ import annotations

from typing import Any

import msgspec

from amber.errors import shown
from amber.server.exchange import Failure

_encode = msgspec.json.Encoder().encode
_MESSAGE_CHARS = 1000


def document(failure: Failure, request_id: str = "") -> dict[str, Any]:
    """Return the answer of a failure as plain data.

    Args:
        failure: Why there is no answer.
        request_id: Of the request, so that a person finds it in the log; left out where empty.
    """
    found: dict[str, Any] = {"error": shown(failure.message, _MESSAGE_CHARS), "code": failure.code}
    if failure.row is not None:
        found["row"] = failure.row
    if failure.column is not None:
        found["column"] = shown(failure.column)
    if failure.expected:
        found["expected"] = shown(failure.expected)
    if failure.hint:
        found["hint"] = shown(failure.hint, _MESSAGE_CHARS)
    if request_id:
        found["request_id"] = shown(request_id)
    return found


def body(failure: Failure, request_id: str = "") -> bytes:
    """Return the JSON body of a failure; see `document`."""
    return _encode(document(failure, request_id))
