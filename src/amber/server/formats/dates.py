"""Dates as text: ISO 8601 in its extended form, checked before a library that guesses sees it.

NumPy reads `20240517` as the year 20 240 517, and a zone on a column without one is dropped or applied depending on
the release; both are refused here instead.
"""

from __future__ import annotations

import re
from datetime import datetime

_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?P<zone>Z|[+-]\d{2}:\d{2})?)?", re.ASCII
)
# What 64 bits of nanoseconds can hold, in whole years.
_NANOSECOND_YEARS = ("1678", "2261")


def is_date(text: str, *, zoned: bool, nanoseconds: bool) -> bool:
    """Whether `text` is a date or time of a column.

    Args:
        text: From a client.
        zoned: The column has a time zone: a time must name an offset or `Z`; without one it must not.
        nanoseconds: The column counts nanoseconds, which reach from 1678 to 2261.
    """
    match = _TIME.fullmatch(text)
    if match is None or bool(match["zone"]) != zoned:
        return False
    if nanoseconds and not _NANOSECOND_YEARS[0] <= text[:4] <= _NANOSECOND_YEARS[1]:
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
