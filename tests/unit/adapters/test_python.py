from __future__ import annotations

import operator
import pathlib
import re
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from amber.adapters.python import ADAPTER
from amber.adapters.take import take
from amber.errors import SaveError
from tests.unit.adapters.hostile import refusal, there_and_back

HOSTILE = [
    (date(2024, 2, 29), lambda s: {"year": 2023}, "value-out-of-range"),
    (date(2024, 2, 29), lambda s: {"month": 13}, "value-out-of-range"),
    (time(1), lambda s: {"tzinfo": "UTC"}, "kind-mismatch"),
    (datetime(2024, 1, 1), lambda s: {"fold": 2}, "value-out-of-range"),
    (timedelta(1), lambda s: {"days": 10**9}, "value-out-of-range"),
    (UTC, lambda s: {"microseconds": 86_400_000_000}, "value-out-of-range"),
    (ZoneInfo("UTC"), lambda s: {"key": "../../etc/passwd"}, "value-mismatch"),
    (ZoneInfo("UTC"), lambda s: {"key": "/etc/localtime"}, "value-mismatch"),
    (ZoneInfo("UTC"), lambda s: {"key": "Nowhere/City"}, "build-failed"),
    (Decimal(1), lambda s: {"text": "1E+9999999"}, "value-mismatch"),
    (Decimal(1), lambda s: {"text": " 1"}, "value-mismatch"),
    (Decimal(1), lambda s: {"text": "1e5"}, "value-mismatch"),
    (Fraction(1, 2), lambda s: {"numerator": 2, "denominator": 4}, "value-mismatch"),
    (Fraction(1, 2), lambda s: {"denominator": 0}, "value-out-of-range"),
    (UUID(int=5), lambda s: {"hex": "5"}, "value-mismatch"),
    (Counter("a"), lambda s: {"counts": [1]}, "kind-mismatch"),
    (partial(np.add, 1), lambda s: {"func": int}, "kind-mismatch"),
    (partial(np.add, 1), lambda s: {"keywords": {1: 2}}, "kind-mismatch"),
    (partial(np.add, 1), lambda s: {"args": (np.array([None], object),)}, "dtype-mismatch"),
    (re.compile("a"), lambda s: {"pattern": "(?:a+)+b"}, "pattern-refused"),
    (re.compile("a"), lambda s: {"pattern": "a" * 600}, "limit-pattern-chars"),
    (re.compile("a"), lambda s: {"flags": int(re.VERBOSE | re.UNICODE)}, "pattern-refused"),
    (re.compile("a"), lambda s: {"flags": int(re.IGNORECASE | re.UNICODE)}, "pattern-refused"),
    (re.compile("a"), lambda s: {"flags": int(re.ASCII | re.UNICODE)}, "pattern-refused"),
    (re.compile("a"), lambda s: {"flags": 0}, "value-mismatch"),
]


@pytest.mark.parametrize(("obj", "change", "code"), HOSTILE)
def test_tampered_state_is_refused(obj: Any, change: Any, code: str) -> None:
    assert refusal(obj, change) == code


REFUSED = [
    Decimal("1E+1000000"), re.compile(b"a"), re.compile("a b", re.VERBOSE), re.compile("a", re.IGNORECASE),
    partial(int, base=2), partial(sorted), re.compile("(?:a+)+b"),
]  # fmt: skip


@pytest.mark.parametrize("obj", REFUSED, ids=str)
def test_what_cannot_be_opened_is_refused_at_save_or_by_the_audit(obj: Any) -> None:
    with pytest.raises(Exception) as caught:
        there_and_back(obj)
    assert getattr(caught.value, "code", "")


@pytest.mark.parametrize("obj", [pathlib.Path("/x"), operator.itemgetter(1), operator.attrgetter("a")], ids=str)
def test_paths_and_getters_are_refused_and_have_a_reason(obj: Any) -> None:
    with pytest.raises(SaveError):
        take(obj)
    assert f"{type(obj).__module__}.{type(obj).__qualname__}".replace("pathlib._local", "pathlib") in ADAPTER.refusals


def test_utc_comes_back_as_the_one_utc() -> None:
    assert there_and_back(UTC) is UTC


def test_zone_comes_back_as_the_cached_zone() -> None:
    assert there_and_back(ZoneInfo("Europe/Paris")) is ZoneInfo("Europe/Paris")


def test_partial_of_a_partial_is_flat_and_calls_the_same() -> None:
    again = there_and_back(partial(partial(np.clip, a_min=0.0), a_max=1.0))
    assert again(np.array([-1.0, 5.0])).tolist() == [0.0, 1.0]


def test_methods_of_str_are_functions() -> None:
    assert there_and_back([str.lower, str.split]) == [str.lower, str.split]
