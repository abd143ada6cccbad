"""Canonical JSON: the bytes of RFC 8785 for the subset Amber writes, from one sorted-keys encoder.

The subset: null, booleans, integers of at most 2^53-1 in magnitude, strings without lone surrogates, arrays,
and objects with ASCII keys. Floats are strings (`float_text`), larger integers decimal strings.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from amber.errors import FormatError, SaveError

SAFE_INTEGER = 2**53 - 1
MAX_DEPTH = 32  # of nested arrays and objects in free-form values

Json = Any  # None | bool | int | str | list[Json] | dict[str, Json]

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


def float_text(value: float) -> str:
    """Return a float as the string that stands for it: Python's shortest repr (`0.1`, `1e+16`, `nan`, `-0.0`)."""
    return repr(float(value))


def is_float_text(text: str, *, finite: bool = False) -> bool:
    """Whether `text` is the string of a float, spelt as `float_text` spells it."""
    try:
        value = float(text) if len(text) <= 32 else None
    except ValueError:
        return False
    if value is None or repr(value) != text:
        return False
    return math.isfinite(value) or not finite


def is_plain(value: Json, depth: int = 0) -> bool:
    """Whether a decoded free-form value is of the subset: bounded integers, no floats, ASCII keys, bounded depth."""
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
        return all(_is_key(key) and is_plain(item, depth + 1) for key, item in value.items())
    return False


def _is_key(key: object) -> bool:
    return isinstance(key, str) and 0 < len(key) <= 256 and key.isascii() and key.isprintable()


def plain(value: Any, where: str, depth: int = 0) -> Json:
    """Return a caller's value (metadata, hyperparameters) in the subset; floats and large integers become strings.

    Raises:
        SaveError: `value-not-json`: something JSON cannot hold, a key that is not printable ASCII, or too
        deep.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) <= SAFE_INTEGER else str(int(value))
    if isinstance(value, float):
        return float_text(value)
    if isinstance(value, str):
        return _plain_text(value, where)
    if depth >= MAX_DEPTH:
        raise SaveError("value-not-json", f"nested more than {MAX_DEPTH} deep", where=where)
    if isinstance(value, list | tuple):
        return [plain(item, f"{where}[{position}]", depth + 1) for position, item in enumerate(value)]
    if isinstance(value, dict):
        for key in value:
            if not _is_key(key):
                raise SaveError(
                    "value-not-json",
                    f"the key {key!r} is not printable ASCII of 1 to 256 characters",
                    where=where,
                    hint="rename the key; values may hold any text",
                )
        return {key: plain(item, f"{where}.{key}", depth + 1) for key, item in value.items()}
    raise SaveError(
        "value-not-json",
        f"a {type(value).__name__} is not JSON",
        where=where,
        hint="use numbers, strings, lists and dicts",
    )


def _plain_text(value: str, where: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise SaveError("value-not-json", "the text holds a lone surrogate", where=where) from error
    return str(value)
