"""Open every artifact of a folder, compare its program's answers: `python -m tests.framework_free.ask FOLDER`.

Runs where only `amber[program]` is installed, so without pytest; a failure is an assertion, and the exit code says so.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import amber

FRAMEWORKS = ("sklearn", "scipy", "pandas", "onnx", "skl2onnx", "joblib", "threadpoolctl", "xgboost", "lightgbm")


def main(folder: str) -> None:
    """Ask every program; print one line for each."""
    present = [name for name in FRAMEWORKS if importlib.util.find_spec(name)]
    assert not present, f"this environment is not bare: {present}"
    artifacts = sorted(Path(folder).glob("*.amber"))
    assert len(artifacts) >= 12, artifacts
    for path in artifacts:
        asked(path, json.loads(path.with_suffix(".json").read_text(encoding="utf-8")))
        print(f"  {path.name}: answers like the original, by its cases and by fresh rows")
    command_line(Path(folder))
    import onnxruntime

    print(f"{len(artifacts)} programs on onnxruntime {onnxruntime.__version__}, NumPy {np.__version__}, nothing else")


def asked(path: Path, facts: dict[str, Any]) -> None:
    """Ask one program for fresh rows, after its recorded cases."""
    program = amber.program(path, replay="always")
    rows = facts["rows"] if not nested(facts["rows"]) else np.array(facts["rows"])
    expected = np.array(facts["answer"])
    got = np.asarray(getattr(program, facts["method"])(rows))
    assert got.shape == expected.shape, (path, got.shape, expected.shape)
    if expected.dtype.kind == "f":
        assert np.allclose(got, expected, rtol=1e-9, atol=1e-12), (path, np.abs(got - expected).max())
    else:
        assert got.tolist() == expected.tolist(), path
    if facts["labels"] is not None:
        labels = np.asarray(program.predict(rows)).tolist()
        same = np.allclose(labels, facts["labels"]) if isinstance(labels[0], float) else labels == facts["labels"]
        assert same, path


def nested(rows: Any) -> bool:
    """Whether rows are a table of numbers."""
    return isinstance(rows, list) and isinstance(rows[0], list)


def command_line(folder: Path) -> None:
    """`amber predict --program` and `amber verify` without a framework."""
    facts = json.loads((folder / "mixed.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as place:
        table = Path(place) / "rows.csv"
        columns = facts["rows"]
        rows = zip(*columns.values(), strict=True)
        lines = [",".join("" if cell is None else str(cell) for cell in row) for row in rows]
        table.write_text("\n".join([",".join(columns), *lines]) + "\n", encoding="utf-8")
        words = ["predict", str(folder / "mixed.amber"), str(table), "--program"]
        done = subprocess.run(
            [sys.executable, "-m", "amber.cli.main", *words], check=True, stdout=subprocess.PIPE, text=True
        )
    assert done.stdout.splitlines() == ["predict", *facts["labels"]], done.stdout[:300]


if __name__ == "__main__":
    main(*sys.argv[1:])
