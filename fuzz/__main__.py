"""`python -m fuzz`: see `fuzz/README.md`. Exit 1 where there was a finding, 2 where the fuzzer itself did not run."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m fuzz")
    parser.add_argument("--seconds", type=int, default=0, help="stop after so long (0: only after --runs)")
    parser.add_argument("--runs", type=int, default=-1, help="stop after so many inputs, seeds included")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--all", action="store_true", help="seeds from the whole zoo, not from a few specimens")
    parser.add_argument("--only", default="", help="only seeds whose bytes hold this text, such as a type's identifier")
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"))
    return parser.parse_args()


def main() -> int:
    """Run the engine; say what it did and found."""
    options = arguments()
    findings, counts = options.folder / "findings", options.folder / "counts.json"
    before = set(findings.glob("*"))
    counts.unlink(missing_ok=True)
    engine = [sys.executable, "-m", "fuzz.engine", str(options.folder), str(options.seconds), str(options.runs),
              str(options.seed), "all" if options.all else "few", options.only]  # fmt: skip
    status = subprocess.run(engine, check=False).returncode
    found = sorted(set(findings.glob("*")) - before)
    print(
        f"{counts.read_text() if counts.is_file() else 'fewer inputs than are counted'}; {len(found)} files of findings"
    )
    for path in found:
        print(path)
    if found:
        print("look at one with: python -m fuzz.reproduce FILE.amber")
        return 1
    return 2 if status else 0


if __name__ == "__main__":
    sys.exit(main())
