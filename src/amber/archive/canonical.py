"""Canonical JSON: the bytes of RFC 8785 for the subset Amber writes, from one sorted-keys encoder.

The subset: null, booleans, integers of at most 2^53-1 in magnitude, strings without lone surrogates, arrays,
and objects whose keys sort alike everywhere (`is_key`). Floats are strings, larger integers decimal strings.
"""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec

from amber.errors import FormatError, SaveError

SAFE_INTEGER = 2**53 - 1
MAX_KEY = 256  # characters
MAX_DEPTH = 32  # of nested arrays and objects in free-form values
MAX_FLOAT = 32  # characters; the longest repr of a float has 24

Json = Any  # None | bool | int | str | list[Json] | dict[str, Json]

_KEY = r"[ -~\u00a0-\ud7ff]*"
_encoder = msgspec.json.Encoder(order="sorted")
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError, TypeError)


def encode(value: Any) -> bytes:
    """Return the canonical bytes of a value of the subset (or of a msgspec struct of such values).

    Raises:
        SaveError: `value-not-json`: a string holds a lone surrogate.
    """
    try:
        return _encoder.encode(value)
    except (UnicodeEncodeError, TypeError, RecursionError) as error:
        raise SaveError("value-not-json", f"cannot be written as JSON: {error}") from error


def decode(decoder: msgspec.json.Decoder[Any], data: memoryview | bytes, code: str, where: str) -> Any:
    """Return the value of canonical bytes; re-encoding finds spaces, duplicate keys and other spellings.

    Args:
        decoder: What the value must be.
        data: The bytes of a member.
        code: Prefix of the codes: `<code>-invalid`, `<code>-not-canonical`.
        where: Name of the member.

    Raises:
        FormatError: The bytes are not JSON, not such a value, or not canonical.
    """
    try:
        value = decoder.decode(data)
        again = _encoder.encode(value)
    except _UNREADABLE as error:
        raise FormatError(f"{code}-invalid", str(error), where=where) from error
    if again != data:
        raise FormatError(f"{code}-not-canonical", "the bytes are not canonical JSON", where=where)
    return value


def are_float_texts(texts: list[str]) -> bool:
    """Whether all are floats as `is_float_text` says, infinite ones and NaN included; faster for many."""
    try:
        return all(len(text) <= MAX_FLOAT for text in texts) and list(map(repr, map(float, texts))) == texts
    except ValueError:
        return False


def is_float_text(text: str, *, finite: bool = False) -> bool:
    """Whether `text` is a float spelt as Python's shortest repr (`0.1`, `1e+16`, `nan`, `-0.0`)."""
    try:
        value = float(text) if len(text) <= MAX_FLOAT else None
    except ValueError:
        return False
    if value is None or repr(value) != text:
        return False
    return math.isfinite(value) or not finite


def is_plain(value: Json, depth: int = 0) -> bool:
    """Whether a decoded value is of the subset: bounded integers, no floats, bounded depth."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return bool(-SAFE_INTEGER <= value <= SAFE_INTEGER)
    if depth >= MAX_DEPTH:
        return False
    if kind is list:
        return all(is_plain(item, depth + 1) for item in value)
    if kind is dict:
        return all(is_key(key) and is_plain(item, depth + 1) for key, item in value.items())
    return False


def is_key(key: str) -> bool:
    """Whether `key` may name a free-form value: 1 to 256 characters, no controls, none above U+D7FF.

    Up to there the orders by code point, by UTF-8 bytes and by UTF-16 units (RFC 8785) are the same.
    """
    if not 0 < len(key) <= MAX_KEY:
        return False
    # most keys need no pattern, and this one takes milliseconds to compile
    return key.isprintable() if key.isascii() else re.fullmatch(_KEY, key) is not None
