"""The vocabulary of NumPy, SciPy, pandas and Python names things that exist, under the names they really have."""

from __future__ import annotations

import subprocess
import sys
from functools import reduce
from importlib import import_module
from pathlib import Path

import pytest

from amber import vocabulary
from amber.adapters.customs import function_home

ROOT = Path(__file__).parents[3]
LIBRARIES = ("python", "numpy", "scipy", "pandas")
KNOWN = vocabulary.load()
TYPES = [name for name in KNOWN.identifiers() if (entry := KNOWN.entry(name)) and entry.library in LIBRARIES]
FUNCTIONS = [name for name in KNOWN.routines() if name.partition(".")[0] in ("builtins", "numpy", "scipy")]
# Younger than the oldest supported version of their library.
YOUNG = {f"pandas.offsets.{name}" for name in ("HalfYearBegin", "HalfYearEnd", "BHalfYearBegin", "BHalfYearEnd")}


def find(targets: list[vocabulary.Target]) -> object:
    for target in targets:
        try:
            return reduce(getattr, target.name.split("."), import_module(target.module))
        except (ImportError, AttributeError):
            continue
    return None


@pytest.mark.parametrize("name", TYPES)
def test_type_is_found_and_identified_as_itself(name: str) -> None:
    found = find(KNOWN.type_targets(name))
    if found is None:
        assert name in YOUNG
        return
    assert isinstance(found, type)
    assert KNOWN.identify(found.__module__, found.__qualname__) == name


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_is_found_and_identified_as_itself(name: str) -> None:
    routine = KNOWN.routine(name)
    assert routine is not None
    found = find(routine.targets)
    assert callable(found)
    assert KNOWN.identify_function(*function_home(found)) == name


def test_files_are_what_the_tables_say() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools/vocabulary/libraries.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
