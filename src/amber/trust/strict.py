"""JSON of strangers, read so that no two readers can understand it differently; and JSON of ours, in one spelling.

A duplicate key, a lone surrogate, NaN, an integer that a double cannot hold or bytes that are not UTF-8 are understood
by one parser and refused or understood otherwise by the next: what a signature covers must have one meaning.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any, NoReturn

from amber.errors import FormatError, SaveError

SAFE_INTEGER = 2**53 - 1
MAX_DEPTH = 64  # of nested arrays and objects; statements and bundles have 8


def loads(data: bytes, where: str, code: str, most_bytes: int) -> Any:
    """Return the value of a JSON text.

    Args:
        data: The bytes.
        where: Where they stand, for the error.
        code: The code of the refusal.
        most_bytes: The longest text that is read.

    Raises:
        FormatError: `code`: too long, not strict UTF-8, not JSON, a key stands twice, a number is not finite or an
            integer beyond 2^53, a string is no text, or values are nested more than 64 deep.
    """
    if len(data) > most_bytes:
        raise FormatError(code, f"{len(data)} bytes; at most {most_bytes} are read", where=where)
    try:
        value = json.loads(
            str(data, "utf-8", "strict"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_safe_integer,
        )
        if b"\\" in data:  # the only way to a lone surrogate is an escape
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise FormatError(code, f"not strict JSON: {error}", where=where) from error
    if _is_deeper(value, MAX_DEPTH):
        raise FormatError(code, f"values are nested more than {MAX_DEPTH} deep", where=where)
    return value


def dumps(value: Any) -> bytes:
    """Return the one spelling of a value: keys sorted, no spaces, no floats, so that equal values are equal bytes.

    Raises:
        SaveError: `value-not-json`: a float, an integer beyond 2^53, a lone surrogate or something that is no JSON.
    """
    try:
        text = _ENCODER.encode(value)
        if json.loads(text, parse_float=_no_float, parse_int=_safe_integer) != value:
            raise SaveError("value-not-json", "not plain data: a key is no string, or a tuple stands for a list")
        return text.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise SaveError("value-not-json", f"cannot be written as JSON: {error}") from error


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        (twice, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {twice!r} stands more than once in one object")
    return value


def _constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is not finite")
    return value


def _no_float(text: str) -> NoReturn:
    raise ValueError(f"{text} has more than one spelling; write it as a string")


def _safe_integer(text: str) -> int:
    value = int(text)  # at most 4300 digits: Python's own limit
    if abs(value) > SAFE_INTEGER:
        raise ValueError(f"{text[:40]} is an integer that not every reader has; it is written as a string")
    return value


def _is_deeper(value: Any, most: int) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(most):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
