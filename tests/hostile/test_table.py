"""The table of `README.md` names vectors and tests that are there."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

from tests.unit.spec.vectors import rejected

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def named() -> list[str]:
    """Every vector pattern of the table; one that begins with `--` goes on with the code before it."""
    found: list[str] = []
    for line in (HERE / "README.md").read_text().splitlines():
        code = ""
        for word in re.findall(r"`([^`]+)`", line) if line.startswith("|") else ():
            if "--" in word and not word.startswith("-"):
                code = word.partition("--")[0]
                found.append(word)
            elif word.startswith("--"):
                found.append(code + word)
    return found


def test_every_vector_of_the_table_exists() -> None:
    patterns = named()
    names = [str(row["name"]) for row in rejected()]
    assert len(patterns) > 80
    assert not [pattern for pattern in patterns if not fnmatch.filter(names, pattern)]


def test_every_test_of_the_table_exists() -> None:
    words = re.findall(r"`((?:tests/[\w/]+/)?test_\w+\.py)`", (HERE / "README.md").read_text())
    assert len(words) > 8
    places = (ROOT, HERE, ROOT / "tests" / "unit" / "adapters", ROOT / "tests" / "unit" / "trust")
    assert not [word for word in words if not any((place / word).is_file() for place in places)]
