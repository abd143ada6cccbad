"""Instances of everything the adapter of the standard library knows, for the contract suite."""

from __future__ import annotations

import re
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable


def _shared() -> Any:
    zone = timezone(timedelta(hours=5, minutes=30), "IST")
    moment = datetime(2024, 2, 29, 12, tzinfo=zone)
    return {"a": moment, "b": [moment, zone], "c": time(1, 2, 3, 4, tzinfo=zone)}


def _containers() -> Any:
    loop: list[Any] = [deque([1, 2], maxlen=5), OrderedDict(b=1, a=2), defaultdict(list, x=[1]), {1, "a"}]
    loop.append(loop)
    return loop


EXAMPLES: list[tuple[str, Callable[[], Any]]] = [
    ("date", lambda: [date.min, date.max, date(2024, 2, 29)]),
    ("time", lambda: [time(), time(23, 59, 59, 999999, fold=1)]),
    ("datetime", lambda: [datetime.min, datetime.max, datetime(2024, 10, 27, 2, 30, fold=1)]),
    ("datetime-utc", lambda: datetime(2024, 1, 1, tzinfo=UTC)),
    ("datetime-zone", lambda: datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Paris"))),
    ("timedelta", lambda: [timedelta.min, timedelta.max, timedelta(-1, 5, 7)]),
    ("timezone", lambda: [UTC, timezone(timedelta(seconds=-86399)), timezone(timedelta(0), "Z")]),
    ("zone", lambda: [ZoneInfo("UTC"), ZoneInfo("America/Argentina/Ushuaia"), ZoneInfo("Etc/GMT+5")]),
    ("shared-zone", _shared),
    ("decimal", lambda: [Decimal(text) for text in ("-0.00", "1E+5", "NaN", "sNaN123", "-Infinity", "0.1")]),
    ("fraction", lambda: [Fraction(-3, 7), Fraction(0), Fraction(2**200, 3)]),
    ("uuid", lambda: UUID("12345678-1234-5678-1234-567812345678")),
    ("counter", lambda: Counter("abracadabra")),
    ("counter-long", lambda: Counter(range(100))),
    ("partial", lambda: partial(np.clip, a_min=0.0, a_max=None)),
    ("partial-positional", lambda: partial(np.add, 1.5)),
    ("pattern", lambda: [re.compile(r"(?u)\b\w\w+\b"), re.compile("(?i)[a-z]+", re.DOTALL)]),
    ("functions", lambda: [str.lower, str.split, len, max]),
    ("types", lambda: [int, float, str, bool, list, dict]),
    ("containers", _containers),
]
