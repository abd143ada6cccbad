"""Answers that are no numbers as plain values: what MessagePack and JSON can both say."""

from __future__ import annotations

import math
from typing import Any

_PLAIN = (str, int, float, bool, type(None))


def plain(value: Any) -> Any:
    """Return a value, an array or a series with nothing in it but texts, numbers, booleans, null, lists and dicts.

    Times are ISO 8601; a missing value of whatever kind is null; anything else is its text.
    """
    if type(value) in _PLAIN:
        return None if type(value) is float and math.isnan(value) else value
    dtype = getattr(value, "dtype", None)
    if getattr(dtype, "kind", "") == "M" and getattr(value, "ndim", 0) and hasattr(value, "astype"):
        return [None if text == "NaT" else text for text in _times(value)]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    for base in (bool, int, float, str):
        if isinstance(value, base):
            return base(value)
    return str(value)


def _times(value: Any) -> list[str]:
    import numpy as np

    return [str(each) for each in np.datetime_as_string(np.asarray(value).ravel()).tolist()]
