"""Write `spec/codes.json` from `amber.codes`.

Usage: python scripts/write_codes.py [--check]

With `--check` nothing is written; exit 1 when the file is stale.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from amber.codes import CODES

TARGET = Path(__file__).resolve().parent.parent / "spec" / "codes.json"


def text() -> str:
    """Return the file: a list of objects sorted by step, then code; a step of null is about a call."""
    order = sorted(CODES, key=lambda code: (CODES[code][0] or 99, code))
    rows = [{"code": code, "step": CODES[code][0], "meaning": CODES[code][1]} for code in order]
    return "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n"


def main() -> int:
    """Write or check the file; return the exit code."""
    wanted = text()
    if "--check" in sys.argv[1:]:
        return 0 if TARGET.is_file() and TARGET.read_text(encoding="utf-8") == wanted else 1
    TARGET.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
