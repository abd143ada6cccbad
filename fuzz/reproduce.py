"""`python -m fuzz.reproduce FILE...`: load files and make every call again, each in a child, and say what happens."""

from __future__ import annotations

import sys
import tempfile
import traceback
from pathlib import Path

from fuzz.harness import Harness
from fuzz.parent import Parent


def main(paths: list[str]) -> int:
    """Ask a child about each file; exit 1 where there is a finding."""
    found = 0
    for path in paths:
        data = Path(path).read_bytes()
        parent = Parent(Path(tempfile.mkdtemp(prefix="amber-fuzz-")))
        try:
            Harness(parent)(data)
        except Exception:
            traceback.print_exc()
        parent.stop()
        print(f"{path}: {dict(parent.counts)}")
        found += parent.counts["different findings"]
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
