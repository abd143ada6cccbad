"""Answers that are no numbers as plain values."""

from __future__ import annotations

import datetime
import math
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from amber.server.worker.values import plain

CASES: list[tuple[Any, Any]] = [
    (math.nan, None),
    (1.5, 1.5),
    (np.array(["a", None], dtype=object), ["a", None]),
    (np.array(["a", "bc"]), ["a", "bc"]),
    (np.array([np.array([1, 2]), np.array([3])], dtype=object), [[1, 2], [3]]),
    (np.array(["2024-01-02", "NaT"], dtype="M8[D]"), ["2024-01-02", None]),
    (pd.Series(pd.to_datetime(["2024-01-02T03:04:05", None])).to_numpy(), ["2024-01-02T03:04:05.000000000", None]),
    ([pd.Timestamp("2024-01-02"), pd.NaT, pd.NA, datetime.date(2020, 1, 1)],
     ["2024-01-02T00:00:00", None, None, "2020-01-01"]),
    ({"a": np.float32(0.5), 1: (np.int8(3), b"x")}, {"a": 0.5, "1": [3, "x"]}),
    (np.array([b"ab"]), ["ab"]),
    ([1 + 2j], ["(1+2j)"]),
]  # fmt: skip


@pytest.mark.parametrize(("value", "expected"), CASES, ids=range(len(CASES)))
def test_values_are_what_json_and_messagepack_can_say(value: Any, expected: Any) -> None:
    found = plain(value)
    if isinstance(found, list) and found and isinstance(found[0], str) and found[0].startswith("2024-01-02T03"):
        found = [None if each is None else each[:19] for each in found]
        expected = [None if each is None else each[:19] for each in expected]
    assert found == expected
    assert msgspec.json.decode(msgspec.json.encode(found)) == found
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(found)) == found
