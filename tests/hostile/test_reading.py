"""Reading hostile files does nothing but read: no call, no import, no memory, told by a process that did only that."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.unit.spec.vectors import index

ROOT = Path(__file__).resolve().parents[2]
GROWN = 96 << 20  # bytes; the largest vector is one MiB


@cache
def reading(half: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.reading", half], cwd=ROOT, capture_output=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:].decode()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("half", ["inert", "live"])
def test_every_vector_is_answered_within_the_address_space(half: str) -> None:
    found = reading(half)["codes"]
    wanted = {row["name"]: row.get("code", "") for row in index()}
    if half == "inert":  # the elements of arrays, cases and what needs libraries are the live half's
        wanted = {name: code for name, code in wanted.items() if not code or found[name]}
        late = [row["name"] for row in index() if "code" in row and not found[row["name"]]]
        assert all(row["part"] == "values" or row["step"] > 6 for row in index() if row["name"] in late)
    assert {name: found[name] for name in wanted} == wanted


@pytest.mark.parametrize("half", ["inert", "live"])
def test_nothing_happens_outside_the_process(half: str) -> None:
    assert reading(half)["effects"] == []


@pytest.mark.parametrize("half", ["inert", "live"])
def test_no_name_in_a_file_is_imported(half: str) -> None:
    assert reading(half)["imported"] == []


def test_the_inert_half_needs_no_framework() -> None:
    assert reading("inert")["frameworks"] == []


@pytest.mark.parametrize("half", ["inert", "live"])
def test_memory_stays_small(half: str) -> None:
    assert reading(half)["grown"] < GROWN
