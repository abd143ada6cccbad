"""Write `src/amber/vocabulary/{python,numpy,scipy,pandas,xgboost,lightgbm}.json` from the tables beside this file.

python tools/vocabulary/libraries.py           # write
python tools/vocabulary/libraries.py --check   # exit 1 if a file is not what would be written
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import lib_lightgbm
import lib_numpy
import lib_pandas
import lib_python
import lib_scipy
import lib_xgboost

FOLDER = Path(__file__).parents[2] / "src" / "amber" / "vocabulary"
LIBRARIES: dict[str, ModuleType] = {
    "python": lib_python, "numpy": lib_numpy, "scipy": lib_scipy, "pandas": lib_pandas,
    "xgboost": lib_xgboost, "lightgbm": lib_lightgbm,
}  # fmt: skip


def render(name: str, tables: ModuleType) -> str:
    """Return a data file: one line for each constraint, type and function."""
    head = [
        '"vocabulary": 1',
        f'"library": {_line(name)}',
        f'"packages": {_line(tables.PACKAGES)}',
        f'"constraints": {_block(tables.CONSTRAINTS)}',
        f'"types": {_block(dict(sorted(tables.TYPES.items())))}',
        f'"functions": {_block(dict(sorted(tables.FUNCTIONS.items())))}',
        f'"links": {_line(tables.LINKS)}',
    ]
    return "{\n " + ",\n ".join(head) + "\n}\n"


def _line(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)


def _block(table: dict[str, Any]) -> str:
    if not table:
        return "{}"
    return "{\n  " + ",\n  ".join(f"{_line(key)}: {_line(value)}" for key, value in table.items()) + "\n }"


def main(arguments: list[str]) -> int:
    """Write or compare the files."""
    stale = 0
    for name, tables in LIBRARIES.items():
        path, wanted = FOLDER / f"{name}.json", render(name, tables)
        if "--check" not in arguments:
            path.write_text(wanted, encoding="utf-8", newline="\n")
        elif not path.is_file() or path.read_text(encoding="utf-8") != wanted:
            print(f"{path} is stale: run python tools/vocabulary/libraries.py")
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
