"""Thousands of loads in one process: memory, objects, descriptors and threads stay where they were."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT

# Pages that the allocators of C and Python may hold more or less of; a leak of one small object a call is above it.
NOISE = 1024 * 1024
TRACED_NOISE = 8 * 1024


def wear(operation: str, times: int, folder: Path) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.steady.wear", operation, str(times), str(folder)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    grown: dict[str, int] = json.loads(done.stdout)
    return grown


@pytest.mark.parametrize(
    ("operation", "times"),
    [
        ("load", 1000),
        ("load large mapped", 100),
        ("refuse", 2),
        *(
            pytest.param(operation, times, marks=pytest.mark.slow)
            for operation, times in [
                ("load", 10_000), ("load bytes", 300), ("load folder", 300), ("load large", 100), ("inspect", 300),
                ("verify without cases", 300), ("load and replay", 50), ("save", 30), ("unpack and pack", 50),
            ]
        ),
    ],
)  # fmt: skip
def test_nothing_grows(tmp_path: Path, operation: str, times: int) -> None:
    grown = wear(operation, times, tmp_path)
    assert grown.pop("resident") < NOISE
    assert grown.pop("traced") < TRACED_NOISE
    assert grown.pop("objects") <= 0
    assert set(grown.values()) == {0}, grown


def test_what_grows_is_seen(tmp_path: Path) -> None:
    grown = wear("leak", 300, tmp_path)
    assert grown["resident"] > NOISE
    assert grown["traced"] > TRACED_NOISE
    assert grown["objects"] >= 300
    assert grown["descriptors"] == 300
