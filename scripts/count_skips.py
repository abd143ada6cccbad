"""Fail when more tests were skipped than the repository expects.

Usage: python scripts/count_skips.py ENVIRONMENT JUNIT_XML

`tests/expected-skips.toml` holds the number per environment, and for the slow tests. A missing library or a
broken fixture would otherwise switch tests off in silence.
"""

from __future__ import annotations

import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path

EXPECTED = Path(__file__).resolve().parent.parent / "tests" / "expected-skips.toml"


def skipped(junit: Path) -> tuple[int, list[str]]:
    """Return the number of tests in `junit` and one line for each skipped one."""
    cases = list(ElementTree.parse(junit).getroot().iter("testcase"))
    lines = []
    for case in cases:
        mark = case.find("skipped")
        if mark is not None:
            lines.append(f"{case.get('classname')}::{case.get('name')}: {mark.get('message', '')}")
    return len(cases), lines


def main(environment: str, junit: str) -> int:
    """Compare the skips in `junit` with the number for `environment`; 0 when they are not more."""
    allowed = tomllib.loads(EXPECTED.read_text(encoding="utf-8"))[environment]["skips"]
    total, lines = skipped(Path(junit))
    if not total:
        print(f"{junit}: no tests at all", file=sys.stderr)
        return 1
    print(f"{environment}: {total} tests, {len(lines)} skipped, {allowed} expected")
    if len(lines) <= allowed:
        return 0
    print("\n".join(lines), file=sys.stderr)
    print(f"more skips than {EXPECTED.name} expects: repair the cause, or change it and say why there")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
