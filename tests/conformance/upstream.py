"""The community's conformance suite itself, from a checkout, held against the checked-in list of differences.

    python -m tests.conformance.upstream CHECKOUT [ARGUMENTS OF PYTEST]

The suite wants the package `oms-schemas` of the specification's repository; cases that want an identity token of a
pipeline are skipped by the suite, and are answered offline by test_suite.py. Exits 0 if exactly the cases that
`expected_differences.toml` names are answered otherwise.
"""

from __future__ import annotations

import re
import stat
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

from tests.architecture.repository import ROOT

LINE = re.compile(r"^(PASSED|FAILED|ERROR|SKIPPED) .*?::test_(roundtrip|verify)\[([^ \]]+)", re.MULTILINE)
ENTRY = """#!/bin/sh
cd '{root}' && exec '{python}' -m tests.conformance.adapter "$@"
"""


def main(arguments: Sequence[str]) -> int:
    """Run the suite; print what differs from what was expected."""
    checkout, *rest = arguments
    with tempfile.TemporaryDirectory() as folder:
        entry = Path(folder) / "adapter"
        entry.write_text(ENTRY.format(root=ROOT, python=sys.executable))
        entry.chmod(entry.stat().st_mode | stat.S_IXUSR)
        words = [sys.executable, "-m", "pytest", "-rA", "-q", "-p", "no:cacheprovider", "test", f"--entrypoint={entry}"]
        ran = subprocess.run([*words, *rest], cwd=checkout, capture_output=True, text=True, check=False)
    answers = {
        f"{'roundtrip/' if kind == 'roundtrip' else ''}{name}": how for how, kind, name in LINE.findall(ran.stdout)
    }
    differing = {case for case, how in answers.items() if how != "PASSED"}
    listed = tomllib.loads((Path(__file__).parent / "expected_differences.toml").read_text(encoding="utf-8"))
    expected = set(listed) & set(answers)
    for case in sorted(differing ^ expected):
        print(f"{case}: {'differs, and is not expected to' if case in differing else 'no longer differs'}")
    print(f"{len(answers)} cases answered, {len(differing)} otherwise, {len(expected)} of them expected")
    if not answers:
        print(ran.stdout, ran.stderr, file=sys.stderr)
    return 0 if answers and differing == expected else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
