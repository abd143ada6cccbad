"""The import contracts of `pyproject.toml` are kept, and they notice a breach."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.repository import INERT, INERT_SERVER, LIVE, PACKAGE, ROOT

LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    # -P and PYTHONPATH: the copy under `root` is what is looked at, wherever Amber itself is installed.
    return subprocess.run(
        [sys.executable, "-P", "-c", LINT, "--config", "pyproject.toml", "--no-cache"],
        cwd=root,
        env={"PYTHONPATH": str(root / "src"), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_contracts_are_kept() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("house")
    shutil.copytree(PACKAGE, root / "src" / "amber", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("archive/breach.py", "import pickle"),
        ("vault/breach.py", "import numpy"),
        ("vault/breach.py", "from amber.models import load"),
        ("tree/breach.py", "import amber.archive"),
        ("vocabulary/breach.py", "import amber.archive"),
        ("adapters/breach.py", "import amber.archive"),
        ("adapters/breach.py", "import amber.cases"),
        ("cases/breach.py", "import amber.adapters"),
        ("cases/breach.py", "import amber.archive"),
        ("server/front/breach.py", "import numpy"),
        ("server/front/breach.py", "import amber.server.worker"),
        ("server/wire/breach.py", "from amber.models import load"),
        ("models/breach.py", "import amber.cli"),
        ("models/breach.py", "def late():\n    import joblib"),
        ("utils/__init__.py", ""),
    ],
)
def test_a_breach_is_caught(copy: Path, path: str, line: str) -> None:
    file = copy / "src" / "amber" / path
    file.parent.mkdir(exist_ok=True)
    file.write_text(line + "\n", encoding="utf-8")
    try:
        done = lint(copy)
    finally:
        file.unlink()
        if not any(file.parent.iterdir()):
            file.parent.rmdir()
    # The sentence of the summary, not the exit code alone: a crash of the tool is not a catch.
    assert done.returncode == 1
    assert "broken" in done.stdout.lower() or "not listed as layers" in done.stdout, done.stdout + done.stderr


def test_the_lists_here_are_the_lists_of_the_contracts() -> None:
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    layers = {part.strip() for line in rules[0]["layers"] for part in line.split("|")}
    assert layers == {*INERT, *LIVE, "cli"}
    inert = {*INERT, *(f"server.{name}" for name in INERT_SERVER)}
    assert set(rules[1]["source_modules"]) == {f"amber.{name}" for name in inert}
