"""kill -9 at every call of a write: the old one whole or the new one whole, and nothing left after the next write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.repository import ROOT
from tests.durable.scenarios import ALL, INERT

# The look for leftovers, temporary file, lock, write, sync, rename, sync of the folder, and the stats between.
LEAST = 10


def killed(scenario: str, mode: str, folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.durable.kills", scenario, mode, str(folder)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


MODELS = [name for name in ALL if name not in INERT]
RUNS = [
    *((name, mode) for name in INERT for mode in ("before", "half")),
    *((name, "before") for name in MODELS if name != "save a new model"),
    pytest.param("save a new model", "before", marks=pytest.mark.slow),
    *(pytest.param(name, "half", marks=pytest.mark.slow) for name in MODELS),
]


@pytest.mark.parametrize(("scenario", "mode"), RUNS)
def test_a_killed_write_leaves_the_old_or_the_new(tmp_path: Path, scenario: str, mode: str) -> None:
    found = killed(scenario, mode, tmp_path)
    assert found["status"] == 0, "the last run, which no kill reached, must have ended by itself"
    assert found["kills"] >= LEAST
    verdicts = set(found["verdicts"])
    assert {verdict.partition(",")[0] for verdict in verdicts} == {"old", "new"}
    assert any(verdict.startswith("old, 1") for verdict in verdicts), "some kill must have hit in the middle"


IN_PLACE = """
import os, sys
from tests.durable import kills, scenarios

def in_place(folder):
    os.scandir(str(folder.resolve())).close()
    descriptor = os.open(folder / "m.amber", os.O_WRONLY | os.O_TRUNC)
    os.write(descriptor, b"in place")
    os.close(descriptor)

scenarios.ALL["write over a file"] = scenarios.Scenario("m.amber", scenarios.old_file, in_place)
kills.main("write over a file", "before", sys.argv[1])
"""


def test_the_judge_sees_a_third_thing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_PLACE, str(tmp_path)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert json.loads(done.stdout)["verdicts"]["a third thing: ['m.amber']"] == 1
