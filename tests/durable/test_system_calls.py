"""kill -9 at every system call of a write, seen from outside: strace ends the process.

Skipped where strace is missing or may not attach; `.ci/run` installs it, and `tests/expected-skips.toml` counts skips.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT
from tests.durable.scenarios import ALL, INERT

NEEDED = {"flock", "writev", "fsync", "rename"}


def permitted() -> str:
    """Return why strace cannot be used here; empty where it can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    done = subprocess.run(["strace", "-o", os.devnull, "true"], check=False, capture_output=True, text=True)
    return done.stderr.strip() if done.returncode else ""


@pytest.mark.parametrize(
    "scenario",
    [
        *INERT,
        "save over a model",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ALL if name not in (*INERT, "save over a model")),
    ],
)
def test_a_write_killed_at_any_system_call_leaves_the_old_or_the_new(tmp_path: Path, scenario: str) -> None:
    if why := permitted():
        pytest.skip(why)
    done = subprocess.run(
        [sys.executable, "-m", "tests.durable.system_calls", scenario, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found = json.loads(done.stdout)
    assert found["status"] == 0
    assert {re.sub("^renameat2?$", "rename", name) for name, _ in found["calls"]} >= NEEDED
    assert found["kills"] == len(found["calls"])
    assert {verdict.partition(",")[0] for verdict in found["verdicts"]} == {"old", "new"}
