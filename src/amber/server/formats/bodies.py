"""JSON of clients: what is wrong with it in words, and no key twice.

msgspec reads JSON strictly (UTF-8, no NaN, no trailing bytes), but of two equal keys the last one wins. A text holds
at least one colon for each key, so where it has no more colons than keys were read, no key stood twice; only where
it has more (a time, a key this server does not know, or a key twice) are the keys read again, one by one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

import msgspec

from amber.errors import shown
from amber.server.exchange import Failure

_LITERAL = re.compile(rb"-?\b(?:NaN|Infinity|nan|inf)\b")
_LITERAL_BYTES = 10  # "-Infinity" and what stands beside it
_POSITION = re.compile(r"\(byte (\d+)\)")


def read(decode: Callable[[Any], Any], body: bytes | memoryview) -> Any:
    """Decode JSON.

    Args:
        decode: Of a `msgspec.json.Decoder`.
        body: What the client sent.

    Raises:
        Failure: 400 `body-malformed`.
    """
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(error, bytes(body)) from error


def malformed(error: Exception, body: bytes) -> Failure:
    """Return the failure for a body that could not be read."""
    hint = "a JSON object such as the one in the model's openapi.json"
    if not body.strip():
        return Failure(400, "body-malformed", "the request has no body", hint=hint)
    if isinstance(error, RecursionError):
        return Failure(400, "body-malformed", "the JSON is nested too deeply", hint=hint)
    if isinstance(error, UnicodeDecodeError):
        return Failure(400, "body-malformed", f"the JSON is not UTF-8: {error.reason} at byte {error.start}", hint=hint)
    text = str(error)
    at = _POSITION.search(text)
    if at is not None and _is_literal(body, int(at[1])):
        literal = "NaN and Infinity are no JSON"
        way = "a missing value is null; infinities go as binary tensors"
        return Failure(400, "body-malformed", f"{literal} (byte {at[1]})", hint=way)
    if isinstance(error, msgspec.ValidationError):
        return Failure(400, "body-malformed", f"the JSON has not the form of a request: {shown(text)}", hint=hint)
    return Failure(400, "body-malformed", f"the body is not JSON: {shown(text)}", hint=hint)


def _is_literal(body: bytes, at: int) -> bool:
    """Whether what stopped the reader is a number that JSON does not have."""
    around = _LITERAL.finditer(body, max(0, at - _LITERAL_BYTES), at + _LITERAL_BYTES)
    return any(found.start() <= at <= found.end() for found in around)


def check_keys(body: bytes | memoryview, keys: int) -> None:
    """Refuse a body where a key stands twice in one object.

    Args:
        body: JSON that was already read.
        keys: How many keys were read.

    Raises:
        Failure: 400 `key-duplicate`.
    """
    text = bytes(body)
    if text.count(b":") != keys:
        try:
            json.loads(text, object_pairs_hook=_unique, parse_float=_ignored, parse_int=_ignored)
        except (ValueError, RecursionError) as error:
            raise malformed(error, text) from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        _twice(twice)
    return found


def _twice(name: str) -> NoReturn:
    message = f"the key {shown(name)!r} stands twice in one object"
    raise Failure(400, "key-duplicate", message, hint="JSON leaves open which of them counts")


def _ignored(_: str) -> None:
    """Numbers were read already; here only keys matter."""
